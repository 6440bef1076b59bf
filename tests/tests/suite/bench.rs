//! `ringtail bench` beside what the servers that it loads have seen of it.

use crate::front::Front;
use ringtail_tests::harness::{Certs, Options, Redis, Server, Signal, ours, pause, scratch, wait_for};
use ringtail_tests::resp::{Conn, Endpoint};
use serde_json::Value;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The program; `flags` are split at spaces, and a TARGET among them is the endpoint's URL.
fn bench(endpoint: &Endpoint, flags: &str) -> Command {
    let mut command = Command::new(ours("ringtail"));
    command.arg("--cacert").arg(Certs::get().ca()).arg("bench");
    let target = url(endpoint);
    command.args(flags.split(' ').map(|flag| if flag == "TARGET" { &target } else { flag }));
    command.env_remove("RINGTAIL_PASSWORD").stdin(Stdio::null());
    command
}

fn url(endpoint: &Endpoint) -> String {
    let scheme = if endpoint.tls.is_some() { "rediss" } else { "redis" };
    format!("{scheme}://127.0.0.1:{}", endpoint.port)
}

/// Exit code, stdout, stderr.
fn outcome(mut command: Command) -> (Option<i32>, String, String) {
    let output = command.output().expect("it starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// The report of a run without errors.
fn report(endpoint: &Endpoint, flags: &str) -> Value {
    let (code, out, err) = outcome(bench(endpoint, &format!("TARGET --json {flags}")));
    assert_eq!(code, Some(0), "{flags}: {out}{err}");
    serde_json::from_str(&out).expect("JSON")
}

fn started(endpoint: &Endpoint, flags: &str) -> Child {
    let mut command = bench(endpoint, &format!("TARGET --json {flags}"));
    command.stdout(Stdio::piped()).spawn().expect("it starts")
}

/// Exit code and report of one that was started.
fn ended(child: Child) -> (Option<i32>, Value) {
    let output = child.wait_with_output().expect("it ends");
    (output.status.code(), serde_json::from_slice(&output.stdout).expect("JSON"))
}

fn count(report: &Value, at: &str) -> u64 {
    report.pointer(at).and_then(Value::as_u64).unwrap_or_else(|| panic!("{at} in {report}"))
}

fn figure(report: &Value, at: &str) -> f64 {
    report.pointer(at).and_then(Value::as_f64).unwrap_or_else(|| panic!("{at} in {report}"))
}

/// How often the server has run these commands.
fn calls(conn: &mut Conn, names: &[&str]) -> u64 {
    let info = conn.run("INFO commandstats").text();
    let of = |name: &&str| {
        let line = info.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{name}:calls=")));
        line.and_then(|rest| rest.split(',').next()?.parse::<u64>().ok()).unwrap_or(0)
    };
    names.iter().map(of).sum()
}

/// A number of INFO stats.
fn stat(conn: &mut Conn, name: &str) -> u64 {
    let info = conn.run("INFO stats").text();
    let line = info.lines().find_map(|line| line.strip_prefix(&format!("{name}:")));
    line.and_then(|n| n.trim().parse().ok()).unwrap_or_else(|| panic!("{name} in {info}"))
}

/// A data server, and a real redis-server where there is one.
fn servers() -> Vec<Front> {
    [Some(Front::server(&Options::default())), Front::redis(&[])].into_iter().flatten().collect()
}

#[test]
fn what_it_counts_is_what_the_server_counts() {
    for front in servers() {
        let mut conn = front.endpoint().open();
        let flags = "--requests 3001 --warmup 0 --clients 7 --threads 2 --pipeline 4 --keys 500 --value-size 1-100 --mix";
        let report = report(front.endpoint(), &format!("{flags} get:3,set:1,incr:1,mget:3:1"));
        assert_eq!(calls(&mut conn, &["get", "set", "incr", "mget"]), 3001, "{}", front.name);
        let round = &report["targets"][0]["rounds"][0];
        assert_eq!(
            (count(round, "/ops"), &round["errors"]),
            (3001, &serde_json::json!({})),
            "{}",
            front.name
        );
        assert_eq!(count(round, "/hits"), stat(&mut conn, "keyspace_hits"), "{}", front.name);
        assert_eq!(count(round, "/misses"), stat(&mut conn, "keyspace_misses"), "{}", front.name);
        assert!(count(round, "/hits") > 0 && count(round, "/misses") > 0, "{report}");
        let max = figure(round, "/latency_us/max");
        assert!(figure(round, "/latency_us/p50") <= figure(round, "/latency_us/p99_9") && max > 0.0);
    }
}

#[test]
fn preloaded_keys_are_all_there() {
    for front in servers() {
        let flags =
            "--preload --ttl 1h --keys 300 --requests 600 --warmup 0 --mix get,hget,scard,lrange,zrange";
        let report = report(front.endpoint(), flags);
        assert_eq!(count(&report, "/targets/0/total/misses"), 0, "{}: {report}", front.name);
        let mut conn = front.endpoint().open();
        let ttl = conn.run("TTL bench:s000000299").int();
        assert!((3500..=3600).contains(&ttl), "{}: {ttl}", front.name);
        assert_eq!(conn.run("DBSIZE").int(), 5 * 300, "{}", front.name);
    }
}

#[test]
fn a_rate_is_kept() {
    let server = Server::start(&Options::default());
    let flags = "--rate 1000 --duration 2s --warmup 0 --clients 8 --threads 2";
    let report = report(&server.endpoint, flags);
    let ops = count(&report, "/targets/0/rounds/0/ops");
    assert!((1980..=2001).contains(&ops), "{report}");
    let rate = figure(&report, "/targets/0/medians/ops_per_second");
    assert!((980.0..=1010.0).contains(&rate), "{rate}");
    assert_eq!(calls(&mut server.endpoint.open(), &["get", "set"]), ops);
}

#[test]
fn a_stall_counts_for_all_requests_that_were_due_in_it() {
    let server = Server::start(&Options::default());
    let child = started(&server.endpoint, "--rate 1000 --duration 2s --warmup 0 --clients 2");
    let mut conn = server.endpoint.open();
    assert!(wait_for(Duration::from_secs(10), || calls(&mut conn, &["get", "set"]) > 200), "no load comes");
    server.process.signal(Signal::Stop);
    pause(Duration::from_millis(300));
    server.process.signal(Signal::Continue);
    let (code, report) = ended(child);
    assert_eq!(code, Some(0), "{report}");
    let round = &report["targets"][0]["rounds"][0];
    assert!((1980..=2001).contains(&count(round, "/ops")), "{report}");
    assert!(figure(round, "/latency_us/max") >= 290_000.0, "{report}");
    assert!(figure(round, "/latency_us/p99_9") >= 250_000.0, "{report}");
    // Two connections had a request each on its way; 300 of the 2000 were due meanwhile, a third of them with 100 ms to wait or more.
    assert!(figure(round, "/latency_us/p90") >= 50_000.0, "{report}");
    assert!(figure(round, "/latency_us/p50") <= 50_000.0, "{report}");
}

#[test]
fn a_stall_over_the_end_counts_as_well() {
    for (stall, code) in [(3500, 0), (0, 1)] {
        let server = Server::start(&Options::default());
        let child = started(&server.endpoint, "--rate 1000 --duration 3s --warmup 0 --clients 2");
        let mut conn = server.endpoint.open();
        let loaded = || calls(&mut conn, &["get", "set"]) > 200;
        assert!(wait_for(Duration::from_secs(10), loaded), "no load comes");
        server.process.signal(Signal::Stop);
        if code == 0 {
            pause(Duration::from_millis(stall));
            server.process.signal(Signal::Continue);
        }
        let (ended_with, report) = ended(child);
        server.process.signal(Signal::Continue);
        assert_eq!(ended_with, Some(code), "{report}");
        let round = &report["targets"][0]["rounds"][0];
        let unsent = round.pointer("/errors/not sent/count").and_then(Value::as_u64).unwrap_or(0);
        let silent = round.pointer("/errors/no reply/count").and_then(Value::as_u64).unwrap_or(0);
        assert!((2990..=3001).contains(&(count(round, "/ops") + unsent + silent)), "{report}");
        assert_eq!(unsent > 0, code == 1, "{report}");
        assert!(code == 1 || figure(round, "/latency_us/p90") >= 300_000.0, "{report}");
    }
}

#[test]
fn a_target_that_is_gone_is_given_up() {
    for flags in ["--requests 100000000 --warmup 0 --clients 2", "--preload --keys 100000000"] {
        let mut server = Server::start(&Options::default());
        let mut command = Command::new(ours("ringtail"));
        command.args(["--timeout", "3", "bench", &url(&server.endpoint), "--json"]).args(flags.split(' '));
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut conn = server.endpoint.open();
        assert!(
            wait_for(Duration::from_secs(10), || calls(&mut conn, &["get", "set"]) > 100),
            "no load comes"
        );
        if flags.starts_with("--preload") {
            server.process.signal(Signal::Stop);
        } else {
            server.process.kill();
        }
        let begun = Instant::now();
        let output = child.wait_with_output().expect("it ends");
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        if !flags.starts_with("--preload") {
            let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            assert!(count(&report, "/targets/0/total/ops") > 100, "{report}");
            assert!(count(&report, "/targets/0/total/errors/not sent/count") > 1000, "{report}");
        }
    }
}

#[test]
fn a_target_that_does_not_keep_up_is_told() {
    let server = Server::start(&Options::default());
    let flags = "TARGET --rate 100000000 --duration 500ms --warmup 0 --clients 1 --chart always";
    let (code, out, err) = outcome(bench(&server.endpoint, flags));
    assert_eq!(code, Some(1), "{out}{err}");
    assert!(
        out.contains("× not sent")
            && out.contains("did not keep up: ")
            && out.contains("replies by their time from when they were due"),
        "{out}"
    );
    assert!(out.contains('█') && !out.contains('\x1b') && err.is_empty(), "{out}{err}");
}

#[test]
fn targets_are_measured_in_turns_also_through_tls() {
    let pool = Front::pool(&Options::default().with_certs(&Certs::get()));
    let Some(redis) = Redis::start(&[]) else { return };
    let other = url(pool.endpoint());
    let report =
        report(&redis.endpoint, &format!("{other} --rounds 2 --duration 300ms --warmup 100ms --pipeline 3"));
    let targets = report["targets"].as_array().expect("targets");
    assert_eq!(targets.len(), 2);
    assert_eq!((&targets[0]["tls"], &targets[1]["tls"]), (&Value::Bool(false), &Value::Bool(true)));
    for target in targets {
        let rounds = target["rounds"].as_array().expect("rounds");
        assert_eq!(rounds.len(), 2, "{report}");
        let sum: u64 = rounds.iter().map(|round| count(round, "/ops")).sum();
        assert_eq!(sum, count(target, "/total/ops"));
        assert!(rounds.iter().all(|round| count(round, "/ops") > 0), "{report}");
    }
    let rate = |at: usize| figure(&targets[at], "/medians/ops_per_second");
    assert_eq!(figure(&targets[0], "/ratios/ops_per_second"), 1.0);
    let ratio = figure(&targets[1], "/ratios/ops_per_second");
    assert!((ratio - rate(1) / rate(0)).abs() < 1e-9, "{ratio}");
}

#[test]
fn a_trace_is_replayed_at_its_times() {
    let dir = scratch("bench");
    let (good, broken) = (dir.join("good.csv"), dir.join("broken.csv"));
    let rows: String = (0..20)
        .map(|i| format!("{},\"k,{i}\",{i},set,100\n", 1_700_000_000.0 + 0.05 * f64::from(i)))
        .collect();
    std::fs::write(&good, format!("time,key,size,op,ttl\n{rows}1700000001.1,counter,,incr,\n"))
        .expect("written");
    std::fs::write(&broken, format!("{rows}1700000001.2,\"open,1,set,1\n")).expect("written");
    let server = Server::start(&Options::default());
    let flags =
        |path: &std::path::Path, more: &str| format!("--replay {} --clients 3 {more}", path.display());
    let begun = Instant::now();
    let said = report(&server.endpoint, &flags(&good, "--speed 2"));
    assert!(begun.elapsed() >= Duration::from_millis(550), "{:?}", begun.elapsed());
    assert_eq!(count(&said, "/targets/0/total/ops"), 21);
    let mut conn = server.endpoint.open();
    assert_eq!(
        (conn.run("DBSIZE").int(), conn.run("STRLEN k,7").int(), conn.run("GET counter").text()),
        (21, 7, "1".into())
    );
    assert!((90..=100).contains(&conn.run("TTL k,19").int()));
    let (code, _, err) =
        outcome(bench(&server.endpoint, &format!("TARGET {}", flags(&broken, "--speed max"))));
    assert_eq!(code, Some(2));
    assert!(err.contains("broken.csv: line 21: a quote is not closed"), "{err}");
    assert_eq!(conn.run("DBSIZE").int(), 21, "a broken trace was begun");
    let said = report(&server.endpoint, &flags(&broken, "--speed max --skip-bad --threads 2"));
    assert_eq!((count(&said, "/targets/0/total/ops"), count(&said, "/settings/rows_skipped")), (20, 1));
    let _ = std::fs::remove_dir_all(dir);
}

#[test]
fn error_replies_are_counted_by_kind_and_end_it_with_one() {
    for front in servers() {
        let mut conn = front.endpoint().open();
        assert!(conn.run("SET text abc").is_ok());
        let mut command = bench(front.endpoint(), "TARGET --json --requests 100 --warmup 0 --mix");
        command.arg("INCR text:1,LPUSH text x:1");
        let (code, out, err) = outcome(command);
        assert_eq!(code, Some(1), "{}: {out}{err}", front.name);
        let report: Value = serde_json::from_str(&out).expect("JSON");
        let errors = &report["targets"][0]["total"]["errors"];
        let sum = count(errors, "/ERR/count") + count(errors, "/WRONGTYPE/count");
        assert_eq!(sum, 100, "{}: {report}", front.name);
        assert!(
            errors["ERR"]["text"].as_str().is_some_and(|text| text.contains("not an integer")),
            "{report}"
        );
    }
}

#[test]
fn lost_connections_are_counted_and_made_again() {
    let server = Server::start(&Options::default());
    let child = started(&server.endpoint, "--duration 1500ms --warmup 0 --clients 5");
    let mut conn = server.endpoint.open();
    assert!(wait_for(Duration::from_secs(10), || calls(&mut conn, &["get", "set"]) > 100), "no load comes");
    assert_eq!(conn.run("CLIENT KILL TYPE normal SKIPME yes").int(), 5);
    let before = calls(&mut conn, &["get", "set"]);
    let (code, report) = ended(child);
    assert_eq!(code, Some(1), "{report}");
    let lost = count(&report, "/targets/0/total/errors/lost/count");
    assert!((1..=5).contains(&lost), "{report}");
    assert!(calls(&mut conn, &["get", "set"]) > before + 100, "the load did not go on");
}

#[test]
fn ctrl_c_ends_it_with_what_was_measured() {
    let server = Server::start(&Options::default());
    let child = started(&server.endpoint, "--duration 1h --rounds 3 --warmup 0");
    let mut conn = server.endpoint.open();
    assert!(wait_for(Duration::from_secs(10), || calls(&mut conn, &["get", "set"]) > 100), "no load comes");
    let done = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(done.is_ok_and(|status| status.success()));
    let (code, report) = ended(child);
    assert_eq!((code, &report["interrupted"]), (Some(130), &Value::Bool(true)), "{report}");
    assert_eq!(report["targets"][0]["rounds"].as_array().map(Vec::len), Some(1));
    assert_eq!(count(&report, "/targets/0/total/ops"), calls(&mut conn, &["get", "set"]));
}

#[test]
fn what_can_t_be_done_is_said_at_once() {
    let nowhere = Endpoint::plain(ringtail_tests::harness::free_port());
    let (code, out, err) = outcome(bench(&nowhere, "TARGET --duration 1s"));
    assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
    assert!(err.contains("nothing listens at 127.0.0.1:"), "{err}");
    for flags in [
        "TARGET --mix nope",
        "host",
        "TARGET --clients 1 --threads 2",
        "TARGET --keys 99 --key-size 3",
        "TARGET --keys 10 --keys-from gauss:1e15",
        "redis://app:secret@127.0.0.1:1",
        "--speed 2",
    ] {
        let (code, _, err) = outcome(bench(&nowhere, flags));
        assert_eq!(code, Some(2), "{flags}: {err}");
    }
}
