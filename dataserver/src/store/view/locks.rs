//! Which groups a view has locked.

use super::View;
use crate::store::group::Slots;
use crate::store::{GROUPS, Store};
use crate::sync::{MutexGuard, yield_now};
use std::time::{Duration, Instant};

/// The locks that a command holds.
pub(super) enum Held<'s> {
    None,
    One(usize, MutexGuard<'s, Slots>),
    /// Ascending by group.
    Many(Vec<(usize, MutexGuard<'s, Slots>)>),
}

/// How long who has some groups waits for another one: longer than any but a long script keeps it.
/// The models know no time.
const PATIENCE: Duration = Duration::from_millis(if cfg!(feature = "shuttle") { 0 } else { 1 });

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

/// Locks these groups, given in ascending order. It never waits for long for one while it has others: then all are let
/// go of, and it begins with that one. So who must wait while holding (a script that touches keys that it did not
/// declare) never waits for somebody who waits for it.
pub(super) fn lock_each<'s>(store: &'s Store, groups: &[usize]) -> Vec<(usize, MutexGuard<'s, Slots>)> {
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

impl<'s> View<'s> {
    /// Locks these groups, given in ascending order.
    pub fn lock_groups(&mut self, groups: &[usize]) {
        self.unlock();
        if !groups.is_empty() {
            self.held = Held::Many(lock_each(self.store, groups));
        }
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
