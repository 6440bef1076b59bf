//! Scripts and functions that work on keys.

use crate::command::testing::Harness;
use crate::session::Wait;
use std::sync::Arc;

fn eval(t: &mut Harness, script: &str, keys: &[&str], args: &[&str]) -> String {
    let count = keys.len().to_string();
    let rest = keys.iter().chain(args).map(|arg| arg.as_bytes());
    let request: Vec<&[u8]> =
        [&b"EVAL"[..], script.as_bytes(), count.as_bytes()].into_iter().chain(rest).collect();
    t.run_args(&request)
}

fn two() -> [Harness; 2] {
    let first = Harness::new();
    let second = Harness::of(Arc::clone(&first.server));
    [first, second]
}

#[test]
fn a_script_works_on_its_keys() {
    let mut t = Harness::new();
    let script = "redis.call('SET', KEYS[1], ARGV[1]) redis.call('RPUSH', KEYS[2], 1, 2, 3) return {redis.call('GET', KEYS[1]), redis.call('LRANGE', KEYS[2], 0, -1)}";
    assert_eq!(eval(&mut t, script, &["a", "b"], &["x"]), "['x', ['1', '2', '3']]");
    let sha = t.run("SCRIPT LOAD 'return redis.call(\"GET\", KEYS[1])'");
    assert_eq!(t.run(&format!("EVALSHA {sha} 1 a")), "'x'");
    assert_eq!(Harness::of(Arc::clone(&t.server)).run(&format!("EVALSHA {sha} 1 a")), "'x'");
    assert_eq!(t.run(&format!("EVALSHA_RO {sha} 1 a")), "'x'");
    assert_eq!(t.run(&format!("SCRIPT EXISTS {sha} {}", "0".repeat(40))), "[1, 0]");
    assert_eq!(t.run("SCRIPT FLUSH"), "OK");
    assert_eq!(t.run(&format!("EVALSHA {sha} 1 a")), "-NOSCRIPT No matching script. Please use EVAL.");
    assert_eq!(t.run("EVAL 'return 1' 2 a"), "-ERR Number of keys can't be greater than number of args");
    assert_eq!(t.run("EVAL 'return 1' -1"), "-ERR Number of keys can't be negative");
    assert_eq!(t.run("EVAL 'return 1' x"), "-ERR value is not an integer or out of range");
}

#[test]
fn commands_of_a_script_are_checked() {
    let mut t = Harness::new();
    for (script, why) in [
        ("return redis.pcall('nope')", "-ERR Unknown Redis command called from script"),
        ("return redis.pcall('get')", "-ERR Wrong number of args calling Redis command from script"),
        ("return redis.pcall('subscribe', 'x')", "-ERR This Redis command is not allowed from script"),
        ("return redis.pcall('eval', 'return 1', 0)", "-ERR This Redis command is not allowed from script"),
        ("return redis.pcall('multi')", "-ERR This Redis command is not allowed from script"),
        (
            "redis.call('set', 's', 'x') return redis.pcall('incr', 's')",
            "-ERR value is not an integer or out of range",
        ),
        ("return redis.pcall('xread', 'block', 0, 'streams', 'none', 0)", "nil"),
    ] {
        assert_eq!(eval(&mut t, script, &[], &[]), why);
    }
    let set = "return redis.pcall('set', KEYS[1], 1)";
    assert_eq!(
        t.run_args(&[b"EVAL_RO", set.as_bytes(), b"1", b"k"]),
        "-ERR Write commands are not allowed from read-only scripts."
    );
    assert_eq!(
        eval(&mut t, &format!("#!lua flags=no-writes\n{set}"), &["k"], &[]),
        "-ERR Write commands are not allowed from read-only scripts."
    );
    assert_eq!(
        t.run_args(&[b"EVAL_RO", b"#!lua\nreturn 1", b"0"]),
        "-ERR Can not execute a script with write flag using *_ro command."
    );
}

#[test]
fn a_script_may_select_for_itself() {
    let mut t = Harness::new();
    assert_eq!(
        eval(
            &mut t,
            "redis.call('select', 3) redis.call('set', KEYS[1], 'three') return redis.call('get', KEYS[1])",
            &["k"],
            &[]
        ),
        "'three'"
    );
    assert_eq!(
        (t.run("EXISTS k"), t.run("SELECT 3"), t.run("GET k")),
        ("0".into(), "OK".into(), "'three'".into())
    );
    assert_eq!(
        eval(&mut t, "redis.setresp(3) return redis.call('hgetall', 'h').map and 1 or 0", &[], &[]),
        "1"
    );
    assert_eq!(t.run("HGETALL h"), "[]");
}

#[test]
fn a_script_may_touch_what_it_did_not_declare() {
    let mut t = Harness::new();
    let script = "local n = 0 for i = 1, 50 do n = n + redis.call('incr', 'key' .. i) end return n";
    assert_eq!(eval(&mut t, script, &[], &[]), "50");
    assert_eq!(eval(&mut t, script, &["key1"], &[]), "100");
    assert_eq!(eval(&mut t, "return redis.call('dbsize')", &[], &[]), "50");
    assert_eq!(eval(&mut t, "return #redis.call('keys', 'key1*')", &["x"], &[]), "11");
    assert_eq!(
        eval(
            &mut t,
            "redis.call('set', 'a', 1) redis.call('flushall') return redis.call('dbsize')",
            &[],
            &[]
        ),
        "0"
    );
    assert_eq!(t.run("SET z 1"), "OK");
}

#[test]
fn many_threads_roam_and_nobody_waits_for_ever() {
    let server = Arc::clone(&Harness::new().server);
    let script = "local n = tonumber(ARGV[1]) for i = 0, 3 do local k = 'k' .. (n * 7 + i * 13) % 40 redis.call('incr', k) end return 1";
    let declared = "redis.call('incr', KEYS[1]) redis.call('incr', KEYS[2]) return 1";
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let server = Arc::clone(&server);
            scope.spawn(move || {
                let mut t = Harness::of(server);
                for i in 0..300 {
                    let n = (thread * 17 + i).to_string();
                    while eval(&mut t, script, &[], &[&n]) != "1" {
                        assert!(matches!(std::mem::take(&mut t.session.wait), Wait::Parked(_)));
                    }
                    let (a, b) = (format!("k{}", i % 40), format!("k{}", (i * 3 + 1) % 40));
                    assert_eq!(eval(&mut t, declared, &[&a, &b], &[]), "1");
                    assert_eq!(t.run(&format!("MSETNX {a} 1 other 2")), "0");
                }
            });
        }
    });
    let mut t = Harness::of(server);
    let sum = "local n = 0 for i = 0, 39 do n = n + redis.call('get', 'k' .. i) end return n";
    assert_eq!(eval(&mut t, sum, &[], &[]), (4 * 300 * 6).to_string());
}

#[test]
fn a_transaction_may_hold_scripts() {
    let mut t = Harness::new();
    assert_eq!(t.run("MULTI"), "OK");
    assert_eq!(eval(&mut t, "return redis.call('incr', 'undeclared')", &["k"], &[]), "QUEUED");
    assert_eq!(t.run("EVAL 'return redis.call(\"get\", KEYS[1])' 1 undeclared"), "QUEUED");
    assert_eq!(t.run("EXEC"), "[1, '1']");
    assert_eq!(t.run("CONFIG SET busy-reply-threshold 50"), "OK");
    assert_eq!(t.run("MULTI"), "OK");
    assert_eq!(t.run("EVAL 'while true do end' 0"), "QUEUED");
    assert!(t.run("EXEC").starts_with("[-ERR the script ran for longer than busy-reply-threshold"));
}

#[test]
fn a_long_script_holds_only_what_it_touched() {
    let [mut t, mut other] = two();
    assert_eq!(t.run("SET a 1"), "OK");
    t.begin(&[b"EVAL", b"redis.call('get', KEYS[1]) while true do end", b"1", b"a"]);
    assert_eq!(other.run("SET b 2"), "OK");
    assert_eq!(other.run("GET a"), "");
    assert!(matches!(std::mem::take(&mut other.session.wait), Wait::Parked(Some(_))));
    assert!(other.run("FUNCTION STATS").contains("'name', "));
    assert_eq!(
        other.run("FUNCTION KILL"),
        "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
    );
    assert_eq!(other.run("CONFIG SET busy-reply-threshold 1"), "OK");
    assert_eq!(t.go_on(), None);
    let start = std::time::Instant::now();
    while start.elapsed() < std::time::Duration::from_millis(2) {}
    assert_eq!(
        other.run("GET a"),
        "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
    );
    assert_eq!(other.run("SCRIPT KILL"), "OK");
    let answer = (0..1000).find_map(|_| t.go_on()).unwrap();
    assert!(answer.starts_with("-ERR Script killed by user with SCRIPT KILL. script: "), "{answer}");
    assert_eq!(
        (other.run("GET a"), other.run("SCRIPT KILL")),
        ("'1'".into(), "-NOTBUSY No scripts in execution right now.".into())
    );
}

#[test]
fn who_meets_a_long_function_is_told_how_to_end_it() {
    let [mut t, mut other] = two();
    let library = b"#!lua name=l\nredis.register_function('f', function() while true do end end)";
    assert_eq!(t.run_args(&[b"FUNCTION", b"LOAD", library]), "'l'");
    t.begin(&[b"FCALL", b"f", b"1", b"a"]);
    assert_eq!(other.run("CONFIG SET busy-reply-threshold 1"), "OK");
    assert_eq!(t.go_on(), None);
    let start = std::time::Instant::now();
    while start.elapsed() < std::time::Duration::from_millis(2) {}
    let busy = "-BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.";
    for line in ["GET a", "EVAL 'return redis.call(\"get\", \"a\")' 0", "SCRIPT KILL"] {
        assert_eq!(other.run(line).split(" script:").next(), Some(busy), "{line}");
    }
    assert_eq!(other.run("FUNCTION KILL"), "OK");
    assert!(
        (0..1000)
            .find_map(|_| t.go_on())
            .unwrap()
            .starts_with("-ERR Script killed by user with FUNCTION KILL")
    );
}

#[test]
fn a_script_that_wrote_is_not_killed() {
    let [mut t, mut other] = two();
    t.begin(&[b"EVAL", b"redis.call('set', KEYS[1], 1) local n = 0 for i = 1, 3e6 do n = n + 1 end return redis.call('incr', KEYS[1])", b"1", b"a"]);
    assert!(
        other.run("SCRIPT KILL").starts_with("-UNKILLABLE Sorry the script already executed write commands")
    );
    let answer = (0..100_000).find_map(|_| t.go_on());
    assert_eq!(answer, Some("2".to_owned()));
    assert_eq!(other.run("GET a"), "'2'");
}

#[test]
fn long_scripts_wait_for_each_other() {
    let [mut t, mut other] = two();
    let spin = "local n = 0 for i = 1, 2e6 do n = n + 1 end ";
    t.begin(&[
        b"EVAL",
        format!("redis.call('incr', 'a') {spin} redis.call('incr', 'b') return 'first'").as_bytes(),
        b"1",
        b"a",
    ]);
    other.begin(&[
        b"EVAL",
        format!("redis.call('incr', 'b') {spin} redis.call('incr', 'a') return 'second'").as_bytes(),
        b"1",
        b"b",
    ]);
    let (mut first, mut second) = (None, None);
    for _ in 0..1_000_000 {
        first = first.or_else(|| t.go_on());
        second = second.or_else(|| other.go_on());
        if first.is_some() && second.is_some() {
            break;
        }
    }
    assert_eq!((first, second), (Some("'first'".to_owned()), Some("'second'".to_owned())));
    assert_eq!(t.run("MGET a b"), "['2', '2']");
}

#[test]
fn a_script_goes_on_without_its_client() {
    let [mut t, mut other] = two();
    t.begin(&[b"EVAL", b"redis.call('set', KEYS[1], 1) local n = 0 for i = 1, 1e6 do n = n + 1 end return redis.call('incr', KEYS[1])", b"1", b"a"]);
    let now = t.now;
    t.executor.leave(&mut t.session, now);
    assert!((0..1_000_000).any(|_| !t.executor.run_orphans()));
    assert_eq!(other.run("GET a"), "'2'");
}

#[test]
fn events_of_a_long_script_come_at_its_end() {
    let [mut t, mut other] = two();
    assert_eq!(other.run("BLPOP list 0"), "");
    t.begin(&[
        b"EVAL",
        b"redis.call('rpush', KEYS[1], 'x') local n = 0 for i = 1, 1e6 do n = n + 1 end return 1",
        b"1",
        b"list",
    ]);
    assert_eq!(other.served(), None);
    assert_eq!((0..1_000_000).find_map(|_| t.go_on()), Some("1".to_owned()));
    assert_eq!(other.served(), Some("['list', 'x']".to_owned()));
}

const LIBRARY: &str = "#!lua name=lib\nlocal function get(keys, args) return {redis.call('GET', keys[1]), args[1]} end\nredis.register_function{function_name='get', callback=get, flags={'no-writes'}, description='gets'}\nredis.register_function('fail', function(k, a) error('oops') end)";

#[test]
fn functions_are_loaded_and_called() {
    let [mut t, mut other] = two();
    assert_eq!(t.run_args(&[b"FUNCTION", b"LOAD", LIBRARY.as_bytes()]), "'lib'");
    assert_eq!(t.run_args(&[b"FUNCTION", b"LOAD", LIBRARY.as_bytes()]), "-ERR Library 'lib' already exists");
    assert_eq!(t.run_args(&[b"FUNCTION", b"LOAD", b"REPLACE", LIBRARY.as_bytes()]), "'lib'");
    assert_eq!(t.run("SET k v"), "OK");
    assert_eq!(other.run("FCALL get 1 k a"), "['v', 'a']");
    assert_eq!(other.run("FCALL_RO get 1 k"), "['v']");
    assert_eq!(other.run("FCALL fail 0"), "-ERR user_function:4: oops script: fail, on @user_function:4.");
    assert_eq!(
        other.run("FCALL_RO fail 0"),
        "-ERR Can not execute a script with write flag using *_ro command."
    );
    assert_eq!(t.run("FCALL nope 0"), "-ERR Function not found");
    assert_eq!(t.run("FCALL get x"), "-ERR Bad number of keys provided");
    assert_eq!(
        t.run("FUNCTION LIST"),
        "[['library_name', 'lib', 'engine', 'LUA', 'functions', [['name', 'get', 'description', 'gets', 'flags', [no-writes]], ['name', 'fail', 'description', nil, 'flags', []]]]]"
    );
    assert_eq!(
        t.run("FUNCTION STATS"),
        "['running_script', nil, 'engines', ['LUA', ['libraries_count', 1, 'functions_count', 2]]]"
    );
    assert_eq!(t.run("FUNCTION DELETE lib"), "OK");
    assert_eq!(other.run("FCALL get 1 k"), "-ERR Function not found");
    assert_eq!(t.run("FUNCTION DELETE lib"), "-ERR Library not found");
}

#[test]
fn libraries_that_are_wrong_are_refused() {
    let mut t = Harness::new();
    for (code, why) in [
        ("return 1", "-ERR No functions registered"),
        (
            "x = 1",
            "-ERR Error registering functions: ERR user_function:2: Attempt to modify a readonly table",
        ),
        (
            "redis.call('get', 'x')",
            "-ERR Error registering functions: ERR user_function:2: Script attempted to access nonexistent global variable 'call'",
        ),
        (
            "error('x')",
            "-ERR Error registering functions: ERR user_function:2: Script attempted to access nonexistent global variable 'error'",
        ),
        ("return +", "-ERR Error compiling function: user_function:2: unexpected symbol near '+'"),
        (
            "redis.register_function('a-b', function() end)",
            "-ERR Error registering functions: ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one character long",
        ),
        (
            "redis.register_function('a', function() end) redis.register_function('a', function() end)",
            "-ERR Error registering functions: ERR Function already exists in the library",
        ),
        (
            "redis.register_function('a')",
            "-ERR Error registering functions: ERR calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments).",
        ),
        (
            "redis.register_function{function_name='a', callback=function() end, flags={'bad'}}",
            "-ERR Error registering functions: ERR unknown flag given",
        ),
        ("while true do end", "-ERR Error registering functions: ERR FUNCTION LOAD timeout"),
    ] {
        let library = format!("#!lua name=x\n{code}");
        assert_eq!(t.run_args(&[b"FUNCTION", b"LOAD", library.as_bytes()]), why);
    }
    assert_eq!(t.run_args(&[b"FUNCTION", b"LOAD", b"return 1"]), "-ERR Missing library metadata");
}

#[test]
fn libraries_are_dumped_and_restored() {
    let mut t = Harness::new();
    t.run_args(&[b"FUNCTION", b"LOAD", LIBRARY.as_bytes()]);
    let payload = crate::rdb::dump_libraries([LIBRARY.as_bytes()].into_iter());
    assert_eq!(t.run_args(&[b"FUNCTION", b"RESTORE", &payload]), "-ERR Library lib already exists");
    assert_eq!(t.run_args(&[b"FUNCTION", b"RESTORE", &payload, b"REPLACE"]), "OK");
    assert_eq!(t.run_args(&[b"FUNCTION", b"RESTORE", &payload, b"FLUSH"]), "OK");
    assert_eq!(
        t.run_args(&[b"FUNCTION", b"RESTORE", &payload, b"x"]),
        "-ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE."
    );
    assert_eq!(
        t.run_args(&[b"FUNCTION", b"RESTORE", b"x"]),
        "-ERR DUMP payload version or checksum are wrong"
    );
    let other = LIBRARY.replace("name=lib", "name=other");
    let clash = crate::rdb::dump_libraries([other.as_bytes()].into_iter());
    assert_eq!(t.run_args(&[b"FUNCTION", b"RESTORE", &clash]), "-ERR Function get already exists");
    assert_eq!(t.run("FUNCTION FLUSH"), "OK");
    assert_eq!(t.run_args(&[b"FUNCTION", b"RESTORE", &clash]), "OK");
    assert_eq!(
        t.run("FCALL get 0"),
        "-ERR Lua redis lib command arguments must be strings or integers script: get, on @user_function:2."
    );
}
