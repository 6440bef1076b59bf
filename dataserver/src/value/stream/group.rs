//! Consumer groups: what was delivered to whom and is not acknowledged yet.

use super::Id;
use crate::store::memory::class_size;
use std::collections::{BTreeMap, BTreeSet};

/// An entry that was delivered and not acknowledged.
#[derive(Clone, Copy, Debug)]
pub struct Pending {
    /// When it was delivered last, in milliseconds since 1970.
    pub time: i64,
    /// How many times it was delivered.
    pub count: i64,
    /// Whose it is.
    pub consumer: Number,
}

/// Stands for a consumer as long as there is such a one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number(u32);

/// A consumer of a group.
#[derive(Clone, Debug)]
pub struct Consumer {
    /// Its name.
    pub name: Box<[u8]>,
    /// When it asked last, in milliseconds since 1970.
    pub seen: i64,
    /// When it got something last, in milliseconds since 1970; -1 = never.
    pub active: i64,
    ids: BTreeSet<Id>,
}

impl Consumer {
    /// Entries that it has not acknowledged.
    pub fn pending(&self) -> usize {
        self.ids.len()
    }

    /// Their ids, from one on.
    pub fn ids_from(&self, from: Id) -> impl Iterator<Item = Id> {
        self.ids.range(from..).copied()
    }
}

/// A consumer group.
#[derive(Clone, Debug)]
pub struct Group {
    /// The last entry that was delivered to any consumer.
    pub last: Id,
    /// How many entries of all that ever were added come up to that one, if it is known.
    pub read: Option<i64>,
    pending: BTreeMap<Id, Pending>,
    names: BTreeMap<Box<[u8]>, Number>,
    /// By number.
    consumers: Vec<Option<Consumer>>,
    free: Vec<Number>,
}

impl Group {
    /// A group that has read up to `last`.
    pub fn new(last: Id, read: Option<i64>) -> Self {
        let (pending, names) = (BTreeMap::new(), BTreeMap::new());
        Self { last, read, pending, names, consumers: Vec::new(), free: Vec::new() }
    }

    /// Consumers in it.
    pub fn consumer_count(&self) -> usize {
        self.names.len()
    }

    /// The consumer of this name.
    pub fn find(&self, name: &[u8]) -> Option<Number> {
        self.names.get(name).copied()
    }

    /// A consumer.
    pub fn consumer(&self, number: Number) -> Option<&Consumer> {
        self.consumers.get(number.0 as usize)?.as_ref()
    }

    /// The same, to be changed.
    pub fn consumer_mut(&mut self, number: Number) -> Option<&mut Consumer> {
        self.consumers.get_mut(number.0 as usize)?.as_mut()
    }

    /// All consumers, by name.
    pub fn consumers(&self) -> impl Iterator<Item = &Consumer> {
        self.names.values().filter_map(|&number| self.consumer(number))
    }

    /// Adds a consumer whose name is new, seen now.
    pub fn add(&mut self, name: &[u8], now: i64) -> Number {
        let consumer = Consumer { name: name.into(), seen: now, active: -1, ids: BTreeSet::new() };
        let number = self.free.pop().unwrap_or_else(|| {
            self.consumers.push(None);
            Number(self.consumers.len() as u32 - 1)
        });
        self.consumers[number.0 as usize] = Some(consumer);
        self.names.insert(name.into(), number);
        number
    }

    /// Takes a consumer out, with all that it has pending. How many entries these are, if there is such a consumer.
    pub fn remove(&mut self, name: &[u8]) -> Option<usize> {
        let number = self.names.remove(name)?;
        let consumer = self.consumers[number.0 as usize].take()?;
        for id in &consumer.ids {
            self.pending.remove(id);
        }
        self.free.push(number);
        Some(consumer.pending())
    }

    /// Entries that nobody has acknowledged.
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// These entries from one on.
    pub fn pending_from(&self, from: Id) -> impl DoubleEndedIterator<Item = (Id, &Pending)> {
        self.pending.range(from..).map(|(id, pending)| (*id, pending))
    }

    /// The first and the last of them.
    pub fn pending_ends(&self) -> Option<(Id, Id)> {
        Some((*self.pending.first_key_value()?.0, *self.pending.last_key_value()?.0))
    }

    /// One of them.
    pub fn pending(&self, id: Id) -> Option<&Pending> {
        self.pending.get(&id)
    }

    /// The same, to be changed; who has it is changed by [`give`](Self::give).
    pub fn pending_mut(&mut self, id: Id) -> Option<&mut Pending> {
        self.pending.get_mut(&id)
    }

    /// Makes an entry pending with a consumer, whoever had it.
    pub fn give(&mut self, id: Id, pending: Pending) {
        let old = self.pending.insert(id, pending).map(|old| old.consumer);
        if old == Some(pending.consumer) {
            return;
        }
        if let Some(old) = old.and_then(|number| self.consumer_mut(number)) {
            old.ids.remove(&id);
        }
        if let Some(new) = self.consumer_mut(pending.consumer) {
            new.ids.insert(id);
        }
    }

    /// Acknowledges an entry. Whether it was pending.
    pub fn acknowledge(&mut self, id: Id) -> bool {
        let Some(pending) = self.pending.remove(&id) else { return false };
        if let Some(consumer) = self.consumer_mut(pending.consumer) {
            consumer.ids.remove(&id);
        }
        true
    }

    /// Allocations that freeing it takes, about.
    pub fn parts(&self) -> usize {
        1 + self.names.len() * 2 + self.pending.len() / 3
    }

    /// Bytes that it holds, about: tree nodes are six tenths full when ids come in order.
    pub fn size_estimate(&self) -> usize {
        let pending = (size_of::<(Id, Pending)>() + size_of::<Id>()) * self.pending.len() * 10 / 6;
        let consumer = 2 * size_of::<Consumer>() + size_of::<(Box<[u8]>, Number)>();
        let names: usize = self.names.keys().map(|name| 2 * class_size(name.len())).sum();
        pending + consumer * self.names.len() + names
    }
}
