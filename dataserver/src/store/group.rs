//! One group of slots: what one lock guards.

#[cfg(any(test, fuzzing))]
mod check;
mod databases;
mod fields;

use super::dict::{Dict, Hash, Place};
use super::entry::{Entry, prefetch};
use super::hasher::Hasher;
use super::hold::Holds;
use super::interest::Interest;
use super::{DATABASES, Key, SLOTS_PER_GROUP};
use crate::sync::Mutex;
use databases::Databases;
use ringtail_cluster::slot_of;
use std::collections::BTreeSet;

/// A lock and its slots, on cache lines of their own.
#[repr(align(64))]
#[derive(Default)]
pub struct Group(Mutex<Slots>);

impl std::ops::Deref for Group {
    type Target = Mutex<Slots>;

    #[inline]
    fn deref(&self) -> &Mutex<Slots> {
        &self.0
    }
}

impl Group {
    /// Asks the processor for the line of the lock and for that of the slot's table.
    #[inline]
    pub fn prefetch(&self, slot: usize) {
        let start = (&raw const self.0).cast::<u8>();
        prefetch(start);
        // Tables stand near the start of Slots; a line more or less is only a lost hint.
        prefetch(start.wrapping_add(16 + std::mem::offset_of!(Slots, dicts) + slot * size_of::<Dict>()));
    }
}

/// Sixteen slots, their expiries and their counts.
#[derive(Default)]
#[repr(C)]
pub struct Slots {
    /// Who wants to know of changes. On the lock's own line, since every change asks.
    interest: Option<Box<Interest>>,
    /// Slots that are held beyond the lock.
    holds: Option<Box<Holds>>,
    /// Which databases entries, counts and lists of expiries mean by their numbers.
    databases: Databases,
    dicts: [Dict; SLOTS_PER_GROUP],
    /// Every entry that expires: when (shifted, with the slot in the lower bits), and its hash, see [`item`].
    expiries: BTreeSet<(u64, u64)>,
    /// Every hash of which fields expire, in the same manner: when the next of them does.
    field_expiries: BTreeSet<(u64, u64)>,
    keys: [u32; DATABASES as usize],
    expiring: [u32; DATABASES as usize],
}

/// A slot's place in its group takes this many bits of an expiry's first part.
const SLOT_BITS: u32 = SLOTS_PER_GROUP.trailing_zeros();
const _: () = assert!(SLOTS_PER_GROUP.is_power_of_two());

/// Entries that expire of which a random one is chosen.
const FAIR: usize = 16;

/// What a look-up found.
pub enum Found {
    /// The entry is there.
    Live(Place),
    /// It is there, and its time is over: the caller removes it.
    Expired,
    /// It is a hash with fields whose time is over: the caller has them removed.
    Due(Place),
    /// It isn't there.
    Missing,
}

/// The first part of an expiry: when, with the slot in the lower bits. Times beyond any clock are cut.
fn when(at: u64, slot: u16) -> u64 {
    at.min(u64::MAX >> SLOT_BITS) << SLOT_BITS | index(slot) as u64
}

/// Bits of a hash that are neither its tag nor choose a part of a dictionary of any size that fits memory.
const DB_SHIFT: u32 = 40;

/// An entry in the list of expiries. The database is mixed into the hash, so that the same key of two databases, with
/// the same expiry (after `COPY k k DB 1`), has two items.
fn item(at: u64, slot: u16, hash: Hash, db: usize) -> (u64, u64) {
    (when(at, slot), hash.0 ^ (db as u64) << DB_SHIFT)
}

/// Whether the time of an entry, or of fields of it, is over.
fn over(entry: &Entry, place: Place, now: u64) -> Found {
    let is_over = |at: Option<u64>| at.is_some_and(|at| at <= now);
    match () {
        () if is_over(entry.expiry()) => Found::Expired,
        () if is_over(entry.timed().and_then(|timed| timed.next())) => Found::Due(place),
        () => Found::Live(place),
    }
}

#[inline]
fn index(slot: u16) -> usize {
    usize::from(slot) % SLOTS_PER_GROUP
}

impl Slots {
    /// Looks a key up.
    #[inline]
    pub fn look_up(&self, key: &Key<'_>, db: u8, now: u64) -> Found {
        let dict = &self.dicts[index(key.slot)];
        let Some(place) = dict.place(key.hash, self.databases.inner(db), key.bytes) else {
            return Found::Missing;
        };
        match dict.at(place) {
            Some(entry) if entry.may_expire() => over(entry, place, now),
            _ => Found::Live(place),
        }
    }

    /// Whether an entry of this group is of a database.
    #[inline]
    pub fn is_in(&self, entry: &Entry, db: u8) -> bool {
        entry.db() == self.databases.inner(db)
    }

    /// The database of an entry of this group.
    pub fn db_of(&self, entry: &Entry) -> u8 {
        self.databases.outer(entry.db())
    }

    /// The entry at a place of the key's slot.
    #[inline]
    pub fn at(&self, key: &Key<'_>, place: Place) -> Option<&Entry> {
        self.dicts[index(key.slot)].at(place)
    }

    /// The entry at a place of the key's slot, to be changed; its expiry by [`set_expiry`](Self::set_expiry) alone.
    #[inline]
    pub fn at_mut(&mut self, key: &Key<'_>, place: Place) -> Option<&mut Entry> {
        self.dicts[index(key.slot)].at_mut(place)
    }

    /// Adds an entry whose key is not there.
    pub fn insert(&mut self, key: &Key<'_>, mut entry: Entry, hasher: Hasher) -> &mut Entry {
        entry.set_db(self.databases.inner(entry.db()));
        self.put(key, entry, hasher)
    }

    /// The same for one that has its number of the database already.
    fn put(&mut self, key: &Key<'_>, mut entry: Entry, hasher: Hasher) -> &mut Entry {
        let db = usize::from(entry.db());
        if entry.is_timed() {
            self.schedule_new(key.slot, key.hash, &mut entry);
        }
        self.keys[db] += 1;
        if let Some(at) = entry.expiry() {
            self.note_expiry(key.slot, key.hash, db, at);
        }
        self.dicts[index(key.slot)].insert(key.hash, entry, |bytes| hasher.hash(bytes))
    }

    /// Takes an entry out.
    pub fn remove(&mut self, key: &Key<'_>, db: u8) -> Option<Entry> {
        let mut entry = self.dicts[index(key.slot)].remove(key.hash, self.databases.inner(db), key.bytes)?;
        self.removed(key.slot, key.hash, &entry);
        entry.set_db(db);
        Some(entry)
    }

    fn removed(&mut self, slot: u16, hash: Hash, entry: &Entry) {
        let db = usize::from(entry.db());
        self.keys[db] -= 1;
        if let Some(at) = entry.expiry() {
            self.forget_expiry(slot, hash, db, at);
        }
        if entry.is_timed() {
            self.forget_fields(slot, hash, entry);
        }
    }

    /// Sets or removes the expiry of the entry at a place.
    pub fn set_expiry(&mut self, key: &Key<'_>, place: Place, expiry: Option<u64>) {
        let Some(entry) = self.dicts[index(key.slot)].at_mut(place) else { return };
        let (old, db) = (entry.expiry(), usize::from(entry.db()));
        entry.set_expiry(expiry);
        if let Some(at) = old {
            self.forget_expiry(key.slot, key.hash, db, at);
        }
        if let Some(at) = expiry {
            self.note_expiry(key.slot, key.hash, db, at);
        }
    }

    fn note_expiry(&mut self, slot: u16, hash: Hash, db: usize, at: u64) {
        self.expiring[db] += 1;
        self.expiries.insert(item(at, slot, hash, db));
    }

    fn forget_expiry(&mut self, slot: u16, hash: Hash, db: usize, at: u64) {
        self.expiring[db] -= 1;
        self.expiries.remove(&item(at, slot, hash, db));
    }

    /// Takes out up to `most` entries whose time is over at `now`, and gives them to `taken`. Whether more are left.
    pub fn expire(&mut self, now: u64, most: usize, mut taken: impl FnMut(Entry)) -> bool {
        for _ in 0..most {
            match self.expiries.first() {
                Some(&(when, hash)) if when >> SLOT_BITS <= now => {
                    self.expiries.pop_first();
                    if let Some(entry) = self.remove_expired(when, Hash(hash)) {
                        taken(entry);
                    }
                }
                _ => return false,
            }
        }
        true
    }

    fn remove_expired(&mut self, when: u64, hash: Hash) -> Option<Entry> {
        let slot = when as usize % SLOTS_PER_GROUP;
        let mut entry = self.dicts[slot].remove_by(hash, |e| e.expiry() == Some(when >> SLOT_BITS))?;
        let db = usize::from(entry.db());
        self.keys[db] -= 1;
        self.expiring[db] -= 1;
        if entry.is_timed() {
            self.forget_fields(slot as u16, hash, &entry);
        }
        entry.set_db(self.db_of(&entry));
        Some(entry)
    }

    /// Takes out the entry of a slot that `is` accepts, found by its hash's tag and part.
    pub fn remove_by(&mut self, slot: u16, hash: Hash, is: impl Fn(&Entry) -> bool) -> Option<Entry> {
        let mut entry = self.dicts[index(slot)].remove_by(hash, is)?;
        self.removed(slot, hash, &entry);
        entry.set_db(self.db_of(&entry));
        Some(entry)
    }

    /// Keys of a database, and how many of them expire.
    pub fn counts(&self, db: u8) -> (u64, u64) {
        let inner = usize::from(self.databases.inner(db));
        (self.keys[inner].into(), self.expiring[inner].into())
    }

    /// The dictionary of one slot.
    pub fn dict(&self, slot: u16) -> &Dict {
        &self.dicts[index(slot)]
    }

    /// Up to `most` of the entries that expire, from a random time on.
    pub fn sample_expiring(&self, random: u64, most: usize) -> impl Iterator<Item = (u16, Hash)> {
        let bounds = self.expiries.first().zip(self.expiries.last());
        let from = bounds.map_or(0, |(first, last)| {
            first.0 + ((u128::from(random) * u128::from(last.0 - first.0 + 1)) >> 64) as u64
        });
        let rotated = self.expiries.range((from, 0)..).chain(self.expiries.range(..(from, 0)));
        rotated.take(most).map(|&(when, hash)| (when as u16 % SLOTS_PER_GROUP as u16, Hash(hash)))
    }

    /// One of the entries that expire; of a few, each is as likely as another.
    pub fn random_expiring(&self, random: &mut fastrand::Rng) -> Option<(u16, Hash)> {
        // What comes after a random time depends on the gaps between the times.
        let further = random.usize(..self.expiries.len().clamp(1, FAIR));
        self.sample_expiring(random.u64(..), FAIR).nth(further)
    }

    /// The entry that expires first, if any does.
    pub fn first_expiring(&self) -> Option<(u16, Hash)> {
        self.expiries.first().map(|&(when, hash)| (when as u16 % SLOTS_PER_GROUP as u16, Hash(hash)))
    }

    /// Keys of all databases.
    pub fn len(&self) -> u64 {
        self.keys.iter().map(|&n| u64::from(n)).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its dictionaries.
    pub fn dicts(&self) -> &[Dict] {
        &self.dicts
    }

    /// Bytes of what is noted of expiries, about: nodes are three quarters full.
    pub fn expiry_bytes(&self) -> usize {
        (self.expiries.len() + self.field_expiries.len()) * size_of::<(u64, u64)>() * 4 / 3
    }

    /// Takes all entries of a database (or of all) out, with all that is noted of them. To drop that takes long.
    pub fn clear(&mut self, db: Option<u8>, hasher: Hasher) -> Option<Self> {
        let dropped = db.map_or(self.len(), |db| self.counts(db).0);
        match dropped {
            0 => None,
            _ if dropped == self.len() => Some(self.take()),
            _ => db.map(|db| self.clear_one(db, hasher)),
        }
    }

    /// All entries; who wants to know of changes, and who holds slots, stays.
    fn take(&mut self) -> Self {
        let (interest, holds, databases) = (self.interest.take(), self.holds.take(), self.databases);
        std::mem::replace(self, Self { interest, holds, databases, ..Self::default() })
    }

    /// The rare case: other databases have keys in this group, so the database's entries are picked out.
    fn clear_one(&mut self, db: u8, hasher: Hasher) -> Self {
        let (all, mut dropped) = (self.take(), Self { databases: self.databases, ..Self::default() });
        for (slot, dict) in all.dicts.into_iter().enumerate() {
            for entry in dict.drain() {
                let bytes = entry.key().to_vec();
                let key = Key { bytes: &bytes, hash: hasher.hash(&bytes), slot: slot as u16 };
                let to = if self.is_in(&entry, db) { &mut dropped } else { &mut *self };
                to.put(&key, entry, hasher);
            }
        }
        dropped
    }

    /// Exchanges two databases.
    pub fn swap(&mut self, a: u8, b: u8) {
        self.databases.swap(a, b);
    }

    /// Whether anybody wants to know of changes.
    #[inline]
    pub fn has_interest(&self) -> bool {
        self.interest.is_some()
    }

    /// Who wants to know of changes; made when there is none.
    pub fn interest(&mut self) -> &mut Interest {
        self.interest.get_or_insert_default()
    }

    /// Who wants to know of changes, if anybody does.
    pub fn interest_if_any(&mut self) -> Option<&mut Interest> {
        self.interest.as_deref_mut()
    }

    /// Whether any slot is held beyond the lock.
    #[inline]
    pub fn has_holds(&self) -> bool {
        self.holds.is_some()
    }

    /// Works on the slots that are held, and gives their memory back when none is.
    pub fn holds<T>(&mut self, work: impl FnOnce(&mut Holds) -> T) -> T {
        let result = work(self.holds.get_or_insert_default());
        self.holds.take_if(|holds| holds.is_empty());
        result
    }

    /// Gives the notes' memory back when there are none left.
    pub fn drop_empty_interest(&mut self) {
        self.interest.take_if(|interest| interest.is_empty());
    }

    /// Tells those who watch keys of a database (or of all) that these change, if they are there.
    pub fn all_change(&mut self, db: Option<u8>, hasher: Hasher) {
        let Some(mut interest) = self.interest.take() else { return };
        let watched: Vec<(u8, Box<[u8]>)> = interest
            .watched()
            .filter(|(d, _)| db.is_none_or(|db| db == *d))
            .map(|(d, k)| (d, k.into()))
            .collect();
        for (db, key) in watched {
            let (dict, inner) = (&self.dicts[index(slot_of(&key))], self.databases.inner(db));
            if dict.find(hasher.hash(&key), inner, &key).is_some() {
                interest.changed(db, &key);
            }
        }
        self.interest = Some(interest);
    }

    /// Bytes of tables, without entries.
    pub fn table_bytes(&self) -> usize {
        self.dicts.iter().map(Dict::table_bytes).sum()
    }

    #[inline]
    pub(super) fn prefetch_words(&self, key: &Key<'_>) {
        self.dicts[index(key.slot)].prefetch(key.hash);
    }

    #[inline]
    pub(super) fn prefetch_entry(&self, key: &Key<'_>) {
        // Looks no further than the first entry with the tag, whose line is what is wanted.
        self.dicts[index(key.slot)].find_by(key.hash, |entry| {
            entry.prefetch();
            true
        });
    }
}
