//! How many clients there are of each address, or of each user, and a bound for each.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts by address or by user.
#[derive(Debug)]
pub(crate) struct Seats<K> {
    taken: Mutex<HashMap<K, usize>>,
}

impl<K> Default for Seats<K> {
    fn default() -> Self {
        Self { taken: Mutex::default() }
    }
}

impl<K: Hash + Eq + Clone> Seats<K> {
    fn taken(&self) -> MutexGuard<'_, HashMap<K, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more of `key`, unless there are `most` already; 0 = no bound.
    pub(crate) fn take(self: &Arc<Self>, key: K, most: usize) -> Option<Seat<K>> {
        let mut taken = self.taken();
        let count = taken.entry(key.clone()).or_default();
        if most > 0 && *count >= most {
            return None;
        }
        *count += 1;
        drop(taken);
        Some(Seat { seats: Arc::clone(self), key })
    }

    /// All that are taken.
    pub(crate) fn count(&self) -> usize {
        self.taken().values().sum()
    }
}

/// One client of an address or user; dropping it takes it off the count.
#[derive(Debug)]
pub(crate) struct Seat<K: Hash + Eq + Clone> {
    seats: Arc<Seats<K>>,
    key: K,
}

impl<K: Hash + Eq + Clone> Seat<K> {
    pub(crate) fn key(&self) -> &K {
        &self.key
    }
}

impl<K: Hash + Eq + Clone> Drop for Seat<K> {
    fn drop(&mut self) {
        let mut taken = self.seats.taken();
        if let Some(count) = taken.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.key);
            }
        }
    }
}
