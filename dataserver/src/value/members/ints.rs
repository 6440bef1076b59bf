//! Integers, ascending, all in the width that the widest of them needs.
//!
//! ```text
//! | bytes of an integer: 2, 4 or 8 | integer | integer | … | spare capacity |
//! ```

use super::small::reserve;

/// Bytes before the integers.
const HEAD: usize = 1;

/// Bytes that an integer needs.
fn width_of(n: i64) -> usize {
    if i16::try_from(n).is_ok() {
        2
    } else if i32::try_from(n).is_ok() {
        4
    } else {
        8
    }
}

#[inline]
fn width(buf: &[u8]) -> usize {
    buf.first().map_or(2, |&width| width.into())
}

#[inline]
fn read(bytes: &[u8]) -> i64 {
    match *bytes {
        [a, b] => i16::from_le_bytes([a, b]).into(),
        [a, b, c, d] => i32::from_le_bytes([a, b, c, d]).into(),
        _ => bytes.first_chunk().map_or(0, |&all| i64::from_le_bytes(all)),
    }
}

/// Integers in it.
#[inline]
pub(super) fn len(buf: &[u8]) -> usize {
    buf.len().saturating_sub(HEAD) / width(buf)
}

/// The integer at an index, that there is.
#[inline]
pub(super) fn get(buf: &[u8], index: usize) -> i64 {
    let width = width(buf);
    read(&buf[HEAD + index * width..][..width])
}

/// All of them.
pub(super) fn iter(buf: &[u8]) -> impl Iterator<Item = i64> {
    (0..len(buf)).map(|i| get(buf, i))
}

/// The index of an integer, or else where it would be inserted.
#[inline]
pub(super) fn find(buf: &[u8], n: i64) -> Result<usize, usize> {
    let (mut low, mut high) = (0, len(buf));
    // Integers often come in ascending order.
    if high > 0 && get(buf, high - 1) < n {
        return Err(high);
    }
    while low < high {
        let middle = low.midpoint(high);
        match get(buf, middle).cmp(&n) {
            std::cmp::Ordering::Equal => return Ok(middle),
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
        }
    }
    Err(low)
}

/// Inserts an integer where [`find`] said.
pub(super) fn insert(buf: &mut Vec<u8>, index: usize, n: i64) {
    if buf.is_empty() {
        reserve(buf, HEAD + width_of(n));
        buf.push(width_of(n) as u8);
    } else if width_of(n) > width(buf) {
        widen(buf, width_of(n));
    }
    let (width, end) = (width(buf), buf.len());
    let at = HEAD + index * width;
    reserve(buf, width);
    buf.resize(end + width, 0);
    buf.copy_within(at..end, at + width);
    buf[at..at + width].copy_from_slice(&n.to_le_bytes()[..width]);
}

#[cold]
fn widen(buf: &mut Vec<u8>, width: usize) {
    let mut wide = Vec::new();
    reserve(&mut wide, HEAD + (len(buf) + 1) * width);
    wide.push(width as u8);
    iter(buf).for_each(|n| wide.extend_from_slice(&n.to_le_bytes()[..width]));
    *buf = wide;
}

/// Takes the integer at an index away.
pub(super) fn remove(buf: &mut Vec<u8>, index: usize) {
    let width = width(buf);
    let at = HEAD + index * width;
    buf.drain(at..at + width);
}

/// Keeps the integers that `keep` says.
pub(super) fn retain(buf: &mut Vec<u8>, mut keep: impl FnMut(i64) -> bool) {
    let (width, mut to) = (width(buf), HEAD);
    for index in 0..len(buf) {
        if keep(get(buf, index)) {
            let at = HEAD + index * width;
            buf.copy_within(at..at + width, to);
            to += width;
        }
    }
    buf.truncate(to);
}

/// Digits of the longest of them, with its sign.
pub(super) fn longest(buf: &[u8]) -> usize {
    let ends = [0, len(buf).saturating_sub(1)];
    let digits = |index| itoa::Buffer::new().format(get(buf, index)).len();
    if len(buf) == 0 { 0 } else { ends.map(digits).into_iter().max().unwrap_or(0) }
}
