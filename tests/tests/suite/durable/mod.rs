//! What a server has on disk, from outside: it is killed, its disk fills up, fails or is damaged, and backups are taken under load.
//!
//! `RINGTAIL_KILLS` is how often the server is killed (`make kills`), `RINGTAIL_SEED` repeats a run's choices.

mod backups;
mod damage;
pub(crate) mod disk;
mod effects;
mod kills;
mod loading;
mod modes;
mod sizes;

use ringtail_tests::harness::{Options, Process, Server, Signal, free_port, ours, scratch, wait_for};
use ringtail_tests::resp::Conn;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How long an orderly end may take: a backup may be written at it.
const ENDED: Duration = Duration::from_secs(60);

/// A number that the environment says.
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// Starts a server with a new directory, and further arguments.
fn start(args: &[&str]) -> (Server, PathBuf) {
    let dir = scratch("durable");
    (start_in(&dir, args), dir)
}

/// Starts a server with this directory, and waits until it has loaded what is there.
fn start_in(dir: &Path, args: &[&str]) -> Server {
    let server = Server::start(&Options::args(&[&["--dir", text(dir), "--threads", "2"], args].concat()));
    server.loaded();
    server
}

/// Starts it again after its end.
fn restart(server: &mut Server) {
    server.restart();
    server.loaded();
}

/// Ends a server as an operator does, and waits for that.
fn stop(server: &mut Server) {
    server.process.signal(Signal::Terminate);
    let code = server.process.wait_exit(ENDED);
    assert_eq!(code, Some(0), "{}", server.process.output());
}

/// A start that must fail; what it says names all of this.
fn refused(args: &[&str], names: &[&str]) -> String {
    let addr = format!("127.0.0.1:{}", free_port());
    let mut command = Command::new(ours("ringtail-server"));
    let mut process = Process::start("ringtail-server", command.args(["--addr", &addr]).args(args));
    let code = process.wait_exit(Duration::from_secs(20));
    // The last lines may still be on their way from the pipe.
    wait_for(Duration::from_secs(1), || names.iter().all(|name| process.output().contains(name)));
    let output = process.output();
    assert!(code.is_some_and(|code| code > 0), "exit {code:?}\n{output}");
    for name in names {
        assert!(output.contains(name), "it does not name '{name}':\n{output}");
    }
    output
}

/// A field of INFO.
fn info(conn: &mut Conn, field: &str) -> String {
    let text = conn.run("INFO persistence").text();
    let start = format!("{field}:");
    let found = text.lines().find_map(|line| line.strip_prefix(&start));
    found.unwrap_or_else(|| panic!("no {field} in\n{text}")).to_owned()
}

/// The directory's files with this ending, sorted.
fn files(dir: &Path, ending: &str) -> Vec<PathBuf> {
    let all = std::fs::read_dir(dir).expect("the directory").map(|entry| entry.expect("its file").path());
    let mut found: Vec<PathBuf> = all.filter(|path| text(path).ends_with(ending)).collect();
    found.sort();
    found
}

/// All keys and what is under each, as DUMP has it, with its time.
fn everything(conn: &mut Conn) -> std::collections::BTreeMap<Vec<u8>, (Vec<u8>, i64)> {
    let mut all = std::collections::BTreeMap::new();
    let mut cursor = "0".to_owned();
    loop {
        let reply = conn.call(&["SCAN", &cursor, "COUNT", "1000"]);
        let keys: Vec<Vec<u8>> =
            reply.items()[1].items().iter().filter_map(|key| Some(key.bytes()?.to_vec())).collect();
        let requests: Vec<Vec<&[u8]>> =
            keys.iter().flat_map(|key| [vec![&b"DUMP"[..], key], vec![&b"PEXPIRETIME"[..], key]]).collect();
        let replies = conn.try_pipeline(&requests).expect("replies");
        for (key, pair) in keys.into_iter().zip(replies.chunks(2)) {
            if let Some(dump) = pair[0].bytes() {
                all.insert(key, (dump.to_vec(), pair[1].int()));
            }
        }
        cursor = reply.items()[0].text();
        if cursor == "0" {
            return all;
        }
    }
}
