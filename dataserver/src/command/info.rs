//! INFO: sections and fields under Redis's names, where the meaning is the same.

use super::{Call, Done};
use crate::hub::Kind;
use crate::server::{REDIS_VERSION, Server};
use crate::store::view::View;
use crate::store::{DATABASES, SLOTS_PER_GROUP};
use ringtail_protocol::acl::Reason;
use std::fmt::Write;

type Section = (&'static str, fn(&mut String, &Server, &mut View<'_>));

/// The sections, in the order in which they are shown.
const SECTIONS: [Section; 9] = [
    ("Server", server),
    ("Clients", clients),
    ("Memory", memory),
    ("Persistence", persistence),
    ("Stats", stats),
    ("Replication", replication),
    ("CPU", cpu),
    ("Cluster", cluster),
    ("Keyspace", keyspace),
];

/// INFO [section …]
pub(super) fn info(c: &mut Call<'_, '_>) -> Done {
    let asked: Vec<String> =
        c.args.from(1).iter().map(|name| String::from_utf8_lossy(name).to_ascii_lowercase()).collect();
    let all =
        asked.is_empty() || asked.iter().any(|name| ["default", "all", "everything"].contains(&&**name));
    let mut text = String::new();
    for (name, write) in SECTIONS {
        if all || asked.contains(&name.to_ascii_lowercase()) {
            if !text.is_empty() {
                text.push_str("\r\n");
            }
            let _ = write!(text, "# {name}\r\n");
            write(&mut text, c.server, c.view);
        }
    }
    c.reply.verbatim(&text);
    Ok(())
}

fn put(text: &mut String, field: &str, value: impl std::fmt::Display) {
    let _ = write!(text, "{field}:{value}\r\n");
}

fn server(text: &mut String, server: &Server, view: &mut View<'_>) {
    let uptime = view.now.saturating_sub(server.started) / 1000;
    put(text, "redis_version", REDIS_VERSION);
    put(text, "redis_mode", "standalone");
    put(text, "ringtail_version", env!("CARGO_PKG_VERSION"));
    put(text, "os", format_args!("{} {}", std::env::consts::OS, std::env::consts::ARCH));
    put(text, "arch_bits", usize::BITS);
    put(text, "multiplexing_api", "epoll");
    put(text, "process_id", std::process::id());
    put(text, "run_id", &server.run_id);
    put(text, "tcp_port", server.address.port());
    put(text, "server_time_usec", crate::server::unix_micros());
    put(text, "uptime_in_seconds", uptime);
    put(text, "uptime_in_days", uptime / 86_400);
    put(text, "worker_threads", server.counters.len());
}

fn clients(text: &mut String, server: &Server, _: &mut View<'_>) {
    put(text, "connected_clients", server.clients.count());
    put(text, "maxclients", server.settings.max_clients.load(std::sync::atomic::Ordering::Relaxed));
    put(text, "blocked_clients", 0);
    put(text, "pubsub_clients", server.clients.list().iter().filter(|client| client.is_subscribed()).count());
}

fn memory(text: &mut String, server: &Server, view: &mut View<'_>) {
    let memory = &server.store.memory;
    memory.publish_all();
    let rss = resident_bytes();
    let mut tables = 0;
    view.each_group(|_, slots| tables += slots.table_bytes());
    put(text, "used_memory", memory.used());
    put(text, "used_memory_human", human(memory.used()));
    put(text, "used_memory_rss", rss);
    put(text, "used_memory_rss_human", human(rss));
    put(text, "used_memory_peak", memory.peak());
    put(text, "used_memory_peak_human", human(memory.peak()));
    put(text, "used_memory_tables", tables);
    put(text, "maxmemory", memory.limit());
    put(text, "maxmemory_human", human(memory.limit()));
    put(text, "maxmemory_policy", memory.policy().name());
    put(text, "mem_fragmentation_ratio", format_args!("{:.2}", rss as f64 / memory.used().max(1) as f64));
    put(text, "mem_allocator", "jemalloc-5.3");
}

/// This server keeps nothing on disk; clients wait for `loading:0`.
fn persistence(text: &mut String, _: &Server, _: &mut View<'_>) {
    put(text, "loading", 0);
    put(text, "rdb_changes_since_last_save", 0);
    put(text, "rdb_bgsave_in_progress", 0);
    put(text, "aof_enabled", 0);
}

fn stats(text: &mut String, server: &Server, _: &mut View<'_>) {
    put(text, "total_connections_received", server.total(|c| &c.connections));
    put(text, "total_commands_processed", server.total(|c| &c.commands));
    put(text, "total_net_input_bytes", server.total(|c| &c.bytes_in));
    put(text, "total_net_output_bytes", server.total(|c| &c.bytes_out));
    put(text, "rejected_connections", server.total(|c| &c.rejected));
    put(text, "expired_keys", server.total(|c| &c.expired));
    put(text, "evicted_keys", server.total(|c| &c.evicted));
    put(text, "keyspace_hits", server.total(|c| &c.hits));
    put(text, "keyspace_misses", server.total(|c| &c.misses));
    put(text, "pubsub_channels", server.hub.channel_count(Kind::Channel));
    put(text, "pubsub_patterns", server.hub.pattern_count());
    put(text, "pubsubshard_channels", server.hub.channel_count(Kind::Shard));
    let log = server.access.log();
    for (name, reason) in
        [("auth", Reason::Auth), ("cmd", Reason::Command), ("key", Reason::Key), ("channel", Reason::Channel)]
    {
        put(text, &format!("acl_access_denied_{name}"), log.count(reason));
    }
    put(text, "total_error_replies", server.total(|c| &c.errors));
    put(text, "client_output_buffer_limit_disconnections", server.clients.limits.disconnections());
}

fn replication(text: &mut String, server: &Server, _: &mut View<'_>) {
    put(text, "role", "master");
    put(text, "connected_slaves", 0);
    put(text, "master_replid", &server.run_id);
    put(text, "master_repl_offset", 0);
}

fn cpu(text: &mut String, _: &Server, _: &mut View<'_>) {
    let (user, system) = cpu_seconds();
    put(text, "used_cpu_sys", format_args!("{system:.6}"));
    put(text, "used_cpu_user", format_args!("{user:.6}"));
}

fn cluster(text: &mut String, _: &Server, _: &mut View<'_>) {
    put(text, "cluster_enabled", 0);
}

fn keyspace(text: &mut String, _: &Server, view: &mut View<'_>) {
    let now = view.now;
    let mut totals = [(0_u64, 0_u64, 0_u64); DATABASES as usize];
    view.each_group(|_, slots| {
        for (db, total) in totals.iter_mut().enumerate() {
            let (keys, expiring) = slots.counts(db as u8);
            total.0 += keys;
            total.1 += expiring;
        }
    });
    if totals.iter().any(|total| total.1 > 0) {
        sample_ttls(view, now, &mut totals);
    }
    for (db, (keys, expires, ttl)) in totals.iter().enumerate().filter(|(_, total)| total.0 > 0) {
        put(text, &format!("db{db}"), format_args!("keys={keys},expires={expires},avg_ttl={ttl}"));
    }
}

/// The average time to live of each database, by a sample of each group.
fn sample_ttls(view: &mut View<'_>, now: u64, totals: &mut [(u64, u64, u64)]) {
    const SAMPLE: usize = 4;
    let mut sums = vec![(0_u64, 0_u64); totals.len()];
    view.each_group(|group, slots| {
        let first = (group * SLOTS_PER_GROUP) as u16;
        for (slot, hash) in slots.sample_expiring(0, SAMPLE) {
            if let Some(entry) = slots.dict(first + slot).find_by(hash, |e| e.expiry().is_some()) {
                let sum = &mut sums[usize::from(entry.db())];
                sum.0 = sum.0.saturating_add(entry.expiry().unwrap_or(now).saturating_sub(now));
                sum.1 += 1;
            }
        }
    });
    for (total, (sum, count)) in totals.iter_mut().zip(sums) {
        total.2 = sum / count.max(1);
    }
}

fn human(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["K", "M", "G", "T", "P"];
    let (mut n, mut unit) = (bytes as f64, "B");
    for next in UNITS {
        if n < 1024.0 {
            break;
        }
        (n, unit) = (n / 1024.0, next);
    }
    if unit == "B" { format!("{bytes}B") } else { format!("{n:.2}{unit}") }
}

/// The process's resident memory, in bytes; 0 where the system doesn't say.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split(' ').nth(1).and_then(|n| n.parse().ok()).unwrap_or(0);
    pages * 4096
}

/// The process's time on processors, user and system, in seconds.
fn cpu_seconds() -> (f64, f64) {
    // Fields 14 and 15, counted after the name, which may hold spaces; in hundredths of a second.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<f64> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|n| n.parse().ok())
        .collect();
    (fields.first().map_or(0.0, |n| n / 100.0), fields.get(1).map_or(0.0, |n| n / 100.0))
}
