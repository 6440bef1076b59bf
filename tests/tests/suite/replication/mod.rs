//! A server's log followed by others, from outside: what is equal, what is sent again, and what comes of trouble at either end.

mod acks;
mod astray;
mod backups;
mod content;
mod electing;
mod histories;
mod hostile;
mod links;
mod load;
mod member;
mod restarts;
mod switching;
mod sync;
mod turning;

use content::contents;
use ringtail_tests::harness::{Options, Server, pause, wait_for};
use ringtail_tests::resp::{Conn, Endpoint};
use std::time::Duration;

/// How long following may take to come to what is expected of it.
const WITHIN: Duration = Duration::from_secs(30);

/// A server with two threads and these arguments.
fn server(args: &[&str]) -> Server {
    let server = Server::start(&Options::args(&[&["--threads", "2"], args].concat()));
    if !args.contains(&"--replicaof") {
        server.loaded();
    }
    server
}

/// One that follows another from its start.
fn replica_of(primary: &Endpoint, args: &[&str]) -> Server {
    server(&[&["--replicaof", &format!("127.0.0.1:{}", primary.port)], args].concat())
}

/// Has a server follow another one.
fn follow(replica: &Endpoint, primary: &Endpoint) {
    let said = replica.open().call(&["REPLICAOF", "127.0.0.1", &primary.port.to_string()]);
    assert!(said.text().starts_with("OK"), "REPLICAOF: {said}");
}

/// A field of INFO.
fn info(conn: &mut Conn, field: &str) -> String {
    let text = conn.run("INFO").text();
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("INFO has no {field}:\n{text}")).trim().to_owned()
}

fn offset(conn: &mut Conn) -> u64 {
    info(conn, "master_repl_offset").parse().expect("an offset")
}

/// Whether it follows, and has all of the other's log.
fn is_in_step(primary: &Endpoint, replica: &Endpoint) -> bool {
    let (mut own, mut other) = (replica.open(), primary.open());
    // Until it has loaded its files it follows nobody yet.
    if info(&mut own, "role") != "slave" || info(&mut own, "master_link_status") != "up" {
        return false;
    }
    let end = offset(&mut other);
    // What was done a moment ago is in the log a moment later.
    pause(Duration::from_millis(10));
    offset(&mut own) == end && offset(&mut other) == end
}

/// Waits until the replica has all of the primary's log.
fn in_step(primary: &Server, replica: &Server) {
    let ends = wait_for(WITHIN, || is_in_step(&primary.endpoint, &replica.endpoint));
    let tell =
        |server: &Server| server.endpoint.open().run("INFO replication").text() + &server.process.output();
    assert!(ends, "it is not in step\nprimary: {}\nreplica: {}", tell(primary), tell(replica));
}

/// Waits until the replica has all, and compares all keys.
fn equal(primary: &Server, replica: &Server) {
    in_step(primary, replica);
    let (own, other) = (contents(&primary.endpoint), contents(&replica.endpoint));
    own.compare(&other);
}

/// How often a line of what it logs says this.
fn says(server: &Server, text: &str) -> usize {
    server.process.output().lines().filter(|line| line.contains(text)).count()
}

const FULL: &str = "all keys of the primary are here";
const PARTIAL: &str = "the primary is followed from where it was left";
