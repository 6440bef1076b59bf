//! Which clients have copies of which keys (CLIENT TRACKING), for the keys of one group.
//!
//! As in Redis a key is tracked by its name, whatever its database, until it changes once.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A client that has copies of keys.
pub trait Tracker: Send + Sync {
    /// The client's number.
    fn client(&self) -> u64;

    /// Tells the client that its copy is of no use any more. `by` is the number of the client that changed the key; 0 = none.
    /// Whether the client was told, or needs nothing any more; if not, it goes on tracking the key.
    fn invalidate(&self, key: &[u8], by: u64) -> bool;
}

/// A key's trackers, by their clients' numbers.
type Trackers = Vec<(u64, Arc<dyn Tracker>)>;

/// How much the groups of a store track together.
pub struct Counts {
    /// Keys.
    pub keys: AtomicUsize,
    /// Clients of keys.
    pub items: AtomicUsize,
    /// With more keys than this some are invalidated though they did not change (`tracking-table-max-keys`); 0 = no limit.
    pub most_keys: AtomicUsize,
}

impl Default for Counts {
    fn default() -> Self {
        Self { keys: AtomicUsize::new(0), items: AtomicUsize::new(0), most_keys: AtomicUsize::new(1_000_000) }
    }
}

impl Counts {
    /// How many keys are tracked beyond the limit.
    pub fn excess(&self) -> usize {
        match self.most_keys.load(Relaxed) {
            0 => 0,
            most => self.keys.load(Relaxed).saturating_sub(most),
        }
    }

    fn removed(&self, keys: usize, items: usize) {
        self.keys.fetch_sub(keys, Relaxed);
        self.items.fetch_sub(items, Relaxed);
    }
}

/// The tracked keys of a group.
#[derive(Default)]
pub struct Tracked {
    keys: HashMap<Box<[u8]>, Trackers>,
    /// Clients of these keys.
    items: usize,
}

/// What groups tracked, to be freed: that takes long when it was much.
#[must_use = "it is freed off the path of requests"]
pub struct Forgotten(#[expect(dead_code, reason = "it is only dropped")] HashMap<Box<[u8]>, Trackers>);

impl Tracked {
    /// Whether no key is tracked.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Notes that a client has a copy of the key.
    pub fn add(&mut self, key: &[u8], tracker: &Arc<dyn Tracker>, counts: &Counts) {
        let client = tracker.client();
        let Some(trackers) = self.keys.get_mut(key) else {
            self.keys.insert(key.into(), vec![(client, Arc::clone(tracker))]);
            counts.keys.fetch_add(1, Relaxed);
            counts.items.fetch_add(1, Relaxed);
            self.items += 1;
            return;
        };
        match trackers.binary_search_by_key(&client, |(client, _)| *client) {
            // The client may have begun anew since then.
            Ok(at) => trackers[at].1 = Arc::clone(tracker),
            Err(at) => {
                trackers.insert(at, (client, Arc::clone(tracker)));
                counts.items.fetch_add(1, Relaxed);
                self.items += 1;
            }
        }
    }

    /// Tells the key's trackers that it changed.
    pub fn changed(&mut self, key: &[u8], by: u64, counts: &Counts) {
        let Some(trackers) = self.keys.get_mut(key) else { return };
        let before = trackers.len();
        trackers.retain(|(_, tracker)| !tracker.invalidate(key, by));
        let left = trackers.len();
        if left == 0 {
            self.keys.remove(key);
        }
        self.items -= before - left;
        counts.removed(usize::from(left == 0), before - left);
    }

    /// Invalidates up to `most` keys that did not change, so that they need not be tracked; how many.
    pub fn evict(&mut self, most: usize, counts: &Counts) -> usize {
        let chosen: Vec<Box<[u8]>> = self.keys.keys().take(most).cloned().collect();
        for key in &chosen {
            if let Some(trackers) = self.keys.remove(key) {
                trackers.iter().for_each(|(_, tracker)| {
                    tracker.invalidate(key, 0);
                });
                self.items -= trackers.len();
                counts.removed(1, trackers.len());
            }
        }
        chosen.len()
    }

    /// Forgets all keys, without a word: for when the clients are told to forget them all.
    pub fn clear(&mut self, counts: &Counts) -> Forgotten {
        let all = std::mem::take(self);
        counts.removed(all.keys.len(), all.items);
        Forgotten(all.keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Told(u64, Mutex<Vec<(Vec<u8>, u64)>>);

    impl Tracker for Told {
        fn client(&self) -> u64 {
            self.0
        }

        fn invalidate(&self, key: &[u8], by: u64) -> bool {
            self.1.lock().unwrap().push((key.to_vec(), by));
            by != self.0
        }
    }

    fn counted(counts: &Counts) -> (usize, usize) {
        (counts.keys.load(Relaxed), counts.items.load(Relaxed))
    }

    #[test]
    fn a_change_is_told_once_to_each() {
        let (mut tracked, counts) = (Tracked::default(), Counts::default());
        let told = [1, 2].map(|client| Arc::new(Told(client, Mutex::default())));
        let trackers = told.each_ref().map(|told| Arc::clone(told) as Arc<dyn Tracker>);
        for tracker in [&trackers[1], &trackers[0], &trackers[1]] {
            tracked.add(b"a", tracker, &counts);
        }
        tracked.add(b"b", &trackers[0], &counts);
        assert_eq!(counted(&counts), (2, 3));
        tracked.changed(b"none", 9, &counts);
        tracked.changed(b"a", 1, &counts);
        assert_eq!(counted(&counts), (2, 2), "the first one goes on tracking what it changed itself");
        tracked.changed(b"a", 9, &counts);
        tracked.changed(b"a", 9, &counts);
        assert_eq!(counted(&counts), (1, 1));
        assert_eq!(*told[0].1.lock().unwrap(), [(b"a".to_vec(), 1), (b"a".to_vec(), 9)]);
        assert_eq!(*told[1].1.lock().unwrap(), [(b"a".to_vec(), 1)]);
    }

    #[test]
    fn keys_are_invalidated_to_keep_the_limit() {
        let (mut tracked, counts) = (Tracked::default(), Counts::default());
        let told = Arc::new(Told(7, Mutex::default()));
        let tracker = Arc::clone(&told) as Arc<dyn Tracker>;
        (0..10_u8).for_each(|i| tracked.add(&[i], &tracker, &counts));
        counts.most_keys.store(7, Relaxed);
        assert_eq!(tracked.evict(counts.excess(), &counts), 3);
        assert_eq!((counts.excess(), counted(&counts), told.1.lock().unwrap().len()), (0, (7, 7), 3));
        drop(tracked.clear(&counts));
        assert_eq!((tracked.is_empty(), counted(&counts)), (true, (0, 0)));
    }
}
