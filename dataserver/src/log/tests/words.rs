//! The effects of each command that changes something: what they are, and that they are no larger than the change.

use super::super::testing::Mirror;
use crate::command::testing::{Harness, START};

/// A server, and one that follows it.
struct Pair {
    first: Harness,
    mirror: Mirror,
}

impl Pair {
    fn new() -> Self {
        let first = Harness::new();
        let mirror = Mirror::of(&first.server);
        Self { first, mirror }
    }

    /// Runs a line at the first and has the second follow. The effects, `; ` between them, and ` | ` between groups.
    fn run(&mut self, line: &str) -> String {
        let reply = self.first.run(line);
        let is_error = reply.starts_with('-') && reply[1..].starts_with(|c: char| c.is_ascii_uppercase());
        assert!(!is_error, "{line}: {reply}");
        self.follow()
    }

    fn follow(&mut self) -> String {
        let groups = self.mirror.follow();
        assert_eq!(self.mirror.differences(), "");
        let texts =
            groups.iter().map(|group| group.iter().map(|told| &*told.0).collect::<Vec<_>>().join("; "));
        texts.collect::<Vec<_>>().join(" | ")
    }
}

/// Lines, and what each logs; lines that begin with a dash are only run.
fn check(table: &[(&str, &str)]) {
    let mut pair = Pair::new();
    let at = |millis: u64| (START + millis).to_string();
    for (line, effects) in table {
        if let Some(millis) = line.strip_prefix("advance ") {
            pair.first.advance(millis.parse().unwrap());
            continue;
        }
        if let Some(line) = line.strip_prefix("- ") {
            pair.run(line);
            continue;
        }
        let expected =
            effects.replace("@now", &at(0)).replace("@1000", &at(1000)).replace("@2000", &at(2000));
        assert_eq!(pair.run(line), expected, "{line}");
    }
}

#[test]
fn strings() {
    check(&[
        ("SET k v", "SET k v"),
        ("GET k", ""),
        ("SET k v PX 1000 NX", ""),
        ("SET k v PX 1000", "SET k v PXAT @1000"),
        ("SET k w KEEPTTL", "SET k w PXAT @1000"),
        ("SET k x GET", "SET k x"),
        ("SETNX k y", ""),
        ("SETNX n y", "SET n y"),
        ("SETEX k 1 v", "SET k v PXAT @1000"),
        ("PSETEX k 2000 v", "SET k v PXAT @2000"),
        ("GETSET k w", "SET k w"),
        ("GETEX k", ""),
        ("GETEX k PX 1000", "PEXPIREAT k @1000"),
        ("GETEX k PERSIST", "PERSIST k"),
        ("GETEX k PXAT 1", "DEL k"),
        ("GETDEL n", "DEL n"),
        ("GETDEL n", ""),
        ("MSET a 1 b 2", "SET a 1; SET b 2"),
        ("MSETNX a 1 c 2", ""),
        ("MSETNX c 1 d 2", "SET c 1; SET d 2"),
        ("INCR a", "SET a 2"),
        ("DECRBY a 5", "SET a -3"),
        ("INCRBYFLOAT a 0.5", "SET a -2.5"),
        ("APPEND c 23", "APPEND c 23"),
        ("SETRANGE c 2 xy", "SETRANGE c 2 xy"),
        ("SETRANGE new 2 xy", "SETRANGE new 2 xy"),
        ("SETBIT bits 3 1", "SETBIT bits 3 1"),
        ("SETBIT bits 3 1", ""),
        ("BITFIELD bits INCRBY u4 0 3 GET u4 0", "BITFIELD bits INCRBY u4 0 3 GET u4 0"),
        ("BITFIELD bits GET u4 0", ""),
        ("BITOP NOT to bits", "SET to \\xbf"),
        ("BITOP AND to none bits2", "DEL to"),
        ("DEL a b nothing", "DEL a; DEL b"),
        ("UNLINK c", "DEL c"),
    ]);
}

#[test]
fn keys() {
    check(&[
        ("- SET k v", ""),
        ("PEXPIRE k 1000", "PEXPIREAT k @1000"),
        ("EXPIRE k 2 NX", ""),
        ("EXPIRE k 2 GT", "PEXPIREAT k @2000"),
        ("PERSIST k", "PERSIST k"),
        ("PERSIST k", ""),
        ("PEXPIRE k 1000", "PEXPIREAT k @1000"),
        ("RENAME k l", "DEL k; SET l v PXAT @1000"),
        ("- SET m 1", ""),
        ("RENAMENX l m", ""),
        ("RENAME l m", "DEL l; SET m v PXAT @1000"),
        ("COPY m c DB 3", "SET c v PXAT @1000"),
        ("MOVE m 2", "DEL m; SET m v PXAT @1000"),
        ("EXPIREAT none 5", ""),
        ("- SET k v", ""),
        ("EXPIREAT k 5", "DEL k"),
        ("SWAPDB 2 3", "SWAPDB 2 3"),
        ("SWAPDB 2 2", ""),
        ("SORT none STORE to", ""),
        ("- RPUSH l 3 1 2", ""),
        ("- SET s v", ""),
        ("TOUCH l s", ""),
        ("FLUSHDB", "FLUSHDB"),
        ("FLUSHALL SYNC", "FLUSHALL"),
    ]);
}

#[test]
fn hashes() {
    check(&[
        ("HSET h a 1 b 2 c 3 d 4 e 5 f 6", "HSET h a 1 b 2 c 3 d 4 e 5 f 6"),
        ("HMSET h a 1", "HMSET h a 1"),
        ("HSETNX h a 2", ""),
        ("HSETNX h g 2", "HSETNX h g 2"),
        ("HINCRBY h a 2", "HINCRBY h a 2"),
        ("HINCRBYFLOAT h a 0.1", "HINCRBYFLOAT h a 0.1"),
        ("HDEL h none", ""),
        ("HDEL h g none", "HDEL h g none"),
        ("HEXPIRE h 1 FIELDS 3 a b none", "HPEXPIREAT h @1000 FIELDS 2 a b"),
        ("HPEXPIRE h 2000 GT FIELDS 2 a c", "HPEXPIREAT h @2000 FIELDS 1 a"),
        ("HEXPIREAT h 1 FIELDS 2 f none", "HDEL h f"),
        ("HPEXPIREAT h 1 NX FIELDS 2 a none", ""),
        ("HPERSIST h FIELDS 2 a none", "HPERSIST h FIELDS 2 a none"),
        ("HGETEX h FIELDS 1 a", ""),
        ("HGETEX h PX 1000 FIELDS 2 a none", "HPEXPIREAT h @1000 FIELDS 1 a"),
        ("HGETEX h PERSIST FIELDS 2 a c", "HPERSIST h FIELDS 1 a"),
        ("HGETEX h PXAT 1 FIELDS 1 e", "HDEL h e"),
        ("HSETEX h PX 1000 FIELDS 1 a 5", "HSETEX h PXAT @1000 FIELDS 1 a 5"),
        ("HSETEX h KEEPTTL FIELDS 1 a 6", "HSETEX h KEEPTTL FIELDS 1 a 6"),
        ("HSETEX h FNX FIELDS 1 a 7", ""),
        ("HSETEX h FXX FIELDS 2 a 7 b 8", "HSET h a 7 b 8"),
        ("HSETEX h PXAT 1 FIELDS 1 x 7", "HSETEX h PXAT @now FIELDS 1 x 7"),
        ("HGETDEL h FIELDS 2 a none", "HGETDEL h FIELDS 2 a none"),
        ("HGETDEL h FIELDS 1 none", ""),
        ("HPEXPIRE h 10 FIELDS 1 b", "HPEXPIREAT h 1700000000010 FIELDS 1 b"),
        ("advance 20", ""),
        ("HSET h b 1", "EXPIREFIELDS h 1700000000020; HSET h b 1"),
        ("HDEL h b c d", "HDEL h b c d"),
    ]);
}

#[test]
fn lists() {
    check(&[
        ("RPUSH l a b c d e f g h i j", "RPUSH l a b c d e f g h i j"),
        ("LPUSH l z", "LPUSH l z"),
        ("LPUSHX l y", "LPUSHX l y"),
        ("RPUSHX none y", ""),
        ("LINSERT l BEFORE a x", "LINSERT l BEFORE a x"),
        ("LINSERT l BEFORE none x", ""),
        ("LSET l 0 w", "LSET l 0 w"),
        ("LREM l 1 w", "LREM l 1 w"),
        ("LREM l 1 w", ""),
        ("LTRIM l 0 -2", "LTRIM l 0 -2"),
        ("LPOP l", "LPOP l"),
        ("RPOP l 2", "RPOP l 2"),
        ("LMOVE l m RIGHT LEFT", "RPOP l; LPUSH m g"),
        ("RPOPLPUSH l m", "RPOP l; LPUSH m f"),
        ("LMOVE l l LEFT RIGHT", "LMOVE l l LEFT RIGHT"),
        ("LMPOP 2 none l LEFT COUNT 2", "LPOP l 2"),
        ("BLPOP none l 0", "LPOP l"),
        ("BRPOP l 0", "RPOP l"),
        ("BLMPOP 0 1 m RIGHT", "RPOP m 1"),
        ("BLMOVE m l LEFT LEFT 0", "LPOP m; LPUSH l f"),
        ("BRPOPLPUSH l m 0", "RPOP l; LPUSH m e"),
        ("- RPUSH one v", ""),
        ("- PEXPIRE one 1000", ""),
        ("RPOPLPUSH one one", "LMOVE one one RIGHT LEFT"),
        ("- DEL n", ""),
        ("- RPUSH n 3 1 2", ""),
        ("- SORT n STORE sorted", ""),
    ]);
}

#[test]
fn sets() {
    check(&[
        ("SADD s a b c 1 2 3", "SADD s a b c 1 2 3"),
        ("SADD s a", ""),
        ("SREM s none", ""),
        ("SREM s a none", "SREM s a none"),
        ("SMOVE s t 1", "SREM s 1; SADD t 1"),
        ("SMOVE s t 1", ""),
        ("SMOVE t s 1", "SREM t 1; SADD s 1"),
        ("- SADD u 5", ""),
        ("SPOP u", "DEL u"),
        ("SPOP s 0", ""),
        ("SPOP s 100", "DEL s"),
        ("- SADD a x y", ""),
        ("- SADD b y", ""),
        ("SINTERSTORE a a none", "DEL a"),
    ]);
    let mut pair = Pair::new();
    pair.run("SADD s a b c d");
    let told = pair.run("SPOP s");
    assert!(told.starts_with("SREM s ") && told.len() == 8, "{told}");
    assert_eq!(pair.run("SPOP s 2").len(), 10);
    for line in ["SADD t a c", "SUNIONSTORE to s t", "SINTERSTORE to s t", "SDIFFSTORE to s t"] {
        pair.run(line);
    }
}

#[test]
fn sorted_sets() {
    check(&[
        (
            "ZADD z 1 a 2 b 3 c 4 d 5 e 6 f 7 g 8 h 9 i 10 j",
            "ZADD z 1 a 2 b 3 c 4 d 5 e 6 f 7 g 8 h 9 i 10 j",
        ),
        ("ZADD z 1 a", ""),
        ("ZADD z GT CH 3 a 1 b", "ZADD z GT CH 3 a 1 b"),
        ("ZADD z INCR 1 a", "ZADD z INCR 1 a"),
        ("ZINCRBY z 1.5 a", "ZINCRBY z 1.5 a"),
        ("ZREM z none", ""),
        ("ZREM z a", "ZREM z a"),
        ("ZPOPMIN z", "ZPOPMIN z 1"),
        ("ZPOPMAX z 2", "ZPOPMAX z 2"),
        ("ZPOPMAX z 0", ""),
        ("ZMPOP 2 none z MIN COUNT 1", "ZPOPMIN z 1"),
        ("BZPOPMIN none z 0", "ZPOPMIN z 1"),
        ("BZPOPMAX z 0", "ZPOPMAX z 1"),
        ("BZMPOP 0 1 z MAX", "ZPOPMAX z 1"),
        ("ZREMRANGEBYRANK z 0 0", "ZREMRANGEBYRANK z 0 0"),
        ("ZREMRANGEBYSCORE z 0 1", ""),
        ("ZREMRANGEBYSCORE z 0 inf", "ZREMRANGEBYRANK z 0 0"),
        ("- ZADD z 1 a 1 b", ""),
        ("ZREMRANGEBYLEX z [a [a", "ZREMRANGEBYRANK z 0 0"),
        ("GEOADD g 13.36 38.11 m1", "GEOADD g 13.36 38.11 m1"),
        ("ZUNIONSTORE to 1 none", ""),
        ("- ZUNIONSTORE to 2 z g", ""),
        ("ZINTERSTORE to 2 z none", "DEL to"),
        ("- ZRANGESTORE to z 0 -1", ""),
        ("- GEOSEARCHSTORE to g FROMMEMBER m1 BYRADIUS 1 km", ""),
        ("- GEORADIUSBYMEMBER g m1 1 km STORE to", ""),
    ]);
}

#[test]
fn sketches() {
    let mut pair = Pair::new();
    assert_eq!(pair.run("PFADD p a b"), "PFADD p a b");
    assert_eq!(pair.run("PFADD p a"), "");
    assert_eq!(pair.run("PFCOUNT p"), "SETRANGE p 8 \\x02\\x00\\x00\\x00\\x00\\x00\\x00\\x00");
    assert_eq!(pair.run("PFCOUNT p"), "");
    assert_eq!(pair.run("PFADD p c"), "PFADD p c");
    assert!(pair.run("PFMERGE q p").starts_with("SET q HYLL"));
    pair.run("CONFIG SET hll-sparse-max-bytes 20");
    assert!(pair.run("PFADD p d e f g").starts_with("SET p HYLL"));
    assert_eq!(pair.run("PFADD p h"), "PFADD p h");
    assert!(pair.run("PFDEBUG TODENSE q").starts_with("SET q HYLL"));
}

#[test]
fn streams() {
    check(&[
        ("XADD x 1-1 a 1", "XADD x 1-1 a 1"),
        ("XADD x * a 1 b 2", "XADD x 1700000000000-0 a 1 b 2"),
        ("XADD x 1700000000000-* a 1", "XADD x 1700000000000-1 a 1"),
        ("XADD none NOMKSTREAM * a 1", ""),
        ("XADD x MAXLEN 3 * a 1", "XADD x 1700000000000-2 a 1; XTRIM x MAXLEN 3"),
        ("XADD x MAXLEN ~ 3 * a 1", "XADD x 1700000000000-3 a 1"),
        ("XTRIM x MAXLEN ~ 1", ""),
        ("XTRIM x MINID 1700000000000-1", "XTRIM x MAXLEN 3"),
        ("XDEL x 5-5", ""),
        ("XDEL x 1700000000000-1", "XDEL x 1700000000000-1"),
        ("XGROUP CREATE x g 0", "XGROUP CREATE x g 0"),
        ("XGROUP CREATE y g $ MKSTREAM", "XGROUP CREATE y g $ MKSTREAM"),
        ("XGROUP CREATECONSUMER x g c", "XGROUP CREATECONSUMER x g c"),
        ("XGROUP CREATECONSUMER x g c", ""),
        (
            "XREADGROUP GROUP g c COUNT 1 STREAMS x y > >",
            "XREADGROUP GROUP g c COUNT 1 STREAMS x >; XREADGROUP GROUP g c COUNT 1 STREAMS y >",
        ),
        ("XREADGROUP GROUP g d NOACK STREAMS x >", "XREADGROUP GROUP g d COUNT 1 NOACK STREAMS x >"),
        ("XREADGROUP GROUP g c STREAMS x 0", "XREADGROUP GROUP g c COUNT 1 STREAMS x 0-0"),
        ("XACK x g 5-5", ""),
        ("XCLAIM x g d 0 1700000000000-2 IDLE 5", "XCLAIM x g d 0 1700000000000-2 IDLE 5"),
        ("XAUTOCLAIM x g c 0 0", "XCLAIM x g c 0 1700000000000-2"),
        ("XAUTOCLAIM x g c 0 0 JUSTID", "XCLAIM x g c 0 1700000000000-2 JUSTID"),
        ("XAUTOCLAIM x g c 100 0", "XCLAIM x g c 0 0-0"),
        ("- XDEL x 1700000000000-2", ""),
        ("XAUTOCLAIM x g c 0 0", "XCLAIM x g c 0 1700000000000-2"),
        ("XACK x g 1700000000000-2", ""),
        ("- XADD x 1700000000000-9 a b", ""),
        ("- XREADGROUP GROUP g c STREAMS x >", ""),
        ("XACK x g 1700000000000-9", "XACK x g 1700000000000-9"),
        ("XGROUP SETID x g 5 ENTRIESREAD 2", "XGROUP SETID x g 5 ENTRIESREAD 2"),
        ("XGROUP DELCONSUMER x g c", "XGROUP DELCONSUMER x g c"),
        ("XGROUP DELCONSUMER x g c", ""),
        ("XSETID x 1800000000000-0", "XSETID x 1800000000000-0"),
        ("XGROUP DESTROY x g", "XGROUP DESTROY x g"),
        ("XGROUP DESTROY x g", ""),
    ]);
}

#[test]
fn what_is_over_goes_by_the_log_alone() {
    let mut pair = Pair::new();
    pair.run("SET gone 1 PX 10");
    pair.run("SET too 1 PX 10");
    pair.first.advance(20);
    assert_eq!(pair.run("APPEND gone x"), "DEL gone; APPEND gone x");
    pair.mirror.second.now = pair.first.now;
    assert_eq!(pair.mirror.second.run("GET gone"), "'x'");
    crate::sweep::Sweep::new(0, 1).run(&pair.first.server, pair.first.now, || true);
    assert_eq!(pair.follow(), "DEL too");
}

#[test]
fn what_is_done_as_one_is_logged_as_one() {
    let mut pair = Pair::new();
    pair.run("MULTI");
    pair.run("SET a 1");
    pair.run("INCR a");
    pair.run("SELECT 3");
    pair.run("SPOP none");
    pair.run("HSET h f v");
    pair.run("FLUSHALL");
    pair.run("SET a 5");
    assert_eq!(pair.run("EXEC"), "SET a 1; SET a 2; HSET h f v; FLUSHALL; SET a 5");
    pair.run("SELECT 0");
    let script = "redis.call('SET', KEYS[1], 'v') redis.call('SELECT', 1) redis.call('INCR', 'n') return redis.call('RPUSH', KEYS[2], 1)";
    let reply = pair.first.run_args(&[b"EVAL", script.as_bytes(), b"2", b"k", b"l"]);
    assert_eq!(reply, "1");
    assert_eq!(pair.follow(), "SET k v; SET n 1; RPUSH l 1");
    let script = "redis.call('SET', KEYS[1], 'w') local n = 0 while n < 3e6 do n = n + 1 end return redis.call('SET', 'other', n)";
    pair.first.begin(&[b"EVAL", script.as_bytes(), b"1", b"k"]);
    assert_eq!(pair.mirror.follow(), Vec::<Vec<_>>::new(), "a part of it");
    while pair.first.go_on().is_none() {}
    assert_eq!(pair.follow(), "SET k w; SET other 3000000");
}

#[test]
fn who_waited_is_served_in_a_group_of_its_own() {
    let mut pair = Pair::new();
    let mut other = Harness::of(std::sync::Arc::clone(&pair.first.server));
    assert_eq!(other.run("BLMOVE l m LEFT RIGHT 0"), "");
    assert_eq!(pair.run("RPUSH l a b"), "RPUSH l a b | LPOP l; RPUSH m a");
    assert_eq!(other.served().as_deref(), Some("'a'"));
    assert_eq!(other.run("BZPOPMIN z 0"), "");
    assert_eq!(pair.run("ZADD z 1 a 2 b"), "ZADD z 1 a 2 b | ZPOPMIN z 1");
}

#[test]
fn libraries_are_logged() {
    let mut pair = Pair::new();
    let code = "#!lua name=lib\nredis.register_function('f', function() return 1 end)";
    pair.first.run_args(&[b"FUNCTION", b"LOAD", code.as_bytes()]);
    assert!(pair.follow().starts_with("FUNCTION LOAD REPLACE #!lua name=lib"));
    assert_eq!(pair.mirror.second.run("FCALL f 0"), "1");
    let payload = pair.first.replies(b"FUNCTION DUMP\r\n".to_vec())[0].as_bytes().unwrap().to_vec();
    assert_eq!(pair.run("FUNCTION DELETE lib"), "FUNCTION DELETE lib");
    pair.first.run_args(&[b"FUNCTION", b"RESTORE", &payload]);
    assert!(pair.follow().ends_with("APPEND"));
    assert_eq!(pair.run("FUNCTION FLUSH"), "FUNCTION FLUSH");
}

#[test]
fn a_lifetime_that_nobody_asked_for_is_logged() {
    let mut pair = Pair::new();
    pair.run("CONFIG SET default-ttl 1");
    assert_eq!(pair.run("SET k v"), "SET k v; PEXPIREAT k 1700000001000");
    assert_eq!(pair.run("HSET h f v"), "HSET h f v; PEXPIREAT h 1700000001000");
    pair.first.advance(5);
    assert_eq!(pair.run("HSET h g v"), "HSET h g v");
    assert_eq!(pair.run("LMPOP 1 none LEFT"), "");
    pair.run("RPUSH l a b");
    assert_eq!(
        pair.run("LMOVE l m LEFT LEFT"),
        "LPOP l; LPUSH m a; PEXPIREAT l 1700000001005; PEXPIREAT m 1700000001005"
    );
    pair.run("XADD x * a b");
    pair.run("COPY h i");
    pair.run("SADD s a b c");
    pair.run("SMOVE s t a");
}

/// The change of a part of something large costs what the part does.
#[test]
fn an_effect_is_as_small_as_its_change() {
    let mut pair = Pair::new();
    let mut fill = |head: &str, item: &dyn Fn(usize) -> String| {
        let items: Vec<String> = (0..2000).map(item).collect();
        pair.run(&format!("{head} {}", items.join(" ")));
    };
    fill("HSET h", &|i| format!("field{i} value{i}"));
    fill("RPUSH l", &|i| format!("element{i}"));
    fill("SADD s", &|i| format!("member{i}"));
    fill("ZADD z", &|i| format!("{i} member{i}"));
    fill("PFADD p", &|i| format!("member{i}"));
    for i in 0..1000 {
        pair.first.run(&format!("XADD x {}-1 field value{i}", i + 1));
    }
    pair.run("XGROUP CREATE x g 0");
    pair.run("XREADGROUP GROUP g c STREAMS x >");
    pair.run(&format!("SET big {}", "x".repeat(20_000)));
    let lines = [
        "HSET h field5 x",
        "HDEL h field6",
        "HINCRBY h n 1",
        "HPEXPIRE h 1000 FIELDS 1 field7",
        "HGETEX h PERSIST FIELDS 1 field7",
        "HSETEX h PX 100 FIELDS 1 field8 v",
        "HGETDEL h FIELDS 1 field9",
        "LPUSH l x",
        "RPOP l",
        "LMOVE l l LEFT RIGHT",
        "LMOVE l l2 LEFT RIGHT",
        "LSET l 1000 x",
        "LREM l 1 element50",
        "LTRIM l 1 -2",
        "LINSERT l AFTER element100 y",
        "LMPOP 1 l LEFT",
        "BLPOP l 0",
        "SADD s x",
        "SPOP s",
        "SPOP s 2",
        "SMOVE s s2 member7",
        "SREM s member8",
        "ZADD z 5 x",
        "ZPOPMIN z",
        "ZMPOP 1 z MAX",
        "BZPOPMAX z 0",
        "ZINCRBY z 1 member9",
        "ZREMRANGEBYRANK z 0 0",
        "PFADD p another",
        "PFCOUNT p",
        "XADD x * a b",
        "XADD x MAXLEN 900 * a b",
        "XTRIM x MINID 200",
        "XDEL x 500-1",
        "XACK x g 501-1",
        "XCLAIM x g d 0 502-1",
        "XAUTOCLAIM x g d 0 503-1 COUNT 2",
        "XREADGROUP GROUP g c STREAMS x >",
        "XREADGROUP GROUP g c COUNT 2 STREAMS x 600",
        "XGROUP CREATECONSUMER x g e",
        "XGROUP DELCONSUMER x g d",
        "XGROUP SETID x g $",
        "XSETID x 9000000000000-0",
        "APPEND big y",
        "SETRANGE big 5 y",
        "SETBIT big 5 0",
        "BITFIELD big SET u8 0 5",
        "PEXPIRE big 5000",
        "GETEX big PERSIST",
        "PERSIST big",
        "PEXPIRE h 6000",
        "GETDEL big",
        "XGROUP DESTROY x g",
        "DEL h l s z p x",
    ];
    for line in lines {
        pair.first.run(line);
        let size: usize = pair.mirror.follow().iter().flatten().map(|told| told.1).sum();
        assert!(size <= line.len() + 100, "{line}: {size} bytes");
        assert_eq!(pair.mirror.differences(), "", "{line}");
    }
}
