//! Clients that break off, never end, or want too much.

use crate::front::Front;
use ringtail_tests::harness::{Certs, Options, wait_for};
use ringtail_tests::resp::{Conn, Endpoint, request};
use std::time::{Duration, Instant};

/// Longer than any timeout that a server has for a peer that says nothing.
const GIVEN_UP: Duration = Duration::from_secs(20);

/// The start of a ClientHello.
const TLS_BYTES: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";

fn plain(front: &Front) -> Conn {
    Endpoint::plain(front.endpoint().port).connect_raw().expect("a connection")
}

#[test]
fn plaintext_on_a_tls_port_is_refused() {
    for front in Front::ours_tls() {
        let mut bystander = front.endpoint().open();
        let mut conn = plain(&front);
        conn.send(b"PING\r\nPING\r\nPING\r\n").expect("sent");
        assert!(ends(&mut conn), "{}: plaintext keeps its connection", front.name);
        assert_eq!(bystander.run("PING").text(), "PONG", "{}", front.name);
    }
}

#[test]
fn tls_on_a_plaintext_port_holds_up_nobody() {
    for front in Front::ours(&Options::default()) {
        let mut bystander = front.endpoint().open();
        let mut conns: Vec<Conn> = (0..20).map(|_| plain(&front)).collect();
        for conn in &mut conns {
            conn.send(TLS_BYTES).expect("sent");
            conn.send(b"\r\n\x00\x00\r\n").expect("sent");
        }
        assert_eq!(bystander.run("PING").text(), "PONG", "{}", front.name);
    }
}

#[test]
fn a_handshake_that_never_ends_is_ended() {
    for front in Front::ours_tls() {
        let mut silent = plain(&front);
        let mut half = plain(&front);
        half.send(TLS_BYTES).expect("sent");
        assert_eq!(front.endpoint().open().run("PING").text(), "PONG", "{}", front.name);
        for conn in [&mut silent, &mut half] {
            conn.set_patience(GIVEN_UP);
            assert!(ends(conn), "{}: an unfinished handshake is kept", front.name);
        }
    }
}

/// Reads what comes (an alert, perhaps) until the other side closes.
fn ends(conn: &mut Conn) -> bool {
    let mut piece = [0; 256];
    loop {
        match conn.receive(&mut piece) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(e) => {
                return !matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut);
            }
        }
    }
}

#[test]
fn a_certificate_of_another_ca_is_not_trusted() {
    let others = Certs::make_in(&ringtail_tests::harness::scratch("other-ca"));
    for front in Front::ours_tls() {
        let endpoint = Endpoint { tls: Some(others.trust()), ..front.endpoint().clone() };
        assert!(endpoint.connect().is_err(), "{}: trusted by a stranger", front.name);
        assert_eq!(front.endpoint().open().run("PING").text(), "PONG", "{}", front.name);
    }
}

#[test]
fn a_client_certificate_is_asked_for_with_client_ca() {
    let certs = Certs::get();
    let ca = certs.ca().to_string_lossy().into_owned();
    // The readiness check itself must show a certificate: a front that starts proves the good case.
    let options = Options { identity: true, ..Options::args(&["--client-ca", &ca]).with_certs(&certs) };
    let front = Front::server(&options);
    assert_eq!(front.endpoint().open().run("PING").text(), "PONG");
    let anonymous = Endpoint { tls: Some(certs.trust()), ..front.endpoint().clone() };
    let refused = anonymous.connect().and_then(|mut conn| conn.try_call(&["PING"]));
    assert!(refused.is_err(), "a client without a certificate was answered");
}

#[test]
fn one_client_too_many_is_told_so() {
    for front in Front::all_with(&Options::args(&["--maxclients", "10"]), &["--maxclients", "10"]) {
        // Connections that the start itself made may still be closing.
        let mut conns = Vec::new();
        let full = wait_for(GIVEN_UP, || {
            conns.retain_mut(|conn: &mut Conn| conn.try_call(&["PING"]).is_ok());
            if conns.len() < 10 {
                conns.extend(front.endpoint().connect().ok());
            }
            conns.len() == 10 && conns.iter_mut().all(is_pong)
        });
        assert!(full, "{}: fewer than ten clients get in", front.name);
        let mut one_more = front.endpoint().connect_raw().expect("a connection");
        let told = one_more.read().unwrap_or_else(|e| panic!("{}: {e}", front.name));
        assert_eq!(told.error(), Some("ERR max number of clients reached"), "{}", front.name);
        assert!(one_more.closes(), "{}", front.name);
        assert!(conns.iter_mut().all(is_pong), "{}: an old client lost its connection", front.name);
        conns.pop();
        let again =
            wait_for(GIVEN_UP, || front.endpoint().connect().is_ok_and(|mut conn| is_pong(&mut conn)));
        assert!(again, "{}: the place of one that left stays taken", front.name);
    }
}

fn is_pong(conn: &mut Conn) -> bool {
    conn.try_call(&["PING"]).is_ok_and(|reply| reply.error().is_none())
}

#[test]
fn a_client_that_reads_nothing_is_not_read() {
    const VALUE: usize = 1 << 20;
    const ASKED: usize = 2000;
    /// The proxy takes the first 128 requests at once, not knowing yet how long answers are.
    const BOUND: u64 = 200;
    for front in Front::ours(&Options::default()) {
        let mut bystander = front.endpoint().open();
        assert!(bystander.call(&["SET", "big", &"x".repeat(VALUE)]).is_ok());
        let before = front.process().rss();
        let endpoint = front.endpoint().clone();
        let greedy = std::thread::spawn(move || {
            let mut conn = endpoint.open();
            // Two gigabytes of replies asked for; the server may stop reading before the last request.
            let sent = conn.send(&request(&["GET", "big"]).repeat(ASKED));
            (conn, sent.is_ok())
        });
        let started = Instant::now();
        let mut most = 0;
        while started.elapsed() < Duration::from_secs(3) {
            let asked = Instant::now();
            assert_eq!(bystander.run("STRLEN big").int(), VALUE as i64, "{}", front.name);
            assert!(asked.elapsed() < Duration::from_secs(1), "{}: the others wait", front.name);
            most = most.max(front.process().rss());
        }
        let grown = most.saturating_sub(before) >> 20;
        assert!(grown < BOUND, "{}: {grown} MiB for replies that nobody reads", front.name);
        let (mut conn, sent) = greedy.join().expect("the greedy client");
        // It goes on where it was as soon as it reads.
        let first = conn.read().unwrap_or_else(|e| panic!("{}: sent {sent}: {e}", front.name));
        assert_eq!(first.bytes().map(<[u8]>::len), Some(VALUE), "{}", front.name);
    }
}

#[test]
fn connections_that_break_off_leave_nothing() {
    for front in Front::ours(&Options::default()) {
        let mut bystander = front.endpoint().open();
        for round in 0..200 {
            let mut conn = front.endpoint().open();
            let bytes = request(&["SET", "k", &"v".repeat(round * 10)]);
            conn.send(&bytes[..bytes.len() - 1 - round % 7]).expect("sent");
        }
        assert_eq!(bystander.run("EXISTS k").int(), 0, "{}: half a request was run", front.name);
        let gone = wait_for(GIVEN_UP, || connected(&mut bystander) <= 2);
        assert!(gone, "{}: {} clients are still counted", front.name, connected(&mut bystander));
    }
}

fn connected(conn: &mut Conn) -> i64 {
    let info = conn.run("INFO clients").text();
    let line = info.lines().find_map(|line| line.strip_prefix("connected_clients:"));
    line.and_then(|n| n.trim().parse().ok()).unwrap_or(i64::MAX)
}
