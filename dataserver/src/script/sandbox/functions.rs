//! The functions of Lua that look past metatables, with ways around a stand-in, and those by which a script could outlive its end.

use super::{READ_ONLY, REAL, VISIBLE, mark};
use crate::script::host;
use crate::script::lua::{Lua, RawState};
use mlua::ffi;
use std::ffi::c_int;

/// Pushes the mark's value in the metatable of the first argument; false, and nothing is pushed, when it is no stand-in.
#[inline]
unsafe fn push_marked(l: *mut RawState, of: &'static u8) -> bool {
    // SAFETY: `l` is the running state; none of these raises or allocates.
    unsafe {
        if ffi::lua_type(l, 1) != ffi::LUA_TTABLE || ffi::lua_getmetatable(l, 1) == 0 {
            return false;
        }
        ffi::lua_pushlightuserdata(l, mark(of));
        ffi::lua_rawget_(l, -2);
        ffi::lua_remove(l, -2);
        if ffi::lua_type(l, -1) == ffi::LUA_TNIL {
            ffi::lua_settop(l, -2);
            return false;
        }
    }
    true
}

/// Calls the function of Lua's that is the first upvalue, with the arguments as they are.
#[inline]
unsafe fn original(l: *mut RawState) -> c_int {
    // SAFETY: the upvalue is a C function of Lua's libraries that has no upvalues itself.
    unsafe {
        match ffi::lua_tocfunction(l, ffi::lua_upvalueindex(1)) {
            Some(function) => function(l),
            None => 0,
        }
    }
}

/// For functions that read a table: a stand-in is replaced by the real one.
pub(super) unsafe extern "C-unwind" fn past_stand_in(l: *mut RawState) -> c_int {
    // SAFETY: as for the functions that are called; no Rust value is alive when one raises.
    unsafe {
        if push_marked(l, &REAL) {
            ffi::lua_replace(l, 1);
        }
        original(l)
    }
}

/// For functions that write to a table.
pub(super) unsafe extern "C-unwind" fn unless_stand_in(l: *mut RawState) -> c_int {
    // SAFETY: as above.
    unsafe {
        if push_marked(l, &REAL) {
            ffi::lua_pushlstring_(l, READ_ONLY.as_ptr().cast(), READ_ONLY.len());
            ffi::lua_error(l);
        }
        original(l)
    }
}

/// For functions by which a script could outlive its end: it is over, whatever catches that.
pub(super) unsafe extern "C-unwind" fn unless_ending(l: *mut RawState) -> c_int {
    // SAFETY: as above.
    unsafe {
        raise_if_ending(l);
        original(l)
    }
}

/// Each coroutine counts its own instructions until it is looked at, and a script can make ever more of them: so what
/// starts or catches something asks, too.
unsafe fn raise_if_ending(l: *mut RawState) {
    // SAFETY: `l` is the running state; the borrow of it ends before the error is raised.
    unsafe {
        let is_over = {
            let lua = Lua::new(l);
            let host = host::Host::of(&lua);
            let was = host.memory.lenient.replace(true);
            let checked = host.ending().map_or(Ok(()), |_| host.check_ending(&lua));
            host.memory.lenient.set(was);
            checked.is_err()
        };
        if is_over {
            ffi::lua_error(l);
        }
    }
}

/// `pairs(table)`: for a stand-in with a `next` that knows of them, and without giving the real table away.
pub(super) unsafe extern "C-unwind" fn pairs(l: *mut RawState) -> c_int {
    // SAFETY: as above.
    unsafe {
        ffi::luaL_checktype(l, 1, ffi::LUA_TTABLE);
        if push_marked(l, &REAL) {
            ffi::lua_settop(l, 1);
            ffi::lua_pushvalue(l, ffi::lua_upvalueindex(1));
            ffi::lua_pushcclosure(l, past_stand_in, 1);
        } else {
            ffi::lua_pushvalue(l, ffi::lua_upvalueindex(1));
        }
        ffi::lua_pushvalue(l, 1);
        ffi::lua_pushnil(l);
    }
    3
}

/// `getmetatable(value)`
pub(super) unsafe extern "C-unwind" fn get_metatable(l: *mut RawState) -> c_int {
    // SAFETY: as above.
    unsafe {
        ffi::luaL_checkany(l, 1);
        if push_marked(l, &REAL) {
            if !push_marked(l, &VISIBLE) {
                ffi::lua_pushnil(l);
            }
        } else if ffi::lua_getmetatable(l, 1) == 0 {
            ffi::lua_pushnil(l);
        } else {
            ffi::luaL_getmetafield_(l, 1, c"__metatable".as_ptr());
        }
    }
    1
}

/// `pcall(function, …)`: an error that is a table with a field `err` is caught as that text, as scripts from before Redis 7
/// expect it.
pub(super) unsafe extern "C-unwind" fn protected_call(l: *mut RawState) -> c_int {
    // SAFETY: as above; an error of the script is caught by Lua.
    unsafe {
        raise_if_ending(l);
        ffi::luaL_checkany(l, 1);
        let arguments = ffi::lua_gettop(l) - 1;
        let failed = ffi::lua_pcall(l, arguments, ffi::LUA_MULTRET, 0) != ffi::LUA_OK;
        if failed && ffi::lua_type(l, -1) == ffi::LUA_TTABLE {
            ffi::lua_pushlstring_(l, c"err".as_ptr(), 3);
            ffi::lua_rawget_(l, -2);
            let at = if ffi::lua_isstring(l, -1) != 0 { -2 } else { 0 };
            if at == 0 {
                ffi::lua_settop(l, -2);
            } else {
                ffi::lua_replace(l, at);
            }
        }
        if ffi::lua_checkstack(l, 1) == 0 {
            ffi::lua_settop(l, 0);
            ffi::lua_pushlstring_(l, c"stack overflow".as_ptr(), 14);
            ffi::lua_error(l);
        }
        ffi::lua_pushboolean(l, (!failed).into());
        ffi::lua_insert(l, 1);
        ffi::lua_gettop(l)
    }
}

/// `xpcall(function, handler)`: the handler is called once the error is caught. Lua's own calls it where the error is raised,
/// and within a hook no hook runs: a handler that does not end could not be ended.
pub(super) unsafe extern "C-unwind" fn call_and_handle(l: *mut RawState) -> c_int {
    // SAFETY: as above.
    unsafe {
        raise_if_ending(l);
        ffi::luaL_checkany(l, 2);
        ffi::lua_settop(l, 2);
        ffi::lua_insert(l, 1);
        let ok = ffi::lua_pcall(l, 0, ffi::LUA_MULTRET, 0) == ffi::LUA_OK;
        if ok {
            ffi::lua_pushboolean(l, 1);
            ffi::lua_replace(l, 1);
            return ffi::lua_gettop(l);
        }
        raise_if_ending(l);
        ffi::lua_pcall(l, 1, 1, 0);
        ffi::lua_pushboolean(l, 0);
        ffi::lua_insert(l, 1);
    }
    2
}

/// Elements from which on sorting compares by a function of Lua, between whose instructions others can run.
const SORT_INTERRUPTIBLY: usize = 20_000;

/// `table.sort(table, comes_before)`
pub(super) unsafe extern "C-unwind" fn sort(l: *mut RawState) -> c_int {
    // SAFETY: as above.
    unsafe {
        if ffi::lua_type(l, 1) == ffi::LUA_TTABLE
            && ffi::lua_type(l, 2) <= ffi::LUA_TNIL
            && ffi::lua_objlen(l, 1) > SORT_INTERRUPTIBLY
        {
            ffi::lua_settop(l, 1);
            let less = c"local a, b = ... return a < b";
            if ffi::luaL_loadbuffer(l, less.as_ptr(), less.count_bytes(), c"=sort".as_ptr()) != ffi::LUA_OK {
                ffi::lua_error(l);
            }
        }
        original(l)
    }
}
