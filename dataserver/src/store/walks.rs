//! Walks over all keys that are under way, and what was changed behind their backs.
//!
//! A walk takes the keys slot by slot, each few under their group's lock, while commands run. What is changed where it has been is noted
//! under the same lock, and taken again later.

use super::Key;
use crate::event::WALKED;
use crate::store::Store;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// Parts of what is noted, so that threads seldom meet.
const PARTS: usize = 16;

/// A key that was changed, and its database.
pub type Changed = (u8, Box<[u8]>);

/// What a note takes besides its key's bytes: its place in a set that is half full, and the allocator's rounding.
const NOTE: usize = 64;

fn size(key: &[u8]) -> usize {
    key.len() + NOTE
}

/// One walk.
#[derive(Debug)]
pub struct Walk {
    /// Where it is: slot and tag as a cursor of SCAN has them. Moved under the lock of the group that is walked through.
    at: AtomicU64,
    changed: [Mutex<HashSet<Changed>>; PARTS],
    count: AtomicUsize,
    /// What the notes take, and may take: whoever walks waits for who reads what it has found, who may be as slow as it likes.
    bytes: AtomicUsize,
    most: usize,
    /// There was no room for all.
    overrun: AtomicBool,
    /// All keys changed at once: it has to begin again.
    void: AtomicBool,
}

/// The cursor of a key.
pub fn cursor(slot: u16, tag: u16) -> u64 {
    u64::from(slot) << 16 | u64::from(tag)
}

impl Walk {
    /// That notes changes in at most about so many bytes.
    fn new(most: usize) -> Self {
        Self {
            at: AtomicU64::default(),
            changed: Default::default(),
            count: AtomicUsize::default(),
            bytes: AtomicUsize::default(),
            most,
            overrun: AtomicBool::default(),
            void: AtomicBool::default(),
        }
    }

    fn note(&self, db: u8, key: &Key<'_>) {
        if cursor(key.slot, key.hash.tag()) >= self.at.load(Relaxed) || self.is_overrun() {
            return;
        }
        self.insert(key, (db, key.bytes.into()));
    }

    fn insert(&self, key: &Key<'_>, changed: Changed) {
        let mut part = self.changed[key.group() % PARTS].lock().unwrap_or_else(PoisonError::into_inner);
        if part.insert(changed) {
            self.count.fetch_add(1, Relaxed);
            let bytes = self.bytes.fetch_add(size(key.bytes), Relaxed) + size(key.bytes);
            if bytes > self.most {
                self.overrun.store(true, Relaxed);
            }
        }
    }

    /// Notes keys again that were taken and not used.
    pub fn put_back(&self, store: &Store, left: Vec<Changed>) {
        left.into_iter().for_each(|(db, name)| self.insert(&store.key(&name), (db, name.clone())));
    }

    /// All keys before the cursor were taken; under the lock of the group where it is.
    pub fn move_to(&self, cursor: u64) {
        self.at.store(cursor, Relaxed);
    }

    /// How many keys were changed and not taken again.
    pub fn changes(&self) -> usize {
        self.count.load(Relaxed)
    }

    /// What the notes of these take.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Relaxed)
    }

    /// What they may take. Beyond it changes are not noted any more, and the walk is [overrun](Self::is_overrun).
    pub fn most(&self) -> usize {
        self.most
    }

    /// Whether more keys were changed than could be noted: what was found is not exact as of any moment.
    pub fn is_overrun(&self) -> bool {
        self.overrun.load(Relaxed)
    }

    /// Takes the keys that were changed: those of one part after the other.
    pub fn take_changes(&self) -> impl Iterator<Item = HashSet<Changed>> {
        self.changed.iter().map(|part| {
            let taken = {
                let mut changed = part.lock().unwrap_or_else(PoisonError::into_inner);
                self.count.fetch_sub(changed.len(), Relaxed);
                std::mem::take(&mut *changed)
            };
            self.bytes.fetch_sub(taken.iter().map(|(_, key)| size(key)).sum(), Relaxed);
            taken
        })
    }

    /// Whether it has to begin again.
    pub fn is_void(&self) -> bool {
        self.void.load(Relaxed)
    }
}

/// All walks of a store.
#[derive(Debug, Default)]
pub struct Walks {
    all: RwLock<Vec<Arc<Walk>>>,
}

impl Walks {
    /// A key was changed, whose group is locked.
    #[cold]
    pub fn note(&self, db: u8, key: &Key<'_>) {
        self.all.read().unwrap_or_else(PoisonError::into_inner).iter().for_each(|walk| walk.note(db, key));
    }

    /// All keys changed, under the locks of all groups.
    pub fn void(&self) {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        all.iter().for_each(|walk| walk.void.store(true, Relaxed));
    }
}

impl Store {
    /// Begins a walk; changes are noted for it, in at most about so many bytes, until it is [ended](Self::end_walk).
    pub fn begin_walk(&self, most: usize) -> Arc<Walk> {
        let walk = Arc::new(Walk::new(most));
        let mut all = self.walks.all.write().unwrap_or_else(PoisonError::into_inner);
        all.push(Arc::clone(&walk));
        // Seen by who locks a group after the walk has.
        self.published.fetch_or(WALKED, Relaxed);
        walk
    }

    /// Ends a walk.
    pub fn end_walk(&self, walk: &Arc<Walk>) {
        let mut all = self.walks.all.write().unwrap_or_else(PoisonError::into_inner);
        all.retain(|other| !Arc::ptr_eq(other, walk));
        if all.is_empty() {
            self.published.fetch_and(!WALKED, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_take_no_more_than_they_may() {
        let store = Store::new();
        let walk = store.begin_walk(10 * size(b"k:00"));
        walk.move_to(u64::MAX);
        let note = |n: usize| store.walks.note(0, &store.key(format!("k:{n:02}").as_bytes()));
        (0..10).for_each(note);
        (0..10).for_each(note);
        assert_eq!((walk.changes(), walk.bytes(), walk.is_overrun()), (10, walk.most(), false));
        let taken: Vec<Changed> = walk.take_changes().flatten().collect();
        walk.put_back(&store, taken);
        assert_eq!((walk.changes(), walk.bytes(), walk.is_overrun()), (10, walk.most(), false));
        // What was taken makes room.
        assert_eq!(walk.take_changes().map(|keys| keys.len()).sum::<usize>(), 10);
        assert_eq!((walk.changes(), walk.bytes()), (0, 0));
        (0..90).for_each(note);
        assert_eq!((walk.changes(), walk.is_overrun()), (11, true));
    }
}
