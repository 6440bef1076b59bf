use std::time::Duration;

use fastrand::Rng;
use tokio::task::{JoinSet, yield_now};

use crate::testing::{Client, Fake, Proxy, bulk, echoing, keys_of, on_a_worker};

const TIMEOUT: Duration = Duration::from_secs(10);

async fn three() -> [Fake; 3] {
    [Fake::start(echoing()).await, Fake::start(echoing()).await, Fake::start(echoing()).await]
}

/// Sends batches of random size and checks every answer against its request.
async fn chat(mut client: Client, name: usize) {
    let mut rng = Rng::with_seed(name as u64);
    let mut asked = 0;
    while asked < 400 {
        let batch = rng.usize(1..40);
        let lines: Vec<String> = (asked..asked + batch).map(|n| line(name, n)).collect();
        client.send(&lines.iter().map(String::as_str).collect::<Vec<_>>()).await;
        for n in asked..asked + batch {
            assert_eq!(client.answer().await, expected(name, n), "client {name}, request {n}");
        }
        asked += batch;
    }
}

fn line(name: usize, n: usize) -> String {
    match n % 7 {
        0 => format!("MGET a{name}-{n} b{name}-{n} c{name}-{n} d{name}-{n}"),
        1 => "PING".to_owned(),
        2 => format!("SELECT {}", n % 3),
        _ => format!("GET {name}-{n}"),
    }
}

fn expected(name: usize, n: usize) -> String {
    let key = |letter: char| String::from_utf8(bulk(format!("{letter}{name}-{n}").as_bytes())).unwrap();
    match n % 7 {
        0 => format!("*4\r\n{}", ['a', 'b', 'c', 'd'].map(key).concat()),
        1 => "+PONG\r\n".to_owned(),
        2 => "+OK\r\n".to_owned(),
        _ => String::from_utf8(bulk(format!("{name}-{n}").as_bytes())).unwrap(),
    }
}

/// Members answer in random pieces at random times: every answer belongs to its request, in its order.
#[test]
fn answers_of_many_sessions_are_never_mixed_up() {
    on_a_worker(async {
        let members = three().await;
        let proxy = Proxy::start(&members.each_ref(), TIMEOUT).await;
        let mut chats = JoinSet::new();
        for name in 0..20 {
            chats.spawn_local(chat(proxy.client().await, name));
        }
        while let Some(ended) = chats.join_next().await {
            ended.unwrap();
        }
    });
}

#[test]
fn a_client_that_leaves_disturbs_nobody() {
    on_a_worker(async {
        let members = three().await;
        let proxy = Proxy::start(&members.each_ref(), TIMEOUT).await;
        let mut stays = proxy.client().await;
        for _ in 0..20 {
            let mut leaves = proxy.client().await;
            leaves.send(&["GET x", "GET y", "GET z", "MGET a b c d e"]).await;
            yield_now().await;
            drop(leaves.socket);
            assert_eq!(stays.ask("GET mine").await, "$4\r\nmine\r\n");
            leaves.task.await.unwrap();
        }
        assert_eq!(proxy.worker.shared.clients.count(), 1);
    });
}

#[test]
fn what_was_sent_before_the_end_of_input_is_answered() {
    on_a_worker(async {
        let members = three().await;
        let proxy = Proxy::start(&members.each_ref(), TIMEOUT).await;
        let mut client = proxy.client().await;
        client.send(&["GET a", "GET b", "DBSIZE", "GET c"]).await;
        tokio::io::AsyncWriteExt::shutdown(&mut client.socket).await.unwrap();
        for answer in ["$1\r\na\r\n", "$1\r\nb\r\n", ":21\r\n", "$1\r\nc\r\n"] {
            assert_eq!(client.answer().await, answer);
        }
        client.task.await.unwrap();
    });
}

#[test]
fn client_reply_mutes_what_it_says() {
    on_a_worker(async {
        let members = three().await;
        let proxy = Proxy::start(&members.each_ref(), TIMEOUT).await;
        let mut client = proxy.client().await;
        client.send(&["CLIENT REPLY SKIP", "GET hidden", "GET seen"]).await;
        client
            .send(&["CLIENT REPLY OFF", "GET hidden", "PING", "DBSIZE", "CLIENT REPLY ON", "GET last"])
            .await;
        for answer in ["$4\r\nseen\r\n", "+OK\r\n", "$4\r\nlast\r\n"] {
            assert_eq!(client.answer().await, answer);
        }
    });
}

#[test]
fn a_topology_change_moves_the_next_requests_and_ends_lanes_that_nobody_needs() {
    on_a_worker(async {
        let [a, b, c] = three().await;
        let proxy = Proxy::start(&[&a, &b, &c], TIMEOUT).await;
        let mut client = proxy.client().await;
        for key in keys_of(&proxy, 3) {
            assert!(client.ask(&format!("GET {key}")).await.contains(&key));
        }
        client.send(&["GET k1", "GET k2", "GET k3", "GET k4"]).await;
        proxy.adopt(&[&a]);
        for key in ["k1", "k2", "k3", "k4"] {
            assert!(client.answer().await.contains(key));
        }
        b.stop().await;
        c.stop().await;
        for key in ["k1", "k2", "k3", "k4"] {
            assert_eq!(client.ask(&format!("GET {key}")).await, format!("$2\r\n{key}\r\n"));
        }
    });
}

#[test]
fn requests_that_break_the_protocol_are_answered_and_closed() {
    on_a_worker(async {
        let members = three().await;
        let proxy = Proxy::start(&members.each_ref(), TIMEOUT).await;
        let mut client = proxy.client().await;
        client.send(&["GET first"]).await;
        tokio::io::AsyncWriteExt::write_all(&mut client.socket, b"*-5\r\n").await.unwrap();
        assert_eq!(client.answer().await, "$5\r\nfirst\r\n");
        assert_eq!(client.answer().await, "-ERR Protocol error: invalid multibulk length\r\n");
        client.task.await.unwrap();
    });
}

#[test]
fn inline_requests_that_had_to_wait_keep_their_quotes() {
    on_a_worker(async {
        let members = three().await;
        let proxy = Proxy::start(&members.each_ref(), TIMEOUT).await;
        let mut client = proxy.client().await;
        let lines = b"DBSIZE \r\nGET \"a b\"\r\n\"DBSIZE\"\r\nGET 'c d'\r\nGET \"e";
        tokio::io::AsyncWriteExt::write_all(&mut client.socket, lines).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut client.socket, b" f\"\r\n").await.unwrap();
        for answer in [":21\r\n", "$3\r\na b\r\n", ":21\r\n", "$3\r\nc d\r\n", "$3\r\ne f\r\n"] {
            assert_eq!(client.answer().await, answer);
        }
    });
}
