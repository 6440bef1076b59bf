//! What a session keeps between MULTI or WATCH and EXEC.

use crate::store::Store;
use crate::store::hold::Owner;
use crate::store::view::View;
use ringtail_protocol::command::Command;
use ringtail_protocol::request::OwnedRequest;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;

/// Bytes of queued commands beyond which a transaction is refused: as many as one request may have.
pub const MAX_QUEUED: usize = 1 << 30;

/// A command that waits for EXEC.
pub struct Queued {
    /// What it is.
    pub command: &'static Command,
    /// Its arguments.
    pub request: OwnedRequest,
}

/// The commands since MULTI.
#[derive(Default)]
pub struct Transaction {
    /// In the order in which they came.
    pub queued: Vec<Queued>,
    /// One of them can't run, so none will.
    pub aborted: bool,
    /// Bytes that they hold.
    pub size: usize,
}

/// The keys that a session watches.
#[derive(Default)]
pub struct Watches {
    /// With their databases. One WATCH may name a million.
    pub keys: HashSet<(u8, Box<[u8]>)>,
    /// Raised by whoever changes one of them; made with the first.
    changed: Option<Arc<AtomicBool>>,
}

impl Watches {
    /// Whether one of them was changed.
    pub fn is_dirty(&self) -> bool {
        self.changed.as_ref().is_some_and(|changed| changed.load(Relaxed))
    }

    /// Watches a key of the view's database.
    pub fn add(&mut self, view: &mut View<'_>, bytes: &[u8]) {
        let (db, key) = (view.db, view.key(bytes));
        if !self.keys.insert((db, bytes.into())) {
            return;
        }
        // What is over already is no change any more when it is removed.
        view.peek(&key);
        let changed = self.changed.get_or_insert_default();
        view.with_interest(&key, |interest| interest.watch(db, bytes, changed));
    }

    /// Watches nothing any more. Takes the locks that the view does not have, one at a time.
    pub fn clear(&mut self, view: &mut View<'_>) {
        let Some(changed) = self.changed.take() else { return };
        for (db, bytes) in std::mem::take(&mut self.keys) {
            let key = view.key(&bytes);
            view.with_interest(&key, |interest| interest.unwatch(db, &bytes, &changed));
        }
    }
}

/// Slots that a session holds for a transaction over several servers.
pub struct Lease {
    /// The number that the holds are known by.
    pub owner: Owner,
    /// The groups that have a hold of it.
    pub groups: Vec<usize>,
    /// When it ends by itself.
    pub until: Instant,
}

impl Lease {
    /// Frees its slots.
    pub fn release(self, store: &Store) {
        for group in self.groups {
            let parked = store.lock(group).holds(|holds| holds.remove(self.owner));
            parked.iter().for_each(|client| client.unpark());
        }
    }
}
