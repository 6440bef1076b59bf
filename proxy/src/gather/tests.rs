use std::time::Duration;

use crate::testing::{Fake, Proxy, echoing, keys_of, on_a_worker};

#[test]
fn parts_are_joined_in_the_order_of_the_request() {
    on_a_worker(async {
        let members =
            [Fake::start(echoing()).await, Fake::start(echoing()).await, Fake::start(echoing()).await];
        let proxy = Proxy::start(&members.each_ref(), Duration::from_secs(5)).await;
        let [a, b, c] = &keys_of(&proxy, 3)[..] else { panic!("three keys") };
        let mut client = proxy.client().await;
        let bulk = |key: &str| format!("${}\r\n{key}\r\n", key.len());
        let answer = client.ask(&format!("MGET {c} {a} {b} {a} {c}")).await;
        assert_eq!(answer, format!("*5\r\n{}", [c, a, b, a, c].map(|key| bulk(key)).concat()));
        assert_eq!(client.ask(&format!("DEL {a} {b} {c} {a}")).await, ":4\r\n");
        assert_eq!(client.ask(&format!("MSET {a} 1 {b} 2 {c} 3")).await, "+OK\r\n");
        assert_eq!(client.ask(&format!("MGET {a}")).await, format!("*1\r\n{}", bulk(a)));
    });
}

#[test]
fn a_failed_part_fails_the_whole_and_says_what_was_done() {
    on_a_worker(async {
        let fakes =
            [Fake::start(echoing()).await, Fake::start(refusing()).await, Fake::start(echoing()).await];
        let proxy = Proxy::start(&fakes.each_ref(), Duration::from_secs(5)).await;
        let [a, b, c] = &keys_of(&proxy, 3)[..] else { panic!("three keys") };
        let mut client = proxy.client().await;
        let cases = [
            (format!("MGET {a} {b} {c}"), "-OOM no room; 2 of 3 members answered\r\n"),
            (format!("DEL {a} {b} {c} {c}"), "-OOM no room; 2 of 3 members did their part, counting 3\r\n"),
            (format!("MSET {a} 1 {b} 2 {c} 3"), "-OOM no room; 2 of 3 members did their part\r\n"),
            (format!("DEL {a} {c}"), ":2\r\n"),
        ];
        for (line, answer) in cases {
            assert_eq!(client.ask(&line).await, answer, "{line}");
        }
    });
}

fn refusing() -> crate::testing::Answering {
    std::rc::Rc::new(|_| Some(b"-OOM no room\r\n".to_vec()))
}
