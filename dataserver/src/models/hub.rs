//! Publishers and subscribers: all see the messages of a channel in one order, and none after they left it.

use super::{check, server};
use crate::command::testing::Harness;
use crate::server::Server;
use crate::session::Client;
use shuttle::thread::spawn;
use std::sync::Arc;

/// The messages that have come, which are capitals.
fn received(client: &Client) -> String {
    let mut out = Vec::new();
    client.outbox.drain(&mut out, usize::MAX);
    String::from_utf8(out).unwrap().chars().filter(char::is_ascii_uppercase).collect()
}

fn subscriber(server: &Arc<Server>, line: &str) -> Harness {
    let mut client = Harness::of(Arc::clone(server));
    client.run(line);
    client
}

fn one_order() {
    let server = server();
    let stay = ["SUBSCRIBE c", "SUBSCRIBE c", "PSUBSCRIBE c*"].map(|line| subscriber(&server, line));
    let publishers = [["W", "X"], ["Y", "Z"]].map(|messages| {
        let server = Arc::clone(&server);
        spawn(move || {
            let mut client = Harness::of(server);
            for message in messages {
                assert!(["3", "4"].contains(&&*client.run(&format!("PUBLISH c {message}"))));
            }
        })
    });
    let come_and_go = Arc::clone(&server);
    let guest = spawn(move || {
        let mut client = subscriber(&come_and_go, "SUBSCRIBE c");
        let told = client.run("UNSUBSCRIBE c");
        assert!(told.ends_with("['unsubscribe', 'c', 0]"), "{told}");
        client.session.client.clone()
    });
    publishers.into_iter().for_each(|publisher| publisher.join().unwrap());
    assert_eq!(received(&guest.join().unwrap()), "", "it had left");
    let seen = stay.each_ref().map(|client| received(&client.session.client));
    assert!(seen[0].find('W') < seen[0].find('X') && seen[0].find('Y') < seen[0].find('Z'), "{seen:?}");
    assert!(seen[0].len() == 4 && seen[1..] == [seen[0].clone(), seen[0].clone()], "{seen:?}");
}

#[test]
fn all_see_one_order_and_nothing_after_they_left() {
    check("hub", 3000, one_order);
}
