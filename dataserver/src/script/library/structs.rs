//! `struct`: numbers and strings packed by a format.
//!
//! `>` big endian, `<` little endian, `![n]` alignment, `x` padding, `b B` 1 byte, `h H` 2, `l L T` 8, `i[n] I[n]` n bytes
//! (4), `c[n]` n bytes of a string, `s` a string up to a zero byte, `f d` floating point; lower case is signed.

use super::functions;
use crate::script::lua::{Lua, Raise, Results};

/// The largest integer that a format may name, in bytes.
const MAX_INTEGER: i32 = 32;
/// The alignment of `!` alone.
const MAX_ALIGN: i32 = 8;

/// Pushes the library's table.
pub(in crate::script) fn open(lua: &Lua) {
    lua.push_table(0, 3);
    functions!(lua, "pack" => pack, "unpack" => unpack, "size" => size);
}

/// A format that is being read.
struct Format<'f> {
    lua: &'f Lua,
    rest: &'f [u8],
    big: bool,
    align: usize,
}

/// One option of a format.
struct Item {
    option: u8,
    size: usize,
    padding: usize,
}

impl<'f> Format<'f> {
    fn new(lua: &'f Lua) -> Result<Self, Raise> {
        let text = lua.check_bytes(1)?;
        let end = text.iter().position(|&b| b == 0).unwrap_or(text.len());
        Ok(Self { lua, rest: &text[..end], big: false, align: 1 })
    }

    /// The next option, for an element that would stand at `position`.
    fn next(&mut self, position: usize) -> Result<Option<Item>, Raise> {
        let Some((&option, rest)) = self.rest.split_first() else { return Ok(None) };
        self.rest = rest;
        let size = match option {
            b'b' | b'B' | b'x' => 1,
            b'h' | b'H' => 2,
            b'f' => 4,
            b'l' | b'L' | b'T' | b'd' => 8,
            b'c' => self.number(1)? as usize,
            b'i' | b'I' => self.integer_size()?,
            _ => 0,
        };
        Ok(Some(Item { option, size, padding: self.padding(position, option, size) }))
    }

    fn integer_size(&mut self) -> Result<usize, Raise> {
        let size = self.number(4)?;
        if size > MAX_INTEGER {
            let text = format!("integral size {size} is larger than limit of {MAX_INTEGER}");
            return Err(self.lua.error(&text));
        }
        Ok(size as usize)
    }

    /// The number that follows an option, or its default.
    fn number(&mut self, default: i32) -> Result<i32, Raise> {
        let digits = self.rest.iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 {
            return Ok(default);
        }
        let (number, rest) = self.rest.split_at(digits);
        self.rest = rest;
        let add = |sum: i32, digit: &u8| sum.checked_mul(10)?.checked_add(i32::from(digit - b'0'));
        number.iter().try_fold(0, add).ok_or_else(|| self.lua.error("integral size overflow"))
    }

    fn padding(&self, position: usize, option: u8, size: usize) -> usize {
        if size == 0 || option == b'c' {
            return 0;
        }
        // As in the original, sizes that are no power of two are aligned by their bits.
        let size = size.min(self.align);
        size.wrapping_sub(position & (size - 1)) & (size - 1)
    }

    /// An option that stands for no value.
    fn control(&mut self, option: u8) -> Result<(), Raise> {
        match option {
            b' ' => {}
            b'>' => self.big = true,
            b'<' => self.big = false,
            b'!' => {
                let align = self.number(MAX_ALIGN)?;
                if align <= 0 || align & (align - 1) != 0 {
                    return Err(self.lua.error(&format!("alignment {align} is not a power of 2")));
                }
                self.align = align as usize;
            }
            _ => {
                let text = format!("invalid format option '{}'", option as char);
                return Err(self.lua.bad_argument(1, &text));
            }
        }
        Ok(())
    }

    /// Bytes in the order of this machine, which is little endian, in the format's order.
    fn put(&self, out: &mut Vec<u8>, little: &[u8]) {
        match self.big {
            true => out.extend(little.iter().rev()),
            false => out.extend_from_slice(little),
        }
    }
}

fn pack(l: &Lua) -> Results {
    let (mut format, mut out, mut arg) = (Format::new(l)?, Vec::new(), 2);
    while let Some(item) = format.next(out.len())? {
        out.resize(out.len() + item.padding, 0);
        match item.option {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                let bytes = integer_bytes(l.check_number(arg)?);
                format.put(&mut out, &bytes[..item.size]);
            }
            b'x' => out.push(0),
            b'f' => format.put(&mut out, &(l.check_number(arg)? as f32).to_le_bytes()),
            b'd' => format.put(&mut out, &l.check_number(arg)?.to_le_bytes()),
            b'c' | b's' => put_string(l, arg, &item, &mut out)?,
            other => {
                format.control(other)?;
                continue;
            }
        }
        arg += i32::from(item.option != b'x');
        l.room(out.len())?;
    }
    l.push_bytes(&out);
    Ok(1)
}

fn put_string(l: &Lua, arg: i32, item: &Item, out: &mut Vec<u8>) -> Result<(), Raise> {
    let text = l.check_bytes(arg)?;
    let size = if item.size == 0 { text.len() } else { item.size };
    let Some(text) = text.get(..size) else { return Err(l.bad_argument(arg + 1, "string too short")) };
    l.room(size)?;
    out.extend_from_slice(text);
    if item.option == b's' {
        out.push(0);
    }
    Ok(())
}

/// A whole number in 32 bytes; what is beyond 64 bits is zero.
fn integer_bytes(n: f64) -> [u8; MAX_INTEGER as usize] {
    let value = if n < i64::MAX as f64 { n as i64 as u64 } else { n as u64 };
    let mut bytes = [0; MAX_INTEGER as usize];
    bytes[..8].copy_from_slice(&value.to_le_bytes());
    bytes
}

fn unpack(l: &Lua) -> Results {
    let mut format = Format::new(l)?;
    let data = l.check_bytes(2)?;
    let Some(mut position) = (l.optional_integer(3, 1)? as usize).checked_sub(1) else {
        return Err(l.bad_argument(3, "offset must be 1 or greater"));
    };
    let mut results = 0;
    while let Some(item) = format.next(position)? {
        position = position.wrapping_add(item.padding);
        let mut size = item.size;
        if size > data.len() || position > data.len() - size {
            return Err(l.bad_argument(2, "data string too short"));
        }
        if !l.check_stack(2) {
            return Err(l.error("stack overflow (too many results)"));
        }
        let rest = &data[position..];
        match item.option {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                l.push_number(integer(&rest[..size], format.big, item.option.is_ascii_lowercase()));
            }
            b'f' => l.push_number(f32::from_le_bytes(ordered(rest, format.big)).into()),
            b'd' => l.push_number(f64::from_le_bytes(ordered(rest, format.big))),
            b'c' => {
                if size == 0 {
                    size = previous_size(l, results)?;
                    results -= 1;
                }
                let Some(bytes) = rest.get(..size) else {
                    return Err(l.bad_argument(2, "data string too short"));
                };
                l.push_bytes(bytes);
            }
            b's' => {
                let Some(end) = memchr::memchr(0, rest) else {
                    return Err(l.error("unfinished string in data"));
                };
                l.push_bytes(&rest[..end]);
                size = end + 1;
            }
            b'x' => results -= 1,
            other => {
                format.control(other)?;
                results -= 1;
            }
        }
        l.room(0)?;
        results += 1;
        position += size;
    }
    l.push_number((position + 1) as f64);
    Ok(results + 1)
}

/// `c0`: the number that was unpacked before, which it takes away.
fn previous_size(l: &Lua, results: i32) -> Result<usize, Raise> {
    if results == 0 || !l.is_number(-1) {
        return Err(l.error("format 'c0' needs a previous size"));
    }
    let size = l.number(-1) as i64;
    l.pop(1);
    Ok(usize::try_from(size).unwrap_or(usize::MAX))
}

fn ordered<const N: usize>(data: &[u8], big: bool) -> [u8; N] {
    let mut bytes = *data.first_chunk::<N>().unwrap_or(&[0; N]);
    if big {
        bytes.reverse();
    }
    bytes
}

/// An integer of any size; what is beyond its lowest 64 bits is lost.
fn integer(bytes: &[u8], big: bool, signed: bool) -> f64 {
    let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
    let value = if big { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) };
    if !signed {
        return value as f64;
    }
    let unused = 64 - 8 * bytes.len().clamp(1, 8) as u32;
    ((value << unused) as i64 >> unused) as f64
}

fn size(l: &Lua) -> Results {
    let (mut format, mut position) = (Format::new(l)?, 0_usize);
    while let Some(item) = format.next(position)? {
        match item.option {
            b's' => return Err(l.bad_argument(1, "option 's' has no fixed size")),
            b'c' if item.size == 0 => return Err(l.bad_argument(1, "option 'c0' has no fixed size")),
            option if !option.is_ascii_alphanumeric() => format.control(option)?,
            _ => {}
        }
        position += item.padding + item.size;
    }
    l.push_number(position as f64);
    Ok(1)
}
