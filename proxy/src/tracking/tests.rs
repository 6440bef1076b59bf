use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use crate::testing::{Answering, Client, Fake, Proxy, bulk, keys_of, on_a_worker};

const TIMEOUT: Duration = Duration::from_secs(10);

/// What members were asked, by their place, and what they push behind their answer to a key.
#[derive(Default)]
struct Log {
    asked: RefCell<Vec<(usize, String)>>,
    /// After the answer to a GET of the key.
    pushes: RefCell<BTreeMap<String, Vec<u8>>>,
}

impl Log {
    fn of(&self, member: usize) -> Vec<String> {
        let asked = self.asked.borrow();
        asked.iter().filter(|(at, _)| *at == member).map(|(_, line)| line.clone()).collect()
    }

    fn member(self: &Rc<Self>, at: usize) -> Answering {
        let log = Rc::clone(self);
        Rc::new(move |words| {
            let line: Vec<String> =
                words.iter().map(|word| String::from_utf8(word.clone()).unwrap()).collect();
            let answer = match &*line[0] {
                "CLIENT" if line[1] == "ID" => b":77\r\n".to_vec(),
                "GET" => {
                    [bulk(&words[1]), log.pushes.borrow_mut().remove(&line[1]).unwrap_or_default()].concat()
                }
                "MGET" => {
                    let values: Vec<u8> = words[1..].iter().flat_map(|key| bulk(key)).collect();
                    let push = log.pushes.borrow_mut().remove(&line[1]).unwrap_or_default();
                    [format!("*{}\r\n", words.len() - 1).into_bytes(), values, push].concat()
                }
                _ => b"+OK\r\n".to_vec(),
            };
            log.asked.borrow_mut().push((at, line.join(" ")));
            Some(answer)
        })
    }
}

fn invalidate(key: &str) -> Vec<u8> {
    [&b">2\r\n$10\r\ninvalidate\r\n*1\r\n"[..], &bulk(key.as_bytes())].concat()
}

const ALL: &str = ">2\r\n$10\r\ninvalidate\r\n_\r\n";

async fn pool(timeout: Duration) -> (Rc<Log>, Vec<Fake>, Proxy) {
    let log = Rc::new(Log::default());
    let members = vec![Fake::start(log.member(0)).await, Fake::start(log.member(1)).await];
    let proxy = Proxy::start(&members.iter().collect::<Vec<_>>(), timeout).await;
    (log, members, proxy)
}

async fn resp3(proxy: &Proxy) -> Client {
    let mut client = proxy.client().await;
    assert!(client.ask("HELLO 3").await.starts_with('%'));
    client
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_session_that_tracks_has_lanes_of_its_own_and_is_told_alone() {
    on_a_worker(async {
        let (log, _members, proxy) = pool(TIMEOUT).await;
        let key = &keys_of(&proxy, 2)[1];
        let (mut client, mut other) = (resp3(&proxy).await, resp3(&proxy).await);
        assert_eq!(client.ask("CLIENT TRACKING ON NOLOOP").await, "+OK\r\n");
        log.pushes.borrow_mut().insert(key.clone(), invalidate(key));
        assert_eq!(client.ask(&format!("GET {key}")).await, text(&bulk(key.as_bytes())));
        assert_eq!(client.answer().await, text(&invalidate(key)));
        assert!(log.of(1).contains(&"CLIENT TRACKING ON NOLOOP".to_owned()));
        assert!(!log.of(0).iter().any(|line| line.starts_with("CLIENT")), "asked before it was needed");
        log.pushes.borrow_mut().insert(key.clone(), invalidate(key));
        assert_eq!(other.ask(&format!("GET {key}")).await, text(&bulk(key.as_bytes())));
        assert_eq!([other.ask("PING").await, client.ask("PING").await], ["+PONG\r\n", "+PONG\r\n"]);
        // Its lanes end with its tracking.
        assert_eq!(client.ask("CLIENT TRACKING OFF").await, "+OK\r\n");
        let lanes = || {
            let mut count = 0;
            proxy.worker.members()[1].each_lane(|_| count += 1);
            count
        };
        while lanes() > 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
}

/// An MGET of two members of which one is late: what the other one's key is worth must not be told before the value.
#[test]
fn an_invalidation_never_overtakes_the_value_that_it_is_about() {
    on_a_worker(async {
        let (log, members, proxy) = pool(TIMEOUT).await;
        let [late, early] = keys_of(&proxy, 2).try_into().unwrap();
        let mut client = resp3(&proxy).await;
        assert_eq!(client.ask("CLIENT TRACKING ON").await, "+OK\r\n");
        assert_eq!(client.ask(&format!("GET {late}")).await, text(&bulk(late.as_bytes())));
        log.pushes.borrow_mut().insert(early.clone(), invalidate(&early));
        members[0].freeze();
        client.send(&[&format!("MGET {late} {early}"), &format!("GET {early}")]).await;
        while !log.of(1).contains(&format!("GET {early}")) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        members[0].thaw();
        let pair = [b"*2\r\n".to_vec(), bulk(late.as_bytes()), bulk(early.as_bytes())].concat();
        assert_eq!(client.answer().await, text(&pair));
        let mut rest = [client.answer().await, client.answer().await];
        rest.sort();
        assert_eq!(rest, [text(&bulk(early.as_bytes())), text(&invalidate(&early))]);
    });
}

/// Redis says once that all is gone, however many members say so.
#[test]
fn a_flush_is_told_once() {
    on_a_worker(async {
        let (log, _members, proxy) = pool(TIMEOUT).await;
        let keys = keys_of(&proxy, 2);
        let mut client = resp3(&proxy).await;
        assert_eq!(client.ask("CLIENT TRACKING ON").await, "+OK\r\n");
        for key in &keys {
            assert_eq!(client.ask(&format!("GET {key}")).await, text(&bulk(key.as_bytes())));
        }
        let flush = |member: usize| {
            let mut count = 0;
            proxy.worker.members()[member]
                .each_lane(|lane| count += usize::from(lane.hear(&proxy.worker, ALL.as_bytes())));
            assert_eq!(count, 1, "lanes of its own");
        };
        flush(0);
        flush(1);
        assert_eq!(client.answer().await, ALL);
        assert_eq!(client.ask("PING").await, "+PONG\r\n");
        log.pushes.borrow_mut().insert(keys[0].clone(), ALL.as_bytes().to_vec());
        assert_eq!(client.ask(&format!("GET {}", keys[0])).await, text(&bulk(keys[0].as_bytes())));
        assert_eq!(client.answer().await, ALL);
    });
}

#[test]
fn caching_is_said_before_the_request_that_it_is_of() {
    on_a_worker(async {
        let (log, _members, proxy) = pool(TIMEOUT).await;
        let keys = keys_of(&proxy, 2);
        let mut client = resp3(&proxy).await;
        let mget = format!("MGET {} {}", keys[0], keys[1]);
        let lines = [
            "CLIENT TRACKING ON OPTIN",
            "CLIENT CACHING YES",
            &mget,
            &mget,
            "CLIENT CACHING YES",
            "PING",
            &mget,
        ];
        client.send(&lines).await;
        for _ in lines {
            assert!(!client.answer().await.starts_with('-'));
        }
        for (at, key) in keys.iter().enumerate() {
            let asked: Vec<String> = log
                .of(at)
                .into_iter()
                .filter(|line| line.contains("MGET") || line.contains("CACHING"))
                .collect();
            let mget = format!("MGET {key}");
            assert_eq!(asked, ["CLIENT CACHING YES", &mget, &mget, &mget]);
        }
    });
}

#[test]
fn all_is_forgotten_when_a_lane_is_lost_or_slots_move() {
    on_a_worker(async {
        let (_log, members, proxy) = pool(TIMEOUT).await;
        let key = &keys_of(&proxy, 2)[0];
        let mut client = resp3(&proxy).await;
        assert_eq!(client.ask("CLIENT TRACKING ON").await, "+OK\r\n");
        assert_eq!(client.ask(&format!("GET {key}")).await, text(&bulk(key.as_bytes())));
        members[0].stop().await;
        assert_eq!(client.answer().await, ALL);
        proxy.adopt(&[&members[1]]);
        assert_eq!(client.answer().await, ALL);
        assert_eq!(client.ask(&format!("GET {key}")).await, text(&bulk(key.as_bytes())));
    });
}

#[test]
fn broadcasts_come_from_all_members_of_old_and_new() {
    on_a_worker(async {
        let (log, members, proxy) = pool(TIMEOUT).await;
        let mut client = resp3(&proxy).await;
        assert_eq!(client.ask("CLIENT TRACKING ON BCAST PREFIX a PREFIX b").await, "+OK\r\n");
        for at in 0..2 {
            assert!(log.of(at).contains(&"CLIENT TRACKING ON BCAST PREFIX a PREFIX b".to_owned()));
        }
        let third = Fake::start(log.member(2)).await;
        proxy.adopt(&[&members[0], &members[1], &third]);
        assert_eq!(client.answer().await, ALL);
        while !log.of(2).contains(&"CLIENT TRACKING ON BCAST PREFIX a PREFIX b".to_owned()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
}

#[test]
fn a_connection_of_resp2_is_told_over_another() {
    on_a_worker(async {
        let (log, members, proxy) = pool(TIMEOUT).await;
        let key = &keys_of(&proxy, 1)[0];
        let (mut ear, mut client) = (resp3(&proxy).await, proxy.client().await);
        let id = ear.ask("CLIENT ID").await[1..].trim_end().to_owned();
        assert_eq!(client.ask(&format!("CLIENT TRACKING ON REDIRECT {id}")).await, "+OK\r\n");
        assert_eq!(client.ask(&format!("GET {key}")).await, text(&bulk(key.as_bytes())));
        assert!(log.of(0).contains(&"CLIENT TRACKING ON REDIRECT 77".to_owned()));
        assert_eq!(client.ask("CLIENT GETREDIR").await, format!(":{id}\r\n"));
        proxy.adopt(&[&members[1]]);
        assert_eq!(ear.answer().await, ALL);
        drop(ear);
        while proxy.worker.shared.clients.count() > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        proxy.adopt(&[&members[0]]);
        assert!(client.ask("CLIENT TRACKINGINFO").await.contains("broken_redirect"));
    });
}
