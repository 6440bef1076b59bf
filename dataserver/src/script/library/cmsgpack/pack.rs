//! Lua's values as MessagePack.

use crate::script::host::Host;
use crate::script::lua::{Kind, Lua, Raise, Results};

/// Tables nested deeper than this become nil.
const MAX_NESTING: usize = 16;

/// `cmsgpack.pack(value, …)`
pub(super) fn pack(l: &Lua) -> Results {
    let count = l.top();
    if count == 0 {
        return Err(l.bad_argument(0, "MessagePack pack needs input."));
    }
    let mut packer = Packer { lua: l, out: Host::of(l).take_buffer() };
    let done = (1..=count).try_for_each(|index| {
        l.push_value(index);
        packer.value(0)
    });
    if done.is_ok() {
        l.push_bytes(&packer.out);
    }
    Host::of(l).give_buffer(packer.out);
    done.map(|()| 1)
}

struct Packer<'l> {
    lua: &'l Lua,
    out: Vec<u8>,
}

impl Packer<'_> {
    /// Writes the value on top, and pops it.
    fn value(&mut self, level: usize) -> Result<(), Raise> {
        let l = self.lua;
        match l.kind(-1) {
            Kind::String => self.string()?,
            Kind::Boolean => self.out.push(if l.boolean(-1) { 0xc3 } else { 0xc2 }),
            Kind::Number => self.number(l.number(-1)),
            Kind::Table if level < MAX_NESTING => self.table(level)?,
            _ => self.out.push(0xc0),
        }
        l.pop(1);
        l.room(self.out.len())?;
        Host::of(l).tick(l)
    }

    fn string(&mut self) -> Result<(), Raise> {
        let bytes = self.lua.bytes(-1).unwrap_or_default();
        self.lua.room(self.out.len() + bytes.len())?;
        match bytes.len() {
            len @ 0..=31 => self.out.push(0xa0 | len as u8),
            len @ 32..=0xff => self.out.extend_from_slice(&[0xd9, len as u8]),
            len => self.sized(0xda, len),
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    /// A length in two bytes, or with the next higher code in four.
    fn sized(&mut self, code: u8, len: usize) {
        match u16::try_from(len) {
            Ok(len) => {
                self.out.push(code);
                self.out.extend_from_slice(&len.to_be_bytes());
            }
            Err(_) => {
                self.out.push(code + 1);
                self.out.extend_from_slice(&(len as u32).to_be_bytes());
            }
        }
    }

    fn number(&mut self, n: f64) {
        if n.is_finite() && (n as i64) as f64 == n && n < i64::MAX as f64 {
            return self.integer(n as i64);
        }
        if f64::from(n as f32) == n {
            self.out.push(0xca);
            self.out.extend_from_slice(&(n as f32).to_be_bytes());
        } else {
            self.out.push(0xcb);
            self.out.extend_from_slice(&n.to_be_bytes());
        }
    }

    fn integer(&mut self, n: i64) {
        let bytes = n.to_be_bytes();
        let (code, width) = match n {
            -32..=127 => return self.out.push(n as u8),
            0x80..=0xff => (0xcc, 1),
            0x100..=0xffff => (0xcd, 2),
            0x1_0000..=0xffff_ffff => (0xce, 4),
            0x1_0000_0000.. => (0xcf, 8),
            -0x80..-32 => (0xd0, 1),
            -0x8000..-0x80 => (0xd1, 2),
            -0x8000_0000..-0x8000 => (0xd2, 4),
            _ => (0xd3, 8),
        };
        self.out.push(code);
        self.out.extend_from_slice(&bytes[8 - width..]);
    }

    fn table(&mut self, level: usize) -> Result<(), Raise> {
        if !self.lua.check_stack(4) {
            return Err(self.lua.error("stack overflow (in function mp_encode_lua_type)"));
        }
        if self.is_array()? { self.array(level) } else { self.map(level) }
    }

    /// Whether the keys are 1 to their count.
    fn is_array(&self) -> Result<bool, Raise> {
        let (l, mut count, mut most) = (self.lua, 0_i64, 0_i64);
        l.push_nil();
        while l.next(-2) {
            l.pop(1);
            let key = if l.kind(-1) == Kind::Number { l.number(-1) } else { 0.0 };
            if key <= 0.0 || key > f64::from(i32::MAX) || key.trunc() != key {
                l.pop(1);
                return Ok(false);
            }
            most = most.max(key as i64);
            count += 1;
            Host::of(l).tick(l)?;
        }
        Ok(most == count)
    }

    fn array(&mut self, level: usize) -> Result<(), Raise> {
        let len = self.lua.length(-1);
        match len {
            0..=15 => self.out.push(0x90 | len as u8),
            _ => self.sized(0xdc, len),
        }
        for i in 1..=len {
            self.lua.raw_get_element(-1, i as i32);
            self.value(level + 1)?;
        }
        Ok(())
    }

    fn map(&mut self, level: usize) -> Result<(), Raise> {
        let (l, mut len) = (self.lua, 0_usize);
        l.push_nil();
        while l.next(-2) {
            l.pop(1);
            len += 1;
        }
        match len {
            0..=15 => self.out.push(0x80 | len as u8),
            _ => self.sized(0xde, len),
        }
        l.push_nil();
        while l.next(-2) {
            l.push_value(-2);
            self.value(level + 1)?;
            self.value(level + 1)?;
        }
        Ok(())
    }
}
