//! Keys, and where memory is.

use crate::command::memory::Usage;
use crate::server::Server;
use crate::store::DATABASES;
use crate::store::view::View;
use ringtail_admin::{Metrics, families};

families! {
    /// All of this part.
    pub static FAMILIES;
    KEYS = Gauge "ringtail_server_keys" ["db"]: "Keys in each database that has any.";
    EXPIRING = Gauge "ringtail_server_keys_expiring" ["db"]: "Keys that have a time to live.";
    HITS = Counter "ringtail_server_key_hits" []: "Look-ups that found their key.";
    MISSES = Counter "ringtail_server_key_misses" []: "Look-ups that found none.";
    EXPIRED = Counter "ringtail_server_keys_expired" []: "Keys removed because their time was over.";
    EVICTED = Counter "ringtail_server_keys_evicted" []: "Keys removed to make room (maxmemory).";
    EXPIRY_TIME = Counter "ringtail_server_expiry_seconds" []: "Time spent on looking for expired keys.";
    EVICTION_TIME = Counter "ringtail_server_eviction_seconds" []: "Time spent on making room.";
    USED = Gauge "ringtail_server_memory_used_bytes" []: "Bytes allocated and not freed: what is compared with maxmemory.";
    LIMIT = Gauge "ringtail_server_memory_limit_bytes" []: "maxmemory; 0 is no limit.";
    PEAK = Gauge "ringtail_server_memory_peak_bytes" []: "The most bytes that were in use.";
    BY_USE = Gauge "ringtail_server_memory_bytes" ["use"]: "Where the bytes in use are: dataset (keys and values), tables (their index), clients (with buffers), startup (before any of it), backlog (of the log, for replicas), unsynced (of the log, for the disk); the last two are part of dataset, too.";
    ALLOCATOR = Gauge "ringtail_server_memory_allocator_bytes" ["kind"]: "What the allocator has: allocated, in active pages, in resident pages.";
    FREED = Counter "ringtail_server_lazy_freed" []: "Values that were freed on another thread, because they have many parts.";
}

pub(super) fn write(server: &Server, view: &mut View<'_>, out: &mut Metrics) {
    let mut counts = [(0, 0); DATABASES as usize];
    view.each_group(|_, slots| {
        for (db, count) in counts.iter_mut().enumerate() {
            let (keys, expiring) = slots.counts(db as u8);
            *count = (count.0 + keys, count.1 + expiring);
        }
    });
    // The first one always, so that an empty server does not look like one that says nothing.
    let shown = || counts.iter().enumerate().filter(|(db, count)| *db == 0 || count.0 > 0);
    shown().for_each(|(db, count)| out.with(&KEYS, &[&db.to_string()], count.0));
    shown().for_each(|(db, count)| out.with(&EXPIRING, &[&db.to_string()], count.1));
    out.one(&HITS, server.total(|c| &c.hits));
    out.one(&MISSES, server.total(|c| &c.misses));
    out.one(&EXPIRED, server.total(|c| &c.expired));
    out.one(&EVICTED, server.total(|c| &c.evicted));
    out.one(&EXPIRY_TIME, server.total(|c| &c.expire_micros) as f64 / 1e6);
    out.one(&EVICTION_TIME, server.total(|c| &c.evict_micros) as f64 / 1e6);
    memory(server, view, out);
}

fn memory(server: &Server, view: &mut View<'_>, out: &mut Metrics) {
    let usage = Usage::now(server, view);
    out.one(&USED, usage.used);
    out.one(&LIMIT, server.store.memory.limit());
    out.one(&PEAK, usage.peak);
    let [backlog, unsynced] = server.store.memory.of_log().map(|bytes| bytes.max(0) as u64);
    for (of, bytes) in [
        ("dataset", usage.dataset()),
        ("tables", usage.tables),
        ("clients", usage.clients),
        ("startup", usage.startup),
        ("backlog", backlog),
        ("unsynced", unsynced),
    ] {
        out.with(&BY_USE, &[of], bytes);
    }
    out.with(&ALLOCATOR, &["allocated"], usage.allocated);
    out.with(&ALLOCATOR, &["active"], usage.active);
    out.with(&ALLOCATOR, &["resident"], usage.resident);
    out.one(&FREED, server.store.lazy.freed());
}
