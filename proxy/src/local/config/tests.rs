//! The proxy's settings, told and changed while it runs.

use std::time::Duration;

use crate::testing::{Client, Fake, Proxy, echoing, on_a_worker};

async fn client() -> (Client, Proxy, Fake) {
    let member = Fake::start(echoing()).await;
    let proxy = Proxy::start(&[&member], Duration::from_secs(5)).await;
    (proxy.client().await, proxy, member)
}

fn told(name: &str, value: &str) -> String {
    format!("*2\r\n${}\r\n{name}\r\n${}\r\n{value}\r\n", name.len(), value.len())
}

#[test]
fn what_is_set_is_told_and_holds() {
    on_a_worker(async {
        let (mut client, proxy, _member) = client().await;
        let cases = [
            ("maxclients", "77", "77"),
            ("maxclients-per-addr", "3", "3"),
            ("maxclients-per-user", "4", "4"),
            ("max-in-flight", "1gb", "1073741824"),
            ("max-in-flight-per-client", "2mb", "2097152"),
            ("output-limit", "100", "100"),
            ("output-timeout", "250ms", "250ms"),
            ("member-timeout", "2s", "2s"),
            ("rate", "a=5", "a=5/s"),
            ("acllog-max-len", "9", "9"),
            ("acl-pubsub-default", "allchannels", "allchannels"),
            ("requirepass", "secret", "(set)"),
        ];
        for (name, value, shown) in cases {
            assert_eq!(client.ask(&format!("CONFIG SET {name} {value}")).await, "+OK\r\n", "{name}");
            assert_eq!(client.ask(&format!("CONFIG GET {name}")).await, told(name, shown));
        }
        assert_eq!(proxy.worker.timeout(), Duration::from_secs(2));
        let mut other = proxy.client().await;
        assert_eq!(other.ask("GET a").await, "-NOAUTH Authentication required.\r\n");
    });
}

#[test]
fn all_are_set_or_none_and_what_is_fixed_stays() {
    on_a_worker(async {
        let (mut client, proxy, _member) = client().await;
        let failed = "-ERR CONFIG SET failed (possibly related to argument";
        for (name, value, why) in [
            ("port", "1", "can't set immutable config"),
            ("servers", "x", "can't set immutable config"),
            ("maxclients", "0", "argument must be at least 1"),
            ("maxclients", "x", "argument couldn't be parsed into an integer"),
            ("max-in-flight", "x", "argument must be a memory value"),
            ("member-timeout", "0", "argument must be at least 1ms"),
            ("rate", "x", "'x' is no rate: write USER=100/s, or *=100/s for every other user"),
        ] {
            let answer = client.ask(&format!("CONFIG SET requirepass x output-limit 5 {name} {value}")).await;
            assert_eq!(answer, format!("{failed} '{name}') - {why}\r\n"));
        }
        assert_ne!(client.ask("CONFIG GET output-limit").await, told("output-limit", "5"));
        assert_eq!(proxy.client().await.ask("GET a").await, "$1\r\na\r\n", "no password was set");
        assert!(client.ask("CONFIG SET nope 1").await.starts_with("-ERR Unknown option"));
        assert_eq!(client.ask("CONFIG GET servers").await, told("servers", "servers.json"));
        assert!(
            client.ask("CONFIG REWRITE").await.starts_with("-ERR the proxy does not write its configuration")
        );
    });
}
