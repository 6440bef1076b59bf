//! Hexadecimal forms of floating point numbers, which C's `strtod` reads and so does Redis: `0x1.8p3` is 12.

use crate::long_double::{power, signed};

/// Bits that a mantissa is read to; what is beyond only says that there is more.
const MOST_BITS: u32 = 120;
/// Exponents of this size are beyond all doubles, whatever the mantissa.
const MOST_EXPONENT: i64 = 1300;

/// `mantissa` × 2^`exponent`.
pub(crate) struct Hexadecimal {
    pub(crate) negative: bool,
    pub(crate) mantissa: u128,
    /// The true number is a little larger.
    pub(crate) more: bool,
    pub(crate) exponent: i64,
}

impl Hexadecimal {
    /// Reads `[+-]0xDIGITS[.DIGITS][p[+-]POWER]`.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let (negative, rest) = signed(text)?;
        let rest = rest.strip_prefix(b"0x").or_else(|| rest.strip_prefix(b"0X"))?;
        let (digits, exponent) = match rest.iter().position(|b| matches!(b, b'p' | b'P')) {
            Some(at) => (&rest[..at], power(&rest[at + 1..])?),
            None => (rest, 0),
        };
        let mut number = Self { negative, mantissa: 0, more: false, exponent };
        let (mut point, mut any) = (false, false);
        for &byte in digits {
            if byte == b'.' && !point {
                point = true;
                continue;
            }
            number.add(char::from(byte).to_digit(16)?, point);
            any = true;
        }
        any.then_some(number)
    }

    /// One more digit, behind the point or not.
    fn add(&mut self, digit: u32, point: bool) {
        if self.mantissa >> MOST_BITS == 0 {
            self.mantissa = self.mantissa << 4 | u128::from(digit);
            self.exponent -= i64::from(point) * 4;
        } else {
            self.more |= digit > 0;
            self.exponent += i64::from(!point) * 4;
        }
    }

    /// The nearest double; `None` when it is beyond the doubles, or so small that nothing is left.
    pub(crate) fn double(&self) -> Option<f64> {
        // `more` is far below the bits that a double keeps, so it only decides between two halves.
        let mantissa = (self.mantissa | u128::from(self.more)) as f64;
        let exponent = self.exponent.clamp(-MOST_EXPONENT, MOST_EXPONENT) as i32;
        // Neither half of the power is beyond the doubles.
        let half = exponent / 2;
        let size = mantissa * 2_f64.powi(half) * 2_f64.powi(exponent - half);
        let is_lost = size.is_infinite() || (size == 0.0 && self.mantissa > 0);
        (!is_lost).then_some(if self.negative { -size } else { size })
    }
}

#[cfg(test)]
mod tests {
    use crate::long_double::LongDouble;
    use crate::number::{parse_double, parse_f64};

    /// What redis-server 7.0.15 takes and refuses.
    #[test]
    fn hexadecimal_forms_are_those_of_c() {
        for (text, want) in [
            ("0x10", 16.0),
            ("0x1p3", 8.0),
            ("0X1P-2", 0.25),
            ("-0x.8", -0.5),
            ("+0x1", 1.0),
            ("0x1.8p+1", 3.0),
            ("0xfFp0", 255.0),
            ("0x1ffffffffffffffffffff", 2_417_851_639_229_258_349_412_351.0),
            ("0x1p-1074", 5e-324),
            ("0x1.fffffffffffff8p0", 2.0),
            ("0x1.00000000000008p0", 1.0),
            ("0x1.0000000000000800000000000000000000000001p0", 1.000_000_000_000_000_2),
            ("0x0.0p99999", 0.0),
        ] {
            assert_eq!(parse_f64(text.as_bytes()), Some(want), "{text}");
            assert_eq!(parse_double(text.as_bytes()), Some(want), "{text}");
        }
        for text in
            ["0x", "0x1p", "0x1p+", "0x.", "0x1.g", "0x1.1.1", "x1", "0x-1", "0x1p9999", "0x1p-9999", "0x 1"]
        {
            assert_eq!(parse_f64(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn long_doubles_are_read_from_them_too() {
        let sum = |a: &str, b: &str| {
            Some(LongDouble::parse(a.as_bytes())?.plus(LongDouble::parse(b.as_bytes())?)?.text())
        };
        for (a, want) in [
            ("0x10", Some("16")),
            ("-0x.8", Some("-0.5")),
            ("0x1ffffffffffffffffffff", Some("2417851639229258349412352")),
            ("0x8000000000000001", Some("9223372036854775809")),
            ("0x0p-99999", Some("0")),
            ("0x1p16384", None),
            ("0x1p-16446", None),
            ("0x1p", None),
        ] {
            assert_eq!(sum(a, "0").as_deref(), want, "{a}");
        }
    }
}
