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

    proptest! {
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
