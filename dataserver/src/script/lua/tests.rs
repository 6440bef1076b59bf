//! Errors, panics and memory cross from Rust to Lua and back without losing anything.

use super::super::host::Host;
use super::*;

/// A state with a few functions of Rust in it.
fn with_lua(run: impl Fn(&Lua)) {
    let host = Host::new(usize::MAX);
    // SAFETY: the host outlives the state, which is closed below.
    let state = unsafe { host.memory.new_state() }.unwrap();
    // SAFETY: it was just made.
    let lua = unsafe { Lua::new(state.as_ptr()) };
    run(&lua);
    // SAFETY: nothing runs in it.
    unsafe { mlua::ffi::lua_close(state.as_ptr()) };
    assert_eq!(host.memory.used.get(), 0, "all that was allocated is freed, and counted");
}

fn define<F: Fn(&Lua) -> Results + Copy + 'static>(lua: &Lua, name: &str, body: F) {
    lua.push_function(function(body), 0);
    lua.raw_set_field(mlua::ffi::LUA_GLOBALSINDEX, name);
}

fn eval(lua: &Lua, text: &str) -> Result<String, String> {
    assert!(lua.load(text.as_bytes(), c"=test"));
    let ok = lua.call(0, 1);
    let text = String::from_utf8_lossy(lua.bytes(-1).unwrap_or_default()).into_owned();
    lua.set_top(0);
    if ok { Ok(text) } else { Err(text) }
}

#[test]
fn errors_are_raised_and_values_dropped() {
    static DROPPED: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    struct Noisy;
    impl Drop for Noisy {
        fn drop(&mut self) {
            DROPPED.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }
    with_lua(|lua| {
        define(lua, "fail", |l| {
            let _noisy = Noisy;
            Err(l.error("this"))
        });
        define(lua, "number", |l| {
            let n = l.check_number(1)?;
            l.push_number(n + 1.0);
            Ok(1)
        });
        assert_eq!(eval(lua, "return number(1)"), Ok("2".to_owned()));
        assert_eq!(eval(lua, "\nfail()"), Err("test:2: this".to_owned()));
        let wrong = "test:1: bad argument #1 to 'number' (number expected, got nil)";
        assert_eq!(eval(lua, "number(nil)"), Err(wrong.to_owned()));
    });
    assert_eq!(DROPPED.load(std::sync::atomic::Ordering::Relaxed), 1);
}

#[test]
fn a_panic_becomes_an_error() {
    with_lua(|lua| {
        define(lua, "panics", |_| panic!("on purpose"));
        assert!(eval(lua, "panics()").unwrap_err().starts_with("internal error"));
        assert_eq!(eval(lua, "return 1"), Ok("1".to_owned()));
    });
}

#[test]
fn memory_is_bounded_and_nothing_is_lost() {
    with_lua(|lua| {
        define(lua, "make", |l| {
            let bytes = vec![b'x'; 1 << 20];
            l.room(bytes.len())?;
            l.push_bytes(&bytes);
            Ok(1)
        });
        let memory = lua.memory();
        memory.limit.set(memory.used.get() + (8 << 20));
        let text = "local t = {} for i = 1, 100 do t[i] = make() .. i end";
        assert_eq!(eval(lua, text), Err("not enough memory".to_owned()));
        lua.collect_garbage();
        assert_eq!(eval(lua, "return #make()"), Ok("1048576".to_owned()));
    });
}
