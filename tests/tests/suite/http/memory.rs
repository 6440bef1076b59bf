//! What the HTTP door holds: bounded, and counted where all else is.

use super::{Door, Http, comes_true};
use ringtail_tests::harness::{Options, pause, say};
use std::time::{Duration, Instant};

const MIB: u64 = 1 << 20;

/// Has announced 8 MiB and sent as much as the proxy takes of 4.
fn send_slowly(door: &Door, fields: &str) -> Http {
    let mut http = door.client();
    let head =
        format!("PUT /v1/keys/slow HTTP/1.1\r\nhost: localhost\r\n{fields}content-length: 8388608\r\n\r\n");
    let _ = http.conn.send(head.as_bytes());
    for _ in 0..64 {
        if http.conn.send(&[b'x'; 64 << 10]).is_err() {
            break;
        }
    }
    http
}

#[test]
fn slow_clients_with_large_bodies_stay_within_the_bound() {
    let door = Door::open(&Options::args(&["--max-in-flight", "96mb", "--threads", "2"]));
    let before = door.pool.process.rss();
    let mut slow: Vec<Http> = (0..40).map(|_| send_slowly(&door, "")).collect();
    pause(Duration::from_millis(500));
    let grown = door.pool.process.peak_rss().saturating_sub(before);
    say(&format!("40 clients with 4 MiB of their bodies each: RSS {} MiB more", grown / MIB));
    // Half of it is HTTP's, and each byte of a body counts three times: 16 MiB of bodies, and their buffers.
    assert!(grown < 64 * MIB, "{} MiB more", grown / MIB);
    let mut refused = 0;
    for http in &mut slow {
        if http.peek().is_some() {
            let answer = http.read(false);
            assert!(answer.status == 503 && answer.problem().contains("--max-in-flight"), "{answer:?}");
            assert!(answer.field("connection") == Some("close"));
            refused += 1;
        }
    }
    assert!((20..40).contains(&refused), "{refused} of 40 are refused");
    let mut direct = door.pool.endpoint.open();
    let begun = Instant::now();
    assert!(direct.call(&["SET", "k", &"x".repeat(1 << 20)]).is_ok(), "others have the other half");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    drop(slow);
    comes_true("room, when they have left", || {
        door.ask("PUT /v1/keys/k", &[], &vec![1; 4 << 20]).status < 300
    });
}

#[test]
fn who_is_not_let_in_sends_no_body() {
    let door = Door::open(&Options { password: Some("pw".into()), ..Options::default() });
    let before = door.pool.process.rss();
    for fields in ["", "authorization: Bearer wrong\r\n"] {
        let mut all: Vec<Http> = (0..20).map(|_| send_slowly(&door, fields)).collect();
        let heard = all.iter_mut().filter_map(|http| http.try_read(false)).collect::<Vec<_>>();
        assert!(
            heard.iter().all(|answer| answer.status == 401 && answer.field("connection") == Some("close"))
        );
    }
    let grown = door.pool.process.peak_rss().saturating_sub(before);
    assert!(grown < 24 * MIB, "{} MiB more", grown / MIB);
    let mut one = door.client();
    let head = "POST /v1/commands HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 8388608\r\n\r\n";
    one.conn.send(head.as_bytes()).expect("sent");
    assert_eq!(one.read(false).status, 401, "before anything of the body has come");
}

#[test]
fn answers_that_nobody_takes_are_counted() {
    let args = ["--max-in-flight", "64mb", "--threads", "2", "--timeout", "30s"];
    let door = Door::open(&Options::args(&args));
    let set = door.pool.endpoint.open().call(&["SETRANGE", "big", "6000000", "x"]);
    assert_eq!(set.int(), 6_000_001);
    let mut slow: Vec<Http> = (0..30)
        .map(|_| {
            let mut http = door.client();
            http.send("GET /v1/keys/big", &[], b"");
            http
        })
        .collect();
    pause(Duration::from_secs(1));
    let peak = door.pool.process.peak_rss();
    assert!(peak < 160 * MIB, "{} MiB", peak / MIB);
    let statuses: Vec<u16> = slow.iter_mut().map(|http| http.read(false).status).collect();
    assert!(statuses.contains(&200) && statuses.contains(&503), "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 503].contains(status)), "{statuses:?}");
    comes_true("room, when they are taken", || door.ask("GET /v1/keys/big", &[], b"").status == 200);
}

#[test]
fn idle_connections_take_little() {
    const COUNT: u64 = 1000;
    let door = Door::open(&Options::args(&["--threads", "2"]));
    let ask = |http: &mut Http| assert_eq!(http.ask("GET /v1/keys/none", &[], b"").status, 404);
    // What the first ones have made stays for all.
    (0..50).for_each(|_| ask(&mut door.client()));
    pause(Duration::from_millis(300));
    let before = door.pool.process.rss();
    let mut idle: Vec<Http> = (0..COUNT).map(|_| door.client()).collect();
    idle.iter_mut().for_each(ask);
    let each = door.pool.process.rss().saturating_sub(before) / COUNT;
    say(&format!("an idle HTTP connection takes {each} bytes"));
    assert!(each < 24 << 10, "{each} bytes for each idle connection");
}

/// Neither the value nor its way out stays with a connection that is kept.
#[test]
fn a_kept_connection_keeps_nothing_of_a_large_answer() {
    const COUNT: u64 = 60;
    let door = Door::open(&Options::args(&["--threads", "2"]));
    let set = door.pool.endpoint.open().call(&["SETRANGE", "big", "3999999", "x"]);
    assert_eq!(set.int(), 4_000_000);
    let read = |http: &mut Http| {
        let answer = http.ask("GET /v1/keys/big", &[], b"");
        assert!(answer.status == 200 && answer.body.len() == 4_000_000, "{}", answer.status);
    };
    (0..4).for_each(|_| read(&mut door.client()));
    let before = door.pool.process.rss();
    let mut kept: Vec<Http> = (0..COUNT).map(|_| door.client()).collect();
    kept.iter_mut().for_each(read);
    let grown = door.pool.process.rss().saturating_sub(before);
    say(&format!("{COUNT} kept connections that have read 4 MB each: RSS {} MiB more", grown / MIB));
    assert!(grown < 80 * MIB, "{} MiB more", grown / MIB);
}

/// In JSON a control character takes six bytes.
#[test]
fn an_answer_that_grows_is_counted_as_it_is() {
    let door = Door::open(&Options::args(&["--max-in-flight", "32mb", "--threads", "2"]));
    let value = vec![1; 4 << 20];
    assert!(door.ask("PUT /v1/keys/k", &[], &value).status < 300);
    let json = [("content-type", "application/json")];
    let refused = door.ask("POST /v1/commands", &json, br#"["GET","k"]"#);
    assert!(refused.status == 503 && refused.problem().contains("the command was run"), "{refused:?}");
    assert_eq!(door.ask("GET /v1/keys/k", &[], b"").body.len(), value.len());
}

#[test]
fn what_is_too_long_to_be_compared_is_not_changed() {
    let door = Door::open(&Options::args(&["--http-max-body", "64kb", "--threads", "2"]));
    assert_eq!(door.pool.endpoint.open().call(&["SETRANGE", "k", "200000", "x"]).int(), 200_001);
    let refused = door.ask("PUT /v1/keys/k", &[("if-match", "\"tag\"")], b"new");
    assert!(refused.status == 413 && refused.problem().contains("nothing was changed"), "{refused:?}");
    assert_eq!(door.pool.endpoint.open().call(&["STRLEN", "k"]).int(), 200_001);
}
