use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::testing::{Answering, Fake, Proxy, bulk, echoing, keys_of, on_a_worker, write_line};

const TIMEOUT: Duration = Duration::from_millis(150);

/// Answers GETs while `on`, and nothing otherwise.
fn switched(on: &Rc<Cell<bool>>) -> Answering {
    let on = Rc::clone(on);
    Rc::new(move |words| on.get().then(|| words.get(1).map_or(b"+PONG\r\n".to_vec(), |key| bulk(key))))
}

#[test]
fn a_hanging_member_is_answered_for_in_its_place_and_holds_up_nobody_else() {
    on_a_worker(async {
        let on = Rc::new(Cell::new(true));
        let (well, hangs) = (Fake::start(echoing()).await, Fake::start(switched(&on)).await);
        let proxy = Proxy::start(&[&well, &hangs], TIMEOUT).await;
        let [good, bad] = &keys_of(&proxy, 2)[..] else { panic!("two keys") };
        let (mut client, mut other) = (proxy.client().await, proxy.client().await);
        assert_eq!(client.ask(&format!("GET {bad}")).await, format!("${}\r\n{bad}\r\n", bad.len()));
        on.set(false);
        let begun = Instant::now();
        client.send(&[&format!("GET {good}"), &format!("GET {bad}"), &format!("GET {good}")]).await;
        assert!(client.answer().await.contains(good));
        assert!(other.ask(&format!("GET {good}")).await.contains(good));
        assert!(begun.elapsed() < TIMEOUT, "the others had to wait");
        let error = client.answer().await;
        assert!(error.starts_with("-TIMEOUT member=b after 150ms ("), "{error}");
        assert!(client.answer().await.contains(good));
        assert!(begun.elapsed() < TIMEOUT * 2);
    });
}

/// The bar of a frozen member: after one deadline nobody waits for it, nobody else notices, and it is asked again as soon as it answers.
#[test]
fn a_frozen_member_is_refused_at_once_until_it_answers_a_probe() {
    on_a_worker(async {
        let (well, freezes) = (Fake::start(echoing()).await, Fake::start(echoing()).await);
        let proxy = Proxy::start(&[&well, &freezes], TIMEOUT).await;
        let [good, bad] = &keys_of(&proxy, 2)[..] else { panic!("two keys") };
        let (good, bad) = (format!("GET {good}"), format!("GET {bad}"));
        let mut client = proxy.client().await;
        assert!(client.ask(&bad).await.starts_with('$'));
        freezes.freeze();
        assert!(client.ask(&bad).await.starts_with("-TIMEOUT member=b after 150ms ("));
        let begun = Instant::now();
        for _ in 0..50 {
            client.send(&[&good, &bad, &good]).await;
            assert!(client.answer().await.starts_with('$'));
            let error = client.answer().await;
            assert!(error.starts_with("-MEMBERDOWN member=b is not asked"), "{error}");
            assert!(
                error.ends_with("no answer within 150ms; nothing was sent, a retry is safe\r\n"),
                "{error}"
            );
            assert!(client.answer().await.starts_with('$'));
        }
        assert!(begun.elapsed() < TIMEOUT * 25, "they waited");
        let info = client.ask("INFO servers").await;
        let line = info.lines().find(|line| line.contains("name=b")).unwrap();
        assert!(line.contains(",timeouts=1,refused=50,breaker_opened=1,"), "{line}");
        assert!(!line.contains("breaker=closed"), "{line}");
        freezes.thaw();
        let begun = Instant::now();
        while client.ask(&bad).await.starts_with('-') {
            assert!(begun.elapsed() < Duration::from_secs(1), "not back within a second");
            sleep(Duration::from_millis(1)).await;
        }
        assert!(client.ask("INFO servers").await.contains("breaker=closed"));
    });
}

/// A late answer must not be taken for that of a later request.
#[test]
fn a_late_answer_is_dropped() {
    on_a_worker(async {
        let queue: Rc<RefCell<Vec<Vec<u8>>>> = Rc::default();
        let (held, release) = (Rc::clone(&queue), Rc::new(Cell::new(false)));
        let open = Rc::clone(&release);
        let late: Answering = Rc::new(move |words| {
            if words[0] != b"GET" {
                return None;
            }
            held.borrow_mut().push(bulk(&words[1]));
            open.get().then(|| held.borrow_mut().drain(..).flatten().collect())
        });
        let member = Fake::start(late).await;
        let proxy = Proxy::start(&[&member], TIMEOUT).await;
        let mut client = proxy.client().await;
        assert!(client.ask("GET first").await.starts_with("-TIMEOUT"));
        release.set(true);
        // Until the breaker's probe is answered.
        let mut answer = client.ask("GET second").await;
        while answer.starts_with("-MEMBERDOWN") {
            answer = client.ask("GET second").await;
        }
        assert_eq!(answer, "$6\r\nsecond\r\n");
        assert_eq!(member.connections.get(), 2, "the lane and a probe");
    });
}

#[test]
fn a_member_that_is_down_is_said_to_be_at_once_and_serves_again_when_it_is_back() {
    on_a_worker(async {
        let (stays, goes) = (Fake::start(echoing()).await, Fake::start(echoing()).await);
        let proxy = Proxy::start(&[&stays, &goes], Duration::from_secs(5)).await;
        let [good, bad] = &keys_of(&proxy, 2)[..] else { panic!("two keys") };
        let mut client = proxy.client().await;
        assert!(client.ask(&format!("GET {bad}")).await.contains(bad));
        goes.stop().await;
        let begun = Instant::now();
        while !client.ask(&format!("GET {bad}")).await.starts_with("-MEMBERDOWN member=b is down (") {
            assert!(begun.elapsed() < Duration::from_secs(1));
        }
        assert!(client.ask(&format!("GET {good}")).await.contains(good));
        let error = client.ask(&format!("DEL {good} {bad}")).await;
        assert!(error.ends_with("; 1 of 2 members did their part, counting 1\r\n"), "{error}");
        let error = client.ask("DBSIZE").await;
        assert!(error.starts_with("-MEMBERDOWN") && error.contains("1 of 2"), "{error}");
        let _back = Fake::start_at(&goes.addr, echoing()).await;
        let begun = Instant::now();
        while client.ask(&format!("GET {bad}")).await.starts_with('-') {
            assert!(begun.elapsed() < Duration::from_secs(1), "not back within a second");
            sleep(Duration::from_millis(10)).await;
        }
    });
}

#[test]
fn a_member_that_sends_garbage_loses_its_connection_and_nothing_else() {
    on_a_worker(async {
        let garbage: Answering = Rc::new(|_| Some(b"HTTP/1.1 200 OK\r\n".to_vec()));
        let (well, odd) = (Fake::start(echoing()).await, Fake::start(garbage).await);
        let proxy = Proxy::start(&[&well, &odd], TIMEOUT).await;
        let [good, bad] = &keys_of(&proxy, 2)[..] else { panic!("two keys") };
        let mut client = proxy.client().await;
        let error = client.ask(&format!("GET {bad}")).await;
        assert!(error.starts_with("-MEMBERLOST member=b broke off before it answered ("), "{error}");
        assert!(client.ask(&format!("GET {good}")).await.contains(good));
    });
}

/// A connection that owes answers and stays silent is given up, so that a server that lost it is reached again.
#[test]
fn a_hanging_connection_is_closed_and_opened_again() {
    on_a_worker(async {
        let member = Fake::start(Rc::new(|_| None)).await;
        let proxy = Proxy::start(&[&member], TIMEOUT).await;
        let mut client = proxy.client().await;
        let begun = Instant::now();
        while member.connections.get() < 2 {
            assert!(begun.elapsed() < Duration::from_secs(5));
            assert!(client.ask("GET x").await.starts_with('-'));
        }
        member.stop().await;
        let _well = Fake::start_at(&member.addr, echoing()).await;
        while client.ask("GET x").await != "$1\r\nx\r\n" {
            assert!(begun.elapsed() < Duration::from_secs(5));
        }
    });
}

#[test]
fn the_database_is_switched_only_when_it_must_be() {
    on_a_worker(async {
        let seen: Rc<RefCell<Vec<String>>> = Rc::default();
        let log = Rc::clone(&seen);
        let member = Fake::start(Rc::new(move |words: &[Vec<u8>]| {
            log.borrow_mut().push(String::from_utf8_lossy(&words.join(&b' ')).into_owned());
            Some(b"+OK\r\n".to_vec())
        }))
        .await;
        let proxy = Proxy::start(&[&member], TIMEOUT).await;
        let mut client = proxy.client().await;
        client.send(&["GET a", "SELECT 1", "GET b", "GET c", "SELECT 0", "GET d"]).await;
        for _ in 0..6 {
            assert_eq!(client.answer().await, "+OK\r\n");
        }
        // The first two are the lane's own, from when it was opened.
        let wanted = [
            "SELECT 15",
            "CONFIG GET colocate",
            "SELECT 0",
            "RINGTAIL PRIMARY",
            "GET a",
            "SELECT 1",
            "GET b",
            "GET c",
            "SELECT 0",
            "GET d",
        ];
        assert_eq!(*seen.borrow(), wanted);
    });
}

/// A server that takes the connection and then reads nothing: what is sent to it is bounded, and answered for.
#[test]
fn a_member_that_does_not_read_holds_up_only_those_who_ask_it() {
    on_a_worker(async {
        let well = Fake::start(echoing()).await;
        let deaf = Fake::deaf().await;
        let proxy = Proxy::start(&[&well, &deaf], TIMEOUT).await;
        let [good, bad] = &keys_of(&proxy, 2)[..] else { panic!("two keys") };
        let (client, mut other) = (proxy.client().await, proxy.client().await);
        let request = format!("SET {bad} {}", "x".repeat(1 << 20));
        let (mut answers, mut socket) = client.split();
        let sent = tokio::task::spawn_local(async move {
            for _ in 0..32 {
                write_line(&mut socket, &request).await;
            }
        });
        for _ in 0..100 {
            assert!(other.ask(&format!("GET {good}")).await.contains(good));
        }
        for _ in 0..32 {
            let error = answers.answer().await;
            assert!(error.starts_with("-TIMEOUT") || error.starts_with("-MEMBER"), "{error}");
        }
        sent.await.unwrap();
    });
}
