//! Makes room: the keys that the policy likes least go, found by sampling.
//!
//! Each eviction looks at a few random keys and keeps the best candidates seen so far in a small pool, as Redis does. The
//! pool remembers a candidate by its slot, hash and time of use (or whatever its policy goes by), so one that was used
//! since is recognised and passed over.

#[cfg(test)]
mod tests;

use super::after::After;
use super::dict::Hash;
use super::entry::Entry;
use super::frequency::{self, Lfu};
use super::group::Slots;
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
    /// What the policy goes by: the entry's use, or when it expires.
    mark: u64,
}

/// One worker's search for keys to evict.
pub struct Evictor {
    /// The best candidates, the best last.
    pool: Vec<Candidate>,
    /// What the pool was filled by.
    policy: Policy,
    random: fastrand::Rng,
    /// What evictions leave to be done.
    pub after: After,
}

impl Default for Evictor {
    fn default() -> Self {
        let pool = Vec::with_capacity(POOL + 1);
        Self { pool, policy: Policy::NoEviction, random: fastrand::Rng::new(), after: After::default() }
    }
}

impl Policy {
    /// What it goes by, of an entry that it may evict.
    fn mark(self, entry: &Entry) -> Option<u64> {
        let expiry = entry.expiry();
        match self {
            Self::VolatileTtl => expiry,
            _ if self.is_volatile() && expiry.is_none() => None,
            _ => Some(entry.used().into()),
        }
    }

    /// How good it is that a candidate of this mark goes, at `now` in milliseconds.
    fn worth(self, mark: u64, now: u64, lfu: Lfu) -> u64 {
        match self {
            Self::VolatileTtl => u64::MAX - mark,
            // Of those that are used as often, the longest unused one.
            _ if self.is_lfu() => {
                let seldom = u8::MAX - lfu.counter(mark as u32, now);
                u64::from(seldom) << 16 | u64::from(frequency::idle_minutes(mark as u32, now))
            }
            _ if self.is_random() => 0,
            _ => (now as u32).wrapping_sub(mark as u32).into(),
        }
    }
}

impl Evictor {
    /// Evicts until memory is below its limit; how many keys went. `now` is in milliseconds since 1970.
    ///
    /// # Errors
    /// `OOM …` when the policy forbids it or nothing is left to evict.
    pub fn make_room(&mut self, store: &Store, now: u64) -> Result<u64, Error> {
        if store.keeps() {
            // What goes is for the log to say.
            return Ok(0);
        }
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

    fn evict_one(&mut self, store: &Store, policy: Policy, now: u64) -> bool {
        if self.policy != policy {
            self.pool.clear();
            self.policy = policy;
        }
        let samples = if policy.is_random() { 1 } else { usize::from(store.memory.samples()) };
        let (mut looked, mut group) = (0, self.random.usize(..GROUPS));
        for _ in 0..TRIES {
            let seen = self.sample(store, group, samples - looked, now);
            looked += seen;
            if looked >= samples {
                if self.take_best(store, now) {
                    return true;
                }
                looked = 0;
            }
            // After an empty group its neighbour: that finds the few keys of a store that is almost empty.
            group = if seen == 0 { (group + 1) % GROUPS } else { self.random.usize(..GROUPS) };
        }
        self.take_best(store, now)
    }

    /// Looks at up to `most` keys of one group; how many it saw.
    fn sample(&mut self, store: &Store, group: usize, most: usize, now: u64) -> usize {
        let slots = store.lock(group);
        match self.policy {
            // The one that expires first is known; looking at more groups is worth more than at more of its keys.
            Policy::VolatileTtl => {
                return self.look_at_expiring(store, &slots, group, slots.first_expiring(), now);
            }
            Policy::VolatileRandom => {
                let any = slots.random_expiring(&mut self.random);
                return self.look_at_expiring(store, &slots, group, any, now);
            }
            Policy::VolatileLru | Policy::VolatileLfu => {
                let some = slots.sample_expiring(self.random.u64(..), most);
                return self.look_at_expiring(store, &slots, group, some, now);
            }
            _ => {}
        }
        let (mut seen, first) = (0, (group * SLOTS_PER_GROUP) as u16);
        let start = self.random.u16(..SLOTS_PER_GROUP as u16);
        for i in 0..SLOTS_PER_GROUP as u16 {
            let slot = first + (start + i) % SLOTS_PER_GROUP as u16;
            for entry in slots.dict(slot).sample(self.random.u64(..), most - seen) {
                let hash = store.hasher().hash(entry.key());
                if let Some(mark) = self.policy.mark(entry) {
                    self.consider(store, Candidate { slot, hash, mark }, now);
                }
                seen += 1;
            }
            if seen >= most {
                break;
            }
        }
        seen
    }

    fn look_at_expiring(
        &mut self,
        store: &Store,
        slots: &Slots,
        group: usize,
        expiring: impl IntoIterator<Item = (u16, Hash)>,
        now: u64,
    ) -> usize {
        let (mut seen, first) = (0, (group * SLOTS_PER_GROUP) as u16);
        for (index, hash) in expiring {
            let entry = slots.dict(first + index).find_by(hash, |e| e.expiry().is_some());
            if let Some(mark) = entry.and_then(|entry| self.policy.mark(entry)) {
                self.consider(store, Candidate { slot: first + index, hash, mark }, now);
                seen += 1;
            }
        }
        seen
    }

    /// Puts a candidate into the pool if it is better than the worst there.
    fn consider(&mut self, store: &Store, candidate: Candidate, now: u64) {
        let (policy, lfu) = (self.policy, store.memory.lfu());
        let worth = |c: &Candidate| policy.worth(c.mark, now, lfu);
        let same = |c: &Candidate| c.hash == candidate.hash && c.slot == candidate.slot;
        if let Some(known) = self.pool.iter().position(same) {
            // One that was used since it was seen would be passed over, though it may be the only key there is.
            self.pool.remove(known);
        }
        let at = self.pool.partition_point(|c| worth(c) < worth(&candidate));
        self.pool.insert(at, candidate);
        if self.pool.len() > POOL {
            self.pool.remove(0);
        }
    }

    /// Evicts the best candidate that was not used since it was seen.
    fn take_best(&mut self, store: &Store, now: u64) -> bool {
        while let Some(best) = self.pool.pop() {
            let group = usize::from(best.slot) / SLOTS_PER_GROUP;
            let policy = self.policy;
            let mut slots = store.lock(group);
            let taken = slots.remove_by(best.slot, best.hash, |e| policy.mark(e) == Some(best.mark));
            let Some(entry) = taken else { continue };
            store.tell_gone(&mut slots, group, &entry, (event::EVICTED, now), &mut self.after);
            if policy == Policy::VolatileTtl {
                // The next one of its group may be better than all others that are known.
                self.look_at_expiring(store, &slots, group, slots.first_expiring(), now);
            }
            drop(slots);
            store.lazy.entry(entry, &store.memory);
            return true;
        }
        false
    }
}
