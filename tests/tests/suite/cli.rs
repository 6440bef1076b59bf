//! redis-cli and redis-benchmark, unmodified, at what people do with them.

use crate::front::Front;
use ringtail_tests::harness::{Certs, real_part};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

struct Cli {
    program: PathBuf,
    args: Vec<String>,
}

impl Cli {
    fn new(name: &str, front: &Front) -> Option<Cli> {
        let program = real_part(name, "redis-tools")?;
        let mut args = vec!["-h".into(), "127.0.0.1".into(), "-p".into(), front.endpoint().port.to_string()];
        if front.endpoint().tls.is_some() {
            args.extend(["--tls".into(), "--cacert".into(), Certs::get().ca().display().to_string()]);
        }
        Some(Cli { program, args })
    }

    fn run(&self, args: &[&str], input: &str) -> String {
        let mut command = Command::new(&self.program);
        command.args(&self.args).args(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(input.as_bytes()).expect("it reads");
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {text}{errors}");
        text
    }
}

fn fronts() -> Vec<Front> {
    Front::all().into_iter().chain(Front::ours_tls()).collect()
}

#[test]
fn redis_cli() {
    for front in fronts() {
        let Some(cli) = Cli::new("redis-cli", &front) else { return };
        let name = front.name;
        assert_eq!(cli.run(&["set", "greeting", "hello world"], ""), "OK\n", "{name}");
        assert_eq!(cli.run(&["get", "greeting"], ""), "hello world\n", "{name}");
        assert_eq!(cli.run(&["-x", "set", "piped"], "from stdin"), "OK\n", "{name}");
        assert_eq!(cli.run(&["-n", "3", "dbsize"], ""), "0\n", "{name}");
        assert_eq!(
            cli.run(&["-3", "--json", "mget", "greeting", "none"], ""),
            "[\"hello world\",null]\n",
            "{name}"
        );
        let lines = "hset h f v\nhgetall h\nselect 2\nset k v\ndbsize\n";
        assert_eq!(cli.run(&[], lines), "1\nf\nv\nOK\nOK\n1\n", "{name}");
    }
}

#[test]
fn redis_cli_walks_the_keys() {
    for front in fronts() {
        let Some(cli) = Cli::new("redis-cli", &front) else { return };
        let load: String =
            (0..500).map(|i| format!("SET walk:{i} value{i}\r\nRPUSH list:{i} a b\r\n")).collect();
        let loaded = cli.run(&["--pipe"], &load);
        assert!(loaded.contains("errors: 0, replies: 1000"), "{}: {loaded}", front.name);
        let mut found: Vec<String> =
            cli.run(&["--scan", "--pattern", "walk:*"], "").lines().map(str::to_string).collect();
        found.sort();
        let mut want: Vec<String> = (0..500).map(|i| format!("walk:{i}")).collect();
        want.sort();
        assert_eq!(found, want, "{}", front.name);
        let big = cli.run(&["--bigkeys"], "");
        assert!(big.contains("Sampled 1000 keys in the keyspace!"), "{}: {big}", front.name);
        let memory = cli.run(&["--memkeys"], "");
        assert!(memory.contains("Sampled 1000 keys in the keyspace!"), "{}: {memory}", front.name);
    }
}

#[test]
fn redis_benchmark() {
    for front in fronts() {
        let Some(bench) = Cli::new("redis-benchmark", &front) else { return };
        let tests = "ping,set,get,incr,lpush,rpush,lpop,rpop,hset,lrange,mset";
        let report = bench.run(&["-q", "-n", "2000", "-c", "20", "-P", "8", "-r", "1000", "-t", tests], "");
        let last = ["PING_MBULK: ", "SET: ", "GET: ", "INCR: ", "HSET: ", "LRANGE_600", "MSET (10 keys): "];
        assert!(last.iter().all(|name| report.contains(name)), "{}: {report}", front.name);
        assert!(!report.to_lowercase().contains("error"), "{}: {report}", front.name);
    }
}
