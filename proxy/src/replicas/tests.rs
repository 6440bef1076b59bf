use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{ReadFrom, not_in_step};
use crate::settings::Settings;
use crate::testing::{Answering, Client, Fake, Proxy, bulk, on_a_worker, settings};

const LOST: &str = "*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:6379\r\n$7\r\nconnect\r\n:-1\r\n";
const IN_STEP: &str = "*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:6379\r\n$9\r\nconnected\r\n:14\r\n";

/// A server that answers reads with its name, and ROLE as it is told.
fn server(name: &'static str, role: &'static str) -> Answering {
    Rc::new(move |words| {
        Some(match &words[0].to_ascii_uppercase()[..] {
            b"ROLE" => role.as_bytes().to_vec(),
            b"SET" => format!("+{name}\r\n").into_bytes(),
            b"MGET" => [b"*2\r\n", &bulk(name.as_bytes())[..], &bulk(name.as_bytes())].concat(),
            _ => bulk(name.as_bytes()),
        })
    })
}

async fn start(read_from: ReadFrom, primary: &Fake, replicas: &[&Fake]) -> Proxy {
    let addrs: Vec<String> = replicas.iter().map(|replica| format!("{:?}", replica.addr)).collect();
    let json = format!(r#"[{{"name":"a","addr":"{}","replicas":[{}]}}]"#, primary.addr, addrs.join(","));
    Proxy::start_from(&json, Settings { read_from, ..settings(Duration::from_secs(5)) }).await
}

async fn until(client: &mut Client, line: &str, answer: &str) {
    let begun = Instant::now();
    while client.ask(line).await != answer {
        assert!(begun.elapsed() < Duration::from_secs(5), "{line} is never {answer}");
        sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn reads_go_to_a_replica_and_back_to_the_primary_when_it_is_gone() {
    on_a_worker(async {
        let primary = Fake::start(server("primary", "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n")).await;
        let replica = Fake::start(server("replica", IN_STEP)).await;
        let proxy = start(ReadFrom::PreferReplica, &primary, &[&replica]).await;
        let mut client = proxy.client().await;
        until(&mut client, "GET k", "$7\r\nreplica\r\n").await;
        assert_eq!(client.ask("SET k v").await, "+primary\r\n");
        assert_eq!(client.ask("MGET k l").await, "*2\r\n$7\r\nreplica\r\n$7\r\nreplica\r\n");
        assert_eq!(client.ask("READWRITE").await, "+OK\r\n");
        assert_eq!(client.ask("GET k").await, "$7\r\nprimary\r\n");
        assert_eq!(client.ask("READONLY").await, "+OK\r\n");
        assert_eq!(client.ask("GET k").await, "$7\r\nreplica\r\n");
        let info = client.ask("INFO servers").await;
        assert!(info.contains("name=a/replica1,") && info.contains("role=replica,"), "{info}");
        replica.stop().await;
        until(&mut client, "GET k", "$7\r\nprimary\r\n").await;
        let _back = Fake::start_at(&replica.addr, server("replica", IN_STEP)).await;
        until(&mut client, "GET k", "$7\r\nreplica\r\n").await;
    });
}

/// It may have been restarted, and answer that no key is there until it has its primary's data.
#[test]
fn a_replica_that_comes_back_is_read_from_only_when_it_is_in_step_again() {
    on_a_worker(async {
        let primary = Fake::start(server("primary", "")).await;
        let replica = Fake::start(server("replica", IN_STEP)).await;
        let proxy = start(ReadFrom::PreferReplica, &primary, &[&replica]).await;
        let mut client = proxy.client().await;
        until(&mut client, "GET k", "$7\r\nreplica\r\n").await;
        replica.stop().await;
        until(&mut client, "GET k", "$7\r\nprimary\r\n").await;
        let back = Fake::start_at(&replica.addr, server("replica", LOST)).await;
        let begun = Instant::now();
        while back.connections.get() == 0 || begun.elapsed() < Duration::from_millis(300) {
            assert_eq!(client.ask("GET k").await, "$7\r\nprimary\r\n");
        }
    });
}

#[test]
fn by_default_only_sessions_that_ask_for_it_read_from_replicas() {
    on_a_worker(async {
        let (primary, replica) =
            (Fake::start(server("primary", "")).await, Fake::start(server("replica", IN_STEP)).await);
        let proxy = start(ReadFrom::Primary, &primary, &[&replica]).await;
        let (mut asks, mut other) = (proxy.client().await, proxy.client().await);
        assert_eq!(other.ask("GET k").await, "$7\r\nprimary\r\n");
        assert_eq!(replica.connections.get(), 0, "nobody has asked for it");
        assert_eq!(asks.ask("READONLY").await, "+OK\r\n");
        until(&mut asks, "GET k", "$7\r\nreplica\r\n").await;
        assert_eq!(other.ask("GET k").await, "$7\r\nprimary\r\n");
        assert_eq!(asks.ask("RESET").await, "+RESET\r\n");
        assert_eq!(asks.ask("GET k").await, "$7\r\nprimary\r\n");
    });
}

/// What is listed as a replica and is none would answer that no key is there.
#[test]
fn a_server_that_is_no_replica_is_not_read_from() {
    on_a_worker(async {
        let asked = Rc::new(Cell::new(0));
        let count = Rc::clone(&asked);
        let alone: Answering = Rc::new(move |words| {
            count.set(count.get() + usize::from(words[0] == b"ROLE"));
            Some(b"*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n".to_vec())
        });
        let (primary, alone) = (Fake::start(server("primary", "")).await, Fake::start(alone).await);
        let proxy = start(ReadFrom::PreferReplica, &primary, &[&alone]).await;
        let mut client = proxy.client().await;
        while asked.get() < 2 {
            assert_eq!(client.ask("GET k").await, "$7\r\nprimary\r\n");
            sleep(Duration::from_millis(5)).await;
        }
        assert!(client.ask("INFO servers").await.contains("role=unusable-replica,"));
    });
}

#[test]
fn a_replica_says_that_it_is_one_and_has_its_primary() {
    assert_eq!(not_in_step(IN_STEP.as_bytes()), None);
    assert_eq!(not_in_step(LOST.as_bytes()), Some("it has lost its primary"));
    assert_eq!(not_in_step(b"-ERR unknown command\r\n"), Some("it says that it is no replica"));
}

#[test]
fn the_nearest_server_changes_only_for_one_that_is_clearly_nearer() {
    on_a_worker(async {
        let (primary, replica) =
            (Fake::start(server("primary", "")).await, Fake::start(server("replica", IN_STEP)).await);
        let proxy = start(ReadFrom::Primary, &primary, &[&replica]).await;
        let member = &proxy.worker.members()[0];
        let far = member.replicas.borrow()[0].clone();
        let nearest = |of_primary: u64, of_replica: u64| {
            member.latency.set(Some(Duration::from_micros(of_primary)));
            far.latency.set(Some(Duration::from_micros(of_replica)));
            member.choose_nearest();
            member.nearest.get()
        };
        assert_eq!(nearest(1000, 100), 0, "it is not in step yet");
        far.usable.set(true);
        assert_eq!(nearest(100, 90), 0, "not clearly");
        assert_eq!(nearest(100, 70), 1);
        assert_eq!(nearest(100, 110), 1, "not clearly");
        assert_eq!(nearest(100, 200), 0);
        assert_eq!(nearest(100, 50), 1);
        far.usable.set(false);
        assert_eq!(nearest(100, 50), 0, "it is gone");
    });
}
