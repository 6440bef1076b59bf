use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep};

use crate::settings::Settings;
use crate::testing::{Client, Fake, Pair, Proxy, keys_of, on_a_worker, settings};

const TIMEOUT: Duration = Duration::from_secs(5);

async fn proxy(pairs: &[&Rc<Pair>], settings: Settings) -> Proxy {
    let entry = |(pair, name): (&&Rc<Pair>, &str)| pair.entry(name, 0);
    let entries: Vec<String> = pairs.iter().zip(["a", "b"]).map(entry).collect();
    Proxy::start_from(&format!("[{}]", entries.join(",")), settings).await
}

async fn answers(client: &mut Client, lines: &[&str]) -> Vec<String> {
    client.send(lines).await;
    let mut all = Vec::new();
    for _ in lines {
        all.push(client.answer().await);
    }
    all
}

#[test]
fn what_has_a_connection_of_its_own_is_asked_of_the_new_primary() {
    on_a_worker(async {
        let pair = Pair::start(2).await;
        let proxy = proxy(&[&pair], settings(TIMEOUT)).await;
        let mut client = proxy.client().await;
        // Their connections stay, and are bound to who leads then.
        let lines = ["EVAL x 1 k", "DBSIZE"];
        assert_eq!(answers(&mut client, &lines).await, [":1\r\n", ":1\r\n"]);
        pair.leads.set(1);
        assert_eq!(answers(&mut client, &lines).await, [":2\r\n", ":1\r\n"]);
        pair.leads.set(0);
        assert_eq!(answers(&mut client, &lines).await, [":3\r\n", ":1\r\n"]);
        assert!(pair.turned.get() >= 2, "{}", pair.turned.get());
    });
}

#[test]
fn what_waits_goes_on_waiting_at_the_new_primary() {
    on_a_worker(async {
        let pair = Pair::start(2).await;
        let proxy = proxy(&[&pair], settings(TIMEOUT)).await;
        let (mut waits, mut gives) = (proxy.client().await, proxy.client().await);
        waits.send(&["BLPOP list 0"]).await;
        while pair.waiting.get() == 0 {
            sleep(Duration::from_millis(1)).await;
        }
        pair.leads.set(1);
        // It has left the first one when it is connected to the second.
        while pair.connections.borrow()[1] == 0 || pair.waiting.get() == 0 {
            sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(gives.ask("INCR given").await, ":1\r\n");
        assert_eq!(waits.answer().await, "*2\r\n$4\r\nlist\r\n$7\r\nelement\r\n");
        assert_eq!(pair.ran.borrow().last().unwrap(), "1 0 blpop list 0");
    });
}

#[test]
fn what_waits_outlasts_more_switches_than_one() {
    on_a_worker(async {
        let (pair, timeout) = (Pair::start(2).await, Duration::from_millis(300));
        let proxy = proxy(&[&pair], settings(timeout)).await;
        let (mut waits, mut gives) = (proxy.client().await, proxy.client().await);
        waits.send(&["BLPOP list 0"]).await;
        for leads in [1, 0, 1, 0] {
            // Further apart than one switch may take.
            sleep(timeout).await;
            pair.leads.set(leads);
        }
        sleep(timeout).await;
        assert_eq!(gives.ask("INCR given").await, ":1\r\n");
        assert_eq!(waits.answer().await, "*2\r\n$4\r\nlist\r\n$7\r\nelement\r\n");
    });
}

#[test]
fn what_was_watched_at_the_old_primary_counts_as_changed() {
    on_a_worker(async {
        let pair = Pair::start(2).await;
        let proxy = proxy(&[&pair], settings(TIMEOUT)).await;
        let mut client = proxy.client().await;
        let transaction = ["MULTI", "INCR k", "EXEC"];
        assert_eq!(client.ask("WATCH k").await, "+OK\r\n");
        pair.leads.set(1);
        assert_eq!(answers(&mut client, &transaction).await[2], "*-1\r\n");
        assert_eq!(client.ask("WATCH k").await, "+OK\r\n");
        assert_eq!(answers(&mut client, &transaction).await[2], "*1\r\n:1\r\n");
        // The first one's link is to a server that leads no more when the second is watched.
        assert_eq!(client.ask("WATCH k").await, "+OK\r\n");
        pair.leads.set(0);
        assert_eq!(client.ask("WATCH l").await, "+OK\r\n");
        assert_eq!(answers(&mut client, &transaction).await[2], "*-1\r\n");
        assert_eq!(pair.value(0, "k"), 1);
    });
}

#[test]
fn a_transaction_over_members_is_prepared_again() {
    on_a_worker(async {
        let (one, other) = (Pair::start(2).await, Pair::start(2).await);
        let proxy = proxy(&[&one, &other], settings(TIMEOUT)).await;
        let mut client = proxy.client().await;
        let keys = keys_of(&proxy, 2);
        let (first, second) = (format!("INCR {}", keys[0]), format!("INCR {}", keys[1]));
        let lines = ["MULTI", &first, &second, "EXEC"];
        assert_eq!(answers(&mut client, &lines).await[3], "*2\r\n:1\r\n:1\r\n");
        one.leads.set(1);
        assert_eq!(answers(&mut client, &lines).await[3], "*2\r\n:2\r\n:2\r\n");
        one.leads.set(0);
        other.leads.set(1);
        assert_eq!(answers(&mut client, &lines).await[3], "*2\r\n:3\r\n:3\r\n");
        // What was queued before is given back with what is refused.
        other.switches_when_locked.set(true);
        assert_eq!(answers(&mut client, &lines).await[3], "*2\r\n:4\r\n:4\r\n");
        // With a watched key it may have been changed in between.
        assert_eq!(client.ask(&format!("WATCH {}", keys[0])).await, "+OK\r\n");
        one.leads.set(1);
        assert_eq!(answers(&mut client, &lines).await[3], "*-1\r\n");
        assert_eq!((one.value(0, &keys[0]), other.value(0, &keys[1])), (4, 4));
    });
}

#[test]
fn a_large_request_goes_on_to_the_new_primary() {
    on_a_worker(async {
        let pair = Pair::start(2).await;
        let proxy = proxy(&[&pair], Settings { large: 64 << 10, ..settings(TIMEOUT) }).await;
        let (client, length) = (proxy.client().await, 3 << 20);
        let (mut answers, mut socket) = client.split();
        let request = format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${length}\r\n{}\r\n", "x".repeat(length));
        for leads in [0, 1, 0] {
            pair.leads.set(leads);
            socket.write_all(request.as_bytes()).await.unwrap();
            assert_eq!(answers.answer().await, "+OK\r\n");
            assert!(pair.ran.borrow().last().unwrap().starts_with(&format!("{leads} 0 SET k xxx")));
            assert_eq!(pair.value(0, "k"), length as i64);
        }
        assert_eq!(proxy.worker.counters.large_requests.load(Relaxed), 3);
        assert_eq!(pair.turned.get(), 2);
    });
}

/// Nothing but messages is wanted of the members, so nothing tells that the primary is another.
#[test]
fn subscriptions_follow_the_primary() {
    on_a_worker(async {
        let (one, at_one) = Fake::broker("127.0.0.1:0").await;
        let (other, at_other) = Fake::broker("127.0.0.1:0").await;
        let says = |addr: &str| format!("-NOTPRIMARY {addr} leads; nothing was done\r\n").into_bytes();
        *at_one.primary.borrow_mut() = b"+OK\r\n".to_vec();
        *at_other.primary.borrow_mut() = says(&one.addr);
        let json = format!(r#"[{{"name":"a","addr":"{}","replicas":["{}"]}}]"#, one.addr, other.addr);
        let proxy = Proxy::start_from(&json, settings(TIMEOUT)).await;
        let mut client = proxy.client().await;
        client.ask("SUBSCRIBE news").await;
        assert_eq!(at_one.publish(b"news", b"old"), 1);
        assert_eq!(client.answer().await, "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$3\r\nold\r\n");
        *at_one.primary.borrow_mut() = says(&other.addr);
        *at_other.primary.borrow_mut() = b"+OK\r\n".to_vec();
        let begun = Instant::now();
        while at_other.publish(b"news", b"new") == 0 {
            assert!(begun.elapsed() < TIMEOUT, "it is not followed");
            sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(client.answer().await, "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$3\r\nnew\r\n");
        while at_one.links("message", "news") > 0 {
            assert!(begun.elapsed() < TIMEOUT, "the old one is kept");
            sleep(Duration::from_millis(5)).await;
        }
    });
}
