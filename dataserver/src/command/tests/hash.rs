//! The hash group.

use super::string::check as check_in;
use crate::command::testing::Harness;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering::Relaxed;

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const NOT_INT: &str = "-ERR value is not an integer or out of range";

fn check(cases: &[(&str, &str)]) {
    check_in(&mut Harness::new(), cases);
}

#[test]
fn sets_and_gets() {
    check(&[
        ("HSET h a 1 b 2", "2"),
        ("HSET h b 3 c 4", "1"),
        ("HMSET h d 5", "OK"),
        ("HSET h e", "-ERR wrong number of arguments for 'hset' command"),
        ("HSET h e 1 f", "-ERR wrong number of arguments for 'hset' command"),
        ("HMSET h e 1 f", "-ERR wrong number of arguments for 'hmset' command"),
        ("HGET h b", "'3'"),
        ("HGET h x", "nil"),
        ("HGET none x", "nil"),
        ("HMGET h a x c", "['1', nil, '4']"),
        ("HMGET none a x", "[nil, nil]"),
        ("HSETNX h a 9", "0"),
        ("HSETNX h z longer", "1"),
        ("HEXISTS h z", "1"),
        ("HEXISTS h y", "0"),
        ("HSTRLEN h z", "6"),
        ("HSTRLEN h y", "0"),
        ("HLEN h", "5"),
        ("HKEYS h", "['a', 'b', 'c', 'd', 'z']"),
        ("HVALS h", "['1', '3', '4', '5', 'longer']"),
        ("HGETALL h", "['a', '1', 'b', '3', 'c', '4', 'd', '5', 'z', 'longer']"),
        ("HDEL h a z y a", "2"),
        ("HDEL h b c d", "3"),
        ("HLEN h", "0"),
        ("HDEL h b", "0"),
        ("HGETALL h", "[]"),
        ("HKEYS h", "[]"),
    ]);
}

#[test]
fn increments() {
    check(&[
        ("HINCRBY h n 5", "5"),
        ("HINCRBY h n -7", "-2"),
        ("HINCRBY h n x", NOT_INT),
        ("HSET h s abc m 9223372036854775807", "2"),
        ("HINCRBY h s 1", "-ERR hash value is not an integer"),
        ("HINCRBY h m 1", "-ERR increment or decrement would overflow"),
        ("HINCRBYFLOAT h n 0.5", "'-1.5'"),
        ("HINCRBYFLOAT h f 3.0e3", "'3000'"),
        ("HINCRBYFLOAT h f 0.1", "'3000.10000000000000009'"),
        ("HINCRBYFLOAT h f x", "-ERR value is not a valid float"),
        ("HINCRBYFLOAT h f nan", "-ERR value is not a valid float"),
        ("HINCRBYFLOAT h f inf", "-ERR value is NaN or Infinity"),
        ("HINCRBYFLOAT h s 1", "-ERR hash value is not a float"),
        ("HINCRBYFLOAT none f x", "-ERR value is not a valid float"),
        ("HLEN none", "0"),
    ]);
}

#[test]
fn other_types_are_refused() {
    check(&[
        ("SET s v", "OK"),
        ("HSET s a 1", WRONG_TYPE),
        ("HSET s a", "-ERR wrong number of arguments for 'hset' command"),
        ("HSETNX s a 1", WRONG_TYPE),
        ("HGET s a", WRONG_TYPE),
        ("HMGET s a", WRONG_TYPE),
        ("HGETALL s", WRONG_TYPE),
        ("HDEL s a", WRONG_TYPE),
        ("HLEN s", WRONG_TYPE),
        ("HINCRBY s a x", NOT_INT),
        ("HINCRBY s a 1", WRONG_TYPE),
        ("HINCRBYFLOAT s a 1", WRONG_TYPE),
        ("HSCAN s 0", WRONG_TYPE),
        ("HSCAN s x", "-ERR invalid cursor"),
        ("HRANDFIELD s", WRONG_TYPE),
        ("HRANDFIELD s x", NOT_INT),
        ("HRANDFIELD s 1 NO", "-ERR syntax error"),
        ("HRANDFIELD s 1", WRONG_TYPE),
        ("GET s", "'v'"),
    ]);
}

#[test]
fn scans() {
    check(&[
        ("HSET h a 1 b 2", "2"),
        ("HSCAN h 0", "['0', ['a', '1', 'b', '2']]"),
        ("HSCAN h 0 MATCH b* COUNT 5", "['0', ['b', '2']]"),
        ("HSCAN h 0 MATCH x", "['0', []]"),
        ("HSCAN h 0 COUNT 0", "-ERR syntax error"),
        ("HSCAN h 0 COUNT x", NOT_INT),
        ("HSCAN h 0 COUNT", "-ERR syntax error"),
        ("HSCAN h 0 NOVALUES", "-ERR syntax error"),
        ("HSCAN h 0 TYPE hash", "-ERR syntax error"),
        ("HSCAN none 0 COUNT x", "['0', []]"),
        ("HSCAN h 0x", "-ERR invalid cursor"),
    ]);
}

#[test]
fn scans_a_large_hash_to_its_end() {
    let mut t = Harness::new();
    for i in 0..1000 {
        t.run(&format!("HSET h field-{i} {i}"));
    }
    let (mut cursor, mut seen, mut rounds) = ("0".to_owned(), BTreeSet::new(), 0);
    loop {
        let reply = t.run(&format!("HSCAN h {cursor} COUNT 50"));
        seen.extend(reply.split('\'').filter(|word| word.starts_with("field-")).map(str::to_owned));
        cursor = reply.split('\'').nth(1).unwrap().to_owned();
        rounds += 1;
        if cursor == "0" {
            break;
        }
    }
    assert_eq!(seen.len(), 1000);
    assert!((10..=20).contains(&rounds), "{rounds}");
    assert_eq!(t.run("HSCAN h 65536"), "['0', []]");
    assert_eq!(t.run("HSCAN h 18446744073709551615"), "['0', []]");
}

#[test]
fn random_fields() {
    let mut t = Harness::new();
    t.run("HSET h a 1");
    for (line, want) in [
        ("HRANDFIELD h", "'a'"),
        ("HRANDFIELD none", "nil"),
        ("HRANDFIELD h 5", "['a']"),
        ("HRANDFIELD h 5 withvalues", "['a', '1']"),
        ("HRANDFIELD h -2 WITHVALUES", "['a', '1', 'a', '1']"),
        ("HRANDFIELD h 0", "[]"),
        ("HRANDFIELD none -2 WITHVALUES", "[]"),
        ("HRANDFIELD h 1 WITHVALUES x", "-ERR syntax error"),
        ("HRANDFIELD h -9223372036854775807 WITHVALUES", "-ERR value is out of range"),
    ] {
        assert_eq!(t.run(line), want, "{line}");
    }
    for i in 0..1000 {
        t.run(&format!("HSET h field-{i} {i}"));
    }
    for count in [10, 500, 1000, 2000] {
        let reply = t.run(&format!("HRANDFIELD h {count}"));
        let distinct: BTreeSet<&str> = reply.split(", ").map(|item| item.trim_matches(['[', ']'])).collect();
        assert_eq!(distinct.len(), count.min(1001), "{count}");
    }
    assert_eq!(t.run("HRANDFIELD h -2000").split(' ').count(), 2000);
}

#[test]
fn resp3_has_maps_and_pairs() {
    let mut t = Harness::new();
    t.run("HELLO 3");
    for (line, want) in [
        ("HSET h a 1", "1"),
        ("HGETALL h", "{'a': '1'}"),
        ("HGETALL none", "{}"),
        ("HKEYS h", "['a']"),
        ("HGET h x", "nil"),
        ("HRANDFIELD h 1 WITHVALUES", "[['a', '1']]"),
        ("HRANDFIELD h -1 WITHVALUES", "[['a', '1']]"),
        ("HSCAN h 0", "['0', ['a', '1']]"),
        ("HINCRBYFLOAT h a 0.5", "'1.5'"),
    ] {
        assert_eq!(t.run(line), want, "{line}");
    }
}

#[test]
fn large_and_binary_values_come_back() {
    let mut t = Harness::new();
    let (large, binary) = (vec![b'x'; 10_000], [0, 255, b'\r', b'\n']);
    for value in [&large[..], &binary, b""] {
        t.run_args(&[b"HSET", b"h", &binary, value]);
        assert_eq!(t.run_args(&[b"HGET", b"h", &binary]), format!("'{}'", value.escape_ascii()));
    }
    t.run_args(&[b"RPUSH", b"l", &large, &binary, b"", &large]);
    assert_eq!(t.run("LINDEX l 1"), format!("'{}'", binary.escape_ascii()));
    assert_eq!(t.run("LLEN l"), "4");
}

#[test]
fn new_hashes_get_the_default_lifetime() {
    let mut t = Harness::new();
    t.server.settings.default_ttl.store(1000, Relaxed);
    assert_eq!(t.run("HSET h a 1"), "1");
    t.advance(1000);
    assert_eq!(t.run("HGET h a"), "nil");
}
