//! Either end is killed and started again.

use super::load::Load;
use super::{FULL, PARTIAL, WITHIN, equal, follow, in_step, info, replica_of, says, server};
use ringtail_tests::harness::{Server, Signal, scratch, wait_for};
use std::path::Path;
use std::time::Duration;

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

fn with_dir(args: &[&str]) -> Server {
    server(&[&["--dir", text(&scratch("repl")), "--log", "everysec"], args].concat())
}

fn restart(server: &mut Server) {
    server.process.kill();
    server.restart();
    server.loaded();
}

/// Kills the primary again and again under load.
fn primary_is_killed(policy: &str) {
    let mut primary = server(&["--dir", text(&scratch("repl")), "--log", policy]);
    let replica = replica_of(&primary.endpoint, &[]);
    let below = replica_of(&replica.endpoint, &["--dir", text(&scratch("repl")), "--log", policy]);
    let load = Load::begin(&primary.endpoint, 4, false);
    for _ in 0..4 {
        load.go_on(Duration::from_millis(400));
        restart(&mut primary);
    }
    load.go_on(Duration::from_millis(200));
    load.end();
    equal(&primary, &replica);
    equal(&replica, &below);
}

#[test]
fn a_primary_that_was_killed_goes_on_from_its_log_with_everysec() {
    primary_is_killed("everysec");
}

#[test]
fn a_primary_that_was_killed_goes_on_from_its_log_with_always() {
    primary_is_killed("always");
}

/// Kills the replica again and again under load: it goes on from its own log.
fn replica_is_killed(policy: &str) {
    // The load is more than a replica applies on a busy machine.
    let primary = with_dir(&["--repl-backlog", "1gb"]);
    assert!(primary.endpoint.open().run("SET k v").is_ok());
    let mut replica = replica_of(&primary.endpoint, &["--dir", text(&scratch("repl")), "--log", policy]);
    let load = Load::begin(&primary.endpoint, 4, false);
    let own = "the log of the primary goes on in this server's files";
    assert!(wait_for(WITHIN, || says(&replica, own) == 1), "{}", replica.process.output());
    for _ in 0..4 {
        load.go_on(Duration::from_millis(300));
        restart(&mut replica);
        assert!(wait_for(WITHIN, || says(&replica, PARTIAL) == 1), "{}", replica.process.output());
        assert_eq!(says(&replica, FULL), 0);
    }
    load.end();
    equal(&primary, &replica);
    // Also without its primary it has what it had.
    let size = replica.endpoint.open().run("DBSIZE").int();
    drop(primary);
    restart(&mut replica);
    let mut conn = replica.endpoint.open();
    assert_eq!((conn.run("DBSIZE").int(), info(&mut conn, "role")), (size, "slave".into()));
    assert!(conn.run("REPLICAOF NO ONE").is_ok());
    assert!(conn.run("SET k w").is_ok());
    assert_eq!(conn.run("WAITAOF 1 0 10000").items()[0].int(), 1);
    restart(&mut replica);
    assert_eq!(replica.endpoint.open().run("GET k").text(), "w");
}

#[test]
fn a_replica_that_was_killed_goes_on_from_its_log_with_everysec() {
    replica_is_killed("everysec");
}

#[test]
fn a_replica_that_was_killed_goes_on_from_its_log_with_always() {
    replica_is_killed("always");
}

#[test]
fn a_replica_that_was_killed_without_files_begins_again() {
    let primary = server(&[]);
    let mut replica = replica_of(&primary.endpoint, &[]);
    let load = Load::begin(&primary.endpoint, 4, false);
    for _ in 0..3 {
        load.go_on(Duration::from_millis(200));
        restart(&mut replica);
    }
    load.end();
    equal(&primary, &replica);
}

/// A primary that has only backups may have been replaced while it was dead.
#[test]
fn what_the_backup_of_one_that_led_has_alone_is_set_aside() {
    let (primary, backup) = (server(&[]), scratch("repl").join("b.rtb"));
    let mut alone = server(&["--backup", text(&backup)]);
    assert!(alone.endpoint.open().run("SET k alone").is_ok());
    let end = |server: &mut Server| {
        server.process.signal(Signal::Terminate);
        assert_eq!(server.process.wait_exit(WITHIN), Some(0), "{}", server.process.output());
    };
    end(&mut alone);
    // What it has by then, and what its next backup has, is the primary's.
    for (time, asides) in [("first", 1), ("second", 0)] {
        let mut replica = replica_of(&primary.endpoint, &["--backup", text(&backup)]);
        equal(&primary, &replica);
        let said = says(&replica, "all that this server has is set aside");
        assert_eq!(said, asides, "the {time} time: {}", replica.process.output());
        end(&mut replica);
    }
}

#[test]
fn who_leads_from_now_on_has_that_on_disk() {
    let old = with_dir(&[]);
    let mut new = with_dir(&[]);
    assert!(new.endpoint.open().run("SET alone v").is_ok());
    follow(&new.endpoint, &old.endpoint);
    assert!(old.endpoint.open().run("SET k v").is_ok());
    in_step(&old, &new);
    assert!(new.endpoint.open().run("REPLICAOF NO ONE").is_ok());
    assert!(new.endpoint.open().run("SET own v").is_ok());
    let synced = || new.endpoint.open().run("WAITAOF 1 0 5000").items()[0].int() == 1;
    assert!(wait_for(WITHIN, synced));
    for _ in 0..3 {
        restart(&mut new);
        let mut conn = new.endpoint.open();
        assert_eq!(conn.run("EXISTS alone k own").int(), 2);
        assert_eq!(info(&mut conn, "role"), "master");
    }
    follow(&old.endpoint, &new.endpoint);
    equal(&new, &old);
}

#[test]
fn a_name_that_nothing_was_written_under_is_known_at_the_next_start() {
    let mut server = with_dir(&[]);
    for round in 0..4 {
        restart(&mut server);
        assert_eq!(server.endpoint.open().run("DBSIZE").int(), 0, "round {round}");
    }
    assert!(server.endpoint.open().run("SET k v").is_ok());
    assert_eq!(server.endpoint.open().run("WAITAOF 1 0 10000").items()[0].int(), 1);
    for _ in 0..3 {
        restart(&mut server);
        assert_eq!(server.endpoint.open().run("GET k").text(), "v");
    }
}
