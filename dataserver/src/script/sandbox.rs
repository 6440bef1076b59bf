//! What scripts find in a virtual machine, and that they cannot change it.
//!
//! Lua 5.1 has no tables that cannot be written, so a script never gets hold of a table that others see, but of an empty
//! one in its stead, whose metatable reads from the real one and refuses writes. The functions of Lua that look past
//! metatables (`next`, `rawget`, `rawset`, `table.insert` …) are given ways around it here. What is left out: all that
//! reads files (`dofile`, `loadfile`, `io`, `os`, `package`), prints, or changes what a function sees
//! (`setfenv`, `getfenv`, `debug`), and `newproxy`, whose finalizers would run in some other script.

#![allow(unsafe_code, reason = "functions that Lua calls, without a Rust frame that an error would cut off")]

mod functions;

use super::library::{self, bit, cjson, cmsgpack, pattern, random, structs};
use super::lua::{CFunction, Kept, Kind, Lua, Results, function};
use super::{api, host};
use functions::{
    call_and_handle, get_metatable, pairs, past_stand_in, protected_call, sort, unless_ending,
    unless_stand_in,
};
use mlua::ffi;
use std::ffi::{CString, c_int, c_void};

/// Where a stand-in's metatable has the real table. No script can make such a key.
static REAL: u8 = 0;
/// Where it has what `getmetatable` returns.
static VISIBLE: u8 = 0;

fn mark(of: &'static u8) -> *mut c_void {
    (&raw const *of).cast_mut().cast()
}

const READ_ONLY: &[u8] = b"Attempt to modify a readonly table";

/// The worlds of scripts and of functions.
pub(super) struct Worlds {
    /// What a script's globals are.
    pub scripts: Kept,
    /// The real table behind them, into which KEYS and ARGV are put.
    pub script_globals: Kept,
    /// What a function's globals are.
    pub functions: Kept,
    /// The metatable of those: where they are read from changes while a library is loaded.
    pub functions_meta: Kept,
    /// The real table behind them.
    pub function_globals: Kept,
    /// The same while a library is loaded.
    pub loading_globals: Kept,
}

impl Worlds {
    /// Fills an empty machine.
    pub(super) fn open(lua: &Lua) -> Self {
        open_lua_libraries(lua);
        // The libraries are the same for both, `redis` is not.
        lua.push_table(0, 48);
        let shared = lua.top();
        fill_shared(lua, shared);
        let (scripts, _, script_globals) = world(lua, shared, api::open_for_scripts);
        let (functions, functions_meta, function_globals) = world(lua, shared, api::open);
        lua.pop(1);
        Self {
            scripts,
            script_globals,
            functions,
            functions_meta,
            function_globals,
            loading_globals: loading_globals(lua),
        }
    }
}

/// Lua's own libraries, of those that touch nothing outside, into the state's first globals.
fn open_lua_libraries(lua: &Lua) {
    let libraries: [CFunction; 4] =
        [ffi::luaopen_base, ffi::luaopen_table, ffi::luaopen_string, ffi::luaopen_math];
    for open in libraries {
        lua.push_function(open, 0);
        lua.push_bytes(b"");
        assert!(lua.call(1, 0), "Lua's own libraries open");
    }
}

/// Functions of Lua's base library that scripts get as they are.
const BASE: [&str; 11] = [
    "assert", "error", "gcinfo", "ipairs", "rawequal", "select", "tonumber", "tostring", "type", "unpack",
    "_VERSION",
];

/// Puts all but `redis` and `_G` into the table at `shared`.
fn fill_shared(lua: &Lua, shared: c_int) {
    for name in BASE {
        push_global(lua, name);
        protect_on_top(lua);
        lua.raw_set_field(shared, name);
    }
    for (name, wrapper) in [
        ("next", past_stand_in as CFunction),
        ("rawget", past_stand_in),
        ("rawset", unless_stand_in),
        ("setmetatable", unless_stand_in),
    ] {
        push_global(lua, name);
        lua.push_function(wrapper, 1);
        lua.raw_set_field(shared, name);
    }
    push_global(lua, "next");
    lua.push_function(pairs, 1);
    lua.raw_set_field(shared, "pairs");
    lua.push_function(get_metatable, 0);
    lua.raw_set_field(shared, "getmetatable");
    lua.push_function(protected_call, 0);
    lua.raw_set_field(shared, "pcall");
    lua.push_function(call_and_handle, 0);
    lua.raw_set_field(shared, "xpcall");
    lua.push_value(shared);
    library::functions!(lua, "loadstring" => load_string, "load" => load, "collectgarbage" => collect_garbage);
    lua.pop(1);
    fill_libraries(lua, shared);
}

fn fill_libraries(lua: &Lua, shared: c_int) {
    push_global(lua, "coroutine");
    for name in ["create", "resume", "wrap"] {
        lua.raw_get_field(-1, name);
        lua.push_function(unless_ending, 1);
        lua.raw_set_field(-2, name);
    }
    protect_on_top(lua);
    lua.raw_set_field(shared, "coroutine");

    push_global(lua, "table");
    for (name, wrapper) in
        [("insert", unless_stand_in as CFunction), ("remove", unless_stand_in), ("foreach", past_stand_in)]
    {
        lua.raw_get_field(-1, name);
        lua.push_function(wrapper, 1);
        lua.raw_set_field(-2, name);
    }
    lua.raw_get_field(-1, "sort");
    lua.push_function(sort, 1);
    lua.raw_set_field(-2, "sort");
    protect_on_top(lua);
    lua.raw_set_field(shared, "table");

    push_global(lua, "math");
    random::open(lua);
    protect_on_top(lua);
    lua.raw_set_field(shared, "math");

    push_global(lua, "string");
    pattern::open(lua);
    protect_on_top(lua);
    guard_strings(lua);
    lua.raw_set_field(shared, "string");

    let add = |name: &str, open: fn(&Lua)| {
        open(lua);
        protect_on_top(lua);
        lua.raw_set_field(shared, name);
    };
    add("bit", bit::open);
    add("cjson", cjson::open);
    add("cmsgpack", cmsgpack::open);
    add("struct", structs::open);
}

/// With `string`'s stand-in on top: what `getmetatable("")` returns cannot be changed either.
fn guard_strings(lua: &Lua) {
    lua.push_bytes(b"");
    lua.push_metatable(-1);
    lua.push_table(0, 1);
    lua.push_value(-4);
    lua.raw_set_field(-2, "__index");
    protect_on_top(lua);
    lua.raw_set_field(-2, "__metatable");
    lua.pop(2);
}

fn push_global(lua: &Lua, name: &str) {
    lua.raw_get_field(ffi::LUA_GLOBALSINDEX, name);
}

/// A table of globals with a `redis` of its own, what stands in for it, and that one's metatable.
fn world(lua: &Lua, shared: c_int, open_redis: fn(&Lua)) -> (Kept, Kept, Kept) {
    lua.push_table(0, 48);
    let globals = lua.top();
    lua.push_nil();
    while lua.next(shared) {
        lua.push_value(-2);
        lua.insert(-2);
        lua.raw_set(globals);
    }
    open_redis(lua);
    protect_on_top(lua);
    lua.raw_set_field(globals, "redis");
    refuse_unknown(lua, globals, true);
    lua.push_value(globals);
    protect_on_top(lua);
    // The stand-in is what scripts know as `_G`.
    lua.push_value(-1);
    lua.raw_set_field(globals, "_G");
    lua.push_metatable(-1);
    let meta = lua.keep();
    let stand_in = lua.keep();
    (stand_in, meta, lua.keep())
}

/// Has the table at `index` raise an error for names that it has not; `visible`: the metatable can be seen.
fn refuse_unknown(lua: &Lua, index: c_int, visible: bool) {
    lua.push_table(0, 1);
    lua.push_function(function(unknown), 0);
    lua.raw_set_field(-2, "__index");
    if visible {
        lua.push_value(-1);
        lua.push_userdata(mark(&VISIBLE));
        lua.insert(-2);
        lua.raw_set(-3);
    }
    lua.set_metatable(index);
}

/// What a library sees while it is loaded: `redis` with little in it.
fn loading_globals(lua: &Lua) -> Kept {
    lua.push_table(0, 1);
    api::open_for_loading(lua);
    refuse_unknown(lua, lua.top(), false);
    protect_on_top(lua);
    lua.raw_set_field(-2, "redis");
    refuse_unknown(lua, lua.top(), false);
    lua.keep()
}

/// Replaces a table on top by a stand-in for it; anything else stays.
fn protect_on_top(lua: &Lua) {
    if lua.kind(-1) != Kind::Table {
        return;
    }
    let real = lua.top();
    lua.push_table(0, 0);
    lua.push_table(0, 4);
    lua.push_userdata(mark(&REAL));
    lua.push_value(real);
    lua.raw_set(-3);
    push_visible_metatable(lua, real);
    lua.push_value(real);
    lua.raw_set_field(-2, "__index");
    lua.push_function(function(read_only), 0);
    lua.raw_set_field(-2, "__newindex");
    lua.set_metatable(-2);
    lua.remove(real);
}

/// With a stand-in's metatable on top: what `getmetatable` is to return for it, when the real table has one to show.
fn push_visible_metatable(lua: &Lua, real: c_int) {
    if !lua.push_metatable(real) {
        return;
    }
    lua.push_userdata(mark(&VISIBLE));
    lua.raw_get(-2);
    if lua.kind(-1) == Kind::Nil {
        return lua.pop(2);
    }
    lua.pop(1);
    // A copy without the mark, which cannot be changed either.
    lua.raw_get_field(-1, "__index");
    lua.push_table(0, 1);
    lua.insert(-2);
    lua.raw_set_field(-2, "__index");
    protect_on_top(lua);
    lua.remove(-2);
    lua.push_userdata(mark(&VISIBLE));
    lua.insert(-2);
    lua.raw_set(-3);
}

/// `__newindex` of what cannot be changed.
fn read_only(l: &Lua) -> Results {
    Err(l.error(&String::from_utf8_lossy(READ_ONLY)))
}

/// `__index` of globals: there is no such name.
fn unknown(l: &Lua) -> Results {
    if !l.is_string(2) {
        return Err(l.error("Second argument to luaProtectedTableError must be a string or number"));
    }
    let name = String::from_utf8_lossy(l.bytes(2).unwrap_or_default()).into_owned();
    Err(l.error(&format!("Script attempted to access nonexistent global variable '{name}'")))
}

/// `loadstring(text, name)`
fn load_string(l: &Lua) -> Results {
    let text = l.check_bytes(1)?;
    let name = if l.kind(2) == Kind::String { l.check_bytes(2)? } else { text };
    compile(l, text, name)
}

/// `load(function, name)`: the function returns the text piece by piece.
fn load(l: &Lua) -> Results {
    if l.kind(1) != Kind::Function {
        let got = l.kind_name(1);
        return Err(l.bad_argument(1, &format!("function expected, got {got}")));
    }
    let name = if l.kind(2) == Kind::String { l.check_bytes(2)?.to_vec() } else { b"=(load)".to_vec() };
    let mut text = Vec::new();
    loop {
        l.push_value(1);
        if !l.call(0, 1) {
            host::Host::of(l).check_ending(l)?;
            l.push_nil();
            l.insert(-2);
            return Ok(2);
        }
        match l.kind(-1) {
            Kind::Nil => break,
            Kind::String | Kind::Number => {
                let piece = l.bytes(-1).unwrap_or_default();
                if piece.is_empty() {
                    break;
                }
                l.room(text.len() + piece.len())?;
                text.extend_from_slice(piece);
            }
            _ => {
                l.push_nil();
                l.push_bytes(b"reader function must return a string");
                return Ok(2);
            }
        }
        l.pop(1);
    }
    compile(l, &text, &name)
}

/// Byte code is none of a script's business: it is read as the text that it is not.
fn compile(l: &Lua, text: &[u8], name: &[u8]) -> Results {
    let end = memchr::memchr(0, name).unwrap_or(name.len());
    let name = CString::new(&name[..end]).unwrap_or_default();
    l.room(text.len().saturating_mul(4))?;
    let is_code = text.first() == Some(&ffi::LUA_SIGNATURE[0]);
    let loaded = if is_code { l.load(&[b" ", text].concat(), &name) } else { l.load(text, &name) };
    if loaded {
        return Ok(1);
    }
    l.push_nil();
    l.insert(-2);
    Ok(2)
}

/// `collectgarbage(what)`: what would change how the machine collects for all scripts is heard and not done.
fn collect_garbage(l: &Lua) -> Results {
    let what = if l.kind(1) == Kind::None || l.kind(1) == Kind::Nil { b"collect" } else { l.check_bytes(1)? };
    let result = match what {
        b"collect" => {
            let result = l.collect_garbage();
            host::Host::of(l).look(l)?;
            result
        }
        b"count" => l.memory().used.get() as f64 / 1024.0,
        b"step" => {
            l.collect_garbage();
            host::Host::of(l).look(l)?;
            l.push_boolean(true);
            return Ok(1);
        }
        b"stop" | b"restart" | b"setpause" | b"setstepmul" => 0.0,
        other => {
            let text = format!("invalid option '{}'", String::from_utf8_lossy(other));
            return Err(l.bad_argument(1, &text));
        }
    };
    l.push_number(result);
    Ok(1)
}
