//! A client of the simulated world: it alone writes its keys, so it can tell of every answer whether it may be.

use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use fastrand::Rng;
use ringtail_net::Stream;
use ringtail_protocol::frame::Scanner;
use ringtail_protocol::reply::write_request;
use tokio::time::{sleep, timeout};

use super::{PATIENCE, World};
use crate::testing::bulk;

const KEYS: usize = 6;

/// Answers that are told of a run that failed.
const TOLD: usize = 60;

/// What a request's answer is judged by. Keys are numbers of one's own.
#[derive(Debug)]
enum Asked {
    Get(usize),
    Set(usize, u64),
    Mget(Vec<usize>),
    Incr,
    Said(&'static str),
    /// EXEC of writes of this number, and of a GET of the first.
    Exec(Vec<usize>, u64),
    /// Nothing lost or doubled before it leaves this in its place.
    Echo(u64),
}

/// What is known of a key.
#[derive(Default)]
struct Known {
    last: u64,
    /// Writes that may have happened, or may yet.
    doubts: BTreeSet<u64>,
}

struct Owner {
    world: Rc<World>,
    name: usize,
    rng: Rng,
    keys: Vec<Known>,
    /// The last number seen in one's counter, and how many more may have been counted.
    counted: u64,
    uncounted: u64,
    sequence: u64,
    /// What it asked and was answered last, to be told if it fails.
    told: VecDeque<String>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.told.iter().for_each(|line| eprintln!("client {}: {line}", self.name));
        }
    }
}

/// Goes on until the world is over.
pub(super) async fn go_on(world: Rc<World>, name: usize, rng: Rng) {
    let keys = (0..KEYS).map(|_| Known::default()).collect();
    let mut owner =
        Owner { world, name, rng, keys, counted: 0, uncounted: 0, sequence: 0, told: VecDeque::new() };
    let mut connection = Connection::open().await;
    while !owner.world.over.get() {
        let (bytes, asked) = owner.round();
        connection.stream.write_all(&bytes).await.expect("the proxy takes requests");
        for one in &asked {
            let answer = timeout(PATIENCE, connection.answer()).await;
            let answer = answer.unwrap_or_else(|_| panic!("client {name} never gets an answer to {one:?}"));
            owner.world.note(name, &answer);
            owner.tell(one, &answer);
            owner.judge(one, &answer);
        }
        assert!(connection.unread.is_empty(), "client {name}: more came than was asked for");
        sleep(Duration::from_millis(owner.rng.u64(0..40))).await;
        if owner.rng.u8(..32) == 0 {
            connection = Connection::open().await;
        }
    }
}

struct Connection {
    stream: Stream,
    unread: Vec<u8>,
}

impl Connection {
    async fn open() -> Self {
        let stream = Stream::connect("proxy", None, PATIENCE).await.expect("the proxy takes clients");
        Self { stream, unread: Vec::new() }
    }

    async fn answer(&mut self) -> Vec<u8> {
        let mut scanner = Scanner::default();
        loop {
            if let Some(len) = scanner.scan(&self.unread).expect("a reply") {
                let rest = self.unread.split_off(len);
                return std::mem::replace(&mut self.unread, rest);
            }
            let piece = self.stream.receive().await.expect("the proxy keeps its clients");
            assert!(!piece.is_empty(), "the proxy closed a connection");
            self.unread.extend(piece);
        }
    }
}

impl Owner {
    fn tell(&mut self, asked: &Asked, answer: &[u8]) {
        if self.told.len() == TOLD {
            self.told.pop_front();
        }
        let answer = String::from_utf8_lossy(&answer[..answer.len().min(100)]).into_owned();
        self.told.push_back(format!("{:?} {asked:?} -> {answer:?}", self.world.begun.elapsed()));
    }

    fn key(&self, at: usize) -> String {
        format!("client{}-key{at}", self.name)
    }

    fn counter(&self) -> String {
        format!("client{}-counter", self.name)
    }

    fn value(&self, at: usize, number: u64) -> String {
        // Some are longer than what a connection takes at once.
        let padding = if number.is_multiple_of(17) { 12_000 } else { number as usize % 50 };
        format!("{}|{number}|{}", self.key(at), "x".repeat(padding))
    }

    fn round(&mut self) -> (Vec<u8>, Vec<Asked>) {
        let (mut bytes, mut asked) = (Vec::new(), Vec::new());
        for _ in 0..self.rng.usize(1..6) {
            self.ask(&mut bytes, &mut asked);
        }
        self.sequence += 1;
        put(&mut bytes, &["ECHO", &self.sequence.to_string()]);
        asked.push(Asked::Echo(self.sequence));
        (bytes, asked)
    }

    fn ask(&mut self, bytes: &mut Vec<u8>, asked: &mut Vec<Asked>) {
        let at = self.rng.usize(..KEYS);
        match self.rng.u8(..12) {
            0..=3 => {
                put(bytes, &["GET", &self.key(at)]);
                asked.push(Asked::Get(at));
            }
            4..=7 => {
                self.sequence += 1;
                put(bytes, &["SET", &self.key(at), &self.value(at, self.sequence)]);
                asked.push(Asked::Set(at, self.sequence));
            }
            8 => {
                let keys = self.some_keys();
                let names: Vec<String> = keys.iter().map(|at| self.key(*at)).collect();
                let words: Vec<&str> =
                    std::iter::once("MGET").chain(names.iter().map(String::as_str)).collect();
                put(bytes, &words);
                asked.push(Asked::Mget(keys));
            }
            9..=10 => {
                put(bytes, &["INCR", &self.counter()]);
                asked.push(Asked::Incr);
            }
            _ => self.transact(bytes, asked),
        }
    }

    fn some_keys(&mut self) -> Vec<usize> {
        let mut keys: Vec<usize> = (0..KEYS).collect();
        self.rng.shuffle(&mut keys);
        keys.truncate(self.rng.usize(1..=4));
        keys
    }

    fn transact(&mut self, bytes: &mut Vec<u8>, asked: &mut Vec<Asked>) {
        self.sequence += 1;
        let keys = self.some_keys();
        put(bytes, &["MULTI"]);
        asked.push(Asked::Said("+OK\r\n"));
        for at in &keys {
            put(bytes, &["SET", &self.key(*at), &self.value(*at, self.sequence)]);
            asked.push(Asked::Said("+QUEUED\r\n"));
        }
        put(bytes, &["GET", &self.key(keys[0])]);
        asked.push(Asked::Said("+QUEUED\r\n"));
        put(bytes, &["EXEC"]);
        asked.push(Asked::Exec(keys, self.sequence));
    }

    fn judge(&mut self, asked: &Asked, answer: &[u8]) {
        if let Some(error) = answer.strip_prefix(b"-") {
            return self.failed(asked, &String::from_utf8_lossy(error));
        }
        match asked {
            Asked::Get(at) => self.seen(*at, answer),
            Asked::Set(at, number) => {
                assert_eq!(answer, b"+OK\r\n");
                self.keys[*at].last = *number;
            }
            Asked::Mget(keys) => {
                let mut rest = header(answer, keys.len());
                for at in keys {
                    rest = self.next_seen(*at, rest);
                }
                assert!(rest.is_empty());
            }
            Asked::Incr => self.counts(answer),
            Asked::Said(text) => assert_eq!(answer, text.as_bytes()),
            Asked::Exec(keys, number) => {
                let oks = b"+OK\r\n".repeat(keys.len());
                let rest = header(answer, keys.len() + 1).strip_prefix(&oks[..]);
                assert_eq!(rest, Some(&bulk(self.value(keys[0], *number).as_bytes())[..]), "{asked:?}");
                keys.iter().for_each(|at| self.keys[*at].last = *number);
            }
            Asked::Echo(token) => assert_eq!(answer, bulk(token.to_string().as_bytes())),
        }
    }

    /// An error says what may have become of the request.
    fn failed(&mut self, asked: &Asked, error: &str) {
        let world = Rc::clone(&self.world);
        assert!(!world.calm.get(), "all is well, and still {asked:?} fails: {error}");
        world.errors.set(world.errors.get() + 1);
        let in_doubt = match error.split(' ').next() {
            Some("MEMBERDOWN" | "MEMBERBUSY" | "EXECABORT") => false,
            Some("TIMEOUT" | "MEMBERLOST" | "EXECPARTIAL") => true,
            _ => panic!("{asked:?}: {error}"),
        };
        match asked {
            Asked::Set(at, number) if in_doubt => _ = self.keys[*at].doubts.insert(*number),
            Asked::Exec(keys, number) if in_doubt => {
                keys.iter().for_each(|at| _ = self.keys[*at].doubts.insert(*number));
            }
            Asked::Incr => self.uncounted += u64::from(in_doubt),
            Asked::Said(_) | Asked::Echo(_) => panic!("{asked:?}: {error}"),
            _ => {}
        }
    }

    fn seen(&self, at: usize, answer: &[u8]) {
        assert!(self.next_seen(at, answer).is_empty(), "one value, and more");
    }

    /// Judges the value that `answers` begins with, and returns what follows it.
    fn next_seen<'a>(&self, at: usize, answers: &'a [u8]) -> &'a [u8] {
        let known = &self.keys[at];
        if let Some(rest) = answers.strip_prefix(b"$-1\r\n") {
            let gone = self.world.emptied.get() || self.world.moved.get();
            assert!(known.last == 0 || gone, "{} is lost, it was {}", self.key(at), known.last);
            return rest;
        }
        let all = std::iter::once(known.last).chain(known.doubts.iter().copied());
        // Who had the key before may have an old value of it.
        let oldest = if self.world.moved.get() { 1 } else { self.sequence + 1 };
        let matching = |number: u64| answers.strip_prefix(&bulk(self.value(at, number).as_bytes())[..]);
        let found = all.chain(oldest..=self.sequence).find_map(matching);
        found.unwrap_or_else(|| {
            let got = String::from_utf8_lossy(&answers[..answers.len().min(80)]);
            panic!("{} is {}, perhaps {:?}, and not {got:?}", self.key(at), known.last, known.doubts)
        })
    }

    /// Each INCR counts once, or, in doubt, at most once.
    fn counts(&mut self, answer: &[u8]) {
        let number = answer.strip_prefix(b":").and_then(|rest| rest.strip_suffix(b"\r\n"));
        let number = number.and_then(ringtail_protocol::number::parse_u64).expect("a number");
        let least = self.counted + 1;
        if self.world.emptied.get() || self.world.moved.get() {
            assert!((1..=self.sequence + least + self.uncounted).contains(&number));
        } else {
            assert!(
                (least..=least + self.uncounted).contains(&number),
                "{number} is counted twice, or not: {least}"
            );
            self.uncounted -= number - least;
        }
        self.counted = number;
    }
}

fn put(bytes: &mut Vec<u8>, words: &[&str]) {
    write_request(bytes, words.iter().map(|word| word.as_bytes()));
}

/// What follows the header of an array of so many.
fn header(answer: &[u8], count: usize) -> &[u8] {
    answer.strip_prefix(format!("*{count}\r\n").as_bytes()).expect("an array of as many as were asked for")
}
