//! MessagePack as Lua's values.

use crate::script::host::Host;
use crate::script::lua::{Kind, Lua, Raise, Results};

/// `cmsgpack.unpack(text)`: all values in it.
pub(super) fn unpack(l: &Lua) -> Results {
    unpack_some(l, 0, 0)
}

/// `cmsgpack.unpack_one(text, offset)`: where to go on, and a value.
pub(super) fn unpack_one(l: &Lua) -> Results {
    let offset = l.optional_integer(2, 0)?;
    l.set_top(1);
    unpack_some(l, 1, offset)
}

/// `cmsgpack.unpack_limit(text, limit, offset)`: where to go on, and that many values.
pub(super) fn unpack_limit(l: &Lua) -> Results {
    let (limit, offset) = (l.check_integer(2)?, l.optional_integer(3, 0)?);
    l.set_top(1);
    unpack_some(l, limit, offset)
}

fn unpack_some(l: &Lua, limit: i64, offset: i64) -> Results {
    let text = l.check_bytes(1)?;
    let all = limit == 0 && offset == 0;
    if offset < 0 || limit < 0 {
        let len = text.len();
        let text = format!("Invalid request to unpack with offset of {offset} and limit of {len}.");
        return Err(l.error(&text));
    }
    let Some(rest) = usize::try_from(offset).ok().and_then(|offset| text.get(offset..)) else {
        let len = text.len();
        return Err(l.error(&format!("Start offset {offset} greater than input length {len}.")));
    };
    let mut unpacker = Unpacker { lua: l, rest };
    let mut count = 0;
    while !unpacker.rest.is_empty() && (all || i64::from(count) < limit) {
        if let Err(why) = unpacker.value() {
            return Err(match why {
                Wrong::Short => l.error("Missing bytes in input."),
                Wrong::Format => l.error("Bad data format in input."),
                Wrong::Raise(raise) => raise,
            });
        }
        count += 1;
    }
    if all {
        return Ok(count);
    }
    let next = if unpacker.rest.is_empty() { -1.0 } else { (text.len() - unpacker.rest.len()) as f64 };
    l.push_number(next);
    l.insert(-1 - count);
    Ok(count + 1)
}

enum Wrong {
    Short,
    Format,
    Raise(Raise),
}

impl From<Raise> for Wrong {
    fn from(raise: Raise) -> Self {
        Self::Raise(raise)
    }
}

struct Unpacker<'l> {
    lua: &'l Lua,
    rest: &'l [u8],
}

impl<'l> Unpacker<'l> {
    fn take(&mut self, count: usize) -> Result<&'l [u8], Wrong> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Wrong::Short)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Wrong> {
        self.take(N)?.try_into().map_err(|_| Wrong::Short)
    }

    /// A length in `width` bytes.
    fn length(&mut self, width: usize) -> Result<usize, Wrong> {
        Ok(self.take(width)?.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte)))
    }

    /// Pushes the next value.
    fn value(&mut self) -> Result<(), Wrong> {
        let l = self.lua;
        if !l.check_stack(4) {
            let text =
                "stack overflow (too many return values at once; use unpack_one or unpack_limit instead.)";
            return Err(l.error(text).into());
        }
        l.room(0)?;
        Host::of(l).tick(l)?;
        let code = self.array::<1>()?[0];
        match code {
            0x00..=0x7f => l.push_number(code.into()),
            0xe0..=0xff => l.push_number((code as i8).into()),
            0x80..=0x8f => return self.map(usize::from(code & 15)),
            0x90..=0x9f => return self.list(usize::from(code & 15)),
            0xa0..=0xbf => return self.string(usize::from(code & 31)),
            0xc0 => l.push_nil(),
            0xc2 | 0xc3 => l.push_boolean(code == 0xc3),
            0xca => l.push_number(f32::from_be_bytes(self.array()?).into()),
            0xcb => l.push_number(f64::from_be_bytes(self.array()?)),
            0xcc => l.push_number(self.array::<1>()?[0].into()),
            0xcd => l.push_number(u16::from_be_bytes(self.array()?).into()),
            0xce => l.push_number(u32::from_be_bytes(self.array()?).into()),
            0xd0 => l.push_number(i8::from_be_bytes(self.array()?).into()),
            0xd1 => l.push_number(i16::from_be_bytes(self.array()?).into()),
            0xd2 => l.push_number(i32::from_be_bytes(self.array()?).into()),
            // The original takes unsigned ones of 64 bits for signed ones, too.
            0xcf | 0xd3 => l.push_number(i64::from_be_bytes(self.array()?) as f64),
            0xd9..=0xdb => {
                let length = self.length(1 << (code - 0xd9))?;
                return self.string(length);
            }
            0xdc | 0xdd => {
                let length = self.length(2 << (code - 0xdc))?;
                return self.list(length);
            }
            0xde | 0xdf => {
                let length = self.length(2 << (code - 0xde))?;
                return self.map(length);
            }
            _ => return Err(Wrong::Format),
        }
        Ok(())
    }

    fn string(&mut self, length: usize) -> Result<(), Wrong> {
        let bytes = self.take(length)?;
        self.lua.room(length)?;
        self.lua.push_bytes(bytes);
        Ok(())
    }

    fn list(&mut self, length: usize) -> Result<(), Wrong> {
        self.lua.push_table(0, 0);
        for i in 1..=length {
            self.value()?;
            self.lua.raw_set_element(-2, i as i32);
        }
        Ok(())
    }

    fn map(&mut self, length: usize) -> Result<(), Wrong> {
        let l = self.lua;
        l.push_table(0, 0);
        for _ in 0..length {
            self.value()?;
            self.value()?;
            let key = l.kind(-2);
            if key == Kind::Nil {
                return Err(l.error("table index is nil").into());
            }
            if key == Kind::Number && l.number(-2).is_nan() {
                return Err(l.error("table index is NaN").into());
            }
            l.raw_set(-3);
        }
        Ok(())
    }
}
