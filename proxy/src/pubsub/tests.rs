use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use fastrand::Rng;
use tokio::task::{JoinSet, yield_now};

use crate::testing::{Broker, Client, Fake, Proxy, keys_of, on_a_worker};

const TIMEOUT: Duration = Duration::from_secs(10);

struct Pool {
    members: Vec<Fake>,
    brokers: Vec<Rc<Broker>>,
    proxy: Proxy,
    /// A channel of each member.
    channels: Vec<String>,
}

async fn pool(count: usize, timeout: Duration) -> Pool {
    let (mut members, mut brokers) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let (member, broker) = Fake::broker("127.0.0.1:0").await;
        members.push(member);
        brokers.push(broker);
    }
    let proxy = Proxy::start(&members.iter().collect::<Vec<_>>(), timeout).await;
    let channels = keys_of(&proxy, count);
    Pool { members, brokers, proxy, channels }
}

/// Waits until it is so; the test's own limit ends the waiting.
async fn until(so: impl Fn() -> bool) {
    while !so() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn array(words: &[&str]) -> String {
    let words: String = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
    format!("*{}\r\n{words}", words.matches('$').count())
}

fn confirmed(word: &str, name: &str, count: usize) -> String {
    format!("*3\r\n${}\r\n{word}\r\n${}\r\n{name}\r\n:{count}\r\n", word.len(), name.len())
}

async fn resp3(pool: &Pool) -> Client {
    let mut client = pool.proxy.client().await;
    assert!(client.ask("HELLO 3").await.starts_with('%'));
    client
}

#[test]
fn one_link_serves_all_and_publish_counts_them() {
    on_a_worker(async {
        let pool = pool(3, TIMEOUT).await;
        let (name, mut publisher) = (&pool.channels[1], pool.proxy.client().await);
        assert_eq!(publisher.ask(&format!("PUBLISH {name} nobody")).await, ":0\r\n");
        let mut clients = [pool.proxy.client().await, pool.proxy.client().await, resp3(&pool).await];
        for client in &mut clients {
            assert_eq!(
                client.ask(&format!("SUBSCRIBE {name}")).await[1..],
                confirmed("subscribe", name, 1)[1..]
            );
        }
        let mut all = pool.proxy.client().await;
        all.send(&["PSUBSCRIBE * key*"]).await;
        assert_eq!(all.answer().await, confirmed("psubscribe", "*", 1));
        assert_eq!(all.answer().await, confirmed("psubscribe", "key*", 2));
        assert_eq!((pool.brokers[1].links("message", name), pool.brokers[0].links("message", name)), (1, 0));
        assert!(pool.brokers.iter().all(|broker| broker.links("pmessage", "*") == 1));
        assert_eq!(publisher.ask(&format!("PUBLISH {name} hi")).await, ":5\r\n");
        assert_eq!(
            publisher.ask(&format!("PUBSUB NUMSUB {name} x")).await,
            format!("*4\r\n${}\r\n{name}\r\n:3\r\n$1\r\nx\r\n:0\r\n", name.len())
        );
        for (client, first) in clients.iter_mut().zip(["*", "*", ">"]) {
            assert_eq!(client.answer().await, array(&["message", name, "hi"]).replacen('*', first, 1));
        }
        assert_eq!(all.answer().await, array(&["pmessage", "*", name, "hi"]));
        assert_eq!(all.answer().await, array(&["pmessage", "key*", name, "hi"]));
        // Who leaves is not counted any more, and the last one's topic is given up.
        let [first, second, third] = clients;
        drop((first, second));
        until(|| pool.proxy.worker.shared.clients.count() == 3).await;
        assert_eq!(publisher.ask(&format!("PUBLISH {name} hi")).await, ":3\r\n");
        drop(third);
        until(|| pool.brokers[1].links("message", name) == 0).await;
    });
}

#[test]
fn a_subscriber_of_resp2_is_held_to_its_mode_until_its_last_subscription_ends() {
    on_a_worker(async {
        let pool = pool(2, TIMEOUT).await;
        let mut client = pool.proxy.client().await;
        assert_eq!(client.ask("UNSUBSCRIBE").await, "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n");
        // CLIENT REPLY has no say over confirmations.
        client.send(&["CLIENT REPLY SKIP", "SSUBSCRIBE s", "SUBSCRIBE a b", "GET k", "PING", "PING x"]).await;
        assert_eq!(client.answer().await, confirmed("ssubscribe", "s", 1));
        assert_eq!(client.answer().await, confirmed("subscribe", "a", 1));
        assert_eq!(client.answer().await, confirmed("subscribe", "b", 2));
        assert!(client.answer().await.starts_with("-ERR Can't execute 'get': only (P|S)SUBSCRIBE"));
        assert_eq!(
            [client.answer().await, client.answer().await],
            [array(&["pong", ""]), array(&["pong", "x"])]
        );
        client.send(&["UNSUBSCRIBE", "SUNSUBSCRIBE", "GET k"]).await;
        assert_eq!(client.answer().await, confirmed("unsubscribe", "a", 1));
        assert_eq!(client.answer().await, confirmed("unsubscribe", "b", 0));
        assert_eq!(client.answer().await, confirmed("sunsubscribe", "s", 0));
        assert_eq!(client.answer().await, "$1\r\nk\r\n");
        client.send(&["SUBSCRIBE a", "RESET", "GET k"]).await;
        assert_eq!(client.answer().await, confirmed("subscribe", "a", 1));
        assert_eq!([client.answer().await, client.answer().await], ["+RESET\r\n", "$1\r\nk\r\n"]);
    });
}

/// Clients subscribe, leave and ask for keys at random while others publish: each message of a channel reaches each of its
/// subscribers once and in order, and answers belong to their requests.
#[test]
fn nothing_is_lost_or_doubled_while_nothing_fails() {
    const PUBLISHED: usize = 300;
    on_a_worker(async {
        let pool = pool(3, TIMEOUT).await;
        let mut tasks = JoinSet::new();
        for seed in 0..6 {
            let mut listener = if seed % 2 == 0 { pool.proxy.client().await } else { resp3(&pool).await };
            let names = pool.channels.clone();
            listener.send(&[&format!("SUBSCRIBE {}", names.join(" ")), "PSUBSCRIBE key*"]).await;
            for _ in 0..=names.len() {
                assert!(listener.answer().await.contains("subscribe"));
            }
            tasks.spawn_local(listen(listener, names, PUBLISHED, seed));
        }
        let mut restless = pool.proxy.client().await;
        let channels = pool.channels.clone();
        tasks.spawn_local(publish(pool.proxy.client().await, channels.clone(), PUBLISHED));
        for n in 0..PUBLISHED {
            let name = &channels[n % channels.len()];
            restless.send(&[&format!("SUBSCRIBE {name}"), &format!("UNSUBSCRIBE {name}")]).await;
            yield_now().await;
        }
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
    });
}

async fn publish(mut client: Client, channels: Vec<String>, count: usize) {
    for n in 0..count {
        let name = &channels[n % channels.len()];
        let counted: usize =
            client.ask(&format!("PUBLISH {name} {n}")).await[1..].trim_end().parse().unwrap();
        // Six who listen by name and by pattern, and perhaps the restless one.
        assert!((12..=13).contains(&counted), "{counted}");
    }
}

async fn listen(mut client: Client, channels: Vec<String>, count: usize, seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let (mut seen, mut left, mut asked) = (BTreeMap::<(String, String), Vec<usize>>::new(), 2 * count, 0);
    while left > 0 || asked > 0 {
        if seed % 2 == 1 && left > 0 && rng.u8(..4) == 0 {
            client.send(&[&format!("GET {}-{asked}", "x".repeat(rng.usize(1..2000)))]).await;
            asked += 1;
        }
        let answer = client.answer().await;
        if answer.starts_with('$') {
            asked -= 1;
            continue;
        }
        let words: Vec<&str> = answer.split("\r\n").skip(2).step_by(2).collect();
        let (number, name) = (words[words.len() - 1].parse().unwrap(), words[words.len() - 2]);
        seen.entry((words[0].to_owned(), name.to_owned())).or_default().push(number);
        left -= 1;
    }
    for (at, name) in channels.iter().enumerate() {
        let wanted: Vec<usize> = (0..count).filter(|n| n % channels.len() == at).collect();
        for kind in ["message", "pmessage"] {
            assert_eq!(seen[&(kind.to_owned(), name.clone())], wanted, "{kind} {name}");
        }
    }
}

#[test]
fn a_member_that_was_away_is_subscribed_to_again_and_the_gap_is_counted() {
    on_a_worker(async {
        let pool = pool(2, TIMEOUT).await;
        let (mine, other) = (&pool.channels[0], &pool.channels[1]);
        let (mut client, mut all) = (pool.proxy.client().await, pool.proxy.client().await);
        assert_eq!(client.ask(&format!("SUBSCRIBE {mine}")).await, confirmed("subscribe", mine, 1));
        assert_eq!(all.ask("PSUBSCRIBE *").await, confirmed("psubscribe", "*", 1));
        pool.members[0].stop().await;
        let gaps = || pool.proxy.worker.counters.pubsub_gaps.load(Relaxed);
        until(|| gaps() == 1).await;
        // The others go on, new ones of it are refused, patterns begin with those that are up.
        let mut late = pool.proxy.client().await;
        let answer = late.ask(&format!("SUBSCRIBE {mine}")).await;
        assert!(answer.starts_with("-MEMBERDOWN member=a "), "{answer}");
        assert_eq!(late.ask("PSUBSCRIBE key*").await, confirmed("psubscribe", "key*", 1));
        assert_eq!(pool.brokers[1].publish(other.as_bytes(), b"1"), 2);
        assert_eq!(all.answer().await, array(&["pmessage", "*", other, "1"]));
        let (_back, broker) = Fake::broker(&pool.members[0].addr).await;
        until(|| {
            broker.links("message", mine) + broker.links("pmessage", "*") + broker.links("pmessage", "key*")
                == 3
        })
        .await;
        broker.publish(mine.as_bytes(), b"2");
        assert_eq!(client.answer().await, array(&["message", mine, "2"]));
        assert_eq!(all.answer().await, array(&["pmessage", "*", mine, "2"]));
        assert_eq!(gaps(), 1);
    });
}

#[test]
fn a_member_that_hangs_is_left() {
    on_a_worker(async {
        let pool = pool(1, Duration::from_millis(400)).await;
        let mut client = pool.proxy.client().await;
        assert_eq!(client.ask("SUBSCRIBE a").await, confirmed("subscribe", "a", 1));
        pool.brokers[0].frozen.set(true);
        let mut late = pool.proxy.client().await;
        assert!(late.ask("SUBSCRIBE b").await.starts_with("-TIMEOUT member=a "));
        until(|| pool.proxy.worker.counters.pubsub_gaps.load(Relaxed) == 1).await;
        until(|| pool.brokers[0].links("message", "a") == 0).await;
        pool.brokers[0].frozen.set(false);
        until(|| pool.brokers[0].publish(b"a", b"back") > 0).await;
        assert_eq!(client.answer().await, array(&["message", "a", "back"]));
    });
}

#[test]
fn what_a_member_refuses_is_answered_in_its_place() {
    on_a_worker(async {
        let pool = pool(1, TIMEOUT).await;
        pool.brokers[0].refused.borrow_mut().insert(b"b".to_vec());
        let mut client = pool.proxy.client().await;
        client.send(&["SUBSCRIBE a b c"]).await;
        assert_eq!(client.answer().await, confirmed("subscribe", "a", 1));
        assert_eq!(client.answer().await, "-NOPERM no such channel for you\r\n");
        assert_eq!(client.answer().await, confirmed("subscribe", "c", 2));
        assert_eq!(client.ask("PING").await, array(&["pong", ""]));
    });
}

#[test]
fn a_channel_that_moves_is_heard_at_both_owners_for_a_while() {
    on_a_worker(async {
        let pool = pool(2, TIMEOUT).await;
        let name = &pool.channels[0];
        let (mut client, mut publisher) = (pool.proxy.client().await, pool.proxy.client().await);
        assert_eq!(client.ask(&format!("SUBSCRIBE {name}")).await, confirmed("subscribe", name, 1));
        // The first member leaves: all is the second one's, which is called `a` now.
        pool.proxy.adopt(&[&pool.members[1]]);
        until(|| pool.brokers[1].links("message", name) == 1).await;
        assert_eq!(publisher.ask(&format!("PUBLISH {name} new")).await, ":1\r\n");
        assert_eq!(pool.brokers[0].publish(name.as_bytes(), b"old"), 1);
        let mut seen = [client.answer().await, client.answer().await];
        seen.sort();
        assert_eq!(seen, [array(&["message", name, "new"]), array(&["message", name, "old"])]);
        until(|| pool.brokers[0].links("message", name) == 0).await;
        assert_eq!(publisher.ask(&format!("PUBLISH {name} last")).await, ":1\r\n");
        assert_eq!(client.answer().await, array(&["message", name, "last"]));
    });
}

#[test]
fn who_takes_no_messages_is_closed_and_the_others_get_all() {
    on_a_worker(async {
        let pool = pool(1, TIMEOUT).await;
        let (mut deaf, mut keen, mut publisher) =
            (pool.proxy.client().await, pool.proxy.client().await, pool.proxy.client().await);
        for client in [&mut deaf, &mut keen] {
            assert_eq!(client.ask("SUBSCRIBE news").await, confirmed("subscribe", "news", 1));
        }
        let set = "CONFIG SET client-output-buffer-limit";
        let words: Vec<&str> = set.split(' ').collect();
        publisher.send_words(&[&words[..], &["pubsub 4mb 0 0"]].concat()).await;
        assert_eq!(publisher.answer().await, "+OK\r\n");
        let (message, mut sent) = ("x".repeat(1 << 20), 0);
        let cut = || pool.proxy.worker.shared.output_limits.disconnections();
        while cut() == 0 {
            publisher.ask(&format!("PUBLISH news {message}")).await;
            sent += 1;
            assert!(keen.answer().await.contains(&message));
        }
        deaf.task.await.unwrap();
        assert_eq!(publisher.ask("PUBLISH news last").await, ":1\r\n");
        assert_eq!(keen.answer().await, array(&["message", "news", "last"]));
        assert!(sent > 4 && cut() == 1, "{sent} messages");
    });
}

#[test]
fn what_is_published_while_a_subscription_waits_reaches_it() {
    on_a_worker(async {
        let pool = pool(2, TIMEOUT).await;
        let mut publisher = pool.proxy.client().await;
        for name in &pool.channels {
            let mut subscriber = pool.proxy.client().await;
            // The link to the member is still to be opened; who publishes does not wait for the confirmation.
            subscriber.send(&[&format!("SUBSCRIBE {name} other")]).await;
            until(|| pool.proxy.worker.shared.joining.concerns(super::Kind::Channel, name.as_bytes())).await;
            assert_eq!(publisher.ask(&format!("PUBLISH {name} hi")).await, ":1\r\n");
            assert_eq!(subscriber.answer().await, confirmed("subscribe", name, 1));
            assert_eq!(subscriber.answer().await, confirmed("subscribe", "other", 2));
            assert_eq!(subscriber.answer().await, array(&["message", name, "hi"]));
        }
    });
}
