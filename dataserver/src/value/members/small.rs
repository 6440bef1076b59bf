//! A small set in one allocation, of integers or of strings, told apart by the first byte.

use super::{Item, Limit, ints, strings};
use crate::store::memory::class_size;
use ringtail_protocol::number::parse_i64;

/// What a small set holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Nothing yet.
    Empty,
    /// Integers, ascending ([`ints`]).
    Ints,
    /// Strings, in the order in which they came ([`strings`]).
    Strings,
}

/// The members of a small set.
#[derive(Default)]
pub struct Small(Vec<u8>);

/// Longest packed set in bytes, whatever the settings allow, as in Redis.
const LONGEST: usize = 1 << 30;

impl Small {
    #[inline]
    pub(super) fn form(&self) -> Form {
        match self.0.first() {
            None => Form::Empty,
            Some(&strings::MARK) => Form::Strings,
            Some(_) => Form::Ints,
        }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        match self.form() {
            Form::Empty => 0,
            Form::Ints => ints::len(&self.0),
            Form::Strings => strings::len(&self.0),
        }
    }

    pub(super) fn size(&self) -> usize {
        class_size(self.0.capacity())
    }

    #[inline]
    pub(super) fn contains(&self, member: &[u8]) -> bool {
        match self.form() {
            Form::Empty => false,
            Form::Ints => parse_i64(member).is_some_and(|n| ints::find(&self.0, n).is_ok()),
            Form::Strings => strings::find(&self.0, member).is_some(),
        }
    }

    /// The same of a set of integers.
    pub(super) fn contains_int(&self, n: i64) -> bool {
        ints::find(&self.0, n).is_ok()
    }

    /// Adds a member; whether it is new. `None` and no change when that makes the set too large.
    #[inline]
    pub(super) fn add(&mut self, member: &[u8], limit: Limit) -> Option<bool> {
        match (self.form(), parse_i64(member)) {
            (Form::Strings, _) => {
                if strings::find(&self.0, member).is_some() {
                    return Some(false);
                }
                self.add_string(member, limit)
            }
            (Form::Ints, Some(n)) => match ints::find(&self.0, n) {
                Ok(_) => Some(false),
                Err(at) => (ints::len(&self.0) < limit.ints).then(|| {
                    ints::insert(&mut self.0, at, n);
                    true
                }),
            },
            (Form::Empty, Some(n)) if limit.ints > 0 => {
                ints::insert(&mut self.0, 0, n);
                Some(true)
            }
            _ => self.add_first_string(member, limit),
        }
    }

    fn add_string(&mut self, member: &[u8], limit: Limit) -> Option<bool> {
        let fits = strings::len(&self.0) < limit.entries
            && member.len() <= limit.value
            && self.0.len() + strings::size(member.len()) <= LONGEST;
        fits.then(|| {
            strings::push(&mut self.0, member);
            true
        })
    }

    /// Adds a string to no members, or to integers, which become strings.
    #[cold]
    fn add_first_string(&mut self, member: &[u8], limit: Limit) -> Option<bool> {
        let own = if self.form() == Form::Ints { ints::longest(&self.0) } else { 0 };
        if self.len() >= limit.entries || member.len().max(own) > limit.value {
            return None;
        }
        let mut all = Self::default();
        all.start_strings();
        let mut digits = itoa::Buffer::new();
        self.iter().for_each(|item| strings::push(&mut all.0, item.bytes(&mut digits)));
        *self = all;
        self.add_string(member, limit)
    }

    /// Makes an empty set one of strings.
    pub(super) fn start_strings(&mut self) {
        strings::start(&mut self.0);
    }

    pub(super) fn remove(&mut self, member: &[u8]) -> bool {
        let found = match self.form() {
            Form::Empty => None,
            Form::Ints => parse_i64(member).and_then(|n| ints::find(&self.0, n).ok()).map(|at| {
                ints::remove(&mut self.0, at);
            }),
            Form::Strings => strings::find(&self.0, member).map(|place| strings::remove(&mut self.0, place)),
        };
        if found.is_some() {
            self.shrink();
        }
        found.is_some()
    }

    fn shrink(&mut self) {
        if self.0.len() < self.0.capacity() / 4 {
            self.0.shrink_to(class_size(self.0.len()));
        }
    }

    pub(super) fn iter(&self) -> Box<dyn Iterator<Item = Item<'_>> + '_> {
        match self.form() {
            Form::Empty => Box::new(std::iter::empty()),
            Form::Ints => Box::new(ints::iter(&self.0).map(Item::Int)),
            Form::Strings => Box::new(strings::iter(&self.0).map(Item::Bytes)),
        }
    }

    pub(super) fn for_each<'m>(&'m self, mut visit: impl FnMut(Item<'m>)) {
        match self.form() {
            Form::Empty => {}
            Form::Ints => ints::iter(&self.0).for_each(|n| visit(Item::Int(n))),
            Form::Strings => strings::iter(&self.0).for_each(|bytes| visit(Item::Bytes(bytes))),
        }
    }

    pub(super) fn nth(&self, n: usize) -> Option<Item<'_>> {
        match self.form() {
            Form::Empty => None,
            Form::Ints => (n < ints::len(&self.0)).then(|| Item::Int(ints::get(&self.0, n))),
            Form::Strings => strings::iter(&self.0).nth(n).map(Item::Bytes),
        }
    }

    /// Keeps the members that `keep` says, in their order.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(Item<'_>) -> bool) {
        match self.form() {
            Form::Empty => {}
            Form::Ints => ints::retain(&mut self.0, |n| keep(Item::Int(n))),
            Form::Strings => strings::retain(&mut self.0, |bytes| keep(Item::Bytes(bytes))),
        }
        self.shrink();
    }
}

/// Room for some bytes more, and a share of what there is.
#[inline]
pub(super) fn reserve(buf: &mut Vec<u8>, more: usize) {
    let len = buf.len();
    if buf.capacity() - len < more {
        let want = class_size(len + more + len / 8);
        buf.reserve_exact(want - len);
    }
}

impl Clone for Small {
    fn clone(&self) -> Self {
        let mut copy = Vec::with_capacity(class_size(self.0.len()));
        copy.extend_from_slice(&self.0);
        Self(copy)
    }
}
