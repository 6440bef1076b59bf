//! Commands that wait, over sockets: the order of service, clients that vanish, and what else such a connection does.

use crate::front::Front;
use ringtail_tests::harness::{Options, pause};
use ringtail_tests::resp::{Conn, request};
use std::time::{Duration, Instant};

fn fronts() -> Vec<Front> {
    let mut fronts =
        vec![Front::server(&Options::args(&["--threads", "3"])), Front::pool(&Options::default())];
    fronts.extend(Front::redis(&[]));
    fronts
}

/// Sends a command that is going to wait, and does not return before it does.
fn begin(conn: &mut Conn, observer: &mut Conn, waiting: usize, line: &str) {
    conn.send(&request(&line.split(' ').collect::<Vec<_>>())).expect("a socket");
    wait_until(|| blocked(observer) == waiting);
}

fn wait_until(mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(10), "it never came");
        pause(Duration::from_millis(1));
    }
}

fn blocked(observer: &mut Conn) -> usize {
    let info = observer.run("INFO clients").text();
    let line = info.lines().find_map(|line| line.strip_prefix("blocked_clients:"));
    line.and_then(|count| count.trim().parse().ok()).expect("blocked_clients in INFO")
}

#[test]
fn who_came_first_is_served_first() {
    for front in fronts() {
        let (mut pusher, mut observer) = (front.endpoint().open(), front.endpoint().open());
        let mut waiting: Vec<Conn> = (0..30).map(|_| front.endpoint().open()).collect();
        for (i, conn) in waiting.iter_mut().enumerate() {
            let line = ["BLPOP q 0", "BRPOP {q}other q 0", "BLMOVE q {q}moved LEFT RIGHT 0"][i % 3];
            begin(conn, &mut observer, i + 1, line);
        }
        let values: Vec<String> = (0..30).map(|i| i.to_string()).collect();
        for value in &values {
            assert_eq!(pusher.call(&["RPUSH", "q", value]).int(), 1, "{}", front.name);
            assert_eq!(pusher.run("LLEN q").int(), 0, "{}", front.name);
        }
        for (i, conn) in waiting.iter_mut().enumerate() {
            let reply = format!("{}", conn.read().expect("a reply"));
            assert!(reply.contains(&format!("\"{i}\"")), "{}: {i} got {reply}", front.name);
        }
        assert_eq!(pusher.run("LLEN {q}moved").int(), 10);
    }
}

#[test]
fn requests_behind_one_that_waits_run_afterwards() {
    for front in fronts() {
        let (mut conn, mut other) = (front.endpoint().open(), front.endpoint().open());
        let pipeline = ["SET before 1", "BLPOP q 0", "GET before", "BLPOP q 0.01", "PING"];
        let bytes = pipeline.map(|line| request(&line.split(' ').collect::<Vec<_>>())).concat();
        conn.send(&bytes).expect("a socket");
        assert!(conn.read().expect("SET's reply").is_ok());
        wait_until(|| blocked(&mut other) == 1);
        other.run("RPUSH q v");
        let replies: Vec<String> = (0..4).map(|_| format!("{}", conn.read().expect("a reply"))).collect();
        assert!(replies[0].contains('v') && replies[1].contains('1'), "{}: {replies:?}", front.name);
        assert!(replies[3].contains("PONG"), "{}: {replies:?}", front.name);
    }
}

#[test]
fn a_client_that_vanished_is_passed_over() {
    for front in fronts() {
        let [mut pusher, mut observer, mut other] = [(); 3].map(|()| front.endpoint().open());
        for _ in 0..20 {
            let mut gone = front.endpoint().open();
            begin(&mut gone, &mut observer, 1, "BLPOP q 0");
            begin(&mut other, &mut observer, 2, "BLPOP q 0");
            drop(gone);
            wait_until(|| blocked(&mut observer) == 1);
            assert_eq!(pusher.run("RPUSH q v").int(), 1, "{}", front.name);
            assert!(other.read().is_ok(), "{}", front.name);
        }
    }
}

/// The client has closed its connection, and the server has not noticed yet, when the element comes.
#[test]
fn nothing_is_lost_to_a_client_that_vanishes_as_it_is_served() {
    for front in [Front::server(&Options::args(&["--threads", "3"])), Front::pool(&Options::default())] {
        vanish_and_serve(&front);
    }
}

fn vanish_and_serve(front: &Front) {
    let [mut pusher, mut observer] = [(); 2].map(|()| front.endpoint().open());
    for round in 0..200 {
        let commands = [
            "BLPOP q 0",
            "BRPOP q 0",
            "BLMPOP 0 1 q LEFT COUNT 2",
            "BZPOPMIN q 0",
            "BLMOVE q {q}2 LEFT LEFT 0",
        ];
        let command = commands[round % commands.len()];
        let mut gone = front.endpoint().open();
        begin(&mut gone, &mut observer, 1, command);
        drop(gone);
        let push = if command.starts_with("BZ") { "ZADD q 1.5 v" } else { "RPUSH q v" };
        assert_eq!(pusher.run(push).int(), 1);
        wait_until(|| blocked(&mut observer) == 0);
        wait_until(|| pusher.run("EXISTS q {q}2").int() == 1);
        pusher.run("DEL q {q}2");
    }
}

/// `$` is what was last when the waiting began, whoever has the streams.
#[test]
fn what_is_added_to_one_of_many_streams_reaches_who_waits() {
    for front in fronts() {
        let [mut reader, mut writer, mut observer] = [(); 3].map(|()| front.endpoint().open());
        let names: Vec<String> = (0..6).map(|i| format!("stream{i}")).collect();
        for name in &names[..3] {
            assert!(writer.run(&format!("XADD {name} 1-1 old value")).error().is_none());
        }
        writer.run("XDEL stream0 1-1");
        let line = format!("XREAD BLOCK 8000 STREAMS {} $ $ $ $ $ $", names.join(" "));
        for (round, name) in names.iter().enumerate() {
            begin(&mut reader, &mut observer, 1, &line);
            pause(Duration::from_millis(60));
            let id = writer.run(&format!("XADD {name} * round {round}")).text();
            let told = reader.read().expect("a reply");
            let want = format!(r#"[["{name}", [["{id}", ["round", "{round}"]]]]]"#);
            assert_eq!(told.to_string(), want, "{}", front.name);
            wait_until(|| blocked(&mut observer) == 0);
        }
    }
}

#[test]
fn held_slots_let_others_wait_and_no_longer_than_the_lease() {
    let front = Front::server(&Options::args(&["--threads", "2"]));
    let [mut holder, mut other, mut third] = [(); 3].map(|()| front.endpoint().open());
    assert_eq!(holder.run("RINGTAIL LOCK 300 7629").int(), 1);
    let start = Instant::now();
    assert!(third.run("SET elsewhere 1").is_ok() && start.elapsed() < Duration::from_millis(250));
    assert!(other.run("SET k 1").is_ok(), "after the lease");
    assert!(start.elapsed() >= Duration::from_millis(290), "{:?}", start.elapsed());
    assert!(holder.run("RINGTAIL RELEASE").error().is_some_and(|e| e.starts_with("LEASEOVER")));
    // Released, or its holder gone: others go on at once.
    for leave in [false, true] {
        let mut holder = front.endpoint().open();
        assert_eq!(holder.run("RINGTAIL LOCK 20000 7629").int(), 1);
        let start = Instant::now();
        other.send(&request(&["GET", "k"])).expect("a socket");
        pause(Duration::from_millis(20));
        if leave {
            drop(holder);
        } else {
            assert!(holder.run("RINGTAIL RELEASE").is_ok());
        }
        assert_eq!(other.read().expect("a reply").text(), "1");
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}
