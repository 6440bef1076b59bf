//! The load generator itself: it measures what is right and fails on what is wrong.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A `redis-server` that ends with the test.
struct Redis {
    process: Child,
    addr: SocketAddr,
}

impl Redis {
    /// `None` if the package is not installed; under CI that is a failure.
    fn start() -> Option<Self> {
        let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let started = Command::new("redis-server")
            .args(["--save", "", "--appendonly", "no", "--bind", "127.0.0.1"])
            .args(["--port", &addr.port().to_string()])
            .current_dir(std::env::temp_dir())
            .stdout(Stdio::null())
            .spawn();
        match started {
            Ok(process) => {
                let redis = Self { process, addr };
                redis.wait_until_ready();
                Some(redis)
            }
            Err(error) => {
                assert!(std::env::var_os("CI").is_none(), "redis-server: {error}");
                None
            }
        }
    }

    fn wait_until_ready(&self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(self.addr).is_err() {
            assert!(Instant::now() < deadline, "redis-server does not listen");
            thread::yield_now();
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _gone_already = self.process.kill();
        let _gone_already = self.process.wait();
    }
}

/// Runs the generator with `args`, split at blanks.
fn load(addr: SocketAddr, args: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ringtail-load"))
        .args(["--addr", &addr.to_string()])
        .args(args.split_ascii_whitespace())
        .output()
        .unwrap()
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Accepts connections and answers each read with `reply`; without one it closes them.
fn pretender(reply: Option<&'static [u8]>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut input = [0; 4096];
            while let (Ok(1..), Some(reply)) = (stream.read(&mut input), reply) {
                if stream.write_all(reply).is_err() {
                    break;
                }
            }
        }
    });
    addr
}

#[test]
fn a_run_against_redis_is_clean_and_counted() {
    let Some(redis) = Redis::start() else { return };
    let args = format!(
        "--connections 8 --pipeline 16 --keys 1000 --requests 20000 --seconds 20 --warmup 0.05 --db 3 --watch {}",
        redis.process.id()
    );
    let output = load(redis.addr, &args);
    let report = report(&output);
    assert!(output.status.success(), "{report:#}");
    assert!(report["ops"].as_u64().unwrap() >= 20_000, "{report:#}");
    assert_eq!((&report["errors"], &report["misses"]), (&Value::from(0), &Value::from(0)), "{report:#}");
    assert!(report["latency_us"]["p50"].as_f64().unwrap() > 0.0, "{report:#}");
    assert!(report["latency_us"]["p99_9"].as_f64() <= report["latency_us"]["max"].as_f64(), "{report:#}");
    assert!(report["watched"][0]["cpu_us_per_op"].as_f64().unwrap() > 0.0, "{report:#}");
}

#[test]
fn every_command_of_the_mix_is_answered_as_expected() {
    let Some(redis) = Redis::start() else { return };
    let mix = "GET,SET,EXISTS,STRLEN,EXPIRE,MGET,INCR,LPUSH,RPUSH,LPOP,RPOP,LINDEX,LLEN,LRANGE,HSET,HGET,HGETALL,PING";
    let output =
        load(redis.addr, &format!("--mix {mix} --keys 50 --requests 5000 --pipeline 4 --seconds 20"));
    assert!(output.status.success(), "{:#}", report(&output));
}

#[test]
fn reads_without_a_preload_are_misses() {
    let Some(redis) = Redis::start() else { return };
    let output =
        load(redis.addr, "--no-preload --ratio 1:0 --keys 50 --requests 100 --seconds 20 --warmup 0");
    let report = report(&output);
    assert!(output.status.success(), "{report:#}");
    assert_eq!(report["misses"], report["ops"]);
}

#[test]
fn a_larger_batch_than_the_sockets_hold_does_not_stall() {
    let Some(redis) = Redis::start() else { return };
    let args = "--connections 2 --pipeline 500 --keys 20 --value-size 20000 --ratio 1:1 --requests 2000 --seconds 20";
    let output = load(redis.addr, args);
    assert!(output.status.success(), "{:#}", report(&output));
}

#[test]
fn wrong_values_errors_and_lost_connections_fail_the_run() {
    let bad =
        [Some(&b"$3\r\nbad\r\n"[..]), Some(b"-ERR no\r\n"), Some(b"\r\n"), Some(b"$-1\r\n$-1\r\n"), None];
    for reply in bad {
        let output = load(
            pretender(reply),
            "--no-preload --connections 1 --ratio 1:0 --seconds 5 --requests 10 --warmup 0",
        );
        assert_eq!(output.status.code(), Some(1), "{reply:?}");
        assert!(report(&output)["errors"].as_u64() > Some(0), "{reply:?}");
    }
}

#[test]
fn what_can_not_start_says_why() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for args in ["", "--keys 100000 --key-size 3", "--mix NOPE", "--ratio x", "--tls --cacert /nonexistent"] {
        let output = load(closed, args);
        assert_eq!(output.status.code(), Some(2), "{args}");
        assert!(output.stderr.starts_with(b"ringtail-load: "), "{args}");
    }
}
