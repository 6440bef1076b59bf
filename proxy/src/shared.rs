//! What all workers share: the topology's pointer, the clients' list, counters. Nothing of it is locked on the way of
//! a request.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ringtail_cluster::{Topologies, WatchStatus, Watcher};
use ringtail_net::outbox::OutputLimits;
use ringtail_protocol::acl::Access;
use tokio::time::Instant;

use crate::clients::Clients;
use crate::member::Sight;
use crate::pubsub::Audience;
use crate::settings::Settings;

/// What one worker has done. Only its worker writes, so that no two threads contend for the numbers.
/// On cache lines of their own, for the same reason.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Counters {
    /// Requests begun.
    pub(crate) commands: AtomicU64,
    /// Connections taken.
    pub(crate) connections: AtomicU64,
    /// Connections refused because there were too many.
    pub(crate) rejected: AtomicU64,
    /// Connections that ended before a request: a failed handshake.
    pub(crate) handshakes_failed: AtomicU64,
    /// Transactions that were run on one member.
    pub(crate) transactions: AtomicU64,
    /// Transactions that were run on several members.
    pub(crate) transactions_across: AtomicU64,
    /// Transactions that one member ran and another did not, or may not have.
    pub(crate) transactions_partial: AtomicU64,
    /// Bytes read from clients.
    pub(crate) bytes_in: AtomicU64,
    /// Bytes written to clients.
    pub(crate) bytes_out: AtomicU64,
    /// Times that the subscriptions at a member were not in force, as seen by a worker.
    pub(crate) pubsub_gaps: AtomicU64,
}

impl Counters {
    /// Adds to a number that only the calling thread writes.
    #[inline]
    pub(crate) fn add(number: &AtomicU64, n: u64) {
        number.store(number.load(Relaxed).wrapping_add(n), Relaxed);
    }
}

/// The sums of all workers' counters, less what they were at `CONFIG RESETSTAT`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) commands: u64,
    pub(crate) connections: u64,
    pub(crate) rejected: u64,
    pub(crate) handshakes_failed: u64,
    pub(crate) transactions: u64,
    pub(crate) transactions_across: u64,
    pub(crate) transactions_partial: u64,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) pubsub_gaps: u64,
}

/// Shared by all workers.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    /// Users, and what was refused to them.
    pub(crate) access: Access,
    watcher: Option<Watcher>,
    pub(crate) topologies: Topologies,
    pub(crate) clients: Clients,
    counters: Vec<Arc<Counters>>,
    sights: Mutex<HashMap<usize, Vec<Arc<Sight>>>>,
    /// By the members' labels.
    audiences: Mutex<HashMap<String, Weak<Audience>>>,
    /// How much may wait for a client that does not take its messages.
    pub(crate) output_limits: OutputLimits,
    reset: Mutex<Totals>,
    started: Instant,
    /// Random, for `INFO` and to tell one life of the process from the next.
    pub(crate) run_id: String,
}

impl Shared {
    pub(crate) fn new(
        settings: Settings,
        access: Access,
        topologies: Topologies,
        watcher: Option<Watcher>,
    ) -> Arc<Self> {
        let counters = (0..settings.threads).map(|_| Arc::default()).collect();
        let output_limits = OutputLimits::default();
        output_limits.set(settings.output_limits);
        let run_id = (0..40).map(|_| char::from_digit(fastrand::u32(..16), 16).unwrap_or('0')).collect();
        Arc::new(Self {
            settings,
            access,
            watcher,
            topologies,
            clients: Clients::default(),
            counters,
            sights: Mutex::default(),
            audiences: Mutex::default(),
            output_limits,
            reset: Mutex::default(),
            started: Instant::now(),
            run_id,
        })
    }

    /// The counters of one worker.
    pub(crate) fn counters(&self, worker: usize) -> Arc<Counters> {
        Arc::clone(&self.counters[worker % self.counters.len()])
    }

    /// Milliseconds since the start.
    pub(crate) fn millis(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.started).as_millis() as u64
    }

    pub(crate) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    fn raw_totals(&self) -> Totals {
        let sum =
            |pick: fn(&Counters) -> &AtomicU64| self.counters.iter().map(|c| pick(c).load(Relaxed)).sum();
        Totals {
            commands: sum(|c| &c.commands),
            connections: sum(|c| &c.connections),
            rejected: sum(|c| &c.rejected),
            handshakes_failed: sum(|c| &c.handshakes_failed),
            transactions: sum(|c| &c.transactions),
            transactions_across: sum(|c| &c.transactions_across),
            transactions_partial: sum(|c| &c.transactions_partial),
            bytes_in: sum(|c| &c.bytes_in),
            bytes_out: sum(|c| &c.bytes_out),
            pubsub_gaps: sum(|c| &c.pubsub_gaps),
        }
    }

    /// What was counted since the start, or since the last reset.
    pub(crate) fn totals(&self) -> Totals {
        let (all, reset) = (self.raw_totals(), *lock(&self.reset));
        Totals {
            commands: all.commands.wrapping_sub(reset.commands),
            connections: all.connections.wrapping_sub(reset.connections),
            rejected: all.rejected.wrapping_sub(reset.rejected),
            handshakes_failed: all.handshakes_failed.wrapping_sub(reset.handshakes_failed),
            transactions: all.transactions.wrapping_sub(reset.transactions),
            transactions_across: all.transactions_across.wrapping_sub(reset.transactions_across),
            transactions_partial: all.transactions_partial.wrapping_sub(reset.transactions_partial),
            bytes_in: all.bytes_in.wrapping_sub(reset.bytes_in),
            bytes_out: all.bytes_out.wrapping_sub(reset.bytes_out),
            pubsub_gaps: all.pubsub_gaps.wrapping_sub(reset.pubsub_gaps),
        }
    }

    /// `CONFIG RESETSTAT`
    pub(crate) fn reset_totals(&self) {
        *lock(&self.reset) = self.raw_totals();
        self.access.log().reset_counts();
        self.output_limits.reset_disconnections();
    }

    /// What all workers know of the subscribers at a member.
    pub(crate) fn audience(&self, label: &str) -> Arc<Audience> {
        let mut audiences = lock(&self.audiences);
        audiences.retain(|_, audience| audience.strong_count() > 0);
        if let Some(audience) = audiences.get(label).and_then(Weak::upgrade) {
            return audience;
        }
        let audience = Arc::default();
        audiences.insert(label.to_owned(), Arc::downgrade(&audience));
        audience
    }

    /// What became of servers.json.
    pub(crate) fn watch_status(&self) -> WatchStatus {
        self.watcher.as_ref().map(Watcher::status).unwrap_or_default()
    }

    /// Reads servers.json again.
    pub(crate) fn reload(&self) {
        if let Some(watcher) = &self.watcher {
            watcher.reload();
        }
    }

    /// A worker's members changed.
    pub(crate) fn set_sights(&self, worker: usize, sights: Vec<Arc<Sight>>) {
        lock(&self.sights).insert(worker, sights);
    }

    /// What all workers see of all members.
    pub(crate) fn sights(&self) -> Vec<Arc<Sight>> {
        lock(&self.sights).values().flatten().cloned().collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The wall clock.
pub(crate) fn unix_time() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
