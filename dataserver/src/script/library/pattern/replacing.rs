//! `string.gsub`

use super::matching::Matcher;
use super::{anchor, pattern};
use crate::script::lua::{Kind, Lua, Raise, Results};

/// `gsub(text, pattern, replacement, most)`
pub(super) fn replace(l: &Lua) -> Results {
    let (text, pattern) = (l.check_bytes(1)?, pattern(l)?);
    if !matches!(l.kind(3), Kind::Number | Kind::String | Kind::Table | Kind::Function) {
        return Err(l.bad_argument(3, "string/function/table expected"));
    }
    let most = l.optional_integer(4, text.len() as i64 + 1)?;
    // A number is made a string once.
    l.bytes(3);
    let (anchored, pattern) = anchor(pattern);
    let mut matcher = Matcher::new(l, text, pattern);
    let (mut out, mut at, mut count) = (Vec::new(), 0, 0);
    while count < most {
        let end = matcher.at(at)?;
        if let Some(end) = end {
            count += 1;
            put_replacement(&matcher, (at, end), &mut out)?;
            l.room(out.len())?;
        }
        match end {
            Some(end) if end > at => at = end,
            _ if at < text.len() => {
                out.push(text[at]);
                at += 1;
            }
            _ => break,
        }
        if anchored {
            break;
        }
    }
    out.extend_from_slice(&text[at..]);
    l.room(out.len())?;
    l.push_bytes(&out);
    l.push_number(count as f64);
    Ok(2)
}

fn put_replacement(matcher: &Matcher<'_>, whole: (usize, usize), out: &mut Vec<u8>) -> Result<(), Raise> {
    let l = matcher.lua;
    match l.kind(3) {
        Kind::Function => {
            l.push_value(3);
            let count = matcher.push_captures(Some(whole))?;
            if !l.call(count, 1) {
                return Err(Raise);
            }
        }
        Kind::Table => {
            l.push_function(crate::script::lua::index, 0);
            l.push_value(3);
            matcher.push_capture(0, whole)?;
            if !l.call(2, 1) {
                return Err(Raise);
            }
        }
        _ => return put_text(matcher, whole, out),
    }
    if !l.boolean(-1) {
        out.extend_from_slice(&matcher.text[whole.0..whole.1]);
    } else if l.is_string(-1) {
        out.extend_from_slice(l.bytes(-1).unwrap_or_default());
    } else {
        return Err(l.error(&format!("invalid replacement value (a {})", l.kind_name(-1))));
    }
    l.pop(1);
    Ok(())
}

/// A replacement in which `%0` is the whole match and `%1` the first capture.
fn put_text(matcher: &Matcher<'_>, whole: (usize, usize), out: &mut Vec<u8>) -> Result<(), Raise> {
    let l = matcher.lua;
    let mut rest = l.bytes(3).unwrap_or_default();
    while let Some(at) = memchr::memchr(b'%', rest) {
        out.extend_from_slice(&rest[..at]);
        match rest.get(at + 1) {
            Some(b'0') => out.extend_from_slice(&matcher.text[whole.0..whole.1]),
            Some(&digit @ b'1'..=b'9') => {
                matcher.push_capture(usize::from(digit - b'1'), whole)?;
                out.extend_from_slice(l.bytes(-1).unwrap_or_default());
                l.pop(1);
            }
            Some(&other) => out.push(other),
            None => out.push(0),
        }
        rest = rest.get(at + 2..).unwrap_or_default();
        l.room(out.len())?;
    }
    out.extend_from_slice(rest);
    Ok(())
}
