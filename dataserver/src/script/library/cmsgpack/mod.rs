//! `cmsgpack`: MessagePack to Lua's values and back.

mod pack;
mod unpack;

use super::functions;
use crate::script::lua::Lua;

/// Pushes the library's table.
pub(in crate::script) fn open(lua: &Lua) {
    lua.push_table(0, 8);
    functions!(lua,
        "pack" => pack::pack,
        "unpack" => unpack::unpack,
        "unpack_one" => unpack::unpack_one,
        "unpack_limit" => unpack::unpack_limit,
    );
    for (name, text) in [
        ("_NAME", "cmsgpack"),
        ("_VERSION", "lua-cmsgpack 0.4.0"),
        ("_COPYRIGHT", "Copyright (C) 2012, Salvatore Sanfilippo"),
        ("_DESCRIPTION", "MessagePack C implementation for Lua"),
    ] {
        lua.push_bytes(text.as_bytes());
        lua.raw_set_field(-2, name);
    }
}
