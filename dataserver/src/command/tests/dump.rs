//! DUMP and RESTORE.

use crate::command::testing::{Harness, START};
use ringtail_protocol::reply::write_request;
use ringtail_protocol::value::Value;

/// What DUMP gives for a key.
fn dump(t: &mut Harness, key: &str) -> Vec<u8> {
    let mut request = Vec::new();
    write_request(&mut request, [b"DUMP".as_slice(), key.as_bytes()].into_iter());
    match t.replies(request).first().map(Value::plain) {
        Some(Value::Bulk(bytes)) => bytes.to_vec(),
        other => panic!("no payload: {other:?}"),
    }
}

fn restore(t: &mut Harness, key: &str, ttl: &str, payload: &[u8], options: &[&str]) -> String {
    let mut args: Vec<&[u8]> = vec![b"RESTORE", key.as_bytes(), ttl.as_bytes(), payload];
    args.extend(options.iter().map(|option| option.as_bytes()));
    t.run_args(&args)
}

#[test]
fn every_type_can_be_moved() {
    let mut t = Harness::new();
    let made = [
        "SET string value",
        "SETBIT bits 100000 1",
        "RPUSH list a 1 c",
        "SADD set a 1 c",
        "ZADD zset 1 a 2.5 b",
        "HSET hash a 1 b 2",
        "HSETEX timed EX 10 FIELDS 1 a 1",
        "XADD stream 1-1 a 1",
        "PFADD hll a b c",
    ];
    let read = [
        ("string", "GET string"),
        ("bits", "BITPOS bits 1"),
        ("list", "LRANGE list 0 -1"),
        ("set", "SMEMBERS set"),
        ("zset", "ZRANGE zset 0 -1 WITHSCORES"),
        ("hash", "HGETALL hash"),
        ("timed", "HPTTL timed FIELDS 1 a"),
        ("stream", "XINFO STREAM stream"),
        ("hll", "PFCOUNT hll"),
    ];
    made.iter().for_each(|line| assert!(!t.run(line).starts_with('-'), "{line}"));
    for (key, line) in read {
        let (payload, before) = (dump(&mut t, key), t.run(line));
        assert_eq!(restore(&mut t, key, "5000", &payload, &[]), "-BUSYKEY Target key name already exists.");
        assert_eq!(restore(&mut t, key, "5000", &payload, &["REPLACE"]), "OK");
        assert_eq!((t.run(line), t.run(&format!("PTTL {key}"))), (before, "5000".into()), "{key}");
    }
    assert_eq!(t.run("DUMP none"), "nil");
    t.advance(10_000);
    assert_eq!(t.run("EXISTS string bits list set zset hash timed stream hll"), "0");
}

#[test]
fn options_are_checked_and_kept() {
    let mut t = Harness::new();
    t.run("SET k v");
    let payload = dump(&mut t, "k");
    let later = (START + 1000).to_string();
    let cases: &[(&str, &[&str], &str)] = &[
        ("0", &["IDLETIME", "7", "REPLACE"], "OK"),
        ("0", &["IDLETIME", "7"], "-BUSYKEY Target key name already exists."),
        ("0", &["IDLETIME", "-1"], "-ERR Invalid IDLETIME value, must be >= 0"),
        ("0", &["IDLETIME", "x"], "-ERR value is not an integer or out of range"),
        ("0", &["FREQ", "256"], "-ERR Invalid FREQ value, must be >= 0 and <= 255"),
        ("0", &["FREQ", "255", "REPLACE"], "OK"),
        ("0", &["FREQ", "1", "IDLETIME", "1"], "-ERR syntax error"),
        ("0", &["WHAT"], "-ERR syntax error"),
        ("-1", &["REPLACE"], "-ERR Invalid TTL value, must be >= 0"),
        ("x", &["REPLACE"], "-ERR value is not an integer or out of range"),
        (&later, &["REPLACE", "ABSTTL"], "OK"),
    ];
    for (ttl, options, want) in cases {
        assert_eq!(restore(&mut t, "k", ttl, &payload, options), *want, "{ttl} {options:?}");
        if options.contains(&"7") {
            assert_eq!(t.run("OBJECT IDLETIME k"), "7");
        }
    }
    assert_eq!(t.run("PTTL k"), "1000");
    assert_eq!(restore(&mut t, "k", "5", &payload, &["REPLACE", "ABSTTL"]), "OK");
    assert_eq!(t.run("EXISTS k"), "0");
    let mut broken = payload.clone();
    broken[1] ^= 1;
    for payload in [&broken[..], &payload[..4], b""] {
        let refused = "-ERR DUMP payload version or checksum are wrong";
        assert_eq!(restore(&mut t, "k", "0", payload, &[]), refused);
    }
}
