//! Keyspace notifications.

use super::received;
use crate::command::testing::Harness;

/// A client that runs commands, and one that is told of their events; both of one server.
fn pair(classes: &str) -> (Harness, Harness) {
    let mut t = Harness::new();
    t.run(&format!("CONFIG SET notify-keyspace-events {classes}"));
    let mut ear = Harness::of(t.server.clone());
    ear.run("PSUBSCRIBE __key*__:*");
    (t, ear)
}

/// The events that the command leads to: `set k`.
fn events(t: &mut Harness, ear: &mut Harness, line: &str) -> Vec<String> {
    t.run(line);
    let parts = |value: &_| crate::command::testing::shown(value);
    let shown: Vec<String> = ear.replies(Vec::new()).iter().map(parts).collect();
    let event = |text: &String| {
        let words: Vec<&str> = text.trim_matches(['[', ']']).split("', '").collect();
        format!("{} {}", words[2].rsplit("__:").next().unwrap(), words[3].trim_end_matches('\''))
    };
    shown.iter().map(event).collect()
}

#[test]
fn letters_are_those_of_redis() {
    let mut t = Harness::new();
    for (given, shown) in
        [("KEA", "AKE"), ("g$lshzxetd", "A"), ("Kxm", "xKm"), ("KEAmn", "AnKEm"), ("gn", "gn"), ("''", "")]
    {
        assert_eq!(t.run(&format!("CONFIG SET notify-keyspace-events {given}")), "OK");
        assert_eq!(
            t.run("CONFIG GET notify-keyspace-events"),
            format!("['notify-keyspace-events', '{shown}']")
        );
    }
    assert_eq!(
        t.run("CONFIG SET notify-keyspace-events Q"),
        "-ERR CONFIG SET failed (possibly related to argument 'notify-keyspace-events') - Invalid event class character. \
         Use 'Ag$lshzxeKEtmdn'."
    );
}

#[test]
fn both_channels_are_told_the_event_and_the_key() {
    let (mut t, mut ear) = pair("KEA");
    t.run("SELECT 3");
    t.run("SET k v");
    assert_eq!(
        received(&mut ear),
        "['pmessage', '__key*__:*', '__keyspace@3__:k', 'set'] ['pmessage', '__key*__:*', '__keyevent@3__:set', 'k']"
    );
}

#[test]
fn only_what_is_asked_for_is_published() {
    let (mut t, mut ear) = pair("El");
    assert_eq!(events(&mut t, &mut ear, "RPUSH l a"), ["rpush l"]);
    assert!(events(&mut t, &mut ear, "SET k v").is_empty());
    t.run("CONFIG SET notify-keyspace-events A");
    assert!(events(&mut t, &mut ear, "RPUSH l a").is_empty(), "no channel, no event");
}

#[test]
fn new_keys_misses_and_ends_are_events() {
    let (mut t, mut ear) = pair("EAnm");
    assert_eq!(events(&mut t, &mut ear, "SET k v PX 10"), ["new k", "set k", "expire k"]);
    assert_eq!(events(&mut t, &mut ear, "GET none"), ["keymiss none"]);
    t.advance(11);
    assert_eq!(events(&mut t, &mut ear, "GET k"), ["expired k", "keymiss k"]);
    t.run("SET k v PX 10");
    t.advance(11);
    received(&mut ear);
    crate::sweep::Sweep::new(0, 1).run(&t.server, t.now, || true);
    assert_eq!(events(&mut t, &mut ear, "PING"), ["expired k"]);
}

#[test]
fn events_name_the_database_that_a_key_was_swapped_into() {
    let (mut t, mut ear) = pair("Ex");
    t.run("MSET k v l v");
    t.run("PEXPIRE k 10");
    t.run("PEXPIRE l 10");
    t.run("SWAPDB 0 3");
    t.advance(11);
    t.run("SELECT 3");
    t.run("GET l");
    assert_eq!(received(&mut ear), "['pmessage', '__key*__:*', '__keyevent@3__:expired', 'l']");
    crate::sweep::Sweep::new(0, 1).run(&t.server, t.now, || true);
    assert_eq!(received(&mut ear), "['pmessage', '__key*__:*', '__keyevent@3__:expired', 'k']");
}

#[test]
fn the_events_of_a_command_keep_their_order_whatever_their_keys() {
    let (mut t, mut ear) = pair("EAn");
    assert_eq!(events(&mut t, &mut ear, "MSET c 1 a 2"), ["new c", "set c", "new a", "set a"]);
    assert_eq!(events(&mut t, &mut ear, "RENAME c b"), ["new b", "rename_from c", "rename_to b"]);
    assert_eq!(events(&mut t, &mut ear, "RENAME b a"), ["new a", "rename_from b", "rename_to a"]);
    t.run("SADD s1 a b");
    t.run("SADD s2 b");
    received(&mut ear);
    assert_eq!(events(&mut t, &mut ear, "SUNIONSTORE to s1 s2"), ["new to", "sunionstore to"]);
    assert_eq!(events(&mut t, &mut ear, "SUNIONSTORE to s1 s2"), ["sunionstore to"]);
    assert_eq!(events(&mut t, &mut ear, "SINTERSTORE to s1 none"), ["del to"]);
    assert_eq!(events(&mut t, &mut ear, "SPOP s2 5"), ["spop s2", "del s2"]);
    t.run("ZADD z 1 a");
    received(&mut ear);
    assert_eq!(events(&mut t, &mut ear, "ZPOPMAX z 10"), ["zpopmax z", "del z"]);
}

#[test]
fn evictions_are_events() {
    let (mut t, mut ear) = pair("Ee");
    t.run(&format!("SET k {}", "x".repeat(50_000)));
    t.server.store.memory.publish_all();
    t.server.store.memory.set_limit(t.server.store.memory.used());
    t.run("CONFIG SET maxmemory-policy allkeys-lru");
    let told = events(&mut t, &mut ear, &format!("SET other {}", "x".repeat(50_000)));
    assert!(told.contains(&"evicted k".to_owned()), "{told:?}");
}

#[test]
fn restore_says_that_the_key_is_new_even_when_it_replaces() {
    let (mut t, mut ear) = pair("EAn");
    for value in [
        "\\x00\\xc190\\x0a\\x00\\x9d\\x94\\xea'\\x93\\xfc\\x08\\xb9",
        "\\x02\\x02\\x01a\\x01b\\x0a\\x00\\xfed!%\\xeb\\x03=\\x0d",
    ] {
        t.run("SET k v");
        received(&mut ear);
        let line = format!("RESTORE k 0 \"{value}\" REPLACE");
        assert_eq!(events(&mut t, &mut ear, &line), ["new k", "restore k"]);
        assert_eq!(events(&mut t, &mut ear, &line.replace("k 0", "k 1")), ["new k", "restore k"]);
        assert_eq!(events(&mut t, &mut ear, &format!("{} ABSTTL", line.replace("k 0", "k 1"))), ["del k"]);
    }
}
