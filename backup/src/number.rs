//! Numbers of any length: seven bits a byte, the lowest first, all but the last byte marked.

use crate::{Corrupt, Read};

/// Bytes that a number takes at most.
const LONGEST: u32 = 10;

/// Appends a number.
#[inline]
pub(crate) fn put(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Appends a number that may be negative: small ones either way are short.
#[inline]
pub(crate) fn put_signed(out: &mut Vec<u8>, n: i64) {
    put(out, (n << 1 ^ n >> 63) as u64);
}

/// Appends bytes behind their length.
#[inline]
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Takes a number off the front.
#[inline]
pub(crate) fn take(bytes: &mut &[u8]) -> Read<u64> {
    if let [byte @ 0..0x80, rest @ ..] = *bytes {
        *bytes = rest;
        return Ok((*byte).into());
    }
    take_long(bytes)
}

fn take_long(bytes: &mut &[u8]) -> Read<u64> {
    let mut n = 0;
    for at in 0..LONGEST {
        let (&byte, rest) = bytes.split_first().ok_or(Corrupt)?;
        *bytes = rest;
        n |= u64::from(byte & 0x7f).checked_shl(7 * at).ok_or(Corrupt)?;
        if byte < 0x80 {
            // The last byte has but one bit left.
            return if at == LONGEST - 1 && byte > 1 { Err(Corrupt) } else { Ok(n) };
        }
    }
    Err(Corrupt)
}

/// Takes a number that may be negative off the front.
#[inline]
pub(crate) fn take_signed(bytes: &mut &[u8]) -> Read<i64> {
    take(bytes).map(|n| (n >> 1) as i64 ^ -((n & 1) as i64))
}

/// Takes so many bytes off the front.
#[inline]
pub(crate) fn take_exact<'b>(bytes: &mut &'b [u8], count: usize) -> Read<&'b [u8]> {
    let (taken, rest) = bytes.split_at_checked(count).ok_or(Corrupt)?;
    *bytes = rest;
    Ok(taken)
}

/// Takes bytes behind their length off the front.
#[inline]
pub(crate) fn take_bytes<'b>(bytes: &mut &'b [u8]) -> Read<&'b [u8]> {
    let len = usize::try_from(take(bytes)?).map_err(|_| Corrupt)?;
    take_exact(bytes, len)
}

/// Takes an array off the front.
#[inline]
pub(crate) fn take_array<const N: usize>(bytes: &mut &[u8]) -> Read<[u8; N]> {
    let (&taken, rest) = bytes.split_first_chunk().ok_or(Corrupt)?;
    *bytes = rest;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back(n in any::<u64>(), shift in 0..64, m in any::<i64>()) {
            let (n, mut out) = (n >> shift, Vec::new());
            put(&mut out, n);
            put_signed(&mut out, m);
            let mut rest = &out[..];
            prop_assert_eq!(take(&mut rest), Ok(n));
            prop_assert_eq!(take_signed(&mut rest), Ok(m));
            prop_assert!(rest.is_empty());
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for bytes in [&b""[..], b"\x80", &[0xff; 10], b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"] {
            assert_eq!(take(&mut &bytes[..]), Err(Corrupt), "{bytes:x?}");
        }
    }
}
