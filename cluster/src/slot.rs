//! The slot of a key: CRC16 of the key, or of its `{tag}`, modulo 16384, exactly as in Redis Cluster; for keys that a
//! colocation rule fits, of the rule's fixed part.

use crate::colocation::Colocation;

#[cfg(test)]
mod tests;

/// How many parts the key space has.
pub const SLOTS: usize = 16384;

/// The CRC's generator: CRC-16/XMODEM, most significant bit first, no reflection, initial value 0.
const POLYNOMIAL: u16 = 0x1021;

/// `TABLES[k][b]` is the CRC of byte `b` followed by `k` zero bytes, so that eight bytes are folded in at
/// once.
static TABLES: [[u16; 256]; 8] = tables();

/// The slot of `key`, below [`SLOTS`].
#[inline]
#[must_use]
pub fn slot_of(key: &[u8]) -> u16 {
    match Colocation::any() {
        None => slot_by_tag(key),
        Some(rules) => slot_by(rules, key),
    }
}

/// As Redis Cluster has it.
#[inline]
fn slot_by_tag(key: &[u8]) -> u16 {
    crc16(hashed_part(key)) & (SLOTS as u16 - 1)
}

/// Out of the way of processes that have no rules.
#[inline(never)]
fn slot_by(rules: &Colocation, key: &[u8]) -> u16 {
    rules.slot(key).unwrap_or_else(|| slot_by_tag(key))
}

/// The slot of all keys that begin with `prefix`, if they have the same: by its `{tag}`, or a rule.
#[must_use]
pub fn slot_of_all(prefix: &[u8]) -> Option<u16> {
    all_by(Colocation::in_force(), prefix)
}

fn all_by(rules: &Colocation, prefix: &[u8]) -> Option<u16> {
    if rules.divides(prefix) {
        return None;
    }
    let has_tag = hashed_part(prefix).len() < prefix.len();
    rules.slot(prefix).or_else(|| has_tag.then(|| slot_by_tag(prefix)))
}

/// The part of `key` that decides its slot: what stands between the first `{` and the first `}` after it, or
/// the whole key if there is no such pair or nothing in it.
#[inline]
#[must_use]
pub fn hashed_part(key: &[u8]) -> &[u8] {
    match position(key, b'{') {
        None => key,
        Some(open) => tag_after(key, open),
    }
}

/// Keys with a `{` are the few: kept out of the way of the many.
fn tag_after(key: &[u8], open: usize) -> &[u8] {
    let rest = &key[open + 1..];
    match position(rest, b'}') {
        None | Some(0) => key,
        Some(close) => &rest[..close],
    }
}

/// Where `wanted` is first found, looking at eight bytes at a time.
#[inline]
fn position(bytes: &[u8], wanted: u8) -> Option<usize> {
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let found = zero_bytes(u64::from_le_bytes(*word) ^ (u64::from(wanted) * ONES));
        if found != 0 {
            return Some(index * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let tail = rest.iter().position(|byte| *byte == wanted)?;
    Some(words.len() * 8 + tail)
}

/// 1 in each byte of a word.
const ONES: u64 = 0x0101_0101_0101_0101;

/// The high bit of each zero byte of `word`; above the lowest of them others may be set too, which
/// [`position`] does not look at.
#[inline]
const fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & (ONES << 7)
}

/// CRC-16/XMODEM of `bytes`.
#[inline]
#[must_use]
pub fn crc16(bytes: &[u8]) -> u16 {
    let (words, rest) = bytes.as_chunks::<8>();
    let crc = words.iter().fold(0, fold_eight);
    rest.iter().fold(crc, fold_one)
}

#[inline]
fn fold_eight(crc: u16, word: &[u8; 8]) -> u16 {
    let [high, low] = crc.to_be_bytes();
    TABLES[7][usize::from(word[0] ^ high)]
        ^ TABLES[6][usize::from(word[1] ^ low)]
        ^ TABLES[5][usize::from(word[2])]
        ^ TABLES[4][usize::from(word[3])]
        ^ TABLES[3][usize::from(word[4])]
        ^ TABLES[2][usize::from(word[5])]
        ^ TABLES[1][usize::from(word[6])]
        ^ TABLES[0][usize::from(word[7])]
}

#[inline]
fn fold_one(crc: u16, byte: &u8) -> u16 {
    let [high, low] = crc.to_be_bytes();
    TABLES[0][usize::from(high ^ byte)] ^ u16::from_be_bytes([low, 0])
}

const fn tables() -> [[u16; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = crc_of_byte(byte as u8);
        let mut zeros = 0;
        while zeros < 8 {
            tables[zeros][byte] = crc;
            crc = (crc << 8) ^ crc_of_byte((crc >> 8) as u8);
            zeros += 1;
        }
        byte += 1;
    }
    tables
}

const fn crc_of_byte(byte: u8) -> u16 {
    let mut crc = (byte as u16) << 8;
    let mut bit = 0;
    while bit < 8 {
        crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ POLYNOMIAL };
        bit += 1;
    }
    crc
}
