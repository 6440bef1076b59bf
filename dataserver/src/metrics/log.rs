//! The log, backups, and the loading of both.

use crate::log::times::Times;
use crate::log::waiting::stamp;
use crate::server::Server;
use ringtail_admin::{Buckets, Metrics, families};
use std::sync::atomic::Ordering::Relaxed;

/// Upper bounds of the buckets of the disk's times, in seconds.
const DISK: &[f64] = &[
    0.000_01, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    10.0,
];

families! {
    /// All of this part.
    pub static FAMILIES;
    LOADING = Gauge "ringtail_server_loading" []: "1 while keys are being loaded: at the start, or a replica's from its primary.";
    LOADED = Gauge "ringtail_server_loaded_bytes" []: "Bytes that were read of the files to load at the start.";
    TO_LOAD = Gauge "ringtail_server_to_load_bytes" []: "Bytes of these files.";
    WRITTEN = Gauge "ringtail_server_log_enabled" []: "1 if a log is written (--dir).";
    FAILING = Gauge "ringtail_server_log_failing" []: "1 while the log can't be written, and writes are refused.";
    SIZE = Gauge "ringtail_server_log_size_bytes" []: "What a restart reads: the log and the state that it begins with.";
    POSITION = Counter "ringtail_server_log_position_bytes" []: "Where the log ends, counted from its first byte ever.";
    UNSYNCED = Gauge "ringtail_server_log_unsynced_bytes" []: "Bytes of the log that are not on disk yet.";
    LAG = Gauge "ringtail_server_log_lag_seconds" []: "How far the disk is behind: what a crash of the machine would lose; 0 while nothing waits for it.";
    LATE = Counter "ringtail_server_log_late" []: "How often the disk was so late that replies to writes waited for it.";
    WRITES = Histogram "ringtail_server_log_write_duration_seconds" []: "How long it took to write to the log's files, for each batch.";
    SYNCS = Histogram "ringtail_server_log_sync_duration_seconds" []: "How long the disk took for each sync.";
    COMPACTIONS = Counter "ringtail_server_log_compactions" []: "How often the log was made shorter.";
    COMPACTION_FAILING = Gauge "ringtail_server_log_compaction_failing" []: "How often in a row that failed.";
    BACKUPS = Counter "ringtail_server_backups" ["outcome"]: "Backups that were written (ok) or not (failed).";
    BACKUP_RUNS = Gauge "ringtail_server_backup_running" []: "1 while a backup is being written.";
    BACKUP_TIME = Gauge "ringtail_server_backup_last_time_seconds" []: "When the last good backup was finished, in seconds since 1970; 0 if there was none since the start.";
    BACKUP_TOOK = Gauge "ringtail_server_backup_last_duration_seconds" []: "How long the last backup took, or the try.";
    BACKUP_SIZE = Gauge "ringtail_server_backup_last_size_bytes" []: "Bytes of the last good backup.";
}

pub(super) fn write(server: &Server, out: &mut Metrics) {
    let (read, total) = server.loading.bytes();
    out.one(&LOADING, server.log.stance.is_loading());
    out.one(&LOADED, read);
    out.one(&TO_LOAD, total);
    files(server, out);
    let last = server.compaction.last();
    out.one(&COMPACTIONS, last.count);
    out.one(&COMPACTION_FAILING, last.failures);
    backups(server, out);
}

fn files(server: &Server, out: &mut Metrics) {
    let (log, on_disk) = (&server.log, &server.log.on_disk);
    let (is_written, (_, end)) = (on_disk.written.load(Relaxed), log.position());
    let unsynced = if is_written { end.saturating_sub(on_disk.synced.load(Relaxed)) } else { 0 };
    let lag = if unsynced > 0 { log.lateness.behind(stamp()) } else { 0 };
    let base = server.compaction.base.load(Relaxed);
    out.one(&WRITTEN, is_written);
    out.one(&FAILING, log.failing().is_some());
    out.one(&SIZE, if is_written { base + on_disk.size.load(Relaxed) } else { 0 });
    out.one(&POSITION, end);
    out.one(&UNSYNCED, unsynced);
    out.one(&LAG, lag as f64 / 1e3);
    out.one(&LATE, log.lateness.times());
    out.histogram(&WRITES, &[], &Buckets::of(&log.times.writes(), Times::TICK, DISK));
    out.histogram(&SYNCS, &[], &Buckets::of(&log.times.syncs(), Times::TICK, DISK));
}

fn backups(server: &Server, out: &mut Metrics) {
    let last = server.backups.last();
    out.with(&BACKUPS, &["ok"], last.count);
    out.with(&BACKUPS, &["failed"], last.failures);
    out.one(&BACKUP_RUNS, server.backups.is_running());
    out.one(&BACKUP_TIME, last.time);
    out.one(&BACKUP_TOOK, last.took.as_secs_f64());
    out.one(&BACKUP_SIZE, last.bytes);
}
