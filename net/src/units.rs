//! Sizes and times as people write them, in flags, environment and configuration files alike.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number of bytes: `1048576`, `100mb`, `1gb`. Redis's units: k = 1000, kb = 1024, m, mb, g, gb; also b, t, tb.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct ByteSize(pub u64);

/// A length of time: `250ms`, `5s`, `2m`, `1h`; a plain number is seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Time(pub Duration);

const BYTE_UNITS: [(&str, u64); 10] = [
    ("", 1),
    ("b", 1),
    ("k", 1000),
    ("kb", 1 << 10),
    ("m", 1_000_000),
    ("mb", 1 << 20),
    ("g", 1_000_000_000),
    ("gb", 1 << 30),
    ("t", 1_000_000_000_000),
    ("tb", 1 << 40),
];

const TIME_UNITS_MS: [(&str, u64); 6] =
    [("", 1000), ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// `None` when the text is no number with a known unit, or too large for a signed 64-bit number (TOML's).
fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = units.iter().find(|(name, _)| *name == unit.trim_start())?.1;
    let value = number.parse::<u64>().ok()?.checked_mul(factor)?;
    (value <= i64::MAX as u64).then_some(value)
}

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bytes = parse(text, &BYTE_UNITS);
        bytes.map(Self).ok_or_else(|| format!("'{text}' is no size: write 1048576, 100mb or 1gb"))
    }
}

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let millis = parse(text, &TIME_UNITS_MS).map(Duration::from_millis);
        millis.map(Self).ok_or_else(|| format!("'{text}' is no time: write 250ms, 5s or 2m"))
    }
}

/// The largest unit that divides it, so that what was written comes back.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_in(f, self.0, &[("gb", 1 << 30), ("mb", 1 << 20), ("kb", 1 << 10)], "")
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        write_in(f, millis, &[("h", 3_600_000), ("m", 60_000), ("s", 1000)], "ms")
    }
}

fn write_in(f: &mut fmt::Formatter<'_>, value: u64, units: &[(&str, u64)], least: &str) -> fmt::Result {
    let unit = units.iter().find(|(_, factor)| value > 0 && value.is_multiple_of(*factor));
    let (name, factor) = unit.copied().unwrap_or((least, 1));
    write!(f, "{}{name}", value / factor)
}

/// Accepts a text or a plain number, which goes through the same parser.
struct TextOrNumber<T>(std::marker::PhantomData<T>, &'static str);

impl<T: FromStr<Err = String>> Visitor<'_> for TextOrNumber<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.1)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        number.to_string().parse().map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(number), &self)),
        }
    }
}

macro_rules! as_text {
    ($type:ty, $expected:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(TextOrNumber(std::marker::PhantomData, $expected))
            }
        }
    };
}

as_text!(ByteSize, "a size such as 1048576, \"100mb\" or \"1gb\"");
as_text!(Time, "a time such as \"250ms\", \"5s\" or \"2m\"");

#[cfg(test)]
mod tests;
