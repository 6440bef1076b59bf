//! The smallest scanner of replies that can check a run: where a reply ends, its type, and its body.
//!
//! It shares nothing with Ringtail's own parser, so that a fault in one does not hide in the other.

use std::ops::Range;

/// Deeper nesting than any reply of a load has.
const MAX_DEPTH: u32 = 8;

/// What a reply is, as far as the load tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `+OK`
    Simple,
    /// `-ERR …` or `!…`
    Error,
    /// `:1`
    Integer,
    /// `$3…`
    Bulk,
    /// `$-1`, `*-1` or `_`
    Null,
    /// `*`, `%`, `~` or `>` with their elements
    Aggregate,
    /// `,` `#` `(` and `=`
    Other,
}

/// One complete reply at the front of the input.
#[derive(Debug, PartialEq, Eq)]
pub struct Reply {
    /// Its type.
    pub kind: Kind,
    /// Its bytes without type, length and line ends; for an aggregate all of its elements.
    pub body: Range<usize>,
    /// Its length in the input.
    pub len: usize,
}

/// The input is not RESP.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

/// Finds the reply at the front of `input`; `None` while it is incomplete.
pub fn scan(input: &[u8]) -> Result<Option<Reply>, Malformed> {
    scan_at(input, 0, MAX_DEPTH)
}

fn scan_at(input: &[u8], at: usize, depth: u32) -> Result<Option<Reply>, Malformed> {
    let Some(line_end) = line_end(input, at)? else { return Ok(None) };
    let line = at + 1..line_end;
    let after = line_end + 2;
    let whole = |kind| Ok(Some(Reply { kind, body: line.clone(), len: after - at }));
    match input[at] {
        b'+' => whole(Kind::Simple),
        b'-' => whole(Kind::Error),
        b':' => whole(Kind::Integer),
        b'_' => whole(Kind::Null),
        b',' | b'#' | b'(' => whole(Kind::Other),
        b'$' | b'=' | b'!' | b'*' | b'~' | b'>' | b'%' => match length(&input[line.clone()])? {
            None => whole(Kind::Null),
            Some(n) => sized(input, at, after, n, depth),
        },
        _ => Err(Malformed),
    }
}

/// A reply whose line announced `n` bytes or elements.
fn sized(input: &[u8], at: usize, after: usize, n: usize, depth: u32) -> Result<Option<Reply>, Malformed> {
    match input[at] {
        b'$' => bulk(input, at, after, n, Kind::Bulk),
        b'=' => bulk(input, at, after, n, Kind::Other),
        b'!' => bulk(input, at, after, n, Kind::Error),
        b'%' => aggregate(input, at, after, n.saturating_mul(2), depth),
        _ => aggregate(input, at, after, n, depth),
    }
}

fn bulk(input: &[u8], at: usize, after: usize, n: usize, kind: Kind) -> Result<Option<Reply>, Malformed> {
    let end = after.checked_add(n).ok_or(Malformed)?;
    match input.get(end..end.saturating_add(2)) {
        None => Ok(None),
        Some(b"\r\n") => Ok(Some(Reply { kind, body: after..end, len: end + 2 - at })),
        Some(_) => Err(Malformed),
    }
}

fn aggregate(
    input: &[u8],
    at: usize,
    after: usize,
    n: usize,
    depth: u32,
) -> Result<Option<Reply>, Malformed> {
    let depth = depth.checked_sub(1).ok_or(Malformed)?;
    let mut end = after;
    for _ in 0..n {
        match scan_at(input, end, depth)? {
            None => return Ok(None),
            Some(element) => end += element.len,
        }
    }
    Ok(Some(Reply { kind: Kind::Aggregate, body: after..end, len: end - at }))
}

/// Where the line that starts at `at` ends, before its `\r\n`.
fn line_end(input: &[u8], at: usize) -> Result<Option<usize>, Malformed> {
    let Some(line) = input.get(at..) else { return Ok(None) };
    let Some(end) = line.iter().position(|&b| b == b'\r') else { return Ok(None) };
    match line.get(end + 1) {
        None => Ok(None),
        Some(b'\n') if end > 0 => Ok(Some(at + end)),
        Some(_) => Err(Malformed),
    }
}

/// A length; `None` for -1, the null of RESP2.
fn length(digits: &[u8]) -> Result<Option<usize>, Malformed> {
    if digits == b"-1" {
        return Ok(None);
    }
    if digits.is_empty() || digits.len() > 10 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Malformed);
    }
    Ok(Some(digits.iter().fold(0, |n, &d| n * 10 + usize::from(d - b'0'))))
}

#[cfg(test)]
mod tests;
