//! Backups under load are the state of one moment; the old one stays until the new one is whole.

use super::{everything, files, info, start_in, stop, text};
use ringtail_tests::harness::{Options, Server, pause, scratch, wait_for};
use ringtail_tests::resp::{Conn, Endpoint, Value};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

const CLIENTS: usize = 6;

/// Keys of each kind that a client writes.
const KEYS: u64 = 400;

/// How long a backup may take.
const WRITTEN: Duration = Duration::from_secs(30);

/// Writes pairs that are always equal, counters that only grow, and keys that come and go, until told to stop.
fn write_on(endpoint: &Endpoint, client: usize, stop: &AtomicBool) {
    let (mut conn, mut n) = (endpoint.open(), 0_u64);
    while !stop.load(SeqCst) {
        n += 1;
        let (key, value) = (n * 7 % KEYS, n.to_string());
        let own = |kind: &str| format!("{kind}:{client}:{key}");
        let requests = vec![
            vec!["MULTI".to_owned()],
            vec!["SET".into(), own("left"), value.clone()],
            vec!["SET".into(), own("right"), value.clone()],
            vec!["EXEC".into()],
            vec!["INCR".into(), format!("count:{client}")],
            vec!["SADD".into(), own("set"), value.clone()],
            vec!["RPUSH".into(), own("list"), value.clone()],
            vec!["DEL".into(), format!("{}:{client}:{}", if n % 2 == 0 { "set" } else { "list" }, n % KEYS)],
        ];
        let replies = conn.try_pipeline(&requests).expect("replies");
        assert!(replies.iter().all(|reply| reply.error().is_none()), "{replies:?}");
    }
}

fn count(conn: &mut Conn) -> u64 {
    let number = |reply: Value| reply.bytes().map_or(0, |_| reply.text().parse().expect("a number"));
    (0..CLIENTS).map(|client| number(conn.run(&format!("GET count:{client}")))).sum()
}

/// Runs something while many clients write.
fn under_load<T>(endpoint: &Endpoint, run: impl FnOnce() -> T) -> T {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (endpoint, stop) = (endpoint.clone(), &stop);
            scope.spawn(move || write_on(&endpoint, client, stop));
        }
        pause(Duration::from_millis(300));
        let result = run();
        stop.store(true, SeqCst);
        result
    })
}

/// A server that begins with a backup, and has no other.
fn from_backup(file: &Path) -> Server {
    let copy = scratch("restored").join("backup.rtb");
    std::fs::copy(file, &copy).expect("a copy of the backup");
    let server = Server::start(&Options::args(&["--backup", text(&copy)]));
    server.loaded();
    server
}

fn assert_pairs_are_equal(conn: &mut Conn) {
    for client in 0..CLIENTS {
        for key in 0..KEYS {
            let left = conn.run(&format!("GET left:{client}:{key}"));
            let right = conn.run(&format!("GET right:{client}:{key}"));
            assert_eq!(left, right, "client {client}, key {key}");
        }
    }
}

#[test]
fn a_backup_under_load_is_of_one_moment() {
    let dir = scratch("backups");
    let server = start_in(&dir, &["--log", "everysec", "--log-growth", "0"]);
    let backups = under_load(&server.endpoint, || {
        let mut conn = server.endpoint.open();
        conn.set_patience(WRITTEN);
        let take = |n| {
            let before = count(&mut conn);
            let name = format!("b{n}.rtb");
            assert!(conn.call(&["BACKUP", &name]).is_ok());
            (dir.join(name), before, count(&mut conn))
        };
        (0..4).map(take).collect::<Vec<_>>()
    });
    for (file, before, after) in &backups {
        let restored = from_backup(file);
        let mut conn = restored.endpoint.open();
        let there = count(&mut conn);
        assert!((*before..=*after).contains(&there), "{before} <= {there} <= {after}");
        assert_pairs_are_equal(&mut conn);
    }
    let (file, ..) = &backups[2];
    log_up_to_a_backup_is_the_backup(server, &dir, file);
}

/// The log's groups up to the backup's offset give what is in the backup.
fn log_up_to_a_backup_is_the_backup(mut server: Server, dir: &Path, backup: &Path) {
    let offset = offset_of(&server, backup);
    stop(&mut server);
    let copy = scratch("replayed");
    for file in files(dir, ".rtl").into_iter().chain([dir.join("manifest.json")]) {
        std::fs::copy(&file, copy.join(file.file_name().expect("a name"))).expect("a copy");
    }
    let segments = files(&copy, ".rtl");
    assert_eq!(segments.len(), 1, "the log has one segment");
    // Groups begin behind a page of the segment's own.
    let segment = std::fs::OpenOptions::new().write(true).open(&segments[0]).expect("the segment");
    segment.set_len(4096 + offset).expect("shorter");
    let replayed = start_in(&copy, &["--recover"]);
    let restored = from_backup(backup);
    let (log, file) = (everything(&mut replayed.endpoint.open()), everything(&mut restored.endpoint.open()));
    assert_eq!(log.len(), file.len());
    for (key, there) in &log {
        assert_eq!(file.get(key), Some(there), "{}", String::from_utf8_lossy(key));
    }
}

/// Which offset a backup is of, as the server has told its log.
fn offset_of(server: &Server, backup: &Path) -> u64 {
    let said = || server.process.output().lines().find(|line| line.contains(text(backup))).map(str::to_owned);
    wait_for(Duration::from_secs(1), || said().is_some());
    let line = said().unwrap_or_else(|| panic!("nothing of {}", backup.display()));
    let (_, rest) = line.split_once("offset=").unwrap_or_else(|| panic!("no offset in {line}"));
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("an offset")
}

fn keeping(file: &Path, args: &[&str]) -> Options {
    Options::args(&[&["--backup", text(file)], args].concat())
}

#[test]
fn an_end_writes_one_and_a_start_loads_it() {
    let file = scratch("backups").join("all.rtb");
    let mut server = Server::start(&keeping(&file, &[]));
    let mut conn = server.loaded();
    assert!(conn.run("SET k v PX 10000000").is_ok());
    assert_eq!(conn.run("SADD s a b c").int(), 3);
    let expiry = conn.run("PEXPIRETIME k").int();
    assert!(
        conn.call(&[
            "FUNCTION",
            "LOAD",
            "#!lua name=own\nredis.register_function('f', function() return 7 end)"
        ])
        .bytes()
        .is_some()
    );
    stop(&mut server);
    server.restart();
    let mut conn = server.loaded();
    assert_eq!(conn.run("GET k").text(), "v");
    assert_eq!(conn.run("PEXPIRETIME k").int(), expiry);
    assert_eq!(conn.run("SCARD s").int(), 3);
    assert_eq!(conn.run("FCALL f 0").int(), 7);
    for (command, reply) in [("BGSAVE", "Background saving started"), ("SAVE", "OK")] {
        wait_for(WRITTEN, || info(&mut conn, "rdb_bgsave_in_progress") == "0");
        assert_eq!(conn.run(command).text(), reply);
    }
    assert_eq!(info(&mut conn, "rdb_changes_since_last_save"), "0");
    assert!(conn.run("SET more v").is_ok());
    assert_eq!(info(&mut conn, "rdb_changes_since_last_save"), "1");
    assert!(conn.run("LASTSAVE").int() > 1_600_000_000);
    assert_eq!(info(&mut conn, "rdb_last_bgsave_status"), "ok");
}

#[test]
fn one_is_written_again_and_again_and_older_ones_are_kept() {
    let file = scratch("backups").join("all.rtb");
    let options = keeping(&file, &["--backup-interval", "1s", "--backup-keep", "2"]);
    let server = Server::start(&options);
    let mut conn = server.loaded();
    assert_eq!(conn.run("CONFIG GET save").items()[1].text(), "1 1");
    let older = |n: u32| PathBuf::from(format!("{}.{n}", text(&file)));
    let is_there = |path: &Path| wait_for(Duration::from_secs(5), || path.exists());
    assert!(conn.run("SET generation 1").is_ok());
    assert!(is_there(&file), "none by itself:\n{}", server.process.output());
    for n in 2..5 {
        assert!(conn.run(&format!("SET generation {n}")).is_ok());
        // One may be on its way just now.
        assert!(wait_for(WRITTEN, || conn.run("SAVE").is_ok()));
    }
    let generation = |path: &Path| from_backup(path).endpoint.open().run("GET generation").text();
    assert_eq!(generation(&file), "4");
    assert!(older(1).exists() && older(2).exists() && !older(3).exists());
    let kept: Vec<u32> =
        [older(1), older(2)].iter().map(|path| generation(path).parse().expect("n")).collect();
    assert!(kept[0] >= kept[1], "{kept:?}");
}

#[test]
fn an_interrupted_backup_leaves_the_old_one() {
    let file = scratch("backups").join("all.rtb");
    let mut server = Server::start(&keeping(&file, &[]));
    let mut conn = server.loaded();
    assert!(conn.run("SET k old").is_ok());
    assert!(conn.run("SAVE").is_ok());
    let old = std::fs::read(&file).expect("the backup");
    assert!(conn.run("SET k new").is_ok());
    let fill = "for i = 1, 20000 do redis.call('SET', 'k' .. i, string.rep(tostring(i), 500)) end";
    for round in 0..3 {
        conn.call(&["EVAL", fill, "0"]);
        let part = PathBuf::from(format!("{}.part", text(&file)));
        assert_eq!(conn.run("BGSAVE").error(), None);
        assert!(wait_for(WRITTEN, || part.exists()), "round {round}");
        server.process.kill();
        let now = std::fs::read(&file).expect("the backup");
        if now == old {
            server.restart();
            conn = server.loaded();
            assert_eq!(conn.run("GET k").text(), "old");
        } else {
            // It was written before the kill came: a whole one.
            assert!(!part.exists());
            server.restart();
            conn = server.loaded();
            return assert_eq!(conn.run("GET k").text(), "new");
        }
    }
}

#[test]
fn names_stay_in_the_directory_and_a_place_is_needed() {
    let server = Server::start(&Options::default());
    let mut conn = server.endpoint.open();
    for line in ["BACKUP", "SAVE", "BGSAVE", "BACKUP name.rtb"] {
        let reply = conn.run(line);
        assert!(reply.error().is_some_and(|text| text.contains("--backup")), "{line}: {reply}");
    }
    let dir = scratch("backups");
    let server = start_in(&dir, &[]);
    let mut conn = server.endpoint.open();
    for name in [
        "../up.rtb",
        "/tmp/x.rtb",
        ".hidden",
        "a/b",
        "LOCK",
        "manifest.json",
        "log-1.rtl",
        "base-1.rtb",
        "base.tmp",
    ] {
        let reply = conn.call(&["BACKUP", name]);
        assert!(reply.error().is_some(), "{name}: {reply}");
    }
    assert!(conn.call(&["BACKUP", "good.rtb"]).is_ok());
    assert!(dir.join("good.rtb").exists());
}
