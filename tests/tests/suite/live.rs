//! What operators do to running programs: new certificates and passwords, restarts without a refused connection, load
//! balancers before them, systemd around them.

mod balancer;
mod configured;
mod drain;
mod fleet;
mod judged;
mod reload;
mod supervised;
mod takeover;

use ringtail_tests::harness::{Process, free_port, ours, scratch, wait_for};
use ringtail_tests::resp::{Conn, Endpoint};
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long something that is to happen at once may take on a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// Either of the two programs, and what it needs to start.
struct Program {
    name: &'static str,
    args: Vec<String>,
}

impl Program {
    fn both() -> [Program; 2] {
        let servers = scratch("live").join("servers.json");
        // PING is the proxy's own to answer: no member is needed.
        std::fs::write(&servers, r#"[{"addr": "127.0.0.1:1"}]"#).expect("a file below target");
        let servers = servers.to_str().expect("a path in UTF-8").to_owned();
        [
            Program { name: "ringtail-server", args: vec![] },
            Program { name: "ringtail-proxy", args: vec!["--servers".into(), servers] },
        ]
    }

    /// The command, not yet told where to listen.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(ours(self.name));
        command.args(&self.args).args(args);
        command
    }

    /// Starts it at that port, and waits until it answers.
    fn start(&self, endpoint: &Endpoint, args: &[&str]) -> Process {
        let mut command = self.command(args);
        command.args(["--addr", &format!("127.0.0.1:{}", endpoint.port)]);
        self.run(&mut command, Stdio::null(), endpoint)
    }

    fn run(&self, command: &mut Command, stdin: Stdio, endpoint: &Endpoint) -> Process {
        let mut process = Process::start_with(self.name, command, stdin);
        let pid = process.id();
        let mut ended = None;
        let answers = wait_for(SOON, || {
            ended = process.exited();
            ended.is_some() || endpoint.connect().is_ok_and(|conn| pid_of(conn) == Some(pid))
        });
        assert!(answers && ended.is_none(), "{} ended: {ended:?}\n{}", self.name, process.output());
        process
    }
}

fn plain() -> Endpoint {
    Endpoint::plain(free_port())
}

/// The process that answers on this connection.
fn pid_of(mut conn: Conn) -> Option<u32> {
    let info = conn.try_call(&["INFO", "server"]).ok()?.text();
    info.lines().find_map(|line| line.strip_prefix("process_id:"))?.trim().parse().ok()
}

/// A number of INFO.
fn info(conn: &mut Conn, field: &str) -> u64 {
    let text = conn.run("INFO server").text();
    let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    value.and_then(|value| value.trim().parse().ok()).unwrap_or_else(|| panic!("no {field} in\n{text}"))
}
