//! The generic group, and commands on whole databases.

use super::string::check;
use crate::command::testing::Harness;
use crate::store::GROUPS;
use crate::store::entry::Entry;

#[test]
fn expiry_and_its_conditions() {
    let mut t = Harness::new();
    check(
        &mut t,
        &[
            ("SET k v", "OK"),
            ("EXPIRE none 10", "0"),
            ("EXPIRE k 10 XX", "0"),
            ("EXPIRE k 10 GT", "0"),
            ("EXPIRE k 10 LT", "1"),
            ("EXPIRE k 10 LT", "0"),
            ("EXPIRE k 10 GT", "0"),
            ("EXPIRE k 20 NX", "0"),
            ("EXPIRE k 20 XX GT", "1"),
            ("TTL k", "20"),
            ("EXPIRETIME k", "1700000020"),
            ("PEXPIRETIME k", "1700000020000"),
            ("PEXPIREAT k 1700000001499", "1"),
            ("TTL k", "1"),
            ("PEXPIRE k 1500", "1"),
            ("TTL k", "2"),
            ("EXPIRE k 10 NX XX", "-ERR NX and XX, GT or LT options at the same time are not compatible"),
            ("EXPIRE k 10 GT LT", "-ERR GT and LT options at the same time are not compatible"),
            ("EXPIRE k 10 Huh", "-ERR Unsupported option Huh"),
            ("EXPIRE k a Huh", "-ERR Unsupported option Huh"),
            ("EXPIRE k a", "-ERR value is not an integer or out of range"),
            ("EXPIRE k 9223372036854775807", "-ERR invalid expire time in 'expire' command"),
            ("PEXPIRE k 9223372036854775807", "-ERR invalid expire time in 'pexpire' command"),
            ("EXPIRE k -9223372036854775808", "-ERR invalid expire time in 'expire' command"),
            ("PERSIST k", "1"),
            ("PERSIST k", "0"),
            ("PERSIST none", "0"),
            ("TTL k", "-1"),
            ("TTL none", "-2"),
            ("PTTL none", "-2"),
            ("EXPIRETIME k", "-1"),
            ("EXPIRETIME none", "-2"),
            ("TTL k 30", "1"),
            ("TTL k", "30"),
            ("TTL k 0", "1"),
            ("TTL k", "-1"),
            ("EXPIRE k -1", "1"),
            ("EXISTS k", "0"),
            ("SET k v", "OK"),
            ("EXPIREAT k 1", "1"),
            ("GET k", "nil"),
        ],
    );
}

#[test]
fn a_key_expires_at_its_millisecond() {
    let mut t = Harness::new();
    t.run("SET k v PX 100");
    t.advance(99);
    check(&mut t, &[("GET k", "'v'"), ("PTTL k", "1"), ("DBSIZE", "1")]);
    t.advance(1);
    let gone = [
        ("TTL k", "-2"),
        ("TYPE k", "none"),
        ("KEYS *", "[]"),
        ("SCAN 0", "['0', []]"),
        ("RANDOMKEY", "nil"),
    ];
    check(&mut t, &gone);
    check(&mut t, &[("RENAME k j", "-ERR no such key"), ("SETNX k v", "1"), ("TTL k", "-1")]);
}

#[test]
fn renaming_moving_and_copying() {
    let mut t = Harness::new();
    check(
        &mut t,
        &[
            ("RENAME none x", "-ERR no such key"),
            ("RENAMENX none none", "-ERR no such key"),
            ("SET a 1 EX 10", "OK"),
            ("RENAME a a", "OK"),
            ("RENAMENX a a", "0"),
            ("SET b 2", "OK"),
            ("RENAMENX a b", "0"),
            ("RENAME a b", "OK"),
            ("TTL b", "10"),
            ("EXISTS a", "0"),
            ("RENAMENX b c", "1"),
            ("COPY c c", "-ERR source and destination objects are the same"),
            ("COPY none d", "0"),
            ("COPY c d", "1"),
            ("COPY c d", "0"),
            ("TTL d", "10"),
            ("SET c 3 KEEPTTL", "OK"),
            ("COPY c d REPLACE", "1"),
            ("GET d", "'3'"),
            ("COPY c c DB 1", "1"),
            ("COPY c c DB 1", "0"),
            ("COPY c c DB 1 REPLACE", "1"),
            ("COPY c d DB 16", "-ERR DB index is out of range"),
            ("COPY c d DB -1", "-ERR DB index is out of range"),
            ("COPY c d DB x", "-ERR value is not an integer or out of range"),
            (
                "COPY c d DB 99999999999",
                "-ERR value is out of range, value must between -2147483648 and 2147483647",
            ),
            ("COPY c d DB", "-ERR syntax error"),
            ("COPY c d X", "-ERR syntax error"),
            ("MOVE c 0", "-ERR source and destination objects are the same"),
            ("MOVE c 16", "-ERR DB index is out of range"),
            ("MOVE c x", "-ERR value is not an integer or out of range"),
            ("MOVE c 1", "0"),
            ("MOVE none 1", "0"),
            ("MOVE d 1", "1"),
            ("EXISTS d", "0"),
            ("SELECT 1", "OK"),
            ("TTL d", "10"),
            ("DBSIZE", "2"),
            ("DEL c d none", "2"),
            ("SELECT 0", "OK"),
            ("DBSIZE", "1"),
            ("TTL c", "10"),
        ],
    );
}

#[test]
fn databases_are_swapped_and_emptied() {
    let mut t = Harness::new();
    check(
        &mut t,
        &[
            ("SET k zero EX 10", "OK"),
            ("SELECT 1", "OK"),
            ("SET k one", "OK"),
            ("SET j one EX 20", "OK"),
            ("SWAPDB 0 1", "OK"),
            ("GET k", "'zero'"),
            ("TTL k", "10"),
            ("DBSIZE", "1"),
            ("SELECT 0", "OK"),
            ("MGET k j", "['one', 'one']"),
            ("SWAPDB 0 0", "OK"),
            ("SWAPDB a 1", "-ERR invalid first DB index"),
            ("SWAPDB 99 b", "-ERR invalid second DB index"),
            ("SWAPDB 0 16", "-ERR DB index is out of range"),
            ("FLUSHDB NOW", "-ERR syntax error"),
            ("FLUSHDB ASYNC SYNC", "-ERR syntax error"),
            ("FLUSHDB", "OK"),
            ("DBSIZE", "0"),
            ("SELECT 1", "OK"),
            ("SIZE", "1"),
            ("FLUSHDB SYNC", "OK"),
            ("SET x 1", "OK"),
            ("FLUSHALL async", "OK"),
            ("SIZE", "0"),
            ("SET x 1", "OK"),
            ("CLEAR", "OK"),
            ("KEYS", "[]"),
        ],
    );
}

/// A swap renames databases and leaves the entries as they are: all that names databases must follow.
#[test]
fn swapped_databases_are_what_commands_say() {
    let mut t = Harness::new();
    check(
        &mut t,
        &[
            ("SET k zero EX 10", "OK"),
            ("HSETEX h PX 5000 FIELDS 1 f v", "1"),
            ("SWAPDB 0 3", "OK"),
            ("SWAPDB 3 15", "OK"),
            ("DBSIZE", "0"),
            ("RANDOMKEY", "nil"),
            ("KEYS *", "[]"),
            ("SCAN 0", "['0', []]"),
            ("SET k new", "OK"),
            ("SELECT 15", "OK"),
            ("DBSIZE", "2"),
            ("SCAN 0 TYPE string", "['0', ['k']]"),
            ("TTL k", "10"),
            ("MOVE k 0", "0"),
            ("MOVE k 3", "1"),
            ("COPY h h DB 3", "1"),
            ("SELECT 3", "OK"),
            ("RENAME k l", "OK"),
            ("TTL l", "10"),
            ("DEL h", "1"),
            ("RANDOMKEY", "'l'"),
            ("COPY l m", "1"),
        ],
    );
    let keyspace = t.run("INFO keyspace");
    let lines = ["db0:keys=1,expires=0", "db3:keys=2,expires=2,avg_ttl=10000", "db15:keys=1,expires=0"];
    assert!(lines.iter().all(|line| keyspace.contains(line)), "{keyspace}");
    t.advance(10_000);
    assert!(crate::sweep::Sweep::new(0, 1).run(&t.server, t.now, || true));
    check(
        &mut t,
        &[
            ("DBSIZE", "0"),
            ("SELECT 15", "OK"),
            ("DBSIZE", "0"),
            ("SET j 1", "OK"),
            ("FLUSHDB", "OK"),
            ("SELECT 0", "OK"),
            ("GET k", "'new'"),
        ],
    );
}

#[test]
fn a_swap_touches_no_entry() {
    let mut t = Harness::new();
    t.run("SET k v EX 10");
    let key = t.server.store.key(b"k");
    let number = |t: &Harness| t.server.store.lock(key.group()).dict(key.slot).iter().next().map(Entry::db);
    assert_eq!(number(&t), Some(0));
    t.run("SWAPDB 0 1");
    assert_eq!((number(&t), t.run("DBSIZE").as_str()), (Some(0), "0"));
}

/// Keys of one database that is emptied and of others lie in the same tables.
#[test]
fn what_is_emptied_goes_to_be_freed_at_once() {
    let mut t = Harness::new();
    for i in 0..2000 {
        t.run(&format!("SET key:{i} v EX 10"));
    }
    t.run("SELECT 1");
    t.run("MSET {key:1}a 1 {key:1}b 2");
    let sent = |t: &Harness| t.server.store.lazy.pending() + t.server.store.lazy.freed();
    let before = sent(&t);
    t.run("SWAPDB 0 1");
    t.run("FLUSHDB");
    assert_eq!((sent(&t) - before, t.run("DBSIZE").as_str()), (2000, "0"));
    t.run("SELECT 0");
    assert_eq!(t.run("MGET {key:1}a {key:1}b"), "['1', '2']");
    t.run("FLUSHALL");
    assert_eq!((sent(&t) - before, t.run("DBSIZE").as_str()), (2002, "0"));
    (0..GROUPS).for_each(|group| t.server.store.lock(group).check(t.server.store.hasher()));
}

#[test]
fn what_objects_are() {
    let mut t = Harness::new();
    let (embstr, raw) = ("x".repeat(44), "x".repeat(45));
    t.run(&format!("SET embstr {embstr}"));
    t.run(&format!("SET raw {raw}"));
    t.run(&format!("SET long {}", "x".repeat(5000)));
    t.run("MSET int -12 padded 007");
    check(
        &mut t,
        &[
            ("OBJECT ENCODING int", "'int'"),
            ("OBJECT ENCODING padded", "'embstr'"),
            ("OBJECT ENCODING embstr", "'embstr'"),
            ("OBJECT ENCODING raw", "'raw'"),
            ("OBJECT ENCODING long", "'raw'"),
            ("OBJECT ENCODING none", "nil"),
            ("OBJECT REFCOUNT int", "1"),
            ("OBJECT REFCOUNT none", "nil"),
            ("OBJECT FREQ none", "nil"),
            ("TYPE int", "string"),
            ("TYPE long", "string"),
            ("MEMORY USAGE none", "nil"),
            ("MEMORY USAGE int SAMPLES", "-ERR syntax error"),
            ("MEMORY USAGE int SAMPLES -1", "-ERR syntax error"),
            ("MEMORY USAGE int SAMPLES x", "-ERR value is not an integer or out of range"),
        ],
    );
    assert!(t.run("OBJECT FREQ int").starts_with("-ERR An LFU maxmemory policy is not selected"));
    t.advance(2999);
    check(&mut t, &[("OBJECT IDLETIME int", "2"), ("TYPE int", "string"), ("OBJECT IDLETIME int", "2")]);
    check(&mut t, &[("TOUCH int none", "1"), ("OBJECT IDLETIME int", "0")]);
}

#[test]
fn finding_keys() {
    let mut t = Harness::new();
    check(&mut t, &[("RANDOMKEY", "nil"), ("SCAN 0", "['0', []]"), ("SET hello 1", "OK")]);
    check(
        &mut t,
        &[
            ("RANDOMKEY", "'hello'"),
            ("KEYS h?llo", "['hello']"),
            ("KEYS x*", "[]"),
            ("SCAN 0 MATCH h* COUNT 100 TYPE string", "['0', ['hello']]"),
            ("SCAN 0 TYPE list", "['0', []]"),
            ("SCAN 99999999999", "['0', []]"),
            ("SCAN -1", "['0', []]"),
            ("SCAN a", "-ERR invalid cursor"),
            ("SCAN 99999999999999999999", "-ERR invalid cursor"),
            ("SCAN 0 COUNT 0", "-ERR syntax error"),
            ("SCAN 0 COUNT x", "-ERR value is not an integer or out of range"),
            ("SCAN 0 MATCH", "-ERR syntax error"),
            ("SCAN 0 HUH 1", "-ERR syntax error"),
            ("SELECT 1", "OK"),
            ("RANDOMKEY", "nil"),
            ("KEYS *", "[]"),
            ("SCAN 0", "['0', []]"),
        ],
    );
}
