//! How the programs end: at once, cleanly, and with exit code 0.

use crate::front::Front;
use ringtail_tests::harness::{Options, Pool, Server, Signal};
use ringtail_tests::resp::request;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(5);

#[test]
fn signals_end_them_cleanly() {
    // Idle connections don't hold it up, and half requests no longer than this.
    let options = Options::args(&["--drain-timeout", "500ms"]);
    for signal in [Signal::Terminate, Signal::Interrupt] {
        let mut server = Server::start(&options);
        let mut pool = Pool::start(&options);
        let mut idle: Vec<_> = [&server.endpoint, &pool.endpoint].map(|endpoint| endpoint.open()).into();
        idle.iter_mut().for_each(|conn| conn.send(b"*2\r\n$3\r\nGET").expect("sent"));
        for process in [&mut server.process, &mut pool.process] {
            process.signal(signal);
            assert_eq!(process.wait_exit(SOON), Some(0), "{}", process.output());
        }
        assert!(idle.iter_mut().all(|conn| conn.closes()), "a connection outlives its server");
    }
}

#[test]
fn what_was_asked_before_the_end_is_answered() {
    let mut server = Server::start(&Options::default());
    let mut conn = server.endpoint.open();
    assert_eq!(conn.run("PING").text(), "PONG");
    conn.send(&request(&["INCR", "n"]).repeat(1000)).expect("sent");
    server.process.signal(Signal::Terminate);
    let mut answered = 0;
    while let Ok(reply) = conn.read() {
        answered += 1;
        assert_eq!(reply.int(), answered, "answers are missing in between");
    }
    assert_eq!(server.process.wait_exit(SOON), Some(0), "{}", server.process.output());
}

#[test]
fn shutdown_ends_the_server_that_is_told() {
    let mut server = Server::start(&Options::default());
    let mut conn = server.endpoint.open();
    conn.send(&request(&["SHUTDOWN", "NOSAVE"])).expect("sent");
    assert!(conn.closes());
    assert_eq!(server.process.wait_exit(SOON), Some(0), "{}", server.process.output());
}

#[test]
fn a_port_is_free_again_at_once() {
    let mut server = Server::start(&Options::default());
    for _ in 0..3 {
        let mut conn = server.endpoint.open();
        assert!(conn.run("SET k v").is_ok());
        server.process.signal(Signal::Terminate);
        assert_eq!(server.process.wait_exit(SOON), Some(0));
        server.restart();
    }
}

#[test]
fn info_tells_of_every_member() {
    let pool = Pool::start(&Options::default());
    let mut conn = pool.endpoint.open();
    let servers = conn.run("INFO servers").text();
    for (i, port) in pool.members.ports().iter().enumerate() {
        assert!(servers.contains(&format!("m{i}")), "member m{i} in\n{servers}");
        assert!(servers.contains(&format!("127.0.0.1:{port}")), "its address in\n{servers}");
    }
    for front in Front::all() {
        let info = front.endpoint().open().run("INFO").text();
        for field in [
            "redis_version:7.",
            "arch_bits:64",
            "loading:0",
            "connected_clients:",
            "used_memory:",
            "role:master",
        ] {
            let found = info.lines().any(|line| line.starts_with(field));
            assert!(found, "{}: no {field} in\n{info}", front.name);
        }
    }
}
