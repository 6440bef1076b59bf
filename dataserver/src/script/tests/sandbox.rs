//! What scripts cannot do to each other.

use super::{check, run_in};
use crate::script::vm::Vm;
use ringtail_protocol::reply::Resp;

const READ_ONLY: &str = "Attempt to modify a readonly table script: SHA, on @user_script:1.";

#[test]
fn nothing_that_others_see_can_be_changed() {
    let mut vm = Vm::new().unwrap();
    for text in [
        "redis = 1",
        "x = 1",
        "KEYS = 1",
        "_G = {}",
        "_G.x = 1",
        "string.format = 1",
        "redis.call = 1",
        "cjson.encode = 1",
        "math.pi = 3",
        "getmetatable(_G).__index = 1",
        "getmetatable('').__index = 1",
        "getmetatable('').__index.format = 1",
        "_G.redis.x = 1",
        "coroutine.wrap = 1",
        "bit.band = nil",
        "for k, v in pairs(_G) do if k == 'redis' then v.call = 1 end end",
        "for k, v in pairs(redis) do redis[k] = nil end",
    ] {
        let want = format!("-ERR user_script:1: {READ_ONLY}");
        assert_eq!(run_in(&mut vm, text, Resp::V2), want, "{text}");
    }
    for text in [
        "setmetatable(_G, {})",
        "rawset(_G, 'a', 1)",
        "rawset(redis, 'a', 1)",
        "table.insert(redis, 'a')",
        "table.insert(string, 1, 'a')",
        "table.remove(bit, 1)",
        "setmetatable(getmetatable(''), {})",
        "setmetatable(redis, nil)",
    ] {
        assert_eq!(run_in(&mut vm, text, Resp::V2), format!("-ERR {READ_ONLY}"), "{text}");
    }
}

#[test]
fn what_is_not_there_says_so() {
    let mut vm = Vm::new().unwrap();
    for name in [
        "x", "loadfile", "dofile", "print", "os", "io", "debug", "require", "package", "module", "getfenv",
        "setfenv", "newproxy",
    ] {
        let want = format!(
            "-ERR user_script:1: Script attempted to access nonexistent global variable '{name}' script: SHA, on @user_script:1."
        );
        assert_eq!(run_in(&mut vm, &format!("return {name}"), Resp::V2), want);
    }
    assert_eq!(
        run_in(&mut vm, "return {tostring(redis.foo), tostring(string.foo)}", Resp::V2),
        "['nil', 'nil']"
    );
}

#[test]
fn tables_look_like_tables() {
    let names = "local t = {} for k in pairs(TABLE) do t[#t + 1] = tostring(k) end table.sort(t) return table.concat(t, ' ')";
    check(&[
        (
            &names.replace("TABLE", "_G"),
            "'ARGV KEYS _G _VERSION assert bit cjson cmsgpack collectgarbage coroutine error gcinfo getmetatable ipairs load loadstring math next pairs pcall rawequal rawget rawset redis select setmetatable string struct table tonumber tostring type unpack xpcall'",
        ),
        (
            &names.replace("TABLE", "redis"),
            "'LOG_DEBUG LOG_NOTICE LOG_VERBOSE LOG_WARNING REDIS_VERSION REDIS_VERSION_NUM REPL_ALL REPL_AOF REPL_NONE REPL_REPLICA REPL_SLAVE acl_check_cmd breakpoint call debug error_reply log pcall replicate_commands set_repl setresp sha1hex status_reply'",
        ),
        (
            &names.replace("TABLE", "string"),
            "'byte char dump find format gfind gmatch gsub len lower match rep reverse sub upper'",
        ),
        (
            &names.replace("TABLE", "cjson"),
            "'_NAME _VERSION decode decode_invalid_numbers decode_max_depth encode encode_invalid_numbers encode_keep_buffer encode_max_depth encode_number_precision encode_sparse_array new null'",
        ),
        (&names.replace("TABLE", "getmetatable(_G)"), "'__index'"),
        (&names.replace("TABLE", "getmetatable('')"), "'__index'"),
        ("return tostring(getmetatable(redis))", "'nil'"),
        ("return tostring(_G._G == _G)", "'true'"),
        ("return {xpcall(function() return 1, 2 end, error)}", "[1, 1, 2]"),
        (
            "local ok, e = xpcall(function() error({err = 'x'}) end, function(e) return e.err .. '!' end) return {tostring(ok), e}",
            "['false', 'x!']",
        ),
        ("return type(next(redis))", "'string'"),
        ("return type(rawget(redis, 'call'))", "'function'"),
        ("local n = 0 table.foreach(bit, function() n = n + 1 end) return n", "12"),
        ("return ('x'):rep(3)", "'xxx'"),
        ("local t = setmetatable({}, {__index = function(_, k) return k end}) return t.z", "'z'"),
        ("return getmetatable(setmetatable({}, {__metatable = 'mine'}))", "'mine'"),
        (
            "local t = {1, 2} table.insert(t, 3) table.insert(t, 1, 0) return {table.remove(t), unpack(t)}",
            "[3, 0, 1, 2]",
        ),
        ("local t = {} for k, v in pairs({a = 1}) do t[#t + 1] = k t[#t + 1] = v end return t", "['a', 1]"),
    ]);
}

#[test]
fn one_script_leaves_nothing_for_the_next() {
    check(&[
        ("KEYS[9] = 'x' ARGV = ARGV", &format!("-ERR user_script:1: {READ_ONLY}")),
        ("return tostring(KEYS[9])", "'nil'"),
        ("cjson.encode_max_depth(3) cjson.decode_invalid_numbers(false) return 1", "1"),
        ("return cjson.encode_max_depth()", "1000"),
        ("redis.setresp(3) return 1", "1"),
        ("return tostring(redis.call('NULL'))", "'false'"),
        ("collectgarbage('stop') return 1", "1"),
        (
            "local c = coroutine.create(function() coroutine.yield(1) end) coroutine.resume(c) return coroutine.status(c)",
            "'suspended'",
        ),
    ]);
}

#[test]
fn code_is_compiled_and_byte_code_is_not() {
    check(&[
        ("return loadstring('return 1 + 1')()", "2"),
        ("local i = 0 local f = load(function() i = i + 1 return ({'return ', '7'})[i] end) return f()", "7"),
        (
            "local f, why = load(function() error('x') end) return {tostring(f), why}",
            "['nil', 'user_script:1: x']",
        ),
        (
            "local f, why = loadstring(string.dump(function() return 1 end)) return {tostring(f), type(why)}",
            "['nil', 'string']",
        ),
        (
            "local a, b = loadstring('\\27Lua') return {tostring(a), b}",
            "['nil', '[string \"\\x1bLua\"]:1: unexpected symbol near 'char(27)'']",
        ),
        (
            "return loadstring('return x')()",
            "-ERR [string \"return x\"]:1: Script attempted to access nonexistent global variable 'x' script: SHA, on return x:1.",
        ),
    ]);
}
