//! Metrics and health over HTTP: every series is moved by something that a test does, and what reads them reads them.

mod cost;
mod http;
mod monitoring;
mod pool;
mod replicas;
mod secured;
mod seen;
mod server;

use ringtail_tests::harness::free_port;
use seen::{Seen, Still};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long something may take to be seen.
const SOON: Duration = Duration::from_secs(20);

/// An `--admin` listener.
struct Admin {
    addr: String,
}

impl Admin {
    fn anywhere() -> Self {
        Self { addr: format!("127.0.0.1:{}", free_port()) }
    }

    /// Status and body.
    fn get(&self, path: &str) -> (u16, String) {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.addr))
    }

    fn ask(&self, request: &str) -> (u16, String) {
        let answer = self.try_ask(request).unwrap_or_else(|error| panic!("{}: {error}", self.addr));
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {answer}"));
        (head[9..12].parse().expect("a status"), body.to_owned())
    }

    fn try_ask(&self, request: &str) -> std::io::Result<String> {
        let mut socket = TcpStream::connect(&self.addr)?;
        socket.set_read_timeout(Some(SOON))?;
        socket.write_all(request.as_bytes())?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).map(|_| answer)
    }

    fn metrics(&self) -> String {
        let (status, text) = self.get("/metrics");
        assert_eq!(status, 200, "{text}");
        assert!(text.ends_with("# EOF\n"), "cut off");
        text
    }
}

/// The value of a sample with these labels, in one scrape.
fn value(text: &str, series: &str) -> Option<f64> {
    let found = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    found.and_then(|value| value.parse().ok())
}

/// What is so in every process, and does not change.
fn check_process(text: &str, program: &str) {
    let build =
        format!("ringtail_build_info{{program=\"{program}\",version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    assert_eq!(value(text, &build), Some(1.0), "{text}");
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock").as_secs_f64();
    let started = value(text, "process_start_time_seconds").expect("a start");
    assert!((now - 3600.0..=now).contains(&started), "{started}");
    assert!(value(text, "process_max_fds") > value(text, "process_open_fds"));
}

/// What of every process stands still.
const PROCESS: [Still; 1] =
    [("process_max_fds", "a process is given it at its start; check_process looks at it")];
