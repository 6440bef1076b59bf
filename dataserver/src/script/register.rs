//! `redis.register_function`, which a library calls while it is loaded.

use super::api::raise;
use super::functions::{Flags, Registered, is_name};
use super::host::Host;
use super::lua::{Kind, Lua, Raise, Results};

/// `register_function(name, callback)`, or with one table of named arguments.
pub(super) fn register_function(l: &Lua) -> Results {
    let host = Host::of(l);
    if !host.loading.get() {
        return Err(raise(l, "redis.register_function can only be called on FUNCTION LOAD command"));
    }
    let (name, flags, description) = match l.top() {
        1 => named(l)?,
        2 => positional(l)?,
        _ => return Err(raise(l, "wrong number of arguments to redis.register_function")),
    };
    // The callback is on top.
    if !is_name(&name) {
        let text = "Library names can only contain letters, numbers, or underscores(_) and must be at least one character long";
        return Err(raise(l, text));
    }
    let name = String::from_utf8_lossy(&name).into_owned();
    let mut registered = host.registered.take();
    let is_new = registered.iter().all(|one| one.name != name);
    if is_new {
        registered.push(Registered { name, flags, description, callback: l.keep() });
    }
    host.registered.set(registered);
    if is_new { Ok(0) } else { Err(raise(l, "Function already exists in the library")) }
}

/// What is registered, besides the callback, which is left on top.
type Described = (Vec<u8>, Flags, Option<String>);

fn positional(l: &Lua) -> Result<Described, Raise> {
    if l.kind(1) != Kind::String {
        return Err(raise(l, "first argument to redis.register_function must be a string"));
    }
    if l.kind(2) != Kind::Function {
        return Err(raise(l, "second argument to redis.register_function must be a function"));
    }
    Ok((l.bytes(1).unwrap_or_default().to_vec(), Flags::empty(), None))
}

fn named(l: &Lua) -> Result<Described, Raise> {
    if l.kind(1) != Kind::Table {
        return Err(raise(
            l,
            "calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments).",
        ));
    }
    let (mut name, mut flags, mut description, mut has_callback) = (None, Flags::empty(), None, false);
    l.push_nil();
    while l.next(1) {
        if l.kind(-2) != Kind::String {
            return Err(raise(l, "named argument key given to redis.register_function is not a string"));
        }
        match l.bytes(-2).unwrap_or_default() {
            b"function_name" => name = Some(text(l, "function_name")?),
            b"description" => {
                description = Some(String::from_utf8_lossy(&text(l, "description")?).into_owned());
            }
            b"callback" => {
                if l.kind(-1) != Kind::Function {
                    let text = "callback argument given to redis.register_function must be a function";
                    return Err(raise(l, text));
                }
                has_callback = true;
            }
            b"flags" => flags = flags_on_top(l)?,
            _ => return Err(raise(l, "unknown argument given to redis.register_function")),
        }
        l.pop(1);
    }
    let Some(name) = name else {
        return Err(raise(l, "redis.register_function must get a function name argument"));
    };
    if !has_callback {
        return Err(raise(l, "redis.register_function must get a callback argument"));
    }
    l.raw_get_field(1, "callback");
    Ok((name, flags, description))
}

fn text(l: &Lua, argument: &str) -> Result<Vec<u8>, Raise> {
    if l.kind(-1) != Kind::String {
        let text = format!("{argument} argument given to redis.register_function must be a string");
        return Err(raise(l, &text));
    }
    Ok(l.bytes(-1).unwrap_or_default().to_vec())
}

/// The flags in the array on top.
fn flags_on_top(l: &Lua) -> Result<Flags, Raise> {
    if l.kind(-1) != Kind::Table {
        let text = "flags argument to redis.register_function must be a table representing function flags";
        return Err(raise(l, text));
    }
    let mut flags = Flags::empty();
    for i in 1.. {
        l.raw_get_element(-1, i);
        let flag = match l.kind(-1) {
            Kind::Nil => None,
            Kind::String => Some(l.bytes(-1).and_then(Flags::named)),
            _ => Some(None),
        };
        l.pop(1);
        match flag {
            None => break,
            Some(Some(flag)) => flags |= flag,
            Some(None) => return Err(raise(l, "unknown flag given")),
        }
    }
    Ok(flags)
}
