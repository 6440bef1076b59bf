//! The programs' logs: as machines read them, at a level that can be changed, and without what is nobody's business.

use ringtail_tests::harness::{Members, Options, Pool, Process, Server, Signal, free_port, ours, wait_for};
use ringtail_tests::resp::Endpoint;
use std::process::Command;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(10);

/// What no log may have.
const VALUE: &str = "marker-of-a-value-3f1c";
const PASSWORD: &str = "marker-of-a-password-77aa";

/// A server whose logs are as they are by default: not on a terminal.
fn start_as_a_service() -> (Process, Endpoint) {
    let endpoint = Endpoint::plain(free_port());
    let mut command = Command::new(ours("ringtail-server"));
    command.args(["--addr", &format!("127.0.0.1:{}", endpoint.port)]).env("RINGTAIL_LOG_FORMAT", "auto");
    let process = Process::start("ringtail-server", &mut command);
    // Its port is open earlier, before it hears signals.
    assert!(wait_for(SOON, || process.output().contains("ready")), "{}", process.output());
    (process, endpoint)
}

#[test]
fn where_no_terminal_is_each_line_is_json() {
    let (process, _endpoint) = start_as_a_service();
    process.signal(Signal::Terminate);
    assert!(wait_for(SOON, || process.output().contains("\"stopped\"")), "{}", process.output());
    let output = process.output();
    for line in output.lines() {
        let parsed: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let has = |field: &str| parsed[field].as_str().is_some_and(|text| !text.is_empty());
        assert!(has("timestamp") && has("level") && has("message"), "{line}");
    }
    assert!(output.lines().any(|line| line.contains("\"addr\":\"127.0.0.1:")), "{output}");
}

#[test]
fn debug_is_toggled_by_a_signal_and_the_level_set_by_config() {
    let (process, endpoint) = start_as_a_service();
    let mut conn = endpoint.open();
    let mut level_is = |level: &str| {
        let is = || conn.run("CONFIG GET loglevel").items().get(1).is_some_and(|value| value.text() == level);
        assert!(wait_for(SOON, is), "the level is not {level}\n{}", process.output());
    };
    level_is("info");
    process.signal(Signal::User1);
    level_is("debug");
    process.signal(Signal::User1);
    level_is("info");
    assert!(wait_for(SOON, || process.output().matches("SIGUSR1").count() == 2), "{}", process.output());
    assert!(endpoint.open().run("CONFIG SET loglevel warning").is_ok());
    level_is("warn");
    assert!(endpoint.open().run("CONFIG SET log-level loud").error().is_some());
}

#[test]
fn no_value_and_no_secret_is_ever_logged() {
    let args = ["--log-level", "debug", "--slowlog-log-slower-than", "0"];
    let servers = Options::args(&["--log-level", "debug", "--set", "slowlog-log-slower-than=0"]);
    let members: Vec<Server> = (0..2).map(|_| Server::start(&servers)).collect();
    let direct = members[0].endpoint.clone();
    let options = Options { password: Some(PASSWORD.into()), ..Options::args(&args) };
    let mut pool = Pool::before(Members::Ringtail(members), &options);
    for mut conn in [pool.endpoint.open(), direct.open()] {
        for line in [
            format!("SET key {VALUE}"),
            format!("SET {{key}}2 {VALUE} EX 100"),
            format!("LPUSH list {VALUE} {VALUE}"),
            format!("HSET hash field {VALUE}"),
            format!("EVAL return(redis.call('set',KEYS[1],ARGV[1])) 1 key {VALUE}"),
            format!("LPUSH key {VALUE}"),
            format!("NOSUCH {VALUE}"),
            format!("PUBLISH news {VALUE}"),
            format!("AUTH default {PASSWORD}x"),
            format!("ACL SETUSER someone on >{PASSWORD} ~* +@all"),
            format!("AUTH someone {PASSWORD}"),
            format!("CONFIG SET requirepass {PASSWORD}"),
            format!("*1\r\n$-5\r\n{VALUE}"),
        ] {
            let _ = conn.send(format!("{line}\r\n").as_bytes());
            let _ = conn.read();
        }
    }
    pool.members.process(1).kill();
    for n in 0..50 {
        let _ = pool.endpoint.connect().map(|mut conn| conn.try_call(&["SET", &format!("key{n}"), VALUE]));
    }
    let logs = [pool.process.output(), pool.members.process(0).output(), pool.members.process(1).output()];
    for log in &logs {
        assert!(log.contains("ready"), "no log:\n{log}");
        assert!(!log.contains(VALUE) && !log.contains(PASSWORD), "{log}");
    }
}
