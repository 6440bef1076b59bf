//! The client's own commands, against a pool, a data server and a real Redis.

mod look;
mod plan;
mod terminal;
mod transfer;

use crate::front::Front;
use ringtail_tests::harness::{Certs, ours};
use ringtail_tests::resp::Endpoint;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// What a run of `ringtail` ended with.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    out: String,
    errors: String,
}

impl Ended {
    /// What it printed, once it ended well.
    fn good(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out
    }

    fn json(self) -> serde_json::Value {
        let text = self.good();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}

/// `ringtail` with these arguments, spoken to a server.
fn command(endpoint: &Endpoint, args: &[&str]) -> Command {
    let mut command = Command::new(ours("ringtail"));
    command.args(["--addr", &format!("127.0.0.1:{}", endpoint.port)]);
    match &endpoint.tls {
        Some(_) => command.arg("--cacert").arg(Certs::get().ca()),
        None => command.arg("--plaintext"),
    };
    command.args(args).env_remove("RINGTAIL_ADDR").env_remove("NO_COLOR");
    command
}

fn run(endpoint: &Endpoint, args: &[&str]) -> Ended {
    run_with(endpoint, args, b"")
}

fn run_with(endpoint: &Endpoint, args: &[&str], input: &[u8]) -> Ended {
    let mut command = command(endpoint, args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // A program that needs no input may have ended.
    let _ = stdin.write_all(input);
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ended { code: output.status.code(), out: text(output.stdout), errors: text(output.stderr) }
}

/// A pool, a data server, and a real Redis where there is one.
fn fronts() -> Vec<Front> {
    Front::all()
}

fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}
