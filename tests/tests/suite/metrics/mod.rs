//! Metrics and health over HTTP: every family is moved by something that a test does, and what reads them reads them.

mod cost;
mod monitoring;
mod pool;
mod secured;
mod server;

use ringtail_tests::harness::{free_port, wait_for};
use std::collections::{BTreeMap, BTreeSet};
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

/// All that scrapes have shown.
#[derive(Default)]
struct Seen {
    /// By family: its type.
    kinds: BTreeMap<String, String>,
    /// By series: its values.
    values: BTreeMap<String, BTreeSet<String>>,
}

impl Seen {
    /// Scrapes once, and keeps it.
    fn scrape(&mut self, admin: &Admin) -> String {
        let text = admin.metrics();
        for line in text.lines() {
            if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
                self.kinds.insert(name.to_owned(), kind.to_owned());
            } else if let Some((series, value)) = line.rsplit_once(' ').filter(|_| !line.starts_with('#')) {
                self.values.entry(series.to_owned()).or_default().insert(value.to_owned());
            }
        }
        text
    }

    /// Scrapes until a series has a value that is right.
    fn until(&mut self, admin: &Admin, series: &str, is_right: impl Fn(f64) -> bool) {
        let mut last = None;
        let comes = wait_for(SOON, || {
            last = value(&self.scrape(admin), series);
            last.is_some_and(&is_right)
        });
        assert!(comes, "{series} stays {last:?}");
    }

    /// Whether anything has moved a family: a gauge had different values, a counter or histogram has counted.
    fn is_moved(&self, family: &str) -> bool {
        let counts = self.kinds[family] != "gauge";
        let name = |series: &str| series.split('{').next().unwrap_or_default().to_owned();
        let names = [
            family.to_owned(),
            format!("{family}_total"),
            format!("{family}_count"),
            format!("{family}_info"),
        ];
        let own = self.values.iter().filter(|(series, _)| names.contains(&name(series)));
        own.into_iter().any(|(_, values)| match counts {
            true => values.iter().any(|value| value.parse::<f64>().is_ok_and(|value| value > 0.0)),
            false => values.len() > 1,
        })
    }

    /// Fails for the families that nothing has moved, but for those of which the value has been looked at.
    fn assert_all_moved(&self, looked_at: &[&str]) {
        let still = |family: &&String| !self.is_moved(family) && !looked_at.contains(&family.as_str());
        let still: Vec<_> = self.kinds.keys().filter(still).collect();
        assert!(still.is_empty(), "nothing moves {still:#?}");
    }

    /// The names by which samples are queried.
    fn names(&self) -> BTreeSet<String> {
        self.values.keys().filter_map(|series| Some(series.split('{').next()?.to_owned())).collect()
    }
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

/// Families of which [`check_process`] has looked at the value.
const PROCESS: &[&str] = &["process_start_time_seconds", "process_max_fds"];
