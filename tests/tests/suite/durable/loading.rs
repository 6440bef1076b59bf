//! While keys are loaded, clients are told so; what is loaded is neither read nor changed.

use super::{info, restart, start, stop, text};
use ringtail_tests::harness::{Options, Server, real_part, scratch, wait_for};
use std::fs::OpenOptions;
use std::io::Write;
use std::process::Command;
use std::time::Duration;

#[test]
fn clients_are_told_that_it_loads_and_how_far_it_is() {
    let Some(mkfifo) = real_part("mkfifo", "coreutils") else { return };
    let dir = scratch("loading");
    let file = dir.join("all.rtb");
    let mut first = Server::start(&Options::args(&["--backup", text(&file)]));
    let mut conn = first.loaded();
    let fill = "for i = 1, 20000 do redis.call('SET', 'k' .. i, 'value of ' .. i) end";
    conn.call(&["EVAL", fill, "0"]);
    stop(&mut first);
    let bytes = std::fs::read(&file).expect("the backup");
    // A pipe gives as much as it is given, so the loading lasts as long as the test wants it to.
    let pipe = dir.join("pipe.rtb");
    assert!(Command::new(mkfifo).arg(&pipe).status().is_ok_and(|status| status.success()));
    let server = Server::start(&Options::args(&["--backup", text(&pipe)]));
    let mut conn = server.endpoint.open();
    let mut end = OpenOptions::new().write(true).open(&pipe).expect("the pipe");
    let (half, rest) = bytes.split_at(bytes.len() / 2);
    end.write_all(half).expect("the server reads");
    assert!(wait_for(Duration::from_secs(5), || info(&mut conn, "loading_loaded_bytes") != "0"));
    assert_eq!(conn.run("PING").text(), "PONG");
    for line in ["GET k1", "SET k1 other", "DBSIZE", "EVAL return(1) 0", "SAVE", "FLUSHALL"] {
        let reply = conn.run(line);
        assert_eq!(reply.error(), Some("LOADING Ringtail is loading the dataset in memory"), "{line}");
    }
    assert_eq!(conn.run("MULTI").error(), None);
    assert!(conn.run("GET k1").error().is_some_and(|text| text.starts_with("LOADING")));
    assert!(conn.run("EXEC").error().is_some());
    assert_eq!(info(&mut conn, "loading"), "1");
    assert!(info(&mut conn, "loading_start_time").parse::<u64>().is_ok_and(|time| time > 1_600_000_000));
    for field in ["loading_total_bytes", "loading_loaded_perc", "loading_eta_seconds"] {
        assert!(info(&mut conn, field).parse::<f64>().is_ok(), "{field}");
    }
    let is_ready = || server.process.output().contains("ready, ");
    assert!(!is_ready(), "{}", server.process.output());
    end.write_all(rest).expect("the server reads");
    drop(end);
    let mut conn = server.loaded();
    assert_eq!(info(&mut conn, "loading"), "0");
    assert!(wait_for(Duration::from_secs(5), is_ready));
    assert_eq!(conn.run("DBSIZE").int(), 20_000);
    assert_eq!(conn.run("GET k777").text(), "value of 777");
}

/// What is loaded says itself when a key goes: not every time that a key had is its last.
#[test]
fn nothing_expires_before_all_is_loaded() {
    const KEYS: usize = 20_000;
    let (mut server, _) = start(&["--log-growth", "0"]);
    let mut conn = server.endpoint.open();
    let brief: Vec<Vec<String>> = (0..KEYS)
        .map(|n| vec!["SET".into(), format!("k{n}"), "v".into(), "PX".into(), "5000".into()])
        .collect();
    let lasting: Vec<Vec<String>> = (0..KEYS).map(|n| vec!["PERSIST".into(), format!("k{n}")]).collect();
    let replies = conn.try_pipeline(&brief).expect("replies");
    assert!(replies.iter().all(|reply| reply.is_ok()));
    let replies = conn.try_pipeline(&lasting).expect("replies");
    assert!(replies.iter().all(|reply| reply.int() == 1));
    let over = std::time::Instant::now() + Duration::from_millis(5000);
    assert_eq!(conn.run("WAITAOF 1 0 0").items()[0].int(), 1);
    server.process.kill();
    wait_for(Duration::from_secs(6), || std::time::Instant::now() >= over);
    restart(&mut server);
    assert_eq!(server.endpoint.open().run("DBSIZE").int(), KEYS as i64);
}

#[test]
fn a_server_without_files_never_says_loading() {
    for _ in 0..20 {
        let port = ringtail_tests::harness::free_port();
        let mut command = Command::new(ringtail_tests::harness::ours("ringtail-server"));
        command.args(["--addr", &format!("127.0.0.1:{port}")]);
        let _process = ringtail_tests::harness::Process::start("ringtail-server", &mut command);
        let endpoint = ringtail_tests::resp::Endpoint::plain(port);
        let mut conn = None;
        let connects = || {
            conn = endpoint.connect_raw().ok();
            conn.is_some()
        };
        assert!(wait_for(Duration::from_secs(10), connects));
        assert!(conn.expect("a connection").run("SET k v").is_ok());
    }
}
