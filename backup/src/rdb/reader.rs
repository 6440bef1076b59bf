//! Lengths, strings and numbers, read one after another.

use super::lzf;
use crate::{Corrupt, Read};
use ringtail_protocol::number::parse_f64;
use std::borrow::Cow;

/// What is still to be read.
pub(super) struct Reader<'b>(pub(super) &'b [u8]);

/// A length, or how a string is written that has none.
enum Head {
    Length(u64),
    Special(u8),
}

/// A string that is a number, with as many bytes as the number has.
const INT8: u8 = 0;
const INT16: u8 = 1;
const INT32: u8 = 2;
const COMPRESSED: u8 = 3;

impl<'b> Reader<'b> {
    pub(super) fn take(&mut self, count: usize) -> Read<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Corrupt)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let (&taken, rest) = self.0.split_first_chunk().ok_or(Corrupt)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Read<u8> {
        self.array().map(|[byte]| byte)
    }

    fn head(&mut self) -> Read<Head> {
        let first = self.byte()?;
        Ok(match first >> 6 {
            0 => Head::Length((first & 63).into()),
            1 => Head::Length(u64::from(first & 63) << 8 | u64::from(self.byte()?)),
            2 => match first {
                0x80 => Head::Length(u32::from_be_bytes(self.array()?).into()),
                0x81 => Head::Length(u64::from_be_bytes(self.array()?)),
                _ => return Err(Corrupt),
            },
            _ => Head::Special(first & 63),
        })
    }

    /// A number that is written as lengths are.
    pub(super) fn number(&mut self) -> Read<u64> {
        match self.head()? {
            Head::Length(number) => Ok(number),
            Head::Special(_) => Err(Corrupt),
        }
    }

    /// How many items follow, each of which takes a byte at least.
    pub(super) fn count(&mut self) -> Read<usize> {
        let count = usize::try_from(self.number()?).map_err(|_| Corrupt)?;
        if count <= self.0.len() { Ok(count) } else { Err(Corrupt) }
    }

    fn length(&mut self) -> Read<usize> {
        self.number().and_then(|number| usize::try_from(number).map_err(|_| Corrupt))
    }

    /// A string.
    pub(super) fn string(&mut self) -> Read<Cow<'b, [u8]>> {
        let digits = |number: i64| Cow::Owned(number.to_string().into_bytes());
        Ok(match self.head()? {
            Head::Length(length) => Cow::Borrowed(self.take(usize::try_from(length).map_err(|_| Corrupt)?)?),
            Head::Special(INT8) => digits(i8::from_le_bytes(self.array()?).into()),
            Head::Special(INT16) => digits(i16::from_le_bytes(self.array()?).into()),
            Head::Special(INT32) => digits(i32::from_le_bytes(self.array()?).into()),
            Head::Special(COMPRESSED) => {
                let (compressed, length) = (self.length()?, self.length()?);
                Cow::Owned(lzf::decompressed(self.take(compressed)?, length)?)
            }
            Head::Special(_) => return Err(Corrupt),
        })
    }

    /// Milliseconds since 1970, or another number of eight bytes.
    pub(super) fn millis(&mut self) -> Read<i64> {
        self.array().map(i64::from_le_bytes)
    }

    /// A score in eight bytes.
    pub(super) fn score(&mut self) -> Read<f64> {
        self.array().map(f64::from_le_bytes).and_then(not_nan)
    }

    /// A score in digits.
    pub(super) fn score_in_digits(&mut self) -> Read<f64> {
        match self.byte()? {
            255 => Ok(f64::NEG_INFINITY),
            254 => Ok(f64::INFINITY),
            253 => Err(Corrupt),
            length => parse_f64(self.take(length.into())?).ok_or(Corrupt),
        }
    }
}

pub(super) fn not_nan(score: f64) -> Read<f64> {
    if score.is_nan() { Err(Corrupt) } else { Ok(score) }
}
