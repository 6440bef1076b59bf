//! What docs/monitoring has, with the programs that it is for: promtool and Prometheus.

use super::{Admin, SOON, Seen};
use ringtail_tests::harness::{
    Options, Process, Server, free_port, real_part, repo_file, scratch, start_proxy, wait_for, write_servers,
};
use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

fn file(name: &str) -> String {
    let path = repo_file("docs/monitoring").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A pool with a replica, so that all that has labels is there.
struct Watched {
    _processes: (Process, Vec<Server>),
    proxy: Admin,
    servers: Vec<Admin>,
}

impl Watched {
    fn start() -> Self {
        let admins: Vec<Admin> = (0..2).map(|_| Admin::anywhere()).collect();
        let mut servers = vec![Server::start(&Options::args(&["--admin", &admins[0].addr]))];
        let primary = format!("127.0.0.1:{}", servers[0].endpoint.port);
        servers.push(Server::start(&Options::args(&["--admin", &admins[1].addr, "--replicaof", &primary])));
        let json = scratch("monitoring").join("servers.json");
        write_servers(&json, &[servers[0].endpoint.port]);
        let proxy = Admin::anywhere();
        let (process, endpoint) = start_proxy(&Options::args(&["--admin", &proxy.addr]), &json);
        let mut conn = endpoint.open();
        assert!(conn.run("SET k v").is_ok() && conn.run("LPUSH k v").error().is_some());
        Self { _processes: (process, servers), proxy, servers: admins }
    }

    /// Every name that is exported, as queries use it.
    fn names(&self) -> BTreeSet<String> {
        let mut seen = Seen::default();
        let follows =
            wait_for(SOON, || seen.scrape(&self.servers[0]).contains("ringtail_server_replica_lag_bytes{"));
        assert!(follows, "the replica never follows");
        [&self.proxy, &self.servers[1]].into_iter().for_each(|admin| _ = seen.scrape(admin));
        seen.names()
    }
}

/// The metrics of ours that a text names.
fn named(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let words = text.split(|c| !is_part(c)).filter(|word| !word.contains(':'));
    let ours = |word: &&str| {
        ["ringtail_proxy_", "ringtail_server_", "process_"].iter().any(|start| word.starts_with(start))
    };
    words.filter(ours).map(str::to_owned).collect()
}

#[test]
fn rules_and_dashboard_ask_for_what_there_is() {
    let exported = Watched::start().names();
    for (name, least) in [("ringtail.rules.yml", 20), ("ringtail-dashboard.json", 30)] {
        let asked = named(&file(name));
        assert!(asked.len() >= least, "{name} names but {asked:?}");
        let unknown: Vec<_> = asked.difference(&exported).collect();
        assert!(unknown.is_empty(), "{name} asks for what nobody exports: {unknown:?}");
    }
}

#[test]
fn the_dashboard_is_one() {
    let dashboard: serde_json::Value = serde_json::from_str(&file("ringtail-dashboard.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut ids = BTreeSet::new();
    for panel in panels {
        let title = panel["title"].as_str().expect("a title");
        assert!(ids.insert(panel["id"].as_u64().expect("a number")), "{title}: a number twice");
        if panel["type"] == "row" {
            continue;
        }
        for target in panel["targets"].as_array().unwrap_or_else(|| panic!("{title}: no queries")) {
            let query = target["expr"].as_str().expect("a query");
            assert!(
                !named(query).is_empty() && target["datasource"]["uid"] == "${datasource}",
                "{title}: {query}"
            );
        }
    }
}

/// Runs promtool; what it says.
fn promtool(args: &[&str], input: Option<&str>) -> Option<String> {
    let mut command = Command::new(real_part("promtool", "prometheus")?);
    command.args(args).current_dir(repo_file("docs/monitoring"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("promtool");
    child.stdin.take().expect("a pipe").write_all(input.unwrap_or_default().as_bytes()).expect("written");
    let output = child.wait_with_output().expect("its end");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "promtool {args:?}: {said}");
    Some(said)
}

#[test]
fn promtool_finds_nothing_wrong() {
    if promtool(&["check", "rules", "ringtail.rules.yml"], None).is_none() {
        return;
    }
    promtool(&["test", "rules", "ringtail.rules.test.yml"], None);
    promtool(&["check", "config", "prometheus.yml"], None);
    let watched = Watched::start();
    let queries = dashboard_queries();
    for admin in watched.servers.iter().chain([&watched.proxy]) {
        let (_, text) = admin.ask("GET /metrics HTTP/1.1\r\nAccept: text/plain\r\n\r\n");
        let said = promtool(&["check", "metrics"], Some(&text)).unwrap_or_default();
        assert_eq!(said, "", "what it would have otherwise");
    }
    // The dashboard's queries are rules of one file to it.
    let rules = scratch("monitoring").join("queries.yml");
    let rule =
        |(n, query): (usize, &String)| serde_json::json!({ "record": format!("q:{n}"), "expr": query });
    let all: Vec<_> = queries.iter().enumerate().map(rule).collect();
    // JSON is YAML, too.
    let group = serde_json::json!({ "groups": [{ "name": "queries", "rules": all }] });
    std::fs::write(&rules, group.to_string()).expect("a file below target");
    promtool(&["check", "rules", rules.to_str().expect("UTF-8")], None);
}

/// All queries, with what Grafana puts in place of its variables.
fn dashboard_queries() -> Vec<String> {
    let dashboard: serde_json::Value = serde_json::from_str(&file("ringtail-dashboard.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let queries = targets.filter_map(|target| target["expr"].as_str());
    queries
        .map(|query| query.replace("$__rate_interval", "1m").replace("$proxy", ".*").replace("$server", ".*"))
        .collect()
}

/// A Prometheus that scrapes often.
struct Prometheus {
    process: Process,
    api: Admin,
}

impl Prometheus {
    fn start(watched: &Watched) -> Option<Self> {
        let program = real_part("prometheus", "prometheus")?;
        let dir = scratch("prometheus");
        let servers: Vec<_> = watched.servers.iter().map(|admin| &admin.addr).collect();
        let config = file("prometheus.yml")
            .replace("[\"127.0.0.1:9900\"]", &format!("{:?}", [&watched.proxy.addr]))
            .replace("[\"127.0.0.1:9901\", \"127.0.0.1:9902\", \"127.0.0.1:9903\"]", &format!("{servers:?}"))
            .replace("15s", "1s");
        assert!(!config.contains(":990"), "{config}");
        std::fs::write(dir.join("prometheus.yml"), config).expect("a file below target");
        std::fs::write(dir.join("ringtail.rules.yml"), file("ringtail.rules.yml"))
            .expect("a file below target");
        let api = Admin { addr: format!("127.0.0.1:{}", free_port()) };
        let mut command = Command::new(program);
        command.arg(format!("--config.file={}", dir.join("prometheus.yml").display()));
        command.arg(format!("--storage.tsdb.path={}", dir.join("data").display()));
        command.arg(format!("--web.listen-address={}", api.addr));
        Some(Self { process: Process::start("prometheus", &mut command), api })
    }

    /// What a query's result is, as far as there is one.
    fn ask(&self, query: &str) -> Vec<serde_json::Value> {
        let escaped: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let request = format!("GET /api/v1/query?query={escaped} HTTP/1.0\r\nHost: x\r\n\r\n");
        let Ok(answer) = self.api.try_ask(&request) else { return Vec::new() };
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let parsed: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
        parsed["data"]["result"].as_array().cloned().unwrap_or_default()
    }
}

#[test]
fn a_real_prometheus_scrapes_a_pool_and_evaluates_the_rules() {
    let watched = Watched::start();
    let Some(prometheus) = Prometheus::start(&watched) else { return };
    let comes = |query: &str, count: usize| {
        let mut last = Vec::new();
        let there = wait_for(SOON * 2, || {
            last = prometheus.ask(query);
            last.len() == count
        });
        assert!(there, "{query}: {last:?}\n{}", prometheus.process.output());
        last
    };
    let up = comes("up == 1", 3);
    assert!(up.iter().any(|one| one["metric"]["job"] == "ringtail-proxy"), "{up:?}");
    comes("ringtail_proxy_members_up == 1", 1);
    comes("instance:ringtail_proxy_commands:rate5m", 1);
    comes("ringtail_build_info", 3);
    // It took the text as OpenMetrics, with its types.
    comes("ringtail_server_command_duration_seconds_bucket{class=\"write\",le=\"+Inf\"} > 0", 1);
    drop(watched);
    comes("up == 0", 3);
    comes("ALERTS{alertname=\"RingtailDown\"}", 3);
}
