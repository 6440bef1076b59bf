//! What a command changed: for the log, for walks through all keys, for who watches or waits.

use super::View;
use crate::event::{self, Event};
use crate::log::effects::{Effects, Words};
use crate::log::settle;
use crate::store::Key;
use crate::sync::atomic::Ordering::Relaxed;

impl<'s> View<'s> {
    /// Says that a key of the view's database was changed, and how: to be called by every command, right after it
    /// changed the key, and only if it did.
    #[inline]
    pub fn changed(&mut self, key: &Key<'_>, event: Event) {
        self.touched(key);
        self.notify(key, event);
    }

    /// The same for a change that is no event.
    #[inline]
    pub fn touched(&mut self, key: &Key<'_>) {
        let published = self.store.published.load(Relaxed);
        self.altered(key);
        if self.slots(key.group()).has_interest() || published & event::BROADCAST != 0 {
            self.tell(key);
        }
    }

    /// The same for a change that is none to who watches the key, as of a stream's groups.
    #[inline]
    pub fn altered(&mut self, key: &Key<'_>) {
        if self.store.published.load(Relaxed) & event::WALKED != 0 {
            self.store.walks.note(self.db, key);
        }
        if self.is_logged() {
            self.effects.get_or_insert_with(Effects::take).change(self.db, key.bytes);
        }
    }

    /// Whether what is changed is to be logged.
    #[inline]
    pub fn is_logged(&self) -> bool {
        self.store.published.load(Relaxed) & event::LOGGED != 0 && !self.replays
    }

    /// Logs an effect on a key, in words that depend on nothing but its value.
    pub fn effect(&mut self, key: &Key<'_>, args: &[&[u8]]) {
        self.effect_with(key, args, std::iter::empty());
    }

    /// The same with more words behind.
    pub(super) fn effect_with<'w>(
        &mut self,
        key: &Key<'_>,
        head: &'w [&'w [u8]],
        tail: impl ExactSizeIterator<Item = &'w [u8]>,
    ) {
        if self.is_logged() {
            debug_assert!(self.has_group(key.group()), "the lock orders effects");
            let (now, db) = (self.now, self.db);
            self.effects.get_or_insert_with(Effects::take).add(now, db, Words::of(head, tail));
        }
    }

    /// Puts the change of a key into words that depend on nothing but its value: to be called after
    /// [`changed`](Self::changed), by a command that knows better than its own words, or the key's state afterwards, what it did.
    pub fn say(&mut self, key: &Key<'_>, words: &[&[u8]]) {
        self.say_with(key, words, std::iter::empty());
    }

    /// The same with more words behind.
    pub fn say_with<'w>(
        &mut self,
        key: &Key<'_>,
        head: &'w [&'w [u8]],
        tail: impl ExactSizeIterator<Item = &'w [u8]>,
    ) {
        self.effect_with(key, head, tail);
        self.cover(key);
    }

    /// The same by what is there now.
    pub fn say_state(&mut self, key: &Key<'_>) {
        settle::of_key(self, key);
        self.cover(key);
    }

    /// The same for what is about no key, under the locks of all groups.
    pub fn effect_on_all(&mut self, args: &[&[u8]]) {
        if self.is_logged() {
            let (now, db) = (self.now, self.db);
            self.effects.get_or_insert_with(Effects::take).add(now, db, args.iter().copied());
        }
    }

    /// The key's change, so far, has its effect.
    pub fn cover(&mut self, key: &Key<'_>) {
        let db = self.db;
        if let Some(effects) = &mut self.effects {
            effects.covered(db, key.bytes);
        }
    }

    /// What is to be logged, if anything changed.
    #[inline]
    pub fn effects(&mut self) -> Option<&mut Effects> {
        self.effects.as_deref_mut()
    }

    /// Takes it, to be logged together with what comes: the slots are held until then.
    pub fn take_effects(&mut self) -> Option<Box<Effects>> {
        settle::by_state(self);
        self.effects.take()
    }

    /// Goes on with what was taken.
    pub fn put_effects(&mut self, effects: Option<Box<Effects>>) {
        self.effects = effects;
    }

    /// Logs what was done: the last moment is before the locks are given up.
    #[inline]
    pub fn commit(&mut self) {
        if self.effects.is_some() {
            self.commit_effects();
        }
        if !self.hidden.is_empty() {
            self.show_fields();
        }
    }

    pub(super) fn commit_effects(&mut self) {
        settle::by_state(self);
        match self.effects.take() {
            // A script that began when this server led ends now that it follows: others would take it for the primary's.
            Some(_) if self.store.keeps() => self.store.note_stray(),
            Some(effects) => effects.commit(&self.store.intake),
            None => {}
        }
    }

    #[cold]
    pub(super) fn tell(&mut self, key: &Key<'_>) {
        let (store, db, by) = (self.store, self.db, self.client);
        if store.tell_interested(self.slots(key.group()), db, key.bytes, by) {
            self.serve_later(key);
        }
        if store.is_broadcast() {
            let after = self.after.get_or_insert_default();
            after.by = by;
            after.changed.insert(key.bytes.into());
        }
    }
}
