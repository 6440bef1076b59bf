//! The sorted set group.

use super::string::check as check_in;
use crate::command::testing::Harness;
use std::collections::BTreeSet;

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const NOT_INT: &str = "-ERR value is not an integer or out of range";
const NOT_A_FLOAT: &str = "-ERR value is not a valid float";
const SYNTAX: &str = "-ERR syntax error";

fn check(cases: &[(&str, &str)]) {
    check_in(&mut Harness::new(), cases);
    // The same in the large form.
    let mut large = Harness::new();
    large.run("CONFIG SET zset-max-listpack-entries 0");
    check_in(&mut large, cases);
}

#[test]
fn adds_and_tells_scores() {
    check(&[
        ("ZADD z 1 a 2 b", "2"),
        ("ZADD z 3 b 4.5 c", "1"),
        ("ZADD z CH 3 b 5 c", "1"),
        ("ZADD z 1", "-ERR wrong number of arguments for 'zadd' command"),
        ("ZADD z 1 a 2", SYNTAX),
        ("ZADD z NX CH", SYNTAX),
        ("ZADD z x a", NOT_A_FLOAT),
        ("ZADD z 1 new nan a", NOT_A_FLOAT),
        ("ZADD z 1e400 a", NOT_A_FLOAT),
        ("ZSCORE z new", "nil"),
        ("ZADD z NX XX 1 a", "-ERR XX and NX options at the same time are not compatible"),
        ("ZADD z GT LT 1 a", "-ERR GT, LT, and/or NX options at the same time are not compatible"),
        ("ZADD z NX GT 1 a", "-ERR GT, LT, and/or NX options at the same time are not compatible"),
        ("ZADD z INCR 1 a 2 b", "-ERR INCR option supports a single increment-element pair"),
        ("ZADD z NX 9 a 9 d", "1"),
        ("ZADD z XX CH 2 a 9 e", "1"),
        ("ZADD z GT CH 1 a 10 d 0 f", "2"),
        ("ZADD z LT CH 1 a 11 d", "1"),
        ("ZADD z INCR 0.5 a", "'1.5'"),
        ("ZADD z NX INCR 1 a", "nil"),
        ("ZADD z GT INCR -1 a", "nil"),
        ("ZADD z XX INCR 1 none", "nil"),
        ("ZADD none XX INCR 1 a", "nil"),
        ("ZADD none XX 1 a", "0"),
        ("EXISTS none", "0"),
        ("ZINCRBY z 2 a", "'3.5'"),
        ("ZINCRBY z 2 g", "'2'"),
        ("ZINCRBY z x g", NOT_A_FLOAT),
        ("ZADD z inf i", "1"),
        ("ZINCRBY z -inf i", "-ERR resulting score is not a number (NaN)"),
        ("ZSCORE z i", "'inf'"),
        ("ZMSCORE z a none c", "['3.5', nil, '5']"),
        ("ZMSCORE none a", "[nil]"),
        ("ZCARD z", "7"),
        ("ZCARD none", "0"),
        ("ZREM z a b none a", "2"),
        ("ZREM z c d f g i", "5"),
        ("EXISTS z", "0"),
        ("ZREM z a", "0"),
        ("TYPE z", "none"),
    ]);
}

#[test]
fn ranges_of_ranks_scores_and_names() {
    check(&[
        ("ZADD z 1 a 2 b 2 c 3 d", "4"),
        ("ZRANGE z 0 -1", "['a', 'b', 'c', 'd']"),
        ("ZRANGE z 1 2 WITHSCORES", "['b', '2', 'c', '2']"),
        ("ZRANGE z 0 1 REV", "['d', 'c']"),
        ("ZRANGE z -2 -1 REV", "['b', 'a']"),
        ("ZRANGE z 9223372036854775807 -9223372036854775808", "[]"),
        ("ZRANGE z -9223372036854775808 9223372036854775807", "['a', 'b', 'c', 'd']"),
        ("ZREVRANGE z 0 0 WITHSCORES", "['d', '3']"),
        ("ZRANGE z 2 3 BYSCORE", "['b', 'c', 'd']"),
        ("ZRANGE z (2 +inf BYSCORE", "['d']"),
        ("ZRANGE z 3 (1 BYSCORE REV LIMIT 1 1", "['c']"),
        ("ZRANGEBYSCORE z -inf (3 WITHSCORES LIMIT 1 -1", "['b', '2', 'c', '2']"),
        ("ZRANGEBYSCORE z -inf inf LIMIT -1 2", "[]"),
        ("ZRANGEBYSCORE z -inf inf LIMIT 0 0", "[]"),
        ("ZREVRANGEBYSCORE z 3 2", "['d', 'c', 'b']"),
        ("ZREVRANGEBYSCORE z 2 3", "[]"),
        ("ZCOUNT z 2 2", "2"),
        ("ZCOUNT z (2 (2", "0"),
        ("ZCOUNT z (2 2", "0"),
        ("ZCOUNT z x 2", "-ERR min or max is not a float"),
        ("ZADD n 0 a 0 b 0 c 0 d", "4"),
        ("ZRANGEBYLEX n - +", "['a', 'b', 'c', 'd']"),
        ("ZRANGEBYLEX n [b (d", "['b', 'c']"),
        ("ZRANGEBYLEX n (b [d LIMIT 1 5", "['d']"),
        ("ZREVRANGEBYLEX n + (b", "['d', 'c']"),
        ("ZRANGE n [c - BYLEX REV", "['c', 'b', 'a']"),
        ("ZRANGEBYLEX n + -", "[]"),
        ("ZRANGEBYLEX n a +", "-ERR min or max not valid string range item"),
        ("ZLEXCOUNT n - +", "4"),
        ("ZLEXCOUNT n (a [c", "2"),
        ("ZLEXCOUNT none - +", "0"),
        (
            "ZRANGE z 0 1 LIMIT 0 1",
            "-ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
        ),
        (
            "ZRANGE n - + BYLEX WITHSCORES",
            "-ERR syntax error, WITHSCORES not supported in combination with BYLEX",
        ),
        ("ZRANGE z 0 1 BYLEX BYSCORE", SYNTAX),
        ("ZRANGE z 0 x", NOT_INT),
        ("ZREVRANGE z 0 1 REV", SYNTAX),
        ("ZRANGEBYSCORE z 0 1 LIMIT 0", SYNTAX),
        ("ZRANGEBYSCORE z 0 1 LIMIT 0 x", NOT_INT),
        ("ZRANGE none 0 -1", "[]"),
        ("ZRANK z c", "2"),
        ("ZREVRANK z c", "1"),
        ("ZRANK z none", "nil"),
        ("ZRANK none c", "nil"),
        ("ZRANK z c WITHSCORE", "[2, '2']"),
        ("ZREVRANK z d WITHSCORE", "[0, '3']"),
        ("ZRANK z none WITHSCORE", "nil"),
        ("ZRANK z c x", SYNTAX),
        ("ZRANK z c WITHSCORE x", "-ERR wrong number of arguments for 'zrank' command"),
        ("ZRANGESTORE t z 1 2", "2"),
        ("ZRANGE t 0 -1 WITHSCORES", "['b', '2', 'c', '2']"),
        ("ZRANGESTORE t z (1 3 BYSCORE LIMIT 2 1", "1"),
        ("ZRANGE t 0 -1", "['d']"),
        ("ZRANGESTORE t z 0 1 REV", "2"),
        ("ZRANGE t 0 -1", "['c', 'd']"),
        ("ZRANGESTORE t z 0 1 WITHSCORES", SYNTAX),
        ("ZRANGESTORE t none 0 -1", "0"),
        ("EXISTS t", "0"),
        ("ZREMRANGEBYRANK z 1 1", "1"),
        ("ZREMRANGEBYSCORE z (1 2", "1"),
        ("ZREMRANGEBYLEX n [b [c", "2"),
        ("ZREMRANGEBYLEX n - +", "2"),
        ("ZREMRANGEBYRANK z 0 -1", "2"),
        ("ZREMRANGEBYRANK z 0 -1", "0"),
        ("DBSIZE", "0"),
    ]);
}

#[test]
fn pops() {
    check(&[
        ("ZADD z 1 a 2 b 3 c 4 d 5 e 6 f", "6"),
        ("ZPOPMIN z", "['a', '1']"),
        ("ZPOPMAX z 2", "['f', '6', 'e', '5']"),
        ("ZPOPMIN z 0", "[]"),
        ("ZPOPMIN z -1", "-ERR value is out of range, must be positive"),
        ("ZPOPMIN z 1 2", SYNTAX),
        ("ZPOPMIN none", "[]"),
        ("ZMPOP 2 none z MAX", "['z', [['d', '4']]]"),
        ("ZMPOP 1 none MIN", "nil"),
        ("ZMPOP 0 z MIN", "-ERR numkeys should be greater than 0"),
        ("ZMPOP 1 z MIN COUNT 0", "-ERR count should be greater than 0"),
        ("ZMPOP 1 z MIN COUNT 1 x", SYNTAX),
        ("ZMPOP 2 z MIN", SYNTAX),
        ("ZMPOP 1 z MIN COUNT 10", "['z', [['b', '2'], ['c', '3']]]"),
        ("EXISTS z", "0"),
    ]);
}

#[test]
fn unions_intersections_and_differences() {
    check(&[
        ("ZADD a 1 x 2 y 3 z", "3"),
        ("ZADD b 10 y 20 z 30 w", "3"),
        ("SADD s y w", "2"),
        ("SADD i 1 2", "2"),
        ("ZUNION 2 a b WITHSCORES", "['x', '1', 'y', '12', 'z', '23', 'w', '30']"),
        (
            "ZUNION 2 a b WEIGHTS 2 -1 AGGREGATE MIN WITHSCORES",
            "['w', '-30', 'z', '-20', 'y', '-10', 'x', '2']",
        ),
        ("ZINTER 3 a b s WITHSCORES", "['y', '13']"),
        ("ZINTER 2 a none", "[]"),
        ("ZINTER 2 a b WEIGHTS 1 0.5 AGGREGATE MAX WITHSCORES", "['y', '5', 'z', '10']"),
        ("ZDIFF 2 a s WITHSCORES", "['x', '1', 'z', '3']"),
        ("ZDIFF 2 none a", "[]"),
        ("ZUNION 2 i s WITHSCORES", "['1', '1', '2', '1', 'w', '1', 'y', '1']"),
        ("ZINTERCARD 2 a b", "2"),
        ("ZINTERCARD 2 a b LIMIT 1", "1"),
        ("ZINTERCARD 2 a b LIMIT -1", "-ERR LIMIT can't be negative"),
        ("ZUNIONSTORE t 2 a b", "4"),
        ("ZRANGE t 0 -1", "['x', 'y', 'z', 'w']"),
        ("ZINTERSTORE t 2 t s AGGREGATE SUM", "2"),
        ("ZRANGE t 0 -1 WITHSCORES", "['y', '13', 'w', '31']"),
        ("ZDIFFSTORE t 2 a a", "0"),
        ("EXISTS t", "0"),
        ("ZUNION 0 a", "-ERR at least 1 input key is needed for 'zunion' command"),
        ("ZUNIONSTORE t -1 a", "-ERR at least 1 input key is needed for 'zunionstore' command"),
        ("ZUNION 3 a b", SYNTAX),
        ("ZUNION x a", NOT_INT),
        ("ZUNION 2 a b WEIGHTS 1", SYNTAX),
        ("ZUNION 2 a b WEIGHTS 1 x", "-ERR weight value is not a float"),
        ("ZUNION 2 a b AGGREGATE AVG", SYNTAX),
        ("ZDIFF 2 a b WEIGHTS 1 2", SYNTAX),
        ("ZUNIONSTORE t 1 a WITHSCORES", SYNTAX),
        ("ZADD inf inf x", "1"),
        ("ZADD inf2 -inf x", "1"),
        ("ZUNION 2 inf inf2 WITHSCORES", "['x', '0']"),
        ("ZUNION 1 inf WEIGHTS 0 WITHSCORES", "['x', '0']"),
    ]);
}

#[test]
fn other_types_are_refused() {
    check(&[
        ("SET s v", "OK"),
        ("ZADD s 1 a", WRONG_TYPE),
        ("ZADD s x a", NOT_A_FLOAT),
        ("ZINCRBY s 1 a", WRONG_TYPE),
        ("ZREM s a", WRONG_TYPE),
        ("ZCARD s", WRONG_TYPE),
        ("ZSCORE s a", WRONG_TYPE),
        ("ZRANK s a", WRONG_TYPE),
        ("ZRANGE s 0 -1", WRONG_TYPE),
        ("ZRANGESTORE t s 0 -1", WRONG_TYPE),
        ("ZCOUNT s 0 1", WRONG_TYPE),
        ("ZREMRANGEBYRANK s 0 1", WRONG_TYPE),
        ("ZPOPMIN s", WRONG_TYPE),
        ("ZPOPMIN s 0", WRONG_TYPE),
        ("ZMPOP 2 none s MIN", WRONG_TYPE),
        ("ZUNION 2 none s", WRONG_TYPE),
        ("ZUNIONSTORE t 1 s WRONG", WRONG_TYPE),
        ("ZINTERCARD 1 s", WRONG_TYPE),
        ("ZRANDMEMBER s", WRONG_TYPE),
        ("ZSCAN s 0", WRONG_TYPE),
        ("ZADD z 1 a", "1"),
        ("GET z", WRONG_TYPE),
        ("LPUSH z a", WRONG_TYPE),
        ("ZRANGESTORE s z 0 -1", "1"),
        ("TYPE s", "zset"),
    ]);
}

#[test]
fn scans_and_random_members() {
    let mut t = Harness::new();
    check_in(
        &mut t,
        &[
            ("ZADD z 1 a 0.1 b", "2"),
            ("ZSCAN z 0", "['0', ['b', '0.1', 'a', '1']]"),
            ("ZSCAN z 0 MATCH a* COUNT 5", "['0', ['a', '1']]"),
            ("ZSCAN z 0 COUNT 0", SYNTAX),
            ("ZSCAN z x", "-ERR invalid cursor"),
            ("ZSCAN none 0 COUNT x", "['0', []]"),
            ("ZRANDMEMBER none", "nil"),
            ("ZRANDMEMBER none 3", "[]"),
            ("ZRANDMEMBER z 0", "[]"),
            ("ZRANDMEMBER z 5 WITHSCORES", "['b', '0.1', 'a', '1']"),
            ("ZRANDMEMBER z 5 x", SYNTAX),
            (
                "ZRANDMEMBER z -9223372036854775808",
                "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
            ),
            ("ZRANDMEMBER z -9223372036854775807 WITHSCORES", "-ERR value is out of range"),
        ],
    );
    for i in 0..1000 {
        t.run(&format!("ZADD l {i}.1 member-{i}"));
    }
    let (mut cursor, mut seen) = ("0".to_owned(), BTreeSet::new());
    loop {
        let reply = t.run(&format!("ZSCAN l {cursor} COUNT 50"));
        seen.extend(reply.split('\'').filter(|word| word.starts_with("member-")).map(str::to_owned));
        assert!(!reply.contains("'member-0'") || reply.contains("'0.10000000000000001'"));
        cursor = reply.split('\'').nth(1).unwrap().to_owned();
        if cursor == "0" {
            break;
        }
    }
    assert_eq!(seen.len(), 1000);
    for count in [10, 500, 1000, 2000] {
        let reply = t.run(&format!("ZRANDMEMBER l {count}"));
        let distinct: BTreeSet<&str> = reply.split(", ").map(|item| item.trim_matches(['[', ']'])).collect();
        assert_eq!(distinct.len(), count.min(1000), "{count}");
    }
    assert_eq!(t.run("ZRANDMEMBER l -2000").split(' ').count(), 2000);
}

#[test]
fn resp3_has_doubles_and_pairs() {
    let mut t = Harness::new();
    t.run("HELLO 3");
    for (line, want) in [
        ("ZADD z 1 a 2.5 b", "2"),
        ("ZADD z INCR 1 a", "Double(2.0)"),
        ("ZSCORE z b", "Double(2.5)"),
        ("ZRANGE z 0 -1 WITHSCORES", "[['a', Double(2.0)], ['b', Double(2.5)]]"),
        ("ZUNION 1 z WITHSCORES", "[['a', Double(2.0)], ['b', Double(2.5)]]"),
        ("ZRANDMEMBER z 2 WITHSCORES", "[['a', Double(2.0)], ['b', Double(2.5)]]"),
        ("ZSCAN z 0", "['0', ['a', '2', 'b', '2.5']]"),
        ("ZRANK z b WITHSCORE", "[1, Double(2.5)]"),
        ("ZPOPMIN z 1", "[['a', Double(2.0)]]"),
        ("ZPOPMIN z", "['b', Double(2.5)]"),
    ] {
        assert_eq!(t.run(line), want, "{line}");
    }
}

#[test]
fn forms_change_at_their_sizes() {
    let mut t = Harness::new();
    t.run("ZADD z 1 a");
    assert_eq!(t.run("OBJECT ENCODING z"), "'listpack'");
    t.run(&format!("ZADD z 1 {}", "x".repeat(65)));
    assert_eq!(t.run("OBJECT ENCODING z"), "'skiplist'");
    for i in 0..129 {
        assert_eq!(t.run("OBJECT ENCODING m"), if i == 0 { "nil" } else { "'listpack'" });
        t.run(&format!("ZADD m {i} {i}"));
    }
    assert_eq!(t.run("OBJECT ENCODING m"), "'skiplist'");
    t.run("ZRANGESTORE n m 0 9");
    assert_eq!(t.run("OBJECT ENCODING n"), "'listpack'");
    t.run("CONFIG SET zset-max-ziplist-entries 1");
    t.run("ZADD p 1 a 2 b");
    assert_eq!(t.run("OBJECT ENCODING p"), "'skiplist'");
    assert_eq!(t.run("COPY m q"), "1");
    assert_eq!(t.run("ZRANGE q 0 -1"), t.run("ZRANGE m 0 -1"));
}

#[test]
fn waiting_pops() {
    let mut first = Harness::new();
    let mut second = Harness::of(std::sync::Arc::clone(&first.server));
    assert_eq!(first.run("BZPOPMIN a b 0"), "");
    assert_eq!(second.run("ZADD b 1 x 2 y"), "2");
    assert_eq!(first.served().as_deref(), Some("['b', 'x', '1']"));
    assert_eq!(first.run("BZMPOP 0 2 a b MAX COUNT 5"), "['b', [['y', '2']]]");
    assert_eq!(second.run("EXISTS b"), "0");
    assert_eq!(first.run("BZMPOP 0 2 a b MIN"), "");
    assert_eq!(second.run("ZINCRBY a 1.5 m"), "'1.5'");
    assert_eq!(first.served().as_deref(), Some("['a', [['m', '1.5']]]"));
    for (line, want) in [
        ("BZPOPMAX a x", "-ERR timeout is not a float or out of range"),
        ("BZPOPMAX a -1", "-ERR timeout is negative"),
        ("BZMPOP 0 0 a MIN", "-ERR numkeys should be greater than 0"),
        ("BZMPOP 0 1 a LEFT", SYNTAX),
    ] {
        assert_eq!(first.run(line), want, "{line}");
    }
}
