//! INFO's section about what is on disk: Redis's fields, and the log's own offsets.

use super::{About, Text};
use crate::server::Server;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

pub(super) fn persistence(text: &mut Text, about: &mut About<'_, '_>) {
    let (server, now) = (about.server, about.view.now);
    loading(text, server, now);
    backups(text, server, now);
    log(text, server);
    text.put("module_fork_in_progress", 0);
    text.put("module_fork_last_cow_size", 0);
}

/// Clients wait for `loading:0`.
fn loading(text: &mut Text, server: &Server, now: u64) {
    let is_loading = server.log.stance.is_loading();
    text.put("loading", u8::from(is_loading));
    text.put("async_loading", 0);
    if !is_loading {
        return;
    }
    let (read, total) = server.loading.bytes();
    let began = server.loading.began();
    text.put("loading_start_time", began / 1000);
    text.put("loading_total_bytes", total);
    text.put("loading_loaded_bytes", read);
    text.put("loading_loaded_perc", format_args!("{:.2}", read as f64 * 100.0 / total.max(1) as f64));
    let left = now.saturating_sub(began) as f64 / 1000.0 * (total - read) as f64 / read.max(1) as f64;
    text.put("loading_eta_seconds", left as u64);
}

fn backups(text: &mut Text, server: &Server, now: u64) {
    let (backups, last) = (&server.backups, server.backups.last());
    // Nothing is copied as it is written: no process is forked.
    for field in ["current_cow_peak", "current_cow_size", "current_cow_size_age"] {
        text.put(field, 0);
    }
    let (running, slots) = (backups.is_running(), backups.progress.slots.load(Relaxed));
    let percent = if running { slots as f64 * 100.0 / ringtail_cluster::SLOTS as f64 } else { 0.0 };
    text.put("current_fork_perc", format_args!("{percent:.2}"));
    text.put("current_save_keys_processed", 0);
    text.put("current_save_keys_total", if running { backups.keys.load(Relaxed) } else { 0 });
    text.put("rdb_changes_since_last_save", backups.changes_since(server));
    text.put("rdb_bgsave_in_progress", u8::from(running));
    text.put("rdb_last_save_time", if last.time > 0 { last.time } else { server.started / 1000 });
    text.put("rdb_last_bgsave_status", ok_or_err(last.failure.is_none()));
    text.put("rdb_last_bgsave_time_sec", if last.took.is_zero() { -1 } else { seconds(last.took) });
    let began = backups.began.load(Relaxed);
    let current = if running { (now.saturating_sub(began) / 1000) as i64 } else { -1 };
    text.put("rdb_current_bgsave_time_sec", current);
    text.put("rdb_saves", last.count);
    for field in ["rdb_last_cow_size", "rdb_last_load_keys_expired", "rdb_last_load_keys_loaded"] {
        text.put(field, 0);
    }
}

fn log(text: &mut Text, server: &Server) {
    let (log, compaction) = (&server.log, &server.compaction);
    let (last, began) = (compaction.last(), compaction.began());
    let is_written = log.on_disk.written.load(Relaxed);
    text.put("aof_enabled", u8::from(is_written));
    text.put("aof_rewrite_in_progress", u8::from(began.is_some()));
    text.put("aof_rewrite_scheduled", 0);
    text.put("aof_last_rewrite_time_sec", if last.count > 0 { seconds(last.took) } else { -1 });
    text.put("aof_current_rewrite_time_sec", began.map_or(-1, |began| seconds(began.elapsed())));
    text.put("aof_last_bgrewrite_status", ok_or_err(last.failure.is_none()));
    text.put("aof_rewrites", last.count);
    text.put("aof_rewrites_consecutive_failures", last.failures);
    text.put("aof_last_write_status", ok_or_err(log.failing().is_none()));
    text.put("aof_last_cow_size", 0);
    if !is_written {
        return;
    }
    let (history, offset) = log.position();
    let (base, synced) = (compaction.base.load(Relaxed), log.on_disk.synced.load(Relaxed));
    text.put("aof_current_size", base + log.on_disk.size.load(Relaxed));
    text.put("aof_base_size", base);
    text.put("aof_pending_rewrite", 0);
    text.put("aof_buffer_length", offset.saturating_sub(synced));
    text.put("aof_pending_bio_fsync", u8::from(offset > synced));
    text.put("aof_delayed_fsync", log.lateness.times());
    text.put("log_history", history);
    text.put("log_offset", offset);
    text.put("log_synced_offset", synced);
    if let Some(why) = log.failing() {
        text.put("log_failure", one_line(&why));
    }
}

fn seconds(time: Duration) -> i64 {
    time.as_secs() as i64
}

fn ok_or_err(ok: bool) -> &'static str {
    if ok { "ok" } else { "err" }
}

/// A line break would begin another field.
fn one_line(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
}
