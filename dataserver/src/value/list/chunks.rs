//! The chunks of a large list. None of them is ever empty.

use super::{End, Limit};
use crate::store::memory::class_size;
use crate::value::packed::{Packed, element_size};
use std::collections::VecDeque;

/// Runs of elements, in order.
#[derive(Clone, Default)]
pub struct Chunks {
    all: VecDeque<Packed>,
    /// Elements in all of them.
    len: usize,
}

impl Chunks {
    /// With one first chunk, unless it is empty.
    pub fn of(run: Packed) -> Self {
        let len = run.count();
        Self { all: (len > 0).then_some(run).into_iter().collect(), len }
    }

    /// Elements in all chunks.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// How many chunks there are.
    #[inline]
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// Bytes of all allocations.
    pub fn size(&self) -> usize {
        let own = class_size(self.all.capacity() * size_of::<Packed>());
        own + self.all.iter().map(Packed::size).sum::<usize>()
    }

    /// The chunks in order, in two halves.
    #[inline]
    pub fn as_slices(&self) -> (&[Packed], &[Packed]) {
        self.all.as_slices()
    }

    /// The chunk at an end.
    #[inline]
    pub fn end(&self, end: End) -> Option<&Packed> {
        if end == End::Head { self.all.front() } else { self.all.back() }
    }

    /// One chunk.
    #[inline]
    pub fn chunk(&self, at: usize) -> Option<&Packed> {
        self.all.get(at)
    }

    /// The chunk that has the element at `index`, and the element's index in it; found from the nearer end.
    #[inline]
    pub fn seek(&self, index: usize) -> Option<(usize, usize)> {
        if index >= self.len {
            return None;
        }
        if index < self.len / 2 {
            let mut left = index;
            for (at, chunk) in self.all.iter().enumerate() {
                if left < chunk.count() {
                    return Some((at, left));
                }
                left -= chunk.count();
            }
            return None;
        }
        let mut left = self.len - index;
        for (at, chunk) in self.all.iter().enumerate().rev() {
            if left <= chunk.count() {
                return Some((at, chunk.count() - left));
            }
            left -= chunk.count();
        }
        None
    }

    /// Where the first element is that equals `value`: its chunk and its index there.
    pub fn position(&self, value: &[u8]) -> Option<(usize, usize)> {
        let mut chunks = self.all.iter().enumerate();
        chunks.find_map(|(at, chunk)| chunk.iter().position(|e| e == value).map(|index| (at, index)))
    }

    /// Adds an element at an end.
    #[inline]
    pub fn push(&mut self, end: End, value: &[u8], limit: Limit) {
        self.len += 1;
        let chunk = if end == End::Head { self.all.front_mut() } else { self.all.back_mut() };
        match chunk {
            Some(chunk) if limit.has_room(chunk, value) => chunk.push(end, value, limit.most()),
            Some(full) => {
                full.fit();
                self.add(end, value, limit);
            }
            None => self.add(end, value, limit),
        }
    }

    fn add(&mut self, end: End, value: &[u8], limit: Limit) {
        let mut chunk = Packed::with_room(end, element_size(value.len()).max(limit.most() / 8));
        chunk.push(end, value, limit.most());
        if end == End::Head { self.all.push_front(chunk) } else { self.all.push_back(chunk) }
    }

    /// Takes the element at an end away.
    #[inline]
    pub fn drop_end(&mut self, end: End) {
        let chunk = if end == End::Head { self.all.front_mut() } else { self.all.back_mut() };
        let Some(chunk) = chunk else { return };
        self.len -= 1;
        if chunk.count() > 1 {
            return chunk.drop_end(end);
        }
        drop(if end == End::Head { self.all.pop_front() } else { self.all.pop_back() });
        if self.all.len() < self.all.capacity() / 4 {
            self.all.shrink_to(self.all.len() * 2);
        }
    }

    /// Replaces the element at `index`.
    pub fn set(&mut self, index: usize, value: &[u8], limit: Limit) {
        let Some((at, index)) = self.seek(index) else { return };
        let chunk = &mut self.all[at];
        let old = chunk.get(index).map_or(0, <[u8]>::len);
        // Asks for room as if the old element stayed: simple, and full a little early at worst.
        if chunk.count() == 1 {
            self.all[at] = Packed::of(value);
        } else if old == value.len() || limit.has_room(chunk, value) {
            chunk.replace(index, value, limit.most());
        } else {
            chunk.remove_range(index, index + 1);
            self.len -= 1;
            self.insert(at, index, value, limit);
        }
    }

    /// Adds an element to a chunk, before the one at `index` there, or beside the chunk if it is full.
    pub fn insert(&mut self, at: usize, index: usize, value: &[u8], limit: Limit) {
        self.len += 1;
        let has_room = |chunk: Option<&Packed>| chunk.is_some_and(|chunk| limit.has_room(chunk, value));
        let count = self.all[at].count();
        if has_room(self.all.get(at)) {
            self.all[at].insert(index, value, limit.most());
        } else if index == 0 && at > 0 && has_room(self.all.get(at - 1)) {
            self.all[at - 1].push(End::Tail, value, limit.most());
        } else if index == count && has_room(self.all.get(at + 1)) {
            self.all[at + 1].push(End::Head, value, limit.most());
        } else if index == 0 || index == count {
            self.all.insert(at + usize::from(index == count), Packed::of(value));
        } else {
            self.insert_splitting(at, index, value, limit);
        }
    }

    /// Splits a full chunk and puts the element between the halves.
    fn insert_splitting(&mut self, at: usize, index: usize, value: &[u8], limit: Limit) {
        let right = self.all[at].split_off(index);
        self.all.insert(at + 1, right);
        if limit.has_room(&self.all[at], value) {
            self.all[at].push(End::Tail, value, limit.most());
        } else if limit.has_room(&self.all[at + 1], value) {
            self.all[at + 1].push(End::Head, value, limit.most());
        } else {
            self.all.insert(at + 1, Packed::of(value));
        }
        // What was split must not leave ever smaller chunks behind; from the right, so that indices stay right.
        for left in [at + 2, at + 1, at].into_iter().chain(at.checked_sub(1)) {
            self.merge(left, limit);
        }
    }

    /// Makes one chunk of two neighbours if they fit into one.
    fn merge(&mut self, left: usize, limit: Limit) {
        if let (Some(a), Some(b)) = (self.all.get(left), self.all.get(left + 1))
            && limit.allows(a.bytes() + b.bytes(), a.count() + b.count())
            && let Some(right) = self.all.remove(left + 1)
        {
            self.all[left].append(&right, limit.most());
        }
    }

    /// Takes away up to `most` elements that equal `value`, from one end on. How many.
    pub fn remove_equal(&mut self, value: &[u8], most: usize, from: End, limit: Limit) -> usize {
        let mut removed = 0;
        for i in 0..self.all.len() {
            if removed == most {
                break;
            }
            let at = if from == End::Head { i } else { self.all.len() - 1 - i };
            removed += self.all[at].remove_equal(value, most - removed, from);
        }
        self.len -= removed;
        if removed > 0 {
            self.tidy(limit);
        }
        removed
    }

    /// Drops empty chunks and joins neighbours that fill half a chunk together.
    fn tidy(&mut self, limit: Limit) {
        let half = limit.half();
        for chunk in std::mem::take(&mut self.all) {
            match self.all.back_mut() {
                _ if chunk.count() == 0 => {}
                Some(last) if half.allows(last.bytes() + chunk.bytes(), last.count() + chunk.count()) => {
                    last.append(&chunk, limit.most());
                }
                _ => self.all.push_back(chunk),
            }
        }
    }

    /// Keeps the elements from `from` to before `to`, and gives back the whole chunks that are cut off.
    pub fn trim(&mut self, from: usize, to: usize) -> Self {
        if from >= to {
            return std::mem::take(self);
        }
        let (Some((first, start)), Some((last, end))) = (self.seek(from), self.seek(to - 1)) else {
            return Self::default();
        };
        // The end first, so that `start` stays right when it is in the same chunk.
        let count = self.all[last].count();
        self.all[last].remove_range(end + 1, count);
        self.all[first].remove_range(0, start);
        let mut cut = self.all.split_off(last + 1);
        cut.extend(self.all.drain(..first));
        self.all.shrink_to(self.all.len() * 2);
        self.len = to - from;
        Self { len: cut.iter().map(Packed::count).sum(), all: cut }
    }

    /// Takes the only chunk out if `is` accepts it; without chunks, an empty one.
    #[inline]
    pub fn take_single(&mut self, is: impl Fn(&Packed) -> bool) -> Option<Packed> {
        match self.all.front() {
            None => Some(Packed::default()),
            Some(run) if is(run) => self.all.pop_front(),
            Some(_) => None,
        }
    }
}

impl Chunks {
    /// Checks what holds of all chunks.
    #[cfg(test)]
    pub fn check(&self, limit: Limit) {
        assert_eq!(self.len, self.all.iter().map(Packed::count).sum::<usize>());
        for chunk in &self.all {
            assert!(chunk.count() == 1 || limit.allows(chunk.bytes(), chunk.count()), "{limit:?}");
            assert!(chunk.count() > 0);
        }
    }
}
