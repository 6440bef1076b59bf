//! Arguments of functions, and Redis's and Lua's words for wrong ones.

use super::{Kind, Lua, Raise};
use std::ffi::c_int;

impl Lua {
    /// `bad argument #1 to 'name' (what)`
    #[cold]
    pub(in crate::script) fn bad_argument(&self, mut index: c_int, what: &str) -> Raise {
        let at = self.position(0);
        let name = at.as_ref().map_or(&b""[..], |at| &at.name);
        let name = if name.is_empty() { "?".into() } else { String::from_utf8_lossy(name) };
        if at.as_ref().is_some_and(|at| at.is_method) {
            index -= 1;
            if index == 0 {
                return self.error(&format!("calling '{name}' on bad self ({what})"));
            }
        }
        self.error(&format!("bad argument #{index} to '{name}' ({what})"))
    }

    #[cold]
    fn wrong_kind(&self, index: c_int, expected: &str) -> Raise {
        self.bad_argument(index, &format!("{expected} expected, got {}", self.kind_name(index)))
    }

    /// A string, or a number as one.
    #[inline]
    pub(in crate::script) fn check_bytes(&self, index: c_int) -> Result<&[u8], Raise> {
        match self.is_string(index) {
            true => Ok(self.bytes(index).unwrap_or_default()),
            false => Err(self.wrong_kind(index, "string")),
        }
    }

    /// A number, or a string that reads as one.
    #[inline]
    pub(in crate::script) fn check_number(&self, index: c_int) -> Result<f64, Raise> {
        match self.is_number(index) {
            true => Ok(self.number(index)),
            false => Err(self.wrong_kind(index, "number")),
        }
    }

    /// The same cut to a whole number.
    #[inline]
    pub(in crate::script) fn check_integer(&self, index: c_int) -> Result<i64, Raise> {
        self.check_number(index).map(|n| n as i64)
    }

    /// The same, with a default for what was not given.
    pub(in crate::script) fn optional_integer(&self, index: c_int, default: i64) -> Result<i64, Raise> {
        match self.kind(index) {
            Kind::None | Kind::Nil => Ok(default),
            _ => self.check_integer(index),
        }
    }
}
