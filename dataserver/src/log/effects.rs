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
    group: Written,
    dirty: Vec<Dirty>,
    names: Vec<u8>,
}

/// The group as far as it is written.
#[derive(Default)]
pub struct Written(Vec<u8>);

impl Written {
    /// Adds an effect.
    pub fn add<'a>(&mut self, time: u64, db: u8, args: impl ExactSizeIterator<Item = &'a [u8]>) {
        if self.0.is_empty() {
            record::begin(&mut self.0, time);
        }
        record::add(&mut self.0, db, args);
    }
}

/// Words, and more of them from elsewhere.
pub struct Words<'h, I> {
    head: std::slice::Iter<'h, &'h [u8]>,
    tail: I,
}

impl<'h, I: ExactSizeIterator<Item = &'h [u8]>> Words<'h, I> {
    /// These words, then those.
    pub fn of(head: &'h [&'h [u8]], tail: I) -> Self {
        Self { head: head.iter(), tail }
    }
}

impl<'h, I: ExactSizeIterator<Item = &'h [u8]>> Iterator for Words<'h, I> {
    type Item = &'h [u8];

    #[inline]
    fn next(&mut self) -> Option<&'h [u8]> {
        self.head.next().copied().or_else(|| self.tail.next())
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.head.len() + self.tail.len();
        (left, Some(left))
    }
}

impl<'h, I: ExactSizeIterator<Item = &'h [u8]>> ExactSizeIterator for Words<'h, I> {}

/// The effect by which fields of a hash go whose time was over at a time: of no client's command.
pub const EXPIRE_FIELDS: &[u8] = b"EXPIREFIELDS";

thread_local! {
    static SPARE: Cell<Option<Box<Effects>>> = const { Cell::new(None) };
}

/// Keys that are compared with one that is changed: most commands change one or two, and some change very many.
const LATELY: usize = 8;

/// Buffers that have grown beyond this are not kept for the next command.
const KEPT: usize = 64 << 10;

impl Effects {
    /// An empty one, with the memory of one before.
    pub fn take() -> Box<Self> {
        SPARE.with(Cell::take).unwrap_or_default()
    }

    /// Notes an effect.
    pub fn add<'a>(&mut self, time: u64, db: u8, args: impl ExactSizeIterator<Item = &'a [u8]>) {
        self.group.add(time, db, args);
    }

    /// The group, to be added to.
    pub fn written(&mut self) -> &mut Written {
        &mut self.group
    }

    /// Notes that a key was changed.
    #[inline]
    pub fn change(&mut self, db: u8, key: &[u8]) {
        if self.find(db, key).is_none() {
            let start = self.names.len() as u32;
            self.names.extend_from_slice(key);
            self.dirty.push(Dirty { db, start, len: key.len() as u32 });
        }
    }

    /// Where a key stands, if it was changed lately. One that stands there twice has its effect twice, which is as good.
    fn find(&self, db: u8, key: &[u8]) -> Option<usize> {
        let from = self.dirty.len().saturating_sub(LATELY);
        let is = |dirty: &Dirty| dirty.db == db && self.name(*dirty) == key;
        self.dirty[from..].iter().position(is).map(|at| from + at)
    }

    fn name(&self, dirty: Dirty) -> &[u8] {
        &self.names[dirty.start as usize..][..dirty.len as usize]
    }

    /// Its effect is noted: the change of this key needs none.
    pub fn covered(&mut self, db: u8, key: &[u8]) {
        if let Some(at) = self.find(db, key) {
            self.dirty.remove(at);
        }
        if self.dirty.is_empty() {
            self.names.clear();
        }
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

    /// Has `write` note the effect of each key that was changed, given by database and name.
    pub fn settle(&mut self, mut write: impl FnMut(u8, &[u8], &mut Written)) {
        for dirty in &self.dirty {
            write(dirty.db, &self.names[dirty.start as usize..][..dirty.len as usize], &mut self.group);
        }
        self.forget_changes();
    }

    /// The effects of all keys are noted.
    #[inline]
    pub fn forget_changes(&mut self) {
        self.dirty.clear();
        self.names.clear();
    }

    /// Gives the group, if it has an effect, to the log.
    pub fn commit(mut self: Box<Self>, intake: &Intake) {
        let group = &mut self.group.0;
        if !group.is_empty() {
            match record::finish(group, 0) {
                Ok(_) => intake.commit(group),
                // Nothing of this size was ever replicated or logged; what is lost is said.
                Err(error) => tracing::error!("what a command did is not in the log: {error}"),
            }
        }
        group.clear();
        group.shrink_to(KEPT);
        self.names.shrink_to(KEPT);
        self.forget_changes();
        SPARE.with(|spare| spare.set(Some(self)));
    }
}
