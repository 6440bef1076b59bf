//! What can be changed while the server runs: CONFIG SET's parameters that are not the memory's.

use crate::log::waiting::Ack;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{OnceLock, PoisonError, RwLock};

/// Clients that are let in unless told otherwise, as in Redis.
pub const DEFAULT_MAX_CLIENTS: usize = 10_000;

/// Sizes at which small collections change their form, with Redis's names and defaults.
pub struct Shapes {
    /// `hash-max-listpack-entries`
    pub hash_entries: AtomicUsize,
    /// `hash-max-listpack-value`, in bytes.
    pub hash_value: AtomicUsize,
    /// `hll-sparse-max-bytes`
    pub hll_sparse: AtomicUsize,
    /// `list-max-listpack-size`: elements of a chunk, or, from -1 to -5, its bytes (4 KiB to 64 KiB).
    pub list_size: AtomicI64,
    /// `set-max-intset-entries`
    pub set_ints: AtomicUsize,
    /// `set-max-listpack-entries`
    pub set_entries: AtomicUsize,
    /// `set-max-listpack-value`, in bytes.
    pub set_value: AtomicUsize,
    /// `stream-node-max-bytes`: bytes of a block; 0 = any number.
    pub stream_bytes: AtomicUsize,
    /// `stream-node-max-entries`: entries of a block; 0 = any number.
    pub stream_entries: AtomicUsize,
    /// `zset-max-listpack-entries`
    pub zset_entries: AtomicUsize,
    /// `zset-max-listpack-value`, in bytes.
    pub zset_value: AtomicUsize,
}

impl Default for Shapes {
    fn default() -> Self {
        Self {
            hash_entries: AtomicUsize::new(128),
            hash_value: AtomicUsize::new(64),
            hll_sparse: AtomicUsize::new(3000),
            list_size: AtomicI64::new(-2),
            set_ints: AtomicUsize::new(512),
            set_entries: AtomicUsize::new(128),
            set_value: AtomicUsize::new(64),
            stream_bytes: AtomicUsize::new(4096),
            stream_entries: AtomicUsize::new(100),
            zset_entries: AtomicUsize::new(128),
            zset_value: AtomicUsize::new(64),
        }
    }
}

/// The server's settings.
pub struct Settings {
    /// The most clients at once.
    pub max_clients: AtomicUsize,
    /// Lifetime in milliseconds of keys that are set without one; 0 = for ever.
    pub default_ttl: AtomicU64,
    /// Seconds after which an idle client is closed; 0 = never (Redis's `timeout`).
    pub idle_timeout: AtomicU64,
    /// Which events are published and where, as bits of [`Class`](crate::event::Class) and
    /// [`Channels`](crate::event::Channels).
    pub notifications: AtomicU32,
    /// Where small collections end.
    pub shapes: Shapes,
    /// Servers of this member, this one among them: what a quorum is more than half of.
    pub members: AtomicUsize,
    /// How many of them must have a write, as it was told at start.
    pub ack: OnceLock<Ack>,
    percentiles: RwLock<Vec<f64>>,
    debug: RwLock<&'static str>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_clients: AtomicUsize::new(DEFAULT_MAX_CLIENTS),
            default_ttl: AtomicU64::new(0),
            idle_timeout: AtomicU64::new(0),
            notifications: AtomicU32::new(0),
            shapes: Shapes::default(),
            members: AtomicUsize::new(3),
            ack: OnceLock::new(),
            debug: RwLock::new("no"),
            percentiles: RwLock::new(vec![50.0, 99.0, 99.9]),
        }
    }
}

impl Settings {
    /// Who may use DEBUG: `no`, `yes` or `local` (`enable-debug-command`).
    pub fn debug(&self) -> &'static str {
        *self.debug.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes it.
    pub fn set_debug(&self, who: &'static str) {
        *self.debug.write().unwrap_or_else(PoisonError::into_inner) = who;
    }

    /// What INFO latencystats tells of each command (`latency-tracking-info-percentiles`).
    pub fn percentiles(&self) -> Vec<f64> {
        self.percentiles.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes it; each is from 0 to 100.
    pub fn set_percentiles(&self, percentiles: Vec<f64>) {
        *self.percentiles.write().unwrap_or_else(PoisonError::into_inner) = percentiles;
    }

    /// When a key that is set without an expiry at `now` expires.
    #[inline]
    pub fn default_expiry(&self, now: u64) -> Option<u64> {
        match self.default_ttl.load(Relaxed) {
            0 => None,
            ttl => Some(now + ttl),
        }
    }
}
