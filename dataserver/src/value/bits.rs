//! Strings as arrays of bits: bit 0 is the highest bit of the first byte.
//!
//! # Why the `unsafe` here is sound
//! A function that is compiled for AVX2 and POPCNT is called only after the processor was asked whether it has them.
#![allow(unsafe_code)]

/// Bytes that the widest field can touch: 64 bits from any bit on.
const WINDOW: usize = 9;

/// Bits of a string that are set.
pub fn count(bytes: &[u8]) -> u64 {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt") {
        // SAFETY: the processor has both.
        return unsafe { count_wide(bytes) };
    }
    count_words(bytes)
}

/// The same loop, for the compiler to spread over the wide registers: about six times as fast.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt")]
fn count_wide(bytes: &[u8]) -> u64 {
    count_words(bytes)
}

#[inline(always)]
fn count_words(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks();
    let words: u64 = words.iter().map(|&word| u64::from(u64::from_ne_bytes(word).count_ones())).sum();
    words + rest.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>()
}

/// The part of byte `at` that is within the bits from `first` to `last`.
fn mask(at: u64, first: u64, last: u64) -> u8 {
    let head = if at == first / 8 { 0xff >> (first % 8) } else { 0xff };
    let tail = if at == last / 8 { 0xff << (7 - last % 8) } else { 0xff };
    head & tail
}

/// Bits that are set from bit `first` to bit `last`, both within the string.
pub fn count_between(bytes: &[u8], first: u64, last: u64) -> u64 {
    let (from, to) = (first / 8, last / 8);
    let ends = if from == to { &[from][..] } else { &[from, to] };
    let part = |&at: &u64| u64::from((bytes[at as usize] & mask(at, first, last)).count_ones());
    let inner = bytes.get(from as usize + 1..to as usize).unwrap_or_default();
    ends.iter().map(part).sum::<u64>() + count(inner)
}

/// The first bit from `first` to `last`, both within the string, that is `set` or not.
pub fn find(bytes: &[u8], set: bool, first: u64, last: u64) -> Option<u64> {
    // What is looked for becomes a set bit.
    let flip = if set { 0 } else { 0xff };
    let in_byte = |at: u64| {
        let wanted = (bytes[at as usize] ^ flip) & mask(at, first, last);
        (wanted != 0).then(|| at * 8 + u64::from(wanted.leading_zeros()))
    };
    let (from, to) = (first / 8, last / 8);
    in_byte(from)
        .or_else(|| {
            let inner = bytes.get(from as usize + 1..to as usize)?;
            in_byte(from + 1 + differs(inner, flip)? as u64)
        })
        .or_else(|| in_byte(to))
}

/// Where the first byte is that is not `dull`.
fn differs(bytes: &[u8], dull: u8) -> Option<usize> {
    let (words, _) = bytes.as_chunks();
    let start = words.iter().take_while(|&&word| word == [dull; 8]).count() * 8;
    bytes[start..].iter().position(|&byte| byte != dull).map(|at| start + at)
}

/// Whether bit `at` is set; what is behind the end is not.
pub fn get(bytes: &[u8], at: u64) -> bool {
    usize::try_from(at / 8).ok().and_then(|i| bytes.get(i)).is_some_and(|byte| byte & bit(at) != 0)
}

/// Sets or clears bit `at`, which is within the string.
pub fn set(bytes: &mut [u8], at: u64, on: bool) {
    let byte = &mut bytes[(at / 8) as usize];
    if on { *byte |= bit(at) } else { *byte &= !bit(at) }
}

fn bit(at: u64) -> u8 {
    0x80 >> (at % 8)
}

/// The bytes that hold bits from `at` on, as one number, zeros behind the string's end.
fn window(bytes: &[u8], at: u64) -> u128 {
    let from = usize::try_from(at / 8).unwrap_or(usize::MAX).min(bytes.len());
    let part = &bytes[from..bytes.len().min(from + WINDOW)];
    let mut wide = [0; 16];
    wide[..part.len()].copy_from_slice(part);
    u128::from_be_bytes(wide)
}

/// `width` bits (1 to 64) from `at` on, the first the highest; what is behind the end reads as zeros.
pub fn read(bytes: &[u8], at: u64, width: u32) -> u64 {
    ((window(bytes, at) << (at % 8)) >> (128 - width)) as u64
}

/// Writes the lower `width` bits of a number from bit `at` on, all of them within the string.
pub fn write(bytes: &mut [u8], at: u64, width: u32, number: u64) {
    let shift = 128 - width - (at % 8) as u32;
    let mask = (u128::MAX >> (128 - width)) << shift;
    let new = window(bytes, at) & !mask | (u128::from(number) << shift) & mask;
    let from = (at / 8) as usize;
    let to = bytes.len().min(from + WINDOW);
    bytes[from..to].copy_from_slice(&new.to_be_bytes()[..to - from]);
}

#[cfg(test)]
mod tests;
