//! `string.find`, `match`, `gmatch`, `gsub` and `rep` of Lua 5.1, done again: Lua's own cannot be interrupted, and some patterns
//! take them longer than the sun will shine.

mod matching;
mod replacing;

use super::functions;
use crate::script::lua::{Lua, Raise, Results, function};
use matching::Matcher;

/// Characters that have a meaning in patterns.
const SPECIALS: &[u8] = b"^$*+?.([%-";

/// Puts the functions into the table on top.
pub(in crate::script) fn open(lua: &Lua) {
    functions!(lua,
        "find" => |l| find(l, true),
        "match" => |l| find(l, false),
        "gmatch" => all,
        "gfind" => all,
        "gsub" => replacing::replace,
        "rep" => repeat,
    );
}

/// A pattern ends at a zero byte, as in Lua 5.1.
fn pattern(l: &Lua) -> Result<&[u8], Raise> {
    let text = l.check_bytes(2)?;
    Ok(&text[..memchr::memchr(0, text).unwrap_or(text.len())])
}

/// `find(text, pattern, start, plain)`, and `match`, which returns what was found instead of where.
fn find(l: &Lua, where_: bool) -> Results {
    let (text, pattern) = (l.check_bytes(1)?, pattern(l)?);
    let mut start = first_position(l.optional_integer(3, 1)?, text.len());
    if where_ && (l.boolean(4) || !pattern.iter().any(|b| SPECIALS.contains(b))) {
        return find_plain(l, text, l.check_bytes(2)?, start);
    }
    let (anchored, pattern) = anchor(pattern);
    let mut matcher = Matcher::new(l, text, pattern);
    loop {
        if let Some(end) = matcher.at(start)? {
            if !where_ {
                return matcher.push_captures(Some((start, end)));
            }
            l.push_number((start + 1) as f64);
            l.push_number(end as f64);
            return Ok(matcher.push_captures(None)? + 2);
        }
        if anchored || start == text.len() {
            l.push_nil();
            return Ok(1);
        }
        start += 1;
    }
}

fn find_plain(l: &Lua, text: &[u8], wanted: &[u8], start: usize) -> Results {
    match memchr::memmem::find(&text[start..], wanted) {
        Some(at) => {
            l.push_number((start + at + 1) as f64);
            l.push_number((start + at + wanted.len()) as f64);
            Ok(2)
        }
        None => {
            l.push_nil();
            Ok(1)
        }
    }
}

/// Where a position as scripts give it, from 1 or backwards from -1, is in a text.
fn first_position(position: i64, len: usize) -> usize {
    let from_start = if position < 0 { position.saturating_add(len as i64 + 1) } else { position };
    usize::try_from(from_start - 1).unwrap_or(0).min(len)
}

fn anchor(pattern: &[u8]) -> (bool, &[u8]) {
    match pattern.split_first() {
        Some((b'^', rest)) => (true, rest),
        _ => (false, pattern),
    }
}

/// `gmatch(text, pattern)`: a function that returns the next match each time.
fn all(l: &Lua) -> Results {
    l.check_bytes(1)?;
    l.check_bytes(2)?;
    l.set_top(2);
    l.push_new_cell(0_usize);
    l.push_function(function(next), 3);
    Ok(1)
}

fn next(l: &Lua) -> Results {
    l.set_top(0);
    l.push_upvalue(1);
    l.push_upvalue(2);
    let (text, pattern, position) = (l.check_bytes(1)?, pattern(l)?, l.upvalue_cell::<usize>(3));
    let mut matcher = Matcher::new(l, text, pattern);
    for start in position.get()..=text.len() {
        if let Some(end) = matcher.at(start)? {
            position.set(if end == start { end + 1 } else { end });
            return matcher.push_captures(Some((start, end)));
        }
    }
    position.set(text.len() + 1);
    Ok(0)
}

/// `rep(text, count)`
fn repeat(l: &Lua) -> Results {
    let (text, count) = (l.check_bytes(1)?, l.check_integer(2)?);
    let count = usize::try_from(count).unwrap_or(0);
    // Twice: what is made here, and Lua's copy of it.
    l.room(text.len().saturating_mul(count).saturating_mul(2))?;
    l.push_bytes(&text.repeat(count));
    Ok(1)
}
