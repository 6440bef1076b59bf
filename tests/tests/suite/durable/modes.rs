//! When what is written reaches the disk: told by INFO and CONFIG, changed live, waited for by WAITAOF.

use super::{info, restart, start, text};
use ringtail_tests::harness::{Options, Server, scratch, wait_for};
use ringtail_tests::resp::Conn;
use std::time::{Duration, Instant};

fn config(conn: &mut Conn, name: &str) -> String {
    conn.call(&["CONFIG", "GET", name]).items()[1].text()
}

fn acknowledged(conn: &mut Conn, line: &str) -> Vec<i64> {
    conn.run(line).items().iter().map(|count| count.int()).collect()
}

#[test]
fn without_a_log_nothing_says_that_there_is_one() {
    let server = Server::start(&Options::default());
    let mut conn = server.endpoint.open();
    assert_eq!([config(&mut conn, "appendonly"), config(&mut conn, "appendfsync")], ["no", "everysec"]);
    assert_eq!(info(&mut conn, "aof_enabled"), "0");
    let refusal = conn.run("WAITAOF 1 0 0");
    assert_eq!(
        refusal.error(),
        Some("ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.")
    );
    assert!(conn.run("CONFIG SET appendonly no").is_ok());
    let refusal = conn.run("CONFIG SET appendonly yes");
    assert!(refusal.error().is_some_and(|text| text.contains("--dir")), "{refusal}");
    assert!(conn.run("BGREWRITEAOF").error().is_some_and(|text| text.contains("--dir")));
}

#[test]
fn the_mode_changes_live_and_nothing_is_lost_by_it() {
    let (mut server, dir) = start(&["--log", "everysec", "--log-growth", "30"]);
    let mut conn = server.endpoint.open();
    let about = ["appendonly", "appendfsync", "dir", "auto-aof-rewrite-percentage"];
    let values = about.map(|name| config(&mut conn, name));
    assert_eq!(values, ["yes", "everysec", text(&dir), "30"]);
    assert!(conn.run("CONFIG SET auto-aof-rewrite-percentage 70").is_ok());
    assert_eq!(config(&mut conn, "auto-aof-rewrite-percentage"), "70");
    assert!(conn.run("CONFIG SET appendfsync sometimes").error().is_some());
    let mut written = 0;
    for round in 0..30 {
        let mode = ["always", "everysec", "no"][round % 3];
        assert!(conn.run(&format!("CONFIG SET appendfsync {mode}")).is_ok());
        assert_eq!(config(&mut conn, "appendfsync"), mode);
        for _ in 0..20 {
            written = conn.run("INCR n").int();
        }
        if mode == "always" {
            // What is acknowledged is on disk; the thread says so right after the reply has gone.
            let on_disk = || info(&mut conn, "log_offset") == info(&mut conn, "log_synced_offset");
            assert!(wait_for(Duration::from_secs(1), on_disk));
        }
    }
    assert!(conn.run("CONFIG SET appendfsync always").is_ok());
    assert_eq!(conn.run("INCR n").int(), written + 1);
    server.process.kill();
    restart(&mut server);
    let mut conn = server.endpoint.open();
    assert_eq!(conn.run("GET n").text(), (written + 1).to_string());
    // As it was told at the start.
    assert_eq!(config(&mut conn, "appendfsync"), "everysec");
}

#[test]
fn redis_names_are_taken_at_the_start() {
    let dir = scratch("modes");
    let server = Server::start(&Options::args(&["--dir", text(&dir), "--appendfsync", "no"]));
    let mut conn = server.loaded();
    assert_eq!([config(&mut conn, "appendonly"), config(&mut conn, "appendfsync")], ["yes", "no"]);
    drop(server);
    let server = Server::start(&Options::args(&["--dir", text(&dir), "--log", "off"]));
    let mut conn = server.loaded();
    assert_eq!(config(&mut conn, "appendonly"), "no");
    let says = || server.process.output().contains("--log off: the log in ");
    assert!(wait_for(Duration::from_secs(1), says), "{}", server.process.output());
}

#[test]
fn waitaof_waits_for_the_disk() {
    for mode in ["always", "everysec", "no"] {
        let (server, _) = start(&["--log", mode]);
        let mut conn = server.endpoint.open();
        assert_eq!(acknowledged(&mut conn, "WAITAOF 1 0 1000"), [1, 0]);
        for n in 0..5 {
            assert!(conn.run(&format!("SET k {n}")).is_ok());
            let begun = Instant::now();
            assert_eq!(acknowledged(&mut conn, "WAITAOF 1 0 5000"), [1, 0], "{mode}");
            assert!(begun.elapsed() < Duration::from_secs(2), "{mode}: {:?}", begun.elapsed());
            assert_eq!(info(&mut conn, "log_offset"), info(&mut conn, "log_synced_offset"), "{mode}");
        }
        // There are no replicas.
        assert_eq!(acknowledged(&mut conn, "WAITAOF 1 1 50"), [1, 0], "{mode}");
        assert_eq!(acknowledged(&mut conn, "WAITAOF 0 0 0")[1], 0, "{mode}");
        for line in ["MULTI", "SET k v", "WAITAOF 1 0 0"] {
            assert_eq!(conn.run(line).error(), None);
        }
        assert_eq!(conn.run("EXEC").items().len(), 2);
    }
}

#[test]
fn info_tells_of_the_log() {
    let (server, _) = start(&["--log", "always", "--log-growth", "0"]);
    let mut conn = server.endpoint.open();
    for n in 0..100 {
        assert!(conn.run(&format!("SET k{n} v")).is_ok());
    }
    assert_eq!(info(&mut conn, "aof_enabled"), "1");
    assert_eq!(info(&mut conn, "aof_base_size"), "0");
    let size = |conn: &mut Conn| info(conn, "aof_current_size").parse::<u64>().expect("bytes");
    assert!(size(&mut conn) > 1000);
    assert_eq!(info(&mut conn, "log_history").len(), 40);
    assert_eq!(conn.run("BGREWRITEAOF").error(), None);
    assert!(wait_for(Duration::from_secs(10), || info(&mut conn, "aof_rewrites") == "1"));
    assert_eq!(info(&mut conn, "aof_last_bgrewrite_status"), "ok");
    assert!(info(&mut conn, "aof_base_size") != "0");
    let ended = wait_for(Duration::from_secs(1), || {
        info(&mut conn, "aof_base_size") == info(&mut conn, "aof_current_size")
    });
    assert!(ended, "nothing was written since");
}
