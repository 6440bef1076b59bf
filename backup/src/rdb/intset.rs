//! Sorted integers of one width.

use crate::{Corrupt, Read};

/// The integers.
pub(super) fn read(bytes: &[u8]) -> Read<impl ExactSizeIterator<Item = i64>> {
    let (&width, rest) = bytes.split_first_chunk().ok_or(Corrupt)?;
    let (&count, items) = rest.split_first_chunk().ok_or(Corrupt)?;
    let (width, count) = (u32::from_le_bytes(width) as usize, u32::from_le_bytes(count) as usize);
    if ![2, 4, 8].contains(&width) || count.checked_mul(width) != Some(items.len()) {
        return Err(Corrupt);
    }
    Ok(items.chunks_exact(width).map(integer))
}

/// An integer of up to eight bytes, the lowest first.
pub(super) fn integer(bytes: &[u8]) -> i64 {
    let unsigned = bytes.iter().rev().fold(0, |n, &byte| n << 8 | u64::from(byte));
    let unused = 64 - 8 * bytes.len() as u32;
    (unsigned << unused) as i64 >> unused
}
