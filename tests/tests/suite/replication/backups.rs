//! Servers that begin with a backup: it is a part of a log, and others have more of that.

use super::member::Member;
use super::{FULL, WITHIN, equal, in_step, info, replica_of, says, server};
use ringtail_tests::harness::{scratch, wait_for};

const KEYS: i64 = 100;

/// The primary comes back with a backup that is older than what it has acknowledged.
fn comes_back_with_an_old_backup(log: &str) {
    let dir = scratch("backups");
    let (backup, log_of_first) = (dir.join("old.rtb"), dir.join("log"));
    let text = |path: &std::path::Path| path.to_str().expect("a path in UTF-8").to_owned();
    let mut member = Member::each(|at| {
        let all = ["--ack", "quorum"].map(str::to_owned);
        let first = ["--backup".to_owned(), text(&backup), "--dir".to_owned(), text(&log_of_first)];
        let first = first.into_iter().chain(["--log".to_owned(), log.to_owned()]);
        all.into_iter().chain(first.filter(|_| at == 0)).collect()
    });
    let mut conn = member.endpoint(0).open();
    assert!(conn.run("SET old v").is_ok() && conn.run("SAVE").is_ok());
    for n in 0..KEYS {
        assert!(conn.run(&format!("SET k{n} v")).is_ok());
    }
    (1..3).for_each(|at| in_step(&member.servers[0], &member.servers[at]));
    let full = says(&member.servers[1], FULL) + says(&member.servers[2], FULL);
    member.servers[0].process.kill();
    if log_of_first.exists() {
        std::fs::remove_dir_all(&log_of_first).expect("a directory below target");
    }
    member.servers[0].restart();
    member.is_led_by(0, &[0, 1, 2]);
    for server in &member.servers {
        let keys = || server.endpoint.open().run("DBSIZE").int();
        assert!(wait_for(WITHIN, || keys() == KEYS + 1), "{} keys\n{}", keys(), member.tell());
    }
    let now = says(&member.servers[1], FULL) + says(&member.servers[2], FULL);
    assert_eq!(now, full, "{}", member.tell());
    assert!(member.endpoint(0).open().run("SET k v").is_ok());
    (1..3).for_each(|at| equal(&member.servers[0], &member.servers[at]));
}

#[test]
fn a_primary_that_comes_back_with_an_old_backup_gets_what_it_lacks() {
    comes_back_with_an_old_backup("off");
}

#[test]
fn a_primary_that_comes_back_with_an_old_backup_and_a_new_disk_gets_what_it_lacks() {
    comes_back_with_an_old_backup("everysec");
}

/// It leads whatever others have: they get all keys, and nobody takes its log for what theirs goes on with.
#[test]
fn a_log_that_goes_on_from_a_backup_by_itself_has_another_name() {
    let file = scratch("backups").join("old.rtb");
    let mut primary = server(&["--backup", file.to_str().expect("a path in UTF-8")]);
    let replica = replica_of(&primary.endpoint, &[]);
    let mut conn = primary.endpoint.open();
    // What nobody follows is not logged, and no backup says where in the log it is.
    in_step(&primary, &replica);
    assert!(conn.run("SET k old").is_ok());
    in_step(&primary, &replica);
    assert!(conn.run("SAVE").is_ok());
    let before = info(&mut conn, "master_replid");
    assert!(conn.run("SET k lost").is_ok());
    in_step(&primary, &replica);
    primary.process.kill();
    primary.restart();
    primary.loaded();
    let mut conn = primary.endpoint.open();
    assert_eq!(conn.run("GET k").text(), "old");
    let now = info(&mut conn, "master_replid");
    assert!(now != before && now[8..24] == before[8..24], "{before} and {now}");
    assert!(wait_for(WITHIN, || says(&replica, FULL) == 2), "{}", replica.process.output());
    equal(&primary, &replica);
}
