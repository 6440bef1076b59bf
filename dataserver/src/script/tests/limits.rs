//! Scripts that run long, take much, or will not end.

use super::{Fake, MEMORY, check, run, script};
use crate::script::host::Pause;
use crate::script::running::{Flag, Running};
use crate::script::vm::{State, Vm};
use ringtail_protocol::reply::{Reply, Resp};
use std::time::{Duration, Instant};

/// Runs a script that would not end, kills it, and says what it answers.
fn killed(text: &str) -> String {
    let (mut vm, mut fake, running) = (Vm::new().unwrap(), Fake::default(), Running::default());
    let compiled = vm.add(script(text)).unwrap();
    let none = || std::iter::empty::<&[u8]>().collect::<Vec<_>>().into_iter();
    let start = Instant::now();
    let state = vm.start_script(&compiled, none(), none(), MEMORY, &mut fake);
    assert_eq!(state, State::Paused(Pause::Slice), "{text}");
    assert!(start.elapsed() < Duration::from_millis(500), "{text}: it paused late, {:?}", start.elapsed());
    let flag = Flag::new("f".to_owned(), Vec::new(), false);
    running.add(flag.clone());
    vm.set_flag(flag);
    assert_eq!(vm.resume(&mut fake), State::Paused(Pause::Slice));
    running.kill(false).unwrap();
    while vm.resume(&mut fake) != State::Ended {
        assert!(start.elapsed() < Duration::from_secs(5), "{text}: it did not end");
    }
    vm.reply("SHA", &mut Reply::new(&mut Vec::new(), Resp::V2)).unwrap_err().text().to_owned()
}

#[test]
fn whatever_does_not_end_is_paused_and_killed() {
    for text in [
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "while true do pcall(error) end",
        "while true do xpcall(function() error('x') end, function() while true do end end) end",
        "coroutine.wrap(function() while true do end end)()",
        "while true do coroutine.wrap(function() pcall(function() while true do end end) end)() end",
        "local function f() while true do pcall(coroutine.wrap(f)) end end f()",
        "while true do redis.pcall('ECHO', 'x') end",
        "while true do pcall(redis.call, 'nope') end",
        "while true do setmetatable({}, {__index = function() while true do end end}).x = 1 end",
        "table.sort({3, 2, 1}, function() while true do end end)",
        "local s = string.rep('a', 200000) while true do s:find('.-.-.-b') end",
        "string.find(string.rep('a', 30), string.rep('a*', 20) .. 'b')",
        "string.gsub(string.rep('a', 40), string.rep('a*', 25) .. 'b', '')",
        "string.gsub('x', 'x', function() while true do end end)",
        "for _ in string.gmatch(string.rep('a', 40), string.rep('a*', 25) .. 'b') do end",
        "while true do cjson.decode(cjson.encode({1, 2, 3, {4}})) end",
        "while true do cmsgpack.unpack(cmsgpack.pack({1, 2, 3})) end",
        "while true do loadstring('return 1')() end",
        "while true do collectgarbage() end",
        "while true do string.rep('x', 100) end",
        "load(function() while true do end end)",
    ] {
        let why = killed(text);
        assert!(why.starts_with("ERR Script killed by user with SCRIPT KILL."), "{text}: {why}");
    }
}

#[test]
fn a_machine_is_as_new_after_a_kill() {
    let (mut vm, mut fake) = (Vm::new().unwrap(), Fake::default());
    let compiled = vm.add(script("while true do end")).unwrap();
    let none = || Vec::<&[u8]>::new().into_iter();
    assert_eq!(vm.start_script(&compiled, none(), none(), MEMORY, &mut fake), State::Paused(Pause::Slice));
    let (flag, running) = (Flag::new("f".to_owned(), Vec::new(), false), Running::default());
    running.add(flag.clone());
    running.kill(false).unwrap();
    vm.set_flag(flag);
    while vm.resume(&mut fake) != State::Ended {}
    assert_eq!(
        super::run_in(&mut vm, "local n = 0 for i = 1, 1e6 do n = n + 1 end return n", Resp::V2),
        "1000000"
    );
}

#[test]
fn a_machine_may_be_dropped_while_its_script_is_paused() {
    let (mut vm, mut fake) = (Vm::new().unwrap(), Fake::default());
    let compiled = vm.add(script("local t = {} while true do t[#t % 1000 + 1] = {} end")).unwrap();
    let none = || Vec::<&[u8]>::new().into_iter();
    assert_eq!(vm.start_script(&compiled, none(), none(), MEMORY, &mut fake), State::Paused(Pause::Slice));
    drop(vm);
}

#[test]
fn memory_is_bounded() {
    for text in [
        "local t = {} while true do t[#t + 1] = {} end",
        "local s = 'x' while true do s = s .. s end",
        "return string.rep('x', 1e9)",
        "return string.rep('x', 1e308)",
        "local t = {} for i = 1, 1e9 do t[i] = i end",
        "local s = string.rep('x', 4e6) return string.gsub(s, 'x', s)",
        "local t = {} for i = 1, 100 do t[i] = string.rep(i, 4e6) end",
        "return cjson.encode(setmetatable({[1] = string.rep('\\1', 3e6)}, nil))",
        "local s = string.rep('[', 900) .. string.rep(']', 900) local t = {} for i = 1, 1e6 do t[i] = cjson.decode(s) end",
        "return cmsgpack.pack(string.rep('x', 9e6), string.rep('y', 9e6))",
        "return struct.pack('c0c0c0', string.rep('x', 6e6), string.rep('y', 6e6), string.rep('y', 6e6))",
        "local a = {} for i = 1, 1e7 do a = {a} end",
        "local t = {} for i = 1, 1e6 do t[i] = coroutine.create(function() end) end",
        "local t = {} for i = 1, 1e6 do t[i] = redis.call('ECHO', string.rep(i, 1000)) end",
    ] {
        let answer = run(text);
        let fails = answer.contains("not enough memory") || answer.contains("overflow");
        assert!(fails, "{text}: {}", &answer[..answer.len().min(200)]);
    }
}

#[test]
fn garbage_does_not_count() {
    check(&[
        ("local n = 0 for i = 1, 2000 do n = n + #string.rep(i, 100000) end return n > 0 and 1 or 0", "1"),
        ("for i = 1, 300 do local t = {} for j = 1, 10000 do t[j] = j end end return 1", "1"),
        ("for i = 1, 200 do cjson.decode(cjson.encode({string.rep('x', 100000)})) end return 1", "1"),
    ]);
}

#[test]
fn deep_nesting_ends() {
    check(&[
        (
            "local s = string.rep('[', 1001) return cjson.decode(s)",
            "-ERR user_script:1: Found too many nested data structures (1001) at character 1001 script: SHA, on @user_script:1.",
        ),
        (
            "local t = {} for i = 1, 1001 do t = {t} end return cjson.encode(t)",
            "-ERR user_script:1: Cannot serialise, excessive nesting (1001) script: SHA, on @user_script:1.",
        ),
        (
            "cjson.encode_max_depth(1e9) local t = {} for i = 1, 1e5 do t = {t} end return pcall(cjson.encode, t)",
            "nil",
        ),
        ("cjson.decode_max_depth(1e9) return pcall(cjson.decode, string.rep('[', 1e6))", "nil"),
        ("return pcall(cmsgpack.unpack, string.rep('\\145', 1e6))", "nil"),
        ("local f f = function() return pcall(f) end return {type(f())}", "['boolean']"),
        ("return pcall(string.rep('(', 500).find, 'x', string.rep('(', 500))", "nil"),
        ("local t = {} for i = 1, 1e5 do t = {t} end return 1", "1"),
    ]);
}

#[test]
fn a_script_that_touches_more_runs_again() {
    let (mut vm, mut fake) = (Vm::new().unwrap(), Fake::default());
    let text = "while true do pcall(redis.call, 'AGAIN') end";
    let compiled = vm.add(script(text)).unwrap();
    let none = || Vec::<&[u8]>::new().into_iter();
    assert_eq!(vm.start_script(&compiled, none(), none(), MEMORY, &mut fake), State::Again);
    assert_eq!(fake.calls.len(), 1);
    assert_eq!(super::run_in(&mut vm, "return 1", Resp::V2), "1");
}
