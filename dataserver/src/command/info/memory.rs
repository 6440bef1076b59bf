//! INFO memory.

use super::{About, Text};
use crate::command::memory::Usage;
use crate::server::Server;
use std::sync::atomic::Ordering::Relaxed;

pub(super) fn memory(text: &mut Text, about: &mut About<'_, '_>) {
    let (server, usage) = (about.server, Usage::now(about.server, about.view));
    let limit = server.store.memory.limit();
    text.put_bytes("used_memory", usage.used);
    text.put_bytes("used_memory_rss", usage.rss);
    text.put_bytes("used_memory_peak", usage.peak);
    text.put_percent("used_memory_peak_perc", usage.used, usage.peak);
    text.put("used_memory_overhead", usage.overhead());
    text.put("used_memory_startup", usage.startup);
    text.put("used_memory_dataset", usage.dataset());
    text.put_percent("used_memory_dataset_perc", usage.dataset(), usage.used.saturating_sub(usage.startup));
    text.put("used_memory_tables", usage.tables);
    text.put("allocator_allocated", usage.allocated);
    text.put("allocator_active", usage.active);
    text.put("allocator_resident", usage.resident);
    text.put_bytes("total_system_memory", system_memory());
    scripts(text, server);
    text.put_bytes("maxmemory", limit);
    text.put("maxmemory_policy", server.store.memory.policy().name());
    fragmentation(text, &usage);
    let [backlog, unsynced] = server.store.memory.of_log();
    text.put("mem_not_counted_for_evict", backlog + unsynced);
    text.put("mem_replication_backlog", backlog);
    text.put("mem_total_replication_buffers", backlog);
    text.put("mem_clients_slaves", 0);
    text.put("mem_clients_normal", usage.clients);
    text.put("mem_cluster_links", 0);
    text.put("mem_aof_buffer", unsynced);
    text.put("mem_allocator", ringtail_allocator::name());
    text.put("active_defrag_running", 0);
    text.put("lazyfree_pending_objects", server.store.lazy.pending());
    text.put("lazyfreed_objects", server.store.lazy.freed());
}

/// What scripts and functions take. One machine of a worker runs both.
fn scripts(text: &mut Text, server: &Server) {
    let machines = crate::script::pool::bytes();
    let (scripts, script_bytes) = server.scripts.cache.size();
    let ((libraries, functions), library_bytes) =
        (server.scripts.libraries.count(), server.scripts.libraries.bytes());
    text.put_bytes("used_memory_lua", machines);
    text.put("used_memory_vm_eval", machines);
    text.put("used_memory_scripts_eval", script_bytes);
    text.put("number_of_cached_scripts", scripts);
    text.put("number_of_functions", functions);
    text.put("number_of_libraries", libraries);
    text.put("used_memory_vm_functions", 0);
    text.put_bytes("used_memory_vm_total", machines);
    text.put("used_memory_functions", library_bytes);
    text.put_bytes("used_memory_scripts", (script_bytes + library_bytes) as u64);
    text.put("scripts_without_isolation", server.scripts.unisolated.load(Relaxed));
}

fn fragmentation(text: &mut Text, usage: &Usage) {
    let mut put = |name: &str, bytes_name: &str, larger: u64, smaller: u64| {
        text.put(name, format_args!("{:.2}", larger as f64 / smaller.max(1) as f64));
        text.put(bytes_name, larger as i64 - smaller as i64);
    };
    put("allocator_frag_ratio", "allocator_frag_bytes", usage.active, usage.allocated);
    put("allocator_rss_ratio", "allocator_rss_bytes", usage.resident, usage.active);
    put("rss_overhead_ratio", "rss_overhead_bytes", usage.rss, usage.resident);
    put("mem_fragmentation_ratio", "mem_fragmentation_bytes", usage.rss, usage.used);
}

/// The machine's memory in bytes; 0 where the system doesn't say.
fn system_memory() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    total.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}
