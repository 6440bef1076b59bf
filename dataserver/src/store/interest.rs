//! Who wants to know when a key changes: clients that WATCH it.
//!
//! It stands beside the keys of a group, behind the same lock, so that nobody misses a change: who reads a key under
//! the lock and leaves a note here is told of every later change of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// A key of one database.
type Id = (u8, Box<[u8]>);

/// The notes of one group.
#[derive(Default)]
pub struct Interest {
    /// Flags to be raised when the key changes.
    watched: HashMap<Id, Vec<Arc<AtomicBool>>>,
}

impl Interest {
    /// Whether nobody wants to know anything.
    pub fn is_empty(&self) -> bool {
        self.watched.is_empty()
    }

    /// Raises the flag when the key changes.
    pub fn watch(&mut self, db: u8, key: &[u8], flag: &Arc<AtomicBool>) {
        self.watched.entry((db, key.into())).or_default().push(Arc::clone(flag));
    }

    /// Takes a flag back.
    pub fn unwatch(&mut self, db: u8, key: &[u8], flag: &Arc<AtomicBool>) {
        let id = (db, key.into());
        if let Some(flags) = self.watched.get_mut(&id) {
            flags.retain(|other| !Arc::ptr_eq(other, flag));
            if flags.is_empty() {
                self.watched.remove(&id);
            }
        }
    }

    /// Tells those who want to know that a key changed.
    pub fn changed(&mut self, db: u8, key: &[u8]) {
        if let Some(flags) = self.watched.get(&(db, Box::from(key))) {
            flags.iter().for_each(|flag| flag.store(true, Relaxed));
        }
    }
}
