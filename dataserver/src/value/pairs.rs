//! The fields and values of a small hash, in one allocation and in the order in which they came.
//!
//! ```text
//! | pair | pair | … | spare capacity |
//! pair: | field length, 1 B | value length, 1 B | 4 B more of each that is long | field | value |
//! ```
//!
//! Both lengths stand together, so that a search waits for memory once a pair. How many pairs there are is counted when
//! it is asked: that is a walk over little memory, and a count would cost every small hash four bytes.

use crate::store::memory::{class_size, growing_size};

/// A length byte that stands for four more; smaller ones are lengths themselves.
const LONG: u8 = 255;
/// Bytes of a pair of empty strings.
const LEAST: usize = 2;

/// Fields with their values.
#[derive(Default)]
pub struct Pairs(
    /// The pairs.
    Vec<u8>,
);

/// Where a pair's parts are.
#[derive(Clone, Copy)]
struct Head {
    size: usize,
    field: usize,
    value: usize,
}

impl Head {
    #[inline]
    fn read(bytes: &[u8]) -> Option<Self> {
        match *bytes.first_chunk()? {
            [LONG, _] | [_, LONG] => Some(Self::read_long(bytes)),
            [field, value] => Some(Self { size: 2, field: field.into(), value: value.into() }),
        }
    }

    #[cold]
    fn read_long(bytes: &[u8]) -> Self {
        let mut size = 2;
        let mut length = |byte: u8| {
            if byte < LONG {
                return usize::from(byte);
            }
            size += 4;
            bytes[size - 4..size].iter().rev().fold(0, |n, &b| n << 8 | usize::from(b))
        };
        let (field, value) = (length(bytes[0]), length(bytes[1]));
        Self { size, field, value }
    }

    #[inline]
    fn value_at(self) -> usize {
        self.size + self.field
    }

    #[inline]
    fn pair(self) -> usize {
        self.size + self.field + self.value
    }
}

/// The pairs, in order.
#[derive(Clone)]
pub struct Iter<'p>(&'p [u8]);

impl<'p> Iterator for Iter<'p> {
    type Item = (&'p [u8], &'p [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let head = Head::read(self.0)?;
        let (pair, rest) = self.0.split_at(head.pair());
        self.0 = rest;
        Some((&pair[head.size..head.value_at()], &pair[head.value_at()..]))
    }
}

impl Pairs {
    /// Pairs in it: a walk over all.
    pub fn count(&self) -> usize {
        self.iter().count()
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there are more than `most`. Mostly the bytes say that there can't be.
    #[inline]
    pub fn is_over(&self, most: usize) -> bool {
        self.0.len() / LEAST > most && self.count() > most
    }

    /// Bytes of its allocation.
    pub fn size(&self) -> usize {
        class_size(self.0.capacity())
    }

    /// All pairs.
    pub fn iter(&self) -> Iter<'_> {
        Iter(&self.0)
    }

    /// Where a field's pair begins, and its head.
    #[inline]
    fn find(&self, field: &[u8]) -> Option<(usize, Head)> {
        let (mut rest, last) = (&self.0[..], field.last());
        while let Some(head) = Head::read(rest) {
            // Fields of one length mostly differ at their ends: most others need no call to compare them.
            if head.field == field.len() {
                let other = &rest[head.size..head.value_at()];
                if other.last() == last && other == field {
                    return Some((self.0.len() - rest.len(), head));
                }
            }
            rest = &rest[head.pair()..];
        }
        None
    }

    /// A field's value.
    #[inline]
    pub fn get(&self, field: &[u8]) -> Option<&[u8]> {
        let (at, head) = self.find(field)?;
        Some(&self.0[at + head.value_at()..at + head.pair()])
    }

    /// A field's value, to be changed in place.
    pub fn get_mut(&mut self, field: &[u8]) -> Option<&mut [u8]> {
        let (at, head) = self.find(field)?;
        Some(&mut self.0[at + head.value_at()..at + head.pair()])
    }

    /// Sets a field's value. Whether the field is new.
    pub fn set(&mut self, field: &[u8], value: &[u8]) -> bool {
        let found = self.find(field);
        match found {
            Some((at, head)) if head.value == value.len() => {
                self.0[at + head.value_at()..at + head.pair()].copy_from_slice(value);
            }
            Some((at, head)) if head.value.max(value.len()) < usize::from(LONG) => {
                self.resize(at + head.value_at(), head.value, value.len());
                self.0[at + 1] = value.len() as u8;
                self.0[at + head.value_at()..][..value.len()].copy_from_slice(value);
            }
            Some((at, head)) => {
                self.resize(at, head.pair(), 0);
                self.push(field, value);
            }
            None => self.push(field, value),
        }
        found.is_none()
    }

    fn push(&mut self, field: &[u8], value: &[u8]) {
        let short = |len: usize| u8::try_from(len).unwrap_or(LONG);
        let longs = [field.len(), value.len()].iter().filter(|&&len| len >= usize::from(LONG)).count();
        let size = 2 + 4 * longs + field.len() + value.len();
        self.reserve(size);
        self.0.extend_from_slice(&[short(field.len()), short(value.len())]);
        for len in [field.len(), value.len()] {
            if len >= usize::from(LONG) {
                self.0.extend_from_slice(&(len as u32).to_le_bytes());
            }
        }
        self.0.extend_from_slice(field);
        self.0.extend_from_slice(value);
    }

    /// Room for some bytes more.
    #[inline]
    fn reserve(&mut self, more: usize) {
        let len = self.0.len();
        if self.0.capacity() - len < more {
            self.0.reserve_exact(growing_size(len + more) - len);
        }
    }

    /// Makes `new` bytes out of `old` at an offset.
    fn resize(&mut self, at: usize, old: usize, new: usize) {
        let end = self.0.len();
        if new > old {
            self.reserve(new - old);
            self.0.resize(end + new - old, 0);
            self.0.copy_within(at + old..end, at + new);
        } else {
            self.0.copy_within(at + old.., at + new);
            self.0.truncate(end - (old - new));
        }
    }

    /// Takes a field away. Whether it was there.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        let Some((at, head)) = self.find(field) else { return false };
        self.resize(at, head.pair(), 0);
        if self.0.len() < self.0.capacity() / 4 {
            self.0.shrink_to(class_size(self.0.len()));
        }
        true
    }
}

impl Clone for Pairs {
    fn clone(&self) -> Self {
        let mut copy = Vec::with_capacity(class_size(self.0.len()));
        copy.extend_from_slice(&self.0);
        Self(copy)
    }
}
