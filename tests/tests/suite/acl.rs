//! Users: their file, and that changes of them are seen by every connection at once.

use ringtail_tests::harness::{Options, Server, scratch, wait_for};
use ringtail_tests::resp::{Conn, Endpoint};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

const SECRET: &str = "correct-horse";

fn file(name: &str, text: &str) -> PathBuf {
    let path = scratch("acl").join(name);
    std::fs::write(&path, text).expect("a file below target");
    path
}

fn start(path: &Path) -> Server {
    Server::start(&Options::args(&["--acl-file", path.to_str().expect("a path in UTF-8"), "--threads", "2"]))
}

fn run(conn: &mut Conn, line: &str) -> String {
    conn.run(line).to_string()
}

fn log_in(endpoint: &Endpoint, user: &str, password: &str) -> Conn {
    let mut conn = endpoint.open();
    assert_eq!(run(&mut conn, &format!("AUTH {user} {password}")), "OK");
    conn
}

#[test]
fn users_are_saved_and_are_there_after_a_restart() {
    let path = file("saved.acl", "user ann on >one ~a* +get\n");
    let mut server = start(&path);
    let mut admin = server.endpoint.open();
    assert_eq!(run(&mut admin, &format!("ACL SETUSER bob on >{SECRET} ~b* -@all +set (+get %R~c)")), "OK");
    let before = run(&mut admin, "ACL LIST");
    assert_eq!(run(&mut admin, "ACL SAVE"), "OK");
    let saved = std::fs::read_to_string(&path).expect("the file that was saved");
    assert!(saved.contains("user bob on") && !saved.contains(SECRET), "{saved}");
    let mode = std::fs::metadata(&path).expect("the file that was saved").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!server.process.output().contains(SECRET));
    server.process.kill();
    server.restart();
    let mut admin = server.endpoint.open();
    assert_eq!(run(&mut admin, "ACL LIST"), before);
    let mut bob = log_in(&server.endpoint, "bob", SECRET);
    assert_eq!(run(&mut bob, "SET b1 v"), "OK");
    assert_eq!(run(&mut bob, "SET c v"), "-NOPERM No permissions to access a key");
}

#[test]
fn a_bad_file_changes_nothing() {
    let path = file("loaded.acl", "user ann on nopass ~* +@all\n");
    let server = start(&path);
    let (mut admin, mut ann) = (server.endpoint.open(), log_in(&server.endpoint, "ann", "any"));
    std::fs::write(&path, "user bob on\nuser carl on >x +nosuch\n").expect("a file below target");
    let refused = run(&mut admin, "ACL LOAD");
    assert!(refused.contains(":2: Error in applying operation '+nosuch'"), "{refused}");
    assert_eq!(run(&mut ann, "ACL WHOAMI"), "\"ann\"");
    std::fs::write(&path, "user bob on nopass ~* +@all\n").expect("a file below target");
    assert_eq!(run(&mut admin, "ACL LOAD"), "OK");
    assert_eq!(run(&mut admin, "ACL USERS"), "[\"bob\", \"default\"]");
    let gone = wait_for(Duration::from_secs(5), || ann.try_call(&["PING"]).is_err());
    assert!(gone, "who is no user any more is disconnected");
}

/// Every connection is on one of two threads; none may run a command that was forbidden before the command was sent.
#[test]
fn a_change_holds_for_all_connections_once_it_is_answered() {
    let server = start(&file("changed.acl", "user ann on nopass ~* +get\n"));
    let mut admin = server.endpoint.open();
    let mut conns: Vec<Conn> = (0..8).map(|_| log_in(&server.endpoint, "ann", "any")).collect();
    let refused = "-NOPERM User ann has no permissions to run the 'get' command";
    for (rule, expected) in [("-get", refused), ("+get", "nil")].into_iter().cycle().take(100) {
        assert_eq!(run(&mut admin, &format!("ACL SETUSER ann {rule}")), "OK");
        for conn in &mut conns {
            assert_eq!(run(conn, "GET k"), expected);
        }
    }
    assert_eq!(run(&mut admin, "ACL DELUSER ann"), "1");
    for conn in &mut conns {
        assert!(conn.try_call(&["GET", "k"]).is_err(), "a deleted user's connection runs nothing");
    }
}
