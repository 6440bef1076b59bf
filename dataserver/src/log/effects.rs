//! What a command, a transaction or a script did, collected under its locks, and committed in one piece before they are given up.

use super::intake::Intake;
use super::record;
use std::cell::Cell;

/// A key that was changed, and of which no effect is noted yet.
#[derive(Clone, Copy)]
struct Dirty {
    db: u8,
    /// Where its name stands among the names.
    start: u32,
    len: u32,
}

/// Effects that are to be one group, and keys whose effects are still to be noted.
#[derive(Default)]
pub struct Effects {
    group: Vec<u8>,
    dirty: Vec<Dirty>,
    names: Vec<u8>,
}

/// The effect by which fields of a hash go whose time was over at a time: of no client's command.
pub const EXPIRE_FIELDS: &[u8] = b"EXPIREFIELDS";

thread_local! {
    static SPARE: Cell<Option<Box<Effects>>> = const { Cell::new(None) };
}

/// Buffers that have grown beyond this are not kept for the next command.
const KEPT: usize = 64 << 10;

impl Effects {
    /// An empty one, with the memory of one before.
    pub fn take() -> Box<Self> {
        SPARE.with(Cell::take).unwrap_or_default()
    }

    /// Notes an effect.
    pub fn add<'a>(&mut self, time: u64, db: u8, args: impl ExactSizeIterator<Item = &'a [u8]>) {
        if self.group.is_empty() {
            record::begin(&mut self.group, time);
        }
        record::add(&mut self.group, db, args);
    }

    /// Notes that a key was changed.
    #[inline]
    pub fn change(&mut self, db: u8, key: &[u8]) {
        let known = self.dirty.iter().any(|dirty| dirty.db == db && self.name(*dirty) == key);
        if !known {
            let start = self.names.len() as u32;
            self.names.extend_from_slice(key);
            self.dirty.push(Dirty { db, start, len: key.len() as u32 });
        }
    }

    fn name(&self, dirty: Dirty) -> &[u8] {
        &self.names[dirty.start as usize..][..dirty.len as usize]
    }

    /// Its effect is noted: the change of this key needs none.
    pub fn covered(&mut self, db: u8, key: &[u8]) {
        let (names, dirty) = (&self.names, &mut self.dirty);
        dirty.retain(|own| own.db != db || &names[own.start as usize..][..own.len as usize] != key);
    }

    /// The only key that was changed.
    pub fn only_change(&self) -> Option<(u8, &[u8])> {
        match self.dirty[..] {
            [dirty] => Some((dirty.db, self.name(dirty))),
            _ => None,
        }
    }

    /// Whether effects of keys are still to be noted.
    #[inline]
    pub fn is_unsettled(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// The keys that were changed, and forgets them.
    pub fn take_changes(&mut self) -> Vec<(u8, Vec<u8>)> {
        let changes = self.dirty.iter().map(|dirty| (dirty.db, self.name(*dirty).to_vec())).collect();
        self.forget_changes();
        changes
    }

    /// The effects of all keys are noted.
    #[inline]
    pub fn forget_changes(&mut self) {
        self.dirty.clear();
        self.names.clear();
    }

    /// Gives the group, if it has an effect, to the log.
    pub fn commit(mut self: Box<Self>, intake: &Intake) {
        if !self.group.is_empty() {
            match record::finish(&mut self.group, 0) {
                Ok(_) => intake.commit(&self.group),
                // Nothing of this size was ever replicated or logged; what is lost is said.
                Err(error) => tracing::error!("what a command did is not in the log: {error}"),
            }
        }
        self.group.clear();
        self.group.shrink_to(KEPT);
        self.names.shrink_to(KEPT);
        self.forget_changes();
        SPARE.with(|spare| spare.set(Some(self)));
    }
}
