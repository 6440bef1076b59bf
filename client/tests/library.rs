//! The library against a real redis-server.

use std::time::Duration;

use ringtail::{Client, ConnectOptions, Error, Value};
use ringtail_tests::harness::{Certs, Redis, scratch};

fn options(redis: &Redis) -> ConnectOptions {
    ConnectOptions::new(format!("127.0.0.1:{}", redis.endpoint.port)).plaintext()
}

#[tokio::test]
async fn values_keep_their_types() {
    let Some(redis) = Redis::start(&[]) else { return };
    let client = Client::connect(options(&redis).name("types")).await.unwrap();
    assert_eq!(client.cmd(["SET", "k", "v"]).await, Ok(Value::Simple("OK".into())));
    assert_eq!(client.cmd(["GET", "k"]).await, Ok(Value::Bulk("v".into())));
    assert_eq!(client.cmd(["GET", "none"]).await, Ok(Value::Null));
    assert_eq!(client.cmd(["INCR", "n"]).await, Ok(Value::Int(1)));
    client.cmd(["HSET", "h", "f", "v"]).await.unwrap();
    let map = Value::Map(vec![(Value::Bulk("f".into()), Value::Bulk("v".into()))]);
    assert_eq!(client.cmd(["HGETALL", "h"]).await, Ok(map));
    client.cmd(["SADD", "s", "m"]).await.unwrap();
    assert_eq!(client.cmd(["SMEMBERS", "s"]).await, Ok(Value::Set(vec![Value::Bulk("m".into())])));
    let error = client.cmd(["LPUSH", "k", "x"]).await.unwrap_err();
    assert_eq!(error.code(), Some("WRONGTYPE"));
    assert_eq!(client.cmd(["CLIENT", "GETNAME"]).await.unwrap().as_str(), Some("types"));

    let flat = Client::connect(options(&redis).resp2()).await.unwrap();
    let pairs = flat.cmd(["HGETALL", "h"]).await.unwrap();
    assert_eq!(pairs, Value::Array(vec![Value::Bulk("f".into()), Value::Bulk("v".into())]));
}

#[tokio::test]
async fn large_and_odd_values_come_back() {
    let Some(redis) = Redis::start(&[]) else { return };
    let client = Client::connect(options(&redis)).await.unwrap();
    for size in [0, 1, 100_000, 20 << 20] {
        let value: Vec<u8> = (0..size).map(|i: usize| (i * 7 % 256) as u8).collect();
        client.cmd([b"SET", &b"big"[..], &value]).await.unwrap();
        assert_eq!(client.cmd(["GET", "big"]).await.unwrap(), Value::Bulk(value), "{size} bytes");
    }
}

/// More than the socket takes at once, from all sides: writes are partial, and what was written is let go.
#[tokio::test]
async fn large_values_of_many_tasks_do_not_mix() {
    let Some(redis) = Redis::start(&[]) else { return };
    let client = Client::connect(options(&redis)).await.unwrap();
    let mut tasks = Vec::new();
    for task in 0..8_u8 {
        let client = client.clone();
        tasks.push(tokio::spawn(async move {
            for round in 0..8_u8 {
                let value = vec![task * 8 + round; 700_000];
                client.cmd([b"SET", &[task][..], &value]).await.unwrap();
                assert_eq!(client.cmd([b"GET", &[task][..]]).await, Ok(Value::Bulk(value)));
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn many_tasks_share_a_connection_and_some_give_up() {
    let Some(redis) = Redis::start(&[]) else { return };
    let client = Client::connect(options(&redis).queue(16)).await.unwrap();
    let mut tasks = Vec::new();
    for task in 0..40 {
        let client = client.clone();
        tasks.push(tokio::spawn(async move {
            for round in 0..100_u64 {
                let text = format!("{task}.{round}");
                let given_up = client.cmd(["ECHO", "nobody waits for this"]);
                let _ = tokio::time::timeout(Duration::from_micros(round * 3), given_up).await;
                assert_eq!(client.cmd(["ECHO", &text]).await.unwrap().as_str(), Some(text.as_str()));
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let clients = client.cmd(["INFO", "clients"]).await.unwrap();
    assert!(clients.as_str().unwrap().contains("connected_clients:1\r\n"), "{clients:?}");
}

#[tokio::test]
async fn a_transaction_is_one_pipeline() {
    let Some(redis) = Redis::start(&[]) else { return };
    let client = Client::connect(options(&redis)).await.unwrap();
    let replies = client
        .pipeline()
        .cmd(["MULTI"])
        .cmd(["INCR", "a"])
        .cmd(["INCR", "a"])
        .cmd(["EXEC"])
        .run()
        .await
        .unwrap();
    assert_eq!(replies[3], Value::Array(vec![Value::Int(1), Value::Int(2)]));
}

#[tokio::test]
async fn passwords() {
    let Some(redis) = Redis::start_with_password("right") else { return };
    let wrong = Client::connect(options(&redis).password("wrong")).await.unwrap_err();
    assert!(matches!(&wrong, Error::Auth(text) if text.starts_with("WRONGPASS")), "{wrong:?}");
    let client = Client::connect(options(&redis).auth("default", "right")).await.unwrap();
    client.cmd(["PING"]).await.unwrap();

    let late = Client::connect(options(&redis)).await.unwrap();
    assert_eq!(late.cmd(["GET", "k"]).await.unwrap_err().code(), Some("NOAUTH"));
    late.cmd(["AUTH", "right"]).await.unwrap();
    assert_eq!(late.cmd(["GET", "k"]).await, Ok(Value::Null));
}

#[tokio::test]
async fn a_restart_is_survived() {
    let Some(mut redis) = Redis::start(&[]) else { return };
    let once = options(&redis).reconnect_attempts(1);
    let client = Client::connect(options(&redis).database(4)).await.unwrap();
    client.cmd(["SELECT", "5"]).await.unwrap();
    redis.process.kill();
    let away = Client::disconnected(once).unwrap();
    let error = away.cmd(["SET", "k", "v"]).await.unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error:?}");

    // One that can wait is answered as soon as the server is back.
    let waiting = tokio::spawn({
        let client = client.clone();
        async move {
            loop {
                match client.cmd(["INCR", "n"]).await {
                    Err(error) if error.is_safe_to_retry() => {}
                    answer => return answer,
                }
            }
        }
    });
    redis.restart();
    assert_eq!(waiting.await.unwrap(), Ok(Value::Int(1)));
    let info = client.cmd(["CLIENT", "INFO"]).await.unwrap();
    assert!(info.as_str().unwrap().contains(" db=5 "), "{info:?}");
    assert!(client.is_connected());
}

#[tokio::test]
async fn tls_is_verified() {
    let certs = Certs::get();
    let Some(redis) = Redis::start_tls(&certs) else { return };
    let addr = format!("127.0.0.1:{}", redis.endpoint.port);
    let verified = ConnectOptions::new(&addr).ca_file(certs.ca());
    let client =
        Client::connect(verified.client_certificate(certs.client_cert(), certs.client_key())).await.unwrap();
    let value = vec![b'x'; 3 << 20];
    client.cmd([b"SET", &b"k"[..], &value]).await.unwrap();
    assert_eq!(client.cmd(["GET", "k"]).await, Ok(Value::Bulk(value)));

    let other = Certs::make_in(&scratch("other-ca"));
    let refused = Client::connect(ConnectOptions::new(&addr).ca_file(other.ca())).await.unwrap_err();
    assert!(refused.to_string().contains("certificate"), "{refused}");
    let refused = Client::connect(ConnectOptions::new(&addr).plaintext()).await.unwrap_err();
    assert!(matches!(refused, Error::Connect { .. }), "{refused:?}");
    let missing = Client::connect(ConnectOptions::new(&addr).ca_file("no/such/ca.crt")).await.unwrap_err();
    assert!(
        matches!(&missing, Error::Options { text, .. } if text.contains("no/such/ca.crt")),
        "{missing:?}"
    );
}
