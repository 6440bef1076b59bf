//! `redis`: what scripts call.

use super::host::{Called, Host, Pause};
use super::library::functions;
use super::lua::{Kind, Lua, Raise, Results};
use super::sha1::{hex, sha1};
use super::{convert, register};
use crate::server::REDIS_VERSION;
use ringtail_protocol::number::write_f64;
use ringtail_protocol::reply::Resp;
use ringtail_protocol::request::{Args, Span};

/// How much of a message of a script is logged, in bytes.
const MAX_MESSAGE: usize = 1024;
/// Numbers beyond this are not all whole: they are written as floating point.
const MAX_WHOLE: f64 = 4_503_599_627_370_496.0;

/// A command counts as so many steps of a function.
const COMMAND_STEPS: u32 = 64;

/// Pushes the table that functions see; scripts see some more ([`open_for_scripts`]).
pub(super) fn open(lua: &Lua) {
    lua.push_table(0, 24);
    functions!(lua,
        "call" => |l| call(l, true),
        "pcall" => |l| call(l, false),
        "sha1hex" => sha1_hex,
        "error_reply" => error_reply,
        "status_reply" => status_reply,
        "setresp" => set_resp,
        "set_repl" => set_repl,
        "acl_check_cmd" => acl_check,
    );
    for (name, value) in
        [("REPL_NONE", 0), ("REPL_AOF", 1), ("REPL_SLAVE", 2), ("REPL_REPLICA", 2), ("REPL_ALL", 3)]
    {
        number(lua, name, value);
    }
    add_log_and_version(lua);
}

/// Adds what only scripts have, for the sake of those written for old versions.
pub(super) fn open_for_scripts(lua: &Lua) {
    open(lua);
    functions!(lua,
        "breakpoint" => |l| { l.push_boolean(false); Ok(1) },
        "debug" => |_| Ok(0),
        "replicate_commands" => |l| { l.push_boolean(true); Ok(1) },
    );
}

/// Pushes the table that a library sees while it is loaded.
pub(super) fn open_for_loading(lua: &Lua) {
    lua.push_table(0, 8);
    functions!(lua, "register_function" => register::register_function);
    add_log_and_version(lua);
}

fn add_log_and_version(lua: &Lua) {
    functions!(lua, "log" => log);
    for (value, name) in (0..).zip(["LOG_DEBUG", "LOG_VERBOSE", "LOG_NOTICE", "LOG_WARNING"]) {
        number(lua, name, value);
    }
    lua.push_bytes(REDIS_VERSION.as_bytes());
    lua.raw_set_field(-2, "REDIS_VERSION");
    let parts = REDIS_VERSION.split('.').filter_map(|part| part.parse::<i32>().ok());
    number(lua, "REDIS_VERSION_NUM", parts.fold(0, |sum, part| sum << 8 | part));
}

fn number(lua: &Lua, name: &str, value: i32) {
    lua.push_number(value.into());
    lua.raw_set_field(-2, name);
}

/// Pushes an error as scripts see them: a table whose field `err` has the text with its code.
pub(super) fn push_error(l: &Lua, text: &[u8]) {
    l.push_table(0, 1);
    l.push_bytes(text);
    l.raw_set_field(-2, "err");
}

/// The same for what a command answered.
pub(super) fn push_command_error(l: &Lua, text: &[u8]) {
    push_error(l, text);
    l.push_boolean(true);
    l.raw_set_field(-2, "ignore_error_stats_update");
}

#[cold]
pub(super) fn raise(l: &Lua, text: &str) -> Raise {
    push_error(l, format!("ERR {text}").as_bytes());
    Raise
}

/// The error as a raised one, or as a result.
fn fail(l: &Lua, raises: bool, text: &str) -> Results {
    let raised = raise(l, text);
    if raises { Err(raised) } else { Ok(1) }
}

/// `redis.call(command, …)` raises errors, `redis.pcall` returns them.
fn call(l: &Lua, raises: bool) -> Results {
    let host = Host::of(l);
    host.check_ending(l)?;
    host.tick_many(l, COMMAND_STEPS)?;
    if host.caller().is_none() {
        return Err(raise(l, "redis.call/pcall can only be called inside a script invocation"));
    }
    let (mut bytes, mut spans, mut out) = (host.take_buffer(), host.take_spans(), host.take_reply());
    let read = arguments(l, &mut bytes, &mut spans);
    let done = match read {
        Ok(()) => {
            l.set_top(0);
            run(l, host, Args::new(&bytes, &spans), &mut out).and_then(|()| {
                convert::push_reply(l, &out)?;
                if raises && out.first() == Some(&b'-') { Err(Raise) } else { Ok(1) }
            })
        }
        Err(text) => fail(l, raises, text),
    };
    host.give_buffer(bytes);
    host.give_spans(spans);
    host.give_reply(out);
    done
}

/// Runs a command until it has answered; the script may have to wait for that.
fn run(l: &Lua, host: &Host, args: Args<'_>, out: &mut Vec<u8>) -> Result<(), Raise> {
    loop {
        let Some(caller) = host.caller() else { return Err(raise(l, "the script is no longer run")) };
        match caller.call(args, host.resp.get(), out) {
            Called::Replied => return Ok(()),
            Called::Wait => host.pause(Pause::Wait),
            Called::Again => return Err(host.end(l, super::host::Ending::Again)),
        }
        host.check_ending(l)?;
    }
}

/// The arguments of a command: strings, and numbers as Redis writes them.
fn arguments(l: &Lua, bytes: &mut Vec<u8>, spans: &mut Vec<Span>) -> Result<(), &'static str> {
    let count = l.top();
    if count == 0 {
        return Err("Please specify at least one argument for this redis lib call");
    }
    for index in 1..=count {
        let start = bytes.len();
        match l.kind(index) {
            Kind::String => bytes.extend_from_slice(l.bytes(index).unwrap_or_default()),
            Kind::Number => write_number(bytes, l.number(index)),
            _ => return Err("Lua redis lib command arguments must be strings or integers"),
        }
        // Offsets are of 32 bits.
        if bytes.len() > ringtail_protocol::limits::MAX_REQUEST {
            return Err("Lua redis lib command arguments are too long");
        }
        spans.push(Span { start: start as u32, len: (bytes.len() - start) as u32 });
    }
    Ok(())
}

fn write_number(bytes: &mut Vec<u8>, n: f64) {
    if n == n.trunc() && n.abs() < MAX_WHOLE {
        bytes.extend_from_slice(itoa::Buffer::new().format(n as i64).as_bytes());
    } else {
        write_f64(bytes, n);
    }
}

fn sha1_hex(l: &Lua) -> Results {
    if l.top() != 1 {
        return Err(raise(l, "wrong number of arguments"));
    }
    let sha = hex(&sha1(l.bytes(1).unwrap_or_default()));
    l.push_bytes(sha.as_bytes());
    Ok(1)
}

fn is_one_string(l: &Lua) -> bool {
    l.top() == 1 && l.kind(1) == Kind::String
}

/// `redis.error_reply(text)`: a text without a code gets one.
fn error_reply(l: &Lua) -> Results {
    if !is_one_string(l) {
        return fail(l, false, "wrong number or type of arguments");
    }
    let text = l.bytes(1).unwrap_or_default();
    let text = text.strip_prefix(b"-").unwrap_or(text);
    // As a C string.
    let text = &text[..memchr::memchr(0, text).unwrap_or(text.len())];
    let (code, rest) = match memchr::memchr(b' ', text) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (&b"ERR"[..], text),
    };
    let is_break = |b: &u8| matches!(b, b'\r' | b'\n');
    let start = rest.iter().position(|b| !is_break(b)).unwrap_or(rest.len());
    let end = rest.iter().rposition(|b| !is_break(b)).map_or(start, |last| last + 1);
    push_error(l, &[code, b" ", &rest[start..end]].concat());
    Ok(1)
}

fn status_reply(l: &Lua) -> Results {
    if !is_one_string(l) {
        return fail(l, false, "wrong number or type of arguments");
    }
    l.push_table(0, 1);
    l.push_value(1);
    l.raw_set_field(-2, "ok");
    Ok(1)
}

fn set_resp(l: &Lua) -> Results {
    if l.top() != 1 {
        return Err(raise(l, "redis.setresp() requires one argument."));
    }
    let resp = match l.number(1) as i64 {
        2 => Resp::V2,
        3 => Resp::V3,
        _ => return Err(raise(l, "RESP version must be 2 or 3.")),
    };
    Host::of(l).resp.set(resp);
    Ok(0)
}

/// `redis.set_repl(flags)`: effects are what is passed on here, so it is checked and has no consequence.
fn set_repl(l: &Lua) -> Results {
    if l.top() != 1 {
        return Err(raise(l, "redis.set_repl() requires two arguments."));
    }
    if l.number(1) as i64 & !3 != 0 {
        let text = "Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.";
        return Err(raise(l, text));
    }
    Ok(0)
}

/// `redis.acl_check_cmd(command, …)`
fn acl_check(l: &Lua) -> Results {
    let host = Host::of(l);
    let (mut bytes, mut spans) = (Vec::new(), Vec::new());
    arguments(l, &mut bytes, &mut spans).map_err(|text| raise(l, text))?;
    let Some(caller) = host.caller() else {
        return Err(raise(l, "redis.acl_check_cmd can only be called inside a script invocation"));
    };
    match caller.allows(Args::new(&bytes, &spans)) {
        Some(allowed) => l.push_boolean(allowed),
        None => return Err(raise(l, "Invalid command passed to redis.acl_check_cmd()")),
    }
    Ok(1)
}

/// `redis.log(level, text, …)`
fn log(l: &Lua) -> Results {
    let count = l.top();
    if count < 2 {
        return Err(raise(l, "redis.log() requires two arguments or more."));
    }
    if !l.is_number(1) {
        return Err(raise(l, "First argument must be a number (log level)."));
    }
    let level = l.number(1) as i64;
    if !(0..=3).contains(&level) {
        return Err(raise(l, "Invalid debug level."));
    }
    let parts: Vec<&[u8]> = (2..=count).filter_map(|index| l.bytes(index)).collect();
    let text = parts.join(&b' ');
    let text = String::from_utf8_lossy(&text[..text.len().min(MAX_MESSAGE)]);
    match level {
        0 | 1 => tracing::debug!("script: {text}"),
        2 => tracing::info!("script: {text}"),
        _ => tracing::warn!("script: {text}"),
    }
    Ok(0)
}
