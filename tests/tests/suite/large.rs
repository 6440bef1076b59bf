//! Large requests and answers through the proxy: never whole in its memory, and never before somebody's small request.

use ringtail_tests::harness::{Options, Pool, say};
use ringtail_tests::resp::Endpoint;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

const MIB: usize = 1 << 20;
const CLIENTS: usize = 50;
const SIZE: usize = 20 * MIB;

/// What the proxy may hold of 1000 MiB on its way each way: a few megabytes for each of few lanes, and buffers for each client.
const BOUND: u64 = 160 * MIB as u64;

/// A value that tells which client it is of, and where a part of it belongs.
fn value(client: usize) -> Vec<u8> {
    let mut value = vec![client as u8; SIZE];
    value
        .chunks_mut(8)
        .enumerate()
        .for_each(|(at, chunk)| chunk[..4].copy_from_slice(&(at as u32).to_le_bytes()));
    value
}

/// Writes its value and reads it twice.
fn load(endpoint: Endpoint, client: usize) {
    let (mut conn, key) = (endpoint.open(), format!("large:{}", client % 5));
    conn.set_patience(Duration::from_secs(120));
    let value = value(client % 5);
    assert!(conn.call(&[b"SET".as_slice(), key.as_bytes(), &value]).is_ok());
    for _ in 0..2 {
        assert!(conn.call(&["GET", &key]).bytes() == Some(value.as_slice()), "another value of {key}");
    }
}

static DONE: AtomicBool = AtomicBool::new(false);

/// How long small requests take, the slowest hundredth left out.
fn small(endpoint: Endpoint) -> Duration {
    let mut conn = endpoint.open();
    conn.set_patience(Duration::from_secs(120));
    let mut times = Vec::new();
    while !DONE.load(Ordering::Relaxed) {
        let (begun, key) = (Instant::now(), format!("small:{}", times.len() % 100));
        assert!(conn.call(&["SET", &key, "value"]).is_ok());
        assert_eq!(conn.call(&["GET", &key]).text(), "value");
        times.push(begun.elapsed() / 2);
    }
    times.sort();
    times[times.len() * 99 / 100]
}

#[test]
fn fifty_clients_of_twenty_megabytes_stay_within_a_bound() {
    let pool = Pool::start(&Options::args(&["--timeout", "30s"]));
    let clients: Vec<JoinHandle<()>> = (0..CLIENTS)
        .map(|client| {
            let endpoint = pool.endpoint.clone();
            spawn(move || load(endpoint, client))
        })
        .collect();
    let endpoint = pool.endpoint.clone();
    let beside = spawn(move || small(endpoint));
    clients.into_iter().for_each(|client| client.join().expect("a client"));
    DONE.store(true, Ordering::Relaxed);
    let p99 = beside.join().expect("small requests");
    let peak = pool.process.peak_rss();
    say(&format!(
        "{CLIENTS} clients of 20 MiB: proxy's RSS at most {} MiB, p99 of small requests {p99:?}",
        peak / MIB as u64
    ));
    assert!(peak < BOUND, "the proxy held {} MiB", peak / MIB as u64);
}
