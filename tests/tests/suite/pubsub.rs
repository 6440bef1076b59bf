//! Subscribers over sockets: nothing lost or swapped, however many publish, and nobody waits on a slow one.

use ringtail_tests::harness::{Options, Pool, Server, say, wait_for};
use ringtail_tests::resp::{Conn, Endpoint, Value};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const PUBLISHERS: usize = 3;
const MESSAGES: usize = 500;

fn server() -> Server {
    Server::start(&Options::args(&["--threads", "3"]))
}

fn pool() -> Pool {
    Pool::start(&Options::args(&["--threads", "3"]))
}

/// Subscribes with this request; the connection after its confirmation.
fn subscriber(endpoint: &Endpoint, resp3: bool, line: &str) -> Conn {
    let mut conn = if resp3 { endpoint.open3() } else { endpoint.open() };
    let confirmed = conn.run(line);
    assert_eq!(confirmed.items()[2], Value::Int(1), "{confirmed}");
    conn
}

/// The payloads of the next `count` messages.
fn payloads(conn: &mut Conn, count: usize) -> Vec<String> {
    let message = |value: Value| value.items().last().map(Value::text).unwrap_or_default();
    (0..count).map(|_| message(conn.read().expect("a message"))).collect()
}

fn publish(endpoint: &Endpoint, publisher: usize) -> JoinHandle<()> {
    let endpoint = endpoint.clone();
    thread::spawn(move || {
        let mut conn = endpoint.open();
        for batch in 0..MESSAGES / 10 {
            let request = |i| ["PUBLISH".to_owned(), "news".to_owned(), format!("{publisher}:{i}")].to_vec();
            let requests: Vec<_> = (batch * 10..batch * 10 + 10).map(request).collect();
            let replies = conn.try_pipeline(&requests).expect("replies");
            assert!(replies.iter().all(|reply| *reply == Value::Int(4)), "{replies:?}");
        }
    })
}

#[test]
fn all_subscribers_see_the_messages_of_a_channel_in_one_order() {
    one_order(&server().endpoint);
}

#[test]
fn so_they_do_through_a_proxy() {
    one_order(&pool().endpoint);
}

#[test]
fn so_they_do_before_stock_servers() {
    if let Some(pool) = Pool::of_redis(&Options::args(&["--threads", "2"])) {
        one_order(&pool.endpoint);
    }
}

fn one_order(endpoint: &Endpoint) {
    let mut subscribers = [
        subscriber(endpoint, false, "SUBSCRIBE news"),
        subscriber(endpoint, true, "SUBSCRIBE news"),
        subscriber(endpoint, false, "PSUBSCRIBE n*"),
        subscriber(endpoint, true, "PSUBSCRIBE *"),
    ];
    let publishers: Vec<_> = (0..PUBLISHERS).map(|i| publish(endpoint, i)).collect();
    publishers.into_iter().for_each(|publisher| publisher.join().expect("a publisher"));
    let seen = subscribers.each_mut().map(|conn| payloads(conn, PUBLISHERS * MESSAGES));
    assert!(seen.iter().all(|other| *other == seen[0]), "orders differ");
    for publisher in 0..PUBLISHERS {
        let own = format!("{publisher}:");
        let order: Vec<&String> = seen[0].iter().filter(|text| text.starts_with(&own)).collect();
        let sent: Vec<String> = (0..MESSAGES).map(|i| format!("{own}{i}")).collect();
        assert!(order.into_iter().eq(&sent), "publisher {publisher}");
    }
}

#[test]
fn a_subscriber_that_takes_nothing_is_closed_and_slows_nobody() {
    who_takes_nothing_is_closed(&server().endpoint);
}

#[test]
fn a_proxy_closes_such_a_subscriber_too() {
    who_takes_nothing_is_closed(&pool().endpoint);
}

fn who_takes_nothing_is_closed(endpoint: &Endpoint) {
    let mut deaf = subscriber(endpoint, false, "SUBSCRIBE news");
    let mut publisher = endpoint.open();
    let limit = ["CONFIG", "SET", "client-output-buffer-limit", "pubsub 2mb 0 0"];
    assert!(publisher.call(&limit).is_ok());
    let message = "x".repeat(1 << 20);
    let (start, mut slowest) = (Instant::now(), Duration::ZERO);
    let closed = wait_for(Duration::from_secs(10), || {
        let begun = Instant::now();
        let receivers = publisher.call(&["PUBLISH", "news", &message]).int();
        slowest = slowest.max(begun.elapsed());
        receivers == 0
    });
    assert!(closed, "it was not closed");
    let info = publisher.run("INFO stats").text();
    assert!(info.contains("client_output_buffer_limit_disconnections:1\r\n"), "{info}");
    say(&format!(
        "a deaf subscriber was closed after {:?}; the slowest PUBLISH of 1 MiB took {slowest:?}",
        start.elapsed()
    ));
    // It gets what the kernel had taken, and the end.
    deaf.set_patience(Duration::from_secs(5));
    let mut piece = vec![0; 1 << 20];
    while deaf.receive(&mut piece).is_ok_and(|n| n > 0) {}
    assert_eq!(publisher.run("PING"), Value::Simple("PONG".into()));
}

#[test]
fn the_events_of_a_key_come_in_their_order() {
    let server = server();
    let mut conn = server.endpoint.open();
    assert!(conn.run("CONFIG SET notify-keyspace-events Kg$").is_ok());
    let mut ear = subscriber(&server.endpoint, true, "SUBSCRIBE __keyspace@0__:k");
    let work = |endpoint: Endpoint, words: &'static str| {
        thread::spawn(move || {
            let mut conn = endpoint.open();
            (0..2000).filter(|_| conn.run(words) == Value::Int(1)).count()
        })
    };
    // Each succeeds only after the other: an event out of order would stand beside one of its kind.
    let workers =
        ["SETNX k v", "DEL k", "SETNX k v", "DEL k"].map(|words| work(server.endpoint.clone(), words));
    let count = workers.into_iter().map(|worker| worker.join().expect("a worker")).sum();
    let events = payloads(&mut ear, count);
    for (i, event) in events.iter().enumerate() {
        assert_eq!(event, if i % 2 == 0 { "set" } else { "del" }, "event {i} of {count}");
    }
}

#[test]
fn subscriptions_end_with_the_connection() {
    they_end_with_the_connection(&server().endpoint);
}

#[test]
fn subscriptions_end_with_the_connection_to_a_proxy() {
    they_end_with_the_connection(&pool().endpoint);
}

fn they_end_with_the_connection(endpoint: &Endpoint) {
    let conn = subscriber(endpoint, false, "SUBSCRIBE news");
    let mut publisher = endpoint.open();
    assert_eq!(publisher.run("PUBLISH news 1"), Value::Int(1));
    drop(conn);
    assert!(wait_for(Duration::from_secs(5), || publisher.run("PUBLISH news 2") == Value::Int(0)));
    assert_eq!(publisher.run("PUBSUB CHANNELS").items().len(), 0);
}

/// Three members, one of them killed and started again: messages of the others go on, its own come again.
#[test]
fn a_member_that_comes_back_is_heard_again() {
    let mut pool = pool();
    let mut publisher = pool.endpoint.open();
    let mut ear = subscriber(&pool.endpoint, true, "PSUBSCRIBE c*");
    pool.members.process(0).kill();
    let heard = wait_for(Duration::from_secs(10), || {
        let answers: Vec<Value> =
            (0..30).map(|i| publisher.call(&["PUBLISH", &format!("c{i}"), "x"])).collect();
        let reached = answers.iter().filter(|answer| **answer == Value::Int(1)).count();
        assert_eq!(payloads(&mut ear, reached).len(), reached);
        (1..30).contains(&reached)
    });
    assert!(heard, "no member failed, or all did");
    pool.members.restart(0);
    let back = wait_for(Duration::from_secs(10), || {
        let answers: Vec<Value> =
            (0..30).map(|i| publisher.call(&["PUBLISH", &format!("c{i}"), "x"])).collect();
        let reached = answers.iter().filter(|answer| **answer == Value::Int(1)).count();
        assert_eq!(payloads(&mut ear, reached).len(), reached);
        reached == 30
    });
    assert!(back, "it is not heard again");
    let info = publisher.run("INFO stats").text();
    assert!(!info.contains("pubsub_gaps:0\r\n"), "{info}");
}
