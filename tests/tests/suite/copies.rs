//! Client-side caching over sockets: whatever happens to a key that a client has a copy of, it learns of it.
//!
//! Clients read and keep what they read until they are told otherwise, while others change the same keys in every way. When all
//! is quiet again, a copy that was kept must be what the server has.

use ringtail_tests::harness::{Options, Pool, Server, pause, say, wait_for, write_servers};
use ringtail_tests::resp::{Conn, Endpoint, Value};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

const KEYS: usize = 48;
const WRITERS: usize = 3;
const WRITES: usize = 4000;
/// Longer than any lifetime that a writer gives, and than it takes until what has expired is looked for.
const QUIET: Duration = Duration::from_millis(400);

fn key(random: &mut fastrand::Rng) -> String {
    format!("key:{}", random.usize(..KEYS))
}

/// A random change, and now and then one of everything.
fn change(random: &mut fastrand::Rng) -> String {
    let (a, b, n) = (key(random), key(random), random.u32(..));
    match random.u16(..400) {
        0 => "FLUSHALL".into(),
        1 => "SWAPDB 0 1".into(),
        2..20 => format!("RENAME {a} {b}"),
        20..40 => format!("MOVE {a} 1"),
        40..80 => format!("MSET {a} {n} {b} {n}"),
        80..120 => format!("DEL {a} {b}"),
        120..160 => format!("SET {a} {n} PX {}", random.u8(1..40)),
        160..190 => format!("PEXPIRE {a} {}", random.u8(1..40)),
        190..210 => format!("COPY {a} {b} REPLACE"),
        210..230 => format!("GETDEL {a}"),
        230..260 => format!("APPEND {a} {}", n % 10),
        _ => format!("SET {a} {n}"),
    }
}

/// How a client that keeps copies asks to be told.
struct Kind {
    options: &'static str,
    /// Whether it says for each reading that it keeps what it reads.
    asks: bool,
    /// Whether it also writes, and keeps what it wrote in place of a copy that it has.
    writes: bool,
}

const KINDS: [Kind; 4] = [
    Kind { options: "", asks: false, writes: false },
    Kind { options: "NOLOOP", asks: false, writes: true },
    Kind { options: "OPTIN", asks: true, writes: false },
    Kind { options: "BCAST PREFIX key:", asks: false, writes: true },
];

/// A client and what it has copies of.
struct Reader {
    conn: Conn,
    kind: &'static Kind,
    copies: HashMap<String, Value>,
    invalidated: usize,
}

impl Reader {
    fn new(endpoint: &Endpoint, kind: &'static Kind) -> Reader {
        let mut conn = endpoint.open3();
        assert!(conn.run(&format!("CLIENT TRACKING ON {}", kind.options)).is_ok());
        Reader { conn, kind, copies: HashMap::new(), invalidated: 0 }
    }

    /// The next reply; what comes before it is seen to.
    fn reply(&mut self) -> Value {
        loop {
            match self.conn.read().expect("a reply") {
                Value::Push(items) => self.told(&items),
                reply => return reply,
            }
        }
    }

    fn told(&mut self, push: &[Value]) {
        assert_eq!(push[0].text(), "invalidate");
        self.invalidated += 1;
        match &push[1] {
            Value::Nil => self.copies.clear(),
            keys => keys.items().iter().for_each(|key| drop(self.copies.remove(&key.text()))),
        }
    }

    /// Several readings (and writings) in one go, as a client with many threads sends them.
    fn turn(&mut self, random: &mut fastrand::Rng) {
        let requests: Vec<Vec<String>> = (0..random.usize(1..12)).map(|_| self.request(random)).collect();
        let mut bytes = Vec::new();
        for request in &requests {
            if self.kind.asks && request[0] != "SET" {
                bytes.extend(ringtail_tests::resp::request(&["CLIENT", "CACHING", "YES"]));
            }
            bytes.extend(ringtail_tests::resp::request(request));
        }
        self.conn.send(&bytes).expect("a server that takes requests");
        for request in requests {
            if self.kind.asks && request[0] != "SET" {
                assert!(self.reply().is_ok());
            }
            let reply = self.reply();
            self.keep(&request, reply);
        }
    }

    fn request(&self, random: &mut fastrand::Rng) -> Vec<String> {
        match random.u8(..8) {
            0 if self.kind.writes => vec!["SET".into(), key(random), format!("own{}", random.u16(..))],
            0 | 1 => vec!["MGET".into(), key(random), key(random), key(random)],
            _ => vec!["GET".into(), key(random)],
        }
    }

    fn keep(&mut self, request: &[String], reply: Value) {
        match request[0].as_str() {
            "MGET" => {
                for (key, value) in request[1..].iter().zip(reply.items()) {
                    self.copies.insert(key.clone(), value.clone());
                }
            }
            "GET" => drop(self.copies.insert(request[1].clone(), reply)),
            _ => {
                assert!(reply.is_ok(), "{reply}");
                // Only BCAST tells of what was not read; without it, what was not read is not kept.
                if self.kind.options == "NOLOOP"
                    && let Some(copy) = self.copies.get_mut(&request[1])
                {
                    *copy = Value::Bulk(request[2].clone().into_bytes());
                }
            }
        }
    }

    /// Reads until it is so; `false` if that takes longer.
    fn is_told_within(&mut self, time: Duration, so: impl Fn(&HashMap<String, Value>) -> bool) -> bool {
        wait_for(time, || {
            self.conn.send(b"PING\r\n").expect("a proxy that takes requests");
            assert_eq!(self.reply(), Value::Simple("PONG".into()));
            so(&self.copies)
        })
    }

    /// Copies that are not what the server has, once all was told.
    fn stale(&mut self, truth: &mut Conn) -> Vec<String> {
        self.conn.send(b"PING\r\n").expect("a server that takes requests");
        assert_eq!(self.reply(), Value::Simple("PONG".into()));
        let mut differs = |(key, copy): &(&String, &Value)| {
            let has = truth.call(&["GET", key]);
            (has != **copy).then(|| format!("{key}: {copy}, but the server has {has}"))
        };
        self.copies.iter().filter_map(|pair| differs(&pair)).collect()
    }
}

fn read(endpoint: &Endpoint, kind: &'static Kind, seed: u64, done: &AtomicBool) -> Reader {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut reader = Reader::new(endpoint, kind);
    while !done.load(Relaxed) {
        reader.turn(&mut random);
    }
    reader
}

fn write(endpoint: &Endpoint, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut conn = endpoint.open();
    for _ in 0..WRITES / 20 {
        let lines: Vec<String> = (0..20).map(|_| change(&mut random)).collect();
        let requests: Vec<Vec<&str>> = lines.iter().map(|line| line.split(' ').collect()).collect();
        conn.try_pipeline(&requests).expect("replies");
    }
}

fn nothing_is_missed_by_a_server(table: usize) {
    let server = Server::start(&Options::args(&["--threads", "4"]));
    let line = format!("CONFIG SET tracking-table-max-keys {table}");
    assert!(server.endpoint.open().run(&line).is_ok());
    nothing_is_missed(&server.endpoint);
}

fn nothing_is_missed(endpoint: &Endpoint) {
    let mut truth = endpoint.open();
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..2 * KINDS.len())
        .map(|i| {
            let (endpoint, done) = (endpoint.clone(), Arc::clone(&done));
            thread::spawn(move || read(&endpoint, &KINDS[i % KINDS.len()], i as u64, &done))
        })
        .collect();
    let writers: Vec<_> = (0..WRITERS)
        .map(|i| {
            let endpoint = endpoint.clone();
            thread::spawn(move || write(&endpoint, 100 + i as u64))
        })
        .collect();
    writers.into_iter().for_each(|writer| writer.join().expect("a writer"));
    done.store(true, Relaxed);
    let mut readers: Vec<Reader> =
        readers.into_iter().map(|reader| reader.join().expect("a reader")).collect();
    pause(QUIET);
    let (mut kept, mut invalidated) = (0, 0);
    for reader in &mut readers {
        let stale = reader.stale(&mut truth);
        assert!(stale.is_empty(), "with '{}': {stale:#?}", reader.kind.options);
        kept += reader.copies.len();
        invalidated += reader.invalidated;
    }
    say(&format!("{invalidated} invalidations; {kept} copies left, all of them right"));
    assert!(kept > 0 && invalidated > WRITES / 10);
}

#[test]
fn no_copy_outlives_its_key() {
    nothing_is_missed_by_a_server(1_000_000);
}

#[test]
fn no_copy_outlives_its_key_when_few_are_tracked() {
    nothing_is_missed_by_a_server(KEYS / 4);
}

#[test]
fn no_copy_outlives_its_key_through_a_proxy() {
    nothing_is_missed(&Pool::start(&Options::args(&["--threads", "2"])).endpoint);
}

/// As members come and go: what was read from one that died, or from one that owns the key no more, is forgotten too.
#[test]
fn no_copy_outlives_its_member() {
    let mut pool = Pool::start(&Options::args(&["--threads", "2"]));
    let (mut reader, mut writer) = (Reader::new(&pool.endpoint, &KINDS[0]), pool.endpoint.open());
    let keys: Vec<String> = (0..KEYS).map(|i| format!("key:{i}")).collect();
    let read_all = |reader: &mut Reader| {
        for key in &keys {
            let request = vec!["GET".to_owned(), key.clone()];
            reader.conn.send(&ringtail_tests::resp::request(&request)).expect("a proxy");
            let reply = reader.reply();
            reader.keep(&request, reply);
        }
    };
    keys.iter().for_each(|key| assert!(writer.call(&["SET", key, "1"]).is_ok()));
    read_all(&mut reader);
    assert_eq!(reader.copies.len(), KEYS);
    pool.members.process(1).kill();
    assert!(reader.is_told_within(Duration::from_secs(5), |copies| copies.is_empty()), "of the death");
    pool.members.restart(1);
    let up =
        wait_for(Duration::from_secs(10), || keys.iter().all(|key| writer.call(&["SET", key, "2"]).is_ok()));
    assert!(up, "it does not come back");
    read_all(&mut reader);
    assert!(reader.copies.values().all(|copy| copy.text() == "2"));
    let ports = pool.members.ports();
    write_servers(&pool.servers_json, &ports[..2]);
    assert!(
        reader.is_told_within(Duration::from_secs(10), |copies| copies.is_empty()),
        "of the slots that moved"
    );
}

#[test]
fn a_copy_is_watched_though_its_reading_was_kept_back() {
    let server = Server::start(&Options::args(&["--threads", "2"]));
    let (mut reader, mut holder) = (Reader::new(&server.endpoint, &KINDS[2]), server.endpoint.open());
    assert!(holder.run("SET key:1 old").is_ok());
    assert_eq!(holder.run("RINGTAIL LOCK 20000 6657").int(), 1, "the slot of key:1");
    let get = ringtail_tests::resp::request(&["GET", "key:1"]);
    let both = [ringtail_tests::resp::request(&["CLIENT", "CACHING", "YES"]), get].concat();
    reader.conn.send(&both).expect("a server");
    assert!(reader.reply().is_ok());
    pause(Duration::from_millis(50));
    assert!(holder.run("RINGTAIL RELEASE").is_ok());
    let reply = reader.reply();
    reader.keep(&["GET".to_owned(), "key:1".to_owned()], reply);
    assert!(holder.run("SET key:1 new").is_ok());
    assert!(reader.is_told_within(Duration::from_secs(5), |copies| copies.is_empty()), "of the change");
}
