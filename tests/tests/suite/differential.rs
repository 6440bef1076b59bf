//! Random commands of all groups, the same to a data server and to redis-server: all replies, and then all keys, must be
//! equal. The commands are templates in `tests/differential/commands.txt`, which also says what is left out and why.

use crate::front::Front;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use ringtail_tests::harness::{Options, missing, repo_file, say};
use ringtail_tests::resp::{Conn, Value};

/// Sequences, and the most commands of one.
const SEQUENCES: u32 = 400;
const LONGEST: usize = 60;

/// What of two replies is compared.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Compare {
    All,
    Unordered,
    Kind,
}

#[derive(Clone, Debug)]
struct Template {
    compare: Compare,
    words: Vec<String>,
}

/// A command to send, and what of its reply counts.
#[derive(Clone)]
struct Step {
    compare: Compare,
    words: Vec<String>,
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.words.join(" "))
    }
}

/// The templates, by group, so that each group comes as often as another.
fn templates() -> Vec<Vec<Template>> {
    let text = std::fs::read_to_string(repo_file("tests/differential/commands.txt")).expect("the templates");
    let mut groups: Vec<Vec<Template>> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if line.starts_with("==") {
            groups.push(Vec::new());
            continue;
        }
        let (compare, line) = match line.split_at(1) {
            ("~", rest) => (Compare::Unordered, rest),
            ("?", rest) => (Compare::Kind, rest),
            _ => (Compare::All, line),
        };
        groups
            .last_mut()
            .expect("a group before its templates")
            .push(Template { compare, words: words(line) });
    }
    groups
}

/// Words at spaces, those in quotes as one.
fn words(line: &str) -> Vec<String> {
    let parts = line.split('"').enumerate();
    let word = |(i, part): (usize, &str)| match i % 2 {
        1 => vec![part.to_owned()],
        _ => part.split_whitespace().map(str::to_owned).collect(),
    };
    parts.flat_map(word).collect()
}

/// Fills a template's placeholders, a number for each.
fn filled(template: &Template, picks: &[u16]) -> Step {
    let mut picks = picks.iter().copied().cycle();
    let mut fill = |word: &String| {
        let Some(open) = word.find('{') else { return word.clone() };
        let close = word.find('}').unwrap_or_else(|| panic!("{word}: no closing brace"));
        let with = value(&word[open + 1..close], picks.next().unwrap_or(0).into());
        format!("{}{with}{}", &word[..open], &word[close + 1..])
    };
    // Lua's braces are its own.
    let mut quoted = |word: &String| if word.contains(' ') { word.clone() } else { fill(word) };
    Step { compare: template.compare, words: template.words.iter().map(&mut quoted).collect() }
}

const TYPES: [&str; 9] = ["str", "list", "hash", "set", "zset", "stream", "bits", "geo", "hll"];

/// What stands for a placeholder.
fn value(kind: &str, pick: usize) -> String {
    let of = |choices: &[&str]| choices[pick % choices.len()].to_owned();
    match kind {
        // Not a HyperLogLog: its bytes say the same in more than one way.
        "k" => value(TYPES[pick % 8], pick / 8 % 2),
        // Seldom a key of another type.
        kind if TYPES.contains(&kind) && pick % 29 == 28 => value("k", pick / 29),
        kind if TYPES.contains(&kind) => format!("{kind}{}", pick % 2),
        "m" => of(&["a", "b", "c", "d", "e", "10", "-3", "f"]),
        "v" => match pick % 11 {
            0 => String::new(),
            1 => "x".repeat(70),
            2 => "-9223372036854775808".into(),
            n => of(&["1", "hello", "3.25", "b", "99999999999"]).repeat(1 + usize::from(n == 10)),
        },
        "n" => (pick % 7).to_string(),
        "i" => (pick as i64 % 11 - 5).to_string(),
        "f" => of(&["1", "2", "-1.5", "0", "3.25", "1000000", "-0.25"]),
        "r" => of(&["-inf", "+inf", "0", "(1", "2", "-1.5", "(3.25", "nan"]),
        "l" => of(&["-", "+", "[a", "(b", "[d", "(e", "b"]),
        "p" => of(&["*", "s*", "?ist0", "[hl]*[01]", "none"]),
        "id" => of(&["1-1", "2-0", "3", "5-*", "9-9", "0-1", "0", "4-2"]),
        "t" => (1_000_000 + pick).to_string(),
        "db" => (pick % 2).to_string(),
        "lon" => of(&["13.361389", "15.087269", "-74.006", "139.6917", "2.3522", "181"]),
        "lat" => of(&["38.115556", "37.502669", "40.7128", "35.6895", "48.8566"]),
        other => panic!("no such placeholder: {other}"),
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let groups = templates();
    let step = (any::<u16>(), any::<u16>(), prop::collection::vec(any::<u16>(), 6)).prop_map(
        move |(g, t, picks)| {
            let group = &groups[usize::from(g) % groups.len()];
            filled(&group[usize::from(t) % group.len()], &picks)
        },
    );
    prop::collection::vec(step, 1..LONGEST)
}

/// What of a reply is compared, as text.
fn shown(reply: &Value, compare: Compare) -> String {
    match compare {
        Compare::All => format!("{}", ordered(reply, false)),
        Compare::Unordered => format!("{}", ordered(reply, true)),
        Compare::Kind => format!("{:?}", std::mem::discriminant(reply)),
    }
}

/// Sets and maps have no order; with `all`, arrays neither.
fn ordered(value: &Value, all: bool) -> Value {
    let sorted = |items: &[Value]| {
        let mut items: Vec<Value> = items.iter().map(|item| ordered(item, all)).collect();
        items.sort_by_key(|item| format!("{item}"));
        items
    };
    match value {
        Value::Array(items) if all => Value::Array(sorted(items)),
        Value::Array(items) => Value::Array(items.iter().map(|item| ordered(item, all)).collect()),
        Value::Set(items) => Value::Set(sorted(items)),
        Value::Map(pairs) => {
            let mut pairs: Vec<_> = pairs.iter().map(|(k, v)| (ordered(k, all), ordered(v, all))).collect();
            pairs.sort_by_key(|pair| format!("{}", pair.0));
            Value::Map(pairs)
        }
        other => other.clone(),
    }
}

struct Pair {
    ours: Conn,
    theirs: Conn,
    /// What is compared of the replies of the commands since MULTI.
    queued: Vec<Compare>,
}

impl Pair {
    fn new(ours: &Front, theirs: &Front, resp3: bool) -> Pair {
        let open = |front: &Front| if resp3 { front.endpoint().open3() } else { front.endpoint().open() };
        Pair { ours: open(ours), theirs: open(theirs), queued: Vec::new() }
    }

    fn both(&mut self, words: &[String]) -> Result<(Value, Value), String> {
        let ours = self.ours.try_call(words).map_err(|e| format!("{}: {e}", words.join(" ")))?;
        Ok((ours, self.theirs.call(words)))
    }

    /// Runs a sequence on empty servers. What differed first.
    fn run(&mut self, steps: &[Step]) -> Result<(), String> {
        self.both(&["FLUSHALL".to_owned()])?;
        for step in steps {
            self.compare(step)?;
        }
        self.both(&["DISCARD".to_owned()])?;
        self.compare_keys()
    }

    fn compare(&mut self, step: &Step) -> Result<(), String> {
        let (ours, theirs) = self.both(&step.words)?;
        let (left, right) = match (step.words[0].as_str(), &ours, &theirs) {
            // Each reply as its command's is compared.
            ("EXEC", Value::Array(ours), Value::Array(theirs)) => {
                (self.shown_all(ours), self.shown_all(theirs))
            }
            ("DUMP", ..) => (shown(&ours, Compare::Kind), shown(&theirs, Compare::Kind)),
            _ => (shown(&ours, step.compare), shown(&theirs, step.compare)),
        };
        match (step.words[0].as_str(), &theirs) {
            (_, Value::Simple(queued)) if queued == "QUEUED" => {
                let kind = step.words[0] == "DUMP";
                self.queued.push(if kind { Compare::Kind } else { step.compare });
            }
            ("MULTI" | "EXEC" | "DISCARD", _) => self.queued.clear(),
            _ => {}
        }
        if left == right { Ok(()) } else { Err(format!("{step:?}: {left}, redis: {right}")) }
    }

    /// The replies of a transaction.
    fn shown_all(&self, replies: &[Value]) -> String {
        let all = replies.iter().zip(&self.queued).map(|(reply, &compare)| shown(reply, compare));
        format!("{}: {}", replies.len(), all.collect::<Vec<_>>().join(", "))
    }

    fn compare_keys(&mut self) -> Result<(), String> {
        for db in ["1", "0"] {
            self.both(&["SELECT".into(), db.into()])?;
            let step = |line: &str| Step { compare: Compare::Unordered, words: words(line) };
            self.compare(&step("KEYS *"))?;
            for key in TYPES.iter().flat_map(|name| [format!("{name}0"), format!("{name}1")]) {
                for command in ["TYPE", "TTL"] {
                    self.compare(&step(&format!("{command} {key}")))?;
                }
                let read = match self.both(&["TYPE".into(), key.clone()])?.1.text().as_str() {
                    "string" if key.starts_with("hll") => format!("PFCOUNT {key}"),
                    "string" => format!("GET {key}"),
                    "list" => format!("LRANGE {key} 0 -1"),
                    "hash" => format!("HGETALL {key}"),
                    "set" => format!("SMEMBERS {key}"),
                    "zset" => format!("ZRANGE {key} 0 -1 WITHSCORES"),
                    "stream" => format!("XRANGE {key} - +"),
                    _ => continue,
                };
                self.compare(&step(&read))?;
            }
        }
        Ok(())
    }
}

#[test]
fn random_commands_are_answered_as_by_redis() {
    let Some(redis) = Front::redis(&[]) else { return missing("redis-server") };
    let ours = Front::server(&Options::default());
    // RINGTAIL_SEED repeats a run.
    let seed = std::env::var("RINGTAIL_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1_u64);
    say(&format!("differential test: seed {seed}, {SEQUENCES} sequences"));
    for resp3 in [false, true] {
        let config = Config { cases: SEQUENCES / 2, failure_persistence: None, ..Config::default() };
        let bytes: Vec<u8> = seed.to_le_bytes().into_iter().cycle().take(32).collect();
        let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
        let result = runner
            .run(&steps(), |steps| Pair::new(&ours, &redis, resp3).run(&steps).map_err(TestCaseError::fail));
        if let Err(error) = result {
            panic!("RESP{}, seed {seed}: {error}", if resp3 { 3 } else { 2 });
        }
    }
}
