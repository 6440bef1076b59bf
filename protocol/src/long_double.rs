//! Long doubles as x86-64 has them, with 64 bits of mantissa: what INCRBYFLOAT and HINCRBYFLOAT count in, so that their
//! replies have Redis's digits to the last one, on every platform.

use crate::hexadecimal::Hexadecimal;

/// A number, infinite ones among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongDouble {
    negative: bool,
    size: Size,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    Zero,
    /// The mantissa, whose highest bit is set, times 2 to the exponent.
    Finite(u64, i32),
    Infinite,
}

/// The largest exponent of a mantissa of 64 bits.
const MAX_EXPONENT: i32 = 16_383 - 63;
/// Powers of ten beyond which no number of this kind is.
const TENS: std::ops::RangeInclusive<i64> = -4951..=4933;
/// The same for powers of two.
const TWOS: std::ops::RangeInclusive<i64> = -16_445..=16_383;
/// Longer texts are no numbers for Redis (its `MAX_LONG_DOUBLE_CHARS`).
const MAX_TEXT: usize = 5 * 1024;
/// Digits after the point that are written (`%.17Lf`).
const SCALE: u32 = 17;

impl LongDouble {
    /// Reads a number as C's `strtold` does, without spaces around it; what is no number, too long, or too large or too
    /// small for a long double is `None`.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() >= MAX_TEXT {
            return None;
        }
        let (negative, rest) = signed(text)?;
        if rest.eq_ignore_ascii_case(b"inf") || rest.eq_ignore_ascii_case(b"infinity") {
            return Some(Self { negative, size: Size::Infinite });
        }
        if let Some(number) = Hexadecimal::parse(text) {
            return Some(Self { negative, size: binary(&number)? });
        }
        let (digits, tens) = decimal(rest)?;
        Some(Self { negative, size: nearest(&digits, tens)? })
    }

    /// The sum; `None` when it is infinite or no number.
    pub fn plus(self, other: Self) -> Option<Self> {
        let sum = match (self.size, other.size) {
            (Size::Infinite, _) | (_, Size::Infinite) => return None,
            (Size::Zero, Size::Zero) => Self { negative: self.negative && other.negative, size: Size::Zero },
            (_, Size::Zero) => self,
            (Size::Zero, _) => other,
            (Size::Finite(m, e), Size::Finite(n, f)) if (e, m) < (f, n) => return other.plus(self),
            (Size::Finite(m, e), Size::Finite(n, f)) => {
                let size = add((m, e), (n, f), self.negative == other.negative);
                Self { negative: self.negative && size != Size::Zero, size }
            }
        };
        (sum.size != Size::Infinite).then_some(sum)
    }

    /// Whether it is one of the infinities.
    pub fn is_infinite(self) -> bool {
        self.size == Size::Infinite
    }

    /// As Redis writes it: at most 17 digits after the point, without zeros at the end.
    pub fn text(self) -> String {
        let digits = match self.size {
            Size::Zero => "0".to_owned(),
            Size::Infinite => "inf".to_owned(),
            Size::Finite(mantissa, exponent @ 0..) => {
                Big::from(mantissa).shifted(exponent.unsigned_abs()).decimal()
            }
            Size::Finite(mantissa, exponent) => fraction(mantissa, exponent.unsigned_abs()),
        };
        if self.negative && digits != "0" { format!("-{digits}") } else { digits }
    }
}

/// Mantissa and exponent.
type Parts = (u64, i32);

/// Adds or subtracts sizes, the larger first.
fn add((m, e): Parts, (n, f): Parts, same_sign: bool) -> Size {
    // Two bits above the mantissa are free for the carry, 62 below it hold what is shifted out, and the rest is `lost`.
    const BELOW: u32 = 62;
    let (large, small) = (u128::from(m) << BELOW, u128::from(n) << BELOW);
    let distance = (e - f).unsigned_abs();
    let shifted = small.checked_shr(distance).unwrap_or(0);
    let lost = shifted.checked_shl(distance) != Some(small);
    let sum = if same_sign { large + shifted } else { large - shifted - u128::from(lost) };
    rounded(&Big::from_wide(sum), e - BELOW as i32, lost)
}

/// The digits of a decimal as one number, and the power of ten that it is to be multiplied by.
fn decimal(text: &[u8]) -> Option<(Vec<u8>, i64)> {
    let at = text.iter().position(|b| matches!(b, b'e' | b'E'));
    let (mantissa, exponent) = at.map_or((text, Some(0)), |at| (&text[..at], power(&text[at + 1..])));
    let point = mantissa.iter().position(|&b| b == b'.');
    let places = point.map_or(0, |at| mantissa.len() - at - 1);
    let digits: Vec<u8> = mantissa
        .iter()
        .enumerate()
        .filter(|(i, _)| Some(*i) != point)
        .map(|(_, b)| b.wrapping_sub(b'0'))
        .collect();
    let plain = !digits.is_empty() && digits.iter().all(|&digit| digit < 10);
    plain.then_some((digits, exponent? - places as i64))
}

/// Whether there is a minus, and what follows the sign, if there is one.
pub(crate) fn signed(text: &[u8]) -> Option<(bool, &[u8])> {
    Some(match text.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, text),
    })
}

/// An exponent; what is beyond all numbers is cut.
pub(crate) fn power(text: &[u8]) -> Option<i64> {
    let (negative, digits) = signed(text)?;
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let size = digits.iter().fold(0, |sum: i64, digit| (sum * 10 + i64::from(digit - b'0')).min(1_000_000));
    Some(if negative { -size } else { size })
}

/// The nearest number to a hexadecimal one; `None` when there is none.
fn binary(number: &Hexadecimal) -> Option<Size> {
    let big = Big::from_wide(number.mantissa);
    let highest = i64::from(big.bits()) - 1 + number.exponent;
    if big.bits() == 0 {
        return Some(Size::Zero);
    }
    if !TWOS.contains(&highest) {
        return None;
    }
    let size = rounded(&big, number.exponent as i32, number.more);
    (size != Size::Infinite).then_some(size)
}

/// The nearest number to `digits` × 10^`tens`; `None` when there is none.
fn nearest(digits: &[u8], tens: i64) -> Option<Size> {
    let first = digits.iter().position(|&digit| digit > 0);
    let Some(first) = first else { return Some(Size::Zero) };
    let digits = &digits[first..];
    if !TENS.contains(&(digits.len() as i64 - 1 + tens)) {
        return None;
    }
    let mut number = Big::default();
    digits.iter().for_each(|&digit| number.multiply_add(10, digit.into()));
    let power = tens.unsigned_abs() as u32;
    let size = if tens >= 0 {
        factors(power).for_each(|factor| number.multiply_add(factor, 0));
        rounded(&number, 0, false)
    } else {
        // 10 has fewer than 4 bits, so the quotient has more than 64.
        let bits = 4 * power + 66;
        let mut quotient = number.shifted(bits);
        let lost = factors(power).fold(false, |lost, factor| (quotient.divide(factor) != 0) | lost);
        rounded(&quotient, -(bits as i32), lost)
    };
    (size != Size::Infinite).then_some(size)
}

/// 10^`power` in factors of up to nine digits.
fn factors(power: u32) -> impl Iterator<Item = u32> {
    std::iter::repeat_n(NINE_DIGITS, power as usize / 9).chain([10_u32.pow(power % 9)])
}

/// `number` × 2^`exponent` with 64 bits of mantissa, to the nearest, or to the even one of two; `lost` says that the true number is a
/// little larger.
fn rounded(number: &Big, exponent: i32, lost: bool) -> Size {
    let bits = number.bits();
    if bits == 0 {
        return Size::Zero;
    }
    if bits <= 64 {
        return Size::Finite(number.low() << (64 - bits), exponent - (64 - bits as i32));
    }
    let cut = bits - 64;
    let (kept, half) = (number.bits_from(cut), number.bit(cut - 1));
    let more = lost || number.any_below(cut - 1);
    let up = half && (more || kept & 1 == 1);
    let (mantissa, carry) = kept.overflowing_add(u64::from(up));
    let exponent = exponent + cut as i32 + i32::from(carry);
    let mantissa = if carry { 1 << 63 } else { mantissa };
    if exponent > MAX_EXPONENT { Size::Infinite } else { Size::Finite(mantissa, exponent) }
}

/// `mantissa` / 2^`shift` with 17 digits after the point, rounded as above, without zeros at the end.
fn fraction(mantissa: u64, shift: u32) -> String {
    let one = 10_u128.pow(SCALE);
    // 64 bits times 57 bits.
    let scaled = u128::from(mantissa) * one;
    let n = match scaled.checked_shr(shift) {
        Some(whole) => {
            let rest = scaled - (whole << shift);
            let half = 1 << (shift - 1);
            whole + u128::from(rest > half || (rest == half && whole & 1 == 1))
        }
        None => 0,
    };
    let text = format!("{}.{:017}", n / one, n % one);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// 10^9, the largest power of ten in a word.
const NINE_DIGITS: u32 = 1_000_000_000;

/// A whole number of any size, its lowest 32 bits first.
#[derive(Clone, Default)]
struct Big(Vec<u32>);

impl From<u64> for Big {
    fn from(number: u64) -> Self {
        Self::from_wide(number.into())
    }
}

impl Big {
    fn from_wide(number: u128) -> Self {
        Self((0..4).map(|i| (number >> (32 * i)) as u32).collect()).trimmed()
    }

    fn trimmed(mut self) -> Self {
        self.trim();
        self
    }

    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    fn multiply_add(&mut self, factor: u32, more: u32) {
        let mut carry = u64::from(more);
        for word in &mut self.0 {
            let product = u64::from(*word) * u64::from(factor) + carry;
            *word = product as u32;
            carry = product >> 32;
        }
        if carry > 0 {
            self.0.push(carry as u32);
        }
    }

    /// Divides; the remainder.
    fn divide(&mut self, divisor: u32) -> u32 {
        let mut rest = 0;
        for word in self.0.iter_mut().rev() {
            let part = rest << 32 | u64::from(*word);
            *word = (part / u64::from(divisor)) as u32;
            rest = part % u64::from(divisor);
        }
        self.trim();
        rest as u32
    }

    fn shifted(&self, bits: u32) -> Self {
        let mut words = vec![0; (bits / 32) as usize];
        let mut carry = 0;
        for &word in &self.0 {
            let wide = u64::from(word) << (bits % 32) | carry;
            words.push(wide as u32);
            carry = wide >> 32;
        }
        words.push(carry as u32);
        Self(words).trimmed()
    }

    fn bits(&self) -> u32 {
        self.0.last().map_or(0, |top| 32 * self.0.len() as u32 - top.leading_zeros())
    }

    fn bit(&self, at: u32) -> bool {
        self.word(at / 32) >> (at % 32) & 1 == 1
    }

    fn word(&self, at: u32) -> u32 {
        self.0.get(at as usize).copied().unwrap_or(0)
    }

    fn low(&self) -> u64 {
        u64::from(self.word(1)) << 32 | u64::from(self.word(0))
    }

    /// 64 bits from `at` up.
    fn bits_from(&self, at: u32) -> u64 {
        let first = at / 32;
        let wide = (0..3).map(|i| u128::from(self.word(first + i)) << (32 * i)).sum::<u128>();
        (wide >> (at % 32)) as u64
    }

    fn any_below(&self, at: u32) -> bool {
        (0..at / 32).any(|i| self.word(i) != 0) || (at / 32 * 32..at).any(|i| self.bit(i))
    }

    fn decimal(mut self) -> String {
        let mut parts = Vec::new();
        while !self.0.is_empty() {
            parts.push(self.divide(NINE_DIGITS));
        }
        let mut text = parts.pop().unwrap_or(0).to_string();
        parts.iter().rev().for_each(|part| text.push_str(&format!("{part:09}")));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sum(a: &str, b: &str) -> Option<String> {
        Some(LongDouble::parse(a.as_bytes())?.plus(LongDouble::parse(b.as_bytes())?)?.text())
    }

    /// What redis-server 7.0.15 answers on x86-64.
    #[test]
    fn sums_have_redis_digits() {
        let cases = [
            ("0.1", "0.2", "0.3"),
            ("3", "-3", "0"),
            ("-0.5", "0.2", "-0.3"),
            ("10.50", "0.1", "10.6"),
            ("5.0e3", "2.0e2", "5200"),
            ("123456789", "0.123456789", "123456789.12345678899873747"),
            ("100000", "1e-5", "100000.00001000000000317"),
            ("9223372036854775807", "0.25", "9223372036854775807"),
            ("1", "1e-17", "1.00000000000000001"),
            ("1e30", "1", "1000000000000000000024696061952"),
            ("1e20", "-0.1", "100000000000000000000"),
            ("-1e17", "0.333333333333333333", "-99999999999999999.6640625"),
            ("18446744073709551615", "1", "18446744073709551616"),
            ("18446744073709551616", "-1", "18446744073709551615"),
            ("0", "1e-18", "0"),
            ("0", "4.9e-18", "0"),
            ("0", "5.1e-18", "0.00000000000000001"),
            ("-0", "0", "0"),
            ("0", "-1e-20", "0"),
            ("3.0", "-1e-19", "3"),
            (".5", "5.", "5.5"),
            ("+1", "007", "8"),
            ("1e-4950", "0", "0"),
            ("0.1", "-0.1", "0"),
            ("1e19", "1e19", "20000000000000000000"),
        ];
        for (a, b, want) in cases {
            assert_eq!(sum(a, b).as_deref(), Some(want), "{a} + {b}");
        }
    }

    #[test]
    fn what_is_no_number() {
        for text in [
            "", "-", "+", ".", "e5", "1e", "1e+", "1.2.3", " 1", "1 ", "abc", "nan", "1e5000", "1e-5000",
            "1_0",
        ] {
            assert_eq!(LongDouble::parse(text.as_bytes()), None, "{text:?}");
        }
        for (a, b) in [("inf", "1"), ("inf", "-inf"), ("1", "-Infinity"), ("1.1e4932", "1.1e4932")] {
            assert_eq!(sum(a, b), None, "{a} + {b}");
        }
        assert!(LongDouble::parse(&[b'1'; MAX_TEXT]).is_none());
        assert_eq!(sum("0e999999999999999999999", "-0"), Some("0".to_owned()));
    }

    proptest! {
        #[test]
        fn doubles_are_added_at_least_as_well(a in -1e15..1e15_f64, b in -1e15..1e15_f64) {
            let ours: f64 = sum(&format!("{a:.6}"), &format!("{b:.6}")).unwrap().parse().unwrap();
            prop_assert!((ours - (a + b)).abs() <= 2e-6 + (a + b).abs() * 1e-15);
        }

        #[test]
        fn integers_are_exact(a: i64, b: i64) {
            let exact = i128::from(a) + i128::from(b);
            prop_assume!(exact.unsigned_abs() <= u64::MAX.into());
            prop_assert_eq!(sum(&a.to_string(), &b.to_string()), Some(exact.to_string()));
        }

        #[test]
        fn any_text_is_safe(text in "[-+0-9.eEinf]{0,60}") {
            let _ = sum(&text, "1");
        }
    }
}
