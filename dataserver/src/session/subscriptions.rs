//! What one client is subscribed to.

use super::Client;
use crate::hub::{Hub, Kind};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// A client's subscriptions; they end when this is dropped.
pub struct Subscriptions {
    hub: Arc<Hub>,
    client: Arc<Client>,
    /// By [`Kind`].
    names: [BTreeSet<Arc<[u8]>>; Kind::ALL.len()],
}

impl Subscriptions {
    /// None yet.
    pub fn new(hub: &Arc<Hub>, client: &Arc<Client>) -> Self {
        Self { hub: Arc::clone(hub), client: Arc::clone(client), names: Default::default() }
    }

    /// Subscribes, if it isn't yet.
    pub fn add(&mut self, kind: Kind, name: &[u8]) {
        if !self.names[kind as usize].contains(name) {
            let name = Arc::from(name);
            self.hub.add(kind, &name, &self.client);
            self.names[kind as usize].insert(name);
            self.note(kind);
        }
    }

    /// Ends a subscription, if there is one.
    pub fn remove(&mut self, kind: Kind, name: &[u8]) {
        if self.names[kind as usize].remove(name) {
            self.hub.remove(kind, name, &self.client);
            self.note(kind);
        }
    }

    /// For CLIENT LIST.
    fn note(&self, kind: Kind) {
        self.client.subscriptions[kind as usize].store(self.names[kind as usize].len() as u32, Relaxed);
    }

    /// All of a kind.
    pub fn names(&self, kind: Kind) -> Vec<Arc<[u8]>> {
        self.names[kind as usize].iter().cloned().collect()
    }

    /// What is told after a change: shard channels are counted apart from channels and patterns.
    pub fn count(&self, kind: Kind) -> usize {
        let count = |kind: Kind| self.names[kind as usize].len();
        if kind == Kind::Shard { count(kind) } else { count(Kind::Channel) + count(Kind::Pattern) }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.iter().all(BTreeSet::is_empty)
    }
}

impl Drop for Subscriptions {
    fn drop(&mut self) {
        for kind in Kind::ALL {
            for name in std::mem::take(&mut self.names[kind as usize]) {
                self.hub.remove(kind, &name, &self.client);
            }
            self.note(kind);
        }
    }
}
