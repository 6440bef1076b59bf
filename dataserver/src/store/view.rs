//! What a command sees of the store: the groups of its keys, locked, at the time of its batch.

mod changes;
mod expiring;
mod interests;
mod locks;

use super::after::After;
use super::dict::{Dict, Place};
use super::entry::{Entry, INLINE_MAX, Value};
use super::group::{Found, Slots};
use super::hasher::Hasher;
use super::{Key, Store};
use crate::counters::Counters;
use crate::event;
use crate::log::effects::Effects;
use crate::sync::atomic::Ordering::Relaxed;
use crate::value::{Kind, Object};
use locks::{Held, lock_each};
use ringtail_protocol::errors::{self, Error};

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

/// Fields whose time is over of which a look at their hash gives the memory back; more of them are hidden.
pub const FIELDS_AT_ONCE: usize = 64;

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
}

impl Drop for View<'_> {
    #[inline]
    fn drop(&mut self) {
        self.commit();
    }
}
