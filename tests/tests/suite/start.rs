//! What a wrong start gets: one line that names what is wrong and what to do,
//! and a non-zero exit.

use ringtail_tests::harness::{Certs, Process, free_port, ours, scratch};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// A wrong command line, and what the line about it must name.
struct Wrong {
    program: &'static str,
    args: Vec<String>,
    names: Vec<String>,
}

fn wrong(program: &'static str, args: &[&str], names: &[&str]) -> Wrong {
    let own = |words: &[&str]| words.iter().map(|word| word.to_string()).collect();
    Wrong { program, args: own(args), names: own(names) }
}

impl Wrong {
    fn check(&self) {
        let mut command = Command::new(ours(self.program));
        command.args(&self.args).env_clear();
        let mut process = Process::start(self.program, &mut command);
        let code = process.wait_exit(Duration::from_secs(10));
        let context = format!("{} {}", self.program, self.args.join(" "));
        // The last lines may still be on their way from the pipe.
        let named = || self.names.iter().all(|name| process.output().contains(name.as_str()));
        ringtail_tests::harness::wait_for(Duration::from_secs(1), named);
        let output = process.output();
        assert!(code.is_some_and(|code| code > 0), "{context}: exit {code:?}\n{output}");
        assert!(named(), "{context}: does not name {:?}:\n{output}", self.names);
        assert!(!output.contains("panicked"), "{context}: {output}");
        let errors = output.lines().filter(|line| line.to_lowercase().contains("error")).count();
        assert!(errors <= 1, "{context}: more than one line of errors:\n{output}");
    }
}

fn file(name: &str, text: &str) -> PathBuf {
    let path = scratch("start").join(name);
    std::fs::write(&path, text).expect("a file below target");
    path
}

fn text(path: &std::path::Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

fn free() -> String {
    format!("127.0.0.1:{}", free_port())
}

#[test]
fn flags() {
    let addr = free();
    let servers = file("servers.json", r#"[{"addr": "127.0.0.1:1"}]"#);
    let proxy = |args: &[&str], name: &str| {
        let args: Vec<&str> = ["--servers", text(&servers)].iter().chain(args).copied().collect();
        wrong("ringtail-proxy", &args, &[name]).check();
    };
    proxy(&["--addr", "nonsense"], "nonsense");
    proxy(&["--addr", "127.0.0.1:99999"], "99999");
    wrong("ringtail-server", &["--addr", "nonsense"], &["nonsense"]).check();
    wrong("ringtail-server", &["--addr", "127.0.0.1:99999"], &["99999"]).check();
    for program in ["ringtail-server", "ringtail-proxy"] {
        wrong(program, &["--no-such-flag"], &["--no-such-flag"]).check();
        wrong(program, &["--addr", &addr, "--threads", "many"], &["many"]).check();
        wrong(program, &["--addr", &addr, "--config", "/nowhere/x.toml"], &["/nowhere/x.toml"]).check();
    }
    wrong("ringtail-server", &["--addr", &addr, "--maxmemory", "much"], &["much"]).check();
    wrong("ringtail-server", &["--addr", &addr, "--log", "always"], &["--dir"]).check();
    wrong("ringtail-server", &["--check-config", "--servers", "/nowhere/s.json"], &["/nowhere/s.json"])
        .check();
    wrong("ringtail-server", &["--addr", &addr, "--maxmemory-policy", "fifo"], &["fifo"]).check();
    let users = file("users.acl", "user ann on\nuser bob >hidden +nosuch\n");
    let names = ["users.acl:2:", "'+nosuch'", "correct the ACL file"];
    wrong("ringtail-server", &["--addr", &addr, "--acl-file", text(&users)], &names).check();
    wrong("ringtail-server", &["--addr", &addr, "--acl-file", "/nowhere/u.acl"], &["/nowhere/u.acl"]).check();
    wrong("ringtail-server", &["--addr", &addr, "--default-ttl", "soon"], &["soon"]).check();
    wrong("ringtail-server", &["--addr", &addr, "--requirepass-file", "/nowhere/pw"], &["/nowhere/pw"])
        .check();
    wrong("ringtail-proxy", &["--addr", &addr, "--timeout", "soon"], &["soon"]).check();
    wrong("ringtail-proxy", &["--addr", &addr, "--servers", "/nowhere/s.json"], &["/nowhere/s.json"]).check();
}

#[test]
fn a_port_in_use() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let addr = taken.local_addr().expect("its address").to_string();
    let servers = file("servers.json", r#"[{"addr": "127.0.0.1:1"}]"#);
    wrong("ringtail-server", &["--addr", &addr], &[&addr, "in use"]).check();
    wrong("ringtail-proxy", &["--addr", &addr, "--servers", text(&servers)], &[&addr, "in use"]).check();
}

#[test]
fn beyond_loopback_without_protection() {
    let addr = format!("0.0.0.0:{}", free_port());
    let servers = file("servers.json", r#"[{"addr": "127.0.0.1:1"}]"#);
    wrong("ringtail-server", &["--addr", &addr], &[&addr, "--insecure"]).check();
    wrong("ringtail-proxy", &["--addr", &addr, "--servers", text(&servers)], &[&addr, "--insecure"]).check();
}

#[test]
fn certificates() {
    let certs = Certs::get();
    let (cert, key) = (certs.server_cert(), certs.server_key());
    let (cert, key, other) = (text(&cert), text(&key), certs.client_key());
    let garbage = file("garbage.crt", "no certificate");
    let addr = free();
    let servers = file("servers.json", r#"[{"addr": "127.0.0.1:1"}]"#);
    for program in ["ringtail-server", "ringtail-proxy"] {
        let with = |more: &[&str], names: &[&str]| {
            let mut args = vec!["--addr", addr.as_str()];
            if program == "ringtail-proxy" {
                args.extend(["--servers", text(&servers)]);
            }
            args.extend(more);
            wrong(program, &args, names).check();
        };
        with(&["--cert", "/nowhere/a.crt", "--key", key], &["/nowhere/a.crt"]);
        with(&["--cert", cert, "--key", "/nowhere/a.key"], &["/nowhere/a.key"]);
        with(&["--cert", text(&garbage), "--key", key], &[text(&garbage)]);
        with(&["--cert", cert, "--key", text(&garbage)], &[text(&garbage)]);
        with(&["--cert", cert, "--key", text(&other)], &[text(&other)]);
        with(&["--cert", cert], &["--key"]);
        with(&["--key", key], &["--cert"]);
        with(&["--cert", cert, "--key", key, "--client-ca", "/nowhere/ca"], &["/nowhere/ca"]);
    }
}

#[test]
fn configuration_files() {
    let unknown = file("unknown.toml", "adress = \"127.0.0.1:3000\"\n");
    let broken = file("broken.toml", "addr = \"127.0.0.1:3000\n");
    let kind = file("kind.toml", "threads = \"many\"\n");
    for program in ["ringtail-server", "ringtail-proxy"] {
        wrong(program, &["--config", text(&unknown)], &[text(&unknown), "adress"]).check();
        wrong(program, &["--config", text(&broken)], &[text(&broken)]).check();
        wrong(program, &["--config", text(&kind)], &[text(&kind), "threads"]).check();
        wrong(program, &["--config", text(&unknown), "--check-config"], &["adress"]).check();
    }
}

#[test]
fn servers_json() {
    let bad = [
        ("{", ":1:1: "),
        ("not JSON", ":1:2: "),
        ("{}", "array"),
        ("[]", "member"),
        ("[\n  {\"addr\": \"127.0.0.1:3000\"},\n  {\"addr\": \"127.0.0.1:3000\"}\n]", "127.0.0.1:3000"),
        ("[{\"addr\": \"h:1\", \"name\": \"a\"}, {\"addr\": \"h:2\", \"name\": \"a\"}]", "\"a\""),
        ("[{\"addr\": \"h:1\", \"weight\": -1}]", "weight"),
        ("[{\"addr\": \"h:1\", \"weight\": 99999999999}]", "weight"),
        ("[{\"addr\": \"nowhere\"}]", "nowhere"),
        ("[{\"addr\": \"h:99999\"}]", "99999"),
        ("[{\"addr\": \"h:1\", \"replicas\": [\"h:2\"]}]", "name"),
        ("[{\"addr\": \"h:1\", \"weigth\": 1}]", "weigth"),
        ("[{\"weight\": 1}]", "addr"),
    ];
    for (content, names) in bad {
        let path = file("servers.json", content);
        let addr = free();
        let case =
            wrong("ringtail-proxy", &["--addr", &addr, "--servers", text(&path)], &["servers.json", names]);
        case.check();
    }
}

#[test]
fn help_and_version_are_answered() {
    for program in ["ringtail-server", "ringtail-proxy", "ringtail", "ringtail-certs"] {
        for flag in ["--help", "--version"] {
            let output = Command::new(ours(program)).arg(flag).output().expect("started");
            assert!(output.status.success(), "{program} {flag}");
            assert!(output.stdout.len() > 5, "{program} {flag} says nothing");
        }
    }
}
