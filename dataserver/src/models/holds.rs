//! Slots that are held beyond their lock: by one at a time, and whoever is parked goes on in the end.

use super::{check, server, wait_until};
use crate::command::testing::Harness;
use crate::server::Server;
use crate::session::Wait;
use crate::sync::atomic::Ordering::Relaxed;
use shuttle::thread::spawn;
use std::sync::Arc;

/// Runs a request, again after each time that it was parked, as the client's connection does.
fn run(client: &mut Harness, line: &str) -> String {
    loop {
        let reply = client.run(line);
        if !client.session.is_parked() {
            return reply;
        }
        let own = Arc::clone(&client.session.client);
        wait_until(&own, || own.take_unparked());
        client.session.wait = Wait::No;
        client.server.blocked.fetch_sub(1, Relaxed);
    }
}

/// Adds 1 to the number in two steps, which only a hold keeps together.
fn add_in_two_steps(server: Arc<Server>) {
    let slot = server.store.key(b"n").slot;
    let mut client = Harness::of(server);
    assert_eq!(run(&mut client, &format!("RINGTAIL LOCK 60000 {slot}")), "1");
    let number: u64 = client.run("GET n").trim_matches('\'').parse().unwrap();
    client.run(&format!("SET n {}", number + 1));
    assert_eq!(client.run("RINGTAIL RELEASE"), "OK");
}

fn one_at_a_time() {
    let server = server();
    Harness::of(Arc::clone(&server)).run("SET n 0");
    let owners = [0, 1].map(|_| Arc::clone(&server)).map(|server| spawn(move || add_in_two_steps(server)));
    let others = ["INCR n", "INCR n"].map(|line| (Arc::clone(&server), line));
    let others = others.map(|(server, line)| spawn(move || drop(run(&mut Harness::of(server), line))));
    owners.into_iter().chain(others).for_each(|thread| thread.join().unwrap());
    assert_eq!(server.blocked.load(Relaxed), 0);
    assert_eq!(Harness::of(server).run("GET n"), "'4'");
}

#[test]
fn a_hold_keeps_others_out_and_its_end_lets_them_go_on() {
    check("holds", 3000, one_at_a_time);
}
