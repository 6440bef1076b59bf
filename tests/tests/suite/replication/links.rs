//! Links that break, stand still, or are let in by nobody.

use super::load::Load;
use super::{FULL, PARTIAL, WITHIN, equal, in_step, info, is_in_step, replica_of, says, server};
use ringtail_tests::harness::{Certs, Options, Server, Signal, scratch, start_proxy, wait_for};
use ringtail_tests::resp::Endpoint;
use std::time::{Duration, Instant};

fn kill_links(primary: &Server) {
    let mut conn = primary.endpoint.open();
    let list = conn.run("CLIENT LIST").text();
    let feeds = list.lines().filter(|line| line.contains("cmd=ringtail|sync"));
    let ids: Vec<&str> =
        feeds.filter_map(|line| line.split(' ').find_map(|part| part.strip_prefix("id="))).collect();
    assert!(!ids.is_empty(), "no replica in {list}");
    ids.iter().for_each(|id| _ = conn.call(&["CLIENT", "KILL", "ID", id]));
}

#[test]
fn a_link_that_was_cut_goes_on_where_it_was() {
    let primary = server(&[]);
    let replica = replica_of(&primary.endpoint, &[]);
    in_step(&primary, &replica);
    let load = Load::begin(&primary.endpoint, 4, false);
    for cut in 1..4 {
        load.go_on(Duration::from_millis(200));
        kill_links(&primary);
        assert!(wait_for(WITHIN, || says(&replica, PARTIAL) == cut), "{}", replica.process.output());
    }
    load.end();
    equal(&primary, &replica);
    assert_eq!(says(&replica, FULL), 1);
}

#[test]
fn one_that_stands_still_costs_the_primary_no_more_than_the_backlog() {
    let primary = server(&["--repl-backlog", "1mb"]);
    let replica = replica_of(&primary.endpoint, &[]);
    in_step(&primary, &replica);
    let mut conn = primary.endpoint.open();
    let value = "v".repeat(10_000);
    let write = |conn: &mut ringtail_tests::resp::Conn, times: usize| {
        let requests: Vec<_> =
            (0..100).map(|n| ["SET".to_owned(), format!("k{n}"), value.clone()].to_vec()).collect();
        (0..times).for_each(|_| _ = conn.try_pipeline(&requests).expect("SET"));
    };
    write(&mut conn, 200);
    in_step(&primary, &replica);
    let (before, full) = (primary.process.rss(), says(&replica, FULL));
    replica.process.signal(Signal::Stop);
    write(&mut conn, 200);
    let grown = primary.process.rss().saturating_sub(before);
    replica.process.signal(Signal::Continue);
    assert!(grown < 12 << 20, "it has grown by {grown} bytes");
    equal(&primary, &replica);
    assert!(says(&replica, FULL) > full, "{}", replica.process.output());
    assert!(says(&primary, "further behind than --repl-backlog") > 0, "{}", primary.process.output());
}

#[test]
fn a_primary_ends_in_time_and_its_replicas_have_all() {
    let mut primary = server(&[]);
    let (replica, still) = (replica_of(&primary.endpoint, &[]), replica_of(&primary.endpoint, &[]));
    in_step(&primary, &replica);
    in_step(&primary, &still);
    let load = Load::begin(&primary.endpoint, 4, false);
    load.go_on(Duration::from_millis(300));
    load.end();
    still.process.signal(Signal::Stop);
    assert!(primary.endpoint.open().run("SET last word").is_ok());
    let begun = Instant::now();
    primary.process.signal(Signal::Terminate);
    assert_eq!(primary.process.wait_exit(WITHIN), Some(0), "{}", primary.process.output());
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    still.process.signal(Signal::Continue);
    let mut conn = replica.endpoint.open();
    assert!(wait_for(WITHIN, || info(&mut conn, "master_link_status") == "down"));
    assert_eq!(conn.run("GET last").text(), "word", "what it has is still read");
    primary.restart();
    equal(&primary, &replica);
}

/// A primary that wants TLS and a password, and what one needs to follow it.
fn secured(certs: &Certs) -> Server {
    let options = Options { password: Some("secret".into()), ..Options::args(&["--threads", "2"]) };
    Server::start(&options.with_certs(certs))
}

fn replica_with(primary: &Endpoint, ca: &Certs, password: &str) -> Server {
    let file = scratch("primary-password").join("password");
    std::fs::write(&file, password).expect("a file");
    let (ca, file) = (ca.ca(), file.to_string_lossy().into_owned());
    replica_of(primary, &["--primary-ca", &ca.to_string_lossy(), "--primary-password-file", &file])
}

#[test]
fn a_primary_is_followed_by_tls_with_a_password() {
    let certs = Certs::get();
    let primary = secured(&certs);
    assert!(primary.endpoint.open().run("SET k v").is_ok());
    let replica = replica_with(&primary.endpoint, &certs, "secret");
    let load = Load::begin(&primary.endpoint, 2, false);
    load.go_on(Duration::from_millis(500));
    load.end();
    equal(&primary, &replica);
}

#[test]
fn whom_it_does_not_trust_and_who_does_not_trust_it_is_said_and_tried_again() {
    let certs = Certs::get();
    let primary = secured(&certs);
    let others = Certs::make_in(&scratch("other-certs"));
    let wrong = replica_with(&primary.endpoint, &certs, "wrong");
    let stranger = replica_with(&primary.endpoint, &others, "secret");
    let plain = replica_of(&primary.endpoint, &[]);
    for (server, why) in
        [(&wrong, "WRONGPASS"), (&stranger, "certificate"), (&plain, "the primary is not followed")]
    {
        let said = wait_for(WITHIN, || says(server, why) > 0);
        assert!(said, "{why}: {}", server.process.output());
        let mut conn = server.endpoint.open();
        assert_eq!(info(&mut conn, "master_link_status"), "down");
        assert_eq!(info(&mut conn, "master_last_io_seconds_ago"), "-1");
        assert!(conn.run("GET k").error().is_none());
    }
    // It goes on trying.
    let change = primary.endpoint.open().run("CONFIG SET requirepass wrong");
    assert!(change.is_ok(), "{change}");
    let primary = Endpoint { password: Some("wrong".into()), ..primary.endpoint.clone() };
    assert!(wait_for(WITHIN, || is_in_step(&primary, &wrong.endpoint)), "{}", wrong.process.output());
}

#[test]
fn a_proxy_reads_from_replicas_that_are_in_step() {
    let primary = server(&[]);
    let mut replica = replica_of(&primary.endpoint, &[]);
    let json = format!(
        r#"[{{"name":"a","addr":"127.0.0.1:{}","replicas":["127.0.0.1:{}"]}}]"#,
        primary.endpoint.port, replica.endpoint.port
    );
    let file = scratch("replicas").join("servers.json");
    std::fs::write(&file, json).expect("servers.json");
    let (_proxy, endpoint) = start_proxy(&Options::args(&["--read-from", "prefer-replica"]), &file);
    let mut conn = endpoint.open();
    assert!(conn.run("SET k v").is_ok());
    in_step(&primary, &replica);
    let gets = |at: &Endpoint| {
        let text = at.open().run("INFO commandstats").text();
        let line = text.lines().find_map(|line| line.strip_prefix("cmdstat_get:calls="));
        line.and_then(|rest| rest.split(',').next()?.parse().ok()).unwrap_or(0_u64)
    };
    let mut read = |at: &Endpoint| {
        let before = gets(at);
        (0..10).for_each(|_| assert_eq!(conn.run("GET k").text(), "v"));
        gets(at) - before
    };
    assert!(wait_for(WITHIN, || read(&replica.endpoint) == 10), "reads don't go to the replica");
    replica.process.kill();
    assert!(wait_for(WITHIN, || {
        let reply = endpoint.open().run("GET k");
        reply.bytes() == Some(b"v")
    }));
    assert_eq!(read(&primary.endpoint), 10, "reads don't fall back");
    replica.restart();
    assert!(wait_for(WITHIN, || read(&replica.endpoint) == 10), "reads don't come back to the replica");
}
