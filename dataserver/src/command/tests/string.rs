//! The string group.

use crate::command::testing::Harness;

/// Runs each line and compares its reply.
pub(super) fn check(t: &mut Harness, cases: &[(&str, &str)]) {
    for (line, want) in cases {
        assert_eq!(t.run(line), *want, "{line}");
    }
}

#[test]
fn set_and_its_options() {
    let mut t = Harness::new();
    check(
        &mut t,
        &[
            ("SET k v", "OK"),
            ("GET k", "'v'"),
            ("SET k w NX", "nil"),
            ("SET k w NX GET", "'v'"),
            ("SET new w XX", "nil"),
            ("SET new w XX GET", "nil"),
            ("SET k w XX GET", "'v'"),
            ("SET k w EX 10", "OK"),
            ("TTL k", "10"),
            ("SET k x KEEPTTL", "OK"),
            ("PTTL k", "10000"),
            ("SET k x", "OK"),
            ("TTL k", "-1"),
            ("SET k x PXAT 1700000000500", "OK"),
            ("PTTL k", "500"),
            ("SET k x EXAT 1700000060 GET", "'x'"),
            ("TTL k", "60"),
            ("SET k x 60", "OK"),
            ("TTL k", "60"),
            ("SET k x NX XX", "-ERR syntax error"),
            ("SET k x EX 10 PX 10", "-ERR syntax error"),
            ("SET k x EX 10 KEEPTTL", "-ERR syntax error"),
            ("SET k x KEEPTTL EX 10", "-ERR syntax error"),
            ("SET k x EX", "-ERR syntax error"),
            ("SET k x PERSIST", "-ERR syntax error"),
            ("SET k x EX 10 EX 20", "OK"),
            ("TTL k", "20"),
            ("SET k x EX 0", "-ERR invalid expire time in 'set' command"),
            ("SET k x 0", "-ERR invalid expire time in 'set' command"),
            ("SET k x PX -1", "-ERR invalid expire time in 'set' command"),
            ("SET k x EX 9223372036854775807", "-ERR invalid expire time in 'set' command"),
            ("SET k x PX 9223372036854775807", "-ERR invalid expire time in 'set' command"),
            ("SET k x EX a", "-ERR value is not an integer or out of range"),
            ("SET k x bogus", "-ERR syntax error"),
            ("SET k x EXAT 1 GET", "'x'"),
            ("GET k", "nil"),
            ("SETEX k 10 v", "OK"),
            ("TTL k", "10"),
            ("PSETEX k 10 v", "OK"),
            ("PTTL k", "10"),
            ("SETEX k 0 v", "-ERR invalid expire time in 'setex' command"),
            ("PSETEX k -5 v", "-ERR invalid expire time in 'psetex' command"),
            ("SETNX k w", "0"),
            ("SETNX j w", "1"),
            ("PUT j x", "OK"),
            ("GETSET j y", "'x'"),
            ("GETSET none y", "nil"),
            ("GETDEL j", "'y'"),
            ("GETDEL j", "nil"),
        ],
    );
    t.advance(10);
    assert_eq!(t.run("GET k"), "nil");
}

#[test]
fn getex_sets_and_removes_the_expiry() {
    let mut t = Harness::new();
    check(
        &mut t,
        &[
            ("GETEX k EX 0", "nil"),
            ("SET k v", "OK"),
            ("GETEX k", "'v'"),
            ("GETEX k EX 10", "'v'"),
            ("TTL k", "10"),
            ("GETEX k", "'v'"),
            ("TTL k", "10"),
            ("GETEX k PERSIST", "'v'"),
            ("TTL k", "-1"),
            ("GETEX k PERSIST EX 1", "-ERR syntax error"),
            ("GETEX k EX 1 PERSIST", "-ERR syntax error"),
            ("GETEX k KEEPTTL", "-ERR syntax error"),
            ("GETEX k 60", "-ERR syntax error"),
            ("GETEX k EX 0", "-ERR invalid expire time in 'getex' command"),
            ("GETEX k PX abc", "-ERR value is not an integer or out of range"),
            ("GETEX k PXAT 1700000000001", "'v'"),
            ("PTTL k", "1"),
            ("GETEX k EXAT 1", "'v'"),
            ("EXISTS k", "0"),
        ],
    );
}

#[test]
fn several_at_once() {
    let mut t = Harness::new();
    check(
        &mut t,
        &[
            ("MSET a 1 b 2 a 3", "OK"),
            ("MGET a b c", "['3', '2', nil]"),
            ("MSET a 1 b", "-ERR wrong number of arguments for 'mset' command"),
            ("MSETNX c 1 a 2", "0"),
            ("EXISTS c", "0"),
            ("MSETNX c 1 d 2", "1"),
            ("MSETNX c 1 d", "-ERR wrong number of arguments for 'msetnx' command"),
            ("EXISTS a a c none", "3"),
            ("STRLEN none", "0"),
        ],
    );
}

#[test]
fn counters() {
    let mut t = Harness::new();
    check(
        &mut t,
        &[
            ("INCR n", "1"),
            ("INCRBY n 41", "42"),
            ("DECR n", "41"),
            ("DECRBY n 42", "-1"),
            ("EXPIRE n 100", "1"),
            ("INCRBY n 1000", "999"),
            ("TTL n", "100"),
            ("SET n 9223372036854775807", "OK"),
            ("INCR n", "-ERR increment or decrement would overflow"),
            ("DECRBY n -9223372036854775808", "-ERR decrement would overflow"),
            ("INCRBY n 1.5", "-ERR value is not an integer or out of range"),
            ("SET s abc", "OK"),
            ("INCR s", "-ERR value is not an integer or out of range"),
            ("SET s ' 1'", "OK"),
            ("INCR s", "-ERR value is not an integer or out of range"),
            ("INCRBYFLOAT f 10.5", "'10.5'"),
            ("INCRBYFLOAT f 0.1", "'10.6'"),
            ("INCRBYFLOAT f -10.6", "'0'"),
            ("SET f 5.0e3", "OK"),
            ("INCRBYFLOAT f 2.0e2", "'5200'"),
            ("INCRBYFLOAT f x", "-ERR value is not a valid float"),
            ("INCRBYFLOAT f inf", "-ERR increment would produce NaN or Infinity"),
            ("INCRBYFLOAT s 1", "-ERR value is not a valid float"),
        ],
    );
}

#[test]
fn parts_of_strings() {
    let mut t = Harness::new();
    check(
        &mut t,
        &[
            ("SET k 'This is a string'", "OK"),
            ("GETRANGE k 0 3", "'This'"),
            ("GETRANGE k -3 -1", "'ing'"),
            ("GETRANGE k 0 -1", "'This is a string'"),
            ("GETRANGE k 10 100", "'string'"),
            ("GETRANGE k 5 4", "''"),
            ("GETRANGE k -1 -5", "''"),
            ("GETRANGE k 0 -100", "'T'"),
            ("GETRANGE k 100 200", "''"),
            ("GETRANGE k -9223372036854775808 9223372036854775807", "'This is a string'"),
            ("SUBSTR k 0 1", "'Th'"),
            ("GETRANGE none 0 -1", "''"),
            ("GETRANGE k a 1", "-ERR value is not an integer or out of range"),
            ("SETRANGE k 5 was", "16"),
            ("GET k", "'This wasa string'"),
            ("SETRANGE none 0 ''", "0"),
            ("EXISTS none", "0"),
            ("SETRANGE none 3 ab", "5"),
            ("GET none", "'\\x00\\x00\\x00ab'"),
            ("SETRANGE k -1 x", "-ERR offset is out of range"),
            ("SETRANGE k 536870912 x", "-ERR string exceeds maximum allowed size (proto-max-bulk-len)"),
            (
                "SETRANGE k 9223372036854775807 x",
                "-ERR string exceeds maximum allowed size (proto-max-bulk-len)",
            ),
            ("SETRANGE k 100 ''", "16"),
            ("APPEND k !", "17"),
            ("APPEND fresh 12", "2"),
            ("OBJECT ENCODING fresh", "'int'"),
            ("APPEND fresh 3", "3"),
            ("OBJECT ENCODING fresh", "'raw'"),
            ("INCR fresh", "124"),
            ("OBJECT ENCODING fresh", "'int'"),
            ("SETRANGE fresh 5000 x", "5001"),
            ("APPEND fresh y", "5002"),
            ("GETRANGE fresh 0 3", "'124\\x00'"),
            ("GETRANGE fresh -2 -1", "'xy'"),
        ],
    );
}

#[test]
fn longest_common_subsequence() {
    let mut t = Harness::new();
    check(
        &mut t,
        &[
            ("MSET a ohmytext b mynewtext", "OK"),
            ("LCS a b", "'mytext'"),
            ("LCS a b LEN", "6"),
            ("LCS a b IDX", "['matches', [[[4, 7], [5, 8]], [[2, 3], [0, 1]]], 'len', 6]"),
            ("LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN", "['matches', [[[4, 7], [5, 8], 4]], 'len', 6]"),
            ("LCS a none", "''"),
            ("LCS a b IDX LEN", "-ERR If you want both the length and indexes, please just use IDX."),
            ("LCS a b MINMATCHLEN", "-ERR syntax error"),
            ("LCS a b IDX MINMATCHLEN x", "-ERR value is not an integer or out of range"),
            ("HELLO 3", &t_hello()),
        ],
    );
    assert_eq!(t.run("LCS a b IDX MINMATCHLEN 9"), "{'matches': [], 'len': 6}");
}

/// HELLO's reply names the version and the client, which is not the matter here.
fn t_hello() -> String {
    Harness::new().run("HELLO 3")
}

#[test]
fn keys_that_are_set_without_a_lifetime_get_the_default() {
    let mut t = Harness::new();
    t.server.settings.default_ttl.store(5000, std::sync::atomic::Ordering::Relaxed);
    for line in [
        "SET a 1",
        "SETNX b 1",
        "MSET c 1",
        "INCR d",
        "APPEND e 1",
        "SETRANGE f 0 1",
        "GETSET g 1",
        "INCRBYFLOAT h 1",
    ] {
        t.run(line);
    }
    for key in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        assert_eq!(t.run(&format!("PTTL {key}")), "5000", "{key}");
    }
    check(
        &mut t,
        &[
            ("SET a 1 EX 100", "OK"),
            ("SET a 2 KEEPTTL", "OK"),
            ("TTL a", "100"),
            ("PERSIST a", "1"),
            ("SET a 2 KEEPTTL", "OK"),
            ("TTL a", "-1"),
            ("SET a 2", "OK"),
            ("TTL a", "5"),
        ],
    );
}

#[test]
fn long_strings() {
    let mut t = Harness::new();
    let long = vec![b'x'; 100_000];
    assert_eq!(t.run_args(&[b"SET", b"k", &long]), "OK");
    assert_eq!(t.run("STRLEN k"), "100000");
    assert_eq!(t.run_args(&[b"APPEND", b"k", &long]), "200000");
    assert_eq!(t.run("SETRANGE k 300000 end"), "300003");
    assert_eq!(t.run("EXPIRE k 10"), "1");
    assert_eq!(t.run("RENAME k j"), "OK");
    assert_eq!(t.run("GETRANGE j 299999 -1"), "'\\x00end'");
    assert_eq!(t.run("SET j short KEEPTTL"), "OK");
    assert_eq!(t.run("GET j"), "'short'");
}
