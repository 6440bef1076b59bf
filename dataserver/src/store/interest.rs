//! Who wants to know when a key changes: clients that WATCH it, those that wait for something under it, and those that
//! have copies of it.
//!
//! It stands beside the keys of a group, behind the same lock, so that nobody misses a change: who reads a key under
//! the lock and leaves a note here is told of every later change of it.

use super::tracked::Tracked;
use crate::blocking::Waiter;
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
    /// Commands that wait for something under the key, in the order in which they came.
    waiting: HashMap<Id, Vec<Arc<Waiter>>>,
    /// Clients that have copies of keys.
    pub tracked: Tracked,
}

impl Interest {
    /// Whether nobody wants to know anything.
    pub fn is_empty(&self) -> bool {
        self.watched.is_empty() && self.waiting.is_empty() && self.tracked.is_empty()
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

    /// Puts a waiter behind those who wait for the key already.
    pub fn wait(&mut self, db: u8, key: &[u8], waiter: &Arc<Waiter>) {
        let waiting = self.waiting.entry((db, key.into())).or_default();
        if !waiting.iter().any(|other| Arc::ptr_eq(other, waiter)) {
            waiting.push(Arc::clone(waiter));
        }
    }

    /// Takes a waiter away.
    pub fn wait_no_more(&mut self, db: u8, key: &[u8], waiter: &Arc<Waiter>) {
        let id = (db, key.into());
        if let Some(waiting) = self.waiting.get_mut(&id) {
            waiting.retain(|other| !Arc::ptr_eq(other, waiter));
            if waiting.is_empty() {
                self.waiting.remove(&id);
            }
        }
    }

    /// Who waits for the key, the first first.
    pub fn waiters(&self, db: u8, key: &[u8]) -> impl Iterator<Item = &Arc<Waiter>> {
        let waiting = self.waiting.get(&(db, Box::from(key)));
        waiting.into_iter().flatten().filter(|waiter| waiter.is_waiting())
    }

    /// The keys that somebody waits for.
    pub fn awaited(&self) -> impl Iterator<Item = (u8, &[u8])> {
        self.waiting.keys().map(|(db, key)| (*db, &**key))
    }

    /// Who waits, key by key.
    pub fn queues(&self) -> impl Iterator<Item = &[Arc<Waiter>]> {
        self.waiting.values().map(Vec::as_slice)
    }

    /// The keys that somebody watches.
    pub fn watched(&self) -> impl Iterator<Item = (u8, &[u8])> {
        self.watched.keys().map(|(db, key)| (*db, &**key))
    }

    /// Tells those who watch that a key changed. Whether somebody waits for it.
    pub fn changed(&mut self, db: u8, key: &[u8]) -> bool {
        let id = (db, Box::from(key));
        if let Some(flags) = self.watched.get(&id) {
            flags.iter().for_each(|flag| flag.store(true, Relaxed));
        }
        self.waiting.contains_key(&id)
    }
}
