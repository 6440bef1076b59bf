//! The program with the feature `otel`: what leaves it for a collector, and its end.

#[path = "otlp/collector.rs"]
mod collector;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use collector::{Collector, attribute, until};

const PROXY: &str = env!("CARGO_BIN_EXE_ringtail-proxy");
const KEY: &str = "key-that-nobody-else-sees";
const VALUE: &str = "value-that-nobody-else-sees";

/// A member that answers as a stock Redis would, as far as it is asked here.
fn member() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        listener.incoming().flatten().for_each(|socket| drop(thread::spawn(|| answer(socket))))
    });
    port
}

fn answer(mut socket: TcpStream) {
    let mut lines = BufReader::new(socket.try_clone().expect("a socket")).lines();
    while let Some(Ok(count)) = lines.next() {
        let count: usize = count.trim_start_matches('*').parse().expect("a request");
        let words: Vec<String> = (0..count).map(|_| lines.nth(1).expect("a word").expect("text")).collect();
        let reply = match &*words[0] {
            "GET" => format!("${}\r\n{VALUE}\r\n", VALUE.len()),
            "SET" | "SELECT" => "+OK\r\n".to_owned(),
            "PING" => "+PONG\r\n".to_owned(),
            "CONFIG" => "*0\r\n".to_owned(),
            _ => format!("-ERR unknown command, with args beginning with: {}\r\n", words[1..].join(" ")),
        };
        if socket.write_all(reply.as_bytes()).is_err() {
            return;
        }
    }
}

/// A running proxy; ended with the test.
struct Proxy {
    child: Child,
    addr: String,
    dir: PathBuf,
}

impl Proxy {
    fn start(name: &str, url: &str) -> Self {
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&dir).expect("a directory");
        let servers = dir.join("servers.json");
        std::fs::write(&servers, format!(r#"[{{"name":"m","addr":"127.0.0.1:{}"}}]"#, member()))
            .expect("a file");
        let mut child = Command::new(PROXY)
            .args(["--addr", "127.0.0.1:0", "--threads", "1", "--otlp-sample", "1", "--log-format", "json"])
            .args(["--drain-timeout", "2s", "--servers"])
            .arg(&servers)
            // The standard's own variable.
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", url)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the proxy");
        let mut log = BufReader::new(child.stderr.take().expect("a log"));
        let mut said = String::new();
        let addr = loop {
            let mut line = String::new();
            assert!(log.read_line(&mut line).expect("a line") > 0, "it ended: {said}");
            said.push_str(&line);
            if line.contains("\"ready, ") {
                let (_, rest) = line.split_once("\"addr\":\"").expect("an address");
                break rest[..rest.find('"').expect("its end")].to_owned();
            }
        };
        thread::spawn(move || log.read_to_string(&mut String::new()));
        Self { child, addr, dir }
    }

    /// The answers to a request for each line.
    fn ask(&self, lines: &[&str]) -> Vec<String> {
        let mut socket = TcpStream::connect(&self.addr).expect("a connection");
        socket.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
        let mut answers = BufReader::new(socket.try_clone().expect("a socket"));
        let one = |line: &&str| {
            socket.write_all(format!("{line}\r\n").as_bytes()).expect("a request");
            let mut answer = String::new();
            answers.read_line(&mut answer).expect("an answer in time");
            if answer.starts_with('$') {
                answers.read_line(&mut answer).expect("the rest of it");
            }
            answer
        };
        lines.iter().map(one).collect()
    }

    /// Ends it as a service manager does: how long that took.
    fn stop(mut self) -> Duration {
        let begun = Instant::now();
        let killed = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(killed.expect("kill").success());
        let status = self.child.wait().expect("an end");
        assert!(status.success(), "{status}");
        begun.elapsed()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// What is left at the end goes out then, and nothing of keys, values or passwords ever does.
#[test]
fn all_spans_are_exported_at_the_end_without_a_key_or_a_value() {
    let collector = Collector::start(|_| Some(200));
    let proxy = Proxy::start("exported", &collector.url());
    let set = format!("SET {KEY} {VALUE}");
    let get = format!("GET {KEY}");
    let answers = proxy.ask(&[
        &set,
        &get,
        &format!("OBJECT {KEY}"),
        &format!("{KEY} {VALUE}"),
        &format!("AUTH {KEY} {VALUE}"),
    ]);
    assert_eq!(answers[..2], ["+OK\r\n".to_owned(), format!("${}\r\n{VALUE}\r\n", VALUE.len())]);
    assert!(proxy.stop() < Duration::from_secs(3));
    let spans = collector.spans();
    let names: Vec<&str> =
        spans.iter().filter(|span| span.parent_span_id.is_empty()).map(|span| &*span.name).collect();
    assert_eq!(names, ["SET", "GET", "UNKNOWN", "UNKNOWN", "AUTH"]);
    assert_eq!(attribute(&spans[0].attributes, "ringtail.member").as_deref(), Some("m"));
    let bytes = [collector.heads().concat().into_bytes(), collector.bodies().concat()].concat();
    for secret in [KEY, VALUE] {
        let found = bytes.windows(secret.len()).any(|bytes| bytes.eq_ignore_ascii_case(secret.as_bytes()));
        assert!(!found, "{secret} was exported");
    }
}

#[test]
fn a_collector_that_hangs_holds_up_neither_requests_nor_the_end() {
    let collector = Collector::start(|_| None);
    let proxy = Proxy::start("hangs", &collector.url());
    assert_eq!(proxy.ask(&["PING"; 10]).len(), 10);
    until("an export", || !collector.bodies().is_empty());
    let begun = Instant::now();
    assert!(
        proxy
            .ask(&[&*format!("GET {KEY}"); 100])
            .iter()
            .all(|answer| answer.ends_with(&format!("{VALUE}\r\n")))
    );
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    let took = proxy.stop();
    // Its --drain-timeout, and some time for a busy machine.
    assert!(took < Duration::from_secs(4), "{took:?}");
}

#[test]
fn the_flags_are_told_and_checked() {
    let run = |args: &[&str]| {
        let output = Command::new(PROXY).args(args).output().expect("the proxy");
        let text =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code(), text)
    };
    let servers = concat!(env!("CARGO_TARGET_TMPDIR"), "/flags.json");
    std::fs::write(servers, r#"[{"addr":"127.0.0.1:1"}]"#).expect("a file");
    let (code, help) = run(&["--help"]);
    assert!(
        code == Some(0) && help.contains("--otlp <URL>") && help.contains("OTEL_EXPORTER_OTLP_ENDPOINT"),
        "{help}"
    );
    let (code, shown) = run(&["--otlp", "http://127.0.0.1:4318", "--otlp-sample", "0.5", "--print-config"]);
    assert!(code == Some(0) && shown.contains("http://127.0.0.1:4318") && shown.contains("0.5"), "{shown}");
    let (code, refused) = run(&["--servers", servers, "--otlp", "collector:4318", "--check-config"]);
    assert!(code == Some(2) && refused.contains("--otlp"), "{refused}");
}
