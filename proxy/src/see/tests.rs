//! What is seen, through a whole proxy: every request is counted once, and what is told of it is true.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use super::Wishes;
use crate::limits;
use crate::testing::{Answering, Client, Fake, Proxy, bulk, echoing, keys_of, on_a_worker, settings};

const TIMEOUT: Duration = Duration::from_millis(150);

async fn line(client: &mut Client, section: &str, field: &str) -> String {
    let text = client.ask(&format!("INFO {section}")).await;
    text.lines().find(|line| line.starts_with(field)).unwrap_or_default().to_owned()
}

#[test]
fn every_request_is_counted_once() {
    on_a_worker(async {
        let (one, other) = (Fake::start(echoing()).await, Fake::start(echoing()).await);
        let proxy = Proxy::start(&[&one, &other], TIMEOUT).await;
        let [a, b] = &keys_of(&proxy, 2)[..] else { panic!("two keys") };
        let mut client = proxy.client().await;
        let lines: Vec<String> = (0..300).map(|n| format!("GET {}", [a, b][n % 2])).collect();
        client.send(&lines.iter().map(String::as_str).collect::<Vec<_>>()).await;
        for _ in &lines {
            client.answer().await;
        }
        for request in [&format!("MGET {a} {b}"), "NONSENSE", "GET", "PING", "SELECT 99", "DBSIZE"] {
            client.ask(request).await;
        }
        let calls = [("get", "300"), ("mget", "1"), ("ping", "1"), ("dbsize", "1"), ("select", "1")];
        for (command, count) in calls {
            let line = line(&mut client, "commandstats", &format!("cmdstat_{command}:")).await;
            assert!(line.starts_with(&format!("cmdstat_{command}:calls={count},")), "{line}");
        }
        let get = line(&mut client, "commandstats", "cmdstat_get:").await;
        assert!(get.ends_with("rejected_calls=1,failed_calls=0"), "{get}");
        let select = line(&mut client, "commandstats", "cmdstat_select:").await;
        assert!(select.ends_with("rejected_calls=0,failed_calls=1"), "{select}");
        assert_eq!(line(&mut client, "errorstats", "errorstat_ERR:").await, "errorstat_ERR:count=3");
        assert!(
            line(&mut client, "latencystats", "latency_percentiles_usec_get:p50=").await.contains("p99.9=")
        );
        let user = line(&mut client, "users", "user0:").await;
        assert!(user.starts_with("user0:name=default,calls="), "{user}");
        for member in ["a", "b"] {
            let line = line(&mut client, "servers", &format!("server{}:", u8::from(member == "b"))).await;
            assert!(
                line.contains(&format!("name={member},")) && line.contains(",requests=151,p50_usec="),
                "{line}"
            );
        }
        let histogram = client.ask("LATENCY HISTOGRAM get").await;
        assert!(histogram.contains("calls\r\n:300\r\n"), "{histogram}");
        client.ask("CONFIG RESETSTAT").await;
        assert_eq!(line(&mut client, "commandstats", "cmdstat_get:").await, "");
        assert!(line(&mut client, "servers", "server0:").await.contains(",requests=0,"));
    });
}

#[test]
fn errors_of_members_are_counted_by_command_and_code() {
    on_a_worker(async {
        let wrong: Answering = Rc::new(|_| Some(b"-WRONGTYPE no\r\n".to_vec()));
        let member = Fake::start(wrong).await;
        let proxy = Proxy::start(&[&member], TIMEOUT).await;
        let mut client = proxy.client().await;
        client.send(&["GET a", "GET b", "INCR a"]).await;
        for _ in 0..3 {
            assert!(client.answer().await.starts_with("-WRONGTYPE"));
        }
        assert!(line(&mut client, "commandstats", "cmdstat_get:").await.ends_with("failed_calls=2"));
        assert_eq!(
            line(&mut client, "errorstats", "errorstat_WRONGTYPE:").await,
            "errorstat_WRONGTYPE:count=3"
        );
    });
}

/// The numbers of requests that were lost with their lane are given again.
#[test]
fn slow_requests_are_logged_with_their_arguments_after_others_were_lost() {
    on_a_worker(async {
        let silent: Answering = Rc::new(|words| (words[1] != b"never").then(|| bulk(&words[1])));
        let member = Fake::start(Rc::clone(&silent)).await;
        let proxy = Proxy::start(&[&member], Duration::from_secs(5)).await;
        let (mut client, mut other) = (proxy.client().await, proxy.client().await);
        assert_eq!(client.ask("GET k").await, "$1\r\nk\r\n");
        client.send(&["GET never"; 3]).await;
        while !other.ask("INFO servers").await.contains(",in_flight=3,") {}
        member.stop().await;
        for _ in 0..3 {
            assert!(client.answer().await.starts_with("-MEMBERLOST"));
        }
        let _back = Fake::start_at(&member.addr, silent).await;
        client.ask("CONFIG SET slowlog-log-slower-than 0").await;
        while client.ask("GET again").await.starts_with('-') {}
        let log = client.ask("SLOWLOG GET 1").await;
        assert!(log.contains("*3\r\n$3\r\nGET\r\n$5\r\nagain\r\n"), "{log}");
    });
}

#[test]
fn slow_requests_are_logged_with_who_what_and_where() {
    on_a_worker(async {
        let member = Fake::start(echoing()).await;
        let proxy = Proxy::start(&[&member], TIMEOUT).await;
        let mut client = proxy.client().await;
        client.ask("CLIENT SETNAME shop").await;
        assert_eq!(client.ask("CONFIG SET slowlog-log-slower-than 0").await, "+OK\r\n");
        client.send(&["GET first", "GET second", "SET third value"]).await;
        for _ in 0..3 {
            client.answer().await;
        }
        assert_eq!(client.ask("CONFIG SET slowlog-log-slower-than -1").await, "+OK\r\n");
        let log = client.ask("SLOWLOG GET").await;
        assert!(log.starts_with("*3\r\n"), "{log}");
        let port = client.socket.peer_addr().unwrap().to_string();
        for (words, sizes) in [
            ("*4\r\n$3\r\nSET\r\n$5\r\nthird\r\n$5\r\nvalue\r\n", "request_bytes=35 answer_bytes=5 "),
            ("*3\r\n$3\r\nGET\r\n$6\r\nsecond\r\n", "request_bytes=25 answer_bytes=12 "),
            ("*3\r\n$3\r\nGET\r\n$5\r\nfirst\r\n", "request_bytes=24 answer_bytes=11 "),
        ] {
            let entry = &log[log.find(words).unwrap_or_else(|| panic!("{words} in {log}"))..];
            assert!(entry.contains(&format!("# member=a user=default {sizes}proxy_usec=")), "{entry}");
        }
        assert_eq!(log.matches(&port).count(), 3, "{log}");
        assert_eq!(log.matches("\r\n$4\r\nshop\r\n").count(), 3, "{log}");
        assert_eq!(client.ask("SLOWLOG RESET").await, "+OK\r\n");
        assert_eq!(client.ask("SLOWLOG LEN").await, ":0\r\n");
    });
}

#[test]
fn a_slow_transaction_is_logged_as_one_piece() {
    on_a_worker(async {
        let member = Fake::start(Rc::new(|words| {
            Some(if words[0] == b"EXEC" { b"*1\r\n+OK\r\n".to_vec() } else { b"+QUEUED\r\n".to_vec() })
        }))
        .await;
        let proxy = Proxy::start(&[&member], TIMEOUT).await;
        let mut client = proxy.client().await;
        assert_eq!(client.ask("CONFIG SET slowlog-log-slower-than 0").await, "+OK\r\n");
        assert_eq!(client.ask("MULTI").await, "+OK\r\n");
        assert_eq!(client.ask("SET k v").await, "+QUEUED\r\n");
        assert_eq!(client.ask("EXEC").await, "*1\r\n+OK\r\n");
        assert_eq!(client.ask("CONFIG SET slowlog-log-slower-than -1").await, "+OK\r\n");
        let log = client.ask("SLOWLOG GET").await;
        assert!(log.starts_with("*1\r\n") && log.contains("\r\n$4\r\nEXEC\r\n"), "{log}");
        assert!(log.contains("# member=a user=default "), "{log}");
    });
}

/// When everything is slow, telling of it must not make it slower.
#[test]
fn of_very_many_slow_requests_some_are_told_of_and_all_are_counted() {
    on_a_worker(async {
        let member = Fake::start(echoing()).await;
        let proxy = Proxy::start(&[&member], Duration::from_secs(5)).await;
        let mut client = proxy.client().await;
        assert_eq!(client.ask("CONFIG SET slowlog-max-len 100000").await, "+OK\r\n");
        assert_eq!(client.ask("CONFIG SET slowlog-log-slower-than 0").await, "+OK\r\n");
        let (all, most) = (10_000, limits::SLOW_A_SECOND as usize);
        let begun = Instant::now();
        for _ in 0..all / 500 {
            client.send(&["GET key"; 500]).await;
            for _ in 0..500 {
                client.answer().await;
            }
        }
        let seconds = 2 + begun.elapsed().as_secs() as usize;
        assert_eq!(client.ask("CONFIG SET slowlog-log-slower-than -1").await, "+OK\r\n");
        let told: usize = client.ask("SLOWLOG LEN").await[1..].trim_end().parse().unwrap();
        assert!((most..=most * seconds).contains(&told) && told < all, "{told} in {seconds} s");
        assert_eq!(line(&mut client, "stats", "slow_requests:").await, format!("slow_requests:{all}"));
    });
}

#[test]
fn what_was_never_answered_is_logged_and_counted_once() {
    on_a_worker(async {
        let deaf: Answering = Rc::new(|words| (words[0] != b"GET").then(|| b"+OK\r\n".to_vec()));
        let member = Fake::start(deaf).await;
        let proxy = Proxy::start(&[&member], TIMEOUT).await;
        let mut client = proxy.client().await;
        client.ask("CONFIG SET slowlog-log-slower-than 100000").await;
        client.ask("CONFIG SET latency-monitor-threshold 100").await;
        assert!(client.ask("GET lost").await.starts_with("-TIMEOUT"));
        let log = client.ask("SLOWLOG GET").await;
        assert!(log.contains("$3\r\nGET\r\n$4\r\nlost\r\n") && log.contains("# member=a "), "{log}");
        let get = line(&mut client, "commandstats", "cmdstat_get:").await;
        assert!(get.starts_with("cmdstat_get:calls=1,") && get.ends_with("failed_calls=1"), "{get}");
        member.stop().await;
        // The connection breaks with the request still on it: it is not counted again.
        while !line(&mut client, "servers", "server0:").await.contains("state=down") {
            tokio::task::yield_now().await;
        }
        let get = line(&mut client, "commandstats", "cmdstat_get:").await;
        assert!(get.starts_with("cmdstat_get:calls=1,") && get.ends_with("failed_calls=1"), "{get}");
        assert!(client.ask("LATENCY LATEST").await.contains("fast-command"));
    });
}

#[test]
fn hot_and_big_keys_are_found() {
    on_a_worker(async {
        let large: Answering = Rc::new(|words| {
            Some(match &words[1][..] {
                b"big:read" => bulk(&[b'x'; 20_000]),
                _ => b"+OK\r\n".to_vec(),
            })
        });
        let member = Fake::start(large).await;
        let proxy = Proxy::start(&[&member], TIMEOUT).await;
        let mut client = proxy.client().await;
        for round in 0..40 {
            let lines: Vec<String> = (0..50)
                .map(|n| if n % 2 == 0 { "GET hot".into() } else { format!("SET cold:{round}:{n} v") })
                .collect();
            client.send(&lines.iter().map(String::as_str).collect::<Vec<_>>()).await;
            for _ in &lines {
                client.answer().await;
            }
        }
        client.ask("GET big:read").await;
        client.ask(&format!("SET big:write {}", "x".repeat(30_000))).await;
        let hot = client.ask("RINGTAIL HOTKEYS COUNT 1").await;
        assert!(hot.starts_with("*1\r\n*6\r\n$3\r\nkey\r\n$3\r\nhot\r\n"), "{hot}");
        assert!(hot.ends_with("writes-percent\r\n:0\r\n"), "{hot}");
        let big = client.ask("RINGTAIL BIGKEYS").await;
        let (write, read) = (
            big.find("big:write\r\n$5\r\nbytes\r\n:30000\r\n"),
            big.find("big:read\r\n$5\r\nbytes\r\n:20010\r\n"),
        );
        assert!(big.starts_with("*2\r\n") && write.is_some() && write < read, "{big}");
    });
}

#[test]
fn the_pool_is_told_and_a_request_explained() {
    on_a_worker(async {
        let (one, other) = (Fake::start(echoing()).await, Fake::start(echoing()).await);
        let proxy = Proxy::start(&[&one, &other], TIMEOUT).await;
        let [a, b] = &keys_of(&proxy, 2)[..] else { panic!("two keys") };
        let mut client = proxy.client().await;
        client.ask(&format!("MGET {a} {b}")).await;
        let route = client.ask(&format!("RINGTAIL ROUTE {a} {b}")).await;
        assert!(route.starts_with("*2\r\n*10\r\n") && route.contains("member\r\n$1\r\na\r\n"), "{route}");
        assert!(route.contains(&other.addr), "{route}");
        let topology = client.ask("RINGTAIL TOPOLOGY").await;
        assert!(topology.contains("slots\r\n:16384\r\n") && topology.contains(&one.addr), "{topology}");
        assert!(client.ask("RINGTAIL MEMBERS").await.contains("state\r\n$2\r\nup\r\n"));
        let explained = client.ask(&format!("RINGTAIL EXPLAIN MGET {a} {b} {a}")).await;
        assert!(
            explained.contains(&format!("*2\r\n{0}{0}", String::from_utf8(bulk(a.as_bytes())).unwrap())),
            "{explained}"
        );
        assert_eq!(explained.matches("member-usec").count(), 2, "{explained}");
        for bad in
            ["RINGTAIL EXPLAIN PING", "RINGTAIL EXPLAIN NOPE x", "RINGTAIL EXPLAIN GET", "RINGTAIL HOTKEYS x"]
        {
            assert!(client.ask(bad).await.starts_with("-ERR"), "{bad}");
        }
    });
}

#[test]
fn nothing_is_counted_when_it_is_not_wanted() {
    on_a_worker(async {
        let member = Fake::start(echoing()).await;
        let mut settings = settings(TIMEOUT);
        settings.see = Wishes { on: false, slower_than: Some(0), ..Wishes::default() };
        let proxy = Proxy::with(settings, Default::default(), &[&member]).await;
        let mut client = proxy.client().await;
        for _ in 0..100 {
            client.ask("GET key").await;
        }
        assert_eq!(line(&mut client, "commandstats", "cmdstat_get:").await, "");
        assert_eq!(client.ask("SLOWLOG LEN").await, ":0\r\n");
        assert_eq!(client.ask("RINGTAIL HOTKEYS").await, "*0\r\n");
    });
}
