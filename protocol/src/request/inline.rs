//! Inline requests: a line of words, with quotes and escapes as redis-cli has them.

use super::{Batch, ProtocolError, Request, Span};
use crate::limits::MAX_LINE;
use memchr::memchr;

/// An inline line at `start`: words, with quotes. Its end, or `None` when the line isn't all there.
#[cold]
pub(super) fn inline(
    buf: &mut [u8],
    start: usize,
    batch: &mut Batch,
) -> Result<Option<usize>, ProtocolError> {
    let rest = &buf[start..];
    let Some(newline) = memchr(b'\n', &rest[..rest.len().min(MAX_LINE + 1)]) else {
        return if rest.len() > MAX_LINE { Err(ProtocolError::InlineTooLong) } else { Ok(None) };
    };
    let end = start + newline + 1;
    let line_end = if newline > 0 && buf[end - 2] == b'\r' { end - 2 } else { end - 1 };
    let first = batch.spans.len();
    // A line that turns out to be broken stays as it is: it may have to be looked at again.
    let mut line = buf[start..line_end].to_vec();
    split_words(&mut line, start as u32, &mut batch.spans)?;
    buf[start..line_end].copy_from_slice(&line);
    let count = batch.spans.len() - first;
    if count > 0 {
        batch.requests.push(Request {
            first: first as u32,
            count: count as u32,
            start: start as u32,
            end: end as u32,
            inline: true,
        });
    }
    Ok(Some(end))
}

/// The words of `line`, unquoted inside it, as spans of a buffer in which it is at `offset`.
fn split_words(line: &mut [u8], offset: u32, spans: &mut Vec<Span>) -> Result<(), ProtocolError> {
    let (mut at, end) = (0, line.len());
    loop {
        while at < end && is_space(line[at]) {
            at += 1;
        }
        if at == end {
            return Ok(());
        }
        let (len, after) = unquote(line, at, end).ok_or(ProtocolError::UnbalancedQuotes)?;
        spans.push(Span { start: offset + at as u32, len: len as u32 });
        at = after;
    }
}

fn is_space(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c)
}

/// Unquotes the word at `start` in place, which never makes it longer: its length, and where the next word may start.
fn unquote(buf: &mut [u8], start: usize, end: usize) -> Option<(usize, usize)> {
    let (mut read, mut write) = (start, start);
    while read < end {
        match buf[read] {
            b if is_space(b) || b == 0 => break,
            quote @ (b'"' | b'\'') => {
                (read, write) = unquote_part(buf, read + 1, write, end, quote)?;
                // A closing quote ends its word.
                return (read == end || is_space(buf[read])).then_some((write - start, read));
            }
            b => {
                buf[write] = b;
                (read, write) = (read + 1, write + 1);
            }
        }
    }
    // A NUL ends the line, as in C.
    let stopped = read < end && buf[read] == 0;
    Some((write - start, if stopped { end } else { read }))
}

/// Unquotes up to the closing `quote`; offsets after it and after what was written.
fn unquote_part(
    buf: &mut [u8],
    mut read: usize,
    mut write: usize,
    end: usize,
    quote: u8,
) -> Option<(usize, usize)> {
    while read < end {
        let b = buf[read];
        if b == quote {
            return Some((read + 1, write));
        }
        let (byte, used) = if b == b'\\' { escape(&buf[read..end], quote) } else { (b, 1) };
        buf[write] = byte;
        write += 1;
        read += used;
    }
    None
}

/// The byte that the escape at the start of `text` stands for, and how long the escape is.
fn escape(text: &[u8], quote: u8) -> (u8, usize) {
    let hex = |i: usize| text.get(i).and_then(|b| (*b as char).to_digit(16));
    match (quote, text.get(1)) {
        (b'\'', Some(b'\'')) => (b'\'', 2),
        (b'\'', _) | (_, None) => (b'\\', 1),
        (_, Some(b'x')) if hex(2).is_some() && hex(3).is_some() => {
            ((hex(2).unwrap_or(0) * 16 + hex(3).unwrap_or(0)) as u8, 4)
        }
        (_, Some(b'n')) => (b'\n', 2),
        (_, Some(b'r')) => (b'\r', 2),
        (_, Some(b't')) => (b'\t', 2),
        (_, Some(b'b')) => (8, 2),
        (_, Some(b'a')) => (7, 2),
        (_, Some(&other)) => (other, 2),
    }
}
