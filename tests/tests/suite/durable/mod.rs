//! What a server has on disk, from outside: it is killed, its disk fills up, fails or is damaged, and backups are taken under load.
//!
//! `RINGTAIL_KILLS` is how often the server is killed (`make kills`), `RINGTAIL_SEED` repeats a run's choices.

mod effects;
mod kills;

use ringtail_tests::harness::{Options, Server, scratch, wait_for};
use ringtail_tests::resp::{Conn, Endpoint};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long loading may take.
const LOADED: Duration = Duration::from_secs(60);

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
    loaded(&server.endpoint);
    server
}

/// Starts it again after its end.
fn restart(server: &mut Server) {
    server.restart();
    loaded(&server.endpoint);
}

/// Waits until all is loaded, and connects.
fn loaded(endpoint: &Endpoint) -> Conn {
    let mut conn = endpoint.open();
    let is_loaded = wait_for(LOADED, || conn.run("EXISTS k").error().is_none());
    assert!(is_loaded, "it loads for {LOADED:?}");
    conn
}
