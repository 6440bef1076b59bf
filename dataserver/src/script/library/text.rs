//! Numbers as text in the forms that C's `printf` and `strtod` have.

/// Appends `n` as `%.{digits}g` does; `digits` is at least 1.
pub(in crate::script) fn write_general(out: &mut Vec<u8>, n: f64, digits: usize) {
    if n.is_nan() {
        out.extend_from_slice(if n.is_sign_negative() { b"-nan" } else { b"nan" });
    } else if n.is_infinite() {
        out.extend_from_slice(if n > 0.0 { b"inf" } else { b"-inf" });
    } else if n == n.trunc() && n.abs() < 1e14_f64.min(10_f64.powi(digits as i32)) {
        if n == 0.0 && n.is_sign_negative() {
            out.push(b'-');
        }
        out.extend_from_slice(itoa::Buffer::new().format(n as i64).as_bytes());
    } else {
        write_rounded(out, n, digits);
    }
}

fn write_rounded(out: &mut Vec<u8>, n: f64, digits: usize) {
    // `-1.2345e-7`: digits and exponent are right, only the form is another.
    let text = format!("{:.*e}", digits - 1, n);
    let Some((mantissa, exponent)) = text.split_once('e') else { return };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let all: Vec<u8> = mantissa.bytes().filter(|&b| b != b'.').collect();
    let kept = all.iter().rposition(|&b| b != b'0').map_or(1, |last| last + 1);
    out.extend_from_slice(sign.as_bytes());
    if exponent < -4 || exponent >= digits as i32 {
        put_fixed(out, &all[..kept], 1);
        let (sign, size) = (if exponent < 0 { '-' } else { '+' }, exponent.abs());
        out.extend_from_slice(format!("e{sign}{size:02}").as_bytes());
    } else if exponent < 0 {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', exponent.unsigned_abs() as usize - 1));
        out.extend_from_slice(&all[..kept]);
    } else {
        let whole = exponent as usize + 1;
        put_fixed(out, &all[..kept.max(whole)], whole);
    }
}

fn put_fixed(out: &mut Vec<u8>, digits: &[u8], whole: usize) {
    let (whole, fraction) = digits.split_at(whole);
    out.extend_from_slice(whole);
    if !fraction.is_empty() {
        out.push(b'.');
        out.extend_from_slice(fraction);
    }
}

/// Reads the number at the start of `text` as `strtod` does, and says how many bytes it took.
pub(in crate::script) fn read_number(text: &[u8]) -> Option<(f64, usize)> {
    let sign = usize::from(matches!(text.first(), Some(b'-' | b'+')));
    let negative = text.first() == Some(&b'-');
    let rest = &text[sign..];
    let (value, length) = read_word(rest).or_else(|| read_hex(rest)).or_else(|| read_decimal(rest))?;
    Some((if negative { -value } else { value }, sign + length))
}

fn read_word(text: &[u8]) -> Option<(f64, usize)> {
    let begins = |word: &[u8]| text.get(..word.len()).is_some_and(|t| t.eq_ignore_ascii_case(word));
    if begins(b"infinity") {
        Some((f64::INFINITY, 8))
    } else if begins(b"inf") {
        Some((f64::INFINITY, 3))
    } else {
        begins(b"nan").then_some((f64::NAN, 3))
    }
}

fn read_decimal(text: &[u8]) -> Option<(f64, usize)> {
    let digits = |from: usize| text[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let whole = digits(0);
    let mut end = whole;
    if whole > 0 && whole < 16 && !matches!(text.get(whole), Some(b'.' | b'e' | b'E')) {
        let value = text[..whole].iter().fold(0_u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
        return Some((value as f64, whole));
    }
    if text.get(end) == Some(&b'.') {
        let fraction = digits(end + 1);
        if whole + fraction == 0 {
            return None;
        }
        end += 1 + fraction;
    } else if whole == 0 {
        return None;
    }
    if matches!(text.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(end + 1), Some(b'-' | b'+')));
        let exponent = text.get(end + 1 + sign..).map_or(0, |_| digits(end + 1 + sign));
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    let value = std::str::from_utf8(&text[..end]).ok()?.parse().ok()?;
    Some((value, end))
}

/// `0x1F.8p3`
fn read_hex(text: &[u8]) -> Option<(f64, usize)> {
    if text.first() != Some(&b'0') || !matches!(text.get(1), Some(b'x' | b'X')) {
        return None;
    }
    let (mut value, mut scale, mut at, mut digits, mut point) = (0_f64, 0_i32, 2, 0, false);
    while let Some(&byte) = text.get(at) {
        match (byte as char).to_digit(16) {
            Some(digit) => {
                value = value * 16.0 + f64::from(digit);
                scale -= if point { 4 } else { 0 };
                digits += 1;
            }
            None if byte == b'.' && !point => point = true,
            None => break,
        }
        at += 1;
    }
    if digits == 0 {
        // Only the zero before the x is a number.
        return Some((0.0, 1));
    }
    if matches!(text.get(at), Some(b'p' | b'P'))
        && let Some((exponent, length)) = read_exponent(&text[at + 1..])
    {
        scale = scale.saturating_add(exponent);
        at += 1 + length;
    }
    Some((value * 2_f64.powi(scale), at))
}

fn read_exponent(text: &[u8]) -> Option<(i32, usize)> {
    let sign = usize::from(matches!(text.first(), Some(b'-' | b'+')));
    let digits = text[sign..].iter().take_while(|b| b.is_ascii_digit()).count();
    let number = text[sign..sign + digits]
        .iter()
        .fold(0_i32, |sum, d| sum.saturating_mul(10).saturating_add(i32::from(d - b'0')));
    (digits > 0).then_some((if text[0] == b'-' { -number } else { number }, sign + digits))
}

/// A number as C casts it to a whole one on the machines that Redis runs on: toward zero, and the least one for what
/// does not fit.
#[inline]
pub(in crate::script) fn whole(n: f64) -> i64 {
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&n) { n as i64 } else { i64::MIN }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn general(n: f64, digits: usize) -> String {
        let mut out = Vec::new();
        write_general(&mut out, n, digits);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_are_written_as_by_printf() {
        for (n, digits, want) in [
            (1.0, 14, "1"),
            (-0.0, 14, "-0"),
            (0.1, 14, "0.1"),
            (0.1, 17, "0.10000000000000001"),
            (1e20, 14, "1e+20"),
            (123_456_789.0, 3, "1.23e+08"),
            (0.000_012_345, 14, "1.2345e-05"),
            (0.000_123_45, 14, "0.00012345"),
            (12_345_678_901_234_567_890.0, 14, "1.2345678901235e+19"),
            (100.5, 14, "100.5"),
            (99.99, 2, "1e+02"),
            (1e300, 14, "1e+300"),
            (f64::NEG_INFINITY, 14, "-inf"),
        ] {
            assert_eq!(general(n, digits), want);
        }
    }

    #[test]
    fn numbers_are_read_as_by_strtod() {
        for (text, want) in [
            ("1", Some((1.0, 1))),
            ("-1.5e3x", Some((-1500.0, 6))),
            ("1e", Some((1.0, 1))),
            ("1e+", Some((1.0, 1))),
            (".5", Some((0.5, 2))),
            ("5.", Some((5.0, 2))),
            (".", None),
            ("-", None),
            ("", None),
            ("0x10", Some((16.0, 4))),
            ("0x.8p1", Some((1.0, 6))),
            ("0xg", Some((0.0, 1))),
            ("1e400", Some((f64::INFINITY, 5))),
            ("-infinityx", Some((f64::NEG_INFINITY, 9))),
            ("12345678901234567890", Some((12_345_678_901_234_567_890.0, 20))),
        ] {
            assert_eq!(read_number(text.as_bytes()), want, "{text}");
        }
    }
}
