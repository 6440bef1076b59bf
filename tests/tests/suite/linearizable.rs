//! Whether what many clients see at once could have come from one client after another: single keys, transactions over
//! several, optimistic ones with WATCH, and lists that clients wait at.

use crate::front::Front;
use ringtail_tests::harness::Options;
use ringtail_tests::history::{Event, Model, is_linearizable};
use ringtail_tests::resp::{Conn, Endpoint, Value};
use std::sync::Barrier;
use std::time::Instant;

const CLIENTS: u64 = 6;
/// Operations of a client in one history.
const STEPS: usize = 14;
const HISTORIES: u64 = 60;
/// Keys of numbers, in slots of different groups.
const KEYS: [&str; 3] = ["n:a", "n:b", "n:c"];
const LIST: &str = "list";

/// The numbers under [`KEYS`], 0 when missing, and the list.
type State = ([i64; 3], Vec<i64>);

#[derive(Debug, PartialEq)]
enum Operation {
    Set(usize, i64),
    Get(usize, i64),
    Add(usize, i64),
    /// MULTI: moves 1 from one key to another, and the numbers after that.
    Transfer(usize, usize, i64, i64),
    /// MULTI: all numbers.
    Snapshot([i64; 3]),
    /// WATCH, GET, MULTI, SET, EXEC: what was seen, and what was set unless it was changed meanwhile.
    Swap(usize, i64, Option<i64>),
    Push(i64, i64),
    /// BLPOP with a time-out: what came.
    Pop(Option<i64>),
}

struct Store;

impl Model for Store {
    type State = State;
    type Operation = Operation;

    fn step(&self, (numbers, list): &State, operation: &Operation) -> Option<State> {
        let (mut numbers, mut list) = (*numbers, list.clone());
        let agrees = match operation {
            Operation::Set(key, value) => {
                numbers[*key] = *value;
                true
            }
            Operation::Get(key, seen) => numbers[*key] == *seen,
            Operation::Add(key, sum) => {
                numbers[*key] += 1;
                numbers[*key] == *sum
            }
            Operation::Transfer(from, to, left, right) => {
                numbers[*from] -= 1;
                let left_agrees = numbers[*from] == *left;
                numbers[*to] += 1;
                left_agrees && numbers[*to] == *right
            }
            Operation::Snapshot(seen) => numbers == *seen,
            // It failed: somebody was faster, which says nothing about the moment of the reply.
            Operation::Swap(_, _, None) => true,
            Operation::Swap(key, seen, Some(set)) => {
                let agrees = numbers[*key] == *seen;
                numbers[*key] = *set;
                agrees
            }
            Operation::Push(value, length) => {
                list.push(*value);
                // Who waits takes it before the pusher has its reply, which is the length before that.
                list.len() as i64 == *length
            }
            Operation::Pop(Some(value)) => !list.is_empty() && list.remove(0) == *value,
            Operation::Pop(None) => list.is_empty(),
        };
        agrees.then_some((numbers, list))
    }
}

struct Client {
    conn: Conn,
    random: fastrand::Rng,
    /// The next value, which nobody else writes.
    next: i64,
}

impl Client {
    fn key(&mut self) -> usize {
        self.random.usize(..KEYS.len())
    }

    fn value(&mut self) -> i64 {
        self.next += 1;
        self.next
    }

    fn number(&mut self, command: &str) -> i64 {
        match self.conn.run(command) {
            Value::Int(n) => n,
            Value::Nil => 0,
            other => other.text().parse().unwrap_or_else(|_| panic!("{command}: {other}")),
        }
    }

    /// Queues the commands and runs them; `None` when EXEC did nothing.
    fn transaction(&mut self, commands: &[String]) -> Option<Vec<Value>> {
        assert!(self.conn.run("MULTI").is_ok());
        for command in commands {
            assert_eq!(self.conn.run(command).text(), "QUEUED");
        }
        match self.conn.run("EXEC") {
            Value::Array(replies) => Some(replies),
            Value::NilArray => None,
            other => panic!("EXEC: {other}"),
        }
    }

    fn step(&mut self) -> Operation {
        let (key, other) = (self.key(), self.key());
        match self.random.u8(..10) {
            0 => {
                let value = self.value();
                self.conn.run(&format!("SET {} {value}", KEYS[key]));
                Operation::Set(key, value)
            }
            1 | 2 => Operation::Get(key, self.number(&format!("GET {}", KEYS[key]))),
            3 => Operation::Add(key, self.number(&format!("INCR {}", KEYS[key]))),
            4 | 5 => {
                let commands = [format!("DECR {}", KEYS[key]), format!("INCR {}", KEYS[other])];
                let replies = self.transaction(&commands).expect("nothing is watched");
                Operation::Transfer(key, other, replies[0].int(), replies[1].int())
            }
            6 => {
                let replies =
                    self.transaction(&KEYS.map(|key| format!("GET {key}"))).expect("nothing is watched");
                let seen =
                    |i: usize| replies[i].bytes().map_or(0, |_| replies[i].text().parse().expect("a number"));
                Operation::Snapshot([seen(0), seen(1), seen(2)])
            }
            7 => {
                assert!(self.conn.run(&format!("WATCH {}", KEYS[key])).is_ok());
                let seen = self.number(&format!("GET {}", KEYS[key]));
                let value = self.value();
                let done = self.transaction(&[format!("SET {} {value}", KEYS[key])]);
                Operation::Swap(key, seen, done.map(|_| value))
            }
            8 => {
                let value = self.value();
                Operation::Push(value, self.number(&format!("RPUSH {LIST} {value}")))
            }
            _ => match self.conn.run(&format!("BLPOP {LIST} 0.002")) {
                Value::Array(pair) => Operation::Pop(Some(pair[1].text().parse().expect("a number"))),
                _ => Operation::Pop(None),
            },
        }
    }
}

fn history(endpoint: &Endpoint, seed: u64) -> Vec<Event<Operation>> {
    assert!(endpoint.open().run("FLUSHALL").is_ok());
    let (start, barrier) = (Instant::now(), Barrier::new(CLIENTS as usize));
    let now = || start.elapsed().as_nanos() as u64;
    let run = |client: u64| {
        let random = fastrand::Rng::with_seed(seed * CLIENTS + client);
        let mut client = Client { conn: endpoint.open(), random, next: (client as i64 + 1) * 1_000_000 };
        barrier.wait();
        let step = |_| {
            let called = now();
            let operation = client.step();
            Event { called, answered: now(), operation }
        };
        (0..STEPS).map(step).collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|client| scope.spawn(move || run(client))).collect();
        clients.into_iter().flat_map(|client| client.join().expect("a client")).collect()
    })
}

#[test]
fn what_many_clients_see_is_linearizable() {
    let mut fronts =
        vec![Front::server(&Options::args(&["--threads", "4"])), Front::pool(&Options::default())];
    fronts.extend(Front::redis(&[]));
    for front in fronts {
        for seed in 0..HISTORIES {
            let history = history(front.endpoint(), seed);
            let operations: Vec<_> = history.iter().map(|event| &event.operation).collect();
            assert!(is_linearizable(&Store, &history), "{}, seed {seed}: {operations:?}", front.name);
        }
    }
}
