//! What a command sees of the store: the groups of its keys, locked, at the time of its batch.

use super::after::After;
use super::dict::{Dict, Place};
use super::entry::{Entry, INLINE_MAX, Value};
use super::group::{Found, Slots};
use super::hasher::Hasher;
use super::hold::{self, Holds};
use super::interest::Interest;
use super::tracked::Tracker;
use super::{GROUPS, Key, Store};
use crate::counters::Counters;
use crate::event::{self, Event};
use crate::log::effects::{self, Effects, Words};
use crate::log::settle;
use crate::sync::atomic::Ordering::Relaxed;
use crate::sync::{MutexGuard, yield_now};
use crate::value::{Kind, Object};
use ringtail_protocol::errors::{self, Error};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The locks that a command holds.
enum Held<'s> {
    None,
    One(usize, MutexGuard<'s, Slots>),
    /// Ascending by group.
    Many(Vec<(usize, MutexGuard<'s, Slots>)>),
}

/// Locks a group, unless somebody else keeps it for long.
fn lock_soon(store: &Store, group: usize) -> Option<MutexGuard<'_, Slots>> {
    if let Some(slots) = store.try_lock(group) {
        return Some(slots);
    }
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(slots) = store.try_lock(group) {
            return Some(slots);
        }
        yield_now();
    }
    None
}

/// A command's view of the store.
pub struct View<'s> {
    store: &'s Store,
    held: Held<'s>,
    counters: &'s Counters,
    /// The batch's time, in milliseconds since 1970.
    pub now: u64,
    /// The session's database.
    pub db: u8,
    /// Whether looking keys up counts as using them (CLIENT NO-TOUCH).
    pub touch: bool,
    /// The number of the client whose command this is; 0 = none.
    pub client: u64,
    /// What is to be done once the locks are given up; most commands leave nothing.
    after: Option<Box<After>>,
    /// What was changed, for the log; committed before the locks are given up.
    pub(crate) effects: Option<Box<Effects>>,
    /// Time stands still: nothing expires, and nothing is logged, since what is done comes from a log.
    pub replays: bool,
    /// Hashes whose fields are hidden until the locks are given up.
    hidden: Vec<(u8, Box<[u8]>)>,
}

/// How long who has some groups waits for another one: longer than any but a long script keeps it.
/// The models know no time.
const PATIENCE: Duration = Duration::from_millis(if cfg!(feature = "shuttle") { 0 } else { 1 });

/// Fields whose time is over of which a look at their hash gives the memory back; more of them are hidden.
pub const FIELDS_AT_ONCE: usize = 64;

/// Locks these groups, given in ascending order. It never waits for long for one while it has others: then all are let
/// go of, and it begins with that one. So who must wait while holding (a script that touches keys that it did not
/// declare) never waits for somebody who waits for it.
fn lock_each<'s>(store: &'s Store, groups: &[usize]) -> Vec<(usize, MutexGuard<'s, Slots>)> {
    let mut first = groups[0];
    loop {
        let mut awaited = Some(store.lock(first));
        let mut held = Vec::with_capacity(groups.len());
        let taken = groups.iter().find(|&&group| {
            let slots = if group == first { awaited.take() } else { lock_soon(store, group) };
            slots.map(|slots| held.push((group, slots))).is_none()
        });
        match taken {
            Some(&group) => first = group,
            None => return held,
        }
    }
}

/// What a key's value must be for a command to work on it.
type Typed<T> = Result<Option<T>, Error>;

impl<'s> View<'s> {
    /// Locks the groups of `keys`, in ascending order.
    #[inline]
    pub fn lock(
        store: &'s Store,
        counters: &'s Counters,
        now: u64,
        db: u8,
        touch: bool,
        keys: &[Key<'_>],
    ) -> Self {
        let held = match keys {
            [] => Held::None,
            [key] => Held::One(key.group(), store.lock(key.group())),
            _ => Self::lock_many(store, keys),
        };
        Self {
            store,
            held,
            counters,
            now,
            db,
            touch,
            client: 0,
            after: None,
            effects: None,
            replays: false,
            hidden: Vec::new(),
        }
    }

    fn lock_many(store: &'s Store, keys: &[Key<'_>]) -> Held<'s> {
        let mut groups: Vec<usize> = keys.iter().map(Key::group).collect();
        groups.sort_unstable();
        groups.dedup();
        match groups[..] {
            [one] => Held::One(one, store.lock(one)),
            _ => Held::Many(lock_each(store, &groups)),
        }
    }

    #[inline]
    fn slots(&mut self, group: usize) -> &mut Slots {
        match &mut self.held {
            Held::One(_, slots) => slots,
            Held::Many(many) => match many.binary_search_by_key(&group, |(group, _)| *group) {
                Ok(at) => &mut many[at].1,
                Err(_) => unreachable!("a command uses the keys that its row names"),
            },
            Held::None => unreachable!("a command without keys asks for groups by each_group"),
        }
    }

    /// Where the key's entry stands; what has expired is removed first.
    #[inline]
    fn place(&mut self, key: &Key<'_>) -> Option<Place> {
        let (db, now) = (self.db, self.clock());
        match self.slots(key.group()).look_up(key, db, now) {
            Found::Live(place) => Some(place),
            Found::Missing => None,
            Found::Due(place) => self.expire_fields(key, place, FIELDS_AT_ONCE).then_some(place),
            Found::Expired => {
                self.expire(key);
                None
            }
        }
    }

    /// The time by which keys expire.
    #[inline]
    fn clock(&self) -> u64 {
        if self.replays { 0 } else { self.now }
    }

    /// Whether what is over is hidden from who looks, and stays.
    pub fn keeps(&self) -> bool {
        self.store.keeps() && !self.replays
    }

    #[cold]
    fn expire(&mut self, key: &Key<'_>) {
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
    fn gone(&mut self, key: &Key<'_>, event: Event) {
        self.effect(key, &[b"DEL", key.bytes]);
        self.changed(key, event);
        self.cover(key);
    }

    /// Removes or hides the fields whose time is over of a hash, and removes the hash with its last one. Whether it is still
    /// there.
    #[cold]
    fn expire_fields(&mut self, key: &Key<'_>, place: Place, most: usize) -> bool {
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
    fn hide_fields(&mut self, key: &Key<'_>, place: Place) -> bool {
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
    fn show_fields(&mut self) {
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
    fn effect_with<'w>(
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

    fn commit_effects(&mut self) {
        settle::by_state(self);
        if let Some(effects) = self.effects.take() {
            effects.commit(&self.store.intake);
        }
    }

    #[cold]
    fn tell(&mut self, key: &Key<'_>) {
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
    fn note(&mut self, key: &Key<'_>, event: Event) {
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

    /// The key's entry, be its time over or not.
    pub fn as_it_is(&mut self, key: &Key<'_>) -> Option<&Entry> {
        let db = self.db;
        let slots = self.slots(key.group());
        match slots.look_up(key, db, 0) {
            Found::Live(place) => slots.at(key, place),
            _ => None,
        }
    }

    /// The key's entry, without counting this as use.
    #[inline]
    pub fn peek(&mut self, key: &Key<'_>) -> Option<&mut Entry> {
        let place = self.place(key)?;
        self.slots(key.group()).at_mut(key, place)
    }

    /// The key's entry for looking at it: counts a hit or a miss, but no use.
    pub fn look(&mut self, key: &Key<'_>) -> Option<&Entry> {
        let own = std::mem::replace(&mut self.touch, false);
        let found = self.read(key).is_some();
        self.touch = own;
        if found { self.peek(key).map(|entry| &*entry) } else { None }
    }

    /// The same, but that it is missing is no event (OBJECT).
    pub fn look_quietly(&mut self, key: &Key<'_>) -> Option<&Entry> {
        if self.peek(key).is_none() {
            self.counters.misses.add(1);
            return None;
        }
        self.look(key)
    }

    /// The key's entry for reading: counts a hit or a miss, and the use.
    #[inline]
    pub fn read(&mut self, key: &Key<'_>) -> Option<&Entry> {
        match self.place(key) {
            Some(place) => {
                self.counters.hits.add(1);
                self.used(key, place).map(|entry| &*entry)
            }
            None => {
                self.counters.misses.add(1);
                self.notify(key, event::KEY_MISS);
                None
            }
        }
    }

    /// The key's entry for writing: counts the use.
    #[inline]
    pub fn write(&mut self, key: &Key<'_>) -> Option<&mut Entry> {
        let place = self.place(key)?;
        self.used(key, place)
    }

    #[inline]
    fn used(&mut self, key: &Key<'_>, place: Place) -> Option<&mut Entry> {
        let (memory, now, touch) = (&self.store.memory, self.now, self.touch);
        let entry = self.slots(key.group()).at_mut(key, place)?;
        if touch {
            memory.note_use(entry, now);
        }
        Some(entry)
    }

    /// A string for reading.
    #[inline]
    pub fn read_bytes(&mut self, key: &Key<'_>) -> Typed<&[u8]> {
        let Some(entry) = self.read(key) else { return Ok(None) };
        entry.bytes().map(Some).ok_or(errors::WRONG_TYPE)
    }

    /// Whether there is such a key, in this database or another.
    pub fn exists_in(&mut self, key: &Key<'_>, db: u8) -> bool {
        self.in_db(db, |view| view.peek(key).is_some())
    }

    /// Runs `run` in another database.
    pub fn in_db<T>(&mut self, db: u8, run: impl FnOnce(&mut Self) -> T) -> T {
        let own = std::mem::replace(&mut self.db, db);
        let result = run(self);
        self.db = own;
        result
    }

    /// Sets a string, whatever was there, and its expiry.
    #[inline]
    pub fn set_bytes(&mut self, key: &Key<'_>, value: &[u8], expiry: Option<u64>) {
        match self.place(key) {
            Some(place) => {
                let discarded = self.overwrite(key, place, value);
                if let Some(object) = discarded {
                    self.discard(object);
                }
                self.put_expiry(key, place, expiry);
            }
            None => {
                let mut entry = Entry::string(key.hash.tag(), self.db, key.bytes, value);
                if expiry.is_some() {
                    entry.set_expiry(expiry);
                }
                self.insert(key, entry);
            }
        }
    }

    /// The same for a string that is at hand: a long one is not copied.
    pub fn set_bytes_owned(&mut self, key: &Key<'_>, value: Vec<u8>, expiry: Option<u64>) {
        if value.len() > INLINE_MAX {
            self.put(key, Object::Bytes(value), expiry);
        } else {
            self.set_bytes(key, &value, expiry);
        }
    }

    /// Sets an object, whatever was there, and its expiry.
    pub fn put(&mut self, key: &Key<'_>, object: Object, expiry: Option<u64>) {
        let mut entry = Entry::object(key.hash.tag(), self.db, key.bytes, object);
        entry.set_expiry(expiry);
        if self.clear(key) {
            self.add(key, entry);
        } else {
            self.insert(key, entry);
        }
    }

    /// Puts a string over a value. A large object that was there is given back, to be freed without the lock.
    #[inline]
    fn overwrite(&mut self, key: &Key<'_>, place: Place, value: &[u8]) -> Option<Entry> {
        let (memory, now) = (&self.store.memory, self.now);
        let entry = self.slots(key.group()).at_mut(key, place)?;
        memory.note_use(entry, now);
        let old = entry.object_mut().map(|object| std::mem::replace(object, Object::Bytes(Vec::new())));
        entry.set_bytes(value);
        old.map(|object| Entry::object(0, 0, b"", object))
    }

    #[inline]
    fn put_expiry(&mut self, key: &Key<'_>, place: Place, expiry: Option<u64>) {
        let slots = self.slots(key.group());
        if expiry.is_some() || slots.at(key, place).and_then(Entry::expiry).is_some() {
            slots.set_expiry(key, place, expiry);
        }
    }

    /// Sets or removes the expiry of a key that is there. Whether it is there.
    pub fn set_expiry(&mut self, key: &Key<'_>, expiry: Option<u64>) -> bool {
        let Some(place) = self.place(key) else { return false };
        self.put_expiry(key, place, expiry);
        true
    }

    /// Adds an entry under a key that is not there. Its database is the entry's own.
    #[inline]
    pub fn insert(&mut self, key: &Key<'_>, entry: Entry) -> &mut Entry {
        if self.store.published.load(Relaxed) & event::NEW.class.bits() != 0 {
            self.in_db(entry.db(), |view| view.note(key, event::NEW));
        }
        self.add(key, entry)
    }

    #[inline]
    fn add(&mut self, key: &Key<'_>, mut entry: Entry) -> &mut Entry {
        self.store.memory.note_new(&mut entry, self.now);
        let hasher = self.store.hasher();
        self.slots(key.group()).insert(key, entry, hasher)
    }

    /// A list or a hash for reading: counts a hit or a miss, and the use.
    #[inline]
    pub fn read_as<T: Kind>(&mut self, key: &Key<'_>) -> Typed<&T> {
        match self.read(key).map(Entry::value) {
            None => Ok(None),
            Some(Value::Object(object)) => T::of(object).map(Some).ok_or(errors::WRONG_TYPE),
            Some(Value::Bytes(_)) => Err(errors::WRONG_TYPE),
        }
    }

    /// An object for reading beside others, none when [`read_as`](Self::read_as) finds none; counts nothing.
    pub fn beside<T: Kind>(&self, key: &Key<'_>) -> Option<&T> {
        let slots = match &self.held {
            Held::One(_, slots) => slots,
            Held::Many(many) => {
                let at = many.binary_search_by_key(&key.group(), |(group, _)| *group).ok()?;
                &many[at].1
            }
            Held::None => return None,
        };
        let (Found::Live(place) | Found::Due(place)) = slots.look_up(key, self.db, self.clock()) else {
            return None;
        };
        match slots.at(key, place).map(Entry::value) {
            Some(Value::Object(object)) => T::of(object),
            _ => None,
        }
    }

    /// A list or a hash for writing: counts the use.
    #[inline]
    pub fn write_as<T: Kind>(&mut self, key: &Key<'_>) -> Typed<&mut T> {
        match self.write(key) {
            None => Ok(None),
            Some(entry) => entry.object_mut().and_then(T::of_mut).map(Some).ok_or(errors::WRONG_TYPE),
        }
    }

    /// A list or a hash for writing. A missing key gets an empty one, which expires at `expiry`.
    ///
    /// # Errors
    /// The key holds something else.
    #[inline]
    pub fn object_or_insert<T: Kind>(&mut self, key: &Key<'_>, expiry: Option<u64>) -> Result<&mut T, Error> {
        let entry = match self.place(key) {
            Some(place) => self.used(key, place),
            None => {
                let mut entry = Entry::object(key.hash.tag(), self.db, key.bytes, T::default().into_object());
                entry.set_expiry(expiry);
                Some(self.insert(key, entry))
            }
        };
        entry.and_then(Entry::object_mut).and_then(T::of_mut).ok_or(errors::WRONG_TYPE)
    }

    /// Frees a value that has no key any more.
    pub fn discard_object(&self, object: Object) {
        self.discard(Entry::object(0, 0, b"", object));
    }

    /// Takes a key out. Give what is large to [`discard`](Self::discard).
    pub fn remove(&mut self, key: &Key<'_>) -> Option<Entry> {
        let db = self.db;
        self.slots(key.group()).remove(key, db)
    }

    /// Deletes a key, and says so. Whether it was there.
    pub fn delete(&mut self, key: &Key<'_>) -> bool {
        let deleted = self.clear(key);
        if deleted {
            self.changed(key, event::DEL);
        }
        deleted
    }

    /// Makes room for another value under a key: deletes what is there, without a word. Whether it was there.
    pub fn clear(&mut self, key: &Key<'_>) -> bool {
        if self.place(key).is_none() {
            return false;
        }
        let removed = self.remove(key);
        removed.map(|entry| self.discard(entry)).is_some()
    }

    /// Locks these groups, given in ascending order.
    pub fn lock_groups(&mut self, groups: &[usize]) {
        self.unlock();
        if !groups.is_empty() {
            self.held = Held::Many(lock_each(self.store, groups));
        }
    }

    /// Frees an entry, off the path of requests when it is large.
    pub fn discard(&self, entry: Entry) {
        self.store.lazy.entry(entry, &self.store.memory);
    }

    /// The worker's counters.
    pub fn counters(&self) -> &'s Counters {
        self.counters
    }

    /// How fields of a hash are hashed.
    pub fn hasher(&self) -> Hasher {
        self.store.hasher()
    }

    /// A key with its slot and hash.
    pub fn key<'k>(&self, bytes: &'k [u8]) -> Key<'k> {
        self.store.key(bytes)
    }

    /// The store, for what concerns all of it.
    pub fn store(&self) -> &'s Store {
        self.store
    }

    /// The dictionary of the key's slot.
    pub fn dict(&mut self, key: &Key<'_>) -> &Dict {
        self.slots(key.group()).dict(key.slot)
    }

    /// Gives the locks up: for what takes long and needs the store no more.
    pub fn unlock(&mut self) {
        self.commit();
        self.held = Held::None;
    }

    /// Whether all groups are locked.
    pub fn has_all(&self) -> bool {
        matches!(&self.held, Held::Many(many) if many.len() == GROUPS)
    }

    /// Locks all groups: for a command without keys that changes all at once. What is locked already is let go of first,
    /// unless it is all: in a transaction it always is.
    pub fn lock_all(&mut self) {
        if self.has_all() {
            return;
        }
        self.unlock();
        let all: Vec<usize> = (0..GROUPS).collect();
        self.held = Held::Many(lock_each(self.store, &all));
    }

    /// Whether a group is locked.
    #[inline]
    pub fn has_group(&self, group: usize) -> bool {
        match &self.held {
            Held::None => false,
            Held::One(one, _) => *one == group,
            Held::Many(many) => many.binary_search_by_key(&group, |(group, _)| *group).is_ok(),
        }
    }

    /// Locks one more group, and waits for it while others are held: only one thread at a time may do so
    /// ([`Roaming`](crate::script::Roaming)).
    pub fn add_group(&mut self, group: usize) {
        if self.has_group(group) {
            return;
        }
        let slots = self.store.lock(group);
        self.held = match std::mem::replace(&mut self.held, Held::None) {
            Held::None => Held::One(group, slots),
            Held::One(one, own) => {
                let mut many = vec![(one, own), (group, slots)];
                many.sort_unstable_by_key(|(group, _)| *group);
                Held::Many(many)
            }
            Held::Many(mut many) => {
                let at = many.partition_point(|(other, _)| *other < group);
                many.insert(at, (group, slots));
                Held::Many(many)
            }
        };
    }

    /// Visits every group, one lock at a time; those that are held already are visited as they are.
    pub fn each_group(&mut self, mut visit: impl FnMut(usize, &mut Slots)) {
        for group in 0..GROUPS {
            self.with_group(group, |slots| visit(group, slots));
        }
    }

    /// Visits one group under its lock.
    pub fn with_group<T>(&mut self, group: usize, visit: impl FnOnce(&mut Slots) -> T) -> T {
        match &mut self.held {
            Held::One(one, slots) if *one == group => visit(slots),
            Held::Many(many) => match many.binary_search_by_key(&group, |(group, _)| *group) {
                Ok(at) => visit(&mut many[at].1),
                Err(_) => visit(&mut self.store.lock(group)),
            },
            _ => visit(&mut self.store.lock(group)),
        }
    }
}

impl Drop for View<'_> {
    #[inline]
    fn drop(&mut self) {
        self.commit();
    }
}
