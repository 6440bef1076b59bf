//! What is over: keys and fields of hashes go when their time has come, or are hidden where another server says when.

use super::{FIELDS_AT_ONCE, View};
use crate::event::{self, Event};
use crate::log::effects;
use crate::store::Key;
use crate::store::dict::Place;
use crate::store::entry::Entry;
use crate::store::group::Found;

impl<'s> View<'s> {
    /// The time by which keys expire.
    #[inline]
    pub(super) fn clock(&self) -> u64 {
        if self.replays { 0 } else { self.now }
    }

    /// Whether what is over is hidden from who looks, and stays.
    pub fn keeps(&self) -> bool {
        self.store.keeps() && !self.replays
    }

    #[cold]
    pub(super) fn expire(&mut self, key: &Key<'_>) {
        if self.keeps() {
            // Who has read it, or watches it, sees from now on that it is gone.
            if self.slots(key.group()).has_interest() {
                self.tell(key);
            }
            return;
        }
        self.counters.expired.add(1);
        if let Some(entry) = self.remove(key) {
            self.discard(entry);
        }
        self.gone(key, event::EXPIRED);
    }

    /// A key is gone by itself, before the command that found out does anything.
    pub(super) fn gone(&mut self, key: &Key<'_>, event: Event) {
        self.effect(key, &[b"DEL", key.bytes]);
        self.changed(key, event);
        self.cover(key);
    }

    /// Removes or hides the fields whose time is over of a hash, and removes the hash with its last one. Whether it is still
    /// there.
    #[cold]
    pub(super) fn expire_fields(&mut self, key: &Key<'_>, place: Place, most: usize) -> bool {
        if self.keeps() {
            return self.hide_fields(key, place);
        }
        let now = self.now;
        let (removed, left) = self.slots(key.group()).expire_fields(key, place, now, most);
        if removed > 0 {
            let time = now.to_string();
            self.effect(key, &[effects::EXPIRE_FIELDS, key.bytes, time.as_bytes()]);
            self.changed(key, event::HEXPIRED);
            self.cover(key);
        }
        if !left {
            if let Some(entry) = self.remove(key) {
                self.discard(entry);
            }
            self.gone(key, event::DEL);
        }
        left
    }

    /// Hides the fields whose time is over for as long as the hash is locked: the log may keep them still. Whether any are seen.
    pub(super) fn hide_fields(&mut self, key: &Key<'_>, place: Place) -> bool {
        let (now, db) = (self.now, self.db);
        let entry = self.slots(key.group()).at_mut(key, place);
        let Some(timed) = entry.and_then(Entry::timed_mut) else { return true };
        timed.hide(now);
        let seen = timed.len() > 0;
        if !seen {
            timed.show();
        } else if !self.hidden.iter().any(|(own, name)| *own == db && **name == *key.bytes) {
            self.hidden.push((db, key.bytes.into()));
        }
        seen
    }

    /// Shows what was hidden.
    #[cold]
    pub(super) fn show_fields(&mut self) {
        for (db, name) in std::mem::take(&mut self.hidden) {
            let key = self.store.key(&name);
            let slots = self.slots(key.group());
            if let Found::Live(place) = slots.look_up(&key, db, 0)
                && let Some(timed) = slots.at_mut(&key, place).and_then(Entry::timed_mut)
            {
                timed.show();
            }
        }
    }

    /// The same for a hash that nobody may ask for.
    pub fn sweep_fields(&mut self, key: &Key<'_>) {
        let (db, now) = (self.db, self.now);
        if let Found::Due(place) = self.slots(key.group()).look_up(key, db, now) {
            self.expire_fields(key, place, FIELDS_AT_ONCE);
        }
    }

    /// Removes all fields of a hash whose time was over at a time, as a log says.
    pub fn expire_fields_until(&mut self, key: &Key<'_>, time: u64) {
        let own = std::mem::replace(&mut self.now, time);
        if let Some(place) = self.place(key) {
            self.expire_fields(key, place, usize::MAX);
        }
        self.now = own;
    }

    /// Has a hash looked at when its next field expires: to be called after a field was given a time.
    pub fn schedule_fields(&mut self, key: &Key<'_>) {
        if let Some(place) = self.place(key) {
            self.slots(key.group()).schedule_fields(key, place);
        }
    }
}
