use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, sleep, timeout};

use super::count;
use crate::testing::{Client, Fake, Pair, Proxy, echoing, on_a_worker, settings};

const TIMEOUT: Duration = Duration::from_secs(5);

async fn proxy(pair: &Pair, timeout: Duration) -> Proxy {
    Proxy::start_from(&pair.json(0), settings(timeout)).await
}

/// A client that counts in a database of its own, and in one that all share, by single requests and by transactions, without
/// waiting for the answers.
async fn count_up(mut client: Client, db: u8, rounds: i64) {
    let own = format!("own{db}");
    client.send(&[&format!("SELECT {db}")]).await;
    assert_eq!(client.answer().await, "+OK\r\n");
    let (incr, pipeline) = (format!("INCR {own}"), 8);
    for round in (0..rounds).step_by(pipeline) {
        for _ in 0..pipeline {
            client.send(&[&incr, "MULTI", &incr, "INCR all", "EXEC"]).await;
        }
        for at in 0..pipeline as i64 {
            let number = (round + at) * 2 + 1;
            assert_eq!(client.answer().await, format!(":{number}\r\n"));
            for wanted in ["+OK\r\n", "+QUEUED\r\n", "+QUEUED\r\n"] {
                assert_eq!(client.answer().await, wanted);
            }
            let answer = client.answer().await;
            assert!(answer.starts_with(&format!("*2\r\n:{}\r\n:", number + 1)), "{answer}");
        }
    }
}

#[test]
fn nothing_is_lost_doubled_or_out_of_order_while_the_primary_goes_to_and_fro() {
    on_a_worker(async {
        let pair = Pair::start(3).await;
        let proxy = proxy(&pair, TIMEOUT).await;
        let (clients, rounds) = (6, 160);
        let mut tasks = JoinSet::new();
        for db in 0..clients {
            tasks.spawn_local(count_up(proxy.client().await, db, rounds));
        }
        let switch = async {
            while fastrand::usize(..) > 0 {
                sleep(Duration::from_millis(fastrand::u64(1..8))).await;
                pair.leads.set(fastrand::usize(..3));
            }
        };
        let all = async {
            while let Some(done) = tasks.join_next().await {
                done.unwrap();
            }
        };
        tokio::select! {
            () = all => {}
            () = switch => unreachable!("it goes on"),
        }
        for db in 0..clients {
            assert_eq!(pair.value(db, &format!("own{db}")), rounds * 2, "database {db}");
            assert_eq!(pair.value(db, "all"), rounds);
        }
        assert!(pair.turned.get() > 10, "{} turns", pair.turned.get());
    });
}

/// Has the other one lead, and waits until the proxy knows.
async fn turn(pair: &Pair, client: &mut Client, to: usize) {
    pair.leads.set(to);
    assert!(client.ask("INCR turned").await.starts_with(':'));
}

#[test]
fn it_is_said_who_leads_and_connections_that_wait_go_there() {
    on_a_worker(async {
        let pair = Pair::start(2).await;
        let proxy = proxy(&pair, TIMEOUT).await;
        let mut client = proxy.client().await;
        client.send(&["SELECT 5", "INCR k"]).await;
        assert_eq!((client.answer().await, client.answer().await), ("+OK\r\n".into(), ":1\r\n".into()));
        turn(&pair, &mut client, 1).await;
        assert_eq!(client.ask("INCR k").await, ":2\r\n");
        let addr = pair.addrs.borrow()[1].clone();
        let info = client.ask("INFO servers").await;
        assert!(info.contains(&format!("name=a,addr={addr},role=primary,")), "{info}");
        assert!(info.contains(&format!("name=a/replica0,addr={},role=", pair.addrs.borrow()[0])), "{info}");
        assert_eq!(*pair.ran.borrow(), ["0 5 INCR k", "1 5 INCR turned", "1 5 INCR k"]);
    });
}

#[test]
fn who_is_not_given_all_back_hears_that_it_was_not_run() {
    on_a_worker(async {
        let pair = Pair::start(2).await;
        let proxy = proxy(&pair, TIMEOUT).await;
        let mut client = proxy.client().await;
        assert_eq!(client.ask("INCR k").await, ":1\r\n");
        pair.breaks_off.set(true);
        pair.leads.set(1);
        let error = client.ask("INCR k").await;
        assert!(error.starts_with("-MEMBERDOWN member=a is down ("), "{error}");
        assert!(error.contains("did not give back all that it has not run"), "{error}");
        assert_eq!(client.ask("INCR k").await, ":2\r\n");
    });
}

#[test]
fn requests_wait_until_somebody_leads_and_no_longer_than_their_deadline() {
    on_a_worker(async {
        let pair = Pair::start(2).await;
        let proxy = proxy(&pair, Duration::from_millis(400)).await;
        let mut client = proxy.client().await;
        assert_eq!(client.ask("INCR k").await, ":1\r\n");
        // Nobody leads for a moment.
        *pair.named.borrow_mut() = Some("?".to_owned());
        pair.leads.set(usize::MAX);
        client.send(&["INCR k"]).await;
        sleep(Duration::from_millis(60)).await;
        pair.leads.set(1);
        assert_eq!(client.answer().await, ":2\r\n");
        // And for good.
        pair.leads.set(usize::MAX);
        let begun = Instant::now();
        let error = client.ask("INCR k").await;
        assert!(error.starts_with('-'), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        assert_eq!(pair.value(0, "k"), 2);
        pair.leads.set(0);
        while client.ask("INCR k").await != ":3\r\n" {
            assert!(begun.elapsed() < Duration::from_secs(5), "not found again");
        }
    });
}

#[test]
fn the_next_of_a_members_servers_is_asked_when_the_primary_is_gone() {
    on_a_worker(async {
        let pair = Pair::start(3).await;
        let proxy = proxy(&pair, TIMEOUT).await;
        let mut client = proxy.client().await;
        assert_eq!(client.ask("INCR k").await, ":1\r\n");
        pair.leads.set(2);
        pair.kill(0).await;
        let begun = Instant::now();
        while client.ask("INCR k").await.starts_with('-') {
            assert!(begun.elapsed() < Duration::from_secs(2), "not found");
        }
        assert_eq!(pair.ran.borrow().last().unwrap(), "2 0 INCR k");
    });
}

/// Stock servers say nothing of who leads, and their replicas would answer with what they had once.
#[test]
fn a_replica_that_does_not_say_that_it_leads_is_never_taken_for_a_primary() {
    on_a_worker(async {
        let (primary, replica) = (Fake::start(echoing()).await, Fake::start(echoing()).await);
        let json = format!(r#"[{{"name":"a","addr":"{}","replicas":["{}"]}}]"#, primary.addr, replica.addr);
        let proxy = Proxy::start_from(&json, settings(TIMEOUT)).await;
        let mut client = proxy.client().await;
        assert_eq!(client.ask("GET k").await, "$1\r\nk\r\n");
        primary.stop().await;
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(300) {
            assert!(client.ask("GET k").await.starts_with("-MEMBER"));
            sleep(Duration::from_millis(5)).await;
        }
        assert!(replica.connections.get() > 0);
        let _back = Fake::start_at(&primary.addr, echoing()).await;
        while client.ask("GET k").await != "$1\r\nk\r\n" {
            assert!(begun.elapsed() < Duration::from_secs(2), "not back");
        }
    });
}

#[test]
fn an_edit_that_swaps_addr_and_replica_leaves_the_servers_word() {
    on_a_worker(async {
        let pair = Pair::start(2).await;
        let proxy = proxy(&pair, TIMEOUT).await;
        let mut client = proxy.client().await;
        assert_eq!(client.ask("INCR k").await, ":1\r\n");
        let member = proxy.worker.owner(0).unwrap();
        // The file comes first.
        proxy.adopt_json(&pair.json(1));
        assert_eq!(client.ask("INCR k").await, ":2\r\n");
        assert!(Rc::ptr_eq(&member, &proxy.worker.owner(0).unwrap()));
        turn(&pair, &mut client, 1).await;
        assert_eq!(*pair.ran.borrow(), ["0 0 INCR k", "0 0 INCR k", "1 0 INCR turned"]);
        // Who leads is no member's any more: the one that is leads by the file.
        let addrs = pair.addrs.borrow().clone();
        proxy.adopt_json(&format!(r#"[{{"name":"a","addr":"{}"}}]"#, addrs[0]));
        pair.leads.set(0);
        assert_eq!(client.ask("INCR k").await, ":3\r\n");
        assert!(!Rc::ptr_eq(&member, &proxy.worker.owner(0).unwrap()));
    });
}

#[test]
fn an_edit_turns_to_another_stock_server_at_once() {
    on_a_worker(async {
        let (one, other) = (Fake::start(echoing()).await, Fake::start(echoing()).await);
        let json = |first: &Fake, second: &Fake| {
            format!(r#"[{{"name":"a","addr":"{}","replicas":["{}"]}}]"#, first.addr, second.addr)
        };
        let proxy = Proxy::start_from(&json(&one, &other), settings(TIMEOUT)).await;
        let mut client = proxy.client().await;
        assert_eq!(client.ask("GET k").await, "$1\r\nk\r\n");
        proxy.adopt_json(&json(&other, &one));
        one.stop().await;
        assert_eq!(client.ask("GET k").await, "$1\r\nk\r\n");
    });
}

/// CLIENT CACHING is about the request behind it, which may be run by another server than heard it.
#[test]
fn what_tracks_keys_goes_on_at_the_new_primary() {
    on_a_worker(async {
        let pair = Pair::start(2).await;
        let proxy = proxy(&pair, TIMEOUT).await;
        let mut client = proxy.client().await;
        client.ask("HELLO 3").await;
        assert_eq!(client.ask("CLIENT TRACKING ON OPTIN").await, "+OK\r\n");
        client.send(&["CLIENT CACHING YES", "GET k"]).await;
        assert_eq!((client.answer().await, client.answer().await), ("+OK\r\n".into(), "$1\r\n0\r\n".into()));
        pair.leads.set(1);
        client.send(&["CLIENT CACHING YES", "GET k"]).await;
        assert_eq!(client.answer().await, "+OK\r\n");
        // What it has read is of no use, and what it reads now is told of.
        assert_eq!(client.answer().await, "$1\r\n0\r\n");
        assert_eq!(client.answer().await, ">2\r\n$10\r\ninvalidate\r\n_\r\n");
        let ran = pair.ran.borrow();
        let at_second: Vec<&str> = ran.iter().filter_map(|line| line.strip_prefix("1 0 ")).collect();
        assert_eq!(at_second, ["CLIENT TRACKING ON OPTIN", "CLIENT CACHING YES", "GET k"]);
    });
}

#[test]
fn bytes_are_whole_requests_or_none() {
    assert_eq!(count(&mut []), Some(0));
    let mut two = b"*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n".to_vec();
    assert_eq!(count(&mut two), Some(2));
    assert_eq!(count(&mut two[..20]), None);
    let mut many = b"*1\r\n$4\r\nPING\r\n".repeat(10_000);
    assert_eq!(count(&mut many), Some(10_000));
}

/// A deadline that passes while requests are given back is answered in its place, and what it stood for is dropped when it comes.
#[test]
fn a_deadline_in_a_turn_is_kept() {
    on_a_worker(async {
        let pair = Pair::start(2).await;
        let proxy = proxy(&pair, Duration::from_millis(150)).await;
        let (mut client, mut other) = (proxy.client().await, proxy.client().await);
        assert_eq!(client.ask("INCR k").await, ":1\r\n");
        pair.holds.set(true);
        let error = client.ask("INCR k").await;
        assert!(error.starts_with("-TIMEOUT member=a "), "{error}");
        pair.leads.set(1);
        pair.holds.set(false);
        let ran = async {
            while pair.value(0, "k") != 2 {
                yield_now().await;
            }
        };
        timeout(TIMEOUT, ran).await.expect("it is run late");
        let begun = Instant::now();
        while other.ask("INCR l").await != ":1\r\n" {
            assert!(begun.elapsed() < TIMEOUT);
        }
        assert_eq!(client.ask("INCR k").await, ":3\r\n");
    });
}

#[test]
fn what_was_given_back_is_counted_once_and_told_with_its_arguments() {
    on_a_worker(async {
        let pair = Pair::start(2).await;
        let proxy = proxy(&pair, TIMEOUT).await;
        let mut client = proxy.client().await;
        assert_eq!(client.ask("CONFIG SET slowlog-log-slower-than 0").await, "+OK\r\n");
        assert_eq!(client.ask("INCR k").await, ":1\r\n");
        pair.holds.set(true);
        let lines: Vec<String> = (0..10).map(|n| format!("INCR held{n}")).collect();
        client.send(&["MULTI", "INCR k", "EXEC"]).await;
        client.send(&lines.iter().map(String::as_str).collect::<Vec<_>>()).await;
        while proxy.worker.members()[0].sight.in_flight.load(Relaxed) < 13 {
            yield_now().await;
        }
        pair.leads.set(1);
        pair.holds.set(false);
        for wanted in ["+OK\r\n", "+QUEUED\r\n", "*1\r\n:2\r\n"] {
            assert_eq!(client.answer().await, wanted);
        }
        for _ in &lines {
            assert_eq!(client.answer().await, ":1\r\n");
        }
        let stats = client.ask("INFO commandstats").await;
        assert!(
            stats.contains("cmdstat_incr:calls=11,") && stats.contains("cmdstat_exec:calls=1,"),
            "{stats}"
        );
        let log = client.ask("SLOWLOG GET -1").await;
        for line in [&lines[0], &lines[9]] {
            let key = line.strip_prefix("INCR ").unwrap();
            assert!(log.contains(&format!("INCR\r\n${}\r\n{key}\r\n", key.len())), "{key} in {log}");
        }
        assert_eq!(proxy.worker.members()[0].sight.in_flight.load(Relaxed), 0);
    });
}

/// One hands over to the other: for a moment each says that the other one leads.
#[test]
fn who_connects_while_servers_name_each_other_waits() {
    on_a_worker(async {
        let pair = Pair::start(2).await;
        *pair.named.borrow_mut() = Some(pair.addrs.borrow()[1].clone());
        pair.leads.set(usize::MAX);
        let proxy = proxy(&pair, TIMEOUT).await;
        let mut client = proxy.client().await;
        client.send(&["INCR k", "DBSIZE"]).await;
        sleep(Duration::from_millis(100)).await;
        pair.leads.set(1);
        assert_eq!((client.answer().await, client.answer().await), (":1\r\n".into(), ":1\r\n".into()));
    });
}
