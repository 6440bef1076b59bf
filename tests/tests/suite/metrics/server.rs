//! What moves each metric of a data server.

use super::pool::denied;
use super::{Admin, PROCESS, SOON, Seen, Still, check_process, value};
use crate::durable::disk::{Tmpfs, fill, tamper_with_syncs};
use ringtail_tests::harness::{Certs, Link, Options, Server, Signal, Way, scratch, wait_for};
use ringtail_tests::resp::{Conn, Endpoint};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// What stands still in a server, beside what does in every process.
const STILL: [Still; 2] = [
    (
        "ringtail_server_log_enabled",
        "--dir says so at the start; keys_and_memory and log_and_backups look at it",
    ),
    ("ringtail_server_memory_bytes{use=\"startup\"}", "it is measured once; keys_and_memory looks at it"),
];

/// What stands still where no bad disk can be had.
const NO_BAD_DISK: [Still; 3] = [
    ("ringtail_server_log_failing", "no tmpfs or strace here"),
    ("ringtail_server_log_late_total", "no tmpfs or strace here"),
    ("ringtail_server_log_compaction_failing", "no tmpfs or strace here"),
];

/// A server with `--admin`, and further arguments.
fn start(args: &[&str]) -> (Server, Admin) {
    let admin = Admin::anywhere();
    let server = Server::start(&Options::args(&[&["--admin", &admin.addr, "--threads", "2"], args].concat()));
    assert!(wait_for(SOON, || admin.get("/readyz").0 == 200), "{:?}", admin.get("/readyz"));
    (server, admin)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn ok(conn: &mut Conn, line: &str) {
    let reply = conn.run(line);
    assert_eq!(reply.error(), None, "{line}");
}

/// Values of 1 KB under so many keys.
fn write_many(endpoint: &Endpoint, count: usize) {
    let (mut conn, value) = (endpoint.open(), "x".repeat(1000));
    for from in (0..count).step_by(1000) {
        let sets: Vec<_> =
            (from..from + 1000).map(|n| ["SET".to_owned(), format!("k{n}"), value.clone()]).collect();
        let requests: Vec<Vec<String>> = sets.into_iter().map(Vec::from).collect();
        let replies = conn.try_pipeline(&requests).expect("replies");
        assert!(replies.iter().all(|reply| reply.is_ok()), "{}", replies[0]);
    }
}

#[test]
fn every_metric_of_a_server_is_moved() {
    let mut seen = Seen::default();
    commands_and_clients(&mut seen);
    keys_and_memory(&mut seen);
    handshakes(&mut seen);
    log_and_backups(&mut seen);
    replication(&mut seen);
    let mut still = [&PROCESS[..], &STILL].concat();
    if !disks_that_fail(&mut seen) {
        still.extend(NO_BAD_DISK);
    }
    seen.assert_all_moved("ringtail-server", &still);
}

fn commands_and_clients(seen: &mut Seen) {
    let acl = scratch("metrics").join("users.acl");
    let user = |rules: &str| {
        std::fs::write(&acl, format!("user reader on nopass {rules}\n")).expect("a file below target");
    };
    user("~mine &mine +get +publish");
    let (server, admin) = start(&["--acl-file", text(&acl), "--set", "enable-debug-command=yes"]);
    check_process(&seen.scrape(&admin), "ringtail-server");
    let [mut conn, mut waits, mut listens, mut tracks] = [(); 4].map(|()| server.endpoint.open());
    for line in ["SET k v", "GET k", "GET none", "EVAL return(1) 0", "MULTI", "EXEC"] {
        ok(&mut conn, line);
    }
    assert!(conn.run("LPUSH k x").error().is_some());
    waits.send(b"BLPOP list 0\r\n").expect("sent");
    listens.run("SUBSCRIBE news");
    tracks.run("HELLO 3");
    ok(&mut tracks, "CLIENT TRACKING ON");
    for series in ["blocked", "subscribed", "tracking"] {
        seen.until(&admin, &format!("ringtail_server_clients_{series}"), |value| value == 1.0);
    }
    ok(&mut conn, "LPUSH list x");
    assert_eq!(waits.read().expect("what it waited for").items().len(), 2);
    // It takes nothing of it.
    assert!(conn.call(&["CONFIG", "SET", "client-output-buffer-limit", "pubsub 100kb 50kb 1"]).is_ok());
    let message = "m".repeat(1 << 20);
    (0..20).for_each(|_| _ = conn.call(&["PUBLISH", "news", &message]));
    seen.until(&admin, "ringtail_server_clients_closed_for_output_total", |value| value > 0.0);
    denied(&mut server.endpoint.open());
    assert!(server.endpoint.open().run("AUTH nobody wrong").error().is_some());
    let mut bad = server.endpoint.open();
    bad.send(b"DEBUG PANIC\r\n").expect("sent");
    assert!(bad.closes());
    for (rules, outcome) in [("~mine +get +ping", "taken"), ("~mine +nosuch", "refused")] {
        user(rules);
        server.process.signal(Signal::Hangup);
        let series = format!("ringtail_server_file_reloads_total{{outcome=\"{outcome}\"}}");
        seen.until(&admin, &series, |value| value > 0.0);
    }
    ok(&mut conn, "CONFIG SET maxclients 1");
    let mut refused = server.endpoint.connect_raw().expect("a connection");
    assert!(refused.read().is_ok_and(|reply| reply.error().is_some()));
    seen.until(&admin, "ringtail_server_connections_refused_total", |value| value > 0.0);
    let text = seen.scrape(&admin);
    let calls = |command: &str| {
        value(&text, &format!("ringtail_server_command_calls_total{{command=\"{command}\"}}"))
    };
    assert_eq!((calls("get"), calls("eval"), calls("exec")), (Some(2.0), Some(1.0), Some(1.0)));
    let failed = "ringtail_server_command_failures_total{command=\"lpush\",kind=\"failed\"}";
    assert_eq!(value(&text, failed), Some(1.0));
    assert_eq!(value(&text, "ringtail_server_error_replies_total{code=\"WRONGTYPE\"}"), Some(1.0));
    let count = |class: &str| format!("ringtail_server_command_duration_seconds_count{{class=\"{class}\"}}");
    for class in ["read", "write", "blocking", "script", "transaction", "other"] {
        assert!(value(&text, &count(class)) >= Some(1.0), "{class}");
    }
}

fn keys_and_memory(seen: &mut Seen) {
    let (server, admin) = start(&[]);
    seen.scrape(&admin);
    let mut conn = server.endpoint.open();
    for line in [
        "SET brief v PX 1",
        "SET long v EX 1000",
        "SELECT 3",
        "SET elsewhere v",
        "SELECT 0",
        "GET long",
        "GET none",
    ] {
        ok(&mut conn, line);
    }
    seen.until(&admin, "ringtail_server_keys_expired_total", |value| value == 1.0);
    let text = seen.scrape(&admin);
    let number = |series: &str| value(&text, series);
    assert_eq!(number("ringtail_server_log_enabled"), Some(0.0));
    assert!(number("ringtail_server_memory_bytes{use=\"startup\"}") > Some(1e5));
    assert_eq!(number("ringtail_server_keys{db=\"0\"}"), Some(1.0));
    assert_eq!(number("ringtail_server_keys{db=\"3\"}"), Some(1.0));
    assert_eq!(number("ringtail_server_keys_expiring{db=\"0\"}"), Some(1.0));
    assert_eq!(
        (number("ringtail_server_key_hits_total"), number("ringtail_server_key_misses_total")),
        (Some(1.0), Some(1.0))
    );
    let words: Vec<String> = (0..20_000).map(|n| n.to_string()).collect();
    let words: Vec<&str> = ["SADD", "set"].into_iter().chain(words.iter().map(String::as_str)).collect();
    conn.call(&words);
    ok(&mut conn, "UNLINK set");
    seen.until(&admin, "ringtail_server_lazy_freed_total", |value| value > 0.0);
    ok(&mut conn, "CONFIG SET maxmemory 10mb");
    write_many(&server.endpoint, 20_000);
    seen.until(&admin, "ringtail_server_keys_evicted_total", |value| value > 1000.0);
    let text = seen.scrape(&admin);
    assert_eq!(value(&text, "ringtail_server_memory_limit_bytes"), Some(f64::from(10 << 20)));
    let used = value(&text, "ringtail_server_memory_used_bytes").expect("used");
    assert!((4e6..12e6).contains(&used), "{used}");
}

fn handshakes(seen: &mut Seen) {
    let admin = Admin::anywhere();
    let options = Options::args(&["--admin", &admin.addr]).with_certs(&Certs::get());
    let server = Server::start(&options);
    let mut plain = Endpoint::plain(server.endpoint.port).connect_raw().expect("a connection");
    plain.send(b"PING\r\n").expect("sent");
    let _ = plain.receive(&mut [0; 64]);
    for outcome in ["ok", "failed"] {
        let series = format!("ringtail_server_tls_handshakes_total{{outcome=\"{outcome}\"}}");
        seen.until(&admin, &series, |value| value > 0.0);
    }
}

fn log_and_backups(seen: &mut Seen) {
    let dir = scratch("metrics");
    let backup = dir.join("backups").join("keys.rtb");
    std::fs::create_dir_all(dir.join("backups")).expect("a directory");
    let (mut server, admin) = start(&["--dir", text(&dir.join("data")), "--backup", text(&backup)]);
    assert_eq!(value(&seen.scrape(&admin), "ringtail_server_log_enabled"), Some(1.0));
    // Each sync takes half a second after the one before: meanwhile something waits for the disk.
    write_many(&server.endpoint, 1000);
    seen.until(&admin, "ringtail_server_log_unsynced_bytes", |value| value == 0.0);
    let mut conn = server.endpoint.open();
    let lags = wait_for(SOON, || {
        ok(&mut conn, "SET k v");
        let text = seen.scrape(&admin);
        let behind = ["ringtail_server_log_unsynced_bytes", "ringtail_server_log_lag_seconds"];
        behind.iter().all(|series| value(&text, series).is_some_and(|value| value > 0.0))
    });
    assert!(lags, "what was written is on disk at once, each time");
    write_many(&server.endpoint, 300_000);
    // It may have begun by itself.
    let _ = conn.run("BGREWRITEAOF");
    seen.until(&admin, "ringtail_server_log_compactions_total", |value| value > 0.0);
    let runs = wait_for(SOON, || {
        let _ = conn.run("BGSAVE");
        value(&seen.scrape(&admin), "ringtail_server_backup_running") == Some(1.0)
    });
    assert!(runs, "no backup was ever seen running");
    seen.until(&admin, "ringtail_server_backup_last_size_bytes", |value| value > 1e6);
    seen.until(&admin, "ringtail_server_backup_running", |value| value == 0.0);
    std::fs::remove_dir_all(dir.join("backups")).expect("the backups' directory");
    let _ = conn.run("SAVE");
    seen.until(&admin, "ringtail_server_backups_total{outcome=\"failed\"}", |value| value > 0.0);
    // Whoever asks while all that is loaded is told how far it is.
    std::fs::create_dir_all(dir.join("backups")).expect("a directory");
    server.process.kill();
    drop(conn);
    let watched = std::thread::scope(|scope| {
        let watching = scope.spawn(|| watch_loading(&admin));
        server.restart();
        watching.join().expect("the watcher")
    });
    assert!(
        watched.iter().any(|(status, why)| *status == 503 && why.starts_with("loading: ")),
        "{watched:?}"
    );
    assert_eq!(watched.last(), Some(&(200, "ready\n".to_owned())));
    seen.until(&admin, "ringtail_server_loaded_bytes", |value| value > 1e6);
}

/// All different answers of /readyz until it is ready.
fn watch_loading(admin: &Admin) -> Vec<(u16, String)> {
    let mut answers = Vec::new();
    let request = "GET /readyz HTTP/1.1\r\n\r\n";
    wait_for(SOON, || {
        if admin.try_ask(request).is_ok_and(|answer| !answer.is_empty()) {
            let answer = admin.get("/readyz");
            if answers.last() != Some(&answer) {
                answers.push(answer);
            }
        }
        answers.last().is_some_and(|(status, _)| *status == 200)
    });
    answers
}

fn replication(seen: &mut Seen) {
    let (primary, first) = start(&[]);
    let (replica, second) = start(&[]);
    [&first, &second].into_iter().for_each(|admin| _ = seen.scrape(admin));
    write_many(&primary.endpoint, 100_000);
    let mut conn = replica.endpoint.open();
    let link = Link::to(primary.endpoint.port);
    ok(&mut conn, &format!("REPLICAOF 127.0.0.1 {}", link.port()));
    first_sync(seen, &link, [&first, &second]);
    fall_behind(seen, &primary.endpoint, [&first, &second]);
    seen.until(&second, "ringtail_server_primary", |value| value == 0.0);
    link.cut();
    seen.until(&second, "ringtail_server_primary_link_up", |value| value == 0.0);
    link.heal();
    seen.until(&first, &syncs("resumed"), |value| value > 0.0);
    another_log(seen, &primary.endpoint, &first);
    drop(primary);
    seen.until(&second, "ringtail_server_primary_link_up", |value| value == 0.0);
    let (status, why) = second.get("/readyz");
    assert!(status == 503 && why.starts_with("no connection to the primary 127.0.0.1:"), "{status} {why}");
    assert_eq!(second.get("/healthz").0, 200);
    ok(&mut conn, "REPLICAOF NO ONE");
    seen.until(&second, "ringtail_server_replication_epoch", |value| value > 1.0);
    assert_eq!(second.get("/readyz"), (200, "ready\n".to_owned()));
}

fn syncs(kind: &str) -> String {
    format!("ringtail_server_replica_syncs_total{{kind=\"{kind}\"}}")
}

/// All keys come, over a link that is slow until both were seen at it: meanwhile the replica is loading, and not ready.
fn first_sync(seen: &mut Seen, link: &Link, [first, second]: [&Admin; 2]) {
    link.set([Way::Open, Way::Slow(Duration::from_millis(20))]);
    seen.until(second, "ringtail_server_loading", |value| value == 1.0);
    seen.until(first, "ringtail_server_replicas{state=\"syncing\"}", |value| value == 1.0);
    link.heal();
    assert!(wait_for(SOON, || second.get("/readyz").0 == 200), "{:?}", second.get("/readyz"));
    seen.until(second, "ringtail_server_primary_link_up", |value| value == 1.0);
    seen.until(first, "ringtail_server_replicas{state=\"online\"}", |value| value == 1.0);
    seen.until(first, &syncs("full"), |value| value == 1.0);
}

/// Who follows and has a log of its own can't go on where it was.
fn another_log(seen: &mut Seen, primary: &Endpoint, admin: &Admin) {
    ok(&mut primary.open(), "FLUSHALL");
    let (other, _) = start(&["--dir", text(&scratch("metrics").join("other"))]);
    let mut conn = other.endpoint.open();
    ok(&mut conn, "SET k v");
    ok(&mut conn, &format!("REPLICAOF 127.0.0.1 {}", primary.port));
    seen.until(admin, &syncs("too_old"), |value| value > 0.0);
}

/// Writes so much that now and then both say that the replica has not applied it yet.
fn fall_behind(seen: &mut Seen, primary: &Endpoint, [first, second]: [&Admin; 2]) {
    let over = AtomicBool::new(false);
    let lags = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Relaxed) {
                write_many(primary, 5000)
            }
        });
        let mut seen_of = [false; 2];
        let lags = wait_for(SOON, || {
            seen_of[0] |= behind(&seen.scrape(first), "ringtail_server_replica_lag_bytes{");
            seen_of[1] |= behind(&seen.scrape(second), "ringtail_server_primary_lag_bytes ");
            seen_of == [true; 2]
        });
        over.store(true, Relaxed);
        lags
    });
    assert!(lags, "it is never behind");
    // Else it may be so far behind that it can't resume.
    let catches_up = || !behind(&seen.scrape(first), "ringtail_server_replica_lag_bytes{");
    assert!(wait_for(SOON, catches_up), "it never catches up");
}

/// Whether a gauge of lag says that there is some.
fn behind(text: &str, family: &str) -> bool {
    let found = text.lines().find(|line| line.starts_with(family));
    found.and_then(|line| line.rsplit_once(' ')).is_some_and(|(_, bytes)| bytes != "0")
}

/// Whether such disks can be had here.
fn disks_that_fail(seen: &mut Seen) -> bool {
    let Some(tmpfs) = Tmpfs::mount("64m") else { return false };
    let (server, admin) = start(&["--dir", text(&tmpfs.0.join("data")), "--log-growth", "0"]);
    let Some(mut hanging) = tamper_with_syncs(&server, "delay_enter=3000000") else { return false };
    let mut conn = server.endpoint.open();
    ok(&mut conn, "SET k v");
    seen.until(&admin, "ringtail_server_log_late_total", |value| value > 0.0);
    hanging.signal(Signal::Interrupt);
    hanging.wait_exit(SOON);
    seen.until(&admin, "ringtail_server_log_unsynced_bytes", |value| value == 0.0);
    fill(&server.endpoint, 0);
    seen.until(&admin, "ringtail_server_log_failing", |value| value == 1.0);
    let (status, why) = admin.get("/readyz");
    assert!(status == 503 && why.contains("the log can't be written"), "{status} {why}");
    ok(&mut conn, "BGREWRITEAOF");
    seen.until(&admin, "ringtail_server_log_compaction_failing", |value| value > 0.0);
    true
}
