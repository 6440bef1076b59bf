//! What a run asks: requests prebuilt from templates, of which only the key's digits change.
//!
//! A key is one letter for its type and a number padded with zeros; a string's value starts with its key, so that each
//! reply shows whose it is. Writing a request is one copy and a few digits, and allocates nothing.

use super::reply::{Kind, Reply};

/// An argument of a command in the mix, after its name.
#[derive(Clone, Copy)]
enum Arg {
    Key,
    /// The key with another letter.
    KeyOf(u8),
    Value,
    Text(&'static str),
}

/// What a reply must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    Ok,
    Pong,
    Integer,
    /// The value of the key that was asked for, or a miss.
    Value,
    /// Any bulk, or a miss.
    Bulk,
    Aggregate,
}

/// A command that `--mix` can name. `letter` keeps the types in key spaces of their own.
struct Command {
    name: &'static str,
    /// What is sent for it.
    verb: &'static str,
    letter: u8,
    args: &'static [Arg],
    expect: Expect,
}

const fn command(name: &'static str, letter: u8, args: &'static [Arg], expect: Expect) -> Command {
    Command { name, verb: name, letter, args, expect }
}

/// A command in one of several forms.
const fn form(
    name: &'static str,
    verb: &'static str,
    letter: u8,
    args: &'static [Arg],
    expect: Expect,
) -> Command {
    Command { name, verb, letter, args, expect }
}

/// A key and 100 elements.
const HUNDRED: [Arg; 101] = {
    let mut args = [Text("an element of 24 bytes..."); 101];
    args[0] = Key;
    args
};

/// Three calls, as a rate limiter has them.
const SCRIPT: &str = "local n = redis.call('INCR', KEYS[1]) \
                      if n == 1 then redis.call('PEXPIRE', KEYS[1], 60000) end \
                      redis.call('GET', KEYS[1]) return redis.call('PTTL', KEYS[1])";

use Arg::{Key, KeyOf, Text, Value};
const COMMANDS: &[Command] = &[
    command("GET", b's', &[Key], Expect::Value),
    command("SET", b's', &[Key, Value], Expect::Ok),
    command("EXISTS", b's', &[Key], Expect::Integer),
    command("STRLEN", b's', &[Key], Expect::Integer),
    command("DEL", b's', &[Key], Expect::Integer),
    command("EXPIRE", b's', &[Key, Text("1000")], Expect::Integer),
    command("MGET", b's', &[Key, Key, Key], Expect::Aggregate),
    command("INCR", b'n', &[Key], Expect::Integer),
    command("LPUSH", b'l', &[Key, Value], Expect::Integer),
    command("RPUSH", b'l', &[Key, Value], Expect::Integer),
    command("LPOP", b'l', &[Key], Expect::Bulk),
    command("RPOP", b'l', &[Key], Expect::Bulk),
    command("LINDEX", b'l', &[Key, Text("0")], Expect::Bulk),
    command("LLEN", b'l', &[Key], Expect::Integer),
    command("LRANGE", b'l', &[Key, Text("0"), Text("9")], Expect::Aggregate),
    command("HSET", b'h', &[Key, Text("field"), Value], Expect::Integer),
    command("HGET", b'h', &[Key, Text("field")], Expect::Bulk),
    command("HDEL", b'h', &[Key, Text("field")], Expect::Integer),
    command("HGETALL", b'h', &[Key], Expect::Aggregate),
    command("PING", b's', &[], Expect::Pong),
    command("SADD", b'e', &[Text("bench:set"), Key], Expect::Integer),
    command("ZADD", b'e', &[Text("bench:zset"), Text("1"), Key], Expect::Integer),
    command("EVAL", b'c', &[Text(SCRIPT), Text("1"), Key], Expect::Integer),
    form("RPUSH100", "RPUSH", b'r', &HUNDRED, Expect::Integer),
    form("LRANGE100", "LRANGE", b'r', &[Key, Text("0"), Text("99")], Expect::Aggregate),
    form("ZADD10", "ZADD", b'z', &TEN_SCORES, Expect::Integer),
    form("ZRANGE10", "ZRANGE", b'z', &[Key, Text("0"), Text("9")], Expect::Aggregate),
    form("ZADD5", "ZADD", b'Z', TEN_SCORES.split_at(11).0, Expect::Integer),
    form("HSET5", "HSET", b'H', &FIVE_FIELDS, Expect::Integer),
    form("ZFILL", "ZADD", b'o', &[Text("bench:large"), Text("1"), Key], Expect::Integer),
    form("MSET10", "MSET", b's', &TEN_PAIRS, Expect::Ok),
];

/// A key, and ten members with their scores.
const TEN_SCORES: [Arg; 21] = {
    const MEMBERS: [&str; 10] =
        ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
    const SCORES: [&str; 10] = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"];
    let (mut args, mut i) = ([Key; 21], 0);
    while i < 10 {
        args[2 * i + 1] = Text(SCORES[i]);
        args[2 * i + 2] = Text(MEMBERS[i]);
        i += 1;
    }
    args
};

const FIVE_FIELDS: [Arg; 11] = [
    Key,
    Text("name"),
    Text("Ada"),
    Text("mail"),
    Text("ada@example.org"),
    Text("age"),
    Text("36"),
    Text("role"),
    Text("admin"),
    Text("seen"),
    Text("1700000000"),
];

/// Ten keys, in slots of their own, with their values.
const TEN_PAIRS: [Arg; 20] = {
    let (mut args, mut i) = ([Value; 20], 0);
    while i < 10 {
        args[2 * i] = KeyOf(b'A' + i as u8);
        i += 1;
    }
    args
};

/// The command that fills each key space before a run.
const PRELOADS: &[(u8, &str)] = &[
    (b's', "SET"),
    (b'l', "RPUSH"),
    (b'h', "HSET"),
    (b'n', "INCR"),
    (b'r', "RPUSH100"),
    (b'z', "ZADD10"),
    (b'H', "HSET5"),
    (b'Z', "ZADD5"),
    (b'o', "ZFILL"),
];

/// Sizes of what is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// How many keys of each type there are.
    pub keys: u32,
    /// Bytes of a key.
    pub key: usize,
    /// Bytes of a value.
    pub value: usize,
}

impl Sizes {
    /// Whether keys of this size can be told apart.
    pub fn check(&self) -> Result<(), String> {
        let digits = self.keys.saturating_sub(1).max(1).ilog10() as usize + 1;
        if self.keys == 0 || self.key < digits + 1 {
            return Err(format!("{} keys need --key-size {} at least, and one key", self.keys, digits + 1));
        }
        Ok(())
    }
}

/// A request as bytes, and where in it the key's last digits are.
struct Template {
    bytes: Vec<u8>,
    /// Each: where the digits end, and how many bytes before that are theirs.
    digits: Vec<(usize, usize)>,
    letter: u8,
    expect: Expect,
}

impl Template {
    fn new(command: &Command, sizes: Sizes) -> Self {
        let mut template = Self {
            bytes: format!("*{}\r\n${}\r\n{}\r\n", command.args.len() + 1, command.verb.len(), command.verb)
                .into(),
            digits: Vec::new(),
            letter: command.letter,
            expect: command.expect,
        };
        let key = key_zero(command.letter, sizes.key);
        for arg in command.args {
            match arg {
                Key => template.push(&key, Some(sizes.key)),
                KeyOf(letter) => template.push(&key_zero(*letter, sizes.key), Some(sizes.key)),
                Value => template.push(&value_of(&key, sizes.value), Some(sizes.key.min(sizes.value))),
                Text(text) => template.push(text.as_bytes(), None),
            }
        }
        template
    }

    /// Appends a bulk whose first `key` bytes, if any, are (the end of) a key.
    fn push(&mut self, bulk: &[u8], key: Option<usize>) {
        self.bytes.extend_from_slice(format!("${}\r\n", bulk.len()).as_bytes());
        if let Some(key) = key {
            self.digits.push((self.bytes.len() + key, key));
        }
        self.bytes.extend_from_slice(bulk);
        self.bytes.extend_from_slice(b"\r\n");
    }

    fn write(&self, out: &mut Vec<u8>, key: u32) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        for &(end, room) in &self.digits {
            write_digits(&mut out[start + end - room..start + end], key);
        }
    }
}

/// The key number 0 with `size` bytes.
fn key_zero(letter: u8, size: usize) -> Vec<u8> {
    let mut key = vec![b'0'; size];
    key[0] = letter;
    key
}

/// A value of `size` bytes that starts with `key`, or is its end if it does not fit.
fn value_of(key: &[u8], size: usize) -> Vec<u8> {
    let mut value = key[key.len().saturating_sub(size)..].to_vec();
    value.resize(size, b'.');
    value
}

fn write_digits(place: &mut [u8], mut number: u32) {
    for byte in place.iter_mut().rev() {
        if number == 0 {
            return;
        }
        *byte = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Whether `key` is the number's digits, with zeros before them and the letter first, if it is `whole`.
fn reads_as(key: &[u8], mut number: u32, letter: u8, whole: bool) -> bool {
    let (first, digits) = if whole { key.split_at(1) } else { key.split_at(0) };
    for &byte in digits.iter().rev() {
        if byte != b'0' + (number % 10) as u8 {
            return false;
        }
        number /= 10;
    }
    !whole || first == [letter]
}

/// One request that waits for its reply.
#[derive(Debug, Clone, Copy)]
pub struct Sent {
    template: u8,
    key: u32,
}

/// What a reply told.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it must be.
    Right,
    /// Null where a value was asked for.
    Miss,
    /// An error, another type, or another key's value.
    Wrong,
}

/// The mix of commands of a run.
pub struct Workload {
    templates: Vec<Template>,
    /// Each template as often as its weight.
    draw: Vec<u8>,
    sizes: Sizes,
}

impl Workload {
    /// A workload of `mix`, commands with weights: `GET:10,SET:1`.
    pub fn new(mix: &str, sizes: Sizes) -> Result<Self, String> {
        let mut workload = Self { templates: Vec::new(), draw: Vec::new(), sizes };
        for part in mix.split(',') {
            let (name, weight) = part.split_once(':').unwrap_or((part, "1"));
            let command = COMMANDS
                .iter()
                .find(|c| c.name.eq_ignore_ascii_case(name))
                .ok_or_else(|| format!("--mix does not know the command '{name}'"))?;
            let weight: u8 = weight.parse().map_err(|_| format!("not a weight of 0 to 255: '{part}'"))?;
            let index = u8::try_from(workload.templates.len()).map_err(|_| "too many commands".to_owned())?;
            workload.templates.push(Template::new(command, sizes));
            workload.draw.extend(std::iter::repeat_n(index, usize::from(weight)));
        }
        if workload.draw.is_empty() { Err("the mix has no weight".to_owned()) } else { Ok(workload) }
    }

    /// Appends a random request and says which it was.
    pub fn write_random(&self, out: &mut Vec<u8>, random: &mut fastrand::Rng) -> Sent {
        let drawn = if self.draw.len() == 1 { 0 } else { random.usize(..self.draw.len()) };
        let sent = Sent { template: self.draw[drawn], key: random.u32(..self.sizes.keys) };
        self.templates[usize::from(sent.template)].write(out, sent.key);
        sent
    }

    /// Appends a request of the first command of the mix for `key`.
    pub fn write_first(&self, out: &mut Vec<u8>, key: u32) -> Sent {
        self.templates[0].write(out, key);
        Sent { template: 0, key }
    }

    /// Mixes that write, once for each key, what the commands of this one read.
    pub fn preloads(&self) -> impl Iterator<Item = &'static str> {
        let reads = |letter| self.templates.iter().any(|t| t.letter == letter);
        PRELOADS.iter().filter(move |(letter, _)| reads(*letter)).map(|(_, mix)| *mix)
    }

    /// How many keys there are.
    pub fn keys(&self) -> u32 {
        self.sizes.keys
    }

    /// Judges the reply to `sent`; `input` is what `reply` was found in.
    pub fn judge(&self, sent: Sent, reply: &Reply, input: &[u8]) -> Verdict {
        let template = &self.templates[usize::from(sent.template)];
        let body = &input[reply.body.clone()];
        let right = match (template.expect, reply.kind) {
            (Expect::Value | Expect::Bulk, Kind::Null) => return Verdict::Miss,
            (Expect::Ok, Kind::Simple) => body == b"OK",
            (Expect::Pong, Kind::Simple) => body == b"PONG",
            (Expect::Value, Kind::Bulk) => self.belongs(body, sent.key, template.letter),
            (Expect::Integer, Kind::Integer) | (Expect::Bulk, Kind::Bulk) => true,
            (Expect::Aggregate, Kind::Aggregate) => true,
            _ => false,
        };
        if right { Verdict::Right } else { Verdict::Wrong }
    }

    fn belongs(&self, value: &[u8], key: u32, letter: u8) -> bool {
        let carried = self.sizes.key.min(self.sizes.value);
        value.len() == self.sizes.value && reads_as(&value[..carried], key, letter, carried == self.sizes.key)
    }
}

#[cfg(test)]
mod tests;
