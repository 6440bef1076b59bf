//! A command that fails as only a bug would: one connection ends, and nothing else.

use ringtail_tests::harness::{Options, Server, wait_for};
use ringtail_tests::resp::{Value, request};
use std::time::Duration;

/// A server of one thread, so that all clients share buffers with those whose commands panic.
fn server() -> Server {
    Server::start(&Options::args(&["--threads", "1", "--set", "enable-debug-command=yes"]))
}

#[test]
fn a_panic_ends_one_connection_and_is_counted() {
    let server = server();
    let mut other = server.endpoint.open();
    for line in ["DEBUG PANIC", "MULTI\r\nSET in-transaction 1\r\nDEBUG PANIC\r\nEXEC"] {
        let mut conn = server.endpoint.open();
        // The replies before it are of the same turn, and must not go to the next client.
        let requests = format!("SET before 1\r\nECHO lost\r\n{line}\r\nECHO after\r\n");
        conn.send(requests.as_bytes()).expect("sent");
        assert!(conn.closes(), "{line}: the connection stays open");
        assert_eq!(other.run("ECHO mine").text(), "mine", "{line}");
        assert_eq!(other.run("GET before").text(), "1", "{line}: a key's lock is held for ever");
    }
    assert_eq!(other.run("DBSIZE").int(), 2);
    let info = other.run("INFO stats").text();
    assert!(info.contains("\r\npanics:2\r\n"), "{info}");
    assert!(other.run("INFO clients").text().contains("connected_clients:1\r\n"));
    assert!(server.process.output().contains("DEBUG PANIC"), "nothing is logged");
}

#[test]
fn who_waits_with_a_connection_that_panics_goes_on() {
    let server = server();
    let [mut waits, mut other, mut conn] = [(); 3].map(|()| server.endpoint.open());
    waits.send(&request(&["BLPOP", "list", "0"])).expect("sent");
    let waits_already = || other.run("INFO clients").text().contains("blocked_clients:1\r\n");
    assert!(wait_for(Duration::from_secs(5), waits_already));
    assert_eq!(conn.run("SUBSCRIBE news").items().len(), 3);
    let mut bad = server.endpoint.open();
    bad.send(b"WATCH list\r\nCLIENT TRACKING on\r\nGET list\r\nDEBUG PANIC\r\n").expect("sent");
    assert!(bad.closes());
    assert_eq!(other.run("RPUSH list v").int(), 1);
    assert_eq!(waits.read().expect("its element").items()[1], Value::Bulk(b"v".to_vec()));
    assert_eq!(other.run("PUBLISH news x").int(), 1);
    assert_eq!(conn.read().expect("a message").items()[2].text(), "x");
}
