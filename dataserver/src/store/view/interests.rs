//! Who is interested in keys: those who wait for them, watch them, track them, hold their slots.

use super::View;
use super::locks::Held;
use crate::event::Event;
use crate::store::Key;
use crate::store::after::After;
use crate::store::group::Slots;
use crate::store::hold::{self, Holds};
use crate::store::interest::Interest;
use crate::store::tracked::Tracker;
use crate::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;

impl<'s> View<'s> {
    /// Has those who wait for the key looked after once the locks are given up.
    pub fn serve_later(&mut self, key: &Key<'_>) {
        let id = (self.db, Box::from(key.bytes));
        let after = self.after.get_or_insert_default();
        if !after.awaited.contains(&id) {
            after.awaited.push(id);
        }
    }

    /// The same for all keys of a database, or of all databases.
    pub fn serve_all_later(&mut self, db: Option<u8>) {
        let mut awaited = Vec::new();
        self.each_group(|_, slots| {
            if let Some(interest) = slots.interest_if_any() {
                let keys = interest.awaited().filter(|(own, _)| db.is_none_or(|db| db == *own));
                awaited.extend(keys.map(|(db, key)| (db, Box::from(key))));
            }
        });
        if !awaited.is_empty() {
            self.after.get_or_insert_default().awaited.extend(awaited);
        }
    }

    /// Works on the notes of who wants to know of changes of the key.
    pub fn with_interest<T>(&mut self, key: &Key<'_>, work: impl FnOnce(&mut Interest) -> T) -> T {
        self.with_group(key.group(), |slots| {
            let result = work(slots.interest());
            slots.drop_empty_interest();
            result
        })
    }

    /// Whether a slot is held in any of the groups that are locked.
    #[inline]
    pub fn has_holds(&self) -> bool {
        match &self.held {
            Held::None => false,
            Held::One(_, slots) => slots.has_holds(),
            Held::Many(many) => many.iter().any(|(_, slots)| slots.has_holds()),
        }
    }

    /// Asks the holds of each group that is locked about the slots of these keys in it, until one answers; of all its
    /// slots when all groups are locked.
    pub fn find_hold<T>(
        &mut self,
        keys: &[Key<'_>],
        mut ask: impl FnMut(&mut Holds, u16) -> Option<T>,
    ) -> Option<T> {
        let all = self.has_all();
        let slots_of = |group| match all {
            true => u16::MAX,
            false => keys.iter().filter(|k| k.group() == group).fold(0, |bits, k| bits | hold::bit(k.slot)),
        };
        let mut visit = |group, slots: &mut Slots| {
            let held = slots.has_holds();
            if held { slots.holds(|holds| ask(holds, slots_of(group))) } else { None }
        };
        match &mut self.held {
            Held::None => None,
            Held::One(group, slots) => visit(*group, slots),
            Held::Many(many) => many.iter_mut().find_map(|(group, slots)| visit(*group, slots)),
        }
    }

    /// Notes that a client gets copies of these keys from the command: until they change it is not forgotten.
    #[cold]
    pub fn track(&mut self, keys: &[Key<'_>], tracker: &Arc<dyn Tracker>) {
        let counts = &self.store.tracked;
        for key in keys {
            // What has expired goes first: to find that later would be a change of what is tracked then.
            self.place(key);
            self.slots(key.group()).interest().tracked.add(key.bytes, tracker, counts);
        }
        if counts.excess() > 0 {
            self.after.get_or_insert_default().tracks_too_much = true;
        }
    }

    /// Forgets who has copies of which keys: before all are told to forget them.
    pub fn forget_tracked(&mut self) {
        let (counts, mut forgotten) = (&self.store.tracked, Vec::new());
        self.each_group(|_, slots| {
            if let Some(interest) = slots.interest_if_any() {
                forgotten.push(interest.tracked.clear(counts));
                slots.drop_empty_interest();
            }
        });
        self.store.lazy.forgotten(forgotten);
    }

    /// Has an event published that is no change by itself.
    #[inline]
    pub fn notify(&mut self, key: &Key<'_>, event: Event) {
        if self.store.published.load(Relaxed) & event.class.bits() != 0 {
            self.note(key, event);
        }
    }

    #[cold]
    pub(super) fn note(&mut self, key: &Key<'_>, event: Event) {
        let lane = self.store.events.note(key.group(), (self.db, event, key.bytes.into()));
        self.after.get_or_insert_default().lanes |= lane;
    }

    /// The keys that changed and that somebody waits for: to be served later than what else is left to be done.
    pub fn take_awaited(&mut self) -> Vec<(u8, Box<[u8]>)> {
        self.after.as_mut().map(|after| std::mem::take(&mut after.awaited)).unwrap_or_default()
    }

    /// What is to be done once the locks are given up, if anything.
    #[inline]
    pub fn take_after(&mut self) -> Option<Box<After>> {
        self.after.take()
    }
}
