//! INFO's sections about the program and its surroundings.

use super::{About, Text};
use crate::log::history::epoch_of;
use crate::log::waiting::stamp;
use crate::replication::leads;
use crate::replication::status::{Followed, Following, Link};
use crate::server::REDIS_VERSION;
use crate::session::Client;
use crate::store::view::View;
use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// How often a second expired keys are looked for, and idle clients.
const HZ: u64 = 10;

pub(super) fn server(text: &mut Text, about: &mut About<'_, '_>) {
    let (server, now) = (about.server, about.view.now);
    let uptime = now.saturating_sub(server.started) / 1000;
    text.put("redis_version", REDIS_VERSION);
    text.put("redis_git_sha1", "00000000");
    text.put("redis_git_dirty", 0);
    text.put("redis_build_id", 0);
    text.put("redis_mode", "standalone");
    text.put("ringtail_version", env!("CARGO_PKG_VERSION"));
    text.put("os", system());
    text.put("arch_bits", usize::BITS);
    text.put("monotonic_clock", crate::ticks::name());
    text.put("multiplexing_api", "epoll");
    text.put("atomicvar_api", "c11-builtin");
    text.put("gcc_version", "0.0.0");
    text.put("process_id", std::process::id());
    text.put("process_supervised", "no");
    text.put("run_id", &server.run_id);
    text.put("tcp_port", server.address.port());
    text.put("server_time_usec", crate::server::unix_micros());
    text.put("uptime_in_seconds", uptime);
    text.put("uptime_in_days", uptime / 86_400);
    text.put("hz", HZ);
    text.put("configured_hz", HZ);
    text.put("lru_clock", now / 1000 % (1 << 24));
    text.put("executable", path(std::env::current_exe().ok().as_deref()));
    text.put("config_file", path(server.config_file()));
    text.put("file_reloads", server.reloads.taken());
    text.put("file_reloads_refused", server.reloads.refused());
    text.put("file_refusal", server.reloads.refusal());
    text.put("io_threads_active", 0);
    text.put("worker_threads", server.counters.len());
    let (ip, port) = (server.address.ip(), server.address.port());
    text.put("listener0", format_args!("name=tcp,bind={ip},port={port}"));
}

fn path(path: Option<&std::path::Path>) -> String {
    path.map(|path| path.display().to_string()).unwrap_or_default()
}

/// The system's name and version, as `uname` says it.
fn system() -> String {
    let of = |name: &str| {
        let text = std::fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap_or_default();
        text.trim_end().to_owned()
    };
    format!("{} {} {}", of("ostype"), of("osrelease"), std::env::consts::ARCH)
}

pub(super) fn clients(text: &mut Text, about: &mut About<'_, '_>) {
    let (server, clients) = (about.server, about.server.clients.list());
    let most = |bytes: fn(&Client) -> u64| clients.iter().map(|c| bytes(c)).max().unwrap_or(0);
    text.put("connected_clients", clients.len());
    text.put("cluster_connections", 0);
    text.put("maxclients", server.settings.max_clients.load(Relaxed));
    text.put("client_recent_max_input_buffer", most(|c| c.query.load(Relaxed)));
    text.put("client_recent_max_output_buffer", most(|c| c.output.load(Relaxed) + c.outbox.bytes() as u64));
    text.put("blocked_clients", server.blocked.load(Relaxed));
    text.put("tracking_clients", server.listeners.count());
    text.put("pubsub_clients", clients.iter().filter(|client| client.is_subscribed()).count());
    let waits = |client: &&Arc<Client>| client.waiter().as_ref().is_some_and(|waiter| waiter.has_timeout);
    text.put("clients_in_timeout_table", clients.iter().filter(waits).count());
    blocking_keys(text, about.view);
}

/// How many keys clients wait for, and how many of those for their end too.
fn blocking_keys(text: &mut Text, view: &mut View<'_>) {
    let (mut keys, mut on_no_key) = (0, 0);
    view.each_group(|_, slots| {
        for waiters in slots.interest_if_any().into_iter().flat_map(|interest| interest.queues()) {
            keys += 1;
            on_no_key += usize::from(waiters.iter().any(|waiter| waiter.even_missing));
        }
    });
    text.put("total_blocking_keys", keys);
    text.put("total_blocking_keys_on_nokey", on_no_key);
}

pub(super) fn replication(text: &mut Text, about: &mut About<'_, '_>) {
    let server = about.server;
    let (history, offset) = server.log.position();
    let replicas = server.replication.replicas.list();
    let now = stamp();
    let seconds = |since: u64| now.saturating_sub(since) / 1000;
    let followed = server.replication.followed();
    text.put("role", if leads(server) { "master" } else { "slave" });
    if !leads(server) {
        put_primary(text, followed.as_ref(), offset, now);
    }
    drop(followed);
    text.put("connected_slaves", replicas.len());
    for (i, replica) in replicas.iter().enumerate() {
        let (host, port) = replica.address.rsplit_once(':').unwrap_or((&replica.address, "0"));
        let state = if replica.online.load(Relaxed) { "online" } else { "wait_bgsave" };
        let acked = replica.acked.load(Relaxed);
        let (lag, behind) = (seconds(replica.heard.load(Relaxed)), offset.saturating_sub(acked));
        text.put(
            &format!("slave{i}"),
            format_args!("ip={host},port={port},state={state},offset={acked},lag={lag},lag_bytes={behind}"),
        );
    }
    let (previous, until) = match server.log.previous() {
        Some((name, until)) => (name, until as i64),
        None => ("0".repeat(40), -1),
    };
    let (first, end) = server.log.backlog();
    let switching = server.replication.switching.is_on();
    text.put("ack_copies", server.log.copies());
    text.put("master_failover_state", if switching { "waiting-for-sync" } else { "no-failover" });
    text.put("master_epoch", epoch_of(&history));
    text.put("master_replid", history);
    text.put("master_replid2", previous);
    text.put("master_repl_offset", offset);
    text.put("second_repl_offset", until);
    text.put("repl_backlog_active", u8::from(end > first));
    text.put("repl_backlog_size", server.log.backlog_most());
    text.put("repl_backlog_first_byte_offset", first);
    text.put("repl_backlog_histlen", end - first);
}

/// What a replica knows of its primary; one that has been started or was replaced may not know any yet.
fn put_primary(text: &mut Text, followed: Option<&Followed>, offset: u64, now: u64) {
    let address = followed.map_or("?:0", |followed| &followed.address);
    let (host, port) = address.rsplit_once(':').unwrap_or((address, "0"));
    let state = followed.map(|followed| &*followed.state);
    let link = state.map_or(Link::Down, Following::link);
    let end = state.map_or(0, |state| state.primary_end.load(Relaxed)).max(offset);
    let heard = state.map_or(0, |state| state.heard.load(Relaxed));
    text.put("master_host", host);
    text.put("master_port", port);
    text.put("master_link_status", if link == Link::Up { "up" } else { "down" });
    let silent = (heard > 0 && link != Link::Down).then(|| now.saturating_sub(heard) / 1000);
    text.put("master_last_io_seconds_ago", silent.map_or(-1, |seconds| seconds as i64));
    text.put("master_sync_in_progress", u8::from(link == Link::Syncing));
    text.put("slave_read_repl_offset", offset);
    text.put("slave_repl_offset", offset);
    text.put("slave_lag_bytes", end - offset);
    text.put("slave_priority", 100);
    text.put("slave_read_only", 1);
    text.put("replica_announced", 1);
}

pub(super) fn cpu(text: &mut Text, _: &mut About<'_, '_>) {
    let mut put = |who: UsageWho, suffix: &str| {
        let usage = getrusage(who).ok();
        let seconds = |time: fn(&Usage) -> nix::sys::time::TimeVal| {
            usage.as_ref().map_or(0.0, |usage| time(usage).num_microseconds() as f64 / 1e6)
        };
        text.put(&format!("used_cpu_sys{suffix}"), format_args!("{:.6}", seconds(Usage::system_time)));
        text.put(&format!("used_cpu_user{suffix}"), format_args!("{:.6}", seconds(Usage::user_time)));
    };
    put(UsageWho::RUSAGE_SELF, "");
    put(UsageWho::RUSAGE_CHILDREN, "_children");
    // The worker that answers; all of them are alike.
    put(UsageWho::RUSAGE_THREAD, "_main_thread");
}
