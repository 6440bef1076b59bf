//! SCAN and HSCAN while tables grow and shrink: what was there all the time
//! is returned at least once, and every walk ends.

use crate::front::Front;
use ringtail_tests::harness::Options;
use ringtail_tests::resp::{Conn, Endpoint};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Elements that stay while others come and go.
const STABLE: usize = 3000;

/// Elements that come and go at once.
const PASSING: usize = 8000;

/// Calls that one walk may take, each of at least COUNT 10.
const MOST_CALLS: usize = 20 * (STABLE + PASSING) / 10;

/// What a scanned collection is: the keys of a database, or the fields of a hash.
#[derive(Clone, Copy)]
enum Place {
    Keys,
    Fields,
}

impl Place {
    fn add(self, element: &str) -> Vec<&str> {
        match self {
            Place::Keys => vec!["SET", element, "v"],
            Place::Fields => vec!["HSET", "hash", element, "v"],
        }
    }

    fn remove(self, element: &str) -> Vec<&str> {
        match self {
            Place::Keys => vec!["DEL", element],
            Place::Fields => vec!["HDEL", "hash", element],
        }
    }

    fn scan<'a>(self, cursor: &'a str, count: &'a str) -> Vec<&'a str> {
        match self {
            Place::Keys => vec!["SCAN", cursor, "COUNT", count],
            Place::Fields => vec!["HSCAN", "hash", cursor, "COUNT", count],
        }
    }

    /// Of what one call returned, the elements.
    fn elements(self, items: Vec<String>) -> Vec<String> {
        match self {
            Place::Keys => items,
            Place::Fields => items.into_iter().step_by(2).collect(),
        }
    }
}

fn session(endpoint: &Endpoint, db: usize) -> Conn {
    let mut conn = endpoint.open();
    assert!(conn.run(&format!("SELECT {db}")).is_ok());
    conn
}

/// Adds and removes thousands of elements again and again, until stopped.
fn churn(endpoint: &Endpoint, db: usize, place: Place, stop: &Arc<AtomicBool>) -> JoinHandle<usize> {
    let (mut conn, stop) = (session(endpoint, db), stop.clone());
    std::thread::spawn(move || {
        let names: Vec<String> = (0..PASSING).map(|i| format!("passing{i}")).collect();
        let mut turns = 0;
        while !stop.load(Ordering::Relaxed) {
            for chunk in names.chunks(200) {
                conn.try_pipeline(&chunk.iter().map(|n| place.add(n)).collect::<Vec<_>>()).expect("added");
            }
            for chunk in names.chunks(200) {
                conn.try_pipeline(&chunk.iter().map(|n| place.remove(n)).collect::<Vec<_>>())
                    .expect("removed");
            }
            turns += 1;
        }
        turns
    })
}

/// Walks once from cursor 0 to cursor 0.
fn walk(name: &str, conn: &mut Conn, place: Place, count: &str) -> HashSet<String> {
    let mut found = HashSet::new();
    let mut cursor = "0".to_string();
    for _ in 0..MOST_CALLS {
        let reply = conn.call(&place.scan(&cursor, count));
        let items = reply.items()[1].items().iter().map(|item| item.text()).collect();
        found.extend(place.elements(items));
        cursor = reply.items()[0].text();
        if cursor == "0" {
            return found;
        }
    }
    panic!("{name}: a walk does not end");
}

fn keeps_its_guarantee(front: &Front, db: usize, place: Place) {
    let mut conn = session(front.endpoint(), db);
    let stable: Vec<String> = (0..STABLE).map(|i| format!("stable{i}")).collect();
    conn.try_pipeline(&stable.iter().map(|name| place.add(name)).collect::<Vec<_>>()).expect("added");
    let stop = Arc::new(AtomicBool::new(false));
    let churning = churn(front.endpoint(), db, place, &stop);
    for count in ["10", "100", "17", "1000", "10", "10"] {
        let found = walk(front.name, &mut conn, place, count);
        let missed = stable.iter().filter(|name| !found.contains(*name)).count();
        assert_eq!(missed, 0, "{}, COUNT {count}: {missed} of {STABLE} were missed", front.name);
        let strange = found.iter().find(|name| !name.starts_with("stable") && !name.starts_with("passing"));
        assert_eq!(strange, None, "{}", front.name);
    }
    stop.store(true, Ordering::Relaxed);
    assert!(churning.join().expect("the writer") > 0);
}

#[test]
fn scan_while_keys_come_and_go() {
    for front in Front::all() {
        keeps_its_guarantee(&front, 0, Place::Keys);
    }
}

#[test]
fn scan_of_another_database() {
    for front in Front::all() {
        assert!(front.endpoint().open().run("SET elsewhere v").is_ok());
        keeps_its_guarantee(&front, 5, Place::Keys);
    }
}

#[test]
fn hscan_while_fields_come_and_go() {
    for front in Front::all() {
        keeps_its_guarantee(&front, 0, Place::Fields);
    }
}

#[test]
fn a_quiet_walk_returns_each_key_once() {
    for front in Front::ours(&Options::default()) {
        let mut conn = front.endpoint().open();
        let names: Vec<String> = (0..5000).map(|i| format!("key{i}")).collect();
        conn.try_pipeline(&names.iter().map(|n| Place::Keys.add(n)).collect::<Vec<_>>()).expect("added");
        let mut found = Vec::new();
        let mut cursor = "0".to_string();
        loop {
            let reply = conn.call(&["SCAN", &cursor, "COUNT", "50"]);
            found.extend(reply.items()[1].items().iter().map(|item| item.text()));
            cursor = reply.items()[0].text();
            if cursor == "0" {
                break;
            }
        }
        let distinct: HashSet<&String> = found.iter().collect();
        assert_eq!((distinct.len(), found.len()), (5000, 5000), "{}", front.name);
    }
}

#[test]
fn match_and_type_filter_a_walk() {
    for front in Front::all() {
        let mut conn = front.endpoint().open();
        for i in 0..500 {
            conn.run(&format!("SET string{i} v"));
            conn.run(&format!("RPUSH list{i} v"));
        }
        let mut found = HashSet::new();
        let mut cursor = "0".to_string();
        loop {
            let reply = conn.call(&["SCAN", &cursor, "MATCH", "*1*", "TYPE", "list", "COUNT", "20"]);
            found.extend(reply.items()[1].items().iter().map(|item| item.text()));
            cursor = reply.items()[0].text();
            if cursor == "0" {
                break;
            }
        }
        let want: HashSet<String> =
            (0..500).filter(|i| i.to_string().contains('1')).map(|i| format!("list{i}")).collect();
        assert_eq!(found, want, "{}", front.name);
    }
}

#[test]
fn cursors_from_nowhere_are_taken() {
    for front in Front::all() {
        let mut conn = front.endpoint().open();
        conn.run("SET k v");
        for cursor in ["1", "17", "4294967296", "18446744073709551615", "9223372036854775807"] {
            let reply = conn.call(&["SCAN", cursor]);
            // A pool's cursors hold a member too, so that not every number is one.
            let fine = reply.error().is_none_or(|error| error == "ERR invalid cursor" && !front.is_redis());
            assert!(fine, "{}: cursor {cursor}: {reply}", front.name);
        }
    }
}
