//! SORT and SORT_RO.

use super::string::check as check_in;
use crate::command::testing::Harness;

const NOT_DOUBLES: &str = "-ERR One or more scores can't be converted into double";
const SYNTAX: &str = "-ERR syntax error";

fn check(cases: &[(&str, &str)]) {
    check_in(&mut Harness::new(), cases);
}

#[test]
fn by_number_and_by_text() {
    check(&[
        ("RPUSH l 3 10 1 2", "4"),
        ("SORT l", "['1', '2', '3', '10']"),
        ("SORT l DESC", "['10', '3', '2', '1']"),
        ("SORT l desc ASC", "['1', '2', '3', '10']"),
        ("SORT l ALPHA", "['1', '10', '2', '3']"),
        ("SORT_RO l ALPHA DESC", "['3', '2', '10', '1']"),
        ("RPUSH f 1.5 -2e3 inf -inf 0x 7", "6"),
        ("SORT f", NOT_DOUBLES),
        ("LREM f 0 0x", "1"),
        ("SORT f", "['-inf', '-2e3', '1.5', '7', 'inf']"),
        ("RPUSH n nan", "1"),
        ("SORT n", NOT_DOUBLES),
        ("RPUSH big 1e999", "1"),
        ("SORT big", NOT_DOUBLES),
        ("SORT n ALPHA", "['nan']"),
        ("SADD s b c a", "3"),
        ("SORT s ALPHA", "['a', 'b', 'c']"),
        ("SORT s", NOT_DOUBLES),
        ("SORT none", "[]"),
        ("SET string v", "OK"),
        ("SORT string", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("HSET hash a 1", "1"),
        ("SORT hash", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
    ]);
    let mut t = Harness::new();
    t.run_args(&[b"RPUSH", b"l", b"", b" 5", b"-1"]);
    assert_eq!(t.run("SORT l"), "['-1', '', ' 5']");
}

#[test]
fn parts_of_the_result() {
    check(&[
        ("RPUSH l 5 4 3 2 1", "5"),
        ("SORT l LIMIT 0 2", "['1', '2']"),
        ("SORT l LIMIT 3 10", "['4', '5']"),
        ("SORT l LIMIT 2 -1", "['3', '4', '5']"),
        ("SORT l LIMIT 2 0", "[]"),
        ("SORT l LIMIT -5 1", "['1']"),
        ("SORT l LIMIT 9 1", "[]"),
        ("SORT l LIMIT 1 9223372036854775807", "['2', '3', '4', '5']"),
        ("SORT l LIMIT 9223372036854775807 9223372036854775807", "[]"),
        ("SORT l LIMIT 1", SYNTAX),
        ("SORT l LIMIT x 1", "-ERR value is not an integer or out of range"),
        ("SORT l LIMIT 1 2 DESC", "['4', '3']"),
        // In the order that the list has.
        ("SORT l BY nosort", "['5', '4', '3', '2', '1']"),
        ("SORT l BY nosort DESC", "['1', '2', '3', '4', '5']"),
        ("SORT l BY nosort LIMIT 1 2", "['4', '3']"),
        ("SORT l BY nosort DESC LIMIT 1 2", "['2', '3']"),
        ("SORT l BY nosort LIMIT 5 2", "[]"),
        ("SORT l FOO", SYNTAX),
        ("SORT l BY", SYNTAX),
        ("SORT l STORE", SYNTAX),
        ("SORT_RO l STORE d", SYNTAX),
    ]);
}

#[test]
fn keys_by_patterns() {
    check(&[
        ("RPUSH l 1 2 3", "3"),
        ("MSET w1 30 w2 10 w3 20 n1 one n3 three", "OK"),
        ("HSET h1 f x g 3", "2"),
        ("HSET h2 f y g 2", "2"),
        ("SORT l BY w*", "['2', '3', '1']"),
        ("SORT l BY w* DESC GET # GET n*", "['1', 'one', '3', 'three', '2', nil]"),
        ("SORT l BY h*->g", "['3', '2', '1']"),
        ("SORT l BY h*->f ALPHA GET h*->f", "[nil, 'x', 'y']"),
        ("SORT l GET nostar", "[nil, nil, nil]"),
        ("SORT l GET h*", "[nil, nil, nil]"),
        ("SORT l GET w*->f", "[nil, nil, nil]"),
        ("SORT l BY n*", NOT_DOUBLES),
        ("SORT l BY n* ALPHA", "['2', '1', '3']"),
        ("SORT l BY n* ALPHA DESC", "['3', '1', '2']"),
        ("SET *-> odd", "OK"),
        ("SET 1-> arrow", "OK"),
        ("SORT l GET *-> LIMIT 0 1", "['arrow']"),
        // Of the same weight: by themselves.
        ("SORT l BY none* DESC", "['3', '2', '1']"),
        ("EXPIRE w2 -1", "1"),
        ("SORT l BY w*", "['2', '3', '1']"),
    ]);
}

#[test]
fn sorted_sets_are_in_their_own_order_unless_sorted() {
    check(&[
        ("ZADD z 1 30 2 20 3 10 4 5", "4"),
        ("SORT z", "['5', '10', '20', '30']"),
        ("SORT z ALPHA DESC", "['5', '30', '20', '10']"),
        ("SORT z BY nosort", "['30', '20', '10', '5']"),
        ("SORT z BY nosort DESC", "['5', '10', '20', '30']"),
        ("SORT z BY nosort DESC LIMIT 1 2", "['10', '20']"),
        ("SORT z BY nosort ASC LIMIT 1 2", "['20', '10']"),
        ("SORT z BY nosort LIMIT 4 2", "[]"),
    ]);
}

#[test]
fn results_are_stored_as_lists() {
    check(&[
        ("RPUSH l 3 1 2", "3"),
        ("SET n1 one", "OK"),
        ("SORT l STORE d", "3"),
        ("LRANGE d 0 -1", "['1', '2', '3']"),
        ("TYPE d", "list"),
        ("SORT l GET n* GET # STORE d", "6"),
        ("LRANGE d 0 -1", "['one', '1', '', '2', '', '3']"),
        ("SORT l STORE x STORE l DESC", "3"),
        ("LRANGE l 0 -1", "['3', '2', '1']"),
        ("EXISTS x", "0"),
        ("SORT none STORE d", "0"),
        ("EXISTS d", "0"),
        ("SADD s 10 9 1", "3"),
        ("SORT s BY nosort STORE d", "3"),
        ("LRANGE d 0 -1", "['1', '10', '9']"),
        ("SORT l BY store LIMIT 0 1 STORE by", "1"),
        ("LRANGE by 0 -1", "['3']"),
        ("COMMAND GETKEYS SORT l BY store GET store STORE d", "['l', 'd']"),
        ("COMMAND GETKEYS SORT_RO l BY store", "['l']"),
    ]);
}

#[test]
fn the_first_of_many_are_those_of_all() {
    let mut t = Harness::new();
    let mut random = fastrand::Rng::with_seed(5);
    for _ in 0..2000 {
        t.run(&format!("RPUSH l {}", random.i32(-500..500)));
    }
    let all = t.run("SORT l");
    let all: Vec<&str> = all.trim_matches(['[', ']']).split(", ").collect();
    for (from, count) in [(0, 10), (1990, 100), (700, 1), (0, 2000)] {
        let part = t.run(&format!("SORT l LIMIT {from} {count}"));
        let want = all[from..(from + count).min(2000)].join(", ");
        assert_eq!(part, format!("[{want}]"), "{from} {count}");
    }
}

#[test]
fn patterns_are_for_users_who_may_read_every_key() {
    let mut t = Harness::new();
    check_in(
        &mut t,
        &[
            ("RPUSH l 2 1", "2"),
            ("ACL SETUSER some on nopass +sort +sort_ro ~l", "OK"),
            ("ACL SETUSER every on nopass +sort %R~*", "OK"),
            ("AUTH some x", "OK"),
            ("SORT l", "['1', '2']"),
            ("SORT l BY nosort", "['2', '1']"),
            ("SORT l BY w*", "-ERR BY option of SORT denied due to insufficient ACL permissions."),
            ("SORT_RO l GET #", "-ERR GET option of SORT denied due to insufficient ACL permissions."),
            ("SORT l STORE d", "-NOPERM No permissions to access a key"),
            ("AUTH every x", "OK"),
            ("SORT l BY w* GET #", "['1', '2']"),
        ],
    );
}
