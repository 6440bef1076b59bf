//! The libraries that Redis gives its scripts beside Lua's own, and those of Lua's that need bounds.

pub(super) mod bit;
pub(super) mod cjson;
pub(super) mod cmsgpack;
pub(super) mod pattern;
pub(super) mod random;
pub(super) mod structs;
pub(super) mod text;

use super::lua::{Lua, Results, function};

/// Adds functions to the table on top.
macro_rules! functions {
    ($lua:expr, $($name:literal => $body:expr),* $(,)?) => {
        $( $crate::script::library::add($lua, $name, $body); )*
    };
}
pub(super) use functions;

pub(super) fn add<F: Fn(&Lua) -> Results + Copy + 'static>(lua: &Lua, name: &str, body: F) {
    lua.push_function(function(body), 0);
    lua.raw_set_field(-2, name);
}
