//! Files that are not as they were written: what a crash leaves is cut off and said, what is damaged stops the start.

use super::{everything, files, refused, restart, start, start_in, stop, text};
use ringtail_tests::harness::{Options, Server, scratch, wait_for};
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

const KEYS: usize = 200;

/// A server that has written keys and was ended, and its directory.
fn written() -> (Server, std::path::PathBuf) {
    let (server, dir) = start(&["--log", "always", "--log-growth", "0"]);
    let mut conn = server.endpoint.open();
    for n in 0..KEYS {
        assert!(conn.run(&format!("SET k{n} value-of-{n}")).is_ok());
    }
    (server, dir)
}

fn flip(path: &Path, position: u64) {
    let file = OpenOptions::new().read(true).write(true).open(path).expect("a file of the log");
    let mut byte = [0];
    file.read_exact_at(&mut byte, position).expect("a byte");
    file.write_all_at(&[byte[0] ^ 0x10], position).expect("another");
}

/// Where what was written ends: a file may have been prepared with zeros behind it.
fn end_of(path: &Path) -> u64 {
    let bytes = std::fs::read(path).expect("a file of the log");
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1)
}

/// How many keys are there, all with their values.
fn whole_keys(server: &Server) -> usize {
    let mut conn = server.loaded();
    let there = (0..KEYS).filter(|n| {
        let value = conn.run(&format!("GET k{n}"));
        value.bytes().is_some_and(|bytes| {
            assert_eq!(bytes, format!("value-of-{n}").as_bytes());
            true
        })
    });
    there.count()
}

#[test]
fn a_torn_end_is_cut_off_and_said() {
    let (mut server, dir) = written();
    server.process.kill();
    let last = files(&dir, ".rtl").pop().expect("a segment");
    let file = OpenOptions::new().write(true).open(&last).expect("the segment");
    file.set_len(end_of(&last) - 5).expect("shorter");
    restart(&mut server);
    assert_eq!(whole_keys(&server), KEYS - 1);
    let says = || server.process.output().contains("cut off");
    assert!(wait_for(Duration::from_secs(1), says), "{}", server.process.output());
    // It goes on from there, and nothing is in doubt any more.
    assert!(server.endpoint.open().run(&format!("SET k{} value-of-{}", KEYS - 1, KEYS - 1)).is_ok());
    server.process.kill();
    restart(&mut server);
    assert_eq!(whole_keys(&server), KEYS);
    assert!(!server.process.output().contains("cut off"), "{}", server.process.output());
}

#[test]
fn damage_in_the_middle_stops_the_start_and_the_rest_can_be_recovered() {
    let (mut server, dir) = written();
    stop(&mut server);
    let segment = files(&dir, ".rtl").pop().expect("a segment");
    flip(&segment, 4096 + (end_of(&segment) - 4096) / 2);
    let name = segment.file_name().and_then(|name| name.to_str()).expect("its name");
    let names = [name, "at byte", "whole groups of", "to lose", "--recover"];
    refused(&["--dir", text(&dir)], &names);
    let recovering = start_in(&dir, &["--recover"]);
    assert_eq!(whole_keys(&recovering), KEYS - 1);
    drop(recovering);
    // What is lost is lost: from then on it starts as ever.
    restart(&mut server);
    assert_eq!(whole_keys(&server), KEYS - 1);
}

/// A process that is killed leaves all that it wrote: what was not synced is damaged no less.
#[test]
fn damage_that_no_kill_leaves_stops_the_start() {
    let (mut server, dir) = start(&["--log", "no", "--log-growth", "0"]);
    let mut conn = server.endpoint.open();
    for n in 0..KEYS {
        assert!(conn.run(&format!("SET k{n} value-of-{n}")).is_ok());
    }
    // What the server still has in memory dies with it.
    let last = format!("value-of-{}", KEYS - 1);
    let segment = files(&dir, ".rtl").pop().expect("a segment");
    let written = || {
        let bytes = std::fs::read(&segment).expect("the segment");
        bytes.windows(last.len()).any(|it| it == last.as_bytes())
    };
    assert!(wait_for(Duration::from_secs(5), written));
    server.process.kill();
    let half = 4096 + (end_of(&segment) - 4096) / 2;
    flip(&segment, half);
    let before = std::fs::read(&segment).expect("the segment");
    refused(&["--dir", text(&dir)], &["at byte", "whole groups of", "copy the directory", "--recover"]);
    assert_eq!(std::fs::read(&segment).expect("the segment"), before, "nothing is cut off");
    let recovering = start_in(&dir, &["--recover"]);
    assert_eq!(whole_keys(&recovering), KEYS - 1);
}

#[test]
fn a_damaged_base_stops_the_start_and_the_rest_can_be_recovered() {
    let (mut server, dir) = written();
    let mut conn = server.endpoint.open();
    assert_eq!(conn.run("BGREWRITEAOF").error(), None);
    let rewritten = wait_for(Duration::from_secs(10), || super::info(&mut conn, "aof_rewrites") == "1");
    assert!(rewritten);
    assert!(conn.run("SET behind base").is_ok());
    stop(&mut server);
    let base = files(&dir, ".rtb").pop().expect("a base");
    flip(&base, std::fs::metadata(&base).expect("its length").len() / 2);
    refused(&["--dir", text(&dir)], &[text(&base), "--recover"]);
    let recovering = start_in(&dir, &["--recover"]);
    let left = whole_keys(&recovering);
    assert!((KEYS / 2..KEYS).contains(&left), "{left} keys");
    assert_eq!(recovering.endpoint.open().run("GET behind").text(), "base");
    let before = everything(&mut recovering.endpoint.open());
    drop(recovering);
    restart(&mut server);
    assert_eq!(everything(&mut server.endpoint.open()), before);
}

#[test]
fn a_damaged_backup_stops_the_start_and_the_rest_can_be_recovered() {
    let dir = scratch("damaged");
    let file = dir.join("all.rtb");
    let options = Options::args(&["--backup", text(&file)]);
    let mut server = Server::start(&options);
    let mut conn = server.loaded();
    for n in 0..KEYS {
        assert!(conn.run(&format!("SET k{n} value-of-{n}")).is_ok());
    }
    stop(&mut server);
    let good = std::fs::read(&file).expect("the backup");
    flip(&file, good.len() as u64 / 2);
    let bad = std::fs::read(&file).expect("the backup");
    let said = refused(&["--backup", text(&file)], &[text(&file), "--recover"]);
    assert!(!said.contains("ready"), "{said}");
    assert_eq!(std::fs::read(&file).expect("the backup"), bad, "a start that fails writes no backup");
    // One that was cut off has no footer.
    std::fs::write(&file, &good[..good.len() - 10]).expect("a file below target");
    refused(&["--backup", text(&file)], &[text(&file), "--recover"]);
    std::fs::write(&file, &bad).expect("a file below target");
    let options = Options::args(&["--backup", text(&file), "--recover"]);
    let recovering = Server::start(&options);
    let left = whole_keys(&recovering);
    assert!((KEYS / 2..KEYS).contains(&left), "{left} keys");
    let said = recovering.process.output();
    assert!(said.contains("lost: ") && said.contains(" at byte "), "{said}");
}

#[test]
fn a_damaged_backup_is_kept_when_the_rest_is_recovered() {
    let (server, dir) = written();
    assert!(server.endpoint.open().run("BACKUP all.rtb").is_ok());
    let backup = scratch("damaged").join("all.rtb");
    std::fs::copy(dir.join("all.rtb"), &backup).expect("a copy");
    flip(&backup, std::fs::metadata(&backup).expect("its length").len() / 2);
    let damaged = std::fs::read(&backup).expect("the backup");
    refused(&["--backup", text(&backup)], &[text(&backup), "--recover"]);
    for kept in ["all.rtb.damaged", "all.rtb.damaged.1"] {
        let mut recovering = Server::start(&Options::args(&["--backup", text(&backup), "--recover"]));
        recovering.loaded();
        assert!((KEYS / 2..KEYS).contains(&whole_keys(&recovering)));
        stop(&mut recovering);
        // The next one is what was loaded.
        assert_eq!(std::fs::read(backup.with_file_name(kept)).expect("what was damaged"), damaged);
        assert_ne!(std::fs::read(&backup).expect("the next backup"), damaged);
        std::fs::write(&backup, &damaged).expect("damaged again");
    }
    // Cut off where all begins: what there is to recover is nothing, and that is said.
    std::fs::write(&backup, &damaged[..20]).expect("a short file");
    refused(&["--backup", text(&backup)], &["--recover loads"]);
    let said = refused(&["--backup", text(&backup), "--recover"], &["take another backup"]);
    assert!(!said.contains("--recover loads"), "{said}");
    let garbage = scratch("garbage").join("dump.rdb");
    std::fs::write(&garbage, "REDIS0011 and more, but no backup").expect("a file");
    let said = refused(&["--backup", text(&garbage), "--recover"], &["ringtail convert"]);
    assert!(!said.contains("--recover loads"), "{said}");
}
