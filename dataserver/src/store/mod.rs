//! The store: 1024 groups of 16 slots, one lock each.
//!
//! A [`Store`] is shared by all workers. A command works on a [`View`] of it: the groups of its keys, locked in
//! ascending order, with the time of its batch. Nothing here knows commands, replies or sockets.

pub mod after;
pub mod dict;
pub mod entry;
pub mod events;
pub mod evict;
pub mod frequency;
pub mod group;
pub mod hasher;
pub mod hold;
pub mod interest;
pub mod lazy;
pub mod member;
pub mod memory;
pub mod table;
pub mod tracked;
pub mod view;
pub mod walks;

use crate::event::{BROADCAST, Class, Event, FLAGS, KEEPS, LOGGED, STRAY, WALKED};
use crate::log::effects::Effects;
use crate::log::intake::Intake;
use crate::sync::MutexGuard;
use crate::sync::atomic::{AtomicU32, Ordering::Relaxed};
use after::After;
use dict::Hash;
use entry::Entry;
use group::{Group, Slots};
use hasher::Hasher;
use ringtail_cluster::{SLOTS, slot_of};
use std::sync::{PoisonError, TryLockError};

/// Slots of one group, behind one lock.
pub const SLOTS_PER_GROUP: usize = 16;
/// Groups of a store.
pub const GROUPS: usize = SLOTS / SLOTS_PER_GROUP;
/// Databases that SELECT knows.
pub const DATABASES: u8 = 16;

/// A key of a request, with all that is derived from it.
#[derive(Clone, Copy)]
pub struct Key<'k> {
    /// The key itself.
    pub bytes: &'k [u8],
    /// Its hash.
    pub hash: Hash,
    /// Its slot.
    pub slot: u16,
}

impl Key<'_> {
    /// The group that its slot is in.
    #[inline]
    pub fn group(&self) -> usize {
        usize::from(self.slot) / SLOTS_PER_GROUP
    }
}

/// All keys of all databases.
pub struct Store {
    groups: Box<[Group]>,
    hasher: Hasher,
    /// Frees what is large off the path of requests.
    pub lazy: lazy::Lazy,
    /// How much memory is used, and how much may be.
    pub memory: memory::Memory,
    /// The classes of events that are to be published, as bits of [`Class`](crate::event::Class); 0 = none.
    pub published: AtomicU32,
    /// Events that are on their way to their subscribers.
    pub events: events::Events,
    /// How much clients have copies of.
    pub tracked: tracked::Counts,
    /// What changed, on its way to the log.
    pub intake: Intake,
    /// Who walks over all keys.
    pub walks: walks::Walks,
}

impl Store {
    /// An empty store.
    pub fn new() -> Self {
        Self {
            groups: std::iter::repeat_with(Group::default).take(GROUPS).collect(),
            hasher: Hasher::default(),
            lazy: lazy::Lazy::start(),
            memory: memory::Memory::default(),
            published: AtomicU32::new(0),
            events: events::Events::default(),
            tracked: tracked::Counts::default(),
            intake: Intake::default(),
            walks: walks::Walks::default(),
        }
    }

    /// A key with its slot and hash.
    #[inline]
    pub fn key<'k>(&self, bytes: &'k [u8]) -> Key<'k> {
        Key { bytes, hash: self.hasher.hash(bytes), slot: slot_of(bytes) }
    }

    /// The hash of keys and of hash fields.
    pub fn hasher(&self) -> Hasher {
        self.hasher
    }

    /// Locks one group. A panic under the lock ended one connection; the group goes on.
    #[inline]
    pub fn lock(&self, group: usize) -> MutexGuard<'_, Slots> {
        self.groups[group].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks one group if nobody else has it.
    #[inline]
    pub fn try_lock(&self, group: usize) -> Option<MutexGuard<'_, Slots>> {
        match self.groups[group].try_lock() {
            Ok(slots) => Some(slots),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Asks the processor to bring the group of a key near: its lock and the key's table.
    #[inline]
    pub fn prefetch_group(&self, key: &Key<'_>) {
        self.groups[key.group()].prefetch(usize::from(key.slot) % SLOTS_PER_GROUP);
    }

    /// Asks the processor to bring the key's words near; the group was prefetched before.
    #[inline]
    pub fn prefetch_words(&self, key: &Key<'_>) {
        self.lock(key.group()).prefetch_words(key);
    }

    /// Asks the processor to bring the key's entry near; the words were prefetched before.
    #[inline]
    pub fn prefetch_entry(&self, key: &Key<'_>) {
        self.lock(key.group()).prefetch_entry(key);
    }
}

impl Store {
    /// Changes which classes of events are published.
    pub fn set_published(&self, classes: Class) {
        let _ = self.published.fetch_update(Relaxed, Relaxed, |old| Some(old & FLAGS | classes.bits()));
    }

    /// Keys of all databases.
    pub fn len(&self) -> u64 {
        (0..GROUPS).map(|group| self.lock(group).len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether every change is logged.
    pub fn is_logged(&self) -> bool {
        self.published.load(Relaxed) & LOGGED != 0
    }

    /// Whether anybody has to see a change of all keys as one.
    pub fn is_observed(&self) -> bool {
        self.published.load(Relaxed) & (LOGGED | WALKED) != 0
    }

    /// Says whether every change is logged, from now on.
    pub fn set_logged(&self, on: bool) {
        if on {
            self.published.fetch_or(LOGGED, Relaxed);
        } else {
            self.published.fetch_and(!LOGGED, Relaxed);
        }
    }

    /// Whether keys and fields whose time is over stay, hidden from clients, until a log says that they are gone, as on a replica.
    #[inline]
    pub fn keeps(&self) -> bool {
        self.published.load(Relaxed) & KEEPS != 0
    }

    /// Says whether they stay, from now on.
    pub fn set_keeps(&self, on: bool) {
        if on {
            self.published.fetch_or(KEEPS, Relaxed);
        } else {
            self.published.fetch_and(!KEEPS, Relaxed);
        }
    }

    /// Something was done here that is none of the log that is followed, and so in no log: what is here is no state of that any more.
    pub fn note_stray(&self) {
        self.published.fetch_or(STRAY, Relaxed);
    }

    /// Whether that is so. Once it is taken, it is forgotten: all that is here is to be another log by then.
    pub fn take_stray(&self) -> bool {
        let is_stray = || self.published.load(Relaxed) & STRAY != 0;
        is_stray() && self.published.fetch_and(!STRAY, Relaxed) & STRAY != 0
    }

    /// Whether clients are to be told of every change.
    pub fn is_broadcast(&self) -> bool {
        self.published.load(Relaxed) & BROADCAST != 0
    }

    /// Says whether clients are to be told of every change.
    pub fn set_broadcast(&self, on: bool) {
        if on {
            self.published.fetch_or(BROADCAST, Relaxed);
        } else {
            self.published.fetch_and(!BROADCAST, Relaxed);
        }
    }

    /// Tells those who left a note with a group that a key of it was changed by the client `by`. Whether somebody waits
    /// for the key.
    pub fn tell_interested(&self, slots: &mut Slots, db: u8, key: &[u8], by: u64) -> bool {
        let Some(interest) = slots.interest_if_any() else { return false };
        let awaited = interest.changed(db, key);
        interest.tracked.changed(key, by, &self.tracked);
        slots.drop_empty_interest();
        awaited
    }

    /// Tells of an entry that was taken out of a group, which is locked still, though no client asked for it, at the time `now`.
    pub fn tell_gone(
        &self,
        slots: &mut Slots,
        group: usize,
        entry: &Entry,
        (event, now): (Event, u64),
        after: &mut After,
    ) {
        self.tell_interested(slots, entry.db(), entry.key(), 0);
        let published = self.published.load(Relaxed);
        if published & WALKED != 0 {
            self.walks.note(entry.db(), &self.key(entry.key()));
        }
        if published & LOGGED != 0 {
            let mut effects = Effects::take();
            effects.add(now, entry.db(), [&b"DEL"[..], entry.key()].into_iter());
            effects.commit(&self.intake);
        }
        if published & BROADCAST != 0 {
            after.changed.insert(entry.key().into());
        }
        if published & event.class.bits() != 0 {
            after.lanes |= self.events.note(group, (entry.db(), event, entry.key().into()));
        }
    }

    /// Has some keys that clients have copies of invalidated while there are too many.
    pub fn limit_tracked(&self) {
        let start = fastrand::usize(..GROUPS);
        for step in 0..GROUPS {
            let excess = self.tracked.excess();
            if excess == 0 {
                return;
            }
            let mut slots = self.lock((start + step) % GROUPS);
            if let Some(interest) = slots.interest_if_any() {
                interest.tracked.evict(excess, &self.tracked);
                slots.drop_empty_interest();
            }
        }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self::new()
    }
}
