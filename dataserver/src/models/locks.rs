//! Who locks several groups: with what is locked nobody else works, and no two wait for each other.

use super::{check, server};
use crate::command::testing::START;
use crate::server::Server;
use crate::store::Key;
use crate::store::view::View;
use crate::sync::yield_now;
use shuttle::thread::spawn;
use std::sync::Arc;

/// Keys of different groups.
const KEYS: [&[u8]; 3] = [b"a", b"b", b"c"];

fn number(view: &mut View<'_>, key: &Key<'_>) -> u8 {
    view.read_bytes(key).unwrap().map_or(0, |bytes| bytes[0])
}

/// Adds 1 to each in steps between which others have their turns.
fn add(view: &mut View<'_>, keys: &[Key<'_>]) {
    for key in keys {
        let number = number(view, key);
        yield_now();
        view.set_bytes(key, &[number + 1], None);
    }
}

fn locked<'s>(server: &'s Server, keys: &[Key<'_>]) -> View<'s> {
    View::lock(&server.store, &server.counters[0], START, 0, true, keys)
}

fn add_to_all_at_once(server: &Server, keys: &[Key<'_>]) {
    add(&mut locked(server, keys), keys);
}

/// As a script that touches keys that it did not declare; the last key's group comes first.
fn add_as_it_goes(server: &Server, keys: &[Key<'_>]) {
    let mut view = locked(server, &keys[2..]);
    for key in keys.iter().rev() {
        view.add_group(key.group());
        add(&mut view, &[*key]);
    }
}

fn add_with_all_locked(server: &Server, keys: &[Key<'_>]) {
    let mut view = locked(server, &[]);
    view.lock_all();
    add(&mut view, &keys[..1]);
}

fn no_two_wait() {
    let server = server();
    type Work = fn(&Server, &[Key<'_>]);
    let all: [Work; 4] = [
        add_as_it_goes,
        |server, keys| add_to_all_at_once(server, &keys[..2]),
        |server, keys| add_to_all_at_once(server, &keys[1..]),
        add_with_all_locked,
    ];
    let threads = all.map(|work| {
        let server = Arc::clone(&server);
        spawn(move || work(&server, &KEYS.map(|key| server.store.key(key))))
    });
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let keys = KEYS.map(|key| server.store.key(key));
    let mut view = locked(&server, &keys);
    assert_eq!(keys.map(|key| number(&mut view, &key)), [3, 3, 2]);
}

#[test]
fn groups_are_ones_own_and_nobody_waits_in_a_circle() {
    check("locks", 1000, no_two_wait);
}
