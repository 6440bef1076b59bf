//! Frees what is large on a thread of its own, off the path of requests.

use super::dict::Dict;
use super::entry::{Entry, Value};
use super::group::Slots;
use super::memory::Memory;
use super::tracked::Forgotten;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Sender, channel};

/// What has this many parts or more is freed lazily.
const LARGE: usize = 64;

/// At least this many groups' entries are looked at, one of each, to tell the size of all; of fewer groups some more of each.
const SAMPLED: usize = 1024;

/// What is to be freed.
enum Garbage {
    Entry(Entry, i64),
    Slots(Vec<Slots>, i64),
    Forgotten(Vec<Forgotten>),
    /// The thread's frees are to be published here.
    Count(std::sync::Weak<super::Store>),
}

/// The way to the thread.
pub struct Lazy {
    sender: Sender<Garbage>,
    sent: AtomicU64,
    freed: Arc<AtomicU64>,
}

impl Lazy {
    /// Starts the thread; it ends when this is dropped.
    pub fn start() -> Self {
        let (sender, receiver) = channel::<Garbage>();
        let freed = Arc::<AtomicU64>::default();
        let count = Arc::clone(&freed);
        let run = move || {
            let mut thread = Thread { store: std::sync::Weak::new(), freed: count };
            receiver.into_iter().for_each(|garbage| thread.free(garbage));
        };
        // Without the thread the receiver is gone, and what is sent is freed by the sender.
        let _ = std::thread::Builder::new().name("lazy-free".into()).spawn(run);
        Self { sender, sent: AtomicU64::new(0), freed }
    }

    /// Publishes what the thread frees in this store's memory.
    pub fn count_in(&self, store: &Arc<super::Store>) {
        let _ = self.sender.send(Garbage::Count(Arc::downgrade(store)));
    }

    /// Objects that wait to be freed.
    pub fn pending(&self) -> u64 {
        self.sent.load(Relaxed).saturating_sub(self.freed.load(Relaxed))
    }

    /// Objects that the thread has freed.
    pub fn freed(&self) -> u64 {
        self.freed.load(Relaxed)
    }

    /// Frees an entry: here when that is quick.
    #[inline]
    pub fn entry(&self, entry: Entry, memory: &Memory) {
        if let Value::Object(object) = entry.value()
            && object.parts() >= LARGE
        {
            let bytes = object.size_estimate() as i64;
            memory.add_pending(bytes);
            // A failed send gives the garbage back in its error, which frees it here.
            self.sent.fetch_add(1, Relaxed);
            if self.sender.send(Garbage::Entry(entry, bytes)).is_err() {
                memory.add_pending(-bytes);
            }
        }
    }

    /// Frees the notes of who has copies of which keys.
    pub fn forgotten(&self, notes: Vec<Forgotten>) {
        let _ = self.sender.send(Garbage::Forgotten(notes));
    }

    /// Frees what whole groups had. Its bytes are about to be free, so they don't count against the limit any more.
    pub fn slots(&self, slots: Vec<Slots>, memory: &Memory) {
        let bytes = (size_estimate(&slots) + own_bytes(&slots)) as i64;
        memory.add_pending(bytes);
        self.sent.fetch_add(objects(&slots), Relaxed);
        if self.sender.send(Garbage::Slots(slots, bytes)).is_err() {
            memory.add_pending(-bytes);
        }
    }
}

/// What the thread knows.
struct Thread {
    /// Where its frees are published.
    store: std::sync::Weak<super::Store>,
    freed: Arc<AtomicU64>,
}

impl Thread {
    fn free(&mut self, garbage: Garbage) {
        match garbage {
            Garbage::Count(store) => self.store = store,
            Garbage::Entry(entry, bytes) => {
                drop(entry);
                self.note(1, bytes);
            }
            Garbage::Forgotten(notes) => {
                drop(notes);
                self.note(0, 0);
            }
            Garbage::Slots(slots, bytes) => {
                let (all, mut left) = (objects(&slots).max(1), bytes);
                // The list of all is freed last.
                let entries = bytes - own_bytes(&slots) as i64;
                for slots in slots {
                    let objects = slots.len();
                    drop(slots);
                    let share = (i128::from(entries) * i128::from(objects) / i128::from(all)) as i64;
                    left -= share;
                    self.note(objects, share);
                }
                self.note(0, left);
            }
        }
    }

    /// Says that objects were freed, which were estimated to be so large.
    fn note(&self, objects: u64, bytes: i64) {
        self.freed.fetch_add(objects, Relaxed);
        if let Some(store) = self.store.upgrade() {
            store.memory.publish();
            store.memory.add_pending(-bytes);
        }
    }
}

fn objects(slots: &[Slots]) -> u64 {
    slots.iter().map(Slots::len).sum()
}

/// Bytes of the list itself.
fn own_bytes(slots: &Vec<Slots>) -> usize {
    slots.capacity() * size_of::<Slots>()
}

/// Bytes of groups' tables and entries, by the size of an entry or a few of each group's largest table: to look at more would
/// cost FLUSHALL cache misses, one by one.
fn size_estimate(slots: &[Slots]) -> usize {
    let tables: usize = slots.iter().flat_map(Slots::dicts).map(Dict::table_bytes).sum();
    let tables = tables + slots.iter().map(Slots::expiry_bytes).sum::<usize>();
    let each = SAMPLED / slots.len().max(1);
    let largest = slots.iter().filter_map(|slots| slots.dicts().iter().max_by_key(|dict| dict.len()));
    let sizes = largest.flat_map(|dict| dict.sample(0, each.clamp(1, 4))).map(Entry::full_size);
    let (count, bytes) = sizes.fold((0, 0), |(count, bytes), size| (count + 1, bytes + size));
    tables + bytes * objects(slots) as usize / count.max(1)
}
