//! What one client does, and what is there afterwards: a plain model of a few commands of every type.

use fastrand::Rng;
use ringtail_tests::resp::{Conn, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Keys of each type that a client has.
const KEYS: u32 = 3;

/// A value of any type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Held {
    Text(String),
    List(Vec<String>),
    Hash(BTreeMap<String, String>),
    Set(BTreeSet<String>),
    Sorted(BTreeMap<String, i64>),
    Stream(Vec<(String, String)>),
}

/// A value and when it goes, in milliseconds since 1970.
pub(super) type State = BTreeMap<String, (Held, Option<u64>)>;

/// One command.
#[derive(Clone, Debug)]
pub(super) struct Effect {
    pub(super) args: Vec<String>,
}

/// What a client sends in one piece, and what becomes whole or not at all.
#[derive(Clone, Debug)]
pub(super) enum Step {
    One(Effect),
    Multi(Vec<Effect>),
    Script(Vec<Effect>),
}

fn effect(args: &[&str]) -> Effect {
    Effect { args: args.iter().map(|arg| (*arg).to_owned()).collect() }
}

/// The client's next step: its number is in all that it writes. Keys of one client are in one slot.
pub(super) fn step(client: usize, number: u64, now: u64, rng: &mut Rng) -> Step {
    let mut one = |part: u64| random(client, (number, part), now, rng);
    match number % 10 {
        3 => Step::Multi((0..4).map(one).collect()),
        7 => Step::Script((0..4).map(one).collect()),
        _ => Step::One(one(0)),
    }
}

fn random(client: usize, (number, part): (u64, u64), now: u64, rng: &mut Rng) -> Effect {
    let n = rng.u32(..KEYS);
    let key = |kind: &str| format!("{{{client}}}:{kind}:{n}");
    let value = format!("{client}:{number}:{part}:{}", "x".repeat(rng.usize(..200)));
    let member = rng.u8(..20).to_string();
    let soon = (now + rng.u64(20..2000)).to_string();
    let late = (now + 3_600_000 + rng.u64(..1000)).to_string();
    match rng.u8(..20) {
        0 | 1 => effect(&["SET", &key("text"), &value]),
        2 => effect(&["SET", &key("text"), &value, "PXAT", &late]),
        // No other command is about such a key: nobody could say whether it came in time.
        3 => effect(&["SET", &key("brief"), &value, "PXAT", &soon]),
        4 => effect(&["APPEND", &key("text"), "+"]),
        5 | 6 => effect(&["RPUSH", &key("list"), &value, &member]),
        7 => effect(&["LPOP", &key("list")]),
        8 | 9 => effect(&["HSET", &key("hash"), &member, &value]),
        10 => effect(&["HDEL", &key("hash"), &member]),
        11 => effect(&["SADD", &key("set"), &member, &value]),
        12 => effect(&["SREM", &key("set"), &member]),
        13 | 14 => effect(&["ZADD", &key("sorted"), &number.to_string(), &member]),
        15 => effect(&["ZREM", &key("sorted"), &member]),
        16 => effect(&["XADD", &key("stream"), &format!("{}-{part}", number + 1), "f", &value]),
        17 => effect(&["DEL", &key(["text", "list", "hash", "set", "sorted"][rng.usize(..5)])]),
        18 => effect(&["PEXPIREAT", &key(["list", "hash", "set"][rng.usize(..3)]), &late]),
        _ => effect(&["PERSIST", &key(["list", "hash", "set", "text"][rng.usize(..4)])]),
    }
}

/// A script that runs all commands that it is given, the arguments of each behind their count.
const ALL: &str = "local i = 1 while i <= #ARGV do local n = tonumber(ARGV[i]) redis.pcall(unpack(ARGV, i + 1, i + n)) i = i + n + 1 end return 'OK'";

impl Step {
    /// As requests; the last one's reply says that it was done.
    pub(super) fn requests(&self) -> Vec<Vec<String>> {
        match self {
            Self::One(effect) => vec![effect.args.clone()],
            Self::Multi(effects) => {
                let begin = std::iter::once(vec!["MULTI".to_owned()]);
                let end = std::iter::once(vec!["EXEC".to_owned()]);
                begin.chain(effects.iter().map(|effect| effect.args.clone())).chain(end).collect()
            }
            Self::Script(effects) => {
                let mut args = vec!["EVAL".to_owned(), ALL.to_owned(), "1".to_owned()];
                args.push(effects[0].args[1].clone());
                for effect in effects {
                    args.push(effect.args.len().to_string());
                    args.extend(effect.args.iter().cloned());
                }
                vec![args]
            }
        }
    }

    /// Does it to a state.
    pub(super) fn apply(&self, state: &mut State) {
        match self {
            Self::One(effect) => effect.apply(state),
            Self::Multi(effects) | Self::Script(effects) => {
                effects.iter().for_each(|effect| effect.apply(state));
            }
        }
    }
}

impl Effect {
    fn apply(&self, state: &mut State) {
        let args: Vec<&str> = self.args.iter().map(String::as_str).collect();
        let key = args[1].to_owned();
        match args[..] {
            ["SET", _, value, ..] => {
                let expiry = args.get(4).map(|at| at.parse().expect("a time"));
                state.insert(key, (Held::Text(value.to_owned()), expiry));
            }
            ["DEL", _] => {
                state.remove(&key);
            }
            ["PEXPIREAT", _, at] => {
                if let Some((_, expiry)) = state.get_mut(&key) {
                    *expiry = at.parse().ok();
                }
            }
            ["PERSIST", _] => {
                if let Some((_, expiry)) = state.get_mut(&key) {
                    *expiry = None;
                }
            }
            _ => self.change(state, &key, &args),
        }
    }

    /// Changes a part of a value, which is made if it is not there and goes when it is empty.
    fn change(&self, state: &mut State, key: &str, args: &[&str]) {
        let (held, _) = state.entry(key.to_owned()).or_insert_with(|| (Held::of(args[0]), None));
        match (held, args) {
            (Held::Text(text), ["APPEND", _, more]) => text.push_str(more),
            (Held::List(list), ["RPUSH", _, values @ ..]) => {
                list.extend(values.iter().map(|value| (*value).to_owned()));
            }
            (Held::List(list), ["LPOP", _]) => {
                if !list.is_empty() {
                    list.remove(0);
                }
            }
            (Held::Hash(hash), ["HSET", _, field, value]) => {
                hash.insert((*field).to_owned(), (*value).to_owned());
            }
            (Held::Hash(hash), ["HDEL", _, field]) => {
                hash.remove(*field);
            }
            (Held::Set(set), ["SADD", _, members @ ..]) => {
                set.extend(members.iter().map(|member| (*member).to_owned()));
            }
            (Held::Set(set), ["SREM", _, member]) => {
                set.remove(*member);
            }
            (Held::Sorted(sorted), ["ZADD", _, score, member]) => {
                sorted.insert((*member).to_owned(), score.parse().expect("a score"));
            }
            (Held::Sorted(sorted), ["ZREM", _, member]) => {
                sorted.remove(*member);
            }
            (Held::Stream(stream), ["XADD", _, id, _, value]) => {
                stream.push(((*id).to_owned(), (*value).to_owned()));
            }
            (held, args) => panic!("{args:?} of {held:?}"),
        }
        if state.get(key).is_some_and(|(held, _)| held.is_empty()) {
            state.remove(key);
        }
    }
}

impl Held {
    /// The empty value that a command makes.
    fn of(command: &str) -> Self {
        match command {
            "APPEND" => Self::Text(String::new()),
            "RPUSH" | "LPOP" => Self::List(Vec::new()),
            "HSET" | "HDEL" => Self::Hash(BTreeMap::new()),
            "SADD" | "SREM" => Self::Set(BTreeSet::new()),
            "ZADD" | "ZREM" => Self::Sorted(BTreeMap::new()),
            "XADD" => Self::Stream(Vec::new()),
            other => panic!("{other} makes nothing"),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::List(list) => list.is_empty(),
            Self::Hash(hash) => hash.is_empty(),
            Self::Set(set) => set.is_empty(),
            Self::Sorted(sorted) => sorted.is_empty(),
            Self::Stream(stream) => stream.is_empty(),
        }
    }

    /// What a server has under a key.
    fn read(conn: &mut Conn, key: &str) -> Option<Self> {
        let texts = |value: Value| -> Vec<String> { value.items().iter().map(Value::text).collect() };
        let pairs = |value: Value| -> Vec<(String, String)> {
            texts(value).chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
        };
        Some(match conn.call(&["TYPE", key]).text().as_str() {
            "string" => Self::Text(conn.call(&["GET", key]).text()),
            "list" => Self::List(texts(conn.call(&["LRANGE", key, "0", "-1"]))),
            "hash" => Self::Hash(pairs(conn.call(&["HGETALL", key])).into_iter().collect()),
            "set" => Self::Set(texts(conn.call(&["SMEMBERS", key])).into_iter().collect()),
            "zset" => {
                let scores = pairs(conn.call(&["ZRANGE", key, "0", "-1", "WITHSCORES"]));
                let score = |score: String| score.parse().expect("a whole score");
                Self::Sorted(scores.into_iter().map(|(member, n)| (member, score(n))).collect())
            }
            "stream" => {
                let entries = conn.call(&["XRANGE", key, "-", "+"]);
                let entry = |entry: &Value| (entry.items()[0].text(), entry.items()[1].items()[1].text());
                Self::Stream(entries.items().iter().map(entry).collect())
            }
            _ => return None,
        })
    }
}

/// All that a server has of a client, whose connection nobody disturbs.
pub(super) fn read_state(conn: &mut Conn, client: usize) -> State {
    let kinds = ["text", "brief", "list", "hash", "set", "sorted", "stream"];
    let names = kinds.iter().flat_map(|kind| (0..KEYS).map(move |n| format!("{{{client}}}:{kind}:{n}")));
    let mut state = State::new();
    for key in names {
        let expiry = conn.call(&["PEXPIRETIME", &key]).int();
        if let Some(held) = Held::read(conn, &key) {
            state.insert(key, (held, u64::try_from(expiry).ok()));
        }
    }
    state
}

/// Without what goes before a time: nobody knows whether that was seen.
pub(super) fn until(mut state: State, time: u64) -> State {
    state.retain(|_, (_, expiry)| expiry.is_none_or(|at| at > time));
    state
}
