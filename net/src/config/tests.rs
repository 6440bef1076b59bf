use clap::Args;
use serde::{Deserialize, Serialize};

use super::*;
use crate::testing::Scratch;
use crate::units::{ByteSize, Time};

#[derive(Debug, Default, PartialEq, Args, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Settings {
    #[arg(long)]
    addr: Option<String>,
    #[arg(long, env = "RINGTAIL_TEST_THREADS")]
    threads: Option<usize>,
    #[arg(long)]
    max_memory: Option<ByteSize>,
    #[arg(long)]
    timeout: Option<Time>,
    #[arg(long, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    insecure: Option<bool>,
}

impl Changes for Settings {
    fn live(flag: &str) -> Live {
        match flag {
            "threads" => Live::Set("io-threads"),
            "addr" => Live::File,
            _ => Live::No,
        }
    }
}

#[derive(Debug, Default, Args, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Shown {
    /// Where [default: here]
    #[arg(long)]
    at: Option<String>,
    #[arg(long)]
    max_memory: Option<ByteSize>,
    #[arg(long)]
    rate: Option<Vec<String>>,
    #[arg(long)]
    insecure: Option<bool>,
    #[arg(skip)]
    users: Option<Vec<String>>,
}

#[test]
fn settings_are_shown_as_given_or_as_their_help_says() {
    let lines = |settings: &Shown| -> Vec<String> {
        shown(settings).into_iter().map(|(name, value)| format!("{name}={value}")).collect()
    };
    assert_eq!(lines(&Shown::default()), ["at=here", "max-memory=", "rate=", "insecure="]);
    let given = Shown {
        at: Some("there".into()),
        max_memory: Some(ByteSize(1 << 20)),
        rate: Some(vec!["a".into(), "b".into()]),
        insecure: Some(true),
        users: Some(vec!["user a".into()]),
    };
    assert_eq!(lines(&given), ["at=there", "max-memory=1mb", "rate=a b", "insecure=yes"]);
}

fn load(args: &[&str]) -> Result<Loaded<Settings>, String> {
    let args = std::iter::once("test").chain(args.iter().copied());
    load_from("test", "A test", args).map_err(|stop| match stop {
        Stop::Bad(problem) => problem.to_string(),
        Stop::Shown(text) => format!("shown: {text}"),
        Stop::Printed(text) => text,
    })
}

fn load_file(text: &str, args: &[&str]) -> Result<Settings, String> {
    let scratch = Scratch::new();
    let path = scratch.write("c.toml", text);
    let args = [&["--config", path.to_str().unwrap()], args].concat();
    let loaded = load(&args).map_err(|error| error.replace(path.to_str().unwrap(), "c.toml"))?;
    assert_eq!(loaded.file, Some(path.clone()));
    Ok(loaded.settings)
}

const FILE: &str = "addr = '[::]:1'\nthreads = 2\nmax-memory = '1gb'\ntimeout = '250ms'\ninsecure = false\n";

#[test]
fn a_flag_beats_the_file_and_what_none_gives_stays_open() {
    let settings = load_file(FILE, &["--threads", "7", "--insecure"]).unwrap();
    let expected = Settings {
        addr: Some("[::]:1".into()),
        threads: Some(7),
        max_memory: Some(ByteSize(1 << 30)),
        timeout: Some(Time(std::time::Duration::from_millis(250))),
        insecure: Some(true),
    };
    assert_eq!(settings, expected);
    let loaded = load(&["--check-config"]).unwrap();
    assert!(loaded.check_only);
    assert_eq!(loaded.settings, Settings::default());
}

/// The environment is the process's: read by a child that runs only the test below.
#[test]
fn the_environment_stands_between_flag_and_file() {
    let test = "config::tests::in_a_child_with_threads_5_in_its_environment";
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env("RINGTAIL_TEST_THREADS", "5")
        .output()
        .unwrap();
    assert!(child.status.success(), "{child:?}");
    assert!(String::from_utf8_lossy(&child.stdout).contains("1 passed"), "{child:?}");
}

#[test]
fn in_a_child_with_threads_5_in_its_environment() {
    if std::env::var_os("RINGTAIL_TEST_THREADS").is_some() {
        assert_eq!(load_file("threads = 2", &[]).unwrap().threads, Some(5));
        assert_eq!(load_file("threads = 2", &["--threads", "7"]).unwrap().threads, Some(7));
        let text = load(&["--print-config"]).unwrap_err();
        assert_eq!(said(&text, "threads"), ("threads = 5", "environment, RINGTAIL_TEST_THREADS"));
    }
}

#[test]
fn sizes_in_a_file_may_be_numbers() {
    assert_eq!(load_file("max-memory = 1024", &[]).unwrap().max_memory, Some(ByteSize(1024)));
}

#[test]
fn what_is_wrong_in_a_file_is_said_with_line_column_and_key() {
    let cases = [
        ("addr = 'x'\n  thread = 2", "c.toml:2:3: unknown key 'thread': did you mean 'threads'?"),
        ("max_memory = 1", "c.toml:1:1: unknown key 'max_memory': did you mean 'max-memory'?"),
        (
            "colour = 1",
            "c.toml:1:1: unknown key 'colour': known keys: addr, threads, max-memory, timeout, insecure",
        ),
        (
            "\nthreads = 'two'",
            "c.toml:2:11: threads: invalid type: string \"two\", expected usize: correct the file",
        ),
        (
            "max-memory = '1xb'",
            "c.toml:1:14: max-memory: '1xb' is no size: write 1048576, 100mb or 1gb: correct the file",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(load_file(text, &[]).unwrap_err(), expected);
    }
    for text in ["threads = 2\nthreads = 3", "threads = -1", "threads ="] {
        let error = load_file(text, &[]).unwrap_err();
        assert!(
            error.starts_with("c.toml:") && error.contains("threads") && !error.contains('\n'),
            "{error}"
        );
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let scratch = Scratch::new();
    let binary = scratch.write("b", [0xff, 0xfe]);
    let long = scratch.write("l", "#".repeat((limits::CONFIG_FILE + 1) as usize));
    for path in [scratch.path("none"), binary, long] {
        let error = load(&["--config", path.to_str().unwrap()]).unwrap_err();
        assert!(error.contains(path.to_str().unwrap()) && error.ends_with("check --config"), "{error}");
    }
}

#[test]
fn a_bad_flag_is_one_line_with_a_remedy() {
    let cases = [
        (
            &["--thread", "2"][..],
            "unexpected argument '--thread' found: a similar argument exists: '--threads'",
        ),
        (
            &["--threads", "x"],
            "invalid value 'x' for '--threads <THREADS>': invalid digit found in string: see --help",
        ),
        (
            &["--max-memory", "1xb"],
            "invalid value '1xb' for '--max-memory <MAX_MEMORY>': '1xb' is no size: write 1048576, 100mb or 1gb: \
             see --help",
        ),
    ];
    for (args, expected) in cases {
        assert_eq!(load(args).unwrap_err(), expected);
    }
    assert!(load(&["--help"]).unwrap_err().starts_with("shown: A test"));
}

impl Changes for Shown {
    fn live(_: &str) -> Live {
        Live::No
    }
}

fn printed(args: &[&str]) -> String {
    let args = ["test", "--print-config"].iter().chain(args).copied();
    match load_from::<Shown, _>("test", "A test", args) {
        Err(Stop::Printed(text)) => text,
        other => panic!("{other:?}"),
    }
}

/// What it says of one setting, and where that came from.
fn said<'a>(text: &'a str, name: &str) -> (&'a str, &'a str) {
    let is_it = |line: &&str| line.trim_start_matches("# ").starts_with(&format!("{name} ="));
    let (setting, source) = text.lines().find(is_it).and_then(|line| line.rsplit_once(" # ")).unwrap();
    (setting.trim_end(), source)
}

#[test]
fn what_is_in_force_says_where_it_came_from() {
    let scratch = Scratch::new();
    let file =
        scratch.write("demo.toml", "max-memory = '2mb'\nrate = ['a', 'b']\nusers = ['user a >secret']\n");
    let path = file.display().to_string();
    let text = printed(&["--config", &path, "--rate", "c"]);
    assert_eq!(said(&text, "at"), ("# at = \"here\"", "default"));
    assert_eq!(said(&text, "max-memory"), ("max-memory = \"2mb\"", &*format!("file {path}")));
    assert_eq!(said(&text, "rate"), ("rate = [\"c\"]", "flag"));
    assert_eq!(said(&text, "insecure"), ("# insecure =", "not set"));
    let users = "users = \"1, not shown: to be put here again\"";
    assert_eq!(said(&text, "users"), (users, &*format!("file {path}")));
    assert!(!text.contains("secret"), "{text}");
    let copy = scratch.write("copy.toml", &text);
    let refused = load_from::<Shown, _>("test", "A test", ["test", "--config", &copy.display().to_string()]);
    assert!(matches!(refused, Err(Stop::Bad(_))), "without its users it would let everybody in");
}

/// Lists of users are in no flag, and have passwords.
#[test]
fn what_is_wrong_with_a_user_is_said_without_the_password() {
    let scratch = Scratch::new();
    for text in [
        "users = 'user a on >secret'",
        "users = \"user a on >secret\"",
        "users = [\n  \"user a on >secret=1\n]",
        "users = [\n  \"user a\"\n  \"on >secret=1\"\n]",
        "users = { a = 'secret' }",
        "users = [['secret']]",
    ] {
        let file = scratch.write("demo.toml", text).display().to_string();
        match load_from::<Shown, _>("test", "A test", ["test", "--config", &file]) {
            Err(Stop::Bad(problem)) => assert!(!problem.to_string().contains("secret"), "{problem}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_is_printed_is_a_file_that_says_the_same() {
    let scratch = Scratch::new();
    let first = printed(&["--at", "a \"place\" # of its own", "--insecure", "true", "--rate", "c"]);
    let file = scratch.write("again.toml", &first).display().to_string();
    let settings = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(|line| Some(line.rsplit_once(" # ")?.0.trim_end().to_owned())).collect()
    };
    assert_eq!(settings(&first).len(), 3);
    assert_eq!(settings(&printed(&["--config", &file])), settings(&first));
}

#[test]
fn the_page_has_a_row_for_each_setting() {
    let page = load(&["--configuration-page"]).unwrap_err();
    let rows: Vec<&str> = page.lines().skip(2).collect();
    assert_eq!(rows.len(), 5, "{page}");
    assert!(
        page.contains(
            "| `--threads THREADS` | `RINGTAIL_TEST_THREADS` | `threads` |  | `CONFIG SET io-threads` |"
        ),
        "{page}"
    );
    assert!(page.contains("`addr` |  | with its file |") && page.contains("`timeout` |  | no |"), "{page}");
}
