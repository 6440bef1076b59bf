//! The set group.

use super::string::check as check_in;
use crate::command::testing::Harness;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering::Relaxed;

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

fn check(cases: &[(&str, &str)]) {
    check_in(&mut Harness::new(), cases);
}

/// The members of a reply, sorted.
fn members(reply: &str) -> BTreeSet<&str> {
    reply.trim_matches(['~', '[', ']']).split(", ").filter(|member| !member.is_empty()).collect()
}

#[test]
fn members_come_and_go() {
    check(&[
        ("SADD s 3 1 2 3", "3"),
        ("SADD s 1", "0"),
        ("SADD s", "-ERR wrong number of arguments for 'sadd' command"),
        ("SMEMBERS s", "['1', '2', '3']"),
        ("OBJECT ENCODING s", "'intset'"),
        ("SADD s b a", "2"),
        ("SMEMBERS s", "['1', '2', '3', 'b', 'a']"),
        ("OBJECT ENCODING s", "'listpack'"),
        ("TYPE s", "set"),
        ("SISMEMBER s a", "1"),
        ("SISMEMBER s x", "0"),
        ("SISMEMBER none x", "0"),
        ("SMISMEMBER s a x 01 1", "[1, 0, 0, 1]"),
        ("SMISMEMBER none a b", "[0, 0]"),
        ("SCARD s", "5"),
        ("SCARD none", "0"),
        ("SREM s a x 1", "2"),
        ("SREM none a", "0"),
        ("SREM s 2 3 b b", "3"),
        ("EXISTS s", "0"),
        ("SMEMBERS s", "[]"),
    ]);
}

#[test]
fn moves() {
    check(&[
        ("SADD a x y", "2"),
        ("SADD b 1", "1"),
        ("SET s v", "OK"),
        ("SMOVE a b x", "1"),
        ("SMEMBERS b", "['1', 'x']"),
        ("SMOVE a b x", "0"),
        ("SMOVE a a y", "1"),
        ("SMOVE a a x", "0"),
        ("SMOVE none s x", "0"),
        ("SMOVE a s z", WRONG_TYPE),
        ("SMOVE s a z", WRONG_TYPE),
        ("SMOVE a new y", "1"),
        ("EXISTS a", "0"),
        ("SMEMBERS new", "['y']"),
    ]);
}

#[test]
fn other_types_are_refused() {
    let mut t = Harness::new();
    check_in(&mut t, &[("SET s v", "OK"), ("SADD a 1", "1")]);
    for line in [
        "SADD s 1",
        "SREM s 1",
        "SMEMBERS s",
        "SISMEMBER s 1",
        "SMISMEMBER s 1",
        "SCARD s",
        "SPOP s",
        "SPOP s 0",
        "SRANDMEMBER s",
        "SRANDMEMBER s 0",
        "SSCAN s 0",
        "SINTER none s",
        "SINTERSTORE d a s",
        "SINTERCARD 2 a s",
        "SUNION a s",
        "SDIFF none s",
        "HGET a f",
        "GET a",
        "LPUSH a x",
    ] {
        assert_eq!(t.run(line), WRONG_TYPE, "{line}");
    }
}

#[test]
fn intersections_unions_and_differences() {
    check(&[
        ("SADD a 1 2 3 4 5", "5"),
        ("SADD b 2 4 6", "3"),
        ("SADD c x 4 2 y", "4"),
        ("SINTER a b", "['2', '4']"),
        ("SINTER a b c", "['2', '4']"),
        ("SINTER a b none", "[]"),
        ("SINTER a", "['1', '2', '3', '4', '5']"),
        ("SINTERSTORE d a b c", "2"),
        ("OBJECT ENCODING d", "'intset'"),
        ("SINTERCARD 2 a b", "2"),
        ("SINTERCARD 2 a b LIMIT 1", "1"),
        ("SINTERCARD 2 a b LIMIT 0", "2"),
        ("SINTERCARD 2 a none", "0"),
        ("SINTERCARD 0 a", "-ERR numkeys should be greater than 0"),
        ("SINTERCARD x a", "-ERR numkeys should be greater than 0"),
        ("SINTERCARD 3 a b", "-ERR Number of keys can't be greater than number of args"),
        ("SINTERCARD 1 a LIMIT -1", "-ERR LIMIT can't be negative"),
        ("SINTERCARD 1 a LIMIT x", "-ERR LIMIT can't be negative"),
        ("SINTERCARD 1 a LIMIT", "-ERR syntax error"),
        ("SINTERCARD 1 a b", "-ERR syntax error"),
        ("SUNIONSTORE d a b", "6"),
        ("SMEMBERS d", "['1', '2', '3', '4', '5', '6']"),
        ("SUNIONSTORE d none", "0"),
        ("EXISTS d", "0"),
        ("SUNION none none", "[]"),
        ("SDIFF a b", "['1', '3', '5']"),
        ("SDIFF a a", "[]"),
        ("SDIFF none a", "[]"),
        ("SDIFF a none", "['1', '2', '3', '4', '5']"),
        ("SDIFFSTORE a a b c", "3"),
        ("SMEMBERS a", "['1', '3', '5']"),
        ("SET s v", "OK"),
        ("SUNIONSTORE s a b", "6"),
        ("TYPE s", "set"),
        ("SET s v", "OK"),
        ("SINTERSTORE s a none", "0"),
        ("EXISTS s", "0"),
    ]);
    let mut t = Harness::new();
    check_in(&mut t, &[("SADD a 1 2 x", "3"), ("SADD b 2 y", "2")]);
    assert_eq!(members(&t.run("SUNION a b")), BTreeSet::from(["'1'", "'2'", "'x'", "'y'"]));
}

#[test]
fn all_forms_combine() {
    let mut t = Harness::new();
    // As integers, packed and tables, of which each pair has a third in common.
    for (key, prefix, from, to) in [
        ("i", "", 0, 300),
        ("p", "", 200, 260),
        ("t", "", 150, 1150),
        ("u", "m", 0, 1000),
        ("q", "m", 900, 950),
    ] {
        (from..to).for_each(|i| drop(t.run(&format!("SADD {key} {prefix}{i}"))));
    }
    t.run("SADD p x");
    for (line, want) in [
        ("SINTERCARD 2 i t", "150"),
        ("SINTERCARD 3 i t p", "60"),
        ("SINTERCARD 2 u q", "50"),
        ("SINTERSTORE d t i", "150"),
        ("OBJECT ENCODING d", "'intset'"),
        ("SINTERSTORE d t p", "60"),
        ("SDIFFSTORE d i t p", "150"),
        ("SDIFFSTORE d t i p u q", "850"),
        ("OBJECT ENCODING d", "'hashtable'"),
        ("SDIFFSTORE d p t i", "1"),
        ("SMEMBERS d", "['x']"),
        ("SUNIONSTORE d i p t u q", "2151"),
        ("SDIFFSTORE d i p t u q i", "0"),
        ("EXISTS d", "0"),
    ] {
        assert_eq!(t.run(line), want, "{line}");
    }
    assert_eq!(members(&t.run("SUNION i p t u q")).len(), 2151);
    assert_eq!(members(&t.run("SDIFF t i")).len(), 850);
}

#[test]
fn random_members() {
    check(&[
        ("SPOP none", "nil"),
        ("SPOP none 2", "[]"),
        ("SRANDMEMBER none", "nil"),
        ("SRANDMEMBER none 2", "[]"),
        ("SADD s a", "1"),
        ("SRANDMEMBER s", "'a'"),
        ("SRANDMEMBER s 5", "['a']"),
        ("SRANDMEMBER s -2", "['a', 'a']"),
        ("SRANDMEMBER s 0", "[]"),
        ("SRANDMEMBER s 1 2", "-ERR syntax error"),
        ("SRANDMEMBER s x", "-ERR value is not an integer or out of range"),
        (
            "SRANDMEMBER s -9223372036854775808",
            "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        ),
        ("SPOP s 1 2", "-ERR syntax error"),
        ("SPOP s -1", "-ERR value is out of range, must be positive"),
        ("SPOP s x", "-ERR value is out of range, must be positive"),
        ("SPOP s 0", "[]"),
        ("SPOP s", "'a'"),
        ("EXISTS s", "0"),
        ("SADD s 2 1", "2"),
        ("SPOP s 9", "['1', '2']"),
        ("EXISTS s", "0"),
    ]);
    for (prefix, n) in [("", 300), ("m", 100), ("m", 1000)] {
        let mut t = Harness::new();
        (0..n).for_each(|i| drop(t.run(&format!("SADD s {prefix}{i}"))));
        for count in [1, 10, n / 2, n - 1, n, n + 5] {
            let reply = t.run(&format!("SRANDMEMBER s {count}"));
            assert_eq!(members(&reply).len(), count.min(n), "{count} of {n}");
        }
        assert_eq!(t.run("SRANDMEMBER s -2000").split(' ').count(), 2000);
        let mut left = n;
        for count in [1, 10, n / 2, n] {
            let taken = count.min(left);
            let reply = t.run(&format!("SPOP s {count}"));
            assert_eq!(members(&reply).len(), taken, "{count} of {left}");
            left -= taken;
            assert_eq!(t.run("SCARD s"), left.to_string());
        }
    }
}

#[test]
fn scans() {
    let mut t = Harness::new();
    (0..1000).for_each(|i| drop(t.run(&format!("SADD s m{i}"))));
    let (mut cursor, mut seen) = ("0".to_owned(), BTreeSet::new());
    loop {
        let reply = t.run(&format!("SSCAN s {cursor} COUNT 50 MATCH m*5"));
        let (next, found) = reply[2..].split_once("', ").unwrap();
        seen.extend(members(found).iter().map(|member| (*member).to_owned()));
        cursor = next.to_owned();
        if cursor == "0" {
            break;
        }
    }
    assert_eq!(seen.len(), 100);
    check_in(
        &mut t,
        &[
            ("SADD i 3 1", "2"),
            ("SSCAN i 0", "['0', ['1', '3']]"),
            ("SSCAN i 0 MATCH 3", "['0', ['3']]"),
            ("SSCAN none 0 FOO", "['0', []]"),
            ("SSCAN i x", "-ERR invalid cursor"),
            ("SSCAN i 0 COUNT 0", "-ERR syntax error"),
            ("SSCAN i 0 FOO 1", "-ERR syntax error"),
        ],
    );
}

#[test]
fn resp3_has_sets() {
    let mut t = Harness::new();
    t.run("HELLO 3");
    for (line, want) in [
        ("SADD s a", "1"),
        ("SMEMBERS s", "~['a']"),
        ("SMEMBERS none", "~[]"),
        ("SINTER s s", "~['a']"),
        ("SUNION s none", "~['a']"),
        ("SDIFF s none", "~['a']"),
        ("SRANDMEMBER s 1", "['a']"),
        ("SRANDMEMBER none", "nil"),
        ("SSCAN s 0", "['0', ['a']]"),
        ("SPOP s 1", "~['a']"),
        ("SPOP s 1", "~[]"),
        ("SPOP s", "nil"),
    ] {
        assert_eq!(t.run(line), want, "{line}");
    }
}

#[test]
fn forms_are_configurable() {
    check(&[
        ("CONFIG SET set-max-intset-entries 2 set-max-listpack-entries 3 set-max-listpack-value 4", "OK"),
        ("SADD i 1 2", "2"),
        ("OBJECT ENCODING i", "'intset'"),
        ("SADD i 3", "1"),
        ("OBJECT ENCODING i", "'hashtable'"),
        ("SADD p a b c", "3"),
        ("OBJECT ENCODING p", "'listpack'"),
        ("SADD p d", "1"),
        ("OBJECT ENCODING p", "'hashtable'"),
        ("SADD q long longer", "2"),
        ("OBJECT ENCODING q", "'hashtable'"),
        ("CONFIG GET set-max-*-value", "['set-max-listpack-value', '4']"),
    ]);
}

#[test]
fn copies_and_lifetimes() {
    let mut t = Harness::new();
    (0..600).for_each(|i| drop(t.run(&format!("SADD s {i}"))));
    check_in(
        &mut t,
        &[
            ("COPY s d", "1"),
            ("SREM d 5", "1"),
            ("SCARD d", "599"),
            ("SINTERCARD 2 s d", "599"),
            ("EXPIRE s 100", "1"),
            ("RENAME s r", "OK"),
            ("TTL r", "100"),
            ("SADD r x", "1"),
            ("TTL r", "100"),
            ("SUNIONSTORE r d", "599"),
            ("TTL r", "-1"),
        ],
    );
    t.server.settings.default_ttl.store(1000, Relaxed);
    assert_eq!(t.run("SADD new a"), "1");
    assert_eq!(t.run("SINTERSTORE stored d d"), "599");
    t.advance(1000);
    assert_eq!(t.run("EXISTS new stored d"), "1");
}
