//! Listpacks: strings and integers one after another in one run, which is how Redis writes small collections.
//!
//! ```text
//! | bytes of all, 4 B | elements, 2 B | element | … | 0xff |      element: | encoding, bytes | its length, backwards |
//! ```

use super::intset::integer;
use super::reader::Reader;
use crate::{Corrupt, Read};
use ringtail_protocol::number::parse_i64;

const HEADER: usize = 6;
const END: u8 = 0xff;
/// More elements than the header can say.
const MANY: u16 = u16::MAX;
/// Longer strings are no integers.
const LONGEST_NUMBER: usize = 20;

/// A string, or an integer that stands for its digits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Piece<'b> {
    Bytes(&'b [u8]),
    Int(i64),
}

impl Piece<'_> {
    /// Its bytes; those of an integer are written into `digits`.
    pub(super) fn bytes<'d>(&'d self, digits: &'d mut itoa::Buffer) -> &'d [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Int(n) => digits.format(*n).as_bytes(),
        }
    }

    /// The integer that it is.
    pub(super) fn int(&self) -> Read<i64> {
        match self {
            Self::Int(n) => Ok(*n),
            Self::Bytes(bytes) => parse_i64(bytes).ok_or(Corrupt),
        }
    }
}

/// The elements.
pub(super) fn read(bytes: &[u8]) -> Read<Vec<Piece<'_>>> {
    let (&size, rest) = bytes.split_first_chunk().ok_or(Corrupt)?;
    let (&count, elements) = rest.split_first_chunk().ok_or(Corrupt)?;
    let count = u16::from_le_bytes(count);
    if u32::from_le_bytes(size) as usize != bytes.len() {
        return Err(Corrupt);
    }
    let (mut reader, mut pieces) = (Reader(elements), Vec::new());
    while reader.0 != [END] {
        pieces.push(piece(&mut reader)?);
    }
    if count == MANY || usize::from(count) == pieces.len() { Ok(pieces) } else { Err(Corrupt) }
}

fn piece<'b>(reader: &mut Reader<'b>) -> Read<Piece<'b>> {
    let before = reader.0.len();
    let first = reader.byte()?;
    let low = |bits: u8| i64::from(first & ((1 << bits) - 1));
    let piece = match first {
        0x00..=0x7f => Piece::Int(first.into()),
        0x80..=0xbf => Piece::Bytes(reader.take(low(6) as usize)?),
        0xc0..=0xdf => Piece::Int((low(5) << 8 | i64::from(reader.byte()?)) << 51 >> 51),
        0xe0..=0xef => {
            let length = low(4) as usize * 256 + usize::from(reader.byte()?);
            Piece::Bytes(reader.take(length)?)
        }
        0xf0 => {
            let length = u32::from_le_bytes(reader.array()?);
            Piece::Bytes(reader.take(length as usize)?)
        }
        0xf1..=0xf3 => Piece::Int(integer(reader.take(usize::from(first - 0xf1) + 2)?)),
        0xf4 => Piece::Int(i64::from_le_bytes(reader.array()?)),
        _ => return Err(Corrupt),
    };
    let size = before - reader.0.len();
    if reader.take(length_size(size))? == length_backwards(size) { Ok(piece) } else { Err(Corrupt) }
}

fn length_size(size: usize) -> usize {
    (1..5).find(|bytes| size < 1 << (7 * bytes)).unwrap_or(5)
}

/// The length of an element, to be read from its last byte on: seven bits each, all but the first of them marked.
fn length_backwards(size: usize) -> Vec<u8> {
    let count = length_size(size);
    let part = |i: usize| (size >> (7 * (count - 1 - i))) as u8 & 0x7f | if i > 0 { 0x80 } else { 0 };
    (0..count).map(part).collect()
}

/// A listpack that is being written.
pub(super) struct Builder {
    bytes: Vec<u8>,
    count: usize,
}

impl Default for Builder {
    fn default() -> Self {
        Self { bytes: vec![0; HEADER], count: 0 }
    }
}

impl Builder {
    /// Whether nothing was added.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes so far.
    pub(super) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Adds a string: as an integer if it is one.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        match if bytes.len() <= LONGEST_NUMBER { parse_i64(bytes) } else { None } {
            Some(n) => self.push_int(n),
            None => self.push_bytes(bytes),
        }
    }

    fn push_bytes(&mut self, bytes: &[u8]) {
        let start = self.bytes.len();
        match bytes.len() {
            len @ 0..64 => self.bytes.push(0x80 | len as u8),
            len @ 64..4096 => self.bytes.extend_from_slice(&(0xe000 | len as u16).to_be_bytes()),
            len => {
                self.bytes.push(0xf0);
                self.bytes.extend_from_slice(&(len as u32).to_le_bytes());
            }
        }
        self.bytes.extend_from_slice(bytes);
        self.close(start);
    }

    pub(super) fn push_int(&mut self, n: i64) {
        let start = self.bytes.len();
        let bytes = n.to_le_bytes();
        match n {
            0..0x80 => self.bytes.push(n as u8),
            -0x1000..0x1000 => self.bytes.extend_from_slice(&(0xc000 | n as u16 & 0x1fff).to_be_bytes()),
            _ => {
                let fits = |width: &usize| integer(&bytes[..*width]) == n;
                let width = [2, 3, 4].into_iter().find(fits).unwrap_or(8);
                self.bytes.push(if width == 8 { 0xf4 } else { 0xf1 + width as u8 - 2 });
                self.bytes.extend_from_slice(&bytes[..width]);
            }
        }
        self.close(start);
    }

    fn close(&mut self, start: usize) {
        let size = self.bytes.len() - start;
        self.bytes.extend_from_slice(&length_backwards(size));
        self.count += 1;
    }

    /// The whole listpack.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.bytes.push(END);
        let size = self.bytes.len() as u32;
        self.bytes[..4].copy_from_slice(&size.to_le_bytes());
        let count = u16::try_from(self.count).unwrap_or(MANY);
        self.bytes[4..HEADER].copy_from_slice(&count.to_le_bytes());
        self.bytes
    }
}
