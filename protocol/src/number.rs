//! Numbers as Redis reads and writes them.

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
    let text = std::str::from_utf8(text).ok()?;
    // Rust's grammar is strtod's but for hexadecimal forms, which no client sends.
    text.parse::<f64>().ok().filter(|n| !n.is_nan())
}

/// Writes a double as Redis 7.2 does: the shortest digits that read back the same.
pub fn write_f64(out: &mut Vec<u8>, n: f64) {
    if n.is_nan() {
        out.extend_from_slice(b"nan");
    } else if n.is_infinite() {
        out.extend_from_slice(if n > 0.0 { b"inf" } else { b"-inf" });
    } else if n == n.trunc() && n.abs() < 1e17 {
        if n == 0.0 && n.is_sign_negative() {
            out.push(b'-');
        }
        out.extend_from_slice(itoa::Buffer::new().format(n as i64).as_bytes());
    } else {
        let mut buffer = zmij::Buffer::new();
        let text = buffer.format_finite(n);
        out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes());
    }
}

/// Digits after the point that INCRBYFLOAT and HINCRBYFLOAT keep (Redis prints a long double by `%.17Lf`).
const SCALE: u32 = 17;

/// `a + b` as INCRBYFLOAT writes it, or `None` when it is infinite.
///
/// Redis adds long doubles (64 bits of mantissa). Adding the decimals exactly gives the same digits wherever a long
/// double has them; sums beyond 10^20 are added as doubles.
pub fn add_decimal(a: &[u8], b: &[u8]) -> Option<Vec<u8>> {
    if let (Some(a), Some(b)) = (fixed(a), fixed(b))
        && let Some(sum) = a.checked_add(b)
    {
        return Some(write_fixed(sum));
    }
    let sum = parse_f64(a)? + parse_f64(b)?;
    sum.is_finite().then(|| trim_zeros(format!("{sum:.17}").into_bytes()))
}

/// A decimal as a whole number of 10^-17, rounded; `None` when it doesn't fit.
fn fixed(text: &[u8]) -> Option<i128> {
    let (mantissa, exponent) = split_exponent(text)?;
    let (negative, digits) = match mantissa.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, mantissa),
    };
    let mut n: i128 = 0;
    let mut scale = i32::try_from(SCALE).ok()? + exponent;
    let mut point = false;
    for &b in digits {
        match b {
            b'.' if !point => point = true,
            b'0'..=b'9' => {
                if point && scale <= 0 && n != 0 && digits.len() > 40 {
                    break;
                }
                n = n.checked_mul(10)?.checked_add(i128::from(b - b'0'))?;
                scale -= i32::from(point);
            }
            _ => return None,
        }
    }
    let n = rescale(n, scale)?;
    // Above this a long double has no digit to spare either.
    (n.abs() < 10i128.pow(20 + SCALE)).then_some(if negative { -n } else { n })
}

fn split_exponent(text: &[u8]) -> Option<(&[u8], i32)> {
    match text.iter().position(|b| matches!(b, b'e' | b'E')) {
        None => Some((text, 0)),
        Some(i) => {
            let exponent: i32 = std::str::from_utf8(&text[i + 1..]).ok()?.parse().ok()?;
            (exponent.abs() < 100).then_some((&text[..i], exponent))
        }
    }
}

fn rescale(n: i128, scale: i32) -> Option<i128> {
    if scale >= 0 {
        return n.checked_mul(10i128.checked_pow(scale.unsigned_abs())?);
    }
    match 10i128.checked_pow(scale.unsigned_abs()) {
        Some(divisor) => Some((n + divisor / 2) / divisor),
        None => Some(0),
    }
}

fn write_fixed(n: i128) -> Vec<u8> {
    let one = 10u128.pow(SCALE);
    let (whole, part) = (n.unsigned_abs() / one, n.unsigned_abs() % one);
    let sign = if n < 0 { "-" } else { "" };
    trim_zeros(format!("{sign}{whole}.{part:017}").into_bytes())
}

fn trim_zeros(mut text: Vec<u8>) -> Vec<u8> {
    let kept = text.iter().rposition(|&b| b != b'0').map_or(0, |i| i + 1);
    text.truncate(kept);
    if text.last() == Some(&b'.') {
        text.pop();
    }
    if text == b"-0" { b"0".to_vec() } else { text }
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
        ];
        for (n, want) in cases {
            let mut out = Vec::new();
            write_f64(&mut out, n);
            assert_eq!(String::from_utf8(out).unwrap(), want);
        }
    }

    #[test]
    fn decimals_add_like_long_doubles() {
        let cases = [
            ("0.1", "0.2", "0.3"),
            ("10.50", "0.1", "10.6"),
            ("5.0e3", "2.0e2", "5200"),
            ("3", "-3", "0"),
            ("-0.5", "0.2", "-0.3"),
            ("1", "1e-17", "1.00000000000000001"),
            ("1e30", "1", "1000000000000000019884624838656"),
        ];
        for (a, b, want) in cases {
            let sum = add_decimal(a.as_bytes(), b.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(sum).unwrap(), want, "{a} + {b}");
        }
        assert_eq!(add_decimal(b"1e308", b"1.7e308"), None);
        assert_eq!(add_decimal(b"inf", b"1"), None);
    }

    proptest! {
        #[test]
        fn any_integer_reads_back(n: i64) {
            prop_assert_eq!(parse_i64(n.to_string().as_bytes()), Some(n));
        }

        #[test]
        fn any_text_is_safe(text in "[-+0-9.eE]{0,60}") {
            let _ = (parse_i64(text.as_bytes()), add_decimal(text.as_bytes(), b"1"), parse_f64(text.as_bytes()));
        }
    }
}
