//! What a file is made of: the magic, then blocks behind headers.
//!
//! ```text
//! | magic 8 B | version, 2 B | 6 B of 0 | block: schema | block: meta | blocks of records … | block: footer |
//! header of a block, 32 B:
//! | marker 4 B | kind 1 B | flags 1 B | slot 2 B | stored bytes 4 B | raw bytes 4 B | records 4 B | number 4 B | CRC of the stored bytes 4 B | CRC of all before 4 B |
//! ```
//!
//! The header has a checksum of its own, so that its lengths can be trusted, and a marker, so that the next one is found
//! behind damage.

use crate::{Corrupt, Read};

/// The first bytes of every file.
pub const MAGIC: [u8; 8] = *b"RINGTAIL";
/// The version of the format. What is added by name needs no new one.
pub const VERSION: u16 = 1;

/// Bytes before the first block.
pub(crate) const PREAMBLE: usize = 16;
/// Bytes of a block's header.
pub(crate) const HEADER: usize = 32;
/// What a header begins with.
pub(crate) const MARKER: [u8; 4] = *b"\xb1OCK";

/// The most that a stored byte can stand for, as LZ4 goes, and what is added to that.
const MOST_PER_BYTE: u64 = 255;
const MOST_BESIDE: u64 = 64;

/// What is in a block.
pub(crate) mod kind {
    pub(crate) const SCHEMA: u8 = 1;
    pub(crate) const META: u8 = 2;
    pub(crate) const RECORDS: u8 = 3;
    pub(crate) const FOOTER: u8 = 4;
}

/// The body is compressed by LZ4.
pub(crate) const COMPRESSED: u8 = 1;
/// Keys in it may stand in earlier blocks, too; without it none does.
pub(crate) const AGAIN: u8 = 2;
/// Its first record continues the value that the block before it ends with.
pub(crate) const CONTINUES: u8 = 4;
const KNOWN_FLAGS: u8 = COMPRESSED | AGAIN | CONTINUES;

/// The header of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) slot: u16,
    /// Bytes that follow the header.
    pub(crate) stored: u32,
    /// Bytes that they stand for.
    pub(crate) raw: u32,
    pub(crate) records: u32,
    /// Its place in the file: 0, 1, 2, …
    pub(crate) number: u32,
    /// The checksum of the stored bytes.
    pub(crate) crc: u32,
}

impl Header {
    pub(crate) fn to_bytes(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..4].copy_from_slice(&MARKER);
        bytes[4] = self.kind;
        bytes[5] = self.flags;
        bytes[6..8].copy_from_slice(&self.slot.to_le_bytes());
        let words = [self.stored, self.raw, self.records, self.number, self.crc];
        for (place, word) in bytes[8..28].as_chunks_mut().0.iter_mut().zip(words) {
            *place = word.to_le_bytes();
        }
        let crc = crc32fast::hash(&bytes[..28]);
        bytes[28..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The header of these bytes, if they are one and what it says can be.
    pub(crate) fn of(bytes: &[u8; HEADER]) -> Read<Self> {
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        if bytes[..4] != MARKER || word(28) != crc32fast::hash(&bytes[..28]) {
            return Err(Corrupt);
        }
        let header = Self {
            kind: bytes[4],
            flags: bytes[5],
            slot: u16::from_le_bytes([bytes[6], bytes[7]]),
            stored: word(8),
            raw: word(12),
            records: word(16),
            number: word(20),
            crc: word(24),
        };
        if header.is_possible() { Ok(header) } else { Err(Corrupt) }
    }

    pub(crate) fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    fn is_possible(self) -> bool {
        let (stored, raw) = (u64::from(self.stored), u64::from(self.raw));
        if self.has(!KNOWN_FLAGS) {
            return false;
        }
        if self.has(COMPRESSED) { raw <= stored * MOST_PER_BYTE + MOST_BESIDE } else { raw == stored }
    }
}

/// What a file begins with.
pub(crate) fn preamble() -> [u8; PREAMBLE] {
    let mut bytes = [0; PREAMBLE];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
    bytes
}
