//! Clients of keys of their own: each value carries its key and a number, so that each reply proves whose it is.

use super::log::{Fate, Stage};
use fastrand::Rng;
use ringtail_tests::harness::pause;
use ringtail_tests::resp::{Conn, Value, request};
use std::io;
use std::time::{Duration, Instant};

/// How long a client waits between two rounds: the load is the same whether requests fail at once or take their time.
const PACE: Duration = Duration::from_millis(4);

/// A key that one client alone writes.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) name: String,
    /// The member in trouble has it.
    pub(super) frail: bool,
    /// The number of the last write that was acknowledged.
    last: u64,
    /// Writes that may have happened, or may yet.
    doubts: Vec<u64>,
}

/// What a reply is the answer to.
enum Asked {
    Set(usize, u64),
    Get(usize),
    Mget(Vec<usize>),
    Incr,
    Echo(String),
    /// MULTI, or a command of the transaction.
    Said(&'static str),
    /// EXEC of these writes, and of a GET of the first key.
    Exec(Vec<usize>, u64),
}

/// A client and what it knows.
pub(super) struct Owner<'a> {
    stage: &'a Stage,
    rng: Rng,
    keys: Vec<Key>,
    counter: Counter,
    sequence: u64,
    /// Requests that were answered.
    answered: u64,
}

/// A number that only grows by one's own INCR.
struct Counter {
    key: Key,
    value: u64,
    doubts: u64,
}

impl Key {
    pub(super) fn new(name: String, frail: bool) -> Key {
        Key { name, frail, last: 0, doubts: Vec::new() }
    }

    fn value(&self, number: u64, padding: usize) -> Vec<u8> {
        format!("{}|{number}|{}", self.name, "x".repeat(padding)).into_bytes()
    }

    /// Whether a read may see this.
    fn allows(&self, seen: &Value, emptied: bool) -> bool {
        match seen {
            Value::Nil => self.last == 0 || (self.frail && emptied),
            Value::Bulk(bytes) => {
                self.number(bytes).is_some_and(|n| n == self.last || self.doubts.contains(&n))
            }
            _ => false,
        }
    }

    fn number(&self, bytes: &[u8]) -> Option<u64> {
        let rest = bytes.strip_prefix(self.name.as_bytes())?.strip_prefix(b"|")?;
        let end = rest.iter().position(|b| *b == b'|')?;
        let padding = rest[end + 1..].iter().all(|b| *b == b'x');
        std::str::from_utf8(&rest[..end]).ok().filter(|_| padding)?.parse().ok()
    }

    fn written(&mut self, number: u64, fate: Option<Fate>) {
        match fate {
            None => self.last = number,
            Some(Fate::InDoubt) => self.doubts.push(number),
            Some(Fate::NotRun) => {}
        }
    }
}

/// Goes on until the stage is over: how many requests were answered.
pub(super) fn go_on(stage: &Stage, keys: Vec<Key>, counter: Key, seed: u64) -> u64 {
    let counter = Counter { key: counter, value: 0, doubts: 0 };
    let mut owner = Owner { stage, rng: Rng::with_seed(seed), keys, counter, sequence: 0, answered: 0 };
    let mut conn = stage.endpoint.open();
    while !stage.is_over() {
        if let Err(error) = owner.round(&mut conn) {
            stage.wrong(format!("a client lost its connection, or a reply: {error}"));
            conn = stage.endpoint.open();
        }
        pause(PACE);
    }
    owner.answered
}

impl Owner<'_> {
    fn round(&mut self, conn: &mut Conn) -> io::Result<()> {
        let (mut bytes, mut asked) = (Vec::new(), Vec::new());
        for _ in 0..self.rng.usize(1..=6) {
            self.ask(&mut bytes, &mut asked);
        }
        // Nothing that is doubled or lost before it would leave this in its place.
        self.sequence += 1;
        let token = format!("token-{}", self.sequence);
        bytes.extend(request(&["ECHO", &token]));
        asked.push(Asked::Echo(token));
        if self.rng.u8(..32) == 0 {
            return self.half_closed(&bytes, &asked);
        }
        let begun = Instant::now();
        conn.send(&bytes)?;
        self.read_all(conn, begun, &asked)
    }

    fn read_all(&mut self, conn: &mut Conn, begun: Instant, asked: &[Asked]) -> io::Result<()> {
        for one in asked {
            let reply = conn.read()?;
            self.answered += 1;
            self.judge(begun, one, &reply);
        }
        Ok(())
    }

    /// The same on a connection whose sending side is closed right after the requests: all are answered all the same.
    fn half_closed(&mut self, bytes: &[u8], asked: &[Asked]) -> io::Result<()> {
        let mut conn = self.stage.endpoint.connect()?;
        let begun = Instant::now();
        conn.send(bytes)?;
        conn.end_sending()?;
        self.read_all(&mut conn, begun, asked)?;
        if !conn.closes() {
            self.stage.wrong("more came than was asked for on a connection that is half closed".into());
        }
        Ok(())
    }

    fn ask(&mut self, bytes: &mut Vec<u8>, asked: &mut Vec<Asked>) {
        let at = self.rng.usize(..self.keys.len());
        match self.rng.u8(..16) {
            0..=5 => {
                bytes.extend(request(&["GET", &self.keys[at].name]));
                asked.push(Asked::Get(at));
            }
            6..=10 => {
                self.sequence += 1;
                // Mostly small; some that fill what stands between us and a member who reads slowly.
                let padding = if self.rng.u8(..64) == 0 { 200_000 } else { self.rng.usize(..200) };
                let key = &self.keys[at];
                bytes.extend(request(&[b"SET", key.name.as_bytes(), &key.value(self.sequence, padding)]));
                asked.push(Asked::Set(at, self.sequence));
            }
            11..=12 => {
                let keys = self.some_keys();
                let names = keys.iter().map(|at| self.keys[*at].name.as_str());
                bytes.extend(request(&std::iter::once("MGET").chain(names).collect::<Vec<_>>()));
                asked.push(Asked::Mget(keys));
            }
            13..=14 => {
                bytes.extend(request(&["INCR", &self.counter.key.name]));
                asked.push(Asked::Incr);
            }
            _ => self.transact(bytes, asked),
        }
    }

    fn some_keys(&mut self) -> Vec<usize> {
        let mut all: Vec<usize> = (0..self.keys.len()).collect();
        self.rng.shuffle(&mut all);
        all.truncate(self.rng.usize(1..=4));
        all
    }

    fn transact(&mut self, bytes: &mut Vec<u8>, asked: &mut Vec<Asked>) {
        self.sequence += 1;
        let keys = self.some_keys();
        bytes.extend(request(&["MULTI"]));
        asked.push(Asked::Said("OK"));
        for at in &keys {
            let key = &self.keys[*at];
            bytes.extend(request(&[b"SET", key.name.as_bytes(), &key.value(self.sequence, 10)]));
            asked.push(Asked::Said("QUEUED"));
        }
        bytes.extend(request(&["GET", &self.keys[keys[0]].name]));
        asked.push(Asked::Said("QUEUED"));
        bytes.extend(request(&["EXEC"]));
        asked.push(Asked::Exec(keys, self.sequence));
    }

    fn judge(&mut self, begun: Instant, asked: &Asked, reply: &Value) {
        match (asked, reply) {
            (Asked::Echo(token), reply) if reply.bytes() != Some(token.as_bytes()) => {
                self.stage.odd(token, reply)
            }
            (Asked::Said(word), reply) if *reply != Value::Simple((*word).into()) => {
                self.stage.odd(word, reply)
            }
            (Asked::Echo(_) | Asked::Said(_), _) => {}
            (Asked::Get(at), Value::Error(text)) => _ = self.stage.error(begun, self.keys[*at].frail, text),
            (Asked::Get(at), value) => self.seen(*at, value),
            (Asked::Mget(keys), Value::Error(text)) => {
                _ = self.stage.error(begun, self.any_frail(keys), text)
            }
            (Asked::Mget(keys), Value::Array(values)) if values.len() == keys.len() => {
                keys.iter().zip(values).for_each(|(at, value)| self.seen(*at, value));
            }
            (Asked::Set(at, number), Value::Error(text)) => {
                let fate = self.stage.error(begun, self.keys[*at].frail, text);
                self.keys[*at].written(*number, Some(fate));
            }
            (Asked::Set(at, number), reply) if reply.is_ok() => self.keys[*at].written(*number, None),
            (Asked::Incr, reply) => self.counted(begun, reply),
            (Asked::Exec(keys, number), Value::Error(text)) => {
                let fate = self.stage.error(begun, self.any_frail(keys), text);
                keys.iter().for_each(|at| self.keys[*at].written(*number, Some(fate)));
            }
            (Asked::Exec(keys, number), Value::Array(values)) if values.len() == keys.len() + 1 => {
                keys.iter().for_each(|at| self.keys[*at].written(*number, None));
                let first = &self.keys[keys[0]];
                let own = values[keys.len()].bytes().and_then(|bytes| first.number(bytes)) == Some(*number);
                if !own || !values[..keys.len()].iter().all(Value::is_ok) {
                    self.stage.odd("EXEC", reply);
                }
            }
            (Asked::Mget(_), reply) => self.stage.odd("MGET", reply),
            (Asked::Set(..), reply) => self.stage.odd("SET", reply),
            (Asked::Exec(..), reply) => self.stage.odd("EXEC", reply),
        }
    }

    fn any_frail(&self, keys: &[usize]) -> bool {
        keys.iter().any(|at| self.keys[*at].frail)
    }

    fn seen(&mut self, at: usize, value: &Value) {
        let key = &self.keys[at];
        if !key.allows(value, self.stage.was_emptied()) {
            let known = format!("GET {} (last {}, in doubt {:?})", key.name, key.last, key.doubts);
            self.stage.odd(&known, value);
        }
    }

    /// Each INCR counts once, or, in doubt, at most once.
    fn counted(&mut self, begun: Instant, reply: &Value) {
        let counter = &mut self.counter;
        match reply {
            Value::Int(seen) => {
                let (seen, least) = (u64::try_from(*seen).unwrap_or(0), counter.value + 1);
                let anew = counter.key.frail && self.stage.was_emptied() && seen > 0 && seen < least;
                if !anew && !(least..=least + counter.doubts).contains(&seen) {
                    let known = format!("INCR of {} with {} in doubt", counter.value, counter.doubts);
                    self.stage.odd(&known, reply);
                }
                counter.doubts -= seen.saturating_sub(least).min(counter.doubts);
                counter.value = seen;
            }
            Value::Error(text) => {
                let fate = self.stage.error(begun, counter.key.frail, text);
                counter.doubts += u64::from(fate == Fate::InDoubt);
            }
            reply => self.stage.odd("INCR", reply),
        }
    }
}
