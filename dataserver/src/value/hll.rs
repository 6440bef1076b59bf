//! HyperLogLogs: sketches of sets that tell how many elements the set has, within about 1 %. They are strings in
//! Redis's own format, so that they can be moved to it and back.
//!
//! ```text
//! | "HYLL" | encoding, 1 B | 0 0 0 | cached count, 8 B, its highest bit set when it is out of date | registers |
//! ```

mod dense;
mod estimate;
mod sparse;

use estimate::Histogram;
use std::borrow::Cow;

/// Registers of a sketch.
pub const REGISTERS: usize = 1 << INDEX_BITS;

/// The registers' values, each a byte.
pub type Registers = [u8; REGISTERS];

/// Bits of a hash that choose the register; those above are searched for the first that is set.
const INDEX_BITS: u32 = 14;
const RANK_BITS: u32 = 64 - INDEX_BITS;
const HEADER: usize = 16;
/// Where the header has the count that is cached, as SETRANGE takes it.
pub const CACHE_AT: &str = "8";
const _: () = assert!(HEADER - 8 == 8);
const MAGIC: &[u8] = b"HYLL";
const ENCODING: usize = 4;
const DENSE: u8 = 0;
const SPARSE: u8 = 1;
/// The highest byte of the cached count.
const STALE: usize = 15;
const STALE_BIT: u8 = 0x80;
const HASH_SEED: u64 = 0xadc8_3b19;

/// The registers' encoding can't be read.
#[derive(Debug, PartialEq, Eq)]
pub struct Corrupt;

/// Whether a string begins as a sketch does, and a dense one is as long as it must be.
pub fn is_sketch(bytes: &[u8]) -> bool {
    bytes.len() >= HEADER
        && bytes.starts_with(MAGIC)
        && match bytes[ENCODING] {
            DENSE => bytes.len() == dense::SIZE,
            encoding => encoding == SPARSE,
        }
}

/// Whether the sketch's registers are all written out.
pub fn is_dense(bytes: &[u8]) -> bool {
    bytes[ENCODING] == DENSE
}

fn header(encoding: u8) -> Vec<u8> {
    let mut bytes = vec![0; HEADER];
    bytes[..MAGIC.len()].copy_from_slice(MAGIC);
    bytes[ENCODING] = encoding;
    bytes
}

/// The sketch of an empty set.
pub fn empty() -> Vec<u8> {
    let mut bytes = header(SPARSE);
    sparse::push(&mut bytes, 0, REGISTERS);
    // As Redis leaves a new one, so that its bytes are the same.
    set_stale(&mut bytes);
    bytes
}

/// The register that an element goes to, and the value that it wants there.
fn place(element: &[u8]) -> (usize, u8) {
    let hash = murmur64a(element, HASH_SEED);
    let rest = hash >> INDEX_BITS | 1 << RANK_BITS;
    (hash as usize % REGISTERS, rest.trailing_zeros() as u8 + 1)
}

/// Adds an element to a sketch, which is borrowed until something changes; a sparse one of more than `most` bytes
/// becomes dense. Whether it changed.
///
/// # Errors
/// The sketch is corrupt; it is left as it is.
pub fn add(sketch: &mut Cow<'_, [u8]>, element: &[u8], most: usize) -> Result<bool, Corrupt> {
    let (index, value) = place(element);
    let changed = if is_dense(sketch) {
        let lower = dense::get(sketch, index) < value;
        if lower {
            dense::set(sketch.to_mut(), index, value);
        }
        lower
    } else {
        sparse::raise(sketch, index, value, most)?
    };
    if changed {
        set_stale(sketch.to_mut());
    }
    Ok(changed)
}

/// The same for a dense sketch, in place.
pub fn add_dense(sketch: &mut [u8], element: &[u8]) -> bool {
    let (index, value) = place(element);
    let lower = dense::get(sketch, index) < value;
    if lower {
        dense::set(sketch, index, value);
        set_stale(sketch);
    }
    lower
}

fn set_stale(sketch: &mut [u8]) {
    sketch[STALE] |= STALE_BIT;
}

/// The count that was cached, unless it is out of date.
pub fn cached(sketch: &[u8]) -> Option<u64> {
    let count = sketch[HEADER - 8..].first_chunk().map(|&bytes| u64::from_le_bytes(bytes));
    count.filter(|_| sketch[STALE] & STALE_BIT == 0)
}

/// Caches the count.
pub fn cache(sketch: &mut [u8], count: u64) {
    sketch[HEADER - 8..HEADER].copy_from_slice(&count.to_le_bytes());
}

/// How many elements the set has, about.
///
/// # Errors
/// The sketch is corrupt.
pub fn count(sketch: &[u8]) -> Result<u64, Corrupt> {
    let mut histogram = Histogram::default();
    if is_dense(sketch) {
        dense::each(sketch, |_, value| histogram.add(value, 1));
    } else {
        sparse::each(sketch, |_, length, value| histogram.add(value, length))?;
    }
    Ok(histogram.estimate())
}

/// How many elements the set of these registers has, about.
pub fn count_registers(registers: &Registers) -> u64 {
    let mut histogram = Histogram::default();
    registers.iter().for_each(|&value| histogram.add(value, 1));
    histogram.estimate()
}

/// Raises registers to those of a sketch: the union of two sets.
///
/// # Errors
/// The sketch is corrupt.
pub fn merge(registers: &mut Registers, sketch: &[u8]) -> Result<(), Corrupt> {
    if is_dense(sketch) {
        dense::each(sketch, |index, value| registers[index] = registers[index].max(value));
        return Ok(());
    }
    sparse::each(sketch, |index, length, value| {
        registers[index..index + length].iter_mut().for_each(|register| *register = value.max(*register));
    })
}

/// A sketch of these registers: sparse in at most `most` bytes if that can be and is wanted.
pub fn of_registers(registers: &Registers, sparse: bool, most: usize) -> Vec<u8> {
    let small = sparse.then(|| sparse::of_registers(registers, most)).flatten();
    let mut sketch = small.unwrap_or_else(|| {
        let mut bytes = dense::empty();
        registers.iter().enumerate().for_each(|(index, &value)| dense::set(&mut bytes, index, value));
        bytes
    });
    set_stale(&mut sketch);
    sketch
}

/// The sketch with its registers all written out. The cached count stays.
///
/// # Errors
/// The sketch is corrupt.
pub fn written_out(sketch: &[u8]) -> Result<Vec<u8>, Corrupt> {
    let mut bytes = dense::empty();
    bytes[ENCODING + 1..HEADER].copy_from_slice(&sketch[ENCODING + 1..HEADER]);
    sparse::each(sketch, |index, length, value| {
        if value > 0 {
            (index..index + length).for_each(|index| dense::set(&mut bytes, index, value));
        }
    })?;
    Ok(bytes)
}

/// The registers of a dense sketch.
pub fn registers(sketch: &[u8]) -> Box<Registers> {
    let mut registers = Box::new([0; REGISTERS]);
    dense::each(sketch, |index, value| registers[index] = value);
    registers
}

/// The opcodes of a sparse sketch as PFDEBUG DECODE writes them: `z:LENGTH` and `Z:LENGTH` for zeros in one byte and in
/// two, `v:VALUE,LENGTH`.
pub fn decoded(sketch: &[u8]) -> String {
    sparse::decoded(sketch)
}

/// The hash that Redis's sketches are made with, by Austin Appleby.
fn murmur64a(bytes: &[u8], seed: u64) -> u64 {
    const M: u64 = 0xc6a4_a793_5bd1_e995;
    const R: u32 = 47;
    let mut hash = seed ^ (bytes.len() as u64).wrapping_mul(M);
    let (words, rest) = bytes.as_chunks();
    for &word in words {
        let mut k = u64::from_le_bytes(word).wrapping_mul(M);
        k = (k ^ k >> R).wrapping_mul(M);
        hash = (hash ^ k).wrapping_mul(M);
    }
    if !rest.is_empty() {
        let tail = rest.iter().rev().fold(0, |tail, &byte| tail << 8 | u64::from(byte));
        hash = (hash ^ tail).wrapping_mul(M);
    }
    hash = (hash ^ hash >> R).wrapping_mul(M);
    hash ^ hash >> R
}

#[cfg(test)]
mod tests;
