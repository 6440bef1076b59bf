//! Reads from replicas of stock redis-servers, through the proxy.

use ringtail_tests::harness::{Options, Redis, free_port, missing, scratch, start_proxy, wait_for};
use ringtail_tests::resp::Endpoint;
use std::time::Duration;

const WITHIN: Duration = Duration::from_secs(20);

/// How many commands of this name the server has run.
fn calls(endpoint: &Endpoint, command: &str) -> u64 {
    let text = endpoint.open().run("INFO commandstats").text();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
    line.and_then(|rest| rest.split(',').next()?.parse().ok()).unwrap_or(0)
}

/// Whether it has the key, or can say so.
fn is_there(at: &Endpoint) -> bool {
    at.open().run("GET k").bytes() == Some(b"v")
}

fn replica_of(primary: &Redis) -> Option<Redis> {
    Redis::start(&[
        "--replicaof",
        "127.0.0.1",
        &primary.endpoint.port.to_string(),
        "--repl-diskless-sync-delay",
        "0",
    ])
}

#[test]
fn reads_go_to_replicas_that_are_in_step_and_to_the_primary_without_them() {
    let Some(primary) = Redis::start(&[]) else { return missing("no redis-server") };
    let Some(mut replica) = replica_of(&primary) else { return missing("no redis-server") };
    let json = format!(
        r#"[{{"name":"a","addr":"127.0.0.1:{}","replicas":["127.0.0.1:{}","127.0.0.1:{}"]}}]"#,
        primary.endpoint.port,
        replica.endpoint.port,
        free_port()
    );
    let file = scratch("replicas").join("servers.json");
    std::fs::write(&file, json).expect("servers.json");
    let (_proxy, endpoint) = start_proxy(&Options::args(&["--read-from", "prefer-replica"]), &file);
    let mut conn = endpoint.open();
    assert!(conn.run("SET k v").is_ok());
    let read = |at: &Endpoint, times: u64| {
        let (before, mut conn) = (calls(at, "get"), endpoint.open());
        (0..times).for_each(|_| assert_eq!(conn.run("GET k").text(), "v"));
        calls(at, "get") - before
    };
    assert!(wait_for(WITHIN, || is_there(&replica.endpoint)), "it does not replicate");
    assert!(wait_for(WITHIN, || read(&replica.endpoint, 10) == 10), "reads don't go to the replica");
    assert!(conn.run("SET k w").is_ok() && conn.run("SET k v").is_ok());
    assert_eq!(calls(&primary.endpoint, "set"), 3, "writes go to the primary");
    conn.run("READWRITE");
    let before = calls(&primary.endpoint, "get");
    assert_eq!(conn.run("GET k").text(), "v");
    assert_eq!(calls(&primary.endpoint, "get") - before, 1);
    replica.process.kill();
    assert!(wait_for(WITHIN, || is_there(&endpoint)));
    assert_eq!(read(&primary.endpoint, 10), 10, "reads don't fall back");
    replica.restart();
    assert!(wait_for(WITHIN, || read(&replica.endpoint, 10) == 10), "reads don't come back to the replica");
}
