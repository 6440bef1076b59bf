//! Lua 5.1 as the rest of [`script`](super) sees it: a [`Lua`] whose methods work on the stack of the running
//! function, and [`function`] that makes a Lua function of a Rust one.
//!
//! This is the only place, beside the virtual machine's own set-up, that calls Lua's C functions. What makes it sound:
//!
//! - Lua raises errors by `longjmp`. A Rust function called from Lua never raises: it returns `Err(Raise)`, and `enter`
//!   raises when nothing is left to be dropped. The C functions called here raise for two reasons only: memory, which
//!   is why the allocator refuses nothing while a Rust function runs (`Memory::lenient`; functions that make much ask
//!   [`Lua::room`] first), and metamethods, which is why only the raw accessors are used.
//! - An index outside the stack is undefined to Lua. Each method names what it expects on the stack; a Rust function
//!   has 20 free places, and asks [`Lua::check_stack`] for more before it recurses.
//!
//! Miri can't run foreign functions, so nothing here is run under it.

#![allow(unsafe_code, reason = "Lua's C functions; see above")]

mod arguments;
mod memory;
mod state;
#[cfg(test)]
mod tests;

pub(super) use memory::Memory;
pub(super) use mlua::ffi::{lua_CFunction as CFunction, lua_State as RawState};
pub(super) use state::{Kept, Kind, Lua};

use std::ffi::c_int;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// An error is to be raised; its value is on top of the stack.
#[derive(Debug)]
pub(super) struct Raise;

/// How many results are on top of the stack.
pub(super) type Results = Result<c_int, Raise>;

/// Makes a Lua function of a Rust one, which has no state of its own.
pub(super) const fn function<F: Fn(&Lua) -> Results + Copy + 'static>(_: F) -> CFunction {
    const { assert!(size_of::<F>() == 0, "a function that captures something has no address") };
    unsafe extern "C-unwind" fn entry<F: Fn(&Lua) -> Results + Copy + 'static>(l: *mut RawState) -> c_int {
        // SAFETY: a value of a type without bytes can be made of nothing, and `F` was given once to be called.
        let body = unsafe { std::ptr::NonNull::<F>::dangling().as_ref() };
        // SAFETY: Lua calls this with its running state.
        unsafe { enter(l, body) }
    }
    entry::<F>
}

/// Runs a Rust function for Lua, and raises what it asks for once all its values are dropped.
unsafe fn enter(l: *mut RawState, body: &dyn Fn(&Lua) -> Results) -> c_int {
    // SAFETY: `l` is the running state, of a machine whose memory was made by `Memory::new_state`.
    let lua = unsafe { Lua::new(l) };
    let was = lua.memory().lenient.replace(true);
    let done = catch_unwind(AssertUnwindSafe(|| body(&lua)));
    let raise = match done {
        Ok(Ok(results)) => {
            lua.memory().lenient.set(was);
            return results;
        }
        Ok(Err(Raise)) => false,
        Err(panic) => {
            // Its payload may run code when it is dropped, but it is a text in practice.
            drop(panic);
            true
        }
    };
    if raise {
        lua.push_bytes(b"internal error: a function of the server failed; please report it");
    }
    lua.memory().lenient.set(was);
    // SAFETY: the error's value is on top, and nothing of this function needs to be dropped.
    unsafe { mlua::ffi::lua_error(l) }
}

/// A function that returns its first argument's field of its second, with metamethods: to be called in protected mode.
pub(super) unsafe extern "C-unwind" fn index(l: *mut RawState) -> c_int {
    // SAFETY: Lua calls this with its running state; nothing needs to be dropped when a metamethod raises.
    unsafe {
        mlua::ffi::lua_settop(l, 2);
        mlua::ffi::lua_gettable_(l, 1);
    }
    1
}
