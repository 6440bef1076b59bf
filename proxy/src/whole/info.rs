//! INFO: the proxy's own, under Redis's sections and names where they mean something here, with the pool's keyspace; and `INFO
//! servers` about the members.

pub(crate) mod servers;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::Ordering::Relaxed;

use ringtail_cluster::Colocation;
use ringtail_protocol::acl::Reason;
use ringtail_protocol::errors::Error;
use ringtail_protocol::reply::Reply;

use super::keyspace::bulk;
use super::{Question, ask_all};
use crate::see::Seen;
use crate::shared::{Shared, unix_time};
use crate::worker::Worker;

/// The version of Redis whose commands and replies ours are.
pub(crate) const REDIS_VERSION: &str = "7.2.0";

/// A section's name and what writes it.
type Section = (&'static str, fn(&Shared, &mut String) -> std::fmt::Result);

/// In the order in which Redis has them; the keyspace follows, and what Redis has not.
const SECTIONS: [Section; 9] = [
    ("Server", server),
    ("Clients", clients),
    ("Memory", memory),
    ("Persistence", persistence),
    ("Stats", stats),
    ("Replication", replication),
    ("CPU", cpu),
    ("Cluster", cluster),
    ("Pool", pool),
];

/// Writes a section.
type SeenSection = fn(&Seen, &mut String);

/// What is seen of the requests: told when it is asked for, or all is.
const SEEN: [(&str, SeenSection); 4] = [
    ("Commandstats", Seen::command_stats),
    ("Errorstats", Seen::error_stats),
    ("Latencystats", Seen::latency_stats),
    ("Users", Seen::user_stats),
];

/// Answers `INFO [section …]`.
pub(super) async fn info(worker: &Worker, question: &Question, out: &mut Vec<u8>) -> Result<(), Error> {
    let wanted = Wanted::new(&question.words);
    let shared = &worker.shared;
    let mut text = String::new();
    for (name, write) in SECTIONS.iter().filter(|(name, _)| wanted.has(name)) {
        begin(&mut text, name);
        // Writing to a string can't fail.
        let _ = write(shared, &mut text);
    }
    for (name, write) in
        SEEN.iter().filter(|(name, _)| wanted.has_all() || wanted.asked(&name.to_lowercase()))
    {
        begin(&mut text, name);
        write(&shared.seen, &mut text);
    }
    if wanted.has("Keyspace") {
        begin(&mut text, "Keyspace");
        keyspace(worker, &mut text).await;
    }
    if wanted.asked("servers") || wanted.asked("everything") {
        begin(&mut text, "Servers");
        servers::servers(shared, &mut text);
    }
    Reply::new(out, question.resp).verbatim(&text);
    Ok(())
}

fn begin(text: &mut String, name: &str) {
    if !text.is_empty() {
        text.push_str("\r\n");
    }
    let _ = write!(text, "# {name}\r\n");
}

/// Which sections are asked for.
struct Wanted {
    names: Vec<String>,
}

impl Wanted {
    fn new(words: &[Vec<u8>]) -> Self {
        Self {
            names: words.iter().skip(1).map(|word| String::from_utf8_lossy(word).to_lowercase()).collect(),
        }
    }

    fn asked(&self, name: &str) -> bool {
        self.names.iter().any(|wanted| wanted == name)
    }

    fn has_all(&self) -> bool {
        self.asked("all") || self.asked("everything")
    }

    fn has(&self, section: &str) -> bool {
        let all = ["all", "default", "everything"];
        self.names.is_empty() || all.iter().any(|all| self.asked(all)) || self.asked(&section.to_lowercase())
    }
}

fn server(shared: &Shared, text: &mut String) -> std::fmt::Result {
    let uptime = shared.uptime().as_secs();
    write!(text, "redis_version:{REDIS_VERSION}\r\nringtail_version:{}\r\n", env!("CARGO_PKG_VERSION"))?;
    write!(text, "redis_mode:standalone\r\nos:Linux\r\narch_bits:64\r\nmultiplexing_api:epoll\r\n")?;
    write!(text, "process_id:{}\r\nrun_id:{}\r\n", std::process::id(), shared.run_id)?;
    write!(
        text,
        "tcp_port:{}\r\nserver_time_usec:{}\r\n",
        shared.settings.addr.port(),
        unix_time().as_micros()
    )?;
    write!(text, "uptime_in_seconds:{uptime}\r\nuptime_in_days:{}\r\n", uptime / 86400)?;
    write!(text, "hz:10\r\nio_threads_active:{}\r\n", u8::from(shared.settings.threads > 1))?;
    let reloads = &shared.reloads;
    write!(text, "file_reloads:{}\r\nfile_reloads_refused:{}\r\n", reloads.taken(), reloads.refused())?;
    write!(text, "file_refusal:{}\r\n", reloads.refusal())
}

fn clients(shared: &Shared, text: &mut String) -> std::fmt::Result {
    write!(text, "connected_clients:{}\r\ncluster_connections:0\r\n", shared.clients.count())?;
    let (live, blocked) = (&shared.settings.live, shared.clients.blocked());
    write!(text, "maxclients:{}\r\nblocked_clients:{blocked}\r\n", live.max_clients.load(Relaxed))?;
    write!(text, "maxclients_per_addr:{}\r\n", live.max_clients_per_addr.load(Relaxed))?;
    write!(text, "maxclients_per_user:{}\r\n", live.max_clients_per_user.load(Relaxed))?;
    let clients = shared.clients.list();
    let subscribers = clients.iter().filter(|client| client.is_subscribed()).count();
    let trackers = clients.iter().filter(|client| !client.tracking().is_empty()).count();
    write!(text, "pubsub_clients:{subscribers}\r\ntracking_clients:{trackers}\r\n")
}

/// The proxy's own memory: it holds no keys.
fn memory(shared: &Shared, text: &mut String) -> std::fmt::Result {
    let rss = resident();
    write!(text, "used_memory:{rss}\r\nused_memory_human:{:.2}M\r\n", rss as f64 / f64::from(1 << 20))?;
    write!(text, "used_memory_rss:{rss}\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n")?;
    write!(text, "mem_allocator:jemalloc\r\n")?;
    let in_flight = &shared.settings.live.in_flight;
    write!(text, "in_flight_bytes:{}\r\n", in_flight.bytes())?;
    write!(text, "max_in_flight:{}\r\n", in_flight.most.load(Relaxed))
}

/// Resident bytes of the process, 0 where /proc is not to be had.
fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.as_deref().and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0) * 4096
}

fn persistence(_: &Shared, text: &mut String) -> std::fmt::Result {
    write!(text, "loading:0\r\nrdb_bgsave_in_progress:0\r\naof_enabled:0\r\n")
}

fn stats(shared: &Shared, text: &mut String) -> std::fmt::Result {
    let totals = shared.totals();
    write!(text, "total_connections_received:{}\r\n", totals.connections)?;
    write!(text, "total_commands_processed:{}\r\n", totals.commands)?;
    write!(text, "total_net_input_bytes:{}\r\n", totals.bytes_in)?;
    write!(text, "total_net_output_bytes:{}\r\n", totals.bytes_out)?;
    write!(text, "rejected_connections:{}\r\n", totals.rejected)?;
    let own = [
        ("rejected_connections_per_addr", totals.rejected_per_addr),
        ("rejected_commands_per_user", totals.rejected_per_user),
        ("client_output_buffer_limit_disconnections", shared.output_limits.disconnections()),
        ("pubsub_gaps", totals.pubsub_gaps),
        ("failed_handshakes", totals.handshakes_failed),
        ("transactions_on_one_member", totals.transactions),
        ("slow_requests", shared.seen.slow()),
        ("transactions_over_members", totals.transactions_across),
        ("transactions_partial", totals.transactions_partial),
        ("refused_handshakes", totals.handshakes_refused),
        ("rate_limited_commands", totals.rate_limited),
        ("in_flight_waits", totals.in_flight_waits),
        ("in_flight_refused", totals.in_flight_refused),
        ("slow_readers_closed", totals.slow_readers),
        ("large_requests", totals.large_requests),
        ("large_replies", totals.large_replies),
        ("retried_reads", totals.retried_reads),
    ];
    own.iter().try_for_each(|(name, count)| write!(text, "{name}:{count}\r\n"))?;
    let log = shared.access.log();
    let reasons = [
        ("auth", Reason::Auth),
        ("cmd", Reason::Command),
        ("key", Reason::Key),
        ("channel", Reason::Channel),
    ];
    reasons
        .iter()
        .try_for_each(|(name, reason)| write!(text, "acl_access_denied_{name}:{}\r\n", log.count(*reason)))
}

fn replication(shared: &Shared, text: &mut String) -> std::fmt::Result {
    write!(
        text,
        "role:master\r\nconnected_slaves:0\r\nmaster_replid:{}\r\nmaster_repl_offset:0\r\n",
        shared.run_id
    )
}

fn cpu(_: &Shared, text: &mut String) -> std::fmt::Result {
    let (user, system) = cpu_seconds();
    write!(text, "used_cpu_sys:{system:.6}\r\nused_cpu_user:{user:.6}\r\n")
}

/// User and system time of the process; the kernel counts it in hundredths of a second.
fn cpu_seconds() -> (f64, f64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in parentheses may hold anything.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace().collect();
    let seconds =
        |at: usize| fields.get(at).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or(0.0) / 100.0;
    (seconds(11), seconds(12))
}

fn cluster(_: &Shared, text: &mut String) -> std::fmt::Result {
    write!(text, "cluster_enabled:0\r\n")
}

fn pool(shared: &Shared, text: &mut String) -> std::fmt::Result {
    let (topology, status) = (shared.topologies.current(), shared.watch_status());
    let up =
        servers::standings(shared).values().filter(|member| member.lanes_up > 0 && !member.replica).count();
    write!(text, "pool_members:{}\r\npool_members_up:{up}\r\n", topology.members().len())?;
    write!(text, "pool_epoch:{}\r\n", topology.epoch())?;
    write!(text, "pool_reloads:{}\r\npool_reloads_refused:{}\r\n", status.reloads, status.refused)?;
    let refusal = status.refusal.map(|refusal| one_line(&refusal.to_string()));
    write!(text, "pool_refusal:{}\r\n", refusal.unwrap_or_default())?;
    let (scripts, (cached, bytes)) = (&shared.scripts, shared.scripts.size());
    write!(text, "scripts_cached:{cached}\r\nscripts_cached_bytes:{bytes}\r\n")?;
    let (forgotten, brought) = (scripts.forgotten.load(Relaxed), scripts.brought.load(Relaxed));
    write!(text, "scripts_forgotten:{forgotten}\r\nscripts_brought:{brought}\r\n")?;
    write!(text, "pool_colocation:{}\r\n", Colocation::in_force())
}

fn one_line(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
}

/// One database's keys in the whole pool.
#[derive(Default)]
struct Keys {
    keys: u64,
    expires: u64,
    ttl_sum: u64,
}

/// The sums of the members that answer; one that is down must not keep INFO from answering.
async fn keyspace(worker: &Worker, text: &mut String) {
    let mut databases: BTreeMap<u8, Keys> = BTreeMap::new();
    for (_, answer) in ask_all(worker, 0, &[b"INFO", b"keyspace"]).await {
        let answer = answer.unwrap_or_default();
        let info =
            bulk(&answer).map(|(info, _)| String::from_utf8_lossy(info).into_owned()).unwrap_or_default();
        info.lines().filter_map(database).for_each(|(db, keys)| add(databases.entry(db).or_default(), &keys));
    }
    for (db, keys) in databases {
        let ttl = keys.ttl_sum.checked_div(keys.expires).unwrap_or(0);
        let _ = write!(text, "db{db}:keys={},expires={},avg_ttl={ttl}\r\n", keys.keys, keys.expires);
    }
}

fn add(sum: &mut Keys, keys: &Keys) {
    sum.keys += keys.keys;
    sum.expires += keys.expires;
    sum.ttl_sum = sum.ttl_sum.saturating_add(keys.ttl_sum);
}

/// `db0:keys=3,expires=1,avg_ttl=500`
fn database(line: &str) -> Option<(u8, Keys)> {
    let (db, fields) = line.strip_prefix("db")?.split_once(':')?;
    let field = |name: &str| {
        let mut pairs = fields.split(',').filter_map(|field| field.split_once('='));
        pairs
            .find(|(key, _)| *key == name)
            .and_then(|(_, value)| value.trim().parse::<u64>().ok())
            .unwrap_or(0)
    };
    let expires = field("expires");
    let ttl_sum = field("avg_ttl").saturating_mul(expires);
    Some((db.parse().ok()?, Keys { keys: field("keys"), expires, ttl_sum }))
}
