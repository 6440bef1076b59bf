//! Lua's values as JSON.

use super::{Invalid, Settings, settings};
use crate::script::host::Host;
use crate::script::library::text::write_general;
use crate::script::lua::{Kind, Lua, Raise, Results};

/// `cjson.encode(value)`
pub(super) fn encode(l: &Lua) -> Results {
    if l.top() != 1 {
        return Err(l.bad_argument(1, "expected 1 argument"));
    }
    let mut encoder = Encoder { lua: l, settings: settings(l).get(), out: Host::of(l).take_buffer() };
    let done = encoder.value(0);
    if done.is_ok() {
        l.push_bytes(&encoder.out);
    }
    Host::of(l).give_buffer(encoder.out);
    done.map(|()| 1)
}

struct Encoder<'l> {
    lua: &'l Lua,
    settings: Settings,
    out: Vec<u8>,
}

impl Encoder<'_> {
    /// Writes the value on top, and leaves it there.
    fn value(&mut self, depth: i32) -> Result<(), Raise> {
        let l = self.lua;
        match l.kind(-1) {
            Kind::String => self.string(-1),
            Kind::Number => self.number(-1),
            Kind::Boolean => {
                self.out.extend_from_slice(if l.boolean(-1) { b"true" } else { b"false" });
                Ok(())
            }
            Kind::Table => self.table(depth + 1),
            Kind::Nil => self.null(),
            Kind::LightUserdata if l.userdata(-1).is_null() => self.null(),
            _ => Err(self.refuse(-1, "type not supported")),
        }
    }

    fn null(&mut self) -> Result<(), Raise> {
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    #[cold]
    fn refuse(&self, index: i32, why: &str) -> Raise {
        self.lua.error(&format!("Cannot serialise {}: {why}", self.lua.kind_name(index)))
    }

    fn string(&mut self, index: i32) -> Result<(), Raise> {
        let bytes = self.lua.bytes(index).unwrap_or_default();
        self.lua.room(self.out.len() + bytes.len())?;
        self.out.push(b'"');
        let mut plain = 0;
        for (i, &byte) in bytes.iter().enumerate() {
            if byte >= 0x20 && !matches!(byte, b'"' | b'/' | b'\\' | 0x7f) {
                continue;
            }
            self.out.extend_from_slice(&bytes[plain..i]);
            plain = i + 1;
            self.escape(byte);
        }
        self.out.extend_from_slice(&bytes[plain..]);
        self.out.push(b'"');
        Ok(())
    }

    fn escape(&mut self, byte: u8) {
        let short = match byte {
            b'"' | b'/' | b'\\' => byte,
            8 => b'b',
            9 => b't',
            10 => b'n',
            12 => b'f',
            13 => b'r',
            _ => {
                let digit = |n: u8| b"0123456789abcdef"[usize::from(n)];
                self.out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
                return;
            }
        };
        self.out.extend_from_slice(&[b'\\', short]);
    }

    fn number(&mut self, index: i32) -> Result<(), Raise> {
        let n = self.lua.number(index);
        if !n.is_finite() {
            match self.settings.encode_invalid {
                Invalid::Error => return Err(self.refuse(index, "must not be NaN or Inf")),
                Invalid::Null => return self.null(),
                Invalid::Written if n.is_nan() => {
                    self.out.extend_from_slice(b"nan");
                    return Ok(());
                }
                Invalid::Written => {}
            }
        }
        write_general(&mut self.out, n, self.settings.precision);
        Ok(())
    }

    fn table(&mut self, depth: i32) -> Result<(), Raise> {
        if depth > self.settings.encode_depth || !self.lua.check_stack(3) {
            return Err(self.lua.error(&format!("Cannot serialise, excessive nesting ({depth})")));
        }
        match self.array_length()? {
            Some(length) if length > 0 => self.array(length, depth),
            _ => self.object(depth),
        }
    }

    /// The greatest index when all keys are whole numbers from 1 on.
    fn array_length(&self) -> Result<Option<i32>, Raise> {
        let (l, mut most, mut items) = (self.lua, 0_i32, 0_i32);
        l.push_nil();
        while l.next(-2) {
            l.pop(1);
            let key = if l.kind(-1) == Kind::Number { l.number(-1) } else { 0.0 };
            if key < 1.0 || key.floor() != key {
                l.pop(1);
                return Ok(None);
            }
            most = most.max(key as i32);
            items += 1;
            Host::of(l).tick(l)?;
        }
        let Settings { sparse_ratio: ratio, sparse_safe: safe, .. } = self.settings;
        let sparse = ratio > 0 && i64::from(most) > i64::from(items) * i64::from(ratio) && most > safe;
        match sparse {
            true if self.settings.sparse_convert => Ok(None),
            true => Err(self.refuse(-1, "excessively sparse array")),
            false => Ok(Some(most)),
        }
    }

    fn array(&mut self, length: i32, depth: i32) -> Result<(), Raise> {
        self.out.push(b'[');
        for i in 1..=length {
            if i > 1 {
                self.out.push(b',');
            }
            self.lua.raw_get_element(-1, i);
            self.value(depth)?;
            self.lua.pop(1);
            self.step()?;
        }
        self.out.push(b']');
        Ok(())
    }

    fn object(&mut self, depth: i32) -> Result<(), Raise> {
        let l = self.lua;
        self.out.push(b'{');
        let mut first = true;
        l.push_nil();
        while l.next(-2) {
            if !std::mem::take(&mut first) {
                self.out.push(b',');
            }
            match l.kind(-2) {
                Kind::Number => {
                    self.out.push(b'"');
                    self.number(-2)?;
                    self.out.push(b'"');
                }
                Kind::String => self.string(-2)?,
                _ => return Err(self.refuse(-2, "table key must be a number or string")),
            }
            self.out.push(b':');
            self.value(depth)?;
            l.pop(1);
            self.step()?;
        }
        self.out.push(b'}');
        Ok(())
    }

    /// After each element: a sparse array, or a table that is in itself often, makes much of little.
    fn step(&self) -> Result<(), Raise> {
        self.lua.room(self.out.len())?;
        Host::of(self.lua).tick(self.lua)
    }
}
