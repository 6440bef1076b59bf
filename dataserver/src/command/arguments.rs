//! Reading arguments, with Redis's errors for those that can't be read.

use crate::store::DATABASES;
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::number::{parse_double, parse_i64};

const NOT_AN_INT: Error =
    Error::fixed("ERR value is out of range, value must between -2147483648 and 2147483647");

/// Whether an argument is this word, in any case.
#[inline]
pub(super) fn is(argument: &[u8], word: &str) -> bool {
    argument.eq_ignore_ascii_case(word.as_bytes())
}

/// A whole number.
#[inline]
pub(super) fn int(text: &[u8]) -> Result<i64, Error> {
    parse_i64(text).ok_or(errors::NOT_AN_INTEGER)
}

/// A number with a fraction.
#[inline]
pub(super) fn float(text: &[u8]) -> Result<f64, Error> {
    double(text, errors::NOT_A_FLOAT)
}

/// The same with an error of its own for what is none.
#[inline]
pub(super) fn double(text: &[u8], error: Error) -> Result<f64, Error> {
    parse_double(text).ok_or(error)
}

/// A whole number whose negative there is, too.
pub(super) fn signed(text: &[u8]) -> Result<i64, Error> {
    let number = int(text)?;
    if number == i64::MIN { Err(OUT_OF_SIGNED) } else { Ok(number) }
}

/// Refuses to draw more members, each of which may come again, than a reply could ever be wanted with: it would be made
/// under the lock of the key.
pub(super) fn drawable(count: usize) -> Result<usize, Error> {
    if count > MOST_DRAWN { Err(errors::REPLY_TOO_LONG) } else { Ok(count) }
}

/// Takes well below a second.
const MOST_DRAWN: usize = 1 << 24;

const OUT_OF_SIGNED: Error = Error::fixed(
    "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
);

/// A number from `least` on, or else `error`, also for what is no number.
pub(super) fn at_least(least: i64, text: &[u8], error: Error) -> Result<usize, Error> {
    let number = parse_i64(text).filter(|&n| n >= least);
    number.and_then(|n| usize::try_from(n).ok()).ok_or(error)
}

/// The number of a database, that there is.
pub(super) fn database(text: &[u8]) -> Result<u8, Error> {
    within(i32::try_from(int(text)?).map_err(|_| NOT_AN_INT)?)
}

/// A number that may be a database's, with an error of its own for what is none.
pub(super) fn index(text: &[u8], error: Error) -> Result<i32, Error> {
    parse_i64(text).and_then(|n| i32::try_from(n).ok()).ok_or(error)
}

/// The database of this number, if there is one.
pub(super) fn within(number: i32) -> Result<u8, Error> {
    u8::try_from(number).ok().filter(|&db| db < DATABASES).ok_or(errors::DB_OUT_OF_RANGE)
}

/// What a number that says when a key expires counts, and from when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Seconds from now on.
    Seconds,
    /// Milliseconds from now on.
    Millis,
    /// Seconds since 1970.
    UnixSeconds,
    /// Milliseconds since 1970.
    UnixMillis,
}

impl Unit {
    /// The unit that this option of SET and GETEX means.
    pub(super) fn of_option(option: &[u8]) -> Option<Self> {
        let words = [
            ("EX", Self::Seconds),
            ("PX", Self::Millis),
            ("EXAT", Self::UnixSeconds),
            ("PXAT", Self::UnixMillis),
        ];
        words.into_iter().find(|(word, _)| is(option, word)).map(|(_, unit)| unit)
    }

    /// Whether it counts from 1970.
    pub(super) fn is_absolute(self) -> bool {
        matches!(self, Self::UnixSeconds | Self::UnixMillis)
    }

    /// The time that `number` of this unit means, in milliseconds since 1970; it may be over already.
    ///
    /// # Errors
    /// It is beyond any clock; `command` is named in the text.
    pub(super) fn at(self, number: i64, now: u64, command: &str) -> Result<i64, Error> {
        let factor = if matches!(self, Self::Seconds | Self::UnixSeconds) { 1000 } else { 1 };
        let base = if self.is_absolute() { 0 } else { now as i64 };
        let at = number.checked_mul(factor).and_then(|millis| millis.checked_add(base));
        at.ok_or_else(|| errors::invalid_expire(command))
    }

    /// The same for SET and its like, which want a number above zero.
    pub(super) fn set_at(self, text: &[u8], now: u64, command: &str) -> Result<u64, Error> {
        let number = int(text)?;
        let at = if number > 0 { self.at(number, now, command)? } else { 0 };
        u64::try_from(at).ok().filter(|&at| at > 0).ok_or_else(|| errors::invalid_expire(command))
    }
}
