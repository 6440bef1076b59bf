//! Clients who write and read few keys at whoever leads, and note when they asked and what they were told.

use fastrand::Rng;
use ringtail_tests::harness::pause;
use ringtail_tests::history::{Count, Event, NEVER, Use};
use ringtail_tests::resp::{Conn, Value};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// How long a client waits for an answer before it calls the outcome unknown: longer than a server keeps one back.
const PATIENCE: Duration = Duration::from_secs(3);
/// Other keys are used from one period to the next, so that no history becomes too long.
const PERIOD: Duration = Duration::from_secs(2);
/// Keys with values in each period.
const VALUES: usize = 3;
/// From one operation of a client to its next.
const BREATH: Duration = Duration::from_micros(500);

/// What clients know of the servers.
pub(super) struct Board {
    addresses: Vec<SocketAddr>,
    /// Who leads, as the operator says.
    pub(super) leader: AtomicUsize,
    /// He does not: clients try one after the other.
    is_searched: AtomicBool,
    pub(super) over: AtomicBool,
    start: Instant,
}

impl Board {
    pub(super) fn of(ports: &[u16]) -> Self {
        let addresses = ports.iter().map(|port| SocketAddr::from(([127, 0, 0, 1], *port))).collect();
        Self {
            addresses,
            leader: AtomicUsize::new(0),
            is_searched: AtomicBool::new(false),
            over: AtomicBool::new(false),
            start: Instant::now(),
        }
    }

    /// Nobody says who leads.
    pub(super) fn to_be_searched(ports: &[u16]) -> Self {
        Self { is_searched: AtomicBool::new(true), ..Self::of(ports) }
    }

    /// This one leads now.
    pub(super) fn leads(&self, id: usize) {
        self.leader.store(id, SeqCst);
        self.is_searched.store(false, SeqCst);
    }

    fn now(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }
}

/// What was done and seen, by key.
#[derive(Default)]
pub(super) struct Noted {
    pub(super) values: BTreeMap<String, Vec<Event<Use>>>,
    pub(super) numbers: BTreeMap<String, Vec<Event<Count>>>,
}

impl Noted {
    pub(super) fn add(&mut self, other: Noted) {
        other.values.into_iter().for_each(|(key, events)| self.values.entry(key).or_default().extend(events));
        other
            .numbers
            .into_iter()
            .for_each(|(key, events)| self.numbers.entry(key).or_default().extend(events));
    }
}

/// What came of a request.
enum Outcome {
    Done(Value),
    /// It was refused, and nothing was done.
    Nothing,
    Unknown,
}

impl Outcome {
    fn of(reply: Value) -> Self {
        let Some(error) = reply.error() else { return Self::Done(reply) };
        // What a bound connection is not given any more comes back.
        let refused = [
            "READONLY",
            "LOADING",
            "NOTPRIMARY",
            "NOREPLICAS Not enough good replicas to write",
            // The disk of a busy machine may take longer than a server waits for it.
            "MISCONF Errors writing to the log",
        ];
        if refused.iter().any(|start| error.starts_with(start)) {
            return Self::Nothing;
        }
        let may_be_done = ["NOREPLICAS ", "MISCONF the write was done here but is not on disk"];
        assert!(may_be_done.iter().any(|start| error.starts_with(start)), "{error}");
        Self::Unknown
    }
}

/// One client.
pub(super) struct Client<'b> {
    board: &'b Board,
    rng: Rng,
    conn: Option<(usize, Conn)>,
    /// Whom it asks while nobody says who leads.
    guess: usize,
    /// The last value that it wrote, which nobody else writes.
    last: u64,
    noted: Noted,
}

impl<'b> Client<'b> {
    pub(super) fn new(board: &'b Board, id: u64, seed: u64) -> Self {
        let rng = Rng::with_seed(seed ^ id << 40);
        Self { board, rng, conn: None, guess: 0, last: (id + 1) << 32, noted: Noted::default() }
    }

    /// Works until it is over.
    pub(super) fn run(mut self) -> Noted {
        while !self.board.over.load(SeqCst) {
            let period = self.board.start.elapsed().as_millis() / PERIOD.as_millis();
            if self.rng.u8(..3) == 0 {
                self.count(&format!("n{period}"));
            } else {
                let key = format!("v{period}:{}", self.rng.usize(..VALUES));
                self.handle(&key);
            }
            pause(BREATH);
        }
        self.noted
    }

    /// Reads all keys that there were, so that nothing that was acknowledged goes unseen.
    pub(super) fn read_all(mut self, noted: &mut Noted) {
        noted.values.keys().for_each(|key| self.read(key));
        noted.numbers.keys().for_each(|key| self.read_number(key));
        noted.add(self.noted);
    }

    fn handle(&mut self, key: &str) {
        self.last += 1;
        let value = self.last.to_string();
        match self.rng.u8(..10) {
            0..4 => self.read(key),
            4..8 => self.write(key, &["SET", key, &value], |_| Use::Write(0)),
            _ => self.write(key, &["SET", key, &value, "GET"], |reply| Use::Swap(number(reply), 0)),
        }
    }

    fn write(&mut self, key: &str, request: &[&str], saw: impl Fn(&Value) -> Use) {
        let own = self.last;
        let (called, outcome) = self.ask(request);
        let event = match outcome {
            Outcome::Nothing => return,
            Outcome::Unknown => Event { called, answered: NEVER, operation: Use::Write(own) },
            Outcome::Done(reply) => {
                let operation = match saw(&reply) {
                    Use::Swap(before, _) => Use::Swap(before, own),
                    _ => Use::Write(own),
                };
                Event { called, answered: self.board.now(), operation }
            }
        };
        self.noted.values.entry(key.to_owned()).or_default().push(event);
    }

    fn read(&mut self, key: &str) {
        let (called, outcome) = self.ask(&["GET", key]);
        if let Outcome::Done(reply) = outcome {
            let event = Event { called, answered: self.board.now(), operation: Use::Read(number(&reply)) };
            self.noted.values.entry(key.to_owned()).or_default().push(event);
        }
    }

    fn read_number(&mut self, key: &str) {
        let (called, outcome) = self.ask(&["GET", key]);
        if let Outcome::Done(reply) = outcome {
            let event = Event { called, answered: self.board.now(), operation: Count::Read(number(&reply)) };
            self.noted.numbers.entry(key.to_owned()).or_default().push(event);
        }
    }

    fn count(&mut self, key: &str) {
        let (called, outcome) = self.ask(&["INCR", key]);
        let (answered, sum) = match outcome {
            Outcome::Nothing => return,
            Outcome::Unknown => (NEVER, None),
            Outcome::Done(reply) => (self.board.now(), Some(number(&reply))),
        };
        let event = Event { called, answered, operation: Count::Add(sum) };
        self.noted.numbers.entry(key.to_owned()).or_default().push(event);
    }

    /// Asks whoever leads; when that was, and what came of it.
    fn ask(&mut self, request: &[&str]) -> (u64, Outcome) {
        // Before it is looked who leads: what follows may be asked of one who leads no more.
        let called = self.board.now();
        let searches = self.board.is_searched.load(SeqCst);
        let leader = if searches { self.guess } else { self.board.leader.load(SeqCst) };
        let outcome = self.ask_of(leader, request);
        if searches && !matches!(outcome, Outcome::Done(_)) {
            self.conn = None;
            self.guess = self.rng.usize(..self.board.addresses.len());
            // It takes a while until another one leads.
            pause(Duration::from_millis(5));
        }
        (called, outcome)
    }

    fn ask_of(&mut self, leader: usize, request: &[&str]) -> Outcome {
        if self.conn.as_ref().is_none_or(|(at, _)| *at != leader) {
            let conn = Conn::connect_to(self.board.addresses[leader], PATIENCE).ok();
            let conn = if self.board.is_searched.load(SeqCst) { conn.and_then(bound) } else { conn };
            self.conn = conn.map(|conn| (leader, conn));
        }
        let Some((_, conn)) = &mut self.conn else {
            pause(Duration::from_millis(5));
            return Outcome::Nothing;
        };
        match conn.try_call(request) {
            Ok(reply) => Outcome::of(reply),
            Err(_) => {
                self.conn = None;
                Outcome::Unknown
            }
        }
    }
}

/// A connection to one that leads, and is told when it does no more: replicas answer reads, too.
fn bound(mut conn: Conn) -> Option<Conn> {
    let said = conn.try_call(&["RINGTAIL", "PRIMARY"]).ok()?;
    said.is_ok().then_some(conn)
}

fn number(reply: &Value) -> u64 {
    match reply {
        Value::Nil => 0,
        Value::Int(number) => *number as u64,
        other => other.text().parse().unwrap_or_else(|_| panic!("no number: {other}")),
    }
}
