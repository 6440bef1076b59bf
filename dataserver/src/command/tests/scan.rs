//! What SCAN promises, and what a call of it costs.

use crate::command::testing::Harness;
use std::collections::HashSet;

/// One call: the next cursor and the keys.
fn call(t: &mut Harness, cursor: &str, options: &str) -> (String, Vec<String>) {
    let replies = t.replies(format!("SCAN {cursor} {options}\r\n").into_bytes());
    let reply = replies[0].as_array().unwrap();
    let keys = reply[1].as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned()).collect();
    (reply[0].as_str().unwrap().to_owned(), keys)
}

/// All calls, with something else `between` them; the keys, and how many calls there were.
fn whole(t: &mut Harness, options: &str, mut between: impl FnMut(&mut Harness)) -> (Vec<String>, usize) {
    let (mut cursor, mut keys, mut calls) = ("0".to_owned(), Vec::new(), 0);
    loop {
        let (next, found) = call(t, &cursor, options);
        calls += 1;
        keys.extend(found);
        if next == "0" {
            return (keys, calls);
        }
        assert!(
            next.parse::<u64>().unwrap() < 1 << 30,
            "30 bits, so that a proxy can add its own above them"
        );
        between(t);
        cursor = next;
    }
}

#[test]
fn each_key_is_returned_once_while_nothing_changes() {
    let mut t = Harness::new();
    // A slot that is split into parts among them.
    (0..5000).for_each(|i| drop(t.run(&format!("MSET key:{i} 1 {{tag}}:{i} 1"))));
    for count in [1, 10, 1000] {
        let (keys, calls) = whole(&mut t, &format!("COUNT {count}"), |_| {});
        assert_eq!((keys.len(), keys.iter().collect::<HashSet<_>>().len()), (10_000, 10_000));
        assert!(calls <= 10_000 / count + 1, "{calls} calls with COUNT {count}");
    }
    let (keys, _) = whole(&mut t, "COUNT 100 MATCH *7 TYPE string", |_| {});
    assert_eq!(keys.len(), 1000);
}

#[test]
fn a_call_visits_no_more_than_a_few_times_its_count() {
    let mut t = Harness::new();
    (0..20_000).for_each(|i| drop(t.run(&format!("SET {{tag}}:{i} 1"))));
    let (mut cursor, mut most) = ("0".to_owned(), 0);
    loop {
        let (next, keys) = call(&mut t, &cursor, "COUNT 10");
        most = most.max(keys.len());
        if next == "0" {
            break;
        }
        cursor = next;
    }
    assert!((10..=100).contains(&most), "{most} keys in one call");
}

#[test]
fn keys_that_stay_are_returned_while_tables_grow_and_shrink() {
    let mut t = Harness::new();
    (0..3000).for_each(|i| {
        drop(t.run(&format!("MSET stays:{i} 1 {{tag}}stays:{i} 1 goes:{i} 1 {{tag}}goes:{i} 1")))
    });
    let mut at = 0;
    let (keys, _) = whole(&mut t, "COUNT 20", |t| {
        for i in at..at + 10 {
            t.run(&format!("DEL goes:{i} {{tag}}goes:{i}"));
            t.run(&format!("MSET new:{i} 1 {{tag}}new:{i} 1 {{tag}}more:{i} 1"));
        }
        at += 10;
    });
    let keys: HashSet<String> = keys.into_iter().collect();
    for i in 0..3000 {
        assert!(keys.contains(&format!("stays:{i}")) && keys.contains(&format!("{{tag}}stays:{i}")), "{i}");
    }
}

#[test]
fn other_databases_are_passed_over() {
    let mut t = Harness::new();
    (0..2000).for_each(|i| drop(t.run(&format!("SET key:{i} 1"))));
    t.run("SELECT 3");
    t.run("SET key:1 1");
    let (keys, calls) = whole(&mut t, "", |_| {});
    assert_eq!(keys, ["key:1"]);
    assert!(calls < 5, "groups without a key of the database cost nothing: {calls} calls");
    assert!((0..20).all(|_| t.run("RANDOMKEY") == "'key:1'"));
}

#[test]
fn any_cursor_is_harmless() {
    let mut t = Harness::new();
    (0..1000).for_each(|i| drop(t.run(&format!("SET key:{i} 1"))));
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..2000 {
        let cursor = random.u64(..) >> random.u32(..64);
        let (next, _) = call(&mut t, &cursor.to_string(), "");
        assert!(next.parse::<u64>().is_ok());
    }
}

#[test]
fn random_keys_are_any_keys() {
    let mut t = Harness::new();
    (0..10).for_each(|i| drop(t.run(&format!("SET key:{i} 1"))));
    (0..1000).for_each(|i| drop(t.run(&format!("SET gone:{i} 1 PX 1"))));
    t.advance(1);
    let seen: HashSet<String> = (0..2000).map(|_| t.run("RANDOMKEY")).collect();
    assert!(seen.len() >= 5 && seen.iter().all(|key| key.starts_with("'key:")), "{seen:?}");
}
