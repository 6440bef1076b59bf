//! `cjson`: JSON to Lua's values and back, with the settings and the errors of the library of that name.

mod decode;
mod encode;

use super::functions;
use crate::script::host::Host;
use crate::script::lua::{Kind, Lua, Results};
use std::cell::Cell;

/// What a module's functions are told by its settings.
#[derive(Clone, Copy, Debug)]
pub(in crate::script) struct Settings {
    /// Sparse arrays become objects instead of errors.
    sparse_convert: bool,
    /// An array is sparse when its greatest index is more than this many times its elements; 0 = never.
    sparse_ratio: i32,
    /// Up to this index it never is.
    sparse_safe: i32,
    encode_depth: i32,
    decode_depth: i32,
    encode_invalid: Invalid,
    decode_invalid: bool,
    /// Digits of numbers.
    precision: usize,
    keep_buffer: bool,
}

/// What is made of a number that JSON has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Invalid {
    Error,
    Written,
    Null,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sparse_convert: false,
            sparse_ratio: 2,
            sparse_safe: 10,
            encode_depth: 1000,
            decode_depth: 1000,
            encode_invalid: Invalid::Error,
            decode_invalid: true,
            precision: 14,
            keep_buffer: true,
        }
    }
}

/// Pushes the library's table, with the machine's own settings.
pub(in crate::script) fn open(lua: &Lua) {
    lua.push_cell(&Host::of(lua).json);
    push_module(lua);
}

/// `cjson.new()`: a module with settings of its own.
fn new(l: &Lua) -> Results {
    l.push_new_cell(Settings::default());
    push_module(l);
    Ok(1)
}

/// Makes the settings on top a module with these settings.
fn push_module(lua: &Lua) {
    lua.push_table(0, 13);
    let settings = lua.absolute(-2);
    macro_rules! with_settings {
        ($($name:literal => $body:expr),* $(,)?) => { $(
            lua.push_value(settings);
            lua.push_function(crate::script::lua::function($body), 1);
            lua.raw_set_field(-2, $name);
        )* };
    }
    with_settings!(
        "encode" => encode::encode,
        "decode" => decode::decode,
        "encode_sparse_array" => sparse_array,
        "encode_max_depth" => |l| max_depth(l, |s| &mut s.encode_depth),
        "decode_max_depth" => |l| max_depth(l, |s| &mut s.decode_depth),
        "encode_number_precision" => number_precision,
        "encode_keep_buffer" => keep_buffer,
        "encode_invalid_numbers" => encode_invalid_numbers,
        "decode_invalid_numbers" => decode_invalid_numbers,
    );
    functions!(lua, "new" => new);
    lua.push_userdata(std::ptr::null_mut());
    lua.raw_set_field(-2, "null");
    lua.push_bytes(b"cjson");
    lua.raw_set_field(-2, "_NAME");
    lua.push_bytes(b"2.1.0");
    lua.raw_set_field(-2, "_VERSION");
    lua.remove(settings);
}

fn settings(l: &Lua) -> &Cell<Settings> {
    l.upvalue_cell(1)
}

fn at_most(l: &Lua, count: i32) -> Result<(), crate::script::lua::Raise> {
    if l.top() <= count { Ok(()) } else { Err(l.bad_argument(count + 1, "found too many arguments")) }
}

/// An integer from `least` to `most` at `index`, if one was given.
fn integer(l: &Lua, index: i32, least: i32, most: i32) -> Result<Option<i32>, crate::script::lua::Raise> {
    if l.kind(index) == Kind::None || l.kind(index) == Kind::Nil {
        return Ok(None);
    }
    let value = l.check_integer(index)?;
    match i32::try_from(value) {
        Ok(value) if (least..=most).contains(&value) => Ok(Some(value)),
        _ => Err(l.bad_argument(index, &format!("expected integer between {least} and {most}"))),
    }
}

fn sparse_array(l: &Lua) -> Results {
    at_most(l, 3)?;
    let mut now = settings(l).get();
    match l.kind(1) {
        Kind::None | Kind::Nil => {}
        Kind::Boolean => now.sparse_convert = l.boolean(1),
        _ => now.sparse_convert = option(l, &["off", "on"])? == 1,
    }
    now.sparse_ratio = integer(l, 2, 0, i32::MAX)?.unwrap_or(now.sparse_ratio);
    now.sparse_safe = integer(l, 3, 0, i32::MAX)?.unwrap_or(now.sparse_safe);
    settings(l).set(now);
    l.push_boolean(now.sparse_convert);
    l.push_number(now.sparse_ratio.into());
    l.push_number(now.sparse_safe.into());
    Ok(3)
}

fn max_depth(l: &Lua, field: fn(&mut Settings) -> &mut i32) -> Results {
    at_most(l, 1)?;
    let mut now = settings(l).get();
    let depth = field(&mut now);
    *depth = integer(l, 1, 1, i32::MAX)?.unwrap_or(*depth);
    let depth = *depth;
    settings(l).set(now);
    l.push_number(depth.into());
    Ok(1)
}

fn number_precision(l: &Lua) -> Results {
    at_most(l, 1)?;
    let mut now = settings(l).get();
    now.precision = integer(l, 1, 1, 14)?.map_or(now.precision, |digits| digits as usize);
    settings(l).set(now);
    l.push_number(now.precision as f64);
    Ok(1)
}

fn keep_buffer(l: &Lua) -> Results {
    at_most(l, 1)?;
    let mut now = settings(l).get();
    match l.kind(1) {
        Kind::None | Kind::Nil => {}
        Kind::Boolean => now.keep_buffer = l.boolean(1),
        _ => now.keep_buffer = option(l, &["off", "on"])? == 1,
    }
    settings(l).set(now);
    l.push_boolean(now.keep_buffer);
    Ok(1)
}

fn encode_invalid_numbers(l: &Lua) -> Results {
    at_most(l, 1)?;
    let mut now = settings(l).get();
    match l.kind(1) {
        Kind::None | Kind::Nil => {}
        Kind::Boolean => now.encode_invalid = if l.boolean(1) { Invalid::Written } else { Invalid::Error },
        _ => {
            let choices = [Invalid::Error, Invalid::Written, Invalid::Null];
            now.encode_invalid = choices[option(l, &["off", "on", "null"])?];
        }
    }
    settings(l).set(now);
    match now.encode_invalid {
        Invalid::Null => l.push_bytes(b"null"),
        other => l.push_boolean(other == Invalid::Written),
    }
    Ok(1)
}

fn decode_invalid_numbers(l: &Lua) -> Results {
    at_most(l, 1)?;
    let mut now = settings(l).get();
    match l.kind(1) {
        Kind::None | Kind::Nil => {}
        Kind::Boolean => now.decode_invalid = l.boolean(1),
        _ => now.decode_invalid = option(l, &["off", "on"])? == 1,
    }
    settings(l).set(now);
    l.push_boolean(now.decode_invalid);
    Ok(1)
}

/// Which of these words the first argument is.
fn option(l: &Lua, words: &[&str]) -> Result<usize, crate::script::lua::Raise> {
    let given = l.check_bytes(1)?;
    words
        .iter()
        .position(|word| word.as_bytes() == given)
        .ok_or_else(|| l.bad_argument(1, &format!("invalid option '{}'", String::from_utf8_lossy(given))))
}
