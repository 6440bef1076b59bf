//! Each bound, reached.

use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::settings::Live;
use crate::testing::{Answering, Client, Fake, Proxy, bulk, echoing, on_a_worker};

const TIMEOUT: Duration = Duration::from_secs(10);

async fn proxy(answering: Answering) -> (Proxy, Fake) {
    let member = Fake::start(answering).await;
    (Proxy::start(&[&member], TIMEOUT).await, member)
}

fn live(proxy: &Proxy) -> &Live {
    &proxy.worker.shared.settings.live
}

/// Sends `sent` bytes of a value of `len`.
async fn send_part(client: &mut Client, len: usize, sent: usize) {
    let head = format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${len}\r\n");
    client.socket.write_all(head.as_bytes()).await.unwrap();
    client.socket.write_all(&vec![b'x'; sent]).await.unwrap();
}

#[test]
fn a_request_that_is_longer_than_its_clients_bound_is_refused() {
    on_a_worker(async {
        let (proxy, _member) = proxy(echoing()).await;
        live(&proxy).client_in_flight.store(100_000, Relaxed);
        let mut client = proxy.client().await;
        send_part(&mut client, 90_000, 90_000).await;
        client.socket.write_all(b"\r\n").await.unwrap();
        assert_eq!(client.answer().await, "+OK\r\n");
        send_part(&mut client, 1_000_000, 200_000).await;
        let answer = client.answer().await;
        assert!(
            answer.starts_with("-ERR a request is longer than 100000 bytes (--max-in-flight"),
            "{answer}"
        );
        client.task.await.unwrap();
        assert_eq!(proxy.worker.shared.totals().in_flight_refused, 1);
    });
}

#[test]
fn requests_wait_at_the_bound_for_all_until_who_holds_most_makes_way() {
    on_a_worker(async {
        let (proxy, _member) = proxy(echoing()).await;
        live(&proxy).in_flight.most.store(1 << 20, Relaxed);
        let (mut large, mut small, mut other) =
            (proxy.client().await, proxy.client().await, proxy.client().await);
        send_part(&mut small, 600_000, 500_000).await;
        send_part(&mut large, 800_000, 700_000).await;
        let answer = large.answer().await;
        assert!(answer.starts_with("-ERR the proxy holds as much as it may (--max-in-flight)"), "{answer}");
        large.task.await.unwrap();
        small.socket.write_all(&[b'x'; 100_000]).await.unwrap();
        small.socket.write_all(b"\r\n").await.unwrap();
        assert_eq!(small.answer().await, "+OK\r\n");
        assert_eq!(other.ask("GET a").await, "$1\r\na\r\n");
        let totals = proxy.worker.shared.totals();
        assert_eq!(totals.in_flight_refused, 1);
        assert!(totals.in_flight_waits >= 1);
        drop((small, other));
    });
}

#[test]
fn what_multi_has_queued_is_held_too() {
    on_a_worker(async {
        let (proxy, _member) = proxy(echoing()).await;
        let set = format!("SET k {}", "v".repeat(1000));
        live(&proxy).client_in_flight.store(10_000, Relaxed);
        let mut client = proxy.client().await;
        assert_eq!(client.ask("MULTI").await, "+OK\r\n");
        for _ in 0..9 {
            assert_eq!(client.ask(&set).await, "+QUEUED\r\n");
        }
        let answer = client.ask(&set).await;
        assert!(answer.starts_with("-ERR the transaction holds more than 10000 or "), "{answer}");
        assert!(client.ask("EXEC").await.starts_with("-EXECABORT"));

        live(&proxy).client_in_flight.store(0, Relaxed);
        live(&proxy).in_flight.most.store(1 << 20, Relaxed);
        assert_eq!(client.ask("MULTI").await, "+OK\r\n");
        let large = format!("SET k {}", "v".repeat(200_000));
        let mut answer = client.ask(&large).await;
        while answer == "+QUEUED\r\n" {
            answer = client.ask(&large).await;
        }
        assert!(answer.starts_with("-ERR the proxy holds as much as it may (--max-in-flight)"), "{answer}");
        client.task.await.unwrap();
        assert_eq!(proxy.client().await.ask("GET a").await, "$1\r\na\r\n", "the room is there again");
    });
}

/// A member that answers GET with so many bytes.
fn long(len: usize) -> Answering {
    let value = bulk(&vec![b'v'; len]);
    Rc::new(move |words| match &words[0][..] {
        b"GET" => Some(value.clone()),
        _ => Some(b"+OK\r\n".to_vec()),
    })
}

/// More than two sockets' buffers take.
const LONG: usize = 24 << 20;

#[test]
fn a_client_that_takes_too_little_of_too_much_is_closed() {
    on_a_worker(async {
        let (proxy, _member) = proxy(long(LONG)).await;
        live(&proxy).output_limit.store(1 << 20, Relaxed);
        let mut client = proxy.client().await;
        client.send(&["GET a"]).await;
        client.task.await.unwrap();
        assert_eq!(proxy.worker.shared.totals().slow_readers, 1);
        assert!(proxy.worker.shared.clients.list().is_empty());
        assert_eq!(live(&proxy).in_flight.bytes(), 0, "nothing is held of it any more");
    });
}

#[test]
fn a_client_that_takes_nothing_for_too_long_is_closed() {
    on_a_worker(async {
        let (proxy, _member) = proxy(long(LONG)).await;
        live(&proxy).output_timeout.store(100, Relaxed);
        let (mut idle, mut slow) = (proxy.client().await, proxy.client().await);
        idle.send(&["GET a"]).await;
        idle.task.await.unwrap();
        assert_eq!(proxy.worker.shared.totals().slow_readers, 1);
        // One that takes a little all the time gets everything.
        slow.send(&["GET a"]).await;
        let (mut got, mut piece) = (0, vec![0; 1 << 20]);
        while got < LONG {
            got += slow.socket.read(&mut piece).await.unwrap();
        }
        assert_eq!(proxy.worker.shared.totals().slow_readers, 1);
    });
}

#[test]
fn a_user_has_so_many_clients() {
    on_a_worker(async {
        let (proxy, _member) = proxy(echoing()).await;
        let mut admin = proxy.client().await;
        assert_eq!(admin.ask("ACL SETUSER u on nopass +@all ~*").await, "+OK\r\n");
        assert_eq!(admin.ask("CONFIG SET maxclients-per-user 1").await, "+OK\r\n");
        let (mut first, mut second) = (proxy.client().await, proxy.client().await);
        let refused = |user: &str| format!("-ERR max number of clients of user {user} reached\r\n");
        assert_eq!(first.ask("GET a").await, refused("default"));
        assert_eq!(first.ask("AUTH u x").await, "+OK\r\n", "who it was does not keep it from being another");
        assert_eq!(first.ask("GET a").await, "$1\r\na\r\n");
        second.ask("AUTH u x").await;
        assert_eq!(second.ask("GET a").await, refused("u"));
        assert_eq!(first.ask("QUIT").await, "+OK\r\n");
        first.task.await.unwrap();
        assert_eq!(second.ask("GET a").await, "$1\r\na\r\n");
        assert_eq!(proxy.worker.shared.totals().rejected_per_user, 2);
    });
}

#[test]
fn a_user_has_so_many_commands_a_second() {
    on_a_worker(async {
        let (proxy, _member) = proxy(echoing()).await;
        let (mut admin, mut user) = (proxy.client().await, proxy.client().await);
        admin.ask("ACL SETUSER u on nopass +@all ~*").await;
        assert_eq!(admin.ask("CONFIG SET rate u=3/s").await, "+OK\r\n");
        assert_eq!(user.ask("AUTH u x").await, "+OK\r\n");
        // What waits for others of its connection (DBSIZE) is counted once.
        user.send(&["GET a", "DBSIZE", "GET b", "GET c", "AUTH u x", "RESET", "GET d"]).await;
        assert_eq!(user.answer().await, "$1\r\na\r\n");
        assert_eq!(user.answer().await, ":7\r\n");
        assert_eq!(user.answer().await, "$1\r\nb\r\n");
        let refused = user.answer().await;
        assert!(
            refused.starts_with("-RATELIMIT user u may run 3 commands a second: nothing was run, retry in "),
            "{refused}"
        );
        assert_eq!(user.answer().await, "+OK\r\n");
        assert_eq!(user.answer().await, "+RESET\r\n");
        assert_eq!(user.answer().await, "$1\r\nd\r\n", "the default user has no rate");
        assert_eq!(proxy.worker.shared.totals().rate_limited, 1);
        assert!(admin.ask("INFO stats").await.contains("\r\nrate_limited_commands:1\r\n"));
    });
}
