//! Numbers as Redis reads and writes them.

use crate::hexadecimal::Hexadecimal;

/// A whole number by Redis's strict rules: no `+`, no spaces, no leading zeros, within `i64`.
#[inline]
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text.split_first()? {
        (b'-', rest) => (true, rest),
        _ => (false, text),
    };
    if digits.is_empty() || digits.len() > 19 || (digits[0] == b'0' && (digits.len() > 1 || negative)) {
        return None;
    }
    let mut n: u64 = 0;
    for &b in digits {
        let digit = b.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // 19 digits fit u64.
        n = n * 10 + u64::from(digit);
    }
    if negative { 0i64.checked_sub_unsigned(n) } else { i64::try_from(n).ok() }
}

/// An unsigned number of at most 20 digits by the same rules.
pub fn parse_u64(text: &[u8]) -> Option<u64> {
    let plain = !text.is_empty() && text.len() <= 20 && text.iter().all(u8::is_ascii_digit);
    if !plain || (text[0] == b'0' && text.len() > 1) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// A floating point number as C's `strtod` reads it, without spaces around it and without `nan`.
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    // Rust's grammar is strtod's but for hexadecimal forms.
    match std::str::from_utf8(text).ok()?.parse::<f64>() {
        Ok(n) => Some(n).filter(|n| !n.is_nan()),
        Err(_) => Hexadecimal::parse(text)?.double(),
    }
}

/// The same for what is to be kept: not beyond the numbers that there are, and not so small that nothing is left.
#[inline]
pub fn parse_double(text: &[u8]) -> Option<f64> {
    // Most are whole numbers; those of so few digits are exact.
    if text.len() < 16
        && let Some(n) = parse_i64(text)
    {
        return Some(n as f64);
    }
    let n = parse_f64(text)?;
    let mut digits = text.iter().take_while(|b| !matches!(b, b'e' | b'E' | b'p' | b'P'));
    let is_lost = if n.is_infinite() {
        digits.any(u8::is_ascii_digit)
    } else {
        n == 0.0 && digits.any(|b| matches!(b, b'1'..=b'9'))
    };
    (!is_lost).then_some(n)
}

/// Whole numbers up to here are written with all their digits.
const MOST_WHOLE: f64 = (i64::MAX / 2) as f64;

/// Writes a double as Redis 7.2 does: the shortest digits that read back the same.
pub fn write_f64(out: &mut Vec<u8>, n: f64) {
    if n.is_nan() {
        out.extend_from_slice(b"nan");
    } else if n.is_infinite() {
        out.extend_from_slice(if n > 0.0 { b"inf" } else { b"-inf" });
    } else if n == n.trunc() && n.abs() <= MOST_WHOLE {
        if n == 0.0 && n.is_sign_negative() {
            out.push(b'-');
        }
        out.extend_from_slice(itoa::Buffer::new().format(n as i64).as_bytes());
    } else {
        let (digits, exponent) = shortest(n.abs());
        if n < 0.0 {
            out.push(b'-');
        }
        write_digits(out, &digits, exponent);
    }
}

/// The digits of a number, without zeros at either end, and the power of ten that the last one counts.
fn shortest(n: f64) -> (Vec<u8>, i32) {
    let mut buffer = zmij::Buffer::new();
    let (mantissa, exponent) = match buffer.format_finite(n).split_once('e') {
        Some((mantissa, exponent)) => (mantissa, exponent.parse().unwrap_or(0)),
        None => (buffer.format_finite(n), 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).skip_while(|&b| b == b'0').collect();
    let mut exponent: i32 = exponent - fraction.len() as i32;
    while digits.pop_if(|b| *b == b'0').is_some() {
        exponent += 1;
    }
    (digits, exponent)
}

/// Writes digits as Redis's `fpconv` does, which has its own idea of when an exponent is shorter.
fn write_digits(out: &mut Vec<u8>, digits: &[u8], exponent: i32) {
    let count = digits.len() as i32;
    let first = exponent + count - 1;
    let zeros = |n: i32| std::iter::repeat_n(b'0', n.unsigned_abs() as usize);
    if exponent >= 0 && first < count + 7 {
        out.extend_from_slice(digits);
        out.extend(zeros(exponent));
    } else if exponent < 0 && (exponent > -7 || first.abs() < 4) {
        let point = (count + exponent).max(0) as usize;
        if point == 0 {
            out.extend_from_slice(b"0.");
            out.extend(zeros(count + exponent));
        } else {
            out.extend_from_slice(&digits[..point]);
            out.push(b'.');
        }
        out.extend_from_slice(&digits[point..]);
    } else {
        out.push(digits[0]);
        if count > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits[1..]);
        }
        out.extend_from_slice(if first < 0 { b"e-" } else { b"e+" });
        out.extend_from_slice(itoa::Buffer::new().format(first.abs()).as_bytes());
    }
}

/// Writes a double as C's `%.17g` does.
pub fn write_f64_in_17_digits(out: &mut Vec<u8>, n: f64) {
    if !n.is_finite() {
        return write_f64(out, n);
    }
    let text = format!("{n:.16e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let plain = (-4..17).contains(&exponent);
    let text =
        if plain { format!("{n:.*}", (16 - exponent).unsigned_abs() as usize) } else { mantissa.into() };
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    out.extend_from_slice(text.as_bytes());
    if !plain {
        let sign = if exponent < 0 { '-' } else { '+' };
        out.extend_from_slice(format!("e{sign}{:02}", exponent.abs()).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn integers_are_strict() {
        for (text, want) in
            [("0", 0), ("-1", -1), ("9223372036854775807", i64::MAX), ("-9223372036854775808", i64::MIN)]
        {
            assert_eq!(parse_i64(text.as_bytes()), Some(want));
        }
        for text in [
            "",
            "-",
            "+1",
            " 1",
            "1 ",
            "01",
            "-0",
            "9223372036854775808",
            "-9223372036854775809",
            "1.0",
            "99999999999999999999",
        ] {
            assert_eq!(parse_i64(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn doubles_read_like_redis() {
        let cases = [
            (1.0, "1"),
            (1e21, "1e+21"),
            (3e-7, "3e-7"),
            (0.1, "0.1"),
            (-1.5, "-1.5"),
            (f64::INFINITY, "inf"),
            (1e16, "10000000000000000"),
            (1e18, "1000000000000000000"),
            (1e19, "1e+19"),
            (12_345_678_901_234_567_000.0, "12345678901234567000"),
            (1e-5, "0.00001"),
            (1e-6, "0.000001"),
            (1.5e-6, "1.5e-6"),
            (1.5e-7, "1.5e-7"),
            (12_345.678_901_234, "1.2345678901234e+4"),
            (1_234.567_890_123_4, "1234.5678901234"),
            (-0.25, "-0.25"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
            (f64::MAX, "1.7976931348623157e+308"),
        ];
        for (n, want) in cases {
            let mut out = Vec::new();
            write_f64(&mut out, n);
            assert_eq!(String::from_utf8(out).unwrap(), want);
        }
    }

    #[test]
    fn seventeen_digits_are_those_of_c() {
        let cases = [
            (0.1, "0.10000000000000001"),
            (3.0, "3"),
            (1e17, "1e+17"),
            (1e16, "10000000000000000"),
            (1e-5, "1.0000000000000001e-05"),
            (0.0001, "0.0001"),
            (-1.5, "-1.5"),
            (f64::INFINITY, "inf"),
            (1e300, "1.0000000000000001e+300"),
        ];
        for (n, want) in cases {
            let mut out = Vec::new();
            write_f64_in_17_digits(&mut out, n);
            assert_eq!(String::from_utf8(out).unwrap(), want);
        }
    }

    #[test]
    fn numbers_that_get_lost_are_none() {
        for (text, want) in [
            ("1e308", Some(1e308)),
            ("1e309", None),
            ("-1e309", None),
            ("inf", Some(f64::INFINITY)),
            ("-Infinity", Some(f64::NEG_INFINITY)),
            ("1e-400", None),
            ("0e-400", Some(0.0)),
            ("0.000", Some(0.0)),
            ("nan", None),
            ("", None),
            ("12x", None),
            ("123456789012345678901", Some(123_456_789_012_345_680_000.0)),
        ] {
            assert_eq!(parse_double(text.as_bytes()), want, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_double_reads_back(bits: u64) {
            let n = f64::from_bits(bits);
            for write in [write_f64, write_f64_in_17_digits] {
                let mut out = Vec::new();
                write(&mut out, n);
                prop_assert!(n.is_nan() || parse_f64(&out) == Some(n));
            }
        }

        #[test]
        fn any_integer_reads_back(n: i64) {
            prop_assert_eq!(parse_i64(n.to_string().as_bytes()), Some(n));
        }

        #[test]
        fn any_text_is_safe(text in "[-+0-9.eE]{0,60}") {
            let _ = (parse_i64(text.as_bytes()), parse_f64(text.as_bytes()));
        }
    }
}
