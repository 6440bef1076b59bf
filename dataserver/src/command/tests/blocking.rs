//! Commands that wait.

use crate::command::testing::Harness;
use crate::session::Wait;
use std::sync::Arc;

fn three() -> [Harness; 3] {
    let first = Harness::new();
    let (second, third) = (Harness::of(Arc::clone(&first.server)), Harness::of(Arc::clone(&first.server)));
    [first, second, third]
}

/// Whether the client waits now.
fn waits(t: &Harness) -> bool {
    matches!(t.session.wait, Wait::Blocked(_))
}

#[test]
fn the_first_who_came_is_served_first() {
    let [mut a, mut b, mut pusher] = three();
    assert_eq!((a.run("BLPOP k 0"), b.run("BRPOP other k 0")), (String::new(), String::new()));
    assert!(waits(&a) && waits(&b));
    assert_eq!(pusher.run("RPUSH k 1"), "1");
    assert_eq!((a.served().as_deref(), b.served()), (Some("['k', '1']"), None));
    assert_eq!(pusher.run("EXISTS k"), "0");
    assert_eq!(pusher.run("RPUSH k 2 3"), "2");
    assert_eq!(b.served().as_deref(), Some("['k', '3']"));
    assert_eq!(pusher.run("LRANGE k 0 -1"), "['2']");
    assert_eq!(a.run("BLPOP k 0"), "['k', '2']");
    assert_eq!(pusher.server.blocked.load(std::sync::atomic::Ordering::Relaxed), 0);
}

#[test]
fn an_element_that_is_moved_serves_the_next() {
    let [mut a, mut b, mut pusher] = three();
    a.run("BLMOVE k l LEFT RIGHT 0");
    b.run("BLMPOP 0 2 x l LEFT COUNT 5");
    assert_eq!(pusher.run("LPUSH k v"), "1");
    assert_eq!(a.served().as_deref(), Some("'v'"));
    assert_eq!(b.served().as_deref(), Some("['l', ['v']]"));
    assert_eq!(pusher.run("EXISTS k l"), "0");
}

#[test]
fn a_transaction_serves_at_its_end_and_waits_never() {
    let [mut a, mut b, mut pusher] = three();
    a.run("BLPOP k 0");
    pusher.run("MULTI");
    for line in ["RPUSH k 1", "RPUSH k 2", "BLPOP empty 0", "LLEN k"] {
        assert_eq!(pusher.run(line), "QUEUED");
    }
    assert_eq!(pusher.run("EXEC"), "[1, 2, nil, 2]");
    assert_eq!(a.served().as_deref(), Some("['k', '1']"));
    assert_eq!(b.run("BLPOP k 0"), "['k', '2']");
}

#[test]
fn only_its_own_type_serves_it() {
    let [mut a, _, mut other] = three();
    a.run("BLPOP k 0");
    other.run("SET k string");
    assert!(a.served().is_none());
    other.run("DEL k");
    other.run("LPUSH k v");
    assert_eq!(a.served().as_deref(), Some("['k', 'v']"));
}

#[test]
fn what_was_taken_for_a_client_that_is_gone_goes_back() {
    let [mut a, mut b, mut pusher] = three();
    a.run("BLMPOP 0 1 k LEFT COUNT 2");
    b.run("BLPOP k 0");
    pusher.run("RPUSH k 1 2 3");
    assert_eq!(b.served().as_deref(), Some("['k', '3']"));
    a.executor.leave(&mut a.session, a.now);
    assert_eq!(pusher.run("LRANGE k 0 -1"), "['1', '2']");
    b.run("DEL k");
    b.run("BRPOP k 0");
    b.executor.leave(&mut b.session, b.now);
    assert_eq!(pusher.run("RPUSH k 9"), "1");
    assert_eq!(pusher.run("LRANGE k 0 -1"), "['9']");
    assert!(!pusher.server.store.lock(pusher.server.store.key(b"k").group()).has_interest());
}

#[test]
fn unblocked_by_another_client() {
    let [mut a, mut b, mut other] = three();
    a.run("BLPOP k 0");
    b.run("BLMOVE k l LEFT LEFT 0");
    let (a_id, b_id) = (a.session.client.id, b.session.client.id);
    assert_eq!(other.run(&format!("CLIENT UNBLOCK {a_id}")), "1");
    assert_eq!(other.run(&format!("CLIENT UNBLOCK {a_id}")), "0");
    assert_eq!(other.run(&format!("CLIENT UNBLOCK {b_id} ERROR")), "1");
    assert_eq!(a.served().as_deref(), Some("nil"));
    assert_eq!(b.served().as_deref(), Some("-UNBLOCKED client unblocked via CLIENT UNBLOCK"));
    assert_eq!(other.run("RPUSH k v"), "1");
}

#[test]
fn timeouts_are_checked() {
    let mut t = Harness::new();
    for (timeout, error) in [
        ("-1", "-ERR timeout is negative"),
        ("x", "-ERR timeout is not a float or out of range"),
        ("1e300", "-ERR timeout is out of range"),
    ] {
        assert_eq!(t.run(&format!("BLPOP k {timeout}")), error, "{timeout}");
    }
    t.run("SET k v");
    assert!(t.run("BLPOP k 0").starts_with("-WRONGTYPE"));
}

#[test]
fn slots_that_are_held_beside_the_key_keep_nobody_from_it() {
    let [mut a, mut holder, mut pusher] = three();
    let slot = a.server.store.key(b"k").slot;
    assert_eq!(holder.run(&format!("RINGTAIL LOCK 60000 {}", slot ^ 1)), "1");
    assert_eq!(a.run("BLPOP k 0"), "");
    assert_eq!(pusher.run("RPUSH k 1"), "1");
    assert_eq!(a.served().as_deref(), Some("['k', '1']"));
    pusher.run(&format!("RINGTAIL LOCK 60000 {}", slot ^ 1));
    assert!(pusher.session.is_parked());
    assert_eq!(a.server.blocked.load(std::sync::atomic::Ordering::Relaxed), 1);
}
