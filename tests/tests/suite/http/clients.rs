//! HTTP clients beside others: they are listed, killed, counted and bounded like all.

use super::{Door, comes_true};
use ringtail_tests::harness::{Options, Signal};
use std::time::{Duration, Instant};

#[test]
fn they_are_listed_killed_and_logged() {
    let door = Door::open(&Options::args(&["--slowlog-log-slower-than", "0"]));
    let mut admin = door.pool.endpoint.open();
    let mut http = door.client();
    assert_eq!(http.ask("PUT /v1/keys/slow", &[], b"v").status, 201);
    let list = admin.run("CLIENT LIST").text();
    let line = list.lines().find(|line| line.contains("lib-name=http")).expect("it is listed").to_owned();
    assert!(line.contains(&format!(" laddr=127.0.0.1:{} ", door.endpoint.port)), "{line}");
    let log = door.commands(r#"["SLOWLOG","GET","10"]"#).to_string();
    assert!(log.contains(r#"["SET","slow","v","#), "{log}");
    let id = line.strip_prefix("id=").and_then(|rest| rest.split(' ').next()).expect("a number");
    assert_eq!(admin.run(&format!("CLIENT KILL ID {id}")).int(), 1);
    comes_true("the connection of a killed client to end", || http.try_ended());
    assert!(door.ask("GET /v1/keys/slow", &[], b"").status == 200, "others go on");
    drop(http);
    comes_true("sessions to end with their clients", || {
        !admin.run("CLIENT LIST").text().contains("lib-name=http")
    });
}

#[test]
fn one_who_waits_and_leaves_takes_nothing() {
    let door = Door::plain();
    let mut admin = door.pool.endpoint.open();
    let mut http = door.client();
    http.send("POST /v1/commands", &[("content-type", "application/json")], br#"["BLPOP","q",20]"#);
    comes_true("it to wait", || admin.run("INFO clients").text().contains("blocked_clients:1"));
    drop(http);
    comes_true("it to be gone", || admin.run("INFO clients").text().contains("blocked_clients:0"));
    admin.run("RPUSH q x");
    assert_eq!(admin.run("LLEN q").int(), 1);
}

#[test]
fn bounds_on_clients_hold() {
    let door = Door::open(&Options::args(&["--maxclients", "4"]));
    let mut held: Vec<_> = (0..4).map(|_| door.client()).collect();
    for http in &mut held {
        http.ask("GET /", &[], b"");
    }
    let refused = door.ask("GET /v1/keys/k", &[], b"");
    assert!(refused.status == 503 && refused.problem().contains("max number of clients"), "{refused:?}");
    drop(held);
}

#[test]
fn a_thousand_that_say_nothing_are_in_nobodys_way() {
    let door = Door::plain();
    let idle: Vec<_> = (0..1000).map(|_| door.client()).collect();
    let mut busy = door.client();
    let begun = Instant::now();
    for n in 0..200 {
        assert!(busy.ask("PUT /v1/keys/k", &[], n.to_string().as_bytes()).status < 300);
    }
    assert!(begun.elapsed() < Duration::from_secs(10));
    drop(idle);
    assert_eq!(busy.ask("GET /v1/keys/k", &[], b"").body, b"199");
}

#[test]
fn a_member_that_is_down_is_said_to_be() {
    let mut door = Door::open(&Options::args(&["--timeout", "500ms"]));
    let mut http = door.client();
    let owned_by_m1 = |n: &u32| {
        let line = format!("POST /set?key=d{n}&value=v");
        let answer = door.ask(&line, &[], b"");
        answer.json()["node"] == "m1"
    };
    let key = (0..100).find(owned_by_m1).expect("a key of each member");
    let path = format!("/v1/keys/d{key}");
    door.pool.members.process(1).signal(Signal::Stop);
    let late = http.ask(&format!("GET {path}"), &[], b"");
    assert!([503, 504].contains(&late.status) && late.problem().contains("m1"), "{late:?}");
    door.pool.members.process(1).signal(Signal::Continue);
    comes_true("it to answer again", || http.ask(&format!("GET {path}"), &[], b"").status == 200);
}

#[test]
fn at_the_end_of_the_proxy_each_hears_of_it() {
    let door = Door::plain();
    let (mut waiting, mut idle) = (door.client(), door.client());
    idle.ask("GET /v1/keys/k", &[], b"");
    waiting.send("POST /v1/commands", &[("content-type", "application/json")], br#"["BLPOP","q",20]"#);
    let mut admin = door.pool.endpoint.open();
    comes_true("it waits", || admin.run("INFO clients").text().contains("blocked_clients:1"));
    door.pool.process.signal(Signal::Terminate);
    assert!(idle.try_read(false).is_none(), "an idle connection is closed");
    let ended = waiting.read(false);
    assert!(ended.status == 503 && ended.problem().starts_with("CLOSED"), "{ended:?}");
    assert_eq!(ended.field("connection"), Some("close"));
}
