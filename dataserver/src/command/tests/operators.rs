//! What operators ask: INFO, SLOWLOG, LATENCY, MEMORY.

use super::string::check;
use crate::command::testing::Harness;

impl Harness {
    /// The lines of a section of INFO, as (field, value).
    fn info(&mut self, section: &str) -> Vec<(String, String)> {
        let text = self.run(&format!("INFO {section}"));
        let text = text.trim_matches('\'').replace("\\r\\n", "\n");
        let fields = text.lines().filter_map(|line| line.split_once(':'));
        fields.map(|(field, value)| (field.to_owned(), value.to_owned())).collect()
    }

    fn field(&mut self, section: &str, field: &str) -> Option<String> {
        self.info(section).into_iter().find(|(name, _)| name == field).map(|(_, value)| value)
    }
}

#[test]
fn calls_rejections_and_failures_are_told_apart() {
    let mut t = Harness::new();
    for line in ["SET k v", "SET k v", "SET k", "LPUSH k a", "NOSUCH", "CLIENT ID", "CLIENT NOSUCH"] {
        t.run(line);
    }
    let of =
        |t: &mut Harness, name: &str| t.field("commandstats", &format!("cmdstat_{name}")).unwrap_or_default();
    let set = of(&mut t, "set");
    assert!(set.starts_with("calls=2,usec=") && set.ends_with("rejected_calls=1,failed_calls=0"), "{set}");
    assert!(of(&mut t, "lpush").ends_with("rejected_calls=0,failed_calls=1"));
    assert!(of(&mut t, "client|id").starts_with("calls=1,"));
    assert_eq!(t.field("errorstats", "errorstat_ERR").as_deref(), Some("count=3"));
    assert_eq!(t.field("errorstats", "errorstat_WRONGTYPE").as_deref(), Some("count=1"));
    assert!(t.field("latencystats", "latency_percentiles_usec_set").unwrap().starts_with("p50="));
    assert_eq!(t.run("CONFIG RESETSTAT"), "OK");
    assert_eq!(t.info("errorstats"), []);
    assert_eq!(t.info("commandstats").len(), 2, "CONFIG RESETSTAT, INFO");
}

#[test]
fn a_deep_pipeline_is_counted_command_by_command() {
    let mut t = Harness::new();
    let lines = [
        "GET k\r\n".repeat(21),
        "SET k v\r\n".repeat(3),
        "LPUSH k a\r\n".repeat(5),
        "GET\r\n".into(),
        "GET k\r\n".repeat(2),
    ];
    assert_eq!(t.replies(lines.concat().into_bytes()).len(), 32);
    for (name, expected) in [
        ("get", ("calls=23,", "rejected_calls=1,failed_calls=0")),
        ("set", ("calls=3,", "failed_calls=0")),
        ("lpush", ("calls=5,", "failed_calls=5")),
    ] {
        let told = t.field("commandstats", &format!("cmdstat_{name}")).unwrap();
        assert!(told.starts_with(expected.0) && told.ends_with(expected.1), "{name}: {told}");
    }
}

#[test]
fn percentiles_can_be_chosen_and_switched_off() {
    let mut t = Harness::new();
    let percentiles = "latency-tracking-info-percentiles";
    t.run("SET k v");
    assert_eq!(t.run(&format!("CONFIG SET {percentiles} \"0.0 50.0 100.0\"")), "OK");
    assert_eq!(t.run(&format!("CONFIG GET {percentiles}")), format!("['{percentiles}', '0 50 100']"));
    let told = t.field("latencystats", "latency_percentiles_usec_set").unwrap();
    assert!(told.starts_with("p0=") && told.contains(",p50=") && told.contains(",p100="), "{told}");
    for bad in ["10 a", "10 101", "-1", "nan"] {
        assert!(t.run(&format!("CONFIG SET {percentiles} \"{bad}\"")).starts_with("-ERR CONFIG SET failed"));
    }
    t.run("CONFIG RESETSTAT");
    t.run("CONFIG SET latency-tracking no");
    t.run("GET k");
    t.run("CONFIG SET latency-tracking yes");
    t.run("SET k v");
    assert!(t.field("latencystats", "latency_percentiles_usec_get").is_none());
    assert!(t.field("commandstats", "cmdstat_get").unwrap().starts_with("calls=1,"));
    assert_eq!(t.run("LATENCY HISTOGRAM get"), "[]");
    assert!(
        t.run("LATENCY HISTOGRAM set client get").starts_with("['set', ['calls', 1, 'histogram_usec', [")
    );
}

#[test]
fn slow_commands_are_logged_without_their_secrets() {
    let mut t = Harness::new();
    t.run("CLIENT SETNAME me");
    t.run("CONFIG SET slowlog-log-slower-than 0");
    t.run("SLOWLOG RESET");
    for line in [
        "AUTH secret",
        "HELLO 2 AUTH user secret SETNAME me",
        "CONFIG SET maxmemory 0 requirepass secret",
        "GET k",
    ] {
        t.run(line);
    }
    t.run("CONFIG SET slowlog-log-slower-than -1");
    assert_eq!(t.run("SLOWLOG LEN"), "5", "what changes the threshold is measured by the new one");
    let log = t.run("SLOWLOG GET -1");
    assert!(!log.contains("secret") && !log.contains("user"), "{log}");
    for expected in [
        "['AUTH', '(redacted)']",
        "['HELLO', '2', 'AUTH', '(redacted)', '(redacted)', 'SETNAME', 'me']",
        "['CONFIG', 'SET', 'maxmemory', '0', 'requirepass', '(redacted)']",
        "['SLOWLOG', 'RESET'], '127.0.0.1:0', 'me']",
    ] {
        assert!(log.contains(expected), "{expected}: {log}");
    }
    assert!(t.run("SLOWLOG GET 1").contains("['GET', 'k']"));
    check(
        &mut t,
        &[
            ("SLOWLOG GET 0", "[]"),
            ("SLOWLOG GET -2", "-ERR count should be greater than or equal to -1"),
            ("SLOWLOG RESET", "OK"),
            ("SLOWLOG LEN", "0"),
            ("SLOWLOG GET", "[]"),
        ],
    );
}

#[test]
fn events_are_monitored_above_the_threshold() {
    let mut t = Harness::new();
    assert!(t.run("LATENCY DOCTOR").contains("monitoring is disabled"));
    t.run("CONFIG SET latency-monitor-threshold 200");
    t.server.latency.note("command", t.now, 300_000);
    t.server.latency.note("command", t.now + 1000, 250_000);
    t.server.latency.note("fast-command", t.now, 100_000);
    check(
        &mut t,
        &[
            ("LATENCY LATEST", "[['command', 1700000001, 250, 300]]"),
            ("LATENCY HISTORY command", "[[1700000000, 300], [1700000001, 250]]"),
            ("LATENCY HISTORY nosuch", "[]"),
            ("LATENCY GRAPH nosuch", "-ERR No samples available for event 'nosuch'"),
            ("LATENCY RESET nosuch", "0"),
        ],
    );
    assert!(t.run("LATENCY DOCTOR").contains("1. command: 2 latency spikes (average 275ms, period 1 sec)"));
    assert!(
        t.run("LATENCY GRAPH command").contains("command - high 300 ms, low 250 ms (all time high 300 ms)")
    );
    assert_eq!(t.run("LATENCY RESET"), "1");
    assert_eq!(t.run("LATENCY LATEST"), "[]");
}

#[test]
fn memory_is_told_by_part() {
    let mut t = Harness::new();
    t.run("SET k v");
    t.run("HELLO 3");
    let stats = t.run("MEMORY STATS");
    for field in
        ["'peak.allocated': ", "'db.0': {'overhead.hashtable.main': ", "'keys.count': 1", "'fragmentation': "]
    {
        assert!(stats.contains(field), "{field}: {stats}");
    }
    assert!(t.run("MEMORY DOCTOR").starts_with("'Hi Sam, ") || t.run("MEMORY DOCTOR").starts_with("'Sam, "));
    assert_eq!(t.run("MEMORY PURGE"), "OK");
    assert!(t.run("MEMORY MALLOC-STATS").contains("jemalloc"));
}

#[test]
fn sections_are_those_that_were_asked_for() {
    let mut t = Harness::new();
    t.run("SET k v");
    let titles = |t: &mut Harness, asked: &str| {
        let text = t.run(&format!("INFO {asked}")).trim_matches('\'').replace("\\r\\n", "\n");
        text.lines()
            .filter_map(|line| line.strip_prefix("# ").map(str::to_owned))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let default =
        "Server Clients Memory Persistence Stats Replication CPU Modules Errorstats Cluster Keyspace";
    assert_eq!(titles(&mut t, ""), default);
    assert_eq!(titles(&mut t, "default"), default);
    let all = "Server Clients Memory Persistence Stats Replication CPU Modules Commandstats Errorstats Latencystats Cluster Keyspace";
    assert_eq!(titles(&mut t, "all"), all);
    assert_eq!(titles(&mut t, "everything"), all);
    assert_eq!(titles(&mut t, "KEYSPACE commandstats nosuch"), "Commandstats Keyspace");
    assert_eq!(titles(&mut t, "nosuch"), "");
    assert_eq!(titles(&mut t, "default commandstats").matches("Commandstats").count(), 1);
}

#[test]
fn commands_that_run_are_shown_to_monitors() {
    let mut t = Harness::new();
    let mut monitor = Harness::of(std::sync::Arc::clone(&t.server));
    assert_eq!(monitor.run("MONITOR"), "OK");
    assert!(monitor.run("CLIENT INFO").contains("flags=O "));
    t.run_args(&[b"SET", b"k", b"a \"b\"\r\n\x00\xff"]);
    for line in
        ["AUTH secret", "CONFIG GET maxmemory", "MULTI", "GET k", "EXEC", "NOSUCH", "SELECT 3", "GET k"]
    {
        t.run(line);
    }
    let mut out = Vec::new();
    monitor.session.client.outbox.drain(&mut out, usize::MAX);
    let text = String::from_utf8(out).unwrap();
    let shown: Vec<&str> = text.lines().map(|line| line.split_once(" [").unwrap().1).collect();
    assert_eq!(
        shown,
        [
            r#"0 127.0.0.1:0] "SET" "k" "a \"b\"\r\n\x00\xff""#,
            r#"0 127.0.0.1:0] "AUTH" "(redacted)""#,
            r#"0 127.0.0.1:0] "MULTI""#,
            r#"0 127.0.0.1:0] "GET" "k""#,
            r#"0 127.0.0.1:0] "EXEC""#,
            r#"3 127.0.0.1:0] "SELECT" "3""#,
            r#"3 127.0.0.1:0] "GET" "k""#,
        ]
    );
    assert_eq!(monitor.run("RESET"), "RESET");
    assert!(!t.server.monitors.is_on());
}

#[test]
fn paused_commands_are_kept_back_until_the_pause_ends() {
    let mut t = Harness::new();
    let mut other = Harness::of(std::sync::Arc::clone(&t.server));
    check(
        &mut t,
        &[
            ("CLIENT PAUSE x", "-ERR timeout is not an integer or out of range"),
            ("CLIENT PAUSE -1", "-ERR timeout is negative"),
            ("CLIENT PAUSE 9223372036854775807", "-ERR timeout is out of range"),
            ("CLIENT PAUSE 1 x", "-ERR CLIENT PAUSE mode must be WRITE or ALL"),
            ("CLIENT PAUSE 60000 WRITE", "OK"),
            ("GET k", "nil"),
        ],
    );
    assert_eq!(other.run("SET k v"), "", "kept back");
    assert!(other.session.is_parked());
    assert_eq!(t.field("clients", "blocked_clients").as_deref(), Some("1"));
    assert_eq!(t.run("CLIENT UNPAUSE"), "OK");
    assert!(other.session.client.take_unparked());
    other.session.wait = crate::session::Wait::No;
    assert_eq!(other.run("SET k v"), "OK");
    let script = r#"EVAL "return redis.call('set', 'k', 'w')" 1 k"#;
    let library =
        "#!lua name=l\nredis.register_function('f', function() return redis.call('set', 'k', 'w') end)";
    t.run_args(&[b"FUNCTION", b"LOAD", library.as_bytes()]);
    assert_eq!(t.run("CLIENT PAUSE 60000 WRITE"), "OK");
    for kept_back in [script, "FCALL f 1 k", "PUBLISH c m", "SPUBLISH c m", r#"EVAL "return 1" 0"#] {
        assert_eq!(other.run(kept_back), "", "{kept_back}");
        assert!(other.session.is_parked(), "{kept_back}");
        other.session.wait = crate::session::Wait::No;
        t.server.blocked.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
    }
    assert_eq!(t.run(r#"EVAL_RO "return redis.call('get', 'k')" 1 k"#), "'v'");
    let reads = "#!lua flags=no-writes\nreturn redis.call('get', 'k')";
    assert_eq!(t.run_args(&[b"EVAL", reads.as_bytes(), b"1", b"k"]), "'v'");
    assert_eq!(t.run("CLIENT UNPAUSE"), "OK");
    assert_eq!(t.run("CLIENT PAUSE 1"), "OK");
    std::thread::park_timeout(std::time::Duration::from_millis(3));
    assert_eq!(t.run("GET k"), "'v'");
}

#[test]
fn nothing_is_acknowledged_where_there_is_nobody() {
    let mut t = Harness::new();
    check(
        &mut t,
        &[
            ("WAIT 0 0", "0"),
            ("WAIT x 0", "-ERR value is not an integer or out of range"),
            ("WAIT 1 -1", "-ERR timeout is negative"),
            ("WAIT 1 x", "-ERR timeout is not an integer or out of range"),
            ("WAITAOF 0 0 0", "[0, 0]"),
            ("WAITAOF 2 0 0", "-ERR value is out of range, value must between 0 and 1"),
            ("WAITAOF 1 0 0", "-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled."),
            ("MULTI", "OK"),
            ("WAIT 1 0", "QUEUED"),
            ("EXEC", "[0]"),
        ],
    );
    assert_eq!(t.run("WAIT 1 100"), "");
    assert!(matches!(t.session.wait, crate::session::Wait::Blocked(_)));
}

#[test]
fn debug_has_to_be_enabled() {
    let mut t = Harness::new();
    assert!(t.run("DEBUG SLEEP 0").starts_with("-ERR DEBUG command not allowed."));
    assert!(t.run("CONFIG SET enable-debug-command yes").ends_with("- can't set immutable config"));
    crate::command::config::settings::set_at_start(&t.server, "enable-debug-command=local").unwrap();
    t.run("SET k value");
    assert!(t.run("DEBUG OBJECT k").contains(" refcount:1 encoding:embstr serializedlength:"));
    check(
        &mut t,
        &[
            ("DEBUG SLEEP 0", "OK"),
            ("DEBUG SLEEP -1", "-ERR value is not a valid float"),
            ("DEBUG OBJECT nosuch", "-ERR no such key"),
            ("DEBUG SET-ACTIVE-EXPIRE 0", "OK"),
            ("DEBUG STRINGMATCH-LEN a* abc", "1"),
            (
                "DEBUG SEGFAULT",
                "-ERR unknown subcommand or wrong number of arguments for 'SEGFAULT'. Try DEBUG HELP.",
            ),
        ],
    );
    assert!(!t.server.expires.load(std::sync::atomic::Ordering::Relaxed));
}

#[test]
fn clients_are_told_and_killed_by_what_they_are() {
    let mut t = Harness::new();
    t.run("WATCH a b");
    t.run("MULTI");
    t.run("GET k");
    let other = Harness::of(std::sync::Arc::clone(&t.server));
    let line = crate::command::client::line(&t.session.client, t.now);
    assert!(line.contains(" flags=x ") && line.contains(" multi=1 watch=2 "), "{line}");
    t.run("DISCARD");
    check(
        &mut t,
        &[
            ("CLIENT KILL MAXAGE 0", "-ERR maxage should be greater than 0"),
            ("CLIENT KILL MAXAGE x", "-ERR maxage is not an integer or out of range"),
            ("CLIENT KILL MAXAGE 4000000000", "0"),
            ("CLIENT KILL USER default TYPE normal SKIPME yes", "1"),
        ],
    );
    assert!(other.session.client.is_killed());
}

#[test]
fn the_asking_client_s_last_command_is_the_one_that_asks() {
    let mut t = Harness::new();
    t.run("PING");
    assert!(t.run("CLIENT INFO").contains(" cmd=client|info "));
    assert!(t.run("CLIENT LIST").contains(" cmd=client|list "));
}

#[test]
fn info_counts_the_keys_that_are_waited_for() {
    let mut t = Harness::new();
    let mut waiting = [(); 3].map(|()| Harness::of(t.server.clone()));
    t.run("XGROUP CREATE x g $ MKSTREAM");
    waiting[0].run("BLPOP a b 0");
    waiting[1].run("BLPOP b c 10");
    waiting[2].run("XREADGROUP GROUP g me BLOCK 1000 STREAMS x >");
    let info = t.run("INFO clients");
    for field in [
        "blocked_clients:3",
        "clients_in_timeout_table:2",
        "total_blocking_keys:4",
        "total_blocking_keys_on_nokey:1",
    ] {
        assert!(info.contains(&format!("{field}\\r")), "{field}: {info}");
    }
}
