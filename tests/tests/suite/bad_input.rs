//! What malformed input gets: Redis's text where it has one, then the end of
//! that connection, and nothing else.

use crate::front::Front;
use ringtail_tests::resp::{Conn, Value, request};
use std::time::Duration;

/// Memory that a process may take for other reasons while a test runs.
const NOISE: u64 = 24 << 20;

/// Bytes, and what the protocol says is wrong with them.
fn malformed() -> Vec<(Vec<u8>, &'static str)> {
    let text: [(&str, &str); 24] = [
        ("*x\r\n", "invalid multibulk length"),
        ("*\r\n", "invalid multibulk length"),
        ("*+1\r\n$4\r\nPING\r\n", "invalid multibulk length"),
        ("*01\r\n$4\r\nPING\r\n", "invalid multibulk length"),
        ("*1 \r\n$4\r\nPING\r\n", "invalid multibulk length"),
        ("*2147483648\r\n", "invalid multibulk length"),
        ("*99999999999999999999\r\n", "invalid multibulk length"),
        ("*1\r\n$-1\r\n", "invalid bulk length"),
        ("*1\r\n$-2\r\n", "invalid bulk length"),
        ("*1\r\n$x\r\n", "invalid bulk length"),
        ("*1\r\n$\r\n", "invalid bulk length"),
        ("*1\r\n$+4\r\nPING\r\n", "invalid bulk length"),
        ("*1\r\n$536870913\r\n", "invalid bulk length"),
        ("*1\r\n$9999999999\r\n", "invalid bulk length"),
        ("*2\r\n$3\r\nGET\r\n$-1\r\n", "invalid bulk length"),
        ("*1\r\n:1\r\n", "expected '$', got ':'"),
        ("*1\r\n+OK\r\n", "expected '$', got '+'"),
        ("*1\r\n*1\r\n$4\r\nPING\r\n", "expected '$', got '*'"),
        ("*1\r\nPING\r\n", "expected '$', got 'P'"),
        ("*2\r\n$4\r\nECHO\r\n*1\r\n$1\r\na\r\n", "expected '$', got '*'"),
        ("*1\r\n\r\n", "expected '$', got ' '"),
        ("SET \"a\r\n", "unbalanced quotes in request"),
        ("SET 'a\r\n", "unbalanced quotes in request"),
        ("GET \"a\"b\r\n", "unbalanced quotes in request"),
    ];
    let long = |start: &str, with: &str| [start, &with.repeat(70_000)].concat().into_bytes();
    let mut all: Vec<_> = text.iter().map(|&(bytes, why)| (bytes.as_bytes().to_vec(), why)).collect();
    all.push((long("", "A"), "too big inline request"));
    all.push((long("*", "1"), "too big mbulk count string"));
    all.push((long("*1\r\n$", "1"), "too big bulk count string"));
    all
}

/// Where we refuse and Redis goes on, on purpose.
fn refused_by_us() -> Vec<(&'static [u8], &'static str)> {
    vec![
        // Redis takes every negative count for an empty request.
        (b"*-5\r\n", "invalid multibulk length"),
        // Redis takes up to 2^31 arguments.
        (b"*1048577\r\n", "invalid multibulk length"),
        // Redis skips any two bytes behind an argument, and so loses its place without saying so.
        (b"*1\r\n$4\r\nPINGxx", "expected CRLF after an argument"),
    ]
}

#[test]
fn malformed_requests_are_answered_and_end_their_connection() {
    for front in Front::all() {
        let mut bystander = front.endpoint().open();
        assert!(bystander.run("SET k v").is_ok());
        let ours = refused_by_us().into_iter().map(|(bytes, why)| (bytes.to_vec(), why));
        let cases = malformed().into_iter().chain(ours.filter(|_| !front.is_redis()));
        for (bytes, why) in cases {
            refuses(&front, &bytes, why);
        }
        assert_eq!(bystander.run("GET k").text(), "v", "{}", front.name);
    }
}

fn refuses(front: &Front, bytes: &[u8], why: &str) {
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(30)]).into_owned();
    let context = format!("{}: {shown:?}", front.name);
    let mut conn = front.endpoint().open();
    // A request before it in the same write is still answered.
    let sent = conn.send(&[&request(&["PING"]), bytes].concat());
    sent.unwrap_or_else(|e| panic!("{context}: {e}"));
    let first = conn.read().unwrap_or_else(|e| panic!("{context}: the PING before it: {e}"));
    assert_eq!(first, Value::Simple("PONG".into()), "{context}");
    let got = conn.read().unwrap_or_else(|e| panic!("{context}: {e}"));
    assert_eq!(got.error(), Some(format!("ERR Protocol error: {why}").as_str()), "{context}");
    assert!(conn.closes(), "{context}: the connection stays open");
}

#[test]
fn empty_requests_and_inline_lines_are_taken_as_redis_takes_them() {
    let ping = |n: usize| vec![Value::Simple("PONG".into()); n];
    let cases: Vec<(&[u8], Vec<Value>)> = vec![
        (b"*0\r\n*-1\r\nPING\r\n", ping(1)),
        (b"\r\n\r\n   \r\nPING\r\n", ping(1)),
        (b"   PING   \r\nPING\n", ping(2)),
        (b"ECHO \"\\x41\\n\\\"\"\r\n", vec![Value::Bulk(b"A\n\"".to_vec())]),
        (b"ECHO 'a \\' b'\r\nECHO a\"b c\"\r\n", vec![bulk("a ' b"), bulk("ab c")]),
        (b"ECHO \"\"\r\nECHO ''\r\n", vec![bulk(""), bulk("")]),
        (b"*2\r\n$4\r\nECHO\r\n$0\r\n\r\nPING\r\n", vec![bulk(""), Value::Simple("PONG".into())]),
    ];
    for front in Front::all() {
        for (bytes, want) in &cases {
            let mut conn = front.endpoint().open();
            conn.send(bytes).expect("sent");
            for want in want {
                let context = format!("{}: {:?}", front.name, String::from_utf8_lossy(bytes));
                let got = conn.read().unwrap_or_else(|e| panic!("{context}: {e}"));
                assert_eq!(&got, want, "{context}");
            }
        }
    }
}

fn bulk(text: &str) -> Value {
    Value::Bulk(text.into())
}

#[test]
fn requests_split_at_every_byte_are_put_together() {
    let mut bytes = request(&["SET", "{k}1", "a\r\n$3\r\nb"]);
    bytes.extend_from_slice(b"GET \"{k}1\"\r\n*0\r\n");
    bytes.extend_from_slice(&request(&["MGET", "{k}1", "{k}2"]));
    let want = ["OK", r#""a\r\n$3\r\nb""#, r#"["a\r\n$3\r\nb", nil]"#];
    for front in Front::all() {
        let mut conn = front.endpoint().open();
        for at in 1..bytes.len() {
            conn.send(&bytes[..at]).expect("sent");
            // Nothing tells when the first part has arrived; a request of another
            // connection at least gives the server a turn.
            conn.send(&bytes[at..]).expect("sent");
            for want in want {
                assert_eq!(conn.read().expect("a reply").to_string(), want, "{}, at {at}", front.name);
            }
        }
    }
}

#[test]
fn a_request_that_comes_byte_by_byte_holds_up_nobody() {
    for front in Front::all() {
        let mut slow = front.endpoint().open();
        let mut quick = front.endpoint().open();
        let bytes = request(&["SET", "slow", "value"]);
        for (i, byte) in bytes.iter().enumerate() {
            slow.send(&[*byte]).expect("sent");
            assert_eq!(quick.call(&["ECHO", &i.to_string()]).text(), i.to_string(), "{}", front.name);
        }
        assert!(slow.read().expect("a reply").is_ok(), "{}", front.name);
    }
}

#[test]
fn what_is_only_announced_takes_no_memory() {
    let announced: [&[u8]; 4] = [
        b"*1\r\n$536870912\r\n",
        b"*1048576\r\n",
        b"*1048576\r\n$3\r\nSET\r\n$536870912\r\nabc",
        b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\n",
    ];
    for front in Front::ours(&Default::default()) {
        let before = front.process().rss();
        let conns: Vec<Conn> = announced.iter().flat_map(|bytes| half_requests(&front, bytes, 50)).collect();
        let mut bystander = front.endpoint().open();
        assert_eq!(bystander.run("PING").text(), "PONG", "{}", front.name);
        let grown = front.process().rss().saturating_sub(before);
        assert!(grown < NOISE, "{}: {} connections took {grown} bytes", front.name, conns.len());
    }
}

fn half_requests(front: &Front, bytes: &[u8], count: usize) -> Vec<Conn> {
    let open = |_| {
        let mut conn = front.endpoint().open();
        conn.send(bytes).expect("sent");
        conn
    };
    (0..count).map(open).collect()
}

#[test]
fn a_long_pipeline_is_answered_in_order() {
    for front in Front::all() {
        let mut conn = front.endpoint().open();
        let requests: Vec<Vec<String>> = (0..5000).map(pipelined).collect();
        let replies = conn.try_pipeline(&requests).expect("all replies");
        for (i, reply) in replies.iter().enumerate() {
            let want = match i % 4 {
                0 => "OK".to_string(),
                1 => format!("{:?}", format!("v{}", i - 1)),
                2 => format!("{:?}", format!("e{i}")),
                _ => "-ERR wrong number of arguments for 'get' command".to_string(),
            };
            assert_eq!(reply.to_string(), want, "{}, request {i}", front.name);
        }
    }
}

fn pipelined(i: usize) -> Vec<String> {
    match i % 4 {
        0 => vec!["SET".into(), format!("k{i}"), format!("v{i}")],
        1 => vec!["GET".into(), format!("k{}", i - 1)],
        2 => vec!["ECHO".into(), format!("e{i}")],
        _ => vec!["GET".into()],
    }
}

#[test]
fn the_largest_values_pass() {
    let value: Vec<u8> = (0..32 << 20).map(|i: u32| (i % 251) as u8).collect();
    for front in Front::all() {
        let mut conn = front.endpoint().open();
        conn.set_patience(Duration::from_secs(30));
        assert!(conn.call(&[b"SET" as &[u8], b"big", &value]).is_ok(), "{}", front.name);
        let got = conn.run("GET big");
        assert!(got.bytes() == Some(&value), "{}: another value came back", front.name);
        assert_eq!(conn.run("STRLEN big").int(), value.len() as i64);
    }
}

#[test]
fn many_arguments_pass() {
    for front in Front::all() {
        let mut conn = front.endpoint().open();
        let pairs: Vec<String> = (0..20_000).flat_map(|i| [format!("k{i}"), format!("v{i}")]).collect();
        let mset: Vec<&str> = std::iter::once("MSET").chain(pairs.iter().map(String::as_str)).collect();
        assert!(conn.call(&mset).is_ok(), "{}", front.name);
        let mget: Vec<&str> =
            std::iter::once("MGET").chain(pairs.iter().step_by(2).map(String::as_str)).collect();
        let got = conn.call(&mget);
        let want = pairs.iter().skip(1).step_by(2);
        assert!(got.items().iter().zip(want).all(|(got, want)| got.text() == *want), "{}", front.name);
        assert_eq!(got.items().len(), 20_000);
    }
}

#[test]
fn what_waits_behind_long_replies_is_taken_as_it_came() {
    for front in Front::all() {
        let mut conn = front.endpoint().open();
        assert!(conn.call(&["SET", "long", &"x".repeat(700_000)]).is_ok(), "{}", front.name);
        conn.send(b"GET long\r\nGET long\r\nGET long\r\nECHO \"a b\"\r\n*x\r\n").expect("sent");
        for _ in 0..3 {
            assert_eq!(conn.read().expect("a reply").text().len(), 700_000, "{}", front.name);
        }
        assert_eq!(conn.read().expect("a reply"), bulk("a b"), "{}", front.name);
        let error = conn.read().expect("a reply");
        assert_eq!(error.error(), Some("ERR Protocol error: invalid multibulk length"), "{}", front.name);
        assert!(conn.closes(), "{}: the connection stays open", front.name);
    }
}
