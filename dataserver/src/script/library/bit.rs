//! `bit`: operations on numbers as 32 bits.

use super::functions;
use crate::script::lua::{Lua, Raise, Results};
use std::ffi::c_int;

/// Pushes the library's table.
pub(in crate::script) fn open(lua: &Lua) {
    lua.push_table(0, 12);
    functions!(lua,
        "tobit" => |l| push(l, bits(l, 1)?),
        "bnot" => |l| push(l, !bits(l, 1)?),
        "bswap" => |l| push(l, bits(l, 1)?.swap_bytes()),
        "band" => |l| fold(l, |a, b| a & b),
        "bor" => |l| fold(l, |a, b| a | b),
        "bxor" => |l| fold(l, |a, b| a ^ b),
        "lshift" => |l| shift(l, |a, n| a << n),
        "rshift" => |l| shift(l, |a, n| a >> n),
        "arshift" => |l| shift(l, |a, n| (a as i32 >> n) as u32),
        "rol" => |l| shift(l, u32::rotate_left),
        "ror" => |l| shift(l, u32::rotate_right),
        "tohex" => to_hex,
    );
}

/// A number modulo 2^32, rounded to the nearest whole one: what is left in the lowest bits of its sum with 1.5 * 2^52.
fn bits(l: &Lua, index: c_int) -> Result<u32, Raise> {
    Ok((l.check_number(index)? + 6_755_399_441_055_744.0).to_bits() as u32)
}

fn push(l: &Lua, bits: u32) -> Results {
    l.push_number((bits as i32).into());
    Ok(1)
}

fn fold(l: &Lua, join: fn(u32, u32) -> u32) -> Results {
    let mut result = bits(l, 1)?;
    for index in 2..=l.top() {
        result = join(result, bits(l, index)?);
    }
    push(l, result)
}

fn shift(l: &Lua, by: fn(u32, u32) -> u32) -> Results {
    let (value, n) = (bits(l, 1)?, bits(l, 2)?);
    push(l, by(value, n & 31))
}

/// `tohex(x, digits)`: upper case when the number of digits is negative.
fn to_hex(l: &Lua) -> Results {
    let value = bits(l, 1)?;
    let digits = if l.top() < 2 { 8 } else { bits(l, 2)? as i32 };
    let text = if digits < 0 { format!("{value:08X}") } else { format!("{value:08x}") };
    l.push_bytes(&text.as_bytes()[8 - digits.unsigned_abs().min(8) as usize..]);
    Ok(1)
}
