use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::time::sleep;

use crate::settings::Settings;
use crate::testing::{Answering, Fake, Proxy, echoing, keys_of, on_a_worker, settings};

const TIMEOUT: Duration = Duration::from_secs(5);

/// Counts the clients' requests (others come from the proxy itself), and answers nothing.
fn silent(asked: &Rc<Cell<usize>>) -> Answering {
    let asked = Rc::clone(asked);
    Rc::new(move |words| {
        asked.set(asked.get() + usize::from([&b"GET"[..], b"MGET", b"SET"].contains(&&words[0][..])));
        None
    })
}

async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn reads_are_sent_again_when_their_member_is_back_and_writes_are_not() {
    on_a_worker(async {
        let asked = Rc::default();
        let (well, dies) = (Fake::start(echoing()).await, Fake::start(silent(&asked)).await);
        let proxy =
            Proxy::start_with(&[&well, &dies], Settings { retry_reads: 1, ..settings(TIMEOUT) }).await;
        let [good, bad] = &keys_of(&proxy, 2)[..] else { panic!("two keys") };
        let (mut reader, mut writer) = (proxy.client().await, proxy.client().await);
        reader.send(&[&format!("GET {bad}"), &format!("MGET {good} {bad}")]).await;
        writer.send(&[&format!("SET {bad} x"), &format!("GET {bad}")]).await;
        until(|| asked.get() == 4).await;
        dies.stop().await;
        assert!(writer.answer().await.starts_with("-MEMBERLOST member=b"));
        let _back = Fake::start_at(&dies.addr, echoing()).await;
        assert_eq!(reader.answer().await, format!("${}\r\n{bad}\r\n", bad.len()));
        assert!(reader.answer().await.ends_with(&format!("{bad}\r\n")));
        // After the write that was lost, and before no other: it may see what that has done.
        assert!(writer.answer().await.ends_with(&format!("{bad}\r\n")));
        assert_eq!(proxy.worker.counters.retried_reads.load(Relaxed), 3);
    });
}

/// What was asked after it may have been done: a second try would see that.
#[test]
fn a_read_before_a_write_of_its_session_is_not_sent_again() {
    on_a_worker(async {
        let asked = Rc::default();
        let dies = Fake::start(silent(&asked)).await;
        let proxy = Proxy::start_with(&[&dies], Settings { retry_reads: 1, ..settings(TIMEOUT) }).await;
        let mut client = proxy.client().await;
        client.send(&["GET k", "SET k later"]).await;
        until(|| asked.get() == 2).await;
        dies.stop().await;
        assert!(client.answer().await.starts_with("-MEMBERLOST"));
        assert!(client.answer().await.starts_with("-MEMBERLOST"));
    });
}

#[test]
fn a_read_is_sent_again_no_more_than_it_may_be() {
    on_a_worker(async {
        let garbage: Answering = Rc::new(|_| Some(b"?\r\n".to_vec()));
        let member = Fake::start(garbage).await;
        let proxy = Proxy::start_with(&[&member], Settings { retry_reads: 2, ..settings(TIMEOUT) }).await;
        let mut client = proxy.client().await;
        assert!(client.ask("GET k").await.starts_with("-MEMBERLOST"));
        assert_eq!(proxy.worker.counters.retried_reads.load(Relaxed), 2);
    });
}
