use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use ringtail_protocol::command::CommandId;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep};

use super::Sizes;
use crate::limits;
use crate::settings::Settings;
use crate::testing::{Answering, Client, Fake, Proxy, bulk, keys_of, on_a_worker, settings};

const TIMEOUT: Duration = Duration::from_secs(5);

/// What the tests' proxy calls large.
const AT: usize = 64 << 10;

/// Larger than that, and than what is kept for a client that reads nothing.
const LARGE: usize = 12 << 20;

async fn proxy(members: &[&Fake]) -> Proxy {
    Proxy::start_with(members, Settings { large: AT, ..settings(TIMEOUT) }).await
}

/// A member that keeps what it is told.
fn keeping() -> Answering {
    let kept = RefCell::new(HashMap::<Vec<u8>, Vec<u8>>::new());
    Rc::new(move |words| {
        Some(match (&words[0].to_ascii_uppercase()[..], words.len()) {
            (b"SET", 3) => {
                kept.borrow_mut().insert(words[1].clone(), words[2].clone());
                b"+OK\r\n".to_vec()
            }
            (b"GET", 2) => kept.borrow().get(&words[1]).map_or(b"$-1\r\n".to_vec(), |value| bulk(value)),
            _ => b"+PONG\r\n".to_vec(),
        })
    })
}

/// A value that shows when a part of it is missing or in another place.
fn value(length: usize) -> String {
    (0..).flat_map(|n: u32| format!("{n},").into_bytes()).take(length).map(char::from).collect()
}

async fn set(client: &mut Client, key: &str, value: &str) {
    assert_eq!(client.ask(&format!("SET {key} {value}")).await, "+OK\r\n");
}

/// The first bytes of a request with a large value.
fn beginning(key: &str) -> Vec<u8> {
    format!("*3\r\n$3\r\nSET\r\n${}\r\n{key}\r\n${LARGE}\r\nbegun", key.len()).into_bytes()
}

#[test]
fn a_large_request_comes_in_its_order_and_does_not_stand_before_others() {
    on_a_worker(async {
        let member = Fake::start(keeping()).await;
        let proxy = proxy(&[&member]).await;
        let (mut large, mut other) = (proxy.client().await, proxy.client().await);
        set(&mut other, "mine", "small").await;
        large.send(&["SET k before", "GET k"]).await;
        large.socket.write_all(&beginning("k")).await.unwrap();
        assert_eq!(large.answer().await, "+OK\r\n");
        assert_eq!(large.answer().await, "$6\r\nbefore\r\n");
        while proxy.worker.counters.large_requests.load(Relaxed) == 0 {
            sleep(Duration::from_millis(1)).await;
        }
        // Half of it is on its way, on a connection of its own.
        assert_eq!(other.ask("GET mine").await, "$5\r\nsmall\r\n");
        assert_eq!(other.ask("GET k").await, "$6\r\nbefore\r\n");
        let rest = value(LARGE - 5);
        let (mut answers, mut socket) = large.split();
        let told = rest.clone();
        let sent = tokio::task::spawn_local(async move {
            socket.write_all(format!("{told}\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n").as_bytes()).await.unwrap();
            socket
        });
        assert_eq!(answers.answer().await, "+OK\r\n");
        assert!(answers.answer().await == format!("${LARGE}\r\nbegun{rest}\r\n"), "another value");
        sent.await.unwrap();
    });
}

/// The connection that was left in the middle of a request must not be given to the next client.
#[test]
fn a_client_that_leaves_in_the_middle_of_a_large_request_disturbs_nobody() {
    on_a_worker(async {
        let member = Fake::start(keeping()).await;
        let proxy = proxy(&[&member]).await;
        for _ in 0..3 {
            let mut leaves = proxy.client().await;
            leaves.socket.write_all(&beginning("k")).await.unwrap();
            leaves.socket.flush().await.unwrap();
            drop(leaves.socket);
            leaves.task.await.unwrap();
        }
        let (mut stays, told) = (proxy.client().await, value(LARGE));
        set(&mut stays, "k", &told).await;
        assert!(stays.ask("GET k").await == format!("${LARGE}\r\n{told}\r\n"));
    });
}

#[test]
fn what_turns_out_to_be_no_request_is_answered_and_closed() {
    on_a_worker(async {
        let member = Fake::start(keeping()).await;
        let proxy = proxy(&[&member]).await;
        let mut client = proxy.client().await;
        let wrong = "*3\r\n$6\r\nAPPEND\r\n$1\r\nk\r\n$70000\r\n";
        client.socket.write_all(wrong.as_bytes()).await.unwrap();
        client.socket.write_all(&[b'x'; 70010]).await.unwrap();
        let error = "-ERR Protocol error: expected CRLF after an argument\r\n";
        assert_eq!(client.answer().await, error);
        client.task.await.unwrap();
    });
}

#[test]
fn a_large_request_to_a_member_that_is_down_is_answered_in_its_place() {
    on_a_worker(async {
        let (well, down) = (Fake::start(keeping()).await, Fake::start(keeping()).await);
        let proxy = proxy(&[&well, &down]).await;
        let [good, bad] = &keys_of(&proxy, 2)[..] else { panic!("two keys") };
        let mut client = proxy.client().await;
        down.stop().await;
        while !client.ask(&format!("GET {bad}")).await.starts_with("-MEMBERDOWN") {}
        let (set, told) = (format!("SET {bad} {}", value(LARGE)), format!("SET {good} told"));
        client.send(&["PING", &set, &told]).await;
        assert_eq!(client.answer().await, "+PONG\r\n");
        assert!(client.answer().await.starts_with("-MEMBERDOWN member=b"));
        assert_eq!(client.answer().await, "+OK\r\n");
    });
}

/// The first large answer to a key comes on the shared lane; the second not.
#[test]
fn a_large_answer_is_passed_through_and_the_next_one_has_a_connection_of_its_own() {
    on_a_worker(async {
        let member = Fake::start(keeping()).await;
        let (proxy, others) = (proxy(&[&member]).await, proxy(&[&member]).await);
        let (mut writer, told) = (others.client().await, value(LARGE));
        set(&mut writer, "k", &told).await;
        set(&mut writer, "small", "value").await;
        assert!(!proxy.worker.sizes.is_learning());
        let answer = format!("${LARGE}\r\n{told}\r\n");
        for round in 0..4 {
            let mut reader = proxy.client().await;
            reader.send(&["GET small", "GET k", "GET small", "PING"]).await;
            assert_eq!(reader.answer().await, "$5\r\nvalue\r\n");
            assert!(reader.answer().await == answer, "another value in round {round}");
            assert_eq!(reader.answer().await, "$5\r\nvalue\r\n");
            assert_eq!(reader.answer().await, "+PONG\r\n");
            assert_eq!(proxy.worker.counters.large_replies.load(Relaxed), round + 1);
        }
        assert!(proxy.worker.sizes.is_learning());
        // It is small again, which shows at the next answer.
        set(&mut writer, "k", "tiny").await;
        for _ in 0..3 {
            assert_eq!(writer.ask("GET k").await, "$4\r\ntiny\r\n");
        }
    });
}

/// On the lane that all share, and on a connection of its own.
#[test]
fn a_client_does_not_wait_for_the_rest_of_an_answer_whose_member_hangs() {
    on_a_worker(async {
        let (one, other) = (Fake::start(keeping()).await, Fake::start(keeping()).await);
        for (member, is_known) in [(&one, false), (&other, true)] {
            let timeout = Settings { large: AT, ..settings(Duration::from_millis(200)) };
            let (proxy, others) = (Proxy::start_with(&[member], timeout).await, proxy(&[member]).await);
            set(&mut others.client().await, "k", &value(LARGE * 3)).await;
            if is_known {
                proxy.worker.sizes.learn(Sizes::trace_for(CommandId::Get, b"k"));
            }
            let mut client = proxy.client().await;
            client.send(&["GET k"]).await;
            let mut buf = vec![0; 100_000];
            client.socket.read_exact(&mut buf).await.unwrap();
            member.freeze();
            let begun = Instant::now();
            while client.socket.read(&mut buf).await.is_ok_and(|read| read > 0) {}
            assert!(begun.elapsed() < Duration::from_secs(4), "known: {is_known}: {:?}", begun.elapsed());
        }
    });
}

/// It would come before small ones on the lane, though everybody could know.
#[test]
fn what_was_written_as_large_is_read_on_a_connection_of_its_own_from_the_start() {
    on_a_worker(async {
        let member = Fake::start(keeping()).await;
        let proxy = proxy(&[&member]).await;
        let (mut writer, mut reader) = (proxy.client().await, proxy.client().await);
        let (told, get) = (value(LARGE), Sizes::trace_for(CommandId::Get, b"k"));
        assert!(!proxy.worker.sizes.is_large(get));
        set(&mut writer, "k", &told).await;
        assert!(proxy.worker.sizes.is_large(get));
        assert!(reader.ask("GET k").await == format!("${LARGE}\r\n{told}\r\n"), "another value");
        set(&mut writer, "k", "tiny").await;
        assert_eq!(reader.ask("GET k").await, "$4\r\ntiny\r\n");
        assert!(!proxy.worker.sizes.is_large(get));
    });
}

/// Who asks for much and takes nothing holds up those behind it on the lane for a deadline at most, and is held for a few megabytes.
#[test]
fn a_client_that_does_not_take_its_answer_is_closed_when_others_wait_behind_it() {
    on_a_worker(async {
        let told = value(LARGE * 2);
        let member = Fake::start(keeping()).await;
        let one_lane = Settings { conns: 1, large: AT, ..settings(Duration::from_secs(3)) };
        let proxy = Proxy::start_with(&[&member], one_lane).await;
        let (mut other, mut slow) = (proxy.client().await, proxy.client().await);
        // By another proxy, so that this one does not know what it will be.
        set(&mut self::proxy(&[&member]).await.client().await, "k", &told).await;
        set(&mut other, "mine", "small").await;
        let begun = Instant::now();
        slow.send(&["GET k"]).await;
        while proxy.worker.counters.large_replies.load(Relaxed) == 0 {
            sleep(Duration::from_millis(1)).await;
        }
        other.send(&["GET mine"]).await;
        let clients = proxy.worker.shared.clients.list();
        let mut most = 0;
        while proxy.worker.counters.slow_readers.load(Relaxed) == 0 {
            most = clients.iter().map(|client| client.unsent.load(Relaxed)).max().max(Some(most)).unwrap();
            sleep(Duration::from_millis(1)).await;
        }
        assert!(
            (limits::SESSION_OUTPUT..=limits::FLOW_AHEAD + 2 * limits::READ).contains(&most),
            "{most} bytes"
        );
        assert!(other.answer().await.starts_with("-TIMEOUT"));
        slow.task.await.unwrap();
        while other.ask("GET mine").await.starts_with('-') {
            assert!(begun.elapsed() < TIMEOUT * 3);
        }
    });
}

#[test]
fn a_member_that_dies_in_the_middle_of_a_large_answer_ends_its_client_and_nobody_else() {
    on_a_worker(async {
        let half: Answering = Rc::new(|words| match words.get(1).map(Vec::as_slice) {
            Some(b"k") => Some([format!("${LARGE}\r\n").as_bytes(), &[b'x'; LARGE / 2]].concat()),
            _ => Some(b"+PONG\r\n".to_vec()),
        });
        let member = Fake::start(half).await;
        let proxy = proxy(&[&member]).await;
        let (mut reader, mut other) = (proxy.client().await, proxy.client().await);
        reader.send(&["GET k"]).await;
        let mut begun = [0; 4];
        AsyncReadExt::read_exact(&mut reader.socket, &mut begun).await.unwrap();
        member.stop().await;
        let mut rest = Vec::new();
        // A reset is as good an end as any.
        let _ = AsyncReadExt::read_to_end(&mut reader.socket, &mut rest).await;
        assert!(rest.len() < LARGE, "{} bytes", rest.len());
        reader.task.await.unwrap();
        assert!(other.ask("GET x").await.starts_with("-MEMBER"));
    });
}

#[test]
fn a_large_request_is_counted_and_in_the_slow_log() {
    on_a_worker(async {
        let member = Fake::start(keeping()).await;
        let proxy = proxy(&[&member]).await;
        let mut client = proxy.client().await;
        client.ask("CONFIG SET slowlog-log-slower-than 0").await;
        let large = value(AT);
        set(&mut client, "k", &large).await;
        assert_eq!(client.ask("GET k").await.len(), AT + 10);
        let told = client.ask("SLOWLOG GET").await;
        let size = format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${AT}\r\n\r\n").len() + AT;
        for part in [format!("request_bytes={size} answer_bytes=5 "), format!("answer_bytes={} ", AT + 10)] {
            assert!(told.contains(&part), "{part}: {told}");
        }
        assert!(told.contains("member=a user=default"), "{told}");
        let counted = client.ask("INFO commandstats").await;
        assert!(
            counted.contains("cmdstat_set:calls=1,") && counted.contains("cmdstat_get:calls=1,"),
            "{counted}"
        );
    });
}
