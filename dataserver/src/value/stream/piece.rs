//! Fields and values as they stand in a block: a number that says what follows, then the bytes.
//!
//! ```text
//! | 2 × length | bytes |      | 2 × zigzag(integer) + 1 |
//! ```
//!
//! Numbers are written seven bits a byte, the lowest first. Text that is a whole number is kept as one, as Redis's
//! listpacks do, so that counters and times take half their digits' room.

use super::weight;
use crate::store::memory::class_size;
use ringtail_protocol::number::parse_i64;

/// Integers beyond this, either way, stay text: two bits of the number are taken.
const MOST: u64 = 1 << 61;

/// A field or a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'b> {
    /// Bytes.
    Bytes(&'b [u8]),
    /// Text that is a whole number.
    Int(i64),
}

impl Piece<'_> {
    /// Whether it stands for these bytes.
    #[inline]
    pub fn is(self, bytes: &[u8]) -> bool {
        match self {
            Self::Bytes(own) => own == bytes,
            Self::Int(n) => itoa::Buffer::new().format(n).as_bytes() == bytes,
        }
    }

    /// Its bytes.
    #[cfg(test)]
    pub fn to_vec(self) -> Vec<u8> {
        match self {
            Self::Bytes(own) => own.to_vec(),
            Self::Int(n) => n.to_string().into_bytes(),
        }
    }
}

/// Pieces one after another.
#[derive(Clone, Copy)]
pub(super) struct Pieces<'b>(pub &'b [u8]);

impl<'b> Iterator for Pieces<'b> {
    type Item = Piece<'b>;

    #[inline]
    fn next(&mut self) -> Option<Piece<'b>> {
        if self.0.is_empty() {
            return None;
        }
        let head = take_number(&mut self.0);
        if head & 1 == 1 {
            return Some(Piece::Int(unzigzag(head >> 1)));
        }
        let (bytes, rest) = self.0.split_at((head >> 1) as usize);
        self.0 = rest;
        Some(Piece::Bytes(bytes))
    }
}

/// Bytes that a piece of `len` bytes takes at most.
#[inline]
pub(super) fn room_for(len: usize) -> usize {
    len + 5
}

/// Appends a piece. Returns its weight.
#[inline]
pub(super) fn put_piece(out: &mut Vec<u8>, bytes: &[u8]) -> usize {
    let int = parse_i64(bytes);
    match int.filter(|n| n.unsigned_abs() < MOST) {
        Some(n) => put_number(out, zigzag(n) << 1 | 1),
        None => {
            put_number(out, (bytes.len() as u64) << 1);
            out.extend_from_slice(bytes);
        }
    }
    int.map_or_else(|| weight::of_text(bytes.len()), weight::of_int)
}

/// Small numbers of either sign as small ones without.
#[inline]
pub(super) fn zigzag(n: i64) -> u64 {
    (n << 1 ^ n >> 63) as u64
}

/// The reverse of [`zigzag`].
#[inline]
pub(super) fn unzigzag(n: u64) -> i64 {
    (n >> 1) as i64 ^ -((n & 1) as i64)
}

/// Appends a number.
#[inline]
pub(super) fn put_number(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Appends a number so that it can be read from its end.
#[inline]
pub(super) fn put_number_back(out: &mut Vec<u8>, n: u64) {
    let at = out.len();
    put_number(out, n);
    out[at..].reverse();
}

/// Takes a number off the front; 0 if there is none.
#[inline]
pub(super) fn take_number(bytes: &mut &[u8]) -> u64 {
    let (mut n, mut shift) = (0, 0);
    while let [byte, rest @ ..] = *bytes {
        *bytes = rest;
        n |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if *byte < 0x80 || shift > 63 {
            break;
        }
    }
    n
}

/// Takes a number that was put by [`put_number_back`] off the end; 0 if there is none.
#[inline]
pub(super) fn take_number_back(bytes: &mut &[u8]) -> u64 {
    let (mut n, mut shift) = (0, 0);
    while let [rest @ .., byte] = *bytes {
        *bytes = rest;
        n |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if *byte < 0x80 || shift > 63 {
            break;
        }
    }
    n
}

/// Makes room for `more` bytes, and a quarter of all beyond that if there is too little.
#[inline]
pub(super) fn make_room(buf: &mut Vec<u8>, more: usize) {
    if buf.capacity() - buf.len() < more {
        let want = buf.len() + more;
        buf.reserve_exact(class_size(want + want / 4) - buf.len());
    }
}
