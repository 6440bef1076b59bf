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
