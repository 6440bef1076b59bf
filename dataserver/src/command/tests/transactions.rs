//! MULTI, EXEC, WATCH, and RINGTAIL LOCK.

use crate::command::testing::Harness;
use crate::session::Wait;
use std::sync::Arc;

fn two() -> [Harness; 2] {
    let first = Harness::new();
    let second = Harness::of(Arc::clone(&first.server));
    [first, second]
}

#[test]
fn commands_run_together_at_exec() {
    let [mut t, mut other] = two();
    assert_eq!(t.run("MULTI"), "OK");
    for line in ["SET a 1", "INCR a", "LPUSH a x", "SELECT 1", "SET b 2", "DBSIZE"] {
        assert_eq!(t.run(line), "QUEUED");
    }
    assert_eq!(other.run("EXISTS a"), "0");
    assert_eq!(
        t.run("EXEC"),
        "[OK, 2, -WRONGTYPE Operation against a key holding the wrong kind of value, OK, OK, 1]"
    );
    assert_eq!((t.run("GET b"), other.run("GET a")), ("'2'".into(), "'2'".into()));
    assert_eq!(t.run("EXEC"), "-ERR EXEC without MULTI");
    assert_eq!(t.run("DISCARD"), "-ERR DISCARD without MULTI");
}

#[test]
fn a_command_that_lets_go_of_its_locks_keeps_those_of_the_transaction() {
    let mut t = Harness::new();
    for line in ["MULTI", "LCS a b", "EXPIRE a 100", "SORT l BY w_* GET #", "SET a 1"] {
        t.run(line);
    }
    assert_eq!(t.run("EXEC"), "['', 0, [], OK]");
}

#[test]
fn an_error_while_queueing_aborts() {
    let mut t = Harness::new();
    t.run("MULTI");
    assert!(t.run("NOSUCH").starts_with("-ERR unknown command"));
    assert_eq!(t.run("SET a 1"), "QUEUED");
    assert_eq!(t.run("EXEC"), "-EXECABORT Transaction discarded because of previous errors.");
    assert_eq!(t.run("EXISTS a"), "0");
    t.run("MULTI");
    assert_eq!(t.run("MULTI"), "-ERR MULTI calls can not be nested");
    assert_eq!(t.run("WATCH a"), "-ERR WATCH inside MULTI is not allowed");
    assert_eq!(t.run("SET a 1"), "QUEUED");
    assert_eq!(t.run("DISCARD"), "OK");
    assert_eq!(t.run("EXISTS a"), "0");
}

#[test]
fn what_is_watched_and_changed_stops_exec() {
    let changes = [
        ("SET k 1", true),
        ("LPUSH k 1", true),
        ("GET k", false),
        ("DEL k", false),
        ("SET other 1", false),
        ("MSET other 1 k 2", true),
    ];
    for (change, stops) in changes {
        let [mut t, mut other] = two();
        t.run("WATCH k");
        other.run(change);
        t.run("MULTI");
        t.run("SET done 1");
        assert_eq!(t.run("EXEC"), if stops { "nil" } else { "[OK]" }, "{change}");
        assert!(!t.server.store.lock(t.server.store.key(b"k").group()).has_interest());
    }
}

#[test]
fn watched_keys_that_go_away() {
    for (change, stops) in [
        ("DEL k", true),
        ("FLUSHALL", true),
        ("SWAPDB 0 1", true),
        ("RENAME k l", true),
        ("MOVE k 1", true),
        ("PEXPIRE k 100000", true),
        ("SADD x y", false),
        ("UNLINK nothing", false),
    ] {
        let [mut t, mut other] = two();
        t.run("SET k v");
        t.run("WATCH k");
        other.run(change);
        t.run("MULTI");
        t.run("PING");
        assert_eq!(t.run("EXEC"), if stops { "nil" } else { "[PONG]" }, "{change}");
    }
    let [mut t, mut other] = two();
    t.run("SET k v PX 10");
    t.run("WATCH k");
    t.advance(11);
    t.run("MULTI");
    assert_eq!(t.run("EXEC"), "nil");
    other.run("SET k v");
    t.run("WATCH k");
    t.run("UNWATCH");
    other.run("SET k w");
    t.run("MULTI");
    assert_eq!(t.run("EXEC"), "[]");
}

#[test]
fn held_slots_keep_others_out() {
    let [mut t, mut other] = two();
    let slot = ringtail_cluster::slot_of(b"k");
    t.run("WATCH k");
    assert_eq!(t.run(&format!("RINGTAIL LOCK 10000 {slot}")), "1");
    assert_eq!(other.run("SET k 1"), "");
    assert!(matches!(other.session.wait, Wait::Parked(Some(_))));
    other.session.wait = Wait::No;
    assert_eq!(other.run("SET elsewhere 1"), "OK");
    t.run("MULTI");
    t.run("SET k 2");
    assert_eq!(t.run("RINGTAIL EXEC"), "[OK]");
    assert!(other.session.client.take_unparked());
    assert_eq!(other.run("GET k"), "'2'");
    assert_eq!(t.run("RINGTAIL RELEASE"), "-ERR this connection holds no slots: RINGTAIL LOCK first");
}

#[test]
fn a_lease_that_is_over_says_so() {
    let [mut t, mut other] = two();
    let slot = ringtail_cluster::slot_of(b"k");
    other.run("SET k 0");
    t.run("WATCH k");
    other.run("SET k 1");
    assert_eq!(t.run(&format!("RINGTAIL LOCK 1 {slot}")), "0");
    std::thread::park_timeout(std::time::Duration::from_millis(2));
    assert_eq!(other.run("SET k 2"), "OK");
    t.run("MULTI");
    t.run("SET k 3");
    assert!(t.run("RINGTAIL EXEC").starts_with("-LEASEOVER"));
    assert_eq!(other.run("GET k"), "'2'");
    assert_eq!(t.run("RINGTAIL LOCK 1 16384"), "-ERR Invalid or out of range slot");
    assert_eq!(t.run(&format!("RINGTAIL LOCK 1000 {slot}")), "1");
    assert_eq!(t.run("RINGTAIL RELEASE"), "OK");
}
