//! Where the process's memory is.

use crate::server::Server;
use crate::session::Client;
use crate::store::DATABASES;
use crate::store::view::View;
use std::sync::atomic::Ordering::Relaxed;

/// Where memory is, in bytes.
#[derive(Default)]
pub(crate) struct Usage {
    /// Allocated and not freed, as the threads published it.
    pub(crate) used: u64,
    /// The most that was.
    pub(crate) peak: u64,
    /// What was before there were clients and keys.
    pub(crate) startup: u64,
    /// Of the tables of all databases.
    pub(crate) tables: u64,
    /// Of clients, with their buffers.
    pub(crate) clients: u64,
    /// What the allocator says it has given out.
    pub(crate) allocated: u64,
    /// In pages that hold any of that.
    pub(crate) active: u64,
    /// In pages that the allocator keeps mapped.
    pub(crate) resident: u64,
    /// What the system says the process has in memory.
    pub(crate) rss: u64,
    /// Keys of all databases.
    pub(crate) keys: u64,
    pub(super) keys_of: [u64; DATABASES as usize],
}

impl Usage {
    /// As it is now. Looks at every group.
    pub(crate) fn now(server: &Server, view: &mut View<'_>) -> Self {
        let memory = &server.store.memory;
        memory.publish_all();
        let [allocated, active, resident] = ringtail_allocator::pages();
        let mut usage = Self {
            used: memory.used(),
            peak: memory.peak(),
            startup: server.startup_memory,
            clients: server.clients.list().iter().map(|client| client_memory(client)).sum(),
            allocated,
            active,
            resident,
            rss: resident_bytes(),
            ..Self::default()
        };
        view.each_group(|_, slots| {
            usage.tables += slots.table_bytes() as u64;
            for (db, keys) in usage.keys_of.iter_mut().enumerate() {
                *keys += slots.counts(db as u8).0;
            }
        });
        usage.keys = usage.keys_of.iter().sum();
        usage
    }

    /// What is not keys and values.
    pub(crate) fn overhead(&self) -> u64 {
        self.startup + self.clients + self.tables
    }

    /// Keys and values.
    pub(crate) fn dataset(&self) -> u64 {
        self.used.saturating_sub(self.overhead())
    }

    /// A database's share of the tables: databases share them, so by its keys.
    pub(super) fn tables_of(&self, db: u8) -> usize {
        let keys = u128::from(self.keys_of[usize::from(db)]);
        (u128::from(self.tables) * keys / u128::from(self.keys.max(1))) as usize
    }
}

/// Bytes that a client takes, with what waits for it or from it.
pub(crate) fn client_memory(client: &Client) -> u64 {
    let buffers = client.query.load(Relaxed) + client.output.load(Relaxed);
    (size_of::<Client>() + client.outbox.bytes()) as u64 + buffers
}

/// The process's resident memory; 0 where the system doesn't say.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    rss.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}
