//! A small sorted set: one allocation, in order.
//!
//! ```text
//! | count | score | length | member | score | …
//! ```
//!
//! A score takes one byte when it is a whole number below 240, else a byte that says what follows: 2, 4 or 6 bytes of a
//! whole number, 4 or 8 of a float, whichever is the shortest that is exact. A length takes one byte below 254, five otherwise.

use super::run::Key;
use crate::store::memory::{class_size, growing_size};
use std::cmp::Ordering;
use std::ops::Range;

/// A small sorted set: nothing at all, or the count and the members with their scores.
#[derive(Default)]
pub struct Small(Vec<u8>);

const COUNT: usize = size_of::<u32>();
/// The length byte of a member that has four more.
const LONG: u8 = 254;

/// The first byte of a score; what is below is the score itself.
const I16: u8 = 240;
const I32: u8 = 241;
const I48: u8 = 242;
const F32: u8 = 243;
const F64: u8 = 244;

/// Bytes of a score that begins with this one.
#[inline]
fn score_size(first: u8) -> usize {
    match first {
        0..I16 => 1,
        I16 => 3,
        I32 | F32 => 5,
        I48 => 7,
        _ => 9,
    }
}

#[inline]
fn read_score(bytes: &[u8]) -> f64 {
    let rest = &bytes[1..];
    match bytes[0] {
        I16 => rest.first_chunk().map_or(0, |&b| i16::from_le_bytes(b)).into(),
        I32 => rest.first_chunk().map_or(0, |&b| i32::from_le_bytes(b)).into(),
        I48 => {
            let sign = i64::from(rest[5] as i8 >> 7);
            rest[..6].iter().rev().fold(sign, |n, &b| n << 8 | i64::from(b)) as f64
        }
        F32 => rest.first_chunk().map_or(0.0, |&b| f32::from_le_bytes(b)).into(),
        F64 => rest.first_chunk().map_or(0.0, |&b| f64::from_le_bytes(b)),
        small => small.into(),
    }
}

/// A score as it is kept, and how many of the bytes that takes.
fn coded(score: f64) -> ([u8; 9], usize) {
    let whole = score as i64;
    let is_whole = (whole as f64).to_bits() == score.to_bits();
    let mut bytes = [0; 9];
    let (kind, rest) = match whole {
        0..240 if is_whole => (whole as u8, [0; 8]),
        -0x8000..0x8000 if is_whole => (I16, whole.to_le_bytes()),
        -0x8000_0000..0x8000_0000 if is_whole => (I32, whole.to_le_bytes()),
        _ if f64::from(score as f32).to_bits() == score.to_bits() => {
            (F32, u64::from((score as f32).to_bits()).to_le_bytes())
        }
        -0x8000_0000_0000..0x8000_0000_0000 if is_whole => (I48, whole.to_le_bytes()),
        _ => (F64, score.to_le_bytes()),
    };
    bytes[0] = kind;
    bytes[1..].copy_from_slice(&rest);
    (bytes, score_size(kind))
}

/// Where the parts of an element are, relative to its start.
#[derive(Clone, Copy)]
struct Head {
    member: usize,
    end: usize,
}

impl Head {
    #[inline]
    fn read(bytes: &[u8]) -> Option<Self> {
        let at = score_size(*bytes.first()?);
        let (member, len) = match bytes[at] {
            LONG => (at + 5, bytes[at + 1..at + 5].iter().rev().fold(0, |n, &b| n << 8 | usize::from(b))),
            len => (at + 1, usize::from(len)),
        };
        Some(Self { member, end: member + len })
    }
}

/// The members with their scores, ascending.
#[derive(Clone)]
pub(super) struct Iter<'s>(&'s [u8]);

impl<'s> Iterator for Iter<'s> {
    type Item = Key<'s>;

    #[inline]
    fn next(&mut self) -> Option<Key<'s>> {
        let head = Head::read(self.0)?;
        let (element, rest) = self.0.split_at(head.end);
        self.0 = rest;
        Some((read_score(element), &element[head.member..]))
    }
}

/// The order of keys.
fn compare(a: Key<'_>, b: Key<'_>) -> Ordering {
    a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal).then_with(|| a.1.cmp(b.1))
}

impl Small {
    /// Members in it.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.0.first_chunk().map_or(0, |&count| u32::from_le_bytes(count) as usize)
    }

    #[inline]
    fn elements(&self) -> &[u8] {
        self.0.get(COUNT..).unwrap_or_default()
    }

    /// Bytes of its allocation.
    pub(super) fn size(&self) -> usize {
        class_size(self.0.capacity())
    }

    /// All keys.
    #[inline]
    pub(super) fn iter(&self) -> Iter<'_> {
        Iter(self.elements())
    }

    fn set_len(&mut self, len: usize) {
        if let Some(count) = self.0.first_chunk_mut() {
            *count = (len as u32).to_le_bytes();
        }
    }

    /// Where a member's element is.
    #[inline]
    fn place(&self, member: &[u8]) -> Option<(usize, Head)> {
        let (mut rest, last) = (self.elements(), member.last());
        while let Some(head) = Head::read(rest) {
            // Members of one length mostly differ at their ends: most others need no call to compare them.
            if head.end - head.member == member.len() {
                let other = &rest[head.member..head.end];
                if other.last() == last && other == member {
                    return Some((self.0.len() - rest.len(), head));
                }
            }
            rest = &rest[head.end..];
        }
        None
    }

    /// A member's score.
    #[inline]
    pub(super) fn score(&self, member: &[u8]) -> Option<f64> {
        self.place(member).map(|(at, _)| read_score(&self.0[at..]))
    }

    /// Adds a member that is not there. A zero has no sign here, as in Redis.
    pub(super) fn insert(&mut self, (score, member): Key<'_>) {
        let key = (score + 0.0, member);
        if self.0.is_empty() {
            // Room for this one, too.
            self.0.reserve_exact(class_size(COUNT + key.1.len() + 2));
            self.0.extend_from_slice(&[0; COUNT]);
        }
        let (end, mut rest) = (self.0.len(), self.iter());
        let mut at = end;
        loop {
            let here = rest.0.len();
            let Some(other) = rest.next() else { break };
            if compare(other, key) == Ordering::Greater {
                at = end - here;
                break;
            }
        }
        self.push(key);
        let size = self.0.len() - end;
        self.0[at..].rotate_right(size);
        self.set_len(self.len() + 1);
    }

    /// Adds an element behind the last, and does not count it.
    fn push(&mut self, (score, member): Key<'_>) {
        let (text, size) = coded(score);
        let length = if member.len() < usize::from(LONG) { 1 } else { 5 };
        let (len, more) = (self.0.len(), size + length + member.len());
        if self.0.capacity() - len < more {
            self.0.reserve_exact(growing_size(len + more) - len);
        }
        self.0.extend_from_slice(&text[..size]);
        match u8::try_from(member.len()) {
            Ok(len) if len < LONG => self.0.push(len),
            _ => {
                self.0.push(LONG);
                self.0.extend_from_slice(&(member.len() as u32).to_le_bytes());
            }
        }
        self.0.extend_from_slice(member);
    }

    /// Takes a member away. Whether it was there.
    pub(super) fn remove(&mut self, member: &[u8]) -> bool {
        let Some((at, head)) = self.place(member) else { return false };
        self.cut(at..at + head.end, 1);
        true
    }

    fn cut(&mut self, bytes: Range<usize>, members: usize) {
        self.0.drain(bytes);
        self.set_len(self.len() - members);
        if self.0.len() < self.0.capacity() / 4 {
            self.0.shrink_to(class_size(self.0.len()));
        }
    }

    /// Takes away the members of these ranks.
    pub(super) fn remove_ranks(&mut self, ranks: Range<usize>) {
        let mut rest = self.iter();
        rest.by_ref().take(ranks.start).for_each(drop);
        let from = self.0.len() - rest.0.len();
        rest.by_ref().take(ranks.len()).for_each(drop);
        let to = self.0.len() - rest.0.len();
        self.cut(from..to, ranks.len());
    }
}

impl Clone for Small {
    fn clone(&self) -> Self {
        let mut copy = Vec::with_capacity(class_size(self.0.len()));
        copy.extend_from_slice(&self.0);
        Self(copy)
    }
}
