//! Scripts, with a caller that is no server.

mod libraries;
mod limits;
mod sandbox;

use super::cache::Script;
use super::host::{Called, Caller};
use super::sha1::{hex, sha1};
use super::vm::{State, Vm};
use ringtail_protocol::reply::{Reply, Resp};
use ringtail_protocol::request::Args;
use ringtail_protocol::value::Value;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Bytes that a script may have in these tests.
const MEMORY: usize = 16 << 20;

/// Answers `ECHO x`, `INT n`, `FAIL`, `NULL`, and `RAW` with its argument as it is.
#[derive(Default)]
struct Fake {
    calls: Vec<Vec<Vec<u8>>>,
}

impl Caller for Fake {
    fn call(&mut self, args: Args<'_>, resp: Resp, out: &mut Vec<u8>) -> Called {
        if self.calls.len() < 10 {
            self.calls.push(args.iter().map(<[u8]>::to_vec).collect());
        }
        let mut reply = Reply::new(out, resp);
        match &args[0] {
            b"ECHO" => reply.bulk(&args[1]),
            b"NULL" => reply.null(),
            b"RAW" => reply.raw(&args[1]),
            b"AGAIN" => return Called::Again,
            _ => reply.raw(b"-ERR Unknown Redis command called from script\r\n"),
        }
        Called::Replied
    }

    fn allows(&mut self, _: Args<'_>) -> Option<bool> {
        Some(true)
    }
}

fn script(text: &str) -> Arc<Script> {
    let sha = sha1(text.as_bytes());
    Arc::new(Script {
        sha,
        name: hex(&sha),
        text: text.as_bytes().into(),
        start: 0,
        flags: None,
        roams: AtomicBool::new(false),
    })
}

/// Runs a script to its end, and shows its reply as a client of this version would.
fn run_in(vm: &mut Vm, text: &str, resp: Resp) -> String {
    let mut fake = Fake::default();
    let compiled = match vm.add(script(text)) {
        Ok(compiled) => compiled,
        Err(error) => return format!("-{}", error.text()),
    };
    let (keys, args): ([&[u8]; 1], [&[u8]; 2]) = ([b"key"], [b"a", b"b"]);
    let mut state = vm.start_script(&compiled, keys.into_iter(), args.into_iter(), MEMORY, &mut fake);
    while let State::Paused(_) = state {
        state = vm.resume(&mut fake);
    }
    let mut out = Vec::new();
    let done = vm.reply("SHA", &mut Reply::new(&mut out, resp));
    match done {
        Ok(()) => {
            let (value, length) = Value::decode(&out).unwrap().unwrap();
            assert_eq!(length, out.len());
            crate::command::testing::shown(&value)
        }
        Err(error) => format!("-{}", error.text()),
    }
}

fn run(text: &str) -> String {
    run_in(&mut Vm::new().unwrap(), text, Resp::V2)
}

/// Each script and what it answers.
fn check(cases: &[(&str, &str)]) {
    let mut vm = Vm::new().unwrap();
    for (text, want) in cases {
        assert_eq!(&run_in(&mut vm, text, Resp::V2), want, "{text}");
    }
}

#[test]
fn errors_say_what_redis_says() {
    check(&[
        (
            "return 1 +",
            "-ERR Error compiling script (new function): user_script:1: unexpected symbol near '<eof>'",
        ),
        ("error('x')", "-ERR user_script:1: x script: SHA, on @user_script:1."),
        ("\n\nerror({err='MY thing'})", "-MY thing script: SHA, on @user_script:3."),
        ("error()", "-ERR nil script: SHA, on @user_script:1."),
        ("error({})", "-ERR unknown error script: SHA, on @user_script:1."),
        (
            "redis.call('nope')",
            "-ERR Unknown Redis command called from script script: SHA, on @user_script:1.",
        ),
        ("return redis.pcall('nope')", "-ERR Unknown Redis command called from script"),
        (
            "redis.call()",
            "-ERR Please specify at least one argument for this redis lib call script: SHA, on @user_script:1.",
        ),
        (
            "redis.call({})",
            "-ERR Lua redis lib command arguments must be strings or integers script: SHA, on @user_script:1.",
        ),
        (
            "local ok, e = pcall(redis.call, 'nope') return {tostring(ok), type(e), e}",
            "['false', 'string', 'ERR Unknown Redis command called from script']",
        ),
        (
            "local r = redis.pcall('nope') return {r.err, tostring(r.ignore_error_stats_update)}",
            "['ERR Unknown Redis command called from script', 'true']",
        ),
        ("return redis.error_reply('nospace')", "-ERR nospace"),
        ("return redis.error_reply('-CODE text')", "-CODE text"),
        ("return redis.error_reply('My Err')", "-My Err"),
        ("return redis.error_reply()", "-ERR wrong number or type of arguments"),
        ("return redis.status_reply('fine')", "fine"),
        ("return {ok='a\\r\\nb'}", "a  b"),
        ("return {err='MY thing\\nx'}", "-MY thing x"),
        ("redis.log(9, 'x')", "-ERR Invalid debug level. script: SHA, on @user_script:1."),
        ("redis.setresp(4)", "-ERR RESP version must be 2 or 3. script: SHA, on @user_script:1."),
        (
            "local function f() return f() + 1 end return f()",
            "-ERR user_script:1: stack overflow script: SHA, on @user_script:1.",
        ),
    ]);
}

#[test]
fn values_become_replies() {
    check(&[
        ("return 3.99", "3"),
        ("return -3.99", "-3"),
        ("return 1e30", "-9223372036854775808"),
        ("return 0/0", "-9223372036854775808"),
        ("return {1, 2, nil, 4}", "[1, 2]"),
        ("return {1, {2, {3, 'a'}}, true, false, 9}", "[1, [2, [3, 'a']], 1, nil, 9]"),
        ("return function() end", "nil"),
        ("return {double = 3.5}", "'3.5'"),
        ("return {map = {a = 1}}", "['a', 1]"),
        ("return {set = {a = true}}", "['a']"),
        ("return {big_number = '123'}", "'123'"),
        ("return {verbatim_string = {format = 'txt', string = 'hi'}}", "'hi'"),
        ("return {KEYS[1], #KEYS, ARGV[2], #ARGV}", "['key', 1, 'b', 2]"),
        ("redis.setresp(3) return {true, false}", "[1, 0]"),
    ]);
    let three = |text| run_in(&mut Vm::new().unwrap(), text, Resp::V3);
    assert_eq!(three("return {double = 3.5}"), "Double(3.5)");
    assert_eq!(three("return {map = {a = 1}}"), "{'a': 1}");
    assert_eq!(three("return {big_number = '123'}"), "BigNumber(\"123\")");
    assert_eq!(three("return true"), "1");
    assert_eq!(three("redis.setresp(3) return false"), "Bool(false)");
    // A table that is in itself ends with an error deep inside.
    let mut vm = Vm::new().unwrap();
    let compiled = vm.add(script("local a = {} a[1] = a return a")).unwrap();
    let none = || Vec::<&[u8]>::new().into_iter();
    assert_eq!(vm.start_script(&compiled, none(), none(), MEMORY, &mut Fake::default()), State::Ended);
    let mut out = Vec::new();
    assert!(vm.reply("SHA", &mut Reply::new(&mut out, Resp::V2)).is_ok());
    assert!(out.ends_with(b"*1\r\n-ERR reached lua stack limit\r\n"));
}

#[test]
fn replies_become_values() {
    let raw = |reply: &str, then: &str| {
        run(&format!(
            "local r = redis.pcall('RAW', '{}') {then}",
            reply.replace('\r', "\\r").replace('\n', "\\n")
        ))
    };
    assert_eq!(raw(":12\r\n", "return {type(r), r}"), "['number', 12]");
    assert_eq!(raw("$-1\r\n", "return tostring(r)"), "'false'");
    assert_eq!(raw("*-1\r\n", "return tostring(r)"), "'false'");
    assert_eq!(raw("_\r\n", "return tostring(r)"), "'nil'");
    assert_eq!(raw("+OK\r\n", "return r.ok"), "'OK'");
    assert_eq!(raw("-CODE x\r\n", "return r.err"), "'CODE x'");
    assert_eq!(raw("*2\r\n$1\r\na\r\n*1\r\n:1\r\n", "return r"), "['a', [1]]");
    assert_eq!(raw("%1\r\n+k\r\n:1\r\n", "return type(next(r.map))"), "'table'");
    assert_eq!(raw("%1\r\n$1\r\nk\r\n:1\r\n", "return r.map.k"), "1");
    assert_eq!(raw("~1\r\n$1\r\nk\r\n", "return tostring(r.set.k)"), "'true'");
    assert_eq!(raw(",1.5\r\n", "return tostring(r.double)"), "'1.5'");
    assert_eq!(raw("(123\r\n", "return r.big_number"), "'123'");
    assert_eq!(raw("#t\r\n", "return tostring(r)"), "'true'");
    assert_eq!(
        raw("=6\r\ntxt:hi\r\n", "return {r.verbatim_string.format, r.verbatim_string.string}"),
        "['txt', 'hi']"
    );
    assert_eq!(raw("|1\r\n+k\r\n+v\r\n:7\r\n", "return r"), "7");
}

#[test]
fn numbers_become_arguments() {
    check(&[
        ("return redis.call('ECHO', 3)", "'3'"),
        ("return redis.call('ECHO', 0.1)", "'0.1'"),
        ("return redis.call('ECHO', 1e15)", "'1000000000000000'"),
        ("return redis.call('ECHO', 1e100)", "'1e+100'"),
    ]);
}

#[test]
fn a_machine_can_do_without_its_host_moving() {
    let mut machines: Vec<Vm> = (0..3).map(|_| Vm::new().unwrap()).collect();
    machines.swap(0, 2);
    for vm in &mut machines {
        assert_eq!(run_in(vm, "return cjson.encode({1})", Resp::V2), "'[1]'");
    }
}
