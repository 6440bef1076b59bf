//! The commands of a load, by their weights.

use fastrand::Rng;
use ringtail_protocol::command::{Group, lookup};

use super::template::{Fill, KeyLook, Part, Template};
use crate::words;

/// Commands that go by their names alone.
const SHORT: &[(&str, &str)] = &[
    ("get", "GET {key}"),
    ("set", "SET {key} {value}"),
    ("getset", "GETSET {key} {value}"),
    ("append", "APPEND {key} {value}"),
    ("strlen", "STRLEN {key}"),
    ("exists", "EXISTS {key}"),
    ("del", "DEL {key}"),
    ("expire", "EXPIRE {key} 60"),
    ("incr", "INCR {key}"),
    ("lpush", "LPUSH {key} {value}"),
    ("rpush", "RPUSH {key} {value}"),
    ("lpop", "LPOP {key}"),
    ("rpop", "RPOP {key}"),
    ("llen", "LLEN {key}"),
    ("lrange", "LRANGE {key} 0 99"),
    ("sadd", "SADD {key} {value}"),
    ("srem", "SREM {key} {value}"),
    ("sismember", "SISMEMBER {key} {value}"),
    ("scard", "SCARD {key}"),
    ("hset", "HSET {key} field {value}"),
    ("hget", "HGET {key} field"),
    ("hgetall", "HGETALL {key}"),
    ("hdel", "HDEL {key} field"),
    ("zadd", "ZADD {key} 1 {value}"),
    ("zscore", "ZSCORE {key} {value}"),
    ("zrange", "ZRANGE {key} 0 99"),
    ("ping", "PING"),
];

/// Commands that write one key of a type, by the type's letter.
const WRITERS: &[(u8, &str)] = &[
    (b's', "SET {key} {value}"),
    (b'l', "RPUSH {key} {value}"),
    (b'h', "HSET {key} field {value}"),
    (b't', "SADD {key} {value}"),
    (b'z', "ZADD {key} 1 {value}"),
];

/// Commands after which replies and requests are no pairs any more.
const REFUSED: &[&str] = &[
    "subscribe",
    "unsubscribe",
    "psubscribe",
    "punsubscribe",
    "ssubscribe",
    "sunsubscribe",
    "monitor",
    "sync",
    "psync",
    "quit",
    "reset",
    "shutdown",
];

/// Most keys of an `mget:N`.
const MOST_KEYS: usize = 10_000;
/// Most weights together: each has a word of the table that commands are drawn from.
const MOST_WEIGHT: usize = 1_000_000;

/// A load's commands.
#[derive(Debug)]
pub(super) struct Mix {
    templates: Vec<Template>,
    /// Each template as often as its weight says.
    draw: Vec<u16>,
}

impl Mix {
    /// Reads `get:10,set:1`; `ttl_ms` is what `set` gives its keys.
    pub(super) fn new(text: &str, look: &KeyLook, ttl_ms: Option<u64>) -> Result<Self, String> {
        let mut mix = Self { templates: Vec::new(), draw: Vec::new() };
        for entry in entries(text) {
            let (command, weight) = command(entry, ttl_ms)?;
            let index = u16::try_from(mix.templates.len()).map_err(|_| "too many commands".to_owned())?;
            if mix.draw.len() + weight > MOST_WEIGHT {
                return Err(format!("the weights are more than {MOST_WEIGHT} together"));
            }
            mix.templates.push(template(&command, look)?);
            mix.draw.extend(std::iter::repeat_n(index, weight));
        }
        if mix.draw.is_empty() { Err("no command has a weight".into()) } else { Ok(mix) }
    }

    /// Appends a request that was drawn; whether its reply has an element for each key.
    #[inline]
    pub(super) fn write(&self, out: &mut Vec<u8>, fill: &Fill, random: &mut Rng) -> bool {
        let drawn = if self.draw.len() == 1 { 0 } else { random.usize(..self.draw.len()) };
        let template = &self.templates[usize::from(self.draw[drawn])];
        template.write(out, fill, random);
        template.wide
    }

    /// What writes each type of key that the commands use.
    pub(super) fn writers(&self, look: &KeyLook, ttl_ms: Option<u64>) -> Result<Vec<Template>, String> {
        let uses = |letter| self.templates.iter().any(|t| t.letter == letter && t.has_key());
        let wanted = WRITERS.iter().filter(|(letter, _)| uses(*letter));
        wanted.map(|(_, text)| template(&expiring(text, ttl_ms), look)).collect()
    }
}

/// The parts between the commas that are outside of quotes.
fn entries(text: &str) -> Vec<&str> {
    let (mut entries, mut start, mut quote) = (Vec::new(), 0, None);
    for (at, c) in text.char_indices() {
        match (c, quote) {
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (',', None) => {
                entries.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    entries.push(&text[start..]);
    entries
}

/// An entry's command in full, and its weight.
fn command(entry: &str, ttl_ms: Option<u64>) -> Result<(String, usize), String> {
    let entry = entry.trim();
    let (name, numbers) = match entry.split_once(':') {
        Some((name, numbers)) if !name.contains(' ') => (name.to_ascii_lowercase(), numbers),
        _ => (entry.to_ascii_lowercase(), ""),
    };
    if matches!(name.as_str(), "mget" | "mset") {
        return many(&name, numbers);
    }
    if let Some((_, text)) = SHORT.iter().find(|(short, _)| *short == name) {
        return Ok((expiring(text, ttl_ms), weight(numbers)?));
    }
    // A whole command, whose weight is what follows its last colon, if that is a number.
    let (text, weight) = match entry.rsplit_once(':').map(|(text, n)| (text, n.parse())) {
        Some((text, Ok(weight))) => (text, weight),
        _ => (entry, 1),
    };
    let complete = text.contains(' ') || lookup(text.as_bytes()).is_some_and(|row| row.arity_ok(1));
    match complete {
        true => Ok((text.to_owned(), weight)),
        false => Err(format!(
            "'{text}' is none of {}, mget:N, mset:N, and no whole command like 'SETEX {{key}} 60 {{value}}'",
            short_names()
        )),
    }
}

fn short_names() -> String {
    SHORT.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

fn weight(text: &str) -> Result<usize, String> {
    if text.is_empty() { Ok(1) } else { text.parse().map_err(|_| format!("'{text}' is no weight")) }
}

/// `mget:N` and `mset:N`, whose weight may follow.
fn many(name: &str, numbers: &str) -> Result<(String, usize), String> {
    let (keys, times) = numbers.split_once(':').unwrap_or((numbers, ""));
    let keys = keys.parse().ok().filter(|n| (1..=MOST_KEYS).contains(n));
    let keys = keys.ok_or_else(|| format!("{name} needs a number of keys: {name}:10"))?;
    let each = if name == "mget" { " {key}" } else { " {key} {value}" };
    Ok((name.to_ascii_uppercase() + &each.repeat(keys), weight(times)?))
}

fn expiring(text: &str, ttl_ms: Option<u64>) -> String {
    match ttl_ms {
        Some(ms) if text.starts_with("SET ") => format!("{text} PX {ms}"),
        _ => text.to_owned(),
    }
}

fn template(command: &str, look: &KeyLook) -> Result<Template, String> {
    let words = words_of(command.as_bytes())?;
    let Some(name) = words.first() else { return Err("a command has no name".into()) };
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    let silent = name == "client" && words.get(1).is_some_and(|word| word.eq_ignore_ascii_case(b"reply"));
    if silent || REFUSED.contains(&name.as_str()) {
        return Err(format!("{name} is no command to load a server with"));
    }
    let wide = matches!(name.as_str(), "mget" | "hmget");
    Ok(Template::new(&words.iter().map(|word| parts(word)).collect::<Vec<_>>(), letter(&name), look, wide))
}

/// The words of a command, which may be in quotes as a whole.
fn words_of(command: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let split = |text: &[u8]| {
        let shown = || String::from_utf8_lossy(text).into_owned();
        words::split(text).map_err(|bad| format!("{}: {}", shown(), bad.text()))
    };
    let words = split(command)?;
    match &*words {
        [whole] if whole.contains(&b' ') => split(whole),
        _ => Ok(words),
    }
}

/// Keys of different types must not be the same ones.
fn letter(name: &str) -> u8 {
    if name.starts_with("incr") || name.starts_with("decr") {
        return b'n';
    }
    match lookup(name.as_bytes()).map(|row| row.group) {
        Some(Group::List) => b'l',
        Some(Group::Hash) => b'h',
        Some(Group::Set) => b't',
        Some(Group::SortedSet) => b'z',
        Some(Group::Stream) => b'x',
        Some(Group::Bitmap) => b'b',
        Some(Group::HyperLogLog) => b'p',
        Some(Group::Geo) => b'g',
        _ => b's',
    }
}

fn parts(mut word: &[u8]) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut text = Vec::new();
    while let Some((&first, rest)) = word.split_first() {
        let place = [(&b"{key}"[..], Part::Key), (b"{value}", Part::Value)];
        match place.into_iter().find(|(name, _)| word.starts_with(name)) {
            Some((name, part)) => {
                parts.extend((!text.is_empty()).then(|| Part::Text(std::mem::take(&mut text))));
                parts.push(part);
                word = &word[name.len()..];
            }
            None => {
                text.push(first);
                word = rest;
            }
        }
    }
    parts.extend((!text.is_empty()).then_some(Part::Text(text)));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::keys::{Keys, Spread};
    use crate::bench::sizes::Stock;

    fn look() -> KeyLook {
        KeyLook { prefix: "k:".into(), size: 6 }
    }

    /// The first words of 11,000 requests, with how often each came.
    fn drawn(text: &str) -> Vec<(String, usize)> {
        let mix = Mix::new(text, &look(), None).unwrap();
        let fill =
            Fill { keys: Keys::new(Spread::Uniform, 10), sizes: "1".parse().unwrap(), stock: Stock::new(1) };
        let (mut random, mut counts) = (Rng::with_seed(5), std::collections::BTreeMap::new());
        for _ in 0..11_000 {
            let mut out = Vec::new();
            mix.write(&mut out, &fill, &mut random);
            let text = String::from_utf8(out).unwrap();
            *counts.entry(text.split("\r\n").nth(2).unwrap().to_owned()).or_insert(0) += 1;
        }
        counts.into_iter().collect()
    }

    fn first(text: &str, ttl_ms: Option<u64>) -> String {
        let mix = Mix::new(text, &look(), ttl_ms).unwrap();
        let fill =
            Fill { keys: Keys::new(Spread::Uniform, 1), sizes: "1".parse().unwrap(), stock: Stock::new(1) };
        let mut out = Vec::new();
        mix.write(&mut out, &fill, &mut Rng::with_seed(1));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn commands_are_drawn_by_weight() {
        let counts = drawn("get:10,set:1");
        assert_eq!([&*counts[0].0, &*counts[1].0], ["GET", "SET"]);
        assert!((900..1100).contains(&counts[1].1), "{counts:?}");
        let names: Vec<_> = drawn("mget:2:1, mset:3,'PFADD' {key} \"a,b:c\":2,dbsize").into_iter().collect();
        let names: Vec<_> = names.iter().map(|(name, n)| (name.as_str(), (n + 1100) / 2200)).collect();
        assert_eq!(names, [("MGET", 1), ("MSET", 1), ("PFADD", 2), ("dbsize", 1)]);
    }

    #[test]
    fn requests_are_what_was_asked_for() {
        assert_eq!(first("mget:2", None), "*3\r\n$4\r\nMGET\r\n$6\r\nk:s000\r\n$6\r\nk:s000\r\n");
        assert_eq!(first("hget", None), "*3\r\n$4\r\nHGET\r\n$6\r\nk:h000\r\n$5\r\nfield\r\n");
        let quoted = first("get:0,\"HGET {key} 'a,b'\":2", None);
        assert_eq!(quoted, "*3\r\n$4\r\nHGET\r\n$6\r\nk:h000\r\n$3\r\na,b\r\n");
        assert_eq!(first("INCR:5", None), "*2\r\n$4\r\nINCR\r\n$6\r\nk:n000\r\n");
        assert!(first("set", Some(1500)).ends_with("$2\r\nPX\r\n$4\r\n1500\r\n"));
        assert_eq!(first("EXPIRE '{key}' 5:3", Some(9)), "*3\r\n$6\r\nEXPIRE\r\n$6\r\nk:s000\r\n$1\r\n5\r\n");
    }

    #[test]
    fn every_short_name_is_a_command() {
        for (name, text) in SHORT {
            assert!(lookup(name.as_bytes()).is_some(), "{name}");
            assert!(text.to_lowercase().starts_with(name), "{name}");
        }
    }

    #[test]
    fn what_is_read_is_written_first() {
        let letters = |text: &str| {
            let mix = Mix::new(text, &look(), None).unwrap();
            mix.writers(&look(), None).unwrap().iter().map(|t| t.letter as char).collect::<String>()
        };
        assert_eq!(letters("get,hget,lpop,scard,zrange"), "slhtz");
        assert_eq!(letters("ping,incr,mget:3"), "s");
        assert_eq!(letters("ping"), "");
    }

    #[test]
    fn bad_mixes_are_refused() {
        for text in [
            "",
            "nope",
            "get:x",
            "get:0",
            "mget",
            "mget:0",
            "mset:99999",
            "get,,set",
            "get:2000000",
            "'get",
            "SUBSCRIBE {key}",
            "monitor",
            "CLIENT REPLY OFF",
            "GET \"{key}",
            "get:-1",
            "get:1:2",
        ] {
            assert!(Mix::new(text, &look(), None).is_err(), "{text}");
        }
    }
}
