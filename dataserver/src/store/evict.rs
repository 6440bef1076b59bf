//! Makes room: the least recently used keys go, found by sampling.
//!
//! Each eviction looks at a few random keys and keeps the best candidates seen so far in a small pool, as Redis does. The
//! pool remembers a candidate by its slot, hash and time of use, so one that was used since is recognised and passed over.

#[cfg(test)]
mod tests;

use super::after::After;
use super::dict::Hash;
use super::entry::Entry;
use super::memory::Policy;
use super::{GROUPS, SLOTS_PER_GROUP, Store};
use crate::event;
use ringtail_protocol::errors::{self, Error};

/// Candidates that are kept from one eviction to the next.
const POOL: usize = 32;
/// Groups that are tried before it is said that there is nothing to evict.
const TRIES: usize = 4 * GROUPS;

#[derive(Clone, Copy)]
struct Candidate {
    slot: u16,
    hash: Hash,
    used: u32,
}

/// One worker's search for keys to evict.
pub struct Evictor {
    /// The best candidates, the longest unused last.
    pool: Vec<Candidate>,
    random: fastrand::Rng,
    /// What evictions leave to be done.
    pub after: After,
}

impl Default for Evictor {
    fn default() -> Self {
        Self { pool: Vec::with_capacity(POOL + 1), random: fastrand::Rng::new(), after: After::default() }
    }
}

impl Evictor {
    /// Evicts until memory is below its limit; how many keys went.
    ///
    /// # Errors
    /// `OOM …` when the policy forbids it or nothing is left to evict.
    pub fn make_room(&mut self, store: &Store, now: u32) -> Result<u64, Error> {
        let policy = store.memory.policy();
        let mut evicted = 0;
        loop {
            store.memory.publish_all();
            if !store.memory.is_over() {
                return Ok(evicted);
            }
            if policy == Policy::NoEviction || !self.evict_one(store, policy, now) {
                return Err(errors::OUT_OF_MEMORY);
            }
            evicted += 1;
        }
    }

    fn evict_one(&mut self, store: &Store, policy: Policy, now: u32) -> bool {
        let samples = usize::from(store.memory.samples());
        let (mut looked, mut group) = (0, self.random.usize(..GROUPS));
        for _ in 0..TRIES {
            let seen = self.sample(store, policy, group, samples - looked, now);
            looked += seen;
            if looked >= samples {
                if self.take_best(store, policy) {
                    return true;
                }
                looked = 0;
            }
            // After an empty group its neighbour: that finds the few keys of a store that is almost empty.
            group = if seen == 0 { (group + 1) % GROUPS } else { self.random.usize(..GROUPS) };
        }
        self.take_best(store, policy)
    }

    /// Looks at up to `most` keys of one group; how many it saw.
    fn sample(&mut self, store: &Store, policy: Policy, group: usize, most: usize, now: u32) -> usize {
        let slots = store.lock(group);
        let mut seen = 0;
        let first = (group * SLOTS_PER_GROUP) as u16;
        if policy == Policy::VolatileLru {
            for (index, hash) in slots.sample_expiring(self.random.u64(..), most) {
                let entry = slots.dict(first + index).find_by(hash, |e| e.expiry().is_some());
                if let Some(entry) = entry {
                    self.consider(Candidate { slot: first + index, hash, used: entry.used() }, now);
                    seen += 1;
                }
            }
            return seen;
        }
        let start = self.random.u16(..SLOTS_PER_GROUP as u16);
        for i in 0..SLOTS_PER_GROUP as u16 {
            let slot = first + (start + i) % SLOTS_PER_GROUP as u16;
            for entry in slots.dict(slot).sample(self.random.u64(..), most - seen) {
                let hash = store.hasher().hash(entry.key());
                self.consider(Candidate { slot, hash, used: entry.used() }, now);
                seen += 1;
            }
            if seen >= most {
                break;
            }
        }
        seen
    }

    /// Puts a candidate into the pool if it is better than the worst there.
    fn consider(&mut self, candidate: Candidate, now: u32) {
        let idle = |c: &Candidate| now.wrapping_sub(c.used);
        let same = |c: &Candidate| c.hash == candidate.hash && c.slot == candidate.slot;
        if let Some(known) = self.pool.iter().position(same) {
            // One that was used since it was seen would be passed over, though it may be the only key there is.
            self.pool.remove(known);
        }
        let at = self.pool.partition_point(|c| idle(c) < idle(&candidate));
        self.pool.insert(at, candidate);
        if self.pool.len() > POOL {
            self.pool.remove(0);
        }
    }

    /// Evicts the best candidate that was not used since it was seen.
    fn take_best(&mut self, store: &Store, policy: Policy) -> bool {
        while let Some(best) = self.pool.pop() {
            let is =
                |e: &Entry| e.used() == best.used && (policy != Policy::VolatileLru || e.expiry().is_some());
            let group = usize::from(best.slot) / SLOTS_PER_GROUP;
            let mut slots = store.lock(group);
            if let Some(entry) = slots.remove_by(best.slot, best.hash, is) {
                store.tell_gone(&mut slots, group, &entry, event::EVICTED, &mut self.after);
                drop(slots);
                store.lazy.entry(entry, &store.memory);
                return true;
            }
        }
        false
    }
}
