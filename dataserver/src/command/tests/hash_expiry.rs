//! Fields that expire.

use super::string::check;
use crate::command::testing::{Harness, START};
use crate::sweep::Sweep;

const NO_FIELDS: &str = "-ERR Mandatory argument FIELDS is missing or not at the right position";
const NOT_MATCHING: &str = "-ERR The `numfields` parameter must match the number of arguments";
const NOT_POSITIVE: &str = "-ERR Number of fields must be a positive integer";
const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

fn sweep(t: &Harness) {
    assert!(Sweep::new(0, 1).run(&t.server, t.now, || true));
}

#[test]
fn times_are_set_told_and_removed() {
    let mut t = Harness::new();
    check(
        &mut t,
        &[
            ("HSET h a 1 b 2 c 3", "3"),
            ("OBJECT ENCODING h", "'listpack'"),
            ("HTTL h FIELDS 2 a x", "[-1, -2]"),
            ("HEXPIRE h 10 FIELDS 2 a x", "[1, -2]"),
            ("OBJECT ENCODING h", "'listpackex'"),
            ("HTTL h FIELDS 3 a b x", "[10, -1, -2]"),
            ("HPTTL h FIELDS 1 a", "[10000]"),
            ("HEXPIRETIME h FIELDS 1 a", "[1700000010]"),
            ("HPEXPIRETIME h FIELDS 1 a", "[1700000010000]"),
            ("HPEXPIRE h 20001 NX FIELDS 2 a b", "[0, 1]"),
            ("HPEXPIRE h 5000 XX FIELDS 2 a c", "[1, 0]"),
            ("HPEXPIRE h 4000 GT FIELDS 3 a b c", "[0, 0, 0]"),
            ("HPEXPIRE h 9000 GT FIELDS 1 a", "[1]"),
            ("HPEXPIRE h 8000 LT FIELDS 3 a b c", "[1, 1, 1]"),
            ("HPERSIST h FIELDS 3 a x a", "[1, -2, -1]"),
            ("HEXPIREAT h 1700000060 FIELDS 1 a", "[1]"),
            ("HPEXPIREAT h 1700000000001 FIELDS 1 a", "[1]"),
            ("HPTTL h FIELDS 1 a", "[1]"),
            ("HTTL h FIELDS 1 a", "[1]"),
            ("HEXPIRE h 0 FIELDS 1 b", "[2]"),
            ("HPEXPIREAT h 5 FIELDS 2 c x", "[2, -2]"),
            ("HGETALL h", "['a', '1']"),
            ("HEXPIREAT h 1 FIELDS 1 a", "[2]"),
            ("EXISTS h", "0"),
            ("HEXPIRE none 10 FIELDS 2 a b", "[-2, -2]"),
            ("HTTL none FIELDS 2 a b", "[-2, -2]"),
            ("HPERSIST none FIELDS 1 a", "[-2]"),
            ("EXISTS none", "0"),
        ],
    );
}

#[test]
fn bad_requests_are_refused() {
    let mut t = Harness::new();
    check(
        &mut t,
        &[
            ("HSET h a 1", "1"),
            ("SET s x", "OK"),
            ("HEXPIRE h x FIELDS 1 a", "-ERR value is not an integer or out of range"),
            ("HEXPIRE h -1 FIELDS 1 a", "-ERR invalid expire time, must be >= 0"),
            ("HEXPIRE h 9223372036854775807 FIELDS 1 a", "-ERR invalid expire time in 'hexpire' command"),
            ("HPEXPIREAT h 70368744177664 FIELDS 1 a", "-ERR invalid expire time in 'hpexpireat' command"),
            ("HPEXPIREAT h 70368744177663 FIELDS 1 a", "[1]"),
            ("HEXPIRE h 1 FIELD 1 a", NO_FIELDS),
            ("HEXPIRE h 1 NX 1 FIELDS a", NO_FIELDS),
            ("HEXPIRE h 1 FIELDS 0 a", "-ERR Parameter `numFields` should be greater than 0"),
            ("HEXPIRE h 1 FIELDS x a", "-ERR Parameter `numFields` should be greater than 0"),
            ("HEXPIRE h 1 FIELDS 2 a", NOT_MATCHING),
            ("HEXPIRE h 1 FIELDS 9223372036854775807 a", NOT_MATCHING),
            ("HEXPIRE h 1 FIELDS 1 a b", NOT_MATCHING),
            ("HEXPIRE h 1 FIELDS 1", "-ERR wrong number of arguments for 'hexpire' command"),
            ("HTTL h FIELDS 0 a", NOT_POSITIVE),
            ("HTTL h FIELD 1 a", NO_FIELDS),
            ("HPTTL h FIELDS 2 a", NOT_MATCHING),
            ("HPERSIST h FIELDS 1 a b", NOT_MATCHING),
            ("HEXPIRE s 1 FIELDS 1 a", WRONG_TYPE),
            ("HTTL s FIELDS 1 a", WRONG_TYPE),
            ("HPERSIST s FIELDS 1 a", WRONG_TYPE),
            ("HGETDEL s FIELDS 1 a", WRONG_TYPE),
            ("HGETEX s FIELDS 1 a", WRONG_TYPE),
            ("HSETEX s FIELDS 1 a 1", WRONG_TYPE),
            ("HGETDEL h FIELDS x a", NOT_POSITIVE),
            ("HGETDEL h FIELDS 2 a", NOT_MATCHING),
            ("HGETEX h EX 0 FIELDS 2 a", NOT_MATCHING),
            ("HGETEX h EX -1 FIELDS 1 a", "-ERR invalid expire time, must be >= 0"),
            ("HGETEX h EX 10 FIELDS", NOT_POSITIVE),
            ("HSETEX h FIELDS 2 a 1", "-ERR wrong number of arguments for 'hsetex' command"),
            ("HSETEX h FIELDS 0 a 1", "-ERR invalid number of fields"),
            (
                "HSETEX h EX 1 KEEPTTL FIELDS 1 a 1",
                "-ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified",
            ),
            ("HSETEX h FNX FXX FIELDS 1 a 1", "-ERR Only one of FXX or FNX arguments can be specified"),
            ("HSETEX h what FIELDS 1 a 1", "-ERR unknown argument: what"),
            (
                "HSETEX h EX 1 FNX PX",
                "-ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified",
            ),
            ("HGET h a", "'1'"),
        ],
    );
}

#[test]
fn fields_are_read_and_set_with_times() {
    let mut t = Harness::new();
    check(
        &mut t,
        &[
            ("HSETEX h EX 10 FIELDS 2 a 1 b 2", "1"),
            ("HTTL h FIELDS 2 a b", "[10, 10]"),
            ("HSETEX h KEEPTTL FIELDS 1 a 3", "1"),
            ("HSETEX h FNX FIELDS 2 c 1 a 1", "0"),
            ("HSETEX h FXX FIELDS 2 c 1 a 1", "0"),
            ("HSETEX h FXX FIELDS 1 b 5", "1"),
            ("HTTL h FIELDS 2 a b", "[10, -1]"),
            ("HSETEX none FXX FIELDS 1 a 1", "0"),
            ("HSETEX none PXAT 5 FIELDS 1 a 1", "1"),
            ("EXISTS none", "0"),
            ("HGETEX h FIELDS 2 a x", "['3', nil]"),
            ("HGETEX h PX 500 FIELDS 2 a b", "['3', '5']"),
            ("HPTTL h FIELDS 2 a b", "[500, 500]"),
            ("HGETEX h PERSIST FIELDS 2 a x", "['3', nil]"),
            ("HPTTL h FIELDS 2 a b", "[-1, 500]"),
            ("HGETEX h EXAT 1 FIELDS 1 b", "['5']"),
            ("HGETALL h", "['a', '3']"),
            ("HGETEX none FIELDS 2 a b", "[nil, nil]"),
            ("HGETDEL h FIELDS 2 x x", "[nil, nil]"),
            ("HSET h b 2", "1"),
            ("HGETDEL h FIELDS 2 a a", "['3', nil]"),
            ("HGETDEL h FIELDS 1 b", "['2']"),
            ("EXISTS h", "0"),
            ("HGETDEL none FIELDS 1 b", "[nil]"),
        ],
    );
}

#[test]
fn no_command_sees_a_field_that_is_over() {
    for entries in ["128", "1"] {
        let mut t = Harness::new();
        t.run(&format!("CONFIG SET hash-max-listpack-entries {entries}"));
        t.run("HSET h a 1 b 2 c 3");
        t.run("HPEXPIRE h 10 FIELDS 2 a b");
        t.advance(9);
        assert_eq!(t.run("HLEN h"), "3");
        for command in ["COPY h copy", "RENAME h new", "MOVE new 1"] {
            assert!(!t.run(command).starts_with('-'), "{command}");
        }
        t.advance(1);
        check(
            &mut t,
            &[
                ("HGETALL copy", "['c', '3']"),
                ("SELECT 1", "OK"),
                ("HLEN new", "1"),
                ("HMGET new a b c", "[nil, nil, '3']"),
                ("HEXISTS new a", "0"),
                ("HTTL new FIELDS 2 a c", "[-2, -1]"),
                ("HRANDFIELD new 5", "['c']"),
                ("HSCAN new 0", "['0', ['c', '3']]"),
                ("HINCRBY new a 1", "1"),
                ("HTTL new FIELDS 1 a", "[-1]"),
                ("HPEXPIRE new 1 FIELDS 2 a c", "[1, 1]"),
            ],
        );
        t.advance(1);
        assert_eq!(t.run("EXISTS new"), "0");
        assert_eq!(t.run("HSET new z 1"), "1");
        assert_eq!(t.run("DBSIZE"), "1");
    }
}

#[test]
fn setting_a_field_makes_it_stay_and_increments_do_not() {
    let mut t = Harness::new();
    check(
        &mut t,
        &[
            ("HSETEX h EX 10 FIELDS 4 a 1 b 2 c 3 d 4", "1"),
            ("HSET h a 5", "0"),
            ("HINCRBY h b 5", "7"),
            ("HINCRBYFLOAT h c 0.5", "'3.5'"),
            ("HSETNX h d 1", "0"),
            ("HTTL h FIELDS 4 a b c d", "[-1, 10, 10, 10]"),
        ],
    );
}

#[test]
fn what_nobody_asks_for_goes_too() {
    let mut t = Harness::new();
    t.run("CONFIG SET hash-max-listpack-entries 4");
    for h in 0..50 {
        for f in 0..h + 1 {
            t.run(&format!("HSETEX hash:{h} PX {} FIELDS 1 field:{f} v", 10 + f % 3));
        }
    }
    t.run("HSET hash:0 stays v");
    t.run("HPERSIST hash:1 FIELDS 1 field:0");
    t.run("SET hash:2 x");
    t.run("DEL hash:3");
    t.run("SELECT 1");
    t.run("HSETEX hash:4 PX 10 FIELDS 1 a v");
    t.run("SWAPDB 0 1");
    t.run("SELECT 0");
    assert_eq!(t.run("DBSIZE"), "1");
    t.advance(10);
    sweep(&t);
    assert_eq!(t.run("DBSIZE"), "0");
    t.run("SELECT 1");
    assert_eq!(t.run("DBSIZE"), "49");
    t.advance(2);
    sweep(&t);
    assert_eq!(t.run("DBSIZE"), "3");
    assert_eq!(t.run("HGETALL hash:0"), "['stays', 'v']");
    assert_eq!(t.run("HGETALL hash:1"), "['field:0', 'v']");
    assert_eq!(t.now, START + 12);
}

#[test]
fn a_large_hash_loses_its_fields_a_few_at_a_time() {
    let mut t = Harness::new();
    for i in 0..1000 {
        t.run(&format!("HSETEX h PX {} FIELDS 1 f{i} v", 10 + i / 500));
    }
    t.run("HSET h stays 1");
    t.advance(10);
    let mut sweep = Sweep::new(0, 1);
    let mut calls = 1;
    while !sweep.run(&t.server, t.now, || false) {
        calls += 1;
    }
    assert!(calls >= 500 / 64, "{calls} calls");
    assert_eq!(t.run("HLEN h"), "501");
    t.advance(1);
    assert_eq!(t.run("HLEN h"), "1");
}

/// Fields that expire at once are gone for everybody at once, though what they take is given back a few at a time.
#[test]
fn what_expired_is_not_seen_before_it_is_freed() {
    let mut t = Harness::new();
    for i in 0..1000 {
        t.run(&format!("HSETEX h PX 10 FIELDS 1 f{i} v"));
    }
    t.run("HSET h stays 1 other 2");
    t.advance(10);
    assert_eq!(t.run("HLEN h"), "2");
    let entries = t.run("MEMORY USAGE h").parse::<usize>().unwrap();
    assert!(entries > 20_000, "{entries} B: the first look takes a few fields away, not all");
    let lines = [
        ("HGET h f999", "nil"),
        ("HRANDFIELD h 10", "['stays', 'other']"),
        ("HTTL h FIELDS 1 f998", "[-2]"),
        ("HPERSIST h FIELDS 1 f998", "[-2]"),
        ("HDEL h f997", "0"),
        ("HINCRBY h f996 5", "5"),
        ("HTTL h FIELDS 1 f996", "[-1]"),
        ("HSETNX h f995 new", "1"),
        ("HSET h f994 new", "1"),
        ("HLEN h", "5"),
        ("HDEL h f996 f995 f994 other", "4"),
        ("HGETALL h", "['stays', '1']"),
        ("HSCAN h 0 COUNT 100000", "['0', ['stays', '1']]"),
        ("COPY h copy", "1"),
        ("HGETALL copy", "['stays', '1']"),
        ("HDEL h stays", "1"),
        ("EXISTS h", "0"),
    ];
    for (line, reply) in lines {
        let got = t.run(line);
        let same = got == reply || line.starts_with("HRANDFIELD") && got == "['other', 'stays']";
        assert!(same, "{line}: {got}");
    }
    sweep(&t);
    assert_eq!(t.run("HGETALL copy"), "['stays', '1']");
}

/// A hash of which all fields expired goes as a whole.
#[test]
fn a_hash_that_expired_whole_is_freed_off_the_path() {
    let mut t = Harness::new();
    for i in 0..1000 {
        t.run(&format!("HSETEX h PX 10 FIELDS 1 f{i} v"));
    }
    t.advance(10);
    let before = t.server.store.lazy.pending() + t.server.store.lazy.freed();
    assert_eq!(t.run("HGET h f1"), "nil");
    assert_eq!(t.server.store.lazy.pending() + t.server.store.lazy.freed(), before + 1);
    assert_eq!(t.run("EXISTS h"), "0");
}
