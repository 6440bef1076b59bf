//! Lists: one packed run while small, a sequence of them (chunks) when large.
//!
//! An element that is larger than a chunk may be stands alone. Redis's names and limits apply (`listpack`,
//! `quicklist`, `list-max-listpack-size`), so that OBJECT ENCODING answers alike.

mod chunks;

use super::packed::{Iter, Packed, element_size};
use crate::store::memory::class_size;
use chunks::Chunks;

pub use super::packed::End;

/// How large a chunk may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    bytes: usize,
    count: usize,
}

/// What Redis counts for the header of a run.
const HEADER: usize = 7;
/// Bytes of a chunk whose limit is a number of elements.
const SAFE_BYTES: usize = 8192;

impl Limit {
    /// By `list-max-listpack-size`: a number of elements, or -1 to -5 for 4 KiB to 64 KiB.
    #[inline]
    pub fn new(setting: i64) -> Self {
        match usize::try_from(setting) {
            Ok(count) => Self { bytes: SAFE_BYTES, count: count.max(1) },
            Err(_) => Self { bytes: 4096 << (-1 - setting.max(-5)), count: usize::MAX },
        }
    }

    #[inline]
    fn allows(self, bytes: usize, count: usize) -> bool {
        bytes + HEADER <= self.bytes && count <= self.count
    }

    /// Whether a chunk has room for an element.
    #[inline]
    fn has_room(self, chunk: &Packed, value: &[u8]) -> bool {
        self.allows(chunk.bytes() + element_size(value.len()), chunk.count() + 1)
    }

    fn half(self) -> Self {
        let count = if self.count == usize::MAX { usize::MAX } else { self.count / 2 };
        Self { bytes: self.bytes / 2, count }
    }

    /// Bytes that a chunk is expected to grow to.
    #[inline]
    fn most(self) -> usize {
        self.bytes - HEADER
    }
}

/// A list.
#[derive(Clone)]
pub enum List {
    /// Redis's `listpack`.
    One(Packed),
    /// Redis's `quicklist`.
    Many(Box<Chunks>),
}

impl Default for List {
    fn default() -> Self {
        Self::One(Packed::default())
    }
}

impl List {
    /// Elements in it.
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            Self::One(run) => run.count(),
            Self::Many(chunks) => chunks.len(),
        }
    }

    /// Whether there are none; the key of such a list is deleted.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Redis's name of the form.
    pub fn encoding(&self) -> &'static str {
        match self {
            Self::One(_) => "listpack",
            Self::Many(_) => "quicklist",
        }
    }

    /// Allocations in it.
    pub fn parts(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(chunks) => 2 + chunks.count(),
        }
    }

    /// Bytes that it holds outside itself.
    pub fn size(&self) -> usize {
        match self {
            Self::One(run) => run.size(),
            Self::Many(chunks) => class_size(size_of::<Chunks>()) + chunks.size(),
        }
    }

    /// The chunks, as a ring buffer has them.
    #[inline]
    fn chunks(&self) -> (&[Packed], &[Packed]) {
        match self {
            Self::One(run) => (std::slice::from_ref(run), &[]),
            Self::Many(chunks) => chunks.as_slices(),
        }
    }

    /// The element at an end.
    #[inline]
    pub fn peek(&self, end: End) -> Option<&[u8]> {
        match self {
            Self::One(run) => run.peek(end),
            Self::Many(chunks) => chunks.end(end)?.peek(end),
        }
    }

    /// The element at `index`.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        match self {
            Self::One(run) => run.get(index),
            Self::Many(chunks) => {
                let (chunk, index) = chunks.seek(index)?;
                chunks.chunk(chunk)?.get(index)
            }
        }
    }

    /// All elements, from either end.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        let (a, b) = self.chunks();
        a.iter().chain(b).flat_map(Packed::iter)
    }

    /// The elements from `index` on.
    #[inline]
    pub fn iter_from(&self, index: usize) -> impl Iterator<Item = &[u8]> {
        let (chunk, index) = match self {
            Self::One(run) => (0, index.min(run.count())),
            Self::Many(chunks) => chunks.seek(index).unwrap_or((chunks.count(), 0)),
        };
        let (a, b) = self.chunks();
        let mut rest = a.iter().chain(b).skip(chunk);
        let first = rest.next().map_or(Iter::NONE, |run| run.iter_from(index));
        first.chain(rest.flat_map(Packed::iter))
    }

    /// Before an element is added: a run that has no room for it becomes the first chunk.
    #[inline]
    fn make_room(&mut self, value: &[u8], limit: Limit) {
        if let Self::One(run) = self
            && !limit.has_room(run, value)
        {
            *self = Self::Many(Box::new(Chunks::of(std::mem::take(run))));
        }
    }

    /// After elements were taken away: a single chunk of at most half the limit becomes a run again.
    #[inline]
    fn settle(&mut self, limit: Limit) {
        if let Self::Many(chunks) = self
            && chunks.count() <= 1
            && let Some(run) = chunks.take_single(|run| limit.half().allows(run.bytes(), run.count()))
        {
            *self = Self::One(run);
        }
    }

    /// Adds an element at an end.
    #[inline]
    pub fn push(&mut self, end: End, value: &[u8], limit: Limit) {
        self.make_room(value, limit);
        match self {
            Self::One(run) => run.push(end, value, limit.most()),
            Self::Many(chunks) => chunks.push(end, value, limit),
        }
    }

    /// Takes the element at an end away.
    #[inline]
    pub fn drop_end(&mut self, end: End, limit: Limit) {
        match self {
            Self::One(run) => run.drop_end(end),
            Self::Many(chunks) => {
                chunks.drop_end(end);
                self.settle(limit);
            }
        }
    }

    /// Replaces the element at `index`. Whether there is one.
    pub fn set(&mut self, index: usize, value: &[u8], limit: Limit) -> bool {
        if index >= self.len() {
            return false;
        }
        self.make_room(value, limit);
        match self {
            Self::One(run) => run.replace(index, value, limit.most()),
            Self::Many(chunks) => {
                chunks.set(index, value, limit);
                self.settle(limit);
            }
        }
        true
    }

    /// Adds an element on the side of the first one that equals `pivot`. Whether there is such a one.
    pub fn insert(&mut self, pivot: &[u8], side: End, value: &[u8], limit: Limit) -> bool {
        self.make_room(value, limit);
        let after = usize::from(side == End::Tail);
        match self {
            Self::One(run) => {
                let found = run.iter().position(|e| e == pivot);
                found.inspect(|index| run.insert(index + after, value, limit.most())).is_some()
            }
            Self::Many(chunks) => {
                let found = chunks.position(pivot);
                found.inspect(|&(chunk, index)| chunks.insert(chunk, index + after, value, limit)).is_some()
            }
        }
    }

    /// Takes away up to `most` elements that equal `value`, from one end on. How many.
    pub fn remove_equal(&mut self, value: &[u8], most: usize, from: End, limit: Limit) -> usize {
        match self {
            Self::One(run) => run.remove_equal(value, most, from),
            Self::Many(chunks) => {
                let removed = chunks.remove_equal(value, most, from, limit);
                self.settle(limit);
                removed
            }
        }
    }

    /// Keeps the elements from index `from` to before `to`, both at most the length. What is cut off in whole chunks is
    /// given back, to be freed elsewhere.
    pub fn trim(&mut self, from: usize, to: usize, limit: Limit) -> Self {
        match self {
            Self::One(run) => {
                run.remove_range(to, run.count());
                run.remove_range(0, from);
                Self::default()
            }
            Self::Many(chunks) => {
                let cut = Self::Many(Box::new(chunks.trim(from, to)));
                self.settle(limit);
                cut
            }
        }
    }
}

#[cfg(test)]
mod tests;
