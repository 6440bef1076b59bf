//! The program, run as a user runs it, and beside redis-cli.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use ringtail_tests::harness::{Certs, Redis, free_port, real_part, scratch};

/// A real server, and the program pointed at it.
struct Setup {
    redis: Redis,
    home: PathBuf,
}

impl Setup {
    fn new() -> Option<Self> {
        Some(Self { redis: Redis::start(&[])?, home: scratch("client-home") })
    }

    fn addr(&self) -> String {
        format!("127.0.0.1:{}", self.redis.endpoint.port)
    }

    fn run(&self, args: &[&str], input: &[u8]) -> Output {
        let addr = self.addr();
        ringtail(&self.home, &[&["--plaintext", "--addr", &addr], args].concat(), input)
    }

    fn stdout(&self, args: &[&str]) -> String {
        String::from_utf8_lossy(&self.run(args, b"").stdout).into_owned()
    }
}

/// Runs the program in a directory without certificates and an environment of its own.
fn ringtail(home: &Path, args: &[&str], input: &[u8]) -> Output {
    fed(
        Command::new(env!("CARGO_BIN_EXE_ringtail"))
            .args(args)
            .current_dir(home)
            .env_clear()
            .env("HOME", home),
        input,
    )
}

fn fed(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    // A program that ends before it has read everything is judged by its output.
    let _ = child.stdin.take().expect("piped").write_all(input);
    child.wait_with_output().expect("it ends")
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn one_command_and_its_exit_code() {
    let Some(setup) = Setup::new() else { return };
    let set = setup.run(&["set", "greeting", "hello world"], b"");
    assert_eq!((set.status.code(), &set.stdout[..]), (Some(0), &b"OK\n"[..]));
    assert_eq!(setup.stdout(&["get", "greeting"]), "hello world\n");
    assert_eq!(setup.stdout(&["--no-raw", "get", "greeting"]), "\"hello world\"\n");
    assert_eq!(setup.stdout(&["--json", "mget", "greeting", "none"]), "[\"hello world\",null]\n");
    assert_eq!(setup.stdout(&["--csv", "mget", "greeting", "none"]), "\"hello world\",NULL\n");
    let wrong = setup.run(&["lpush", "greeting", "x"], b"");
    assert_eq!(wrong.status.code(), Some(1));
    assert!(wrong.stdout.starts_with(b"WRONGTYPE "));
    assert_eq!(setup.run(&["-x", "set", "blob"], b"a\x00b\n").status.code(), Some(0));
    assert_eq!(setup.stdout(&["--no-raw", "get", "blob"]), "\"a\\x00b\\n\"\n");
    assert_eq!(setup.stdout(&["-n", "3", "set", "k", "-1"]), "OK\n");
    assert_eq!(setup.stdout(&["-n", "3", "get", "k"]), "-1\n");
    assert_eq!(setup.stdout(&["-r", "3", "incr", "n"]), "1\n2\n3\n");
}

#[test]
fn wrong_usage_ends_with_2_and_says_why() {
    let home = scratch("usage");
    for (args, said) in [
        (&["--bogus", "ping"][..], "--bogus"),
        (&["--password", "secret", "ping"], "--password"),
        (&["--user", "ann", "ping"], "--password-file"),
        (&["--cacert", "no-such.crt", "ping"], "no-such.crt"),
        (&["--password-file", "no-such", "ping"], "no-such"),
        (&["--raw", "--json", "ping"], "--json"),
    ] {
        let output = ringtail(&home, args, b"");
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", errors(&output));
        assert!(errors(&output).contains(said), "{args:?}: {}", errors(&output));
    }
}

#[test]
fn connection_failures_are_one_line_with_a_remedy() {
    let home = scratch("refused");
    let addr = format!("127.0.0.1:{}", free_port());
    let refused = ringtail(&home, &["--plaintext", "--addr", &addr, "ping"], b"");
    assert_eq!(refused.status.code(), Some(1));
    let text = errors(&refused);
    assert!(
        text.contains(&addr) && text.contains("name another one with --addr") && text.lines().count() == 1,
        "{text}"
    );

    let certs = Certs::get();
    let Some(redis) = Redis::start_tls(&certs) else { return };
    let addr = format!("127.0.0.1:{}", redis.endpoint.port);
    let ca = certs.ca().display().to_string();
    let fine = ringtail(&home, &["--addr", &addr, "--cacert", &ca, "ping"], b"");
    assert_eq!((&fine.stdout[..], fine.status.code()), (&b"PONG\n"[..], Some(0)), "{}", errors(&fine));
    let other = Certs::make_in(&scratch("program-ca")).ca().display().to_string();
    let refused = errors(&ringtail(&home, &["--addr", &addr, "--cacert", &other, "ping"], b""));
    assert!(refused.contains(&other) && refused.contains("--cacert"), "{refused}");
    let plain = errors(&ringtail(&home, &["--addr", &addr, "--plaintext", "ping"], b""));
    assert!(plain.contains("leave --plaintext away"), "{plain}");
}

#[test]
fn the_ca_of_the_project_is_found() {
    let certs = Certs::get();
    let Some(redis) = Redis::start_tls(&certs) else { return };
    let home = scratch("project");
    std::fs::create_dir(home.join("certs")).unwrap();
    std::fs::copy(certs.ca(), home.join("certs/ca.crt")).unwrap();
    let addr = format!("127.0.0.1:{}", redis.endpoint.port);
    let output = ringtail(&home, &["--addr", &addr, "ping"], b"");
    assert_eq!(output.stdout, b"PONG\n", "{}", errors(&output));
}

#[test]
fn passwords_come_from_files_and_the_environment() {
    let Some(redis) = Redis::start_with_password("right") else { return };
    let home = scratch("passwords");
    std::fs::write(home.join("good"), "right\n").unwrap();
    std::fs::write(home.join("bad"), "wrong\n").unwrap();
    let addr = format!("127.0.0.1:{}", redis.endpoint.port);
    let with =
        |file: &str| ringtail(&home, &["--plaintext", "--addr", &addr, "--password-file", file, "ping"], b"");
    assert_eq!(with("good").stdout, b"PONG\n");
    let wrong = with("bad");
    assert_eq!(wrong.status.code(), Some(1));
    assert!(
        errors(&wrong).contains("WRONGPASS") && !errors(&wrong).contains("wrong\n"),
        "{}",
        errors(&wrong)
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringtail"));
    let environment =
        command.args(["--plaintext", "--addr", &addr, "ping"]).env("RINGTAIL_PASSWORD", "right");
    assert_eq!(fed(environment, b"").stdout, b"PONG\n");
}

#[test]
fn a_pipe_of_commands_is_answered_in_order() {
    let Some(setup) = Setup::new() else { return };
    let commands: String = (0..3000).map(|i| format!("echo {i}\n")).collect();
    let output = setup.run(&[], commands.as_bytes());
    let expected: String = (0..3000).map(|i| format!("{i}\n")).collect();
    assert!(output.stdout == expected.as_bytes(), "3000 numbers in order");
    assert_eq!(output.status.code(), Some(0));

    let commands = b"set k \"a b\"\nget k\nnosuch x\n\nset k \"open\nincr k\nsubscribe c\nget k";
    let output = setup.run(&["--no-raw"], commands);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.starts_with("OK\n\"a b\"\n(error) ERR unknown command 'nosuch'"), "{text}");
    assert!(text.ends_with("(error) ERR value is not an integer or out of range\n\"a b\"\n"), "{text}");
    let said = errors(&output);
    assert!(said.contains("4 of 7 commands failed") && said.contains("line 3: ERR unknown"), "{said}");
    assert_eq!(setup.run(&[], b"get k\nquit\nget k\n").stdout, b"a b\n");
}

/// Every reply that can be compared, in every format that both have.
#[test]
fn output_is_redis_clis_byte_for_byte() {
    let Some(setup) = Setup::new() else { return };
    let Some(cli) = real_part("redis-cli", "redis-tools") else { return };
    let port = setup.redis.endpoint.port.to_string();
    setup.run(
        &[],
        b"rpush l a b c d e f g h i j \"k\\x00\\xff\"\nhset h a 1 b 2\nsadd s m\nzadd z 1.5 m\nset k v\n",
    );
    let commands = "get k\nget none\nlrange l 0 -1\nlrange none 0 -1\nhgetall h\nhgetall none\nsmembers s\n\
        smembers none\nzscore z m\nincr n\nlpop none 2\nping\necho \"\\x00\\n\\\"\"\nobject help\ncommand info get\n\
        info cluster\neval \"return {1,{2,{'x',{}}},'z'}\" 0\n\
        eval \"redis.setresp(3); return {map={k={1,2}}}\" 0\neval \"redis.setresp(3); return {map={k={map={a=1}}}}\" 0\n";
    // redis-cli speaks RESP3 only when told to; in raw output our maps are flat as they are in RESP2.
    for (ours, theirs) in [
        (&["--no-raw"][..], &["--no-raw", "-3"][..]),
        (&["--no-raw", "--resp2"], &["--no-raw"]),
        (&["--resp2"], &[]),
    ] {
        setup.run(&[], b"set n 0\n");
        let ours = setup.run(ours, commands.as_bytes()).stdout;
        setup.run(&[], b"set n 0\n");
        let theirs = fed(Command::new(&cli).args(["-p", &port]).args(theirs), commands.as_bytes()).stdout;
        let (ours, theirs) = (String::from_utf8_lossy(&ours), String::from_utf8_lossy(&theirs));
        for (line, (ours, theirs)) in ours.lines().zip(theirs.lines()).enumerate() {
            assert_eq!(ours, theirs, "line {}", line + 1);
        }
        assert_eq!(ours.len(), theirs.len());
    }
    for (flag, commands) in
        [("--csv", "hgetall h"), ("--json", "hgetall h"), ("--csv", "get k"), ("--json", "lrange l 0 5")]
    {
        let words: Vec<&str> = commands.split(' ').collect();
        let theirs = fed(Command::new(&cli).args(["-p", &port, flag]).args(&words), b"").stdout;
        assert_eq!(setup.run(&[&[flag], &words[..]].concat(), b"").stdout, theirs, "{flag} {commands}");
    }
}

/// A session on a terminal of its own, by util-linux's `script`.
#[test]
fn the_repl_on_a_terminal() {
    let Some(setup) = Setup::new() else { return };
    let Some(script) = real_part("script", "bsdutils") else { return };
    let session = format!("{} --plaintext --addr {}", env!("CARGO_BIN_EXE_ringtail"), setup.addr());
    let mut command = Command::new(script);
    command.args(["-qec", &session, "/dev/null"]).env("HOME", &setup.home).env_remove("XDG_STATE_HOME");
    command.env("TERM", "dumb").env("NO_COLOR", "1").env_remove("RINGTAIL_HISTORY");
    let typed =
        "set k \"two\rlines\"\rget k\rselect 3\rhset h f v\rhgetall h\rauth topsecret\rnosuch\rexit\r";
    let output = fed(&mut command, typed.as_bytes());
    let text = String::from_utf8_lossy(&output.stdout);
    for part in
        ["\"two\\nlines\"", "[3]> ", "1# \"f\" => \"v\"", "(error) ERR unknown command 'nosuch'", "Bye."]
    {
        assert!(text.contains(part), "no {part:?} in: {text}");
    }
    assert_eq!(output.status.code(), Some(0));
    let history = std::fs::read_to_string(setup.home.join(".local/state/ringtail/history")).unwrap();
    assert!(history.contains("hgetall h") && !history.contains("topsecret"), "{history}");
}

#[test]
fn help_and_completions_are_printed() {
    let home = scratch("help");
    let help = ringtail(&home, &["--help"], b"");
    assert!(help.status.success() && String::from_utf8_lossy(&help.stdout).contains("ringtail set greeting"));
    for (args, said) in [
        (&["help", "plan"][..], "servers.json"),
        (&["help", "backup"], "--each"),
        (&["help", "bench"], "--mix"),
        (&["help", "BACKUP"], "summary: "),
        (&["help"], "restore"),
    ] {
        let page = ringtail(&home, args, b"");
        assert!(
            page.status.success() && String::from_utf8_lossy(&page.stdout).contains(said),
            "{args:?}: {page:?}"
        );
    }
    let nothing = ringtail(&home, &["help", "nosuch"], b"");
    assert_eq!((nothing.status.code(), nothing.stdout.len()), (Some(1), 0), "{nothing:?}");
    let page = ringtail(&home, &["help", "get"], b"");
    assert!(page.status.success() && String::from_utf8_lossy(&page.stdout).contains("GET key\n"));
    for shell in ["bash", "zsh", "fish"] {
        let script = ringtail(&home, &["--completions", shell], b"");
        assert!(
            script.status.success() && String::from_utf8_lossy(&script.stdout).contains("cacert"),
            "{shell}"
        );
    }
}
