//! A transaction over three members, one of which does not let its slot go yet.

use ringtail_tests::harness::{Options, Pool, pause};
use ringtail_tests::resp::{Conn, request};
use std::time::Duration;

/// A key of each member, in the order of the members' names, and its slot.
fn keys(pool: &Pool) -> Vec<(String, String)> {
    let mut conn = pool.endpoint.open();
    let mut found: Vec<Option<(String, String)>> = vec![None; 3];
    for key in (0..200).map(|i| format!("key{i}")) {
        let route = conn.call(&["RINGTAIL", "ROUTE", &key]);
        let [_, _, _, slot, _, member, ..] = route.items()[0].items() else { panic!("{route}") };
        let index: usize = member.text()[1..].parse().expect("m0, m1 or m2");
        found[index] = Some((key, slot.int().to_string()));
    }
    found.into_iter().map(|key| key.expect("a key of each member")).collect()
}

fn send(conn: &mut Conn, line: &str) {
    conn.send(&request(&line.split(' ').collect::<Vec<_>>())).expect("a socket");
}

/// Who waits at one member holds what comes before it alone, so that no two can wait for each other.
#[test]
fn a_transaction_waits_for_a_slot_and_holds_only_those_before_it() {
    let pool = Pool::start(&Options::args(&["--timeout", "5s"]));
    let keys = keys(&pool);
    for held in 0..3 {
        for watches in [false, true] {
            let [mut holder, mut other] = [(); 2].map(|()| pool.members.endpoint(held).open());
            assert_eq!(holder.call(&["RINGTAIL", "LOCK", "20000", &keys[held].1]).int(), 1);
            let mut conn = pool.endpoint.open();
            assert!(conn.run("SELECT 3").is_ok());
            if watches {
                // Not the one that is held: to read it would wait too.
                assert!(conn.run(&format!("WATCH {}", keys[(held + 1) % 3].0)).is_ok());
            }
            let value = format!("{held}{watches}");
            assert!(conn.run("MULTI").is_ok());
            for (key, _) in &keys {
                assert_eq!(conn.run(&format!("SET {key} {value}")).text(), "QUEUED");
            }
            send(&mut conn, "EXEC");
            pause(Duration::from_millis(100));
            for (member, (_, slot)) in keys.iter().enumerate() {
                let mut asks = pool.members.endpoint(member).open();
                let answer = asks.call(&["RINGTAIL", "TRYLOCK", "1000", slot]);
                let is_locked = answer.error().is_some_and(|error| error.starts_with("LOCKED "));
                assert_eq!(is_locked, member <= held, "m{member} while m{held} is waited for: {answer}");
            }
            assert!(holder.run("RINGTAIL RELEASE").is_ok());
            let answer = conn.read().expect("an answer");
            assert_eq!(answer.items().len(), 3, "{answer}");
            for (key, _) in &keys {
                assert_eq!(conn.run(&format!("GET {key}")).text(), value);
            }
            assert!(conn.run("SELECT 0").is_ok());
            assert_eq!(conn.run(&format!("GET {}", keys[held].0)).bytes(), None);
            assert!(other.run("PING").error().is_none());
        }
    }
}

/// What was watched is watched until the end, also where slots were let go on the way.
#[test]
fn a_key_that_changes_while_another_slot_is_waited_for_ends_the_transaction() {
    let pool = Pool::start(&Options::args(&["--timeout", "5s"]));
    let keys = keys(&pool);
    let mut holder = pool.members.endpoint(0).open();
    assert_eq!(holder.call(&["RINGTAIL", "LOCK", "20000", &keys[0].1]).int(), 1);
    let mut conn = pool.endpoint.open();
    assert!(conn.run(&format!("WATCH {}", keys[2].0)).is_ok());
    assert!(conn.run("MULTI").is_ok());
    for (key, _) in &keys {
        assert_eq!(conn.run(&format!("SET {key} mine")).text(), "QUEUED");
    }
    send(&mut conn, "EXEC");
    pause(Duration::from_millis(100));
    assert!(pool.endpoint.open().run(&format!("SET {} theirs", keys[2].0)).is_ok());
    assert!(holder.run("RINGTAIL RELEASE").is_ok());
    let answer = conn.read().expect("an answer");
    assert_eq!(answer.to_string(), "nil*", "it was changed");
    let kept: Vec<_> =
        keys.iter().map(|(key, _)| conn.run(&format!("GET {key}")).bytes().is_some()).collect();
    assert_eq!(kept, [false, false, true]);
}
