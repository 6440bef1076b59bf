//! Hashes whose fields expire: the store looks at each when its next field's time is over.

use super::{Slots, index, item};
use crate::store::dict::{Hash, Place};
use crate::store::entry::Entry;
use crate::store::{Key, SLOTS_PER_GROUP};
use crate::value::fields::Timed;

impl Slots {
    /// Has the hash at a place looked at when its next field expires, after that came nearer.
    pub fn schedule_fields(&mut self, key: &Key<'_>, place: Place) {
        let Some(entry) = self.dicts[index(key.slot)].at_mut(place) else { return };
        entry.mark_timed();
        let db = usize::from(entry.db());
        let Some(timed) = entry.timed_mut() else { return };
        let (old, new) = (timed.scheduled, timed.next());
        if old.is_some_and(|old| new.is_none_or(|new| old <= new)) {
            return;
        }
        timed.scheduled = new;
        self.move_item(key.slot, key.hash, db, old, new);
    }

    fn move_item(&mut self, slot: u16, hash: Hash, db: usize, old: Option<u64>, new: Option<u64>) {
        old.map(|at| self.field_expiries.remove(&item(at, slot, hash, db)));
        new.map(|at| self.field_expiries.insert(item(at, slot, hash, db)));
    }

    /// The same for an entry that is about to be added.
    pub(super) fn schedule_new(&mut self, slot: u16, hash: Hash, entry: &mut Entry) {
        let db = usize::from(entry.db());
        if let Some(timed) = entry.timed_mut() {
            timed.scheduled = timed.next();
            let new = timed.scheduled;
            self.move_item(slot, hash, db, None, new);
        }
    }

    /// Forgets a hash that was taken out.
    pub(super) fn forget_fields(&mut self, slot: u16, hash: Hash, entry: &Entry) {
        if let Some(at) = entry.timed().and_then(|timed| timed.scheduled) {
            self.move_item(slot, hash, entry.db().into(), Some(at), None);
        }
    }

    /// Takes the fields whose time is over away from the hash at a place, see [`Timed::expire`]. How many, and whether any are left.
    pub fn expire_fields(&mut self, key: &Key<'_>, place: Place, now: u64, most: usize) -> (usize, bool) {
        let Some(entry) = self.dicts[index(key.slot)].at_mut(place) else { return (0, true) };
        let db = usize::from(entry.db());
        let Some(timed) = entry.timed_mut() else { return (0, true) };
        let removed = timed.expire(now, most);
        let (old, new, left) = (timed.scheduled, timed.next(), timed.len() > 0);
        timed.scheduled = new;
        self.move_item(key.slot, key.hash, db, old, new);
        (removed, left)
    }

    /// A hash of this group with fields whose time is over at `now`, if there is one: its database, slot and name.
    pub fn due_hash(&mut self, now: u64) -> Option<(u8, Vec<u8>)> {
        while let Some(&(when, hash)) = self.field_expiries.first()
            && when >> super::SLOT_BITS <= now
        {
            let is = |entry: &Entry| {
                entry.timed().and_then(|timed| timed.scheduled) == Some(when >> super::SLOT_BITS)
            };
            if let Some(entry) = self.dicts[when as usize % SLOTS_PER_GROUP].find_by(Hash(hash), is) {
                return Some((self.db_of(entry), entry.key().to_vec()));
            }
            // What was there was replaced.
            self.field_expiries.pop_first();
        }
        None
    }
}

/// What is noted of a hash in the list, for the entry's own methods.
impl Entry {
    /// The hash whose fields expire that is the value, if it is one.
    pub fn timed(&self) -> Option<&Timed> {
        match self.value() {
            crate::store::entry::Value::Object(object) if self.is_timed() => object.timed(),
            _ => None,
        }
    }

    /// The same, to be changed.
    pub fn timed_mut(&mut self) -> Option<&mut Timed> {
        if self.is_timed() { self.object_mut().and_then(|object| object.timed_mut()) } else { None }
    }
}
