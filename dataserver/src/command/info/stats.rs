//! INFO stats.

use super::{About, Text};
use crate::hub::{Hub, Kind};
use crate::rates::Rate;
use ringtail_protocol::acl::Reason;
use std::sync::atomic::Ordering::Relaxed;

pub(super) fn stats(text: &mut Text, about: &mut About<'_, '_>) {
    traffic(text, about);
    keys(text, about);
    pubsub(text, &about.server.hub);
    for field in [
        "latest_fork_usec",
        "total_forks",
        "migrate_cached_sockets",
        "slave_expires_tracked_keys",
        "active_defrag_hits",
        "active_defrag_misses",
        "active_defrag_key_hits",
        "active_defrag_key_misses",
        "total_active_defrag_time",
        "current_active_defrag_time",
    ] {
        text.put(field, 0);
    }
    let tracked = &about.server.store.tracked;
    text.put("tracking_total_keys", tracked.keys.load(Relaxed));
    text.put("tracking_total_items", tracked.items.load(Relaxed));
    text.put("tracking_total_prefixes", about.server.listeners.prefix_count());
    work(text, about);
}

fn traffic(text: &mut Text, about: &mut About<'_, '_>) {
    let server = about.server;
    text.put("total_connections_received", server.total(|c| &c.connections));
    text.put("total_commands_processed", server.total(|c| &c.commands));
    text.put("instantaneous_ops_per_sec", server.rates.per_second(Rate::Commands).round());
    text.put("total_net_input_bytes", server.total(|c| &c.bytes_in));
    text.put("total_net_output_bytes", server.total(|c| &c.bytes_out));
    text.put("total_net_repl_input_bytes", 0);
    text.put("total_net_repl_output_bytes", 0);
    let kilobytes = |rate| format!("{:.2}", server.rates.per_second(rate) / 1024.0);
    text.put("instantaneous_input_kbps", kilobytes(Rate::BytesIn));
    text.put("instantaneous_output_kbps", kilobytes(Rate::BytesOut));
    text.put("instantaneous_input_repl_kbps", "0.00");
    text.put("instantaneous_output_repl_kbps", "0.00");
    text.put("rejected_connections", server.total(|c| &c.rejected));
    let replicas = &server.replication.replicas;
    text.put("sync_full", replicas.full.load(Relaxed));
    text.put("sync_partial_ok", replicas.resumed.load(Relaxed));
    text.put("sync_partial_err", replicas.too_old.load(Relaxed));
}

fn keys(text: &mut Text, about: &mut About<'_, '_>) {
    let server = about.server;
    text.put("expired_keys", server.total(|c| &c.expired));
    // Expiries are one ordered set: the stale ones are found, not guessed.
    text.put("expired_stale_perc", "0.00");
    text.put("expired_time_cap_reached_count", server.total(|c| &c.expire_capped));
    text.put("expire_cycle_cpu_milliseconds", server.total(|c| &c.expire_micros) / 1000);
    text.put("evicted_keys", server.total(|c| &c.evicted));
    text.put("evicted_clients", 0);
    text.put("total_eviction_exceeded_time", server.total(|c| &c.evict_micros) / 1000);
    text.put("current_eviction_exceeded_time", 0);
    text.put("keyspace_hits", server.total(|c| &c.hits));
    text.put("keyspace_misses", server.total(|c| &c.misses));
}

fn pubsub(text: &mut Text, hub: &Hub) {
    text.put("pubsub_channels", hub.channel_count(Kind::Channel));
    text.put("pubsub_patterns", hub.pattern_count());
    text.put("pubsubshard_channels", hub.channel_count(Kind::Shard));
}

fn work(text: &mut Text, about: &mut About<'_, '_>) {
    let server = about.server;
    text.put("unexpected_error_replies", 0);
    text.put("total_error_replies", server.total(|c| &c.errors));
    text.put("panics", server.total(|c| &c.panics));
    text.put("dump_payload_sanitizations", 0);
    text.put("total_reads_processed", server.total(|c| &c.reads));
    text.put("total_writes_processed", server.total(|c| &c.writes));
    text.put("io_threaded_reads_processed", 0);
    text.put("io_threaded_writes_processed", 0);
    text.put("eventloop_cycles", server.total(|c| &c.reads));
    text.put("instantaneous_eventloop_cycles_per_sec", server.rates.per_second(Rate::Reads).round());
    text.put("client_output_buffer_limit_disconnections", server.clients.limits.disconnections());
    text.put("reply_buffer_shrinks", 0);
    text.put("reply_buffer_expands", 0);
    let log = server.access.log();
    for (name, reason) in
        [("auth", Reason::Auth), ("cmd", Reason::Command), ("key", Reason::Key), ("channel", Reason::Channel)]
    {
        text.put(&format!("acl_access_denied_{name}"), log.count(reason));
    }
}
