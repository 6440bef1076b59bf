//! How much memory is used: what the allocator says, counted by thread and published once per batch.
//!
//! jemalloc keeps, for each thread, the bytes it allocated and freed in all; reading both takes a nanosecond. A thread
//! publishes the change since it last did, so the sum over all threads is what is allocated, fragmentation inside
//! size classes included: every table, buffer and value, without any bookkeeping of our own.

use super::entry::Entry;
use super::frequency::{self, Lfu};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};

/// What happens to a write when the limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Policy {
    /// The least recently used keys that have an expiry go.
    VolatileLru,
    /// The least often used keys that have an expiry go.
    VolatileLfu,
    /// Random keys that have an expiry go.
    VolatileRandom,
    /// The keys that expire soonest go.
    VolatileTtl,
    /// The least recently used keys go.
    #[value(name = "allkeys-lru")]
    #[serde(rename = "allkeys-lru")]
    AllKeysLru,
    /// The least often used keys go.
    #[value(name = "allkeys-lfu")]
    #[serde(rename = "allkeys-lfu")]
    AllKeysLfu,
    /// Random keys go.
    #[value(name = "allkeys-random")]
    #[serde(rename = "allkeys-random")]
    AllKeysRandom,
    /// It is refused.
    #[value(name = "noeviction")]
    #[serde(rename = "noeviction")]
    NoEviction,
}

impl Policy {
    /// All policies, in Redis's order.
    pub const ALL: [Self; 8] = [
        Self::VolatileLru,
        Self::VolatileLfu,
        Self::VolatileRandom,
        Self::VolatileTtl,
        Self::AllKeysLru,
        Self::AllKeysLfu,
        Self::AllKeysRandom,
        Self::NoEviction,
    ];

    /// Redis's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::VolatileLru => "volatile-lru",
            Self::VolatileLfu => "volatile-lfu",
            Self::VolatileRandom => "volatile-random",
            Self::VolatileTtl => "volatile-ttl",
            Self::AllKeysLru => "allkeys-lru",
            Self::AllKeysLfu => "allkeys-lfu",
            Self::AllKeysRandom => "allkeys-random",
            Self::NoEviction => "noeviction",
        }
    }

    /// The policy of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.name().eq_ignore_ascii_case(name))
    }

    /// Whether only keys that have an expiry go.
    pub fn is_volatile(self) -> bool {
        matches!(self, Self::VolatileLru | Self::VolatileLfu | Self::VolatileRandom | Self::VolatileTtl)
    }

    /// Whether it needs to know how often keys are used, instead of when they were.
    pub fn is_lfu(self) -> bool {
        matches!(self, Self::VolatileLfu | Self::AllKeysLfu)
    }

    /// Whether any key will do.
    pub fn is_random(self) -> bool {
        matches!(self, Self::VolatileRandom | Self::AllKeysRandom)
    }
}

/// The process's memory and its limit.
pub struct Memory {
    /// Bytes that all threads have allocated and not freed, as published.
    used: AtomicI64,
    /// Bytes that the lazy thread has been given and has not freed yet.
    pending: AtomicI64,
    /// Bytes of the log's end that are held for replicas, and for the disk. No key that goes would give them back.
    backlog: AtomicI64,
    unsynced: AtomicI64,
    /// The highest value of `used` that was seen.
    peak: AtomicI64,
    limit: AtomicU64,
    policy: AtomicU8,
    samples: AtomicU8,
    /// Whether the policy is one of those that count uses: what every look-up asks.
    counts_uses: AtomicBool,
    log_factor: AtomicU32,
    decay_minutes: AtomicU32,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            used: AtomicI64::new(0),
            pending: AtomicI64::new(0),
            backlog: AtomicI64::new(0),
            unsynced: AtomicI64::new(0),
            peak: AtomicI64::new(0),
            limit: AtomicU64::new(0),
            policy: AtomicU8::new(Policy::AllKeysLru as u8),
            samples: AtomicU8::new(DEFAULT_SAMPLES),
            counts_uses: AtomicBool::new(false),
            log_factor: AtomicU32::new(Lfu::default().log_factor),
            decay_minutes: AtomicU32::new(Lfu::default().decay_minutes),
        }
    }
}

/// Keys looked at for each one that is evicted (Redis's `maxmemory-samples`).
pub const DEFAULT_SAMPLES: u8 = 10;

/// A thread publishes a change of this many bytes at once; smaller ones wait.
const PUBLISH: i64 = 4096;

thread_local! {
    /// What this thread has published so far.
    static PUBLISHED: Cell<i64> = const { Cell::new(0) };
}

/// A thread whose memory counts: at its end all is published. What it leaves to others, or frees for them, would be counted wrongly for ever.
pub struct Counted<'m>(&'m Memory);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.publish_all();
    }
}

impl Memory {
    /// Has all published when this thread, or what it does, ends.
    #[must_use = "it publishes when it is dropped"]
    pub fn counted(&self) -> Counted<'_> {
        Counted(self)
    }

    /// Publishes what this thread has allocated and freed since it last did.
    #[inline]
    pub fn publish(&self) {
        let change = ringtail_allocator::thread_net() - PUBLISHED.get();
        if change.abs() >= PUBLISH {
            self.publish_all();
        }
    }

    /// The same, however little it is.
    pub fn publish_all(&self) {
        let now = ringtail_allocator::thread_net();
        let change = now - PUBLISHED.replace(now);
        let used = self.used.fetch_add(change, Relaxed) + change;
        self.peak.fetch_max(used, Relaxed);
    }

    /// Bytes in use.
    pub fn used(&self) -> u64 {
        self.used.load(Relaxed).max(0) as u64
    }

    /// The most bytes that were in use at once.
    pub fn peak(&self) -> u64 {
        self.peak.load(Relaxed).max(0) as u64
    }

    /// Whether more than the limit is in use, without what is about to be freed, and what the log holds.
    #[inline]
    pub fn is_over(&self) -> bool {
        let limit = self.limit.load(Relaxed);
        limit > 0
            && self.used.load(Relaxed) - self.pending.load(Relaxed) - self.of_log().iter().sum::<i64>()
                > limit as i64
    }

    /// Bytes of the log that are held for replicas, and for the disk.
    #[inline]
    pub fn of_log(&self) -> [i64; 2] {
        [self.backlog.load(Relaxed), self.unsynced.load(Relaxed)]
    }

    /// So many are held for replicas.
    pub fn set_backlog(&self, bytes: usize) {
        self.backlog.store(bytes as i64, Relaxed);
    }

    /// So many are held for the disk.
    pub fn set_unsynced(&self, bytes: usize) {
        self.unsynced.store(bytes as i64, Relaxed);
    }

    /// Notes bytes that are on their way to the lazy thread (positive) or freed by it (negative).
    pub(super) fn add_pending(&self, bytes: i64) {
        self.pending.fetch_add(bytes, Relaxed);
    }

    /// The limit in bytes; 0 = none.
    pub fn limit(&self) -> u64 {
        self.limit.load(Relaxed)
    }

    /// Sets the limit; 0 = none.
    pub fn set_limit(&self, bytes: u64) {
        self.limit.store(bytes.min(i64::MAX as u64), Relaxed);
    }

    /// What happens at the limit.
    pub fn policy(&self) -> Policy {
        let policy = self.policy.load(Relaxed);
        Policy::ALL.into_iter().find(|&p| p as u8 == policy).unwrap_or(Policy::NoEviction)
    }

    /// Changes what happens at the limit.
    pub fn set_policy(&self, policy: Policy) {
        self.policy.store(policy as u8, Relaxed);
        self.counts_uses.store(policy.is_lfu(), Relaxed);
    }

    /// How uses are counted.
    pub fn lfu(&self) -> Lfu {
        Lfu { log_factor: self.log_factor.load(Relaxed), decay_minutes: self.decay_minutes.load(Relaxed) }
    }

    /// Changes how uses are counted.
    pub fn set_lfu(&self, lfu: Lfu) {
        self.log_factor.store(lfu.log_factor, Relaxed);
        self.decay_minutes.store(lfu.decay_minutes, Relaxed);
    }

    /// Notes that a key is used at `now`, in milliseconds since 1970.
    #[inline]
    pub fn note_use(&self, entry: &mut Entry, now: u64) {
        if self.counts_uses.load(Relaxed) {
            let state = self.lfu().used(entry.used(), now);
            entry.set_used(state);
        } else {
            entry.set_used(now as u32);
        }
    }

    /// The same of a key that is new.
    #[inline]
    pub fn note_new(&self, entry: &mut Entry, now: u64) {
        let counts = self.counts_uses.load(Relaxed);
        entry.set_used(if counts { frequency::fresh(now) } else { now as u32 });
    }

    /// Keys looked at for each one that is evicted.
    pub fn samples(&self) -> u8 {
        self.samples.load(Relaxed)
    }

    /// Changes how many keys are looked at.
    pub fn set_samples(&self, samples: u8) {
        self.samples.store(samples.max(1), Relaxed);
    }
}

/// The largest of the allocator's small classes; what is larger is given whole pages.
const SMALL: usize = 14 * 1024;
const PAGE: usize = 4096;

/// Bytes that the allocator gives for a request of `size` bytes: size classes, four to a doubling, then pages.
pub fn class_size(size: usize) -> usize {
    match size {
        0 => 0,
        1..=8 => 8,
        9..=128 => size.next_multiple_of(16),
        _ if size > SMALL => size.next_multiple_of(PAGE),
        _ => size.next_multiple_of(size.next_power_of_two() / 8),
    }
}

/// What to allocate for `size` bytes that will grow again. Small classes are themselves an eighth apart or more, which
/// is slack enough; what is larger gets an eighth on top.
#[inline]
pub fn growing_size(size: usize) -> usize {
    class_size(if size < SMALL_GROWTH { size } else { size + size / 8 })
}

/// From here on, growing from class to class would copy too often.
const SMALL_GROWTH: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "Miri has an allocator of its own")]
    fn sizes_and_counts_are_the_allocators() {
        let memory = Memory::default();
        memory.publish();
        for size in [
            1,
            8,
            9,
            16,
            17,
            100,
            128,
            129,
            160,
            161,
            1000,
            4097,
            14_000,
            14_337,
            16_385,
            20_481,
            100_000,
            1 << 20,
        ] {
            let before = ringtail_allocator::thread_net();
            let block: Vec<u8> = std::hint::black_box(Vec::with_capacity(size));
            assert_eq!(ringtail_allocator::thread_net() - before, class_size(size) as i64, "{size}");
            drop(block);
            assert_eq!(ringtail_allocator::thread_net(), before);
        }
        let used = memory.used() as i64;
        let block: Vec<u8> = std::hint::black_box(Vec::with_capacity(1 << 20));
        memory.publish();
        assert!((memory.used() as i64 - used - (1 << 20)).abs() < 8192);
        drop(block);
        memory.publish();
        assert!((memory.used() as i64 - used).abs() < 8192);
    }
}
