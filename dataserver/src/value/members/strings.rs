//! Strings in the order in which they came.
//!
//! ```text
//! | mark, 1 B | count, 4 B | string | string | … | spare capacity |      string: | length, 1 B | 4 B more of a long one | bytes |
//! ```

use super::small::reserve;
use std::ops::Range;

/// The first byte, which tells these sets from those of integers.
pub(super) const MARK: u8 = 1;
/// Bytes before the strings.
const HEAD: usize = 5;
/// A length byte that stands for four more; smaller ones are lengths themselves.
const LONG: u8 = 255;

/// Makes an empty buffer a set of no strings.
pub(super) fn start(buf: &mut Vec<u8>) {
    reserve(buf, HEAD);
    buf.extend_from_slice(&[MARK, 0, 0, 0, 0]);
}

/// Strings in it.
#[inline]
pub(super) fn len(buf: &[u8]) -> usize {
    buf[1..].first_chunk().map_or(0, |&count| u32::from_le_bytes(count) as usize)
}

fn set_len(buf: &mut [u8], len: usize) {
    buf[1..HEAD].copy_from_slice(&(len as u32).to_le_bytes());
}

/// Bytes that a string of this length takes.
pub(super) fn size(len: usize) -> usize {
    if len < usize::from(LONG) { 1 + len } else { 5 + len }
}

/// Bytes before the first string's own, and how many its own are.
#[inline]
fn read(bytes: &[u8]) -> Option<(usize, usize)> {
    match *bytes.first()? {
        LONG => bytes[1..].first_chunk().map(|&len| (5, u32::from_le_bytes(len) as usize)),
        len => Some((1, len.into())),
    }
}

/// The strings, in order.
pub(super) struct Iter<'s>(&'s [u8]);

impl<'s> Iterator for Iter<'s> {
    type Item = &'s [u8];

    #[inline]
    fn next(&mut self) -> Option<&'s [u8]> {
        let (head, len) = read(self.0)?;
        let (string, rest) = self.0.split_at(head + len);
        self.0 = rest;
        Some(&string[head..])
    }
}

/// All of them.
pub(super) fn iter(buf: &[u8]) -> Iter<'_> {
    Iter(&buf[HEAD..])
}

/// Where a string is, its length included.
#[inline]
pub(super) fn find(buf: &[u8], string: &[u8]) -> Option<Range<usize>> {
    let (mut at, last) = (HEAD, string.last());
    while let Some((head, len)) = read(&buf[at..]) {
        // Strings of one length mostly differ at their ends: most others need no call to compare them.
        if len == string.len() {
            let other = &buf[at + head..at + head + len];
            if other.last() == last && other == string {
                return Some(at..at + head + len);
            }
        }
        at += head + len;
    }
    None
}

/// Adds a string that is not there.
pub(super) fn push(buf: &mut Vec<u8>, string: &[u8]) {
    reserve(buf, size(string.len()));
    match u8::try_from(string.len()) {
        Ok(short) if short < LONG => buf.push(short),
        _ => {
            buf.push(LONG);
            buf.extend_from_slice(&(string.len() as u32).to_le_bytes());
        }
    }
    buf.extend_from_slice(string);
    let count = len(buf) + 1;
    set_len(buf, count);
}

/// Takes away the string at a place.
pub(super) fn remove(buf: &mut Vec<u8>, place: Range<usize>) {
    buf.drain(place);
    let count = len(buf) - 1;
    set_len(buf, count);
}

/// Keeps the strings that `keep` says.
pub(super) fn retain(buf: &mut Vec<u8>, mut keep: impl FnMut(&[u8]) -> bool) {
    let (mut at, mut to, mut kept) = (HEAD, HEAD, 0);
    while let Some((head, len)) = read(&buf[at..]) {
        let whole = at..at + head + len;
        at = whole.end;
        if keep(&buf[whole.start + head..whole.end]) {
            let size = whole.len();
            buf.copy_within(whole, to);
            to += size;
            kept += 1;
        }
    }
    buf.truncate(to);
    set_len(buf, kept);
}
