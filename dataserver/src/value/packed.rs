//! A run of byte strings in one allocation, walkable from both ends: a small list, or a chunk of a large one.
//!
//! ```text
//! | slack | element | element | … | spare capacity |      element: | length | bytes | length |
//! ```
//!
//! A length takes one byte below 254, five otherwise, with the byte 254 outermost. The slack lets elements be added
//! before the first without moving the others; it and the spare capacity stay a share of what is held.

use crate::store::memory::class_size;

/// An end of a run or of a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// Where the first element is.
    Head,
    /// Where the last element is.
    Tail,
}

/// The outermost byte of a length that takes five; smaller bytes are lengths themselves.
const LONG: u8 = 254;
/// Runs of less capacity than this are not made smaller when elements go.
const SMALL: usize = 64;

/// A run of byte strings.
#[derive(Default)]
pub struct Packed {
    /// The slack, zeroed, then the elements.
    buf: Vec<u8>,
    start: u32,
    count: u32,
}

/// Bytes that an element of `len` bytes takes.
#[inline]
pub fn element_size(len: usize) -> usize {
    len + 2 * length_size(len)
}

#[inline]
fn length_size(len: usize) -> usize {
    if len < usize::from(LONG) { 1 } else { 5 }
}

fn long(bytes: &[u8]) -> usize {
    bytes.iter().rev().fold(0, |n, &b| n << 8 | usize::from(b))
}

/// The first element and what follows it.
#[inline]
fn split_first(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (at, len) = match *bytes.first()? {
        LONG => (5, long(&bytes[1..5])),
        len => (1, usize::from(len)),
    };
    Some((&bytes[at..at + len], &bytes[2 * at + len..]))
}

/// What is before the last element, and the last element.
#[inline]
fn split_last(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.len();
    let (at, len) = match *bytes.last()? {
        LONG => (5, long(&bytes[end - 5..end - 1])),
        len => (1, usize::from(len)),
    };
    Some((&bytes[..end - 2 * at - len], &bytes[end - at - len..end - at]))
}

/// Writes an element over `place`, which has its size.
fn write(place: &mut [u8], value: &[u8]) {
    let (len, end) = (value.len(), place.len());
    let at = length_size(len);
    place[at..at + len].copy_from_slice(value);
    if at == 1 {
        (place[0], place[end - 1]) = (len as u8, len as u8);
    } else {
        let bytes = (len as u32).to_le_bytes();
        (place[0], place[end - 1]) = (LONG, LONG);
        place[1..5].copy_from_slice(&bytes);
        place[end - 5..end - 1].copy_from_slice(&bytes);
    }
}

/// The elements of a run, from either end.
#[derive(Clone)]
pub struct Iter<'p>(&'p [u8]);

impl Iter<'_> {
    /// No elements.
    pub const NONE: Self = Self(&[]);
}

impl<'p> Iterator for Iter<'p> {
    type Item = &'p [u8];

    #[inline]
    fn next(&mut self) -> Option<&'p [u8]> {
        let (element, rest) = split_first(self.0)?;
        self.0 = rest;
        Some(element)
    }
}

impl DoubleEndedIterator for Iter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        let (rest, element) = split_last(self.0)?;
        self.0 = rest;
        Some(element)
    }
}

impl Packed {
    /// A run of one element.
    pub fn of(value: &[u8]) -> Self {
        let mut run = Self::default();
        run.push(End::Tail, value, 0);
        run
    }

    /// An empty run with room for so many bytes at one end, for one that is about to grow.
    pub fn with_room(end: End, bytes: usize) -> Self {
        let mut run = Self::default();
        run.reallocate(if end == End::Head { bytes } else { 0 }, class_size(bytes));
        run
    }

    /// Elements in it.
    #[inline]
    pub fn count(&self) -> usize {
        self.count as usize
    }

    /// Bytes of its elements, with their lengths.
    #[inline]
    pub fn bytes(&self) -> usize {
        self.buf.len() - self.start as usize
    }

    /// Bytes of its allocation.
    pub fn size(&self) -> usize {
        class_size(self.buf.capacity())
    }

    #[inline]
    fn payload(&self) -> &[u8] {
        &self.buf[self.start as usize..]
    }

    /// All elements.
    #[inline]
    pub fn iter(&self) -> Iter<'_> {
        Iter(self.payload())
    }

    /// The elements from `index` on.
    #[inline]
    pub fn iter_from(&self, index: usize) -> Iter<'_> {
        Iter(&self.buf[self.offset(index)..])
    }

    /// The elements before `index`.
    pub fn iter_to(&self, index: usize) -> Iter<'_> {
        Iter(&self.buf[self.start as usize..self.offset(index)])
    }

    /// The element at `index`.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        if index < self.count() { self.iter_from(index).next() } else { None }
    }

    /// The element at an end.
    #[inline]
    pub fn peek(&self, end: End) -> Option<&[u8]> {
        match end {
            End::Head => self.iter().next(),
            End::Tail => self.iter().next_back(),
        }
    }

    /// Where the element at `index`, at most the count, begins; found from the nearer end.
    #[inline]
    fn offset(&self, index: usize) -> usize {
        let (mut rest, from_tail) = (self.iter(), self.count() - index);
        if index <= from_tail {
            for _ in 0..index {
                rest.next();
            }
            self.buf.len() - rest.0.len()
        } else {
            for _ in 0..from_tail {
                rest.next_back();
            }
            self.start as usize + rest.0.len()
        }
    }

    /// Adds an element at an end. The run is expected to grow to `most` bytes, and not beyond.
    #[inline]
    pub fn push(&mut self, end: End, value: &[u8], most: usize) {
        let size = element_size(value.len());
        match end {
            End::Head => {
                if (self.start as usize) < size {
                    self.regrow(size, 0, most);
                }
                let start = self.start as usize;
                write(&mut self.buf[start - size..start], value);
                self.start = (start - size) as u32;
            }
            End::Tail => {
                if self.buf.capacity() - self.buf.len() < size {
                    self.regrow(0, size, most);
                }
                let end = self.buf.len();
                self.buf.resize(end + size, 0);
                write(&mut self.buf[end..], value);
            }
        }
        self.count += 1;
    }

    /// Takes the element at an end away.
    #[inline]
    pub fn drop_end(&mut self, end: End) {
        let rest = match end {
            End::Head => split_first(self.payload()).map(|(_, rest)| rest.len()),
            End::Tail => split_last(self.payload()).map(|(rest, _)| rest.len()),
        };
        let Some(rest) = rest else { return };
        match end {
            End::Head => self.start = (self.buf.len() - rest) as u32,
            End::Tail => self.buf.truncate(self.start as usize + rest),
        }
        self.count -= 1;
        self.shrink_if_sparse();
    }

    /// Allocates anew with `front` bytes before the elements and `back` after them, and a share more on the side that
    /// asks, within `most` bytes in all. The other side keeps what it has, up to the same share.
    fn regrow(&mut self, front: usize, back: usize, most: usize) {
        let want = self.bytes() + front + back;
        let slack = (want / 4).min(most.saturating_sub(want));
        let before = if front > 0 { front } else { (self.start as usize).min(slack) };
        let after = if back > 0 { back } else { (self.buf.capacity() - self.buf.len()).min(slack) };
        let own = self.bytes() + before + after;
        let capacity = class_size(own + slack);
        let before = if front > 0 { before + capacity - own } else { before };
        self.reallocate(before, capacity);
    }

    fn reallocate(&mut self, before: usize, capacity: usize) {
        let mut buf = Vec::with_capacity(capacity);
        buf.resize(before, 0);
        buf.extend_from_slice(self.payload());
        (self.buf, self.start) = (buf, before as u32);
    }

    /// Gives all slack and spare capacity back.
    pub fn fit(&mut self) {
        let bytes = self.bytes();
        if self.size() > class_size(bytes) {
            self.reallocate(0, class_size(bytes));
        }
    }

    #[inline]
    fn shrink_if_sparse(&mut self) {
        if self.buf.capacity() > SMALL && self.bytes() < self.buf.capacity() / 4 {
            self.fit();
        }
    }

    /// Makes `new` bytes out of `old` at an offset, and returns the offset, which may have moved.
    fn resize_at(&mut self, at: usize, old: usize, new: usize, most: usize) -> usize {
        let (mut at, end) = (at, self.buf.len());
        if new > old {
            let more = new - old;
            if self.buf.capacity() - end < more {
                let before = self.start;
                self.regrow(0, more, most);
                at = at - before as usize + self.start as usize;
            }
            let end = self.buf.len();
            self.buf.resize(end + more, 0);
            self.buf.copy_within(at + old..end, at + new);
        } else {
            self.buf.copy_within(at + old.., at + new);
            self.buf.truncate(end - (old - new));
        }
        at
    }

    /// Adds an element before the one at `index`.
    pub fn insert(&mut self, index: usize, value: &[u8], most: usize) {
        if index == 0 || index == self.count() {
            return self.push(if index == 0 { End::Head } else { End::Tail }, value, most);
        }
        let size = element_size(value.len());
        let at = self.resize_at(self.offset(index), 0, size, most);
        write(&mut self.buf[at..at + size], value);
        self.count += 1;
    }

    /// Replaces the element at `index`, which is there.
    pub fn replace(&mut self, index: usize, value: &[u8], most: usize) {
        let (old, new) = (self.get(index).map_or(0, |e| element_size(e.len())), element_size(value.len()));
        let at = self.resize_at(self.offset(index), old, new, most);
        write(&mut self.buf[at..at + new], value);
        self.shrink_if_sparse();
    }

    /// Takes away the elements from index `from` to before `to`.
    pub fn remove_range(&mut self, from: usize, to: usize) {
        let (start, end) = (self.offset(from), self.offset(to));
        self.buf.drain(start..end);
        self.count -= (to - from) as u32;
        self.shrink_if_sparse();
    }

    /// Takes away up to `most` elements that equal `value`, from one end on. How many.
    pub fn remove_equal(&mut self, value: &[u8], most: usize, from: End) -> usize {
        let found = self.offsets_of(value, most, from);
        let (Some(&first), size) = (found.first(), element_size(value.len())) else { return 0 };
        let mut to = first;
        for (i, at) in found.iter().enumerate() {
            let kept = at + size..found.get(i + 1).copied().unwrap_or(self.buf.len());
            to += kept.len();
            self.buf.copy_within(kept.clone(), to - kept.len());
        }
        self.buf.truncate(to);
        self.count -= found.len() as u32;
        self.shrink_if_sparse();
        found.len()
    }

    /// Where up to `most` elements that equal `value` begin, ascending.
    fn offsets_of(&self, value: &[u8], most: usize, from: End) -> Vec<usize> {
        let (mut found, mut rest, size) = (Vec::new(), self.iter(), element_size(value.len()));
        while found.len() < most {
            let Some(element) = (if from == End::Head { rest.next() } else { rest.next_back() }) else {
                break;
            };
            if element == value {
                found.push(match from {
                    End::Head => self.buf.len() - rest.0.len() - size,
                    End::Tail => self.start as usize + rest.0.len(),
                });
            }
        }
        if from == End::Tail {
            found.reverse();
        }
        found
    }

    /// Takes the elements from `index` on away, as a run of their own.
    pub fn split_off(&mut self, index: usize) -> Self {
        let at = self.offset(index);
        let mut buf = Vec::with_capacity(class_size(self.buf.len() - at));
        buf.extend_from_slice(&self.buf[at..]);
        let tail = Self { buf, start: 0, count: self.count - index as u32 };
        self.buf.truncate(at);
        self.count = index as u32;
        self.fit();
        tail
    }

    /// Adds all elements of another run after the last.
    pub fn append(&mut self, other: &Self, most: usize) {
        let (more, end) = (other.bytes(), self.buf.len());
        if self.buf.capacity() - end < more {
            self.regrow(0, more, most);
        }
        self.buf.extend_from_slice(other.payload());
        self.count += other.count;
    }
}

impl Clone for Packed {
    fn clone(&self) -> Self {
        let mut buf = Vec::with_capacity(class_size(self.bytes()));
        buf.extend_from_slice(self.payload());
        Self { buf, start: 0, count: self.count }
    }
}

#[cfg(test)]
pub(crate) mod tests;
