//! Ends that say what they should not.

use super::{WITHIN, equal, follow, in_step, info, replica_of, says, server};
use ringtail_tests::harness::{Server, pause, scratch, wait_for};
use ringtail_tests::resp::{Conn, Endpoint};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const NAME: &str = "0123456789012345678901234567890123456789";

fn frame(kind: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    out.extend((bytes.len() as u32).to_le_bytes());
    out.extend(bytes);
    out
}

/// All keys of a server, as RINGTAIL SNAPSHOT has them.
fn snapshot(conn: &mut Conn) -> Vec<u8> {
    conn.send(b"RINGTAIL SNAPSHOT\r\n").expect("RINGTAIL SNAPSHOT");
    let mut all = Vec::new();
    loop {
        let piece = conn.read().expect("a piece of a snapshot");
        let bytes = piece.bytes().expect("bytes").to_vec();
        if bytes.is_empty() {
            return all;
        }
        all.extend(bytes);
    }
}

/// A primary that answers all who follow it with the same bytes; says when somebody has asked.
fn primary_that_says(bytes: Vec<u8>) -> (Endpoint, Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (asked, told) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (bytes, asked) = (bytes.clone(), asked.clone());
            std::thread::spawn(move || answer(stream, &bytes, || asked.send(()).is_ok()));
        }
    });
    (Endpoint::plain(port), told)
}

fn answer(mut stream: TcpStream, bytes: &[u8], asked: impl Fn() -> bool) {
    let mut request = [0; 4096];
    if !stream.read(&mut request).is_ok_and(|n| n > 0) || !asked() || stream.write_all(bytes).is_err() {
        return;
    }
    // It says no more.
    while stream.read(&mut request).is_ok_and(|n| n > 0) {}
}

/// Has a replica with keys follow somebody who says that, and come back to its own primary then.
fn survives(primary: &Server, replica: &Server, bytes: Vec<u8>, why: &str) {
    let (hostile, asked) = primary_that_says(bytes);
    follow(&replica.endpoint, &hostile);
    (0..2)
        .for_each(|_| asked.recv_timeout(WITHIN).unwrap_or_else(|_| panic!("{why}: it does not try again")));
    follow(&replica.endpoint, &primary.endpoint);
    equal(primary, replica);
}

#[test]
fn a_primary_that_says_what_it_should_not() {
    let primary = server(&[]);
    assert_eq!(primary.endpoint.open().run("RPUSH list a b c").int(), 3);
    let replica = replica_of(&primary.endpoint, &[]);
    in_step(&primary, &replica);
    let whole = snapshot(&mut primary.endpoint.open());
    let full = format!("+FULL {NAME} -\r\n").into_bytes();
    let with = |parts: &[&[u8]]| [&full[..], &parts.concat()].concat();
    let before = replica.process.rss();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("nothing of the kind", b"+PONG\r\n".to_vec()),
        ("an error", b"-ERR no\r\n".to_vec()),
        ("a line without end", vec![b'x'; 64 << 20]),
        ("a name that is none", b"+FULL ../../etc -\r\n".to_vec()),
        ("another offset", format!("+CONTINUE {NAME} 123456\r\n").into_bytes()),
        ("a frame of no kind", with(&[&frame(9, b"")])),
        ("a frame too large", with(&[&[0, 0xff, 0xff, 0xff, 0xff]])),
        ("no snapshot", with(&[&frame(0, b"garbage"), &frame(0, b"")])),
        ("a snapshot cut short", with(&[&frame(0, &whole[..whole.len() - 9]), &frame(0, b"")])),
        ("another log's snapshot", with(&[&frame(0, &whole), &frame(0, b"")])),
        ("the log first", with(&[&frame(1, b"x")])),
    ];
    for (why, bytes) in cases {
        survives(&primary, &replica, bytes, why);
    }
    let grown = replica.process.rss().saturating_sub(before);
    assert!(grown < 64 << 20, "it has grown by {grown} bytes");
}

#[test]
fn a_part_of_the_keys_is_shown_to_nobody_and_no_backup() {
    let dir = scratch("repl");
    let backup = dir.join("backup.rtb");
    let mut replica = server(&[
        "--backup",
        backup.to_str().expect("a path"),
        "--dir",
        dir.join("log").to_str().expect("a path"),
    ]);
    let mut conn = replica.endpoint.open();
    assert!(conn.run("SET k mine").is_ok() && conn.run("SAVE").is_ok());
    let saved = std::fs::read(&backup).expect("a backup");
    // It stops in the middle.
    let (hostile, asked) = primary_that_says(format!("+FULL {NAME} -\r\n").into_bytes());
    follow(&replica.endpoint, &hostile);
    asked.recv_timeout(WITHIN).expect("it follows");
    assert!(wait_for(WITHIN, || conn.run("GET k").error().is_some_and(|why| why.starts_with("LOADING"))));
    drop(conn);
    replica.process.signal(ringtail_tests::harness::Signal::Terminate);
    assert_eq!(replica.process.wait_exit(WITHIN), Some(0), "{}", replica.process.output());
    assert!(std::fs::read(&backup).expect("a backup") == saved);
    replica.restart();
    let mut conn = replica.endpoint.open();
    assert!(wait_for(WITHIN, || conn.run("GET k").bytes() == Some(b"mine")));
    // Who leads from a part has nothing rather than that, on disk too.
    follow(&replica.endpoint, &hostile);
    asked.recv_timeout(WITHIN).expect("it follows");
    assert!(wait_for(WITHIN, || conn.run("GET k").error().is_some()));
    assert!(conn.run("REPLICAOF NO ONE").is_ok());
    assert_eq!(conn.run("DBSIZE").int(), 0);
    assert!(conn.run("SET new v").is_ok());
    let own = "the log of the primary goes on in this server's files";
    assert!(wait_for(WITHIN, || says(&replica, own) == 1), "{}", replica.process.output());
    assert!(wait_for(WITHIN, || conn.run("WAITAOF 1 0 5000").items()[0].int() == 1));
    replica.process.kill();
    replica.restart();
    let mut conn = replica.endpoint.open();
    assert!(wait_for(WITHIN, || conn.run("GET new").bytes() == Some(b"v")));
    assert_eq!(conn.run("DBSIZE").int(), 1);
}

/// What it has alone is set aside before the first try, and what that has left must not stand in the way of the next.
#[test]
fn one_that_has_led_follows_though_its_first_sync_breaks_off() {
    let dir = scratch("repl");
    let (primary, replica) = (server(&[]), server(&["--dir", dir.to_str().expect("a path")]));
    assert!(replica.endpoint.open().run("SET k alone").is_ok());
    assert!(primary.endpoint.open().run("SET k shared").is_ok());
    // All but its end.
    let whole = snapshot(&mut primary.endpoint.open());
    let full = format!("+FULL {NAME} -\r\n").into_bytes();
    let (hostile, _asked) = primary_that_says([full, frame(0, &whole[..whole.len() - 9])].concat());
    follow(&replica.endpoint, &hostile);
    let mut conn = replica.endpoint.open();
    let is_partial = |conn: &mut Conn| {
        conn.run("GET k").error().is_some() && conn.run("INFO keyspace").text().contains("db0:keys=1")
    };
    assert!(wait_for(WITHIN, || is_partial(&mut conn)), "{}", conn.run("INFO keyspace"));
    follow(&replica.endpoint, &primary.endpoint);
    equal(&primary, &replica);
    assert_eq!(says(&replica, "all that this server has is set aside"), 1, "{}", replica.process.output());
}

#[test]
fn a_log_that_is_damaged_on_its_way_is_not_applied() {
    let primary = server(&[]);
    assert_eq!(primary.endpoint.open().run("RPUSH list a b c").int(), 3);
    let replica = replica_of(&primary.endpoint, &[]);
    in_step(&primary, &replica);
    let mut conn = replica.endpoint.open();
    let (name, offset) = (info(&mut conn, "master_replid"), info(&mut conn, "master_repl_offset"));
    let goes_on = format!("+CONTINUE {name} {offset}\r\n").into_bytes();
    for damage in [vec![0xff; 64], vec![0; 64], [&[20, 0, 0, 0, 1, 2, 3, 4][..], &[7; 20]].concat()] {
        survives(&primary, &replica, [goes_on.clone(), frame(1, &damage)].concat(), "damage");
    }
    // The first may be the begin of a group. At what is none it might stand within one of that log, and is sent all.
    assert_eq!(says(&replica, super::FULL), 3);
}

#[test]
fn a_replica_that_says_what_it_should_not() {
    let primary = server(&[]);
    let mut conn = primary.endpoint.open();
    assert!(conn.run("SET k v").is_ok());
    let before = primary.process.rss();
    let huge = [&[3, 0xff, 0xff, 0xff, 0xff][..], &[0; 64]].concat();
    let large = [&[3][..], &(8_u32 << 20).to_le_bytes(), &vec![0; 8 << 20]].concat();
    let future = frame(3, &[u64::MAX.to_le_bytes(), 0_u64.to_le_bytes()].concat());
    for said in
        [b"garbage and more of it".to_vec(), huge, large, future, frame(1, b"log"), frame(3, b"short")]
    {
        let mut replica = primary.endpoint.open();
        replica.send(format!("RINGTAIL SYNC {NAME} 18446744073709551615 me:1\r\n").as_bytes()).expect("SYNC");
        let refused = replica.read().expect("an answer");
        assert!(refused.error().is_some(), "{refused}");
        replica.send(format!("RINGTAIL SYNC {NAME} 1 me:1\r\n").as_bytes()).expect("SYNC");
        assert!(replica.read().expect("an answer").text().starts_with("FULL"));
        let _ = replica.send(&said);
        let gone = wait_for(WITHIN, || {
            let mut rest = [0; 4096];
            !replica.receive(&mut rest).is_ok_and(|n| n > 0)
        });
        assert!(gone, "it is still served");
        assert!(wait_for(WITHIN, || info(&mut conn, "connected_slaves") == "0"));
    }
    pause(Duration::from_millis(50));
    let grown = primary.process.rss().saturating_sub(before);
    assert!(grown < 32 << 20, "it has grown by {grown} bytes");
}
