use std::rc::Rc;
use std::time::Duration;

use crate::testing::{Answering, Fake, Proxy, keys_of, on_a_worker};

/// A member at which everything but BLPOP is answered, or BLPOP too.
fn waiting(answers: bool) -> Answering {
    Rc::new(move |words| match &words[0].to_ascii_uppercase()[..] {
        b"BLPOP" if answers => Some(format!("+{}\r\n", String::from_utf8_lossy(&words[2])).into_bytes()),
        b"BLPOP" => None,
        b"CLIENT" => Some(b":7\r\n".to_vec()),
        _ => Some(b"+OK\r\n".to_vec()),
    })
}

#[test]
fn who_waits_follows_the_key_to_its_new_owner() {
    on_a_worker(async {
        let (old, new) = (Fake::start(waiting(false)).await, Fake::start(waiting(true)).await);
        let proxy = Proxy::start(&[&old], Duration::from_secs(5)).await;
        let key = &keys_of(&proxy, 1)[0];
        let (mut client, mut other) = (proxy.client().await, proxy.client().await);
        client.send(&[&format!("BLPOP {key} 60")]).await;
        // Its request is at the member: others on the lane are answered all the same.
        while !proxy.worker.shared.clients.list().iter().any(|client| client.is_blocked()) {
            assert_eq!(other.ask("SET k v").await, "+OK\r\n");
        }
        proxy.adopt(&[&new]);
        let answer = client.answer().await;
        let left: f64 = answer.trim_start_matches('+').trim_end().parse().unwrap();
        assert!((50.0..60.0).contains(&left), "{answer}");
    });
}

#[test]
fn no_more_connections_than_are_allowed_and_a_clear_error_beyond() {
    on_a_worker(async {
        let member = Fake::start(waiting(false)).await;
        let proxy = Proxy::start(&[&member], Duration::from_millis(200)).await;
        let mut clients = Vec::new();
        for _ in 0..4 {
            let mut client = proxy.client().await;
            client.send(&["BLPOP k 0"]).await;
            clients.push(client);
        }
        let blocked = || proxy.worker.shared.clients.blocked();
        let mut other = proxy.client().await;
        while blocked() < 4 {
            other.ask("SET k v").await;
        }
        let answer = other.ask("BLPOP k 0").await;
        assert!(
            answer.starts_with("-MEMBERBUSY member=a") && answer.contains("nothing was sent"),
            "{answer}"
        );
        // The place of one that leaves is free.
        drop(clients.pop());
        while blocked() == 4 {
            other.ask("SET k v").await;
        }
        other.send(&["BLPOP k 0"]).await;
        let mut last = proxy.client().await;
        while blocked() < 4 {
            last.ask("SET k v").await;
        }
    });
}
