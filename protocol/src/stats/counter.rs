//! A number that one thread adds to and any may read.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A number that one thread adds to.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds; to be called by the owning thread alone.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// What was counted.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    /// Starts again at 0 (CONFIG RESETSTAT).
    pub fn reset(&self) {
        self.0.store(0, Relaxed);
    }
}
