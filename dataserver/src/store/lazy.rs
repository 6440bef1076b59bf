//! Frees what is large on a thread of its own, off the path of requests.

use super::dict::Dict;
use super::entry::{Entry, Value};
use super::memory::Memory;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Sender, channel};

/// What has this many parts or more is freed lazily.
const LARGE: usize = 64;

/// Entries whose sizes stand for those of their dictionaries.
const SAMPLED: usize = 4;

/// What is to be freed.
enum Garbage {
    Entry(Entry, i64),
    Dicts(Vec<Dict>, i64),
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
            let mut store = std::sync::Weak::new();
            for garbage in receiver {
                let (objects, freed) = match garbage {
                    Garbage::Count(to) => {
                        store = to;
                        (0, 0)
                    }
                    Garbage::Entry(entry, bytes) => {
                        drop(entry);
                        (1, bytes)
                    }
                    Garbage::Dicts(dicts, bytes) => {
                        let objects = objects(&dicts);
                        drop(dicts);
                        (objects, bytes)
                    }
                };
                count.fetch_add(objects, Relaxed);
                if let Some(store) = store.upgrade() {
                    store.memory.publish();
                    store.memory.add_pending(-freed);
                }
            }
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

    /// Frees whole dictionaries. Their bytes are about to be free, so they don't count against the limit any more.
    pub fn dicts(&self, dicts: Vec<Dict>, memory: &Memory) {
        if dicts.is_empty() {
            return;
        }
        let bytes = size_estimate(&dicts) as i64;
        memory.add_pending(bytes);
        self.sent.fetch_add(objects(&dicts), Relaxed);
        if self.sender.send(Garbage::Dicts(dicts, bytes)).is_err() {
            memory.add_pending(-bytes);
        }
    }
}

fn objects(dicts: &[Dict]) -> u64 {
    dicts.iter().map(|dict| dict.len() as u64).sum()
}

/// Bytes of dictionaries and their entries, by the size of a few entries of the largest: to look at some of each would cost
/// FLUSHALL as many cache misses as there are slots, one by one.
fn size_estimate(dicts: &[Dict]) -> usize {
    let tables: usize = dicts.iter().map(Dict::table_bytes).sum();
    let sizes = dicts.iter().max_by_key(|dict| dict.len()).into_iter();
    let sizes = sizes.flat_map(|dict| dict.sample(0, SAMPLED)).map(Entry::full_size);
    let (count, bytes) = sizes.fold((0, 0), |(count, bytes), size| (count + 1, bytes + size));
    tables + bytes * objects(dicts) as usize / count.max(1)
}
