//! Marc Lehmann's LZF, in which Redis writes long strings.

use crate::{Corrupt, Read};

/// The most that a byte can stand for: a copy of three bytes makes 264.
const MOST_PER_BYTE: usize = 88;

/// What was compressed, which must be `length` bytes.
pub(super) fn decompressed(mut bytes: &[u8], length: usize) -> Read<Vec<u8>> {
    if length > bytes.len().saturating_mul(MOST_PER_BYTE) {
        return Err(Corrupt);
    }
    let mut out = Vec::with_capacity(length);
    while let Some((&control, rest)) = bytes.split_first() {
        bytes = if control < 32 {
            let (literal, rest) = rest.split_at_checked(usize::from(control) + 1).ok_or(Corrupt)?;
            out.extend_from_slice(literal);
            rest
        } else {
            copied(control, rest, &mut out)?
        };
        if out.len() > length {
            return Err(Corrupt);
        }
    }
    if out.len() == length { Ok(out) } else { Err(Corrupt) }
}

/// Appends a copy of what was written before, and returns what follows.
fn copied<'b>(control: u8, mut rest: &'b [u8], out: &mut Vec<u8>) -> Read<&'b [u8]> {
    let mut next = || {
        let (&byte, after) = rest.split_first().ok_or(Corrupt)?;
        rest = after;
        Ok(usize::from(byte))
    };
    let length = match usize::from(control >> 5) {
        7 => 7 + next()?,
        short => short,
    };
    let back = usize::from(control & 31) << 8 | next()?;
    let from = out.len().checked_sub(back + 1).ok_or(Corrupt)?;
    // What is copied may reach into the copy itself.
    for at in from..from + length + 2 {
        out.push(out[at]);
    }
    Ok(rest)
}
