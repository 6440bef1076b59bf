//! All registers written out, six bits each, from the lowest bit of the first byte on.

use super::{DENSE, HEADER, REGISTERS};

const BITS: usize = 6;
const MOST: u16 = (1 << BITS) - 1;
/// Bytes of a dense sketch.
pub(super) const SIZE: usize = HEADER + REGISTERS * BITS / 8;

pub(super) fn empty() -> Vec<u8> {
    let mut bytes = super::header(DENSE);
    bytes.resize(SIZE, 0);
    bytes
}

/// The byte in which a register begins, and at which bit.
fn place(index: usize) -> (usize, usize) {
    (HEADER + index * BITS / 8, index * BITS % 8)
}

/// The byte and the next one, which the last register does not reach into.
fn pair(sketch: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([sketch[at], sketch.get(at + 1).copied().unwrap_or(0)])
}

pub(super) fn get(sketch: &[u8], index: usize) -> u8 {
    let (at, bit) = place(index);
    (pair(sketch, at) >> bit & MOST) as u8
}

pub(super) fn set(sketch: &mut [u8], index: usize, value: u8) {
    let (at, bit) = place(index);
    let new = pair(sketch, at) & !(MOST << bit) | u16::from(value) << bit;
    let new = new.to_le_bytes();
    sketch[at] = new[0];
    if let Some(next) = sketch.get_mut(at + 1) {
        *next = new[1];
    }
}

/// Visits all registers with their indices: four of them in three bytes at a time.
pub(super) fn each(sketch: &[u8], mut visit: impl FnMut(usize, u8)) {
    for (i, &[a, b, c]) in sketch[HEADER..].as_chunks().0.iter().enumerate() {
        let four = u32::from_le_bytes([a, b, c, 0]);
        for j in 0..4 {
            visit(4 * i + j, (four >> (BITS * j)) as u8 & MOST as u8);
        }
    }
}
