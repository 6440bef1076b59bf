//! Replies as values: what a client makes of the bytes that a server sent.

use crate::frame::{MAX_REPLY_LINE, NotAReply};
use crate::limits::MAX_REPLY_DEPTH;
use crate::number::{parse_f64, parse_i64};
use memchr::memchr;

/// A reply, decoded. RESP2 has the first six kinds only.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// No value: RESP2's null string and null array too.
    Null,
    /// A short text such as `OK`.
    Simple(Vec<u8>),
    /// An error reply: `CODE text`, see [`Value::error_code`].
    Error(Vec<u8>),
    /// A whole number.
    Int(i64),
    /// A string of bytes.
    Bulk(Vec<u8>),
    /// Values in order.
    Array(Vec<Value>),
    /// Pairs, in the server's order.
    Map(Vec<(Value, Value)>),
    /// Values whose order means nothing.
    Set(Vec<Value>),
    /// A number with a fraction, or an infinity.
    Double(f64),
    /// Yes or no.
    Bool(bool),
    /// A whole number of any size, as its digits.
    BigNumber(String),
    /// Text to be shown as it is.
    Verbatim {
        /// Three letters: `txt`, `mkd`.
        format: [u8; 3],
        /// The text.
        text: Vec<u8>,
    },
    /// What the server sent without being asked.
    Push(Vec<Value>),
    /// A value with details about it.
    Attributed {
        /// The details.
        attributes: Vec<(Value, Value)>,
        /// The value.
        value: Box<Value>,
    },
}

impl Value {
    /// Decodes the reply at the start of `buf`, and says how many bytes it took; `None` when it isn't all there.
    ///
    /// Nothing is allocated for elements that were only announced, and nesting ends at [`MAX_REPLY_DEPTH`]. To wait for a
    /// reply of many reads without looking at it twice, use [`crate::frame::Scanner`] first.
    ///
    /// # Errors
    /// The bytes can't be a reply.
    pub fn decode(buf: &[u8]) -> Result<Option<(Self, usize)>, NotAReply> {
        let mut decoder = Decoder { buf, at: 0 };
        Ok(decoder.value(0)?.map(|value| (value, decoder.at)))
    }

    /// The value without the attributes that came before it.
    pub fn plain(&self) -> &Self {
        match self {
            Self::Attributed { value, .. } => value.plain(),
            value => value,
        }
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self.plain(), Self::Null)
    }

    /// The text of an error reply.
    pub fn error(&self) -> Option<&[u8]> {
        match self.plain() {
            Self::Error(text) => Some(text),
            _ => None,
        }
    }

    /// The first word of an error reply, `WRONGTYPE`.
    pub fn error_code(&self) -> Option<&[u8]> {
        self.error()?.split(|&b| b == b' ').next()
    }

    /// The bytes of a string of any kind.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self.plain() {
            Self::Bulk(bytes) | Self::Simple(bytes) | Self::Verbatim { text: bytes, .. } => Some(bytes),
            Self::BigNumber(digits) => Some(digits.as_bytes()),
            _ => None,
        }
    }

    /// The same as text; `None` when it isn't UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()?).ok()
    }

    /// A whole number: an integer, a boolean as 1 or 0, or a string that is one.
    pub fn as_int(&self) -> Option<i64> {
        match self.plain() {
            Self::Int(n) => Some(*n),
            Self::Bool(yes) => Some(i64::from(*yes)),
            value => parse_i64(value.as_bytes()?),
        }
    }

    /// The elements of an array, set or push.
    pub fn as_array(&self) -> Option<&[Self]> {
        match self.plain() {
            Self::Array(items) | Self::Set(items) | Self::Push(items) => Some(items),
            _ => None,
        }
    }

    /// Pairs of a map, or of a RESP2 array that stands for one.
    pub fn as_pairs(&self) -> Option<Vec<(&Self, &Self)>> {
        match self.plain() {
            Self::Map(pairs) => Some(pairs.iter().map(|(key, value)| (key, value)).collect()),
            Self::Array(items) if items.len() % 2 == 0 => {
                Some(items.chunks_exact(2).map(|pair| (&pair[0], &pair[1])).collect())
            }
            _ => None,
        }
    }
}

/// Most elements that room is made for before any of them was seen.
const MADE_ROOM: usize = 64;

struct Decoder<'b> {
    buf: &'b [u8],
    at: usize,
}

/// What was found, `None` when more bytes are needed.
type Found<T> = Result<Option<T>, NotAReply>;

impl<'b> Decoder<'b> {
    fn value(&mut self, depth: usize) -> Found<Value> {
        if depth > MAX_REPLY_DEPTH {
            return Err(NotAReply);
        }
        let Some((kind, line)) = self.line()? else { return Ok(None) };
        match kind {
            b'$' | b'=' | b'!' => self.sized(kind, line),
            b'*' | b'~' | b'>' => self.elements(kind, line, depth),
            b'%' => self.map(line, depth),
            b'|' => self.attributed(line, depth),
            _ => scalar(kind, line).map(Some),
        }
    }

    /// The first byte and the rest of the line at `at`, which moves behind it.
    fn line(&mut self) -> Found<(u8, &'b [u8])> {
        let Some((&kind, rest)) = self.buf.get(self.at..).and_then(<[u8]>::split_first) else {
            return Ok(None);
        };
        let Some(end) = memchr(b'\n', &rest[..rest.len().min(MAX_REPLY_LINE)]) else {
            return if rest.len() >= MAX_REPLY_LINE { Err(NotAReply) } else { Ok(None) };
        };
        let line = rest[..end].strip_suffix(b"\r").ok_or(NotAReply)?;
        self.at += end + 2;
        Ok(Some((kind, line)))
    }

    fn sized(&mut self, kind: u8, line: &[u8]) -> Found<Value> {
        let Some(len) = length(line)? else { return Ok(Some(Value::Null)) };
        let end = self.at.checked_add(len).ok_or(NotAReply)?;
        match self.buf.get(end..end + 2) {
            None => return Ok(None),
            Some(b"\r\n") => {}
            Some(_) => return Err(NotAReply),
        }
        let bytes = &self.buf[self.at..end];
        self.at = end + 2;
        match kind {
            b'$' => Ok(Some(Value::Bulk(bytes.to_vec()))),
            b'!' => Ok(Some(Value::Error(bytes.to_vec()))),
            _ => verbatim(bytes).map(Some),
        }
    }

    fn elements(&mut self, kind: u8, line: &[u8], depth: usize) -> Found<Value> {
        let Some(count) = length(line)? else { return Ok(Some(Value::Null)) };
        let mut items = Vec::with_capacity(count.min(MADE_ROOM));
        for _ in 0..count {
            let Some(item) = self.value(depth + 1)? else { return Ok(None) };
            items.push(item);
        }
        Ok(Some(match kind {
            b'*' => Value::Array(items),
            b'~' => Value::Set(items),
            _ => Value::Push(items),
        }))
    }

    fn map(&mut self, line: &[u8], depth: usize) -> Found<Value> {
        let Some(count) = length(line)? else { return Ok(Some(Value::Null)) };
        Ok(self.pairs(count, depth)?.map(Value::Map))
    }

    fn pairs(&mut self, count: usize, depth: usize) -> Found<Vec<(Value, Value)>> {
        let mut pairs = Vec::with_capacity(count.min(MADE_ROOM));
        for _ in 0..count {
            let Some(key) = self.value(depth + 1)? else { return Ok(None) };
            let Some(value) = self.value(depth + 1)? else { return Ok(None) };
            pairs.push((key, value));
        }
        Ok(Some(pairs))
    }

    fn attributed(&mut self, line: &[u8], depth: usize) -> Found<Value> {
        let count = length(line)?.unwrap_or(0);
        let Some(attributes) = self.pairs(count, depth)? else { return Ok(None) };
        let Some(value) = self.value(depth + 1)? else { return Ok(None) };
        Ok(Some(Value::Attributed { attributes, value: Box::new(value) }))
    }
}

fn scalar(kind: u8, line: &[u8]) -> Result<Value, NotAReply> {
    match (kind, line) {
        (b'+', text) => Ok(Value::Simple(text.to_vec())),
        (b'-', text) => Ok(Value::Error(text.to_vec())),
        (b':', digits) => parse_i64(digits).map(Value::Int).ok_or(NotAReply),
        (b'_', _) => Ok(Value::Null),
        (b',', b"nan" | b"-nan") => Ok(Value::Double(f64::NAN)),
        (b',', text) => parse_f64(text).map(Value::Double).ok_or(NotAReply),
        (b'#', b"t") => Ok(Value::Bool(true)),
        (b'#', b"f") => Ok(Value::Bool(false)),
        (b'(', digits) => big_number(digits),
        _ => Err(NotAReply),
    }
}

fn big_number(line: &[u8]) -> Result<Value, NotAReply> {
    let digits = line.strip_prefix(b"-").unwrap_or(line);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(NotAReply);
    }
    String::from_utf8(line.to_vec()).map(Value::BigNumber).map_err(|_| NotAReply)
}

fn verbatim(bytes: &[u8]) -> Result<Value, NotAReply> {
    match bytes.split_first_chunk::<3>() {
        Some((&format, [b':', text @ ..])) => Ok(Value::Verbatim { format, text: text.to_vec() }),
        _ => Err(NotAReply),
    }
}

/// A length or count; `None` for null (-1).
fn length(digits: &[u8]) -> Found<usize> {
    match parse_i64(digits) {
        Some(-1) => Ok(None),
        Some(n @ 0..=0xffff_ffff) => Ok(Some(n as usize)),
        _ => Err(NotAReply),
    }
}

#[cfg(test)]
mod tests;
