//! SIGTERM: no more connections, those that there are end between two requests, and at the latest after `--drain-timeout`.

use super::{Program, SOON, plain};
use ringtail_tests::harness::{Process, Signal, wait_for};
use ringtail_tests::resp::{Conn, Endpoint, request};
use std::time::{Duration, Instant};

fn with_half_a_request(program: &Program, drain: &str) -> (Process, Endpoint, Conn) {
    let endpoint = plain();
    let process = program.start(&endpoint, &["--drain-timeout", drain]);
    let mut conn = endpoint.open();
    conn.send(&request(&["ECHO", "one"])).and_then(|()| conn.send(b"*2\r\n$4\r\nEC")).expect("sent");
    assert_eq!(conn.read().expect("an answer").text(), "one");
    (process, endpoint, conn)
}

#[test]
fn what_was_begun_is_ended_before_the_connection_is() {
    for program in Program::both() {
        let (mut process, endpoint, mut conn) = with_half_a_request(&program, "60s");
        let mut idle = endpoint.open();
        process.signal(Signal::Terminate);
        assert!(idle.closes(), "{}: an idle connection ends at once", program.name);
        assert!(wait_for(SOON, || endpoint.connect().is_err()), "{}: it goes on accepting", program.name);
        assert_eq!(process.exited(), None, "{}", process.output());
        let rest = [&b"HO\r\n$3\r\ntwo\r\n"[..], &request(&["ECHO", "three"])].concat();
        conn.send(&rest).expect("sent");
        assert_eq!(conn.read().expect("an answer").text(), "two", "{}", program.name);
        assert_eq!(conn.read().expect("an answer").text(), "three", "{}", program.name);
        assert!(conn.closes());
        assert_eq!(process.wait_exit(SOON), Some(0), "{}", process.output());
    }
}

#[test]
fn who_waits_for_what_may_never_come_is_closed() {
    let [server, _] = Program::both();
    let endpoint = plain();
    let mut process = server.start(&endpoint, &["--drain-timeout", "60s"]);
    let (mut blocked, mut subscribed) = (endpoint.open(), endpoint.open());
    blocked.send(&request(&["BLPOP", "nothing", "0"])).expect("sent");
    assert!(wait_for(SOON, || endpoint.open().run("INFO clients").text().contains("blocked_clients:1")));
    subscribed.call(&["SUBSCRIBE", "news"]);
    process.signal(Signal::Terminate);
    assert!(blocked.closes() && subscribed.closes());
    assert_eq!(process.wait_exit(SOON), Some(0), "{}", process.output());
}

#[test]
fn who_does_not_end_is_cut_off() {
    for program in Program::both() {
        let (mut process, _, mut conn) = with_half_a_request(&program, "300ms");
        let start = Instant::now();
        process.signal(Signal::Terminate);
        assert!(conn.closes());
        assert_eq!(process.wait_exit(SOON), Some(0), "{}", process.output());
        assert!(start.elapsed() >= Duration::from_millis(300), "{:?}", start.elapsed());
    }
}

#[test]
fn a_second_signal_waits_for_nobody() {
    for program in Program::both() {
        let (mut process, endpoint, mut conn) = with_half_a_request(&program, "1h");
        process.signal(Signal::Terminate);
        assert!(wait_for(SOON, || endpoint.connect().is_err()));
        process.signal(Signal::Terminate);
        assert_eq!(process.wait_exit(SOON), Some(0), "{}", process.output());
        assert!(conn.closes());
    }
}
