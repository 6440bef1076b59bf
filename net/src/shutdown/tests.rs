use std::io::{BufRead, BufReader};
use std::process::{ChildStdout, Command, Stdio};

use super::*;

#[tokio::test]
async fn it_is_asked_for_before_it_is_thrown() {
    let shutdown = Shutdown::new();
    shutdown.ask();
    shutdown.asked().await;
    assert!(!shutdown.is_triggered());
    shutdown.trigger();
    shutdown.ask();
    assert!(shutdown.is_triggered(), "asking again takes nothing back");
    shutdown.asked().await;
}

#[tokio::test]
async fn every_clone_sees_it_once_thrown_and_those_who_come_later_too() {
    let shutdown = Shutdown::new();
    let waiting = tokio::spawn({
        let shutdown = shutdown.clone();
        async move { shutdown.wait().await }
    });
    assert!(!shutdown.is_triggered());
    shutdown.clone().trigger();
    waiting.await.unwrap();
    shutdown.wait().await;
    assert!(shutdown.is_triggered());
}

/// Set in the child process; what it does there.
const ROLE: &str = "RINGTAIL_TEST_SHUTDOWN_ROLE";

/// A copy of this process that runs only [`child`], in the given role.
struct Child {
    process: std::process::Child,
    lines: io::Lines<BufReader<ChildStdout>>,
}

impl Child {
    fn start(role: &str) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "shutdown::tests::child", "--nocapture", "--test-threads=1"])
            .env(ROLE, role)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    /// The test runner's own lines are in between.
    fn expect(&mut self, line: &str) {
        let said = self.lines.by_ref().map_while(Result::ok).any(|said| said.ends_with(line));
        assert!(said, "the child ended before it said '{line}'");
    }

    fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        assert!(Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status().unwrap().success());
    }

    fn exit_code(mut self) -> Option<i32> {
        self.process.wait().unwrap().code()
    }
}

#[test]
fn child() {
    let Some(role) = std::env::var_os(ROLE) else { return };
    crate::workers::runtime().unwrap().block_on(async {
        let mut hangups = Hangups::new().unwrap();
        let shutdown = Shutdown::new();
        tokio::task::spawn_local(shutdown.clone().on_signals());
        // The handlers are in place once that task has run.
        tokio::task::yield_now().await;
        println!("ready");
        if role == "reload" {
            hangups.next().await;
            println!("reloaded");
        }
        shutdown.asked().await;
        println!("stopping");
        if role == "stubborn" {
            std::future::pending::<()>().await;
        }
    });
}

#[test]
fn the_first_signal_asks_and_the_second_ends() {
    for (signal, code) in [("INT", exit::INTERRUPTED), ("TERM", 0)] {
        let mut polite = Child::start("polite");
        polite.expect("ready");
        polite.signal(signal);
        polite.expect("stopping");
        assert_eq!(polite.exit_code(), Some(0));

        let mut stubborn = Child::start("stubborn");
        stubborn.expect("ready");
        stubborn.signal(signal);
        stubborn.expect("stopping");
        stubborn.signal(signal);
        assert_eq!(stubborn.exit_code(), Some(code));
    }
}

#[test]
fn a_hangup_is_an_event_and_not_the_end() {
    let mut child = Child::start("reload");
    child.expect("ready");
    child.signal("HUP");
    child.expect("reloaded");
    child.signal("TERM");
    assert_eq!(child.exit_code(), Some(0));
}
