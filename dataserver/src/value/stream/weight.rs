//! What a block would take as a listpack of Redis's.
//!
//! Blocks end where Redis's do, by its own bytes and not by ours, so that approximate trimming removes the same
//! entries, XINFO tells the same number of blocks, and each block is one of Redis's when it is handed over.

/// Bytes around a listpack's elements.
pub(super) const FRAME: usize = 7;

/// Bytes of an element that is an integer.
#[inline]
pub(super) fn of_int(n: i64) -> usize {
    let own = match n {
        0..=127 => 1,
        -4096..=4095 => 2,
        -32_768..=32_767 => 3,
        -8_388_608..=8_388_607 => 4,
        -2_147_483_648..=2_147_483_647 => 5,
        _ => 9,
    };
    own + 1
}

/// Bytes of an element that is text of this length, and no integer.
#[inline]
pub(super) fn of_text(len: usize) -> usize {
    let own = match len {
        len @ 0..64 => len + 1,
        len @ 64..4096 => len + 2,
        len => len + 5,
    };
    let back = match own {
        0..=127 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    };
    own + back
}
