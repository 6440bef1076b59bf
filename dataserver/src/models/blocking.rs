//! Commands that wait, and those who serve them: nothing is lost, and nothing is given twice.

use super::{check, server, wait_until};
use crate::blocking::Waiter;
use crate::command::testing::Harness;
use crate::server::{Server, unix_millis};
use crate::session::Wait;
use crate::sync::atomic::Ordering::Relaxed;
use shuttle::thread::{JoinHandle, spawn};
use std::sync::Arc;

fn start<T: Send + 'static>(
    server: &Arc<Server>,
    run: impl FnOnce(Harness) -> T + Send + 'static,
) -> JoinHandle<T> {
    let server = Arc::clone(server);
    spawn(move || run(Harness::of(server)))
}

fn waiter(client: &Harness) -> Option<Arc<Waiter>> {
    match &client.session.wait {
        Wait::Blocked(blocked) => Some(Arc::clone(&blocked.waiter)),
        _ => None,
    }
}

/// Waits for the reply as the client's connection does.
fn pop(mut client: Harness, line: &str) -> String {
    let reply = client.run(line);
    let Some(waiter) = waiter(&client) else { return reply };
    wait_until(&client.session.client, || !waiter.is_waiting());
    client.served().expect("it waits no more")
}

/// The elements in replies, which are digits.
fn elements(replies: &[String]) -> Vec<char> {
    let mut elements: Vec<char> =
        replies.iter().flat_map(|text| text.chars().filter(char::is_ascii_digit)).collect();
    elements.sort_unstable();
    elements
}

/// What was got, and what is left in the lists.
fn with_the_rest(server: Arc<Server>, mut got: Vec<String>) -> Vec<char> {
    assert_eq!(server.blocked.load(Relaxed), 0);
    let mut left = Harness::of(server);
    got.extend(["a", "b"].map(|key| left.run(&format!("LRANGE {key} 0 -1"))));
    elements(&got)
}

/// Two wait, one of them for two keys. Somebody else takes an element away and puts it back.
fn served_once() {
    let server = server();
    let poppers = ["BLPOP a b 0", "BLPOP b 0"].map(|line| start(&server, move |client| pop(client, line)));
    let pushers = ["RPUSH a 1", "RPUSH b 2 3"].map(|line| start(&server, move |mut client| client.run(line)));
    let thief = start(&server, |mut client| {
        if client.run("LPOP a") == "'1'" {
            client.run("RPUSH a 1");
        }
    });
    let got = poppers.map(|popper| popper.join().unwrap());
    pushers.into_iter().for_each(|pusher| drop(pusher.join().unwrap()));
    thief.join().unwrap();
    assert_eq!(with_the_rest(server, got.into()), ['1', '2', '3']);
}

/// One waits until it is served or told to stop, one leaves while it waits, and one stays until it has an element.
fn nothing_lost() {
    let server = server();
    let mut stopped = Harness::of(Arc::clone(&server));
    let stop = format!("CLIENT UNBLOCK {}", stopped.session.client.id);
    // It is to wait before anybody could stop it.
    assert_eq!(stopped.run("BLPOP a 0"), "");
    let stopper = start(&server, move |mut client| client.run(&stop));
    let leaver = start(&server, |mut client| {
        let reply = client.run("BLPOP a 0");
        client.executor.leave(&mut client.session, unix_millis());
        reply
    });
    let stayer = start(&server, |client| pop(client, "BLPOP a 0"));
    let pusher =
        start(&server, |mut client| ["RPUSH a 1", "RPUSH a 2", "RPUSH a 3"].map(|line| client.run(line)));
    let waiter = waiter(&stopped).expect("it waits");
    wait_until(&stopped.session.client, || !waiter.is_waiting());
    let got = stopped.served().expect("it waits no more");
    assert!(stopper.join().unwrap() == "1" || got != "nil", "nobody ended it");
    let left = leaver.join().unwrap();
    drop(pusher.join().unwrap());
    let stayed = stayer.join().unwrap();
    drop(stopped);
    assert_eq!(with_the_rest(server, vec![got, left, stayed]), ['1', '2', '3']);
}

#[test]
fn what_is_pushed_is_popped_once_and_nobody_waits_beside_it() {
    check("blocking: served once", 3000, served_once);
}

#[test]
fn what_meets_a_time_out_or_a_client_that_leaves_is_not_lost() {
    check("blocking: nothing lost", 3000, nothing_lost);
}
