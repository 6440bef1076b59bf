//! Random work of many clients at once, each checked against a model of what
//! its own keys hold: no reply may be lost, swapped or taken from another.

use crate::front::Front;
use ringtail_tests::harness::{Certs, Options, Pool, say};
use ringtail_tests::resp::{Conn, Endpoint, Value};
use std::collections::BTreeMap;

/// Clients at once, and what each does.
const CLIENTS: usize = 12;
const BATCHES: usize = 120;
const LONGEST_BATCH: usize = 40;
const KEYS: usize = 30;
const DATABASES: usize = 4;

/// One client's keys, by database: what a server must answer it.
struct Model {
    prefix: String,
    db: usize,
    data: Vec<BTreeMap<String, String>>,
}

type Command = Vec<String>;

fn words<const N: usize>(words: [&str; N]) -> Command {
    words.map(str::to_string).to_vec()
}

fn ok() -> Value {
    Value::Simple("OK".into())
}

fn bulk(text: Option<&String>) -> Value {
    text.map_or(Value::Nil, |text| Value::Bulk(text.clone().into_bytes()))
}

impl Model {
    fn key(&self, random: &mut fastrand::Rng) -> String {
        format!("{}:{}", self.prefix, random.usize(..KEYS))
    }

    fn keys(&self, random: &mut fastrand::Rng) -> Vec<String> {
        (0..random.usize(1..8)).map(|_| self.key(random)).collect()
    }

    fn here(&mut self) -> &mut BTreeMap<String, String> {
        &mut self.data[self.db]
    }

    /// A random command and what it must answer.
    fn step(&mut self, random: &mut fastrand::Rng) -> (Command, Value) {
        let key = self.key(random);
        let value = format!("{key}={}", random.u32(..));
        match random.u8(..10) {
            0 => self.select(random.usize(..DATABASES)),
            1 => self.mset(self.keys(random), random),
            2 => self.mget(self.keys(random)),
            3 => self.count("DEL", self.keys(random)),
            4 => self.count("EXISTS", self.keys(random)),
            5 => self.append(key, "+"),
            6 | 7 => self.set(key, value),
            8 => (words(["ECHO", &value]), Value::Bulk(value.into_bytes())),
            _ => {
                let held = bulk(self.here().get(&key));
                (words(["GET", &key]), held)
            }
        }
    }

    fn select(&mut self, db: usize) -> (Command, Value) {
        self.db = db;
        (words(["SELECT", &db.to_string()]), ok())
    }

    fn set(&mut self, key: String, value: String) -> (Command, Value) {
        let command = words(["SET", &key, &value]);
        self.here().insert(key, value);
        (command, ok())
    }

    fn append(&mut self, key: String, more: &str) -> (Command, Value) {
        let command = words(["APPEND", &key, more]);
        let text = self.here().entry(key).or_default();
        text.push_str(more);
        (command, Value::Int(text.len() as i64))
    }

    fn mset(&mut self, keys: Vec<String>, random: &mut fastrand::Rng) -> (Command, Value) {
        let mut command = words(["MSET"]);
        for key in keys {
            let value = format!("{key}={}", random.u32(..));
            command.extend([key.clone(), value.clone()]);
            self.here().insert(key, value);
        }
        (command, ok())
    }

    fn mget(&mut self, keys: Vec<String>) -> (Command, Value) {
        let held = keys.iter().map(|key| bulk(self.here().get(key))).collect();
        ([words(["MGET"]), keys].concat(), Value::Array(held))
    }

    fn count(&mut self, name: &str, keys: Vec<String>) -> (Command, Value) {
        let data = self.here();
        let counted = match name {
            "DEL" => keys.iter().filter(|key| data.remove(*key).is_some()).count(),
            _ => keys.iter().filter(|key| data.contains_key(*key)).count(),
        };
        ([words([name]), keys].concat(), Value::Int(counted as i64))
    }
}

/// One client's random work; the number of replies that were right.
fn work(endpoint: &Endpoint, client: usize) -> usize {
    let mut random = fastrand::Rng::with_seed(client as u64);
    let data = vec![BTreeMap::new(); DATABASES];
    let mut model = Model { prefix: format!("client{client}"), db: 0, data };
    let mut conn: Conn = endpoint.open();
    let mut right = 0;
    for batch in 0..BATCHES {
        let steps: Vec<_> = (0..random.usize(1..LONGEST_BATCH)).map(|_| model.step(&mut random)).collect();
        let commands: Vec<Command> = steps.iter().map(|(command, _)| command.clone()).collect();
        let replies = conn.try_pipeline(&commands).expect("replies");
        for ((command, want), got) in steps.iter().zip(&replies) {
            assert_eq!(got, want, "client {client}, batch {batch}: {}", command.join(" "));
        }
        right += replies.len();
    }
    right
}

fn all_clients(name: &str, endpoint: &Endpoint) {
    let replies: usize = std::thread::scope(|scope| {
        let clients: Vec<_> =
            (0..CLIENTS).map(|client| scope.spawn(move || work(endpoint, client))).collect();
        clients.into_iter().map(|client| client.join().expect("a client found no difference")).sum()
    });
    say(&format!("{name}: {replies} replies of {CLIENTS} clients at once are as the model says"));
}

#[test]
fn every_client_sees_its_own_data() {
    for front in Front::all() {
        all_clients(front.name, front.endpoint());
    }
}

#[test]
fn every_client_sees_its_own_data_over_tls() {
    for front in Front::ours_tls() {
        all_clients(front.name, front.endpoint());
    }
}

#[test]
fn one_lane_serves_all_databases() {
    let pool = Pool::start(&Options::args(&["--conns", "1", "--threads", "1"]).with_certs(&Certs::get()));
    all_clients("a pool of one lane", &pool.endpoint);
}

#[test]
fn a_pool_of_stock_servers_serves_all_databases() {
    let Some(pool) = Pool::of_redis(&Options::args(&["--conns", "1"])) else { return };
    all_clients("a pool of redis-servers", &pool.endpoint);
}
