//! Sizes of values, and what is in them.

use std::fmt;
use std::str::FromStr;

use fastrand::Rng;
use ringtail_net::units::ByteSize;

/// No value of Redis's protocol is longer, by default.
pub(super) const MAX_VALUE: u64 = 512 << 20;
/// Values are parts of so many random bytes, repeated in longer ones.
const STOCK: usize = 64 << 10;
/// At how many places of the stock values begin.
const PLACES: usize = 4096;

/// Sizes with their probabilities.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sizes {
    text: String,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    /// Evenly from the first to the last.
    Range(usize, usize),
    /// Each with the sum of its weight and of those before it.
    Weighted(Vec<(usize, u64)>),
}

impl FromStr for Sizes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let kind = if text.contains(':') {
            weighted(text)?
        } else {
            let (least, most) = text.split_once('-').unwrap_or((text, text));
            Kind::Range(size(least)?, size(most)?)
        };
        match kind {
            Kind::Range(least, most) if least > most => Err(format!("{most} is less than {least}")),
            kind => Ok(Self { text: text.to_owned(), kind }),
        }
    }
}

fn weighted(text: &str) -> Result<Kind, String> {
    let (mut sizes, mut sum) = (Vec::new(), 0);
    for part in text.split(',') {
        let (bytes, weight) = part.split_once(':').unwrap_or((part, "1"));
        let weight: u32 = weight.parse().map_err(|_| format!("'{weight}' is no weight"))?;
        sum += u64::from(weight);
        sizes.push((size(bytes)?, sum));
    }
    if sum == 0 { Err("no size has a weight".into()) } else { Ok(Kind::Weighted(sizes)) }
}

fn size(text: &str) -> Result<usize, String> {
    let ByteSize(bytes) = text.parse()?;
    if bytes > MAX_VALUE { Err(format!("{text} is more than 512mb")) } else { Ok(bytes as usize) }
}

impl Sizes {
    #[inline]
    pub(super) fn draw(&self, random: &mut Rng) -> usize {
        match &self.kind {
            Kind::Range(least, most) if least == most => *least,
            Kind::Range(least, most) => random.usize(*least..=*most),
            Kind::Weighted(sizes) => {
                let drawn = random.u64(..sizes.last().map_or(1, |last| last.1));
                sizes.iter().find(|(_, sum)| drawn < *sum).map_or(0, |(size, _)| *size)
            }
        }
    }
}

/// As it was written.
impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Random bytes that values are cut out of: letters and digits, so that they can be looked at, and don't compress to nothing.
pub(super) struct Stock(Vec<u8>);

impl Stock {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        Self((0..STOCK + PLACES).map(|_| random.alphanumeric() as u8).collect())
    }

    /// Appends a value of so many bytes.
    #[inline]
    pub(super) fn write(&self, out: &mut Vec<u8>, mut bytes: usize, random: &mut Rng) {
        let place = random.usize(..PLACES);
        while bytes > STOCK {
            out.extend_from_slice(&self.0[place..place + STOCK]);
            bytes -= STOCK;
        }
        out.extend_from_slice(&self.0[place..place + bytes]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(text: &str) -> Vec<usize> {
        let (sizes, mut random) = (text.parse::<Sizes>().unwrap(), Rng::with_seed(3));
        (0..10_000).map(|_| sizes.draw(&mut random)).collect()
    }

    #[test]
    fn sizes_are_drawn_as_they_are_written() {
        assert!(drawn("1kb").iter().all(|&size| size == 1024));
        let range = drawn("10-19");
        for size in 10..20 {
            let n = range.iter().filter(|&&drawn| drawn == size).count();
            assert!((900..1100).contains(&n), "{n} of {size}");
        }
        let large = drawn("64:9,4kb:1").iter().filter(|&&size| size == 4096).count();
        assert!((900..1100).contains(&large), "{large}");
        assert!(drawn("5:0,7:1,9:0").iter().all(|&size| size == 7));
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "x", "5-", "9-5", "1:x", "1:0", "513mb", "-1", "18446744073709551616"] {
            assert!(text.parse::<Sizes>().is_err(), "{text}");
        }
    }

    #[test]
    fn values_of_any_size_are_cut_out_of_the_stock() {
        let (stock, mut random) = (Stock::new(1), Rng::with_seed(1));
        for bytes in [0, 1, STOCK, STOCK + 1, 3 * STOCK + 5] {
            let mut out = Vec::new();
            stock.write(&mut out, bytes, &mut random);
            assert_eq!(out.len(), bytes);
            assert!(out.iter().all(u8::is_ascii_alphanumeric));
        }
    }
}
