//! Bytes that no client would send: nobody else notices, nothing ends.

use crate::front::Front;
use ringtail_tests::harness::Options;
use ringtail_tests::resp::request;

/// Connections that each send something else.
const ATTEMPTS: usize = 1500;

fn valid(random: &mut fastrand::Rng) -> Vec<u8> {
    let samples: [&[&str]; 8] = [
        &["SET", "k", "value"],
        &["MSET", "a", "1", "b", "2"],
        &["MGET", "a", "b", "c"],
        &["HSET", "h", "f", "v"],
        &["HELLO", "3"],
        &["CLIENT", "REPLY", "SKIP"],
        &["SCAN", "0", "COUNT", "100"],
        &["LPUSH", "l", "a", "b"],
    ];
    (0..random.usize(1..6)).flat_map(|_| request(samples[random.usize(..samples.len())])).collect()
}

/// A valid pipeline with some bytes changed, lost, doubled or cut off.
fn mutated(random: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = valid(random);
    for _ in 0..random.usize(1..5) {
        let at = random.usize(..bytes.len());
        match random.u8(..5) {
            0 => bytes[at] = random.u8(..),
            1 => drop(bytes.remove(at)),
            2 => bytes.insert(at, b"*$\r\n-0129:+"[random.usize(..11)]),
            3 => bytes.truncate(at.max(1)),
            _ => bytes[at] = b'0' + random.u8(..10),
        }
        if bytes.is_empty() {
            bytes.push(b'*');
        }
    }
    bytes
}

fn noise(random: &mut fastrand::Rng) -> Vec<u8> {
    (0..random.usize(1..300)).map(|_| random.u8(..)).collect()
}

fn survives(front: &Front) {
    let mut random = fastrand::Rng::with_seed(42);
    let mut bystander = front.endpoint().open();
    for attempt in 0..ATTEMPTS {
        let bytes = if attempt % 3 == 0 { noise(&mut random) } else { mutated(&mut random) };
        if let Ok(mut conn) = front.endpoint().connect_raw() {
            // It may be closed before all of it is sent.
            let _ = conn.send(&bytes);
        }
        if attempt % 50 == 0 {
            let echoed = bystander.call(&["ECHO", &attempt.to_string()]);
            assert_eq!(echoed.text(), attempt.to_string(), "{} after {bytes:?}", front.name);
        }
    }
    assert!(bystander.run("SET after garbage").is_ok(), "{}", front.name);
    assert_eq!(bystander.run("GET after").text(), "garbage", "{}", front.name);
    let logged = front.process().output();
    assert!(!logged.contains("panic"), "{}:\n{logged}", front.name);
}

#[test]
fn garbage_ends_only_its_own_connection() {
    Front::ours(&Options::default()).iter().for_each(survives);
}

#[test]
fn garbage_inside_tls_ends_only_its_own_connection() {
    Front::ours_tls().iter().for_each(survives);
}
