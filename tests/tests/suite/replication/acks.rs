//! When a write is acknowledged, and a replica that takes over.

use super::{WITHIN, equal, in_step, info, replica_of, server};
use ringtail_tests::harness::{Server, Signal, pause, scratch, wait_for};
use ringtail_tests::resp::{Conn, Endpoint, request};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// A primary and two replicas in step with it.
fn three(args: &[&str]) -> (Server, [Server; 2]) {
    let primary = server(args);
    let replicas = [(); 2].map(|()| replica_of(&primary.endpoint, &[]));
    replicas.iter().for_each(|replica| in_step(&primary, replica));
    (primary, replicas)
}

/// The error that a request is answered with; empty for none.
fn error(conn: &mut Conn, line: &str) -> String {
    conn.run(line).error().unwrap_or_default().to_owned()
}

fn stop(replicas: &[Server]) {
    replicas.iter().for_each(|replica| replica.process.signal(Signal::Stop));
}

fn go_on(replicas: &[Server]) {
    replicas.iter().for_each(|replica| replica.process.signal(Signal::Continue));
}

#[test]
fn a_quorum_has_what_is_acknowledged() {
    let (primary, replicas) = three(&["--ack", "quorum"]);
    let (mut conn, mut local) = (primary.endpoint.open(), primary.endpoint.open());
    assert!(conn.run("SET k 1").is_ok());
    // One of three that stands still is no majority, two are.
    stop(&replicas[..1]);
    assert!(conn.run("SET k 2").is_ok());
    stop(&replicas[1..]);
    assert!(local.run("RINGTAIL ACK local").is_ok());
    let begun = Instant::now();
    let said = error(&mut conn, "SET k 3");
    assert!(said.starts_with("NOREPLICAS the write was done here, but has only 1 of 2 copies"), "{said}");
    assert!(begun.elapsed() > Duration::from_millis(900), "it waited for {:?}", begun.elapsed());
    // Nobody else waited, and who wants copies does not read what has none.
    assert_eq!(local.run("GET k").text(), "3");
    assert!(error(&mut conn, "GET k").starts_with("NOREPLICAS"));
    go_on(&replicas);
    replicas.iter().for_each(|replica| equal(&primary, replica));
    assert_eq!(conn.run("GET k").text(), "3");
}

#[test]
fn what_operators_ask_waits_for_no_copies() {
    let (primary, replicas) = three(&["--ack", "quorum"]);
    let mut conn = primary.endpoint.open();
    stop(&replicas);
    assert!(error(&mut conn, "SET k 1").starts_with("NOREPLICAS the write was done here"));
    let begun = Instant::now();
    for line in ["PING", "INFO", "CONFIG GET maxmemory", "CLIENT LIST", "ROLE", "REPLICAOF NO ONE"] {
        assert_eq!(error(&mut conn, line), "", "{line}");
    }
    assert!(begun.elapsed() < Duration::from_millis(900), "it waited for {:?}", begun.elapsed());
    for lines in
        [&["GET k"][..], &["EXISTS k"], &["MULTI", "GET k", "EXEC"], &["EVAL return{} 0"], &["KEYS *"]]
    {
        let said = lines.iter().map(|line| error(&mut conn, line)).collect::<Vec<_>>();
        assert!(said.iter().any(|said| said.starts_with("NOREPLICAS the write")), "{lines:?}: {said:?}");
        // It was told that it failed.
        let _ = conn.run("DISCARD");
    }
    go_on(&replicas);
}

#[test]
fn what_acknowledges_no_write_waits_for_no_copies() {
    let place = scratch("acks").join("backup.rtb");
    let primary = server(&["--ack", "replica", "--backup", place.to_str().expect("a path")]);
    let replica = replica_of(&primary.endpoint, &[]);
    in_step(&primary, &replica);
    let [mut conn, mut local, mut waits] = [(); 3].map(|()| primary.endpoint.open());
    assert!(local.run("RINGTAIL ACK local").is_ok());
    stop(std::slice::from_ref(&replica));
    assert!(error(&mut conn, "SET k 1").starts_with("NOREPLICAS the write was done here"));
    let begun = Instant::now();
    assert_eq!(conn.run("WAIT 1 100").int(), 0);
    for line in ["PING", "BLPOP nothing 0.1", "SAVE", "WATCH k", "MULTI", "SET k 2", "DISCARD", "WAIT 0 0"] {
        assert_eq!(error(&mut conn, line), "", "{line}");
    }
    assert!(begun.elapsed() < Duration::from_millis(900), "it waited for {:?}", begun.elapsed());
    // A transaction that is queued has done nothing, one that ran has.
    assert!(conn.run("MULTI").is_ok() && conn.run("SET k 3").text() == "QUEUED");
    assert!(error(&mut conn, "EXEC").starts_with("NOREPLICAS the write was done here"));
    // Somebody else's write that ends a wait does so too.
    waits.send(&request(&["BLPOP", "list", "0"])).expect("a request");
    assert!(wait_for(WITHIN, || info(&mut local, "blocked_clients") == "1"));
    assert_eq!(local.run("RPUSH list 1").int(), 1);
    let said = waits.read().expect("a reply");
    assert!(said.error().is_some_and(|why| why.starts_with("NOREPLICAS the write")), "{said}");
    go_on(std::slice::from_ref(&replica));
}

/// What these requests, sent at once, are answered with.
fn at_once(conn: &mut Conn, lines: &[&str]) -> Vec<String> {
    let words = |line: &&str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let replies = conn.try_pipeline(&lines.iter().map(words).collect::<Vec<_>>()).expect("replies");
    replies.iter().map(|reply| reply.error().map_or_else(|| reply.to_string(), str::to_owned)).collect()
}

#[test]
fn what_acknowledges_nothing_is_told_beside_a_write_that_is_given_up() {
    let primary = server(&["--ack", "replica"]);
    let replica = replica_of(&primary.endpoint, &[]);
    in_step(&primary, &replica);
    stop(std::slice::from_ref(&replica));
    let is_given_up = |said: &str| said.starts_with("NOREPLICAS the write was done here");
    let others: [&[&str]; 6] =
        [&["SELECT 5"], &["HELLO 3"], &["MULTI"], &["PING"], &["NOSUCHCOMMAND"], &["SUBSCRIBE ch"]];
    for lines in others {
        let mut conn = primary.endpoint.open();
        let said = at_once(&mut conn, &[&["SET k 1"], lines, &["PING"]].concat());
        assert!(is_given_up(&said[0]), "{lines:?}: {said:?}");
        assert!(said[1..].iter().all(|said| !said.contains("NOREPLICAS")), "{lines:?}: {said:?}");
    }
    // What is queued was not done.
    let mut conn = primary.endpoint.open();
    let said = at_once(&mut conn, &["SET k 1", "MULTI", "SET q 1", "GET k", "EXEC", "GET k"]);
    assert!([0, 4, 5].iter().all(|&at| is_given_up(&said[at])), "{said:?}");
    assert!(said[2].contains("QUEUED") && said[3].contains("QUEUED"), "{said:?}");
    go_on(std::slice::from_ref(&replica));
}

#[test]
fn who_asks_for_fewer_copies_asks_for_what_comes_then() {
    let (primary, replicas) = three(&["--ack", "quorum"]);
    let mut conn = primary.endpoint.open();
    stop(&replicas);
    let lack =
        |said: &str| said.starts_with("NOREPLICAS the write was done here, but has only 1 of 2 copies");
    for ask in ["RINGTAIL ACK local", "RESET"] {
        assert!(conn.run("RINGTAIL ACK quorum").is_ok());
        assert!(lack(&at_once(&mut conn, &["SET k 1", ask])[0]), "{ask}");
    }
    assert!(lack(&error(&mut conn, "SET k 1")), "RESET leaves it as it is for a new connection");
    let said = at_once(&mut conn, &["MULTI", "SET k 2", "RINGTAIL ACK local", "EXEC"]);
    assert!(lack(&said[3]), "{said:?}");
    let said = at_once(&mut conn, &["SET k 3", "GET k"]);
    assert!(!said.iter().any(|said| lack(said)), "{said:?}");
    // Also when what it asks comes in one go with it.
    assert!(conn.run("RINGTAIL ACK default").is_ok());
    let said = at_once(&mut conn, &["PING", "RINGTAIL ACK local", "SET k 4"]);
    assert!(!said.iter().any(|said| lack(said)), "{said:?}");
    assert!(conn.run("RINGTAIL ACK default").is_ok());
    let said = at_once(&mut conn, &["SET k 5", "RINGTAIL ACK local", "SET k 6"]);
    assert!(lack(&said[0]), "{said:?}");
    go_on(&replicas);
}

#[test]
fn who_is_told_of_too_few_copies_is_forgotten() {
    const CLIENTS: u64 = 1000;
    let primary = server(&["--ack", "replica"]);
    let replica = replica_of(&primary.endpoint, &[]);
    in_step(&primary, &replica);
    stop(std::slice::from_ref(&replica));
    let mut conn = primary.endpoint.open();
    assert!(error(&mut conn, "SET k 1").starts_with("NOREPLICAS the write was done here"));
    let alone = info(&mut conn, "connected_clients");
    let mut come_and_go = || {
        let mut clients: Vec<Conn> = (0..CLIENTS).map(|_| primary.endpoint.open()).collect();
        clients.iter_mut().for_each(|client| client.send(&request(&["GET", "k"])).expect("a request"));
        for client in &mut clients {
            let said = client.read().expect("a reply");
            assert!(said.error().is_some_and(|why| why.starts_with("NOREPLICAS")), "{said}");
        }
        drop(clients);
        assert!(wait_for(WITHIN, || info(&mut conn, "connected_clients") == alone), "they have gone");
    };
    let used = || info(&mut primary.endpoint.open(), "used_memory").parse::<u64>().expect("bytes");
    come_and_go();
    // A worker that has nothing to do says only now and then what it has freed.
    pause(Duration::from_millis(500));
    let once = used();
    (0..5).for_each(|_| come_and_go());
    let is_forgotten = wait_for(Duration::from_secs(2), || used() < once + CLIENTS * 1500);
    assert!(is_forgotten, "{once} bytes, and {} after five times as many more", used());
    go_on(std::slice::from_ref(&replica));
}

#[test]
fn nothing_is_done_without_enough_replicas() {
    let (primary, replicas) = three(&[]);
    let mut conn = primary.endpoint.open();
    assert!(conn.run("RINGTAIL ACK quorum").is_ok());
    assert!(conn.run("SET k 1").is_ok());
    drop(replicas);
    let is_alone = || info(&mut primary.endpoint.open(), "connected_slaves") == "0";
    assert!(wait_for(WITHIN, is_alone));
    let said = error(&mut conn, "SET k 2");
    assert!(said.starts_with("NOREPLICAS Not enough good replicas to write: 1 of 2 copies"), "{said}");
    // Nor is anything read, once others may have taken over.
    let begun = Instant::now();
    let refused = || error(&mut conn, "GET k").starts_with("NOREPLICAS too few replicas say that they hear");
    assert!(wait_for(WITHIN, refused) && begun.elapsed() < Duration::from_secs(10));
    assert!(conn.run("RINGTAIL ACK default").is_ok() && conn.run("SET k 3").is_ok());
}

#[test]
fn wait_counts_those_that_have_it() {
    let (primary, replicas) = three(&[]);
    let mut conn = primary.endpoint.open();
    assert!(conn.run("SET k 1").is_ok());
    assert_eq!(conn.run("WAIT 2 5000").int(), 2);
    stop(&replicas[..1]);
    assert!(conn.run("SET k 2").is_ok());
    assert_eq!(conn.run("WAIT 1 5000").int(), 1);
    assert_eq!(conn.run("WAIT 2 100").int(), 1);
    go_on(&replicas);
    assert_eq!(conn.run("WAIT 2 5000").int(), 2);
    assert!(replicas[0].endpoint.open().run("WAIT 0 1").error().is_some());
}

/// Counts at whoever leads until told to end; the last number that was acknowledged.
fn count(servers: [&Endpoint; 2], over: &AtomicBool) -> i64 {
    let (mut at, mut last) = (0, 0);
    let mut conn: Conn = servers[at].open();
    while !over.load(Relaxed) {
        let said = conn.run("INCR n");
        match said.error() {
            None => {
                assert!(said.int() > last, "{} after {last}", said.int());
                last = said.int();
            }
            Some(error) => {
                assert!(error.starts_with("READONLY"), "{error}");
                at = 1 - at;
                conn = servers[at].open();
            }
        }
    }
    last
}

#[test]
fn a_replica_takes_over_without_a_lost_write() {
    let primary = server(&[]);
    let replica = replica_of(&primary.endpoint, &[]);
    in_step(&primary, &replica);
    let (first, other) = (&primary.endpoint, &replica.endpoint);
    let over = AtomicBool::new(false);
    let counted = std::thread::scope(|scope| {
        let counters: Vec<_> = (0..4).map(|_| scope.spawn(|| count([first, other], &over))).collect();
        for (old, new) in [(first, other), (other, first), (first, other)] {
            pause(Duration::from_millis(200));
            assert!(old.open().run("FAILOVER").is_ok());
            let leads = |at: &Endpoint, role| info(&mut at.open(), "role") == role;
            assert!(wait_for(WITHIN, || leads(new, "master") && leads(old, "slave")));
            let follows = || info(&mut old.open(), "master_link_status") == "up";
            assert!(wait_for(WITHIN, follows), "the old primary does not follow");
        }
        over.store(true, Relaxed);
        counters.into_iter().map(|counter| counter.join().expect("a counter")).max()
    });
    in_step(&replica, &primary);
    assert_eq!(other.open().run("GET n").text(), counted.expect("four of them").to_string());
    equal(&replica, &primary);
}

#[test]
fn nobody_takes_over_who_can_not() {
    let primary = server(&[]);
    let mut conn = primary.endpoint.open();
    assert_eq!(conn.run("FAILOVER").error(), Some("ERR FAILOVER requires connected replicas."));
    let replica = replica_of(&primary.endpoint, &[]);
    in_step(&primary, &replica);
    let said = error(&mut conn, "FAILOVER TO 127.0.0.1 1");
    assert!(said.contains("is not a replica"), "{said}");
    assert!(error(&mut replica.endpoint.open(), "FAILOVER").contains("not valid when server is a replica"));
    // One that stands still does not catch up: the primary goes on.
    stop(std::slice::from_ref(&replica));
    assert!(conn.run("SET k 1").is_ok());
    assert!(conn.run("FAILOVER TIMEOUT 300").is_ok());
    assert!(conn.run("SET k 2").is_ok(), "held back, and then done");
    assert_eq!(info(&mut conn, "role"), "master");
    go_on(std::slice::from_ref(&replica));
    equal(&primary, &replica);
}

/// Writes are kept back meanwhile: nobody waits for what can't come any more.
#[test]
fn a_failover_ends_with_its_replica_or_when_it_is_aborted() {
    let primary = server(&[]);
    let mut replica = replica_of(&primary.endpoint, &[]);
    in_step(&primary, &replica);
    let mut conn = primary.endpoint.open();
    assert_eq!(error(&mut conn, "FAILOVER ABORT"), "ERR No failover in progress.");
    for much in ["3600001", "9223372036854775807"] {
        let said = error(&mut conn, &format!("FAILOVER TIMEOUT {much}"));
        assert!(said.contains("at most 3600000"), "{said}");
    }
    let begun = Instant::now();
    for abort in [true, false] {
        stop(std::slice::from_ref(&replica));
        assert!(conn.run("SET k 1").is_ok());
        assert!(conn.run("FAILOVER TIMEOUT 600000").is_ok());
        assert_eq!(info(&mut conn, "master_failover_state"), "waiting-for-sync");
        if abort {
            assert!(conn.run("FAILOVER ABORT").is_ok());
            go_on(std::slice::from_ref(&replica));
        } else {
            replica.process.kill();
        }
        assert!(conn.run("SET k 2").is_ok(), "held back, and then done");
        assert_eq!(info(&mut conn, "role"), "master");
    }
    assert!(begun.elapsed() < WITHIN, "{:?}", begun.elapsed());
}
