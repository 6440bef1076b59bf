//! Frees what is large on a thread of its own, off the path of requests.

use super::dict::Dict;
use super::entry::{Entry, Value};
use super::memory::Memory;
use std::sync::mpsc::{Sender, channel};

/// What has this many parts or more is freed lazily.
const LARGE: usize = 64;

/// Entries whose sizes stand for those of their dictionary.
const SAMPLED: usize = 4;

/// What is to be freed.
enum Garbage {
    Entry(Entry, i64),
    Dicts(Vec<Dict>, i64),
    /// The thread's frees are to be published here.
    Count(std::sync::Weak<super::Store>),
}

/// The way to the thread.
pub struct Lazy(Sender<Garbage>);

impl Lazy {
    /// Starts the thread; it ends when this is dropped.
    pub fn start() -> Self {
        let (sender, receiver) = channel::<Garbage>();
        let run = move || {
            let mut store = std::sync::Weak::new();
            for garbage in receiver {
                let freed = match garbage {
                    Garbage::Count(to) => {
                        store = to;
                        0
                    }
                    Garbage::Entry(entry, bytes) => {
                        drop(entry);
                        bytes
                    }
                    Garbage::Dicts(dicts, bytes) => {
                        drop(dicts);
                        bytes
                    }
                };
                if let Some(store) = store.upgrade() {
                    store.memory.publish();
                    store.memory.add_pending(-freed);
                }
            }
        };
        // Without the thread the receiver is gone, and what is sent is freed by the sender.
        let _ = std::thread::Builder::new().name("lazy-free".into()).spawn(run);
        Self(sender)
    }

    /// Publishes what the thread frees in this store's memory.
    pub fn count_in(&self, store: &std::sync::Arc<super::Store>) {
        let _ = self.0.send(Garbage::Count(std::sync::Arc::downgrade(store)));
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
            if self.0.send(Garbage::Entry(entry, bytes)).is_err() {
                memory.add_pending(-bytes);
            }
        }
    }

    /// Frees whole dictionaries. Their bytes are about to be free, so they don't count against the limit any more.
    pub fn dicts(&self, dicts: Vec<Dict>, memory: &Memory) {
        if dicts.is_empty() {
            return;
        }
        let bytes = dicts.iter().map(size_estimate).sum::<usize>() as i64;
        memory.add_pending(bytes);
        if self.0.send(Garbage::Dicts(dicts, bytes)).is_err() {
            memory.add_pending(-bytes);
        }
    }
}

/// Bytes of a dictionary and its entries, by the size of a few of them.
fn size_estimate(dict: &Dict) -> usize {
    let sizes = dict.sample(0, SAMPLED).map(Entry::full_size);
    let (count, bytes) = sizes.fold((0, 0), |(count, bytes), size| (count + 1, bytes + size));
    dict.table_bytes() + bytes * dict.len() / count.max(1)
}
