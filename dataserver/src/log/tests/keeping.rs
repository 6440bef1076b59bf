//! Reads on a server on which only the log says what is gone.

use super::super::testing::Mirror;
use crate::command::testing::Harness;
use crate::sweep::Sweep;

/// A server, and one that follows and keeps what is over, with a clock that runs ahead.
fn pair() -> (Harness, Mirror) {
    let first = Harness::new();
    let mut mirror = Mirror::of(&first.server);
    mirror.second.server.store.set_keeps(true);
    mirror.second.advance(1000);
    (first, mirror)
}

#[test]
fn a_key_that_is_over_is_not_seen_and_stays() {
    let (mut first, mut mirror) = pair();
    first.run("SET k v PX 500");
    first.run("SADD s a");
    first.run("PEXPIRE s 500");
    mirror.follow();
    for (line, reply) in [
        ("GET k", "nil"),
        ("EXISTS k s", "0"),
        ("TTL k", "-2"),
        ("TYPE k", "none"),
        ("KEYS *", "[]"),
        ("SMEMBERS s", "~[]"),
        ("SINTER s s", "~[]"),
        ("OBJECT ENCODING k", "nil"),
    ] {
        let got = mirror.second.run(line);
        assert_eq!(got.replace('~', ""), reply.replace('~', ""), "{line}");
    }
    assert!(Sweep::new(0, 1).run(&mirror.second.server, mirror.second.now, || true));
    assert_eq!(mirror.differences(), "");
    first.run("PERSIST k");
    mirror.follow();
    assert_eq!(mirror.second.run("GET k"), "'v'");
    first.advance(500);
    first.run("EXISTS s");
    mirror.follow();
    assert_eq!(mirror.differences(), "");
    assert_eq!(mirror.second.run("DBSIZE"), "1");
}

#[test]
fn fields_that_are_over_are_not_seen_and_stay() {
    for entries in ["128", "1"] {
        let (mut first, mut mirror) = pair();
        mirror.second.run(&format!("CONFIG SET hash-max-listpack-entries {entries}"));
        first.run("HSET h a 1 b 2 c 3");
        first.run("HPEXPIRE h 500 FIELDS 2 a b");
        first.run("HSET all x 1 y 2");
        first.run("HPEXPIRE all 500 FIELDS 2 x y");
        mirror.follow();
        for (line, reply) in [
            ("HGET h a", "nil"),
            ("HLEN h", "1"),
            ("HMGET h a b c", "[nil, nil, '3']"),
            ("HKEYS h", "['c']"),
            ("HRANDFIELD h", "'c'"),
            ("HSCAN h 0", "['0', ['c', '3']]"),
            ("HPTTL h FIELDS 2 a c", "[-2, -1]"),
            (
                "EVAL_RO \"return {redis.call('hlen', KEYS[1]), redis.call('hget', KEYS[1], 'a')}\" 1 h",
                "[1, nil]",
            ),
            ("EXISTS all", "0"),
            ("HLEN all", "0"),
        ] {
            assert_eq!(mirror.second.run(line), reply, "{line}");
            assert_eq!(mirror.differences(), "", "{line}");
        }
        first.run("HPERSIST h FIELDS 1 a");
        first.run("HINCRBY all x 1");
        mirror.follow();
        assert_eq!(mirror.second.run("HMGET h a b"), "['1', nil]");
        first.advance(500);
        first.run("HLEN h");
        first.run("EXISTS all");
        mirror.follow();
        assert_eq!(mirror.differences(), "");
        assert_eq!(mirror.second.run("HGETALL h").matches('\'').count(), 8);
    }
}

#[test]
fn who_took_over_removes_what_it_had_hidden() {
    let (mut first, mut mirror) = pair();
    mirror.second.run("CONFIG SET hash-max-listpack-entries 1");
    first.run("HSET h a 1 b 2 c 3");
    first.run("HPEXPIRE h 500 FIELDS 2 a b");
    mirror.follow();
    assert_eq!(mirror.second.run("HLEN h"), "1");
    let mut second = Harness::of(std::sync::Arc::clone(&mirror.second.server));
    second.server.store.set_keeps(false);
    let mut third = Mirror::of(&second.server);
    // It begins with what the second has.
    third.second.run("HSET h a 1 b 2 c 3");
    third.second.run("HPEXPIREAT h 1700000000500 FIELDS 2 a b");
    second.advance(700);
    assert_eq!(second.run("HLEN h"), "1");
    assert_eq!(third.follow()[0][0].0, "EXPIREFIELDS h 1700000000700");
    assert_eq!(third.differences(), "");
}
