//! The list group.

use super::string::check as check_in;
use crate::command::testing::Harness;
use std::sync::atomic::Ordering::Relaxed;

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const NOT_INT: &str = "-ERR value is not an integer or out of range";

fn check(cases: &[(&str, &str)]) {
    check_in(&mut Harness::new(), cases);
}

#[test]
fn pushes_and_pops() {
    check(&[
        ("LPUSH k a b", "2"),
        ("RPUSH k c", "3"),
        ("LRANGE k 0 -1", "['b', 'a', 'c']"),
        ("LLEN k", "3"),
        ("LPUSHX k d", "4"),
        ("RPUSHX k e", "5"),
        ("LPUSHX none d", "0"),
        ("LLEN none", "0"),
        ("LPOP k", "'d'"),
        ("RPOP k 2", "['e', 'c']"),
        ("LPOP k 0", "[]"),
        ("LPOP none", "nil"),
        ("LPOP none 2", "nil"),
        ("LPOP none 0", "nil"),
        ("LPOP k -1", "-ERR value is out of range, must be positive"),
        ("LPOP k x", "-ERR value is out of range, must be positive"),
        ("LPOP k 1 2", "-ERR wrong number of arguments for 'lpop' command"),
        ("LPOP k 9", "['b', 'a']"),
        ("LLEN k", "0"),
        ("RPUSH k a b c", "3"),
        ("RPOP k 9", "['c', 'b', 'a']"),
        ("LRANGE k 0 -1", "[]"),
    ]);
}

#[test]
fn indices_count_from_either_end() {
    check(&[
        ("RPUSH k a b c d", "4"),
        ("LINDEX k 0", "'a'"),
        ("LGET k -1", "'d'"),
        ("LINDEX k 4", "nil"),
        ("LINDEX k -5", "nil"),
        ("LINDEX k x", NOT_INT),
        ("LINDEX none x", "nil"),
        ("LRANGE k 1 2", "['b', 'c']"),
        ("LRANGE k -3 -2", "['b', 'c']"),
        ("LRANGE k -100 100", "['a', 'b', 'c', 'd']"),
        ("LRANGE k 2 1", "[]"),
        ("LRANGE k 4 9", "[]"),
        ("LRANGE k 0 -9", "[]"),
        ("LRANGE k -9223372036854775808 9223372036854775807", "['a', 'b', 'c', 'd']"),
        ("LRANGE k 0 x", NOT_INT),
        ("LRANGE none x 0", NOT_INT),
        ("LSET k -1 D", "OK"),
        ("LSET k 4 x", "-ERR index out of range"),
        ("LSET k x y", NOT_INT),
        ("LSET none x y", "-ERR no such key"),
        ("LTRIM k 1 -1", "OK"),
        ("LRANGE k 0 -1", "['b', 'c', 'D']"),
        ("LTRIM k 5 9", "OK"),
        ("LLEN k", "0"),
        ("LTRIM none x 9", NOT_INT),
        ("LTRIM none 0 9", "OK"),
    ]);
}

#[test]
fn moves_and_multi_pops() {
    check(&[
        ("RPUSH a 1 2 3", "3"),
        ("LMOVE a b LEFT RIGHT", "'1'"),
        ("LMOVE a b right left", "'3'"),
        ("LRANGE b 0 -1", "['3', '1']"),
        ("RPOPLPUSH a a", "'2'"),
        ("RPOPLPUSH b b", "'1'"),
        ("LRANGE b 0 -1", "['1', '3']"),
        ("LMOVE a b LEFT UP", "-ERR syntax error"),
        ("LMOVE none b LEFT LEFT", "nil"),
        ("RPOPLPUSH a b", "'2'"),
        ("LLEN a", "0"),
        ("SET s v", "OK"),
        ("LMOVE b s LEFT LEFT", WRONG_TYPE),
        ("LMOVE s b LEFT LEFT", WRONG_TYPE),
        ("LMOVE none s LEFT LEFT", "nil"),
        ("LLEN b", "3"),
        ("LMPOP 2 none b LEFT", "['b', ['2']]"),
        ("LMPOP 1 b RIGHT COUNT 9", "['b', ['3', '1']]"),
        ("LMPOP 1 b RIGHT", "nil"),
        ("LMPOP 0 b LEFT", "-ERR numkeys should be greater than 0"),
        ("LMPOP x b LEFT", "-ERR numkeys should be greater than 0"),
        ("LMPOP 2 b LEFT", "-ERR syntax error"),
        ("LMPOP 1 b LEFT COUNT 0", "-ERR count should be greater than 0"),
        ("LMPOP 1 b LEFT COUNT", "-ERR syntax error"),
        ("LMPOP 1 b LEFT COUNT 1 COUNT 1", "-ERR syntax error"),
        ("LMPOP 2 none s LEFT", WRONG_TYPE),
    ]);
}

#[test]
fn finds_elements() {
    check(&[
        ("RPUSH k a b c 1 2 3 c c", "8"),
        ("LPOS k c", "2"),
        ("LPOS k x", "nil"),
        ("LPOS k c RANK 2", "6"),
        ("LPOS k c RANK -1", "7"),
        ("LPOS k c RANK 4", "nil"),
        ("LPOS k c COUNT 0", "[2, 6, 7]"),
        ("LPOS k c COUNT 2", "[2, 6]"),
        ("LPOS k c COUNT 2 RANK -1", "[7, 6]"),
        ("LPOS k c COUNT 0 MAXLEN 7", "[2, 6]"),
        ("LPOS k c RANK -1 COUNT 0 MAXLEN 2", "[7, 6]"),
        ("LPOS k c RANK -2 COUNT 1", "[6]"),
        ("LPOS k x COUNT 0", "[]"),
        ("LPOS none x", "nil"),
        ("LPOS none x COUNT 3", "[]"),
        ("LPOS k c COUNT -1", "-ERR COUNT can't be negative"),
        ("LPOS k c MAXLEN x", "-ERR MAXLEN can't be negative"),
        ("LPOS k c RANK x", NOT_INT),
        ("LPOS k c RANK", "-ERR syntax error"),
        ("LPOS k c NO 1", "-ERR syntax error"),
        ("LINSERT k BEFORE b x", "9"),
        ("LINSERT k after c y", "10"),
        ("LINSERT k AFTER none z", "-1"),
        ("LINSERT none BEFORE b x", "0"),
        ("LINSERT k NEAR b x", "-ERR syntax error"),
        ("LRANGE k 0 4", "['a', 'x', 'b', 'c', 'y']"),
        ("LREM k -2 c", "2"),
        ("LREM k 1 c", "1"),
        ("LREM k 0 c", "0"),
        ("LREM k x c", NOT_INT),
        ("LREM none 0 c", "0"),
        ("LRANGE k 0 -1", "['a', 'x', 'b', 'y', '1', '2', '3']"),
        (
            "LREM k -9223372036854775808 c",
            "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        ),
    ]);
}

#[test]
fn other_types_are_refused() {
    check(&[
        ("SET s v", "OK"),
        ("LPUSH s a", WRONG_TYPE),
        ("LPUSHX s a", WRONG_TYPE),
        ("LPOP s", WRONG_TYPE),
        ("LPOP s x", "-ERR value is out of range, must be positive"),
        ("LLEN s", WRONG_TYPE),
        ("LINDEX s x", WRONG_TYPE),
        ("LRANGE s 0 0", WRONG_TYPE),
        ("LSET s x v", WRONG_TYPE),
        ("LTRIM s 0 0", WRONG_TYPE),
        ("LPOS s a", WRONG_TYPE),
        ("LREM s 0 a", WRONG_TYPE),
        ("LINSERT s BEFORE a b", WRONG_TYPE),
        ("HSET h f v", "1"),
        ("RPUSH h a", WRONG_TYPE),
        ("GET h", WRONG_TYPE),
        ("RPUSH l a", "1"),
        ("GET l", WRONG_TYPE),
        ("HGET l f", WRONG_TYPE),
        ("GET s", "'v'"),
        ("SET l now-a-string", "OK"),
        ("GET l", "'now-a-string'"),
    ]);
}

#[test]
fn nulls_are_resp3s() {
    let mut t = Harness::new();
    t.run("HELLO 3");
    for (line, want) in
        [("LPOP k", "nil"), ("LPOP k 2", "nil"), ("LMPOP 1 k LEFT", "nil"), ("LPOS k x", "nil")]
    {
        assert_eq!(t.run(line), want, "{line}");
    }
}

#[test]
fn new_lists_get_the_default_lifetime() {
    let mut t = Harness::new();
    t.server.settings.default_ttl.store(1000, Relaxed);
    assert_eq!(t.run("RPUSH k a"), "1");
    t.advance(999);
    assert_eq!(t.run("RPUSH k b"), "2");
    t.advance(1);
    assert_eq!(t.run("LLEN k"), "0");
}

#[test]
fn long_lists_work_end_to_end() {
    let mut t = Harness::new();
    for i in 0..3000 {
        t.run(&format!("RPUSH k element-{i:05}"));
    }
    assert_eq!(t.run("LINDEX k 1500"), "'element-01500'");
    assert_eq!(t.run("LRANGE k 2998 -1"), "['element-02998', 'element-02999']");
    assert_eq!(t.run("LTRIM k 1000 -1001"), "OK");
    assert_eq!(t.run("LLEN k"), "1000");
    assert_eq!(t.run("LPOS k element-01999 RANK -1"), "999");
    assert_eq!(t.run("LINSERT k BEFORE element-01500 x"), "1001");
    assert_eq!(t.run("LRANGE k 499 501"), "['element-01499', 'x', 'element-01500']");
    assert!(t.run("LPOP k 1001").ends_with("'element-01999']"));
    assert_eq!(t.run("LLEN k"), "0");
}
