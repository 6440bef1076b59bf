//! Reading ids as clients write them.

use crate::value::stream::Id;
use ringtail_protocol::errors::Error;
use ringtail_protocol::number::parse_i64;

const INVALID: Error = Error::fixed("ERR Invalid stream ID specified as stream command argument");
const INVALID_START: Error = Error::fixed("ERR invalid start ID for the interval");
const INVALID_END: Error = Error::fixed("ERR invalid end ID for the interval");

/// No longer text is an id.
const MOST: usize = 127;

/// An id whose sequence number may be left to the server: `5-*`.
#[derive(Clone, Copy)]
pub(super) enum Wanted {
    /// All of it is given.
    Whole(Id),
    /// Only the milliseconds are.
    Millis(u64),
}

/// `ms-seq`, or `ms` alone, which means the sequence number `seq`.
pub(super) fn strict(text: &[u8], seq: u64) -> Result<Id, Error> {
    if text.len() > MOST {
        return Err(INVALID);
    }
    let (ms, own) = halves(text);
    let ms = unsigned(ms).ok_or(INVALID)?;
    let seq = own.map_or(Some(seq), unsigned).ok_or(INVALID)?;
    Ok(Id { ms, seq })
}

/// The same, or `-` for the least and `+` for the largest.
pub(super) fn any(text: &[u8], seq: u64) -> Result<Id, Error> {
    match text {
        b"-" => Ok(Id::MIN),
        b"+" => Ok(Id::MAX),
        _ => strict(text, seq),
    }
}

/// An id for a new entry.
pub(super) fn wanted(text: &[u8]) -> Result<Wanted, Error> {
    match halves(text) {
        (ms, Some(b"*")) if text.len() <= MOST => unsigned(ms).map(Wanted::Millis).ok_or(INVALID),
        _ => strict(text, 0).map(Wanted::Whole),
    }
}

/// Where a range begins; `(` leaves the id itself out.
pub(super) fn start(text: &[u8]) -> Result<Id, Error> {
    match text {
        [b'(', open @ ..] if !open.is_empty() => strict(open, 0)?.next().ok_or(INVALID_START),
        _ => any(text, 0),
    }
}

/// Where a range ends; `(` leaves the id itself out.
pub(super) fn end(text: &[u8]) -> Result<Id, Error> {
    match text {
        [b'(', open @ ..] if !open.is_empty() => strict(open, u64::MAX)?.previous().ok_or(INVALID_END),
        _ => any(text, u64::MAX),
    }
}

fn halves(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|&b| b == b'-') {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
}

/// A number without sign, or, as Redis has it, what C's `strtoull` takes where the strict rules take nothing: blanks and a
/// sign before it, zeros before its digits.
fn unsigned(text: &[u8]) -> Option<u64> {
    if let Some(n) = parse_i64(text) {
        return u64::try_from(n).ok();
    }
    let is_blank = |b: &u8| matches!(b, b' ' | b'\t'..=b'\r');
    let (negative, digits) = match &text[text.iter().take_while(|b| is_blank(b)).count()..] {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let n: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(if negative { n.wrapping_neg() } else { n })
}
