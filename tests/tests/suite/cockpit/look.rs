//! `scan`, `bigkeys`, `stat`, `top`, `monitor`, `topology`, `route`, `hotkeys`, `explain`.

use super::{command, fronts, run};
use crate::front::Front;
use ringtail_tests::harness::{Options, Pool, Redis, Server, Signal, ours, pause, scratch, wait_for};
use ringtail_tests::resp::Endpoint;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[test]
fn scan_finds_every_key() {
    for front in fronts() {
        let mut conn = front.endpoint().open();
        for number in 0..3000 {
            conn.call(&["SET", &format!("scan:{number}"), "v"]);
        }
        conn.call(&["RPUSH", "list", "a"]);
        let found = run(front.endpoint(), &["scan", "scan:*"]).good();
        let found: BTreeSet<&str> = found.lines().collect();
        assert_eq!(found.len(), 3000, "{}", front.name);
        assert_eq!(run(front.endpoint(), &["scan", "--total"]).good(), "3001\n", "{}", front.name);
        assert_eq!(run(front.endpoint(), &["scan", "--type", "list"]).good(), "list\n", "{}", front.name);
        assert_eq!(run(front.endpoint(), &["--json", "scan", "lis*"]).good(), "\"list\"\n", "{}", front.name);
        assert_eq!(
            run(front.endpoint(), &["scan", "--limit", "7"]).good().lines().count(),
            7,
            "{}",
            front.name
        );
        // With a number it is the server's.
        let reply = run(front.endpoint(), &["--json", "scan", "0", "count", "1"]).json();
        assert!(reply[0].is_string() && reply[1].is_array(), "{}: {reply}", front.name);
    }
}

#[test]
fn bigkeys_are_the_biggest() {
    for front in fronts() {
        let mut conn = front.endpoint().open();
        for number in 0..1000 {
            conn.call(&["SET", &format!("small:{number}"), "v"]);
        }
        conn.call(&["SET", "big", &"v".repeat(100_000)]);
        for number in 0..500 {
            conn.call(&["RPUSH", "long", &number.to_string()]);
        }
        let found = run(front.endpoint(), &["bigkeys", "--json", "--top", "3"]).json();
        assert_eq!(found["keys"], 1002, "{}", front.name);
        assert_eq!(found["types"]["string"]["keys"], 1001, "{}", front.name);
        assert_eq!(found["types"]["list"]["elements"], 500, "{}", front.name);
        let biggest = found["biggest"].as_array().expect("a list");
        assert_eq!((biggest.len(), &biggest[0]["key"]), (3, &"big".into()), "{}: {found}", front.name);
        assert!(biggest[0]["bytes"].as_u64().is_some_and(|bytes| bytes >= 100_000), "{found}");
        let text = run(front.endpoint(), &["bigkeys", "--match", "small:*"]).good();
        assert!(text.contains("string") && !text.contains("list"), "{}: {text}", front.name);
    }
}

/// Reads and misses keys until it is told to stop.
fn busy(endpoint: &Endpoint, stop: &AtomicBool) {
    let mut conn = endpoint.open();
    conn.call(&["SET", "there", "v"]);
    while !stop.load(Ordering::Relaxed) {
        for name in ["there", "there", "there", "missing"] {
            conn.call(&["GET", name]);
        }
        conn.call(&["LPUSH", "there", "wrong type"]);
    }
}

fn while_busy<T>(endpoint: &Endpoint, look: impl FnOnce() -> T) -> T {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| busy(endpoint, &stop));
        let seen = look();
        stop.store(true, Ordering::Relaxed);
        seen
    })
}

#[test]
fn stat_counts_what_goes_on() {
    for front in fronts() {
        let args = ["--json", "stat", "--interval", "300ms", "--times", "3"];
        let text = while_busy(front.endpoint(), || run(front.endpoint(), &args).good());
        let last: serde_json::Value =
            serde_json::from_str(text.lines().last().expect("a line")).expect("JSON");
        let number = |name: &str| last[name].as_f64().unwrap_or(0.0);
        assert_eq!(text.lines().count(), 3, "{}: {text}", front.name);
        assert!(number("commands-per-second") > 10.0, "{}: {text}", front.name);
        assert!(number("errors-per-second") > 1.0, "{}: {text}", front.name);
        assert!((number("hit-percent") - 75.0).abs() < 15.0, "{}: {text}", front.name);
        assert!(number("received-bytes-per-second") > 100.0, "{}: {text}", front.name);
        let plain = run(front.endpoint(), &["stat", "--interval", "100ms", "--times", "2"]).good();
        let lines: Vec<_> = plain.lines().collect();
        assert!(lines.len() == 3 && lines[0].contains("cmds/s"), "{}: {plain}", front.name);
        assert!(lines[0].len() == lines[1].len(), "{}: {plain}", front.name);
    }
}

#[test]
fn top_prints_one_picture_where_there_is_no_terminal() {
    for front in fronts() {
        let text =
            while_busy(front.endpoint(), || run(front.endpoint(), &["top", "--interval", "500ms"]).good());
        for part in ["commands ", "hits 7", "get", "q quits"] {
            assert!(text.contains(part), "{}: {part}: {text}", front.name);
        }
        assert!(!text.contains('\x1b'), "{}: {text}", front.name);
        if front.name == "ringtail-proxy" {
            assert!(text.contains("pool of 3, 3 up") && text.contains("m2"), "{text}");
            assert!(!text.contains("can't be asked"), "{text}");
        }
    }
}

#[test]
fn a_pool_is_shown_with_its_members() {
    let mut pool = Pool::start(&Options::default());
    let text = run(&pool.endpoint, &["topology"]).good();
    assert!(text.contains("epoch 1, 3 of 3 members up"), "{text}");
    let routed = run(&pool.endpoint, &["--json", "route", "a", "{a}b"]).json();
    assert_eq!((&routed[0]["slot"], &routed[1]["slot"]), (&15495.into(), &15495.into()));
    let text = run(&pool.endpoint, &["route", "a"]).good();
    assert!(text.contains("15495") && text.contains("127.0.0.1:"), "{text}");
    let text = run(&pool.endpoint, &["explain", "set", "a", "v"]).good();
    assert!(text.contains("15495") && text.contains("  5  \"OK\"") && text.contains("all "), "{text}");
    let ended = run(&pool.endpoint, &["explain", "nosuch"]);
    assert!(ended.code == Some(1) && ended.errors.contains("unknown command"), "{ended:?}");
    let text = while_busy(&pool.endpoint, || {
        let mut text = String::new();
        wait_for(Duration::from_secs(20), || {
            text = run(&pool.endpoint, &["hotkeys"]).good();
            text.contains("\"there\"")
        });
        text
    });
    assert!(text.contains("\"there\""), "{text}");
    pool.members.process(0).kill();
    let down = wait_for(Duration::from_secs(20), || run(&pool.endpoint, &["topology"]).code == Some(1));
    assert!(down, "a pool with a member down must end with 1");
}

#[test]
fn what_only_a_proxy_knows_is_said_elsewhere() {
    let server = Front::server(&Options::default());
    for args in [&["topology"][..], &["route", "k"], &["explain", "get", "k"]] {
        let ended = run(server.endpoint(), args);
        assert!(ended.code == Some(1) && ended.errors.contains("no proxy"), "{args:?}: {ended:?}");
    }
    server.endpoint().open().call(&["SET", "k", "v"]);
    let ended = run(server.endpoint(), &["hotkeys"]);
    assert!(ended.code == Some(1) && ended.errors.contains("maxmemory-policy"), "{ended:?}");
    let Some(redis) = Redis::start(&["--maxmemory-policy", "allkeys-lfu"]) else { return };
    let mut conn = redis.endpoint.open();
    conn.call(&["SET", "cold", "v"]);
    conn.call(&["SET", "hot", "v"]);
    (0..2000).for_each(|_| drop(conn.call(&["GET", "hot"])));
    let found = run(&redis.endpoint, &["--json", "hotkeys", "--top", "1"]).json();
    assert_eq!(found[0]["key"], "hot", "{found}");
}

#[test]
fn monitor_shows_commands_of_all_members() {
    for front in fronts() {
        let mut child = command(front.endpoint(), &["monitor", "--times", "30", "--color", "never"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut conn = front.endpoint().open();
        // It says nothing when it is ready, so commands come until it has seen enough.
        let ended = wait_for(Duration::from_secs(20), || {
            (0..20).for_each(|number| drop(conn.call(&["SET", &format!("seen:{number}"), "v"])));
            pause(Duration::from_millis(20));
            child.try_wait().expect("a child").is_some()
        });
        assert!(ended, "{}", front.name);
        let mut text = String::new();
        child.stdout.take().expect("a pipe").read_to_string(&mut text).expect("text");
        assert!(text.lines().count() == 30 && !text.contains('\x1b'), "{}: {text}", front.name);
        assert!(text.contains("\"seen:"), "{}: {text}", front.name);
    }
}

#[test]
fn monitor_goes_on_without_a_member_that_is_down() {
    let mut pool = Pool::start(&Options::default());
    pool.members.process(2).kill();
    let mut child = command(&pool.endpoint, &["monitor", "--times", "10"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut conn = pool.endpoint.open();
    let ended = wait_for(Duration::from_secs(20), || {
        (0..20).for_each(|number| drop(conn.call(&["SET", &format!("seen:{number}"), "v"])));
        pause(Duration::from_millis(20));
        child.try_wait().expect("a child").is_some()
    });
    let _ = child.kill();
    let output = child.wait_with_output().expect("it ends");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(ended && output.status.success() && errors.contains("m2 can't be followed"), "{errors}");
}

#[test]
fn tools_speak_tls_to_the_proxy_and_its_members() {
    let Some(front) = Front::ours_tls().into_iter().find(|front| front.name.contains("proxy")) else {
        return;
    };
    let args = ["--json", "stat", "--interval", "300ms", "--times", "1"];
    let text = while_busy(front.endpoint(), || run(front.endpoint(), &args).good());
    let line: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert!(line["memory-bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{text}");
}

#[test]
fn pages_and_completions_are_made() {
    let dir = scratch("man");
    let made = Command::new(ours("ringtail")).arg("--man").arg(&dir).status().expect("it runs");
    assert!(made.success());
    let page = std::fs::read_to_string(dir.join("ringtail-plan.1")).expect("a page");
    assert!(
        page.contains(".TH") && page.contains("maxmemory") && page.contains(".SH EXAMPLES\n.nf\n"),
        "{page}"
    );
    let page = std::fs::read_to_string(dir.join("ringtail.1")).expect("a page");
    assert!(page.contains(".SH ENVIRONMENT") && page.contains("RINGTAIL_PASSWORD"), "{page}");
    let shell = Command::new(ours("ringtail")).args(["--completions", "bash"]).output().expect("it runs");
    let text = String::from_utf8_lossy(&shell.stdout);
    assert!(shell.status.success() && text.contains("bigkeys") && text.contains("--resume"));
    assert!(!text.contains("--configuration-page"), "what --help does not show is not offered");
}

#[test]
fn bigkeys_that_failed_goes_on_with_the_page_that_was_not_measured() {
    let server = Server::start(&Options::default());
    let mut conn = server.endpoint.open();
    (0..2000).for_each(|number| drop(conn.call(&["SET", &format!("k{number}"), "v"])));
    assert!(conn.call(&["ACL", "SETUSER", "default", "-memory"]).is_ok());
    let ended = run(&server.endpoint, &["bigkeys"]);
    assert!(
        ended.code == Some(1) && ended.errors.contains("(after 0 keys; --cursor 0 goes on)"),
        "{ended:?}"
    );
    // And so it does.
    assert!(conn.call(&["ACL", "SETUSER", "default", "+memory"]).is_ok());
    assert_eq!(run(&server.endpoint, &["bigkeys", "--json", "--cursor", "0"]).json()["keys"], 2000);
}

#[test]
fn a_scan_that_was_limited_goes_on() {
    let server = Server::start(&Options::default());
    let mut conn = server.endpoint.open();
    (0..500).for_each(|number| drop(conn.call(&["SET", &format!("k{number}"), "v"])));
    let mut seen = BTreeSet::new();
    let mut cursor = "0".to_owned();
    for _ in 0..100 {
        let ended = run(&server.endpoint, &["scan", "--limit", "100", "--cursor", &cursor]);
        assert!(ended.code == Some(0) && ended.out.lines().count() <= 100, "{ended:?}");
        seen.extend(ended.out.lines().map(str::to_owned));
        match ended.errors.strip_prefix("--cursor ").and_then(|rest| rest.split_once(' ')) {
            Some((next, "goes on\n")) => cursor = next.to_owned(),
            _ => break,
        }
    }
    assert_eq!(seen.len(), 500);
}

/// A member that hangs: its connections stay, and its keys are refused.
#[test]
fn a_member_that_hangs_is_not_up() {
    let mut pool = Pool::start(&Options::default());
    pool.members.process(1).signal(Signal::Stop);
    let mut conn = pool.endpoint.open();
    let mut text = String::new();
    let told = wait_for(Duration::from_secs(30), || {
        (0..20).for_each(|number| drop(conn.call(&["GET", &format!("key:{number}")])));
        let ended = run(&pool.endpoint, &["topology"]);
        text = ended.out;
        ended.code == Some(1)
    });
    assert!(told && text.contains("silent") && text.contains("2 of 3 members up"), "{text}");
    let top = run(&pool.endpoint, &["top", "--interval", "100ms"]).good();
    assert!(top.contains("2 up") && top.contains("memory ≥") && top.contains("m1 can't be asked: "), "{top}");
    let ended = run(&pool.endpoint, &["stat", "--interval", "100ms", "--times", "2"]);
    let said = ended.errors.contains("member m1 can't be asked: no answer within 800 ms");
    assert!(said && !ended.errors.contains("--member-tls") && ended.out.contains('≥'), "{ended:?}");
    assert_eq!(ended.errors.lines().count(), 1, "each member once: {ended:?}");
    // A command that needs it has the remedy that fits.
    let ended = run(&pool.endpoint, &["scan"]);
    assert!(ended.code == Some(1) && ended.errors.contains("`ringtail topology`"), "{ended:?}");
}

#[test]
fn what_json_is_not_there_for_is_refused() {
    let server = Server::start(&Options::default());
    for args in [&["--json", "top"][..], &["--csv", "topology"], &["stat", "--interval", "0"]] {
        assert_eq!(run(&server.endpoint, args).code, Some(2), "{args:?}");
    }
    let ended = run(&server.endpoint, &["topology", "--json"]);
    assert!(ended.code == Some(2) && ended.errors.contains("ringtail --json topology"), "{ended:?}");
    let file = scratch("json").join("all.backup");
    run(&server.endpoint, &["backup", "--overwrite", file.to_str().expect("UTF-8")]).good();
    assert_eq!(
        run(&server.endpoint, &["--json", "inspect", file.to_str().expect("UTF-8")]).json()["keys"],
        0
    );
}

#[test]
fn keys_that_are_no_text_have_a_route() {
    let pool = Pool::start(&Options::default());
    let mut route = command(&pool.endpoint, &["route"]);
    let output = route.arg(OsStr::from_bytes(b"\xff\x01")).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("\"\\xff\\x01\""), "{output:?}");
}
