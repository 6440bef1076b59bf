//! A disk that is full, that fails, that can't be written, that is another's: nothing is lost silently, and all is well again by itself.

use super::{info, refused, restart, start, start_in, text};
use ringtail_tests::harness::{
    Options, Process, Server, Signal, missing, pause, real_part, say, scratch, wait_for,
};
use ringtail_tests::resp::{Endpoint, request};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// Once there is room, or the disk works again, writes are accepted within this.
const HEALED: Duration = Duration::from_secs(2);

/// A replica's files that have to begin again take longer: all keys are written.
const LATER: Duration = Duration::from_secs(60);

/// A small file system in memory.
pub(crate) struct Tmpfs(pub(crate) PathBuf);

impl Tmpfs {
    /// `None` where none can be mounted, with a line that says so.
    pub(crate) fn mount(size: &str) -> Option<Self> {
        let dir = scratch("tmpfs");
        let mut mount = Command::new("mount");
        let output =
            mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "ringtail-test"]).arg(&dir).output();
        match output {
            Ok(output) if output.status.success() => Some(Self(dir)),
            Ok(output) => {
                say(&format!("skipped: no tmpfs: {}", String::from_utf8_lossy(&output.stderr).trim()));
                None
            }
            Err(error) => {
                missing(&format!("mount: {error}"));
                None
            }
        }
    }

    fn remount(&self, how: &str) {
        let done = Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(&self.0).status();
        assert!(done.is_ok_and(|status| status.success()), "remount,{how}");
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// Writes values of 32 KiB until one is refused; which were acknowledged, and the refusal.
pub(crate) fn fill(endpoint: &Endpoint, round: u32) -> (Vec<String>, String) {
    let (mut conn, value, mut written) = (endpoint.open(), "x".repeat(32 << 10), Vec::new());
    for n in 0..20_000 {
        let key = format!("fill:{round}:{n}");
        match conn.call(&["SET", &key, &format!("{key}:{value}")]) {
            reply if reply.is_ok() => written.push(key),
            reply => return (written, reply.error().unwrap_or_default().to_owned()),
        }
    }
    panic!("the disk never fills up");
}

fn all_there(server: &Server, keys: &[String]) {
    let mut conn = server.loaded();
    for key in keys {
        let value = conn.call(&["GET", key]);
        let whole = value.bytes().is_some_and(|bytes| bytes.starts_with(format!("{key}:x").as_bytes()));
        assert!(whole, "{key} was acknowledged, and is lost");
    }
}

fn survives_a_full_disk(policy: &str) {
    // What is in memory before it is known that nothing fits is written again later: that may be much where the log's thread had no turn.
    let Some(tmpfs) = Tmpfs::mount("128m") else { return };
    let (dir, filler) = (tmpfs.0.join("data"), tmpfs.0.join("filler"));
    std::fs::write(&filler, vec![1; 112 << 20]).expect("room for a filler");
    let mut server = start_in(&dir, &["--log", policy, "--log-growth", "0"]);
    let (mut kept, mut refusal) = fill(&server.endpoint, 0);
    if !refusal.starts_with("MISCONF Errors writing to the log") {
        // The first was done before it was known. The next is not.
        let again = server.endpoint.open().run("SET one more");
        refusal = again.error().unwrap_or_default().to_owned();
    }
    assert!(refusal.starts_with("MISCONF Errors writing to the log"), "{refusal}");
    assert!(refusal.contains("No space left on device") && refusal.contains("reads go on"), "{refusal}");
    let mut conn = server.endpoint.open();
    assert!(kept.len() > 100, "{} keys fit", kept.len());
    assert!(conn.call(&["GET", &kept[0]]).bytes().is_some(), "reads go on");
    assert_eq!(info(&mut conn, "aof_last_write_status"), "err");
    assert!(info(&mut conn, "log_failure").contains("No space left"));
    // A state does not fit either: what it leaves must not keep the disk full.
    assert_eq!(conn.run("BGREWRITEAOF").error(), None);
    assert!(wait_for(HEALED, || info(&mut conn, "aof_last_bgrewrite_status") == "err"));
    std::fs::remove_file(&filler).expect("the filler");
    assert!(wait_for(HEALED, || conn.run("SET after room").is_ok()), "{}", conn.run("SET after room"));
    assert_eq!(info(&mut conn, "aof_last_write_status"), "ok");
    let (more, _) = fill(&server.endpoint, 1);
    if policy == "always" {
        // With `everysec` the disk has not taken the last of it.
        kept.extend(more);
    }
    server.process.kill();
    // To begin needs some room too: what the crash left in doubt is written again.
    tmpfs.remount("size=256m");
    restart(&mut server);
    all_there(&server, &kept);
    assert_eq!(server.endpoint.open().run("GET after").text(), "room");
}

#[test]
fn a_full_disk_refuses_writes_until_there_is_room() {
    survives_a_full_disk("always");
}

#[test]
fn a_full_disk_with_everysec() {
    survives_a_full_disk("everysec");
}

/// Clients that write, each on one connection until it is closed, and count what was acknowledged.
fn write_on(
    endpoint: &Endpoint,
    client: usize,
    stop: &AtomicBool,
    last: &AtomicU64,
    acknowledged: &AtomicU64,
) {
    let mut n = 0;
    while !stop.load(SeqCst) {
        let Ok(mut conn) = endpoint.connect() else { continue };
        while !stop.load(SeqCst) {
            n += 1;
            let reply = conn.try_call(&["SET", &format!("last:{client}"), &n.to_string()]);
            match reply {
                Ok(reply) if reply.is_ok() => {
                    last.store(n, SeqCst);
                    acknowledged.fetch_add(1, SeqCst);
                }
                Ok(reply) if reply.error().is_some_and(|text| text.starts_with("MISCONF")) => {
                    pause(Duration::from_millis(1));
                }
                Ok(reply) => panic!("{reply}"),
                Err(_) => break,
            }
        }
    }
}

/// Has every sync of a server go as strace's `inject` says, while the process lives that is returned.
pub(crate) fn tamper_with_syncs(server: &Server, how: &str) -> Option<Process> {
    tamper_with(server, "fdatasync,fsync", how)
}

/// The same of these system calls.
fn tamper_with(server: &Server, calls: &str, how: &str) -> Option<Process> {
    let strace = real_part("strace", "strace")?;
    let mut command = Command::new(strace);
    command.args(["-f", "-e", &format!("trace={calls}"), "-e", &format!("inject={calls}:{how}")]);
    let process = Process::start("strace", command.args(["-p", &server.process.id().to_string()]));
    let begins = wait_for(Duration::from_secs(5), || process.output().contains("attached"));
    if !begins {
        missing(&format!("strace can't follow a process here: {}", process.output()));
        return None;
    }
    Some(process)
}

#[test]
fn a_sync_that_fails_acknowledges_nothing() {
    const CLIENTS: usize = 4;
    let (mut server, _) = start(&["--log", "always"]);
    let (stop, acknowledged) = (AtomicBool::new(false), AtomicU64::new(0));
    let last: Vec<AtomicU64> = (0..CLIENTS).map(|_| AtomicU64::new(0)).collect();
    let skipped = std::thread::scope(|scope| {
        for (client, last) in last.iter().enumerate() {
            let (endpoint, stop, acknowledged) = (&server.endpoint, &stop, &acknowledged);
            scope.spawn(move || write_on(endpoint, client, stop, last, acknowledged));
        }
        let Some(mut failing) = tamper_with_syncs(&server, "error=EIO") else {
            stop.store(true, SeqCst);
            return true;
        };
        // Replies of syncs before may be on their way.
        pause(Duration::from_millis(200));
        let before = acknowledged.load(SeqCst);
        pause(Duration::from_millis(1500));
        let during = acknowledged.load(SeqCst) - before;
        let mut conn = server.endpoint.open();
        let refusal = conn.run("SET k v");
        let reads = conn.run("GET last:0");
        failing.signal(Signal::Interrupt);
        failing.wait_exit(HEALED);
        let healed = wait_for(HEALED, || conn.run("SET after v").is_ok());
        pause(Duration::from_millis(100));
        stop.store(true, SeqCst);
        assert_eq!(during, 0, "acknowledged while nothing reached the disk");
        assert!(before > 0 && healed, "{before} before, healed: {healed}");
        assert!(refusal.error().is_some_and(|text| text.starts_with("MISCONF")), "{refusal}");
        assert!(refusal.error().is_some_and(|text| text.contains("Input/output error")), "{refusal}");
        assert!(reads.bytes().is_some(), "{reads}");
        false
    });
    if skipped {
        return;
    }
    server.process.kill();
    restart(&mut server);
    let mut conn = server.endpoint.open();
    for (client, last) in last.iter().enumerate() {
        let there: u64 = conn.run(&format!("GET last:{client}")).text().parse().expect("a number");
        assert!(there >= last.load(SeqCst), "client {client}: {there} and not {last:?}");
    }
}

#[test]
fn who_waits_for_a_disk_that_fails_is_told_so() {
    let (server, _) = start(&["--log", "always"]);
    let mut conn = server.endpoint.open();
    assert!(conn.run("SET k before").is_ok());
    let Some(_failing) = tamper_with_syncs(&server, "error=EIO") else { return };
    let start = Instant::now();
    let reply = conn.run("SET k after");
    assert!(start.elapsed() < HEALED, "it waits for {:?}", start.elapsed());
    let refusal = reply.error().unwrap_or_default();
    assert!(refusal.starts_with("MISCONF the write was done here but is not on disk"), "{reply}");
    let refusal = conn.run("SET k later");
    assert!(
        refusal.error().is_some_and(|text| text.starts_with("MISCONF Errors writing to the log")),
        "{refusal}"
    );
    assert_eq!(conn.run("GET k").text(), "after");
    // What wrote to no key is answered for itself.
    let refusal = conn.run("SAVE");
    let said = refusal.error().unwrap_or_default();
    assert!(said.starts_with("ERR no backup") && said.contains("Input/output error"), "{refusal}");
    assert_eq!(conn.run("XREAD BLOCK 50 STREAMS nothing $").error(), None);
}

#[test]
fn a_directory_that_cannot_be_written() {
    let Some(tmpfs) = Tmpfs::mount("4m") else { return };
    let dir = tmpfs.0.join("data");
    tmpfs.remount("ro");
    refused(&["--dir", text(&dir)], &["--dir", text(&dir), "Read-only file system"]);
    tmpfs.remount("rw");
    std::fs::write(&dir, "a file").expect("room for a file");
    refused(&["--dir", text(&dir)], &["--dir", text(&dir)]);
    drop(tmpfs);
    refused(&["--dir", "/proc/nowhere"], &["--dir", "/proc/nowhere"]);
}

#[test]
fn a_directory_that_another_server_has() {
    let (server, dir) = start(&[]);
    let holder = server.process.id().to_string();
    refused(&["--dir", text(&dir)], &["--dir", text(&dir), "another server", &holder]);
    assert!(server.endpoint.open().run("SET k v").is_ok());
    drop(server);
    // Killed as it was, it has left its lock, which is nobody's any more.
    let again = Server::start(&Options::args(&["--dir", text(Path::new(&dir))]));
    again.loaded();
}

#[test]
fn while_the_disk_hangs_nothing_is_acknowledged_that_it_has_not() {
    let (server, _) = start(&["--log", "everysec"]);
    let (stop, acknowledged, last) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| write_on(&server.endpoint, 0, &stop, &last, &acknowledged));
        let Some(mut hanging) = tamper_with_syncs(&server, "delay_enter=5000000") else {
            return stop.store(true, SeqCst);
        };
        // The next sync begins within half a second, and what is a second old then is late.
        pause(Duration::from_millis(2500));
        let before = acknowledged.load(SeqCst);
        pause(Duration::from_millis(1000));
        let during = acknowledged.load(SeqCst) - before;
        let mut conn = server.endpoint.open();
        let reads = conn.run("GET last:0");
        let late = info(&mut conn, "aof_delayed_fsync");
        hanging.signal(Signal::Interrupt);
        hanging.wait_exit(HEALED);
        let goes_on = wait_for(Duration::from_secs(10), || acknowledged.load(SeqCst) > before + 100);
        stop.store(true, SeqCst);
        assert!(before > 0 && goes_on, "{before} before, goes on: {goes_on}");
        assert_eq!(during, 0, "acknowledged though the last sync was long ago");
        assert!(reads.bytes().is_some(), "{reads}");
        assert_ne!(late, "0");
    });
}

/// Replies that wait for the disk hold clients up, but not one that wants none.
#[test]
fn what_waits_for_a_disk_that_hangs_is_bounded_though_nobody_waits_for_replies() {
    const VALUE: usize = 4 << 20;
    let (server, _) = start(&["--log", "everysec"]);
    let mut conn = server.endpoint.open();
    // The log's thread itself stands still, not only its syncs.
    let Some(_hanging) = tamper_with(&server, "pwrite64", "delay_enter=100000000") else { return };
    let mut silent = server.endpoint.open();
    silent.send(b"CLIENT REPLY OFF\r\n").expect("a request");
    let set = request(&["SET", "k", &"v".repeat(VALUE)]);
    let sent = (0..500).take_while(|_| silent.send(&set).is_ok()).count();
    let says = |conn: &mut _| {
        let refusal = server.loaded().run("SET other v");
        (refusal.error().unwrap_or_default().to_owned(), info(conn, "aof_last_write_status"))
    };
    let (refusal, status) = says(&mut conn);
    assert!(refusal.contains("MiB wait for it") && refusal.starts_with("MISCONF"), "{refusal}");
    assert_eq!(status, "err");
    let (bytes, most) = (sent * VALUE, 1500 << 20);
    assert!(bytes > most && server.process.rss() < most as u64, "{} of {bytes}", server.process.rss());
    assert_eq!(conn.run("STRLEN k").int(), VALUE as i64, "reads go on");
}

/// It can refuse no write. What it has for its disk is bounded all the same, and its files begin again when there is room.
#[test]
fn a_replica_whose_disk_is_full_follows_on_and_comes_back_to_its_files() {
    let Some(tmpfs) = Tmpfs::mount("64m") else { return };
    let filler = tmpfs.0.join("filler");
    std::fs::write(&filler, vec![1; 60 << 20]).expect("room for a filler");
    // However slow it is, it is not given all keys again: that would be another way to leave the files.
    let primary = Server::start(&Options::args(&["--threads", "2", "--repl-backlog", "1gb"]));
    let of = format!("127.0.0.1:{}", primary.endpoint.port);
    let replica = start_in(&tmpfs.0.join("data"), &["--replicaof", &of, "--log", "everysec"]);
    let (mut conn, mut own) = (primary.endpoint.open(), replica.endpoint.open());
    assert_eq!(conn.run("WAIT 1 10000").int(), 1);
    let value = "v".repeat(1 << 20);
    for n in 0..700 {
        assert!(conn.call(&["SET", &format!("k{}", n % 20), &value]).is_ok());
    }
    assert!(conn.run("SET last here").is_ok());
    assert!(wait_for(LATER, || own.run("GET last").bytes() == Some(b"here")), "{}", replica.process.output());
    let says = replica.process.output();
    assert!(says.contains("do not follow, and are to begin again"), "{says}");
    // Who leads then has no place for what its clients write.
    assert!(own.run("REPLICAOF NO ONE").is_ok());
    assert!(wait_for(HEALED, || own
        .run("SET alone v")
        .error()
        .is_some_and(|why| why.starts_with("MISCONF"))));
    tmpfs.remount("size=1500m");
    let heals = wait_for(LATER, || own.run("SET alone v").is_ok());
    assert!(heals, "{}", replica.process.output());
    assert_eq!(own.run("WAITAOF 1 0 10000").items()[0].int(), 1);
    let mut replica = replica;
    replica.process.kill();
    let again = start_in(&tmpfs.0.join("data"), &[]);
    let mut own = again.endpoint.open();
    assert_eq!((own.run("DBSIZE").int(), own.run("GET alone").text().as_str()), (22, "v"));
}
