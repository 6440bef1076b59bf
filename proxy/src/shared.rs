//! What all workers share: the topology's pointer, the clients' list, counters. Nothing of it is locked on the way of
//! a request.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ringtail_cluster::{Topologies, WatchStatus, Watcher};
use ringtail_net::ReloadStatus;
use ringtail_net::outbox::OutputLimits;
use ringtail_protocol::acl::Access;
use tokio::time::Instant;

use crate::clients::Clients;
use crate::large::Sizes;
use crate::member::Sight;
use crate::pubsub::{Audience, Joining};
use crate::rates::Rates;
use crate::script::Scripts;
use crate::seats::Seats;
use crate::see::Seen;
use crate::settings::Settings;

/// Declares what is counted, once.
macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What one worker has done. Only its worker writes, so that no two threads contend for the numbers.
        /// On cache lines of their own, for the same reason.
        #[derive(Debug, Default)]
        #[repr(align(128))]
        pub(crate) struct Counters {
            $($(#[$doc])* pub(crate) $name: AtomicU64,)*
        }

        /// The sums of all workers' counters, less what they were at `CONFIG RESETSTAT`.
        #[derive(Clone, Copy, Debug, Default)]
        pub(crate) struct Totals {
            $(pub(crate) $name: u64,)*
        }

        impl Totals {
            fn of(all: &[Arc<Counters>]) -> Self {
                Self { $($name: all.iter().map(|one| one.$name.load(Relaxed)).sum(),)* }
            }

            fn since(self, before: Self) -> Self {
                Self { $($name: self.$name.wrapping_sub(before.$name),)* }
            }
        }
    };
}

counters! {
    /// Requests begun.
    commands,
    /// Connections taken.
    connections,
    /// Connections refused because there were too many.
    rejected,
    /// Connections refused because there were too many of their address.
    rejected_per_addr,
    /// Commands refused because there were too many clients of their user.
    rejected_per_user,
    /// TLS handshakes that were done.
    handshakes,
    /// Connections that ended before a request: a failed handshake.
    handshakes_failed,
    /// Transactions that were run on one member.
    transactions,
    /// Transactions that were run on several members.
    transactions_across,
    /// Transactions that one member ran and another did not, or may not have.
    transactions_partial,
    /// Connections closed because others' handshakes took all places.
    handshakes_refused,
    /// Commands refused because their user had its share of the second.
    rate_limited,
    /// How often requests began to wait because of `--max-in-flight`.
    in_flight_waits,
    /// Requests refused because they are longer than the bound, or kept all others waiting.
    in_flight_refused,
    /// Clients closed because they did not take their answers.
    slow_readers,
    /// Requests that were passed through as they came.
    large_requests,
    /// Answers that were.
    large_replies,
    /// Reads that were sent again.
    retried_reads,
    /// Bytes read from clients.
    bytes_in,
    /// Bytes written to clients.
    bytes_out,
    /// Times that the subscriptions at a member were not in force, as seen by a worker.
    pubsub_gaps,
}

impl Counters {
    /// Adds to a number that only the calling thread writes.
    #[inline]
    pub(crate) fn add(number: &AtomicU64, n: u64) {
        number.store(number.load(Relaxed).wrapping_add(n), Relaxed);
    }
}

/// Shared by all workers.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    /// Users, and what was refused to them.
    pub(crate) access: Access,
    pub(crate) rates: Rates,
    /// Clients by address.
    pub(crate) by_addr: Arc<Seats<IpAddr>>,
    /// Clients by user.
    pub(crate) by_user: Arc<Seats<Box<[u8]>>>,
    /// Scripts that went through the proxy.
    pub(crate) scripts: Scripts,
    /// Subscriptions that wait to be confirmed.
    pub(crate) joining: Joining,
    watcher: Option<Watcher>,
    /// What became of the files that are read again.
    pub(crate) reloads: Arc<ReloadStatus>,
    pub(crate) topologies: Topologies,
    pub(crate) clients: Clients,
    counters: Vec<Arc<Counters>>,
    sights: Mutex<HashMap<usize, Vec<Arc<Sight>>>>,
    /// By the members' names.
    audiences: Mutex<HashMap<String, Weak<Audience>>>,
    /// How much may wait for a client that does not take its messages.
    pub(crate) output_limits: OutputLimits,
    reset: Mutex<Totals>,
    pub(crate) started: Instant,
    /// Which keys' answers are large.
    pub(crate) sizes: Arc<Sizes>,
    /// What is seen of the requests.
    pub(crate) seen: Seen,
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
        let seen = Seen::new(settings.threads, &settings.see);
        Arc::new(Self {
            sizes: Arc::default(),
            seen,
            settings,
            access,
            rates: Rates::default(),
            by_addr: Arc::default(),
            by_user: Arc::default(),
            scripts: Scripts::default(),
            joining: Joining::default(),
            watcher,
            reloads: Arc::default(),
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

    /// Nanoseconds since the start.
    pub(crate) fn nanos(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.started).as_nanos() as u64
    }

    /// Microseconds since the start; they begin again after 71 minutes.
    pub(crate) fn micros(&self) -> u32 {
        self.started.elapsed().as_micros() as u32
    }

    pub(crate) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// What was counted since the start, or since the last reset.
    pub(crate) fn totals(&self) -> Totals {
        Totals::of(&self.counters).since(*lock(&self.reset))
    }

    /// `CONFIG RESETSTAT`
    pub(crate) fn reset_totals(&self) {
        *lock(&self.reset) = Totals::of(&self.counters);
        self.access.log().reset_counts();
        self.output_limits.reset_disconnections();
        self.seen.reset();
        self.sights().iter().for_each(|sight| sight.durations.reset());
    }

    /// What all workers know of the subscribers at a member.
    pub(crate) fn audience(&self, name: &str) -> Arc<Audience> {
        let mut audiences = lock(&self.audiences);
        audiences.retain(|_, audience| audience.strong_count() > 0);
        if let Some(audience) = audiences.get(name).and_then(Weak::upgrade) {
            return audience;
        }
        let audience = Arc::default();
        audiences.insert(name.to_owned(), Arc::downgrade(&audience));
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
