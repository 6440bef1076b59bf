//! Clients who change keys of all types, until they are told to end.

use fastrand::Rng;
use ringtail_tests::harness::pause;
use ringtail_tests::resp::{Conn, Endpoint, request};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

/// Keys of each type and client.
const KEYS: u32 = 20;

/// Clients who write.
pub(super) struct Load {
    over: Arc<AtomicBool>,
    /// Requests that were answered.
    done: Arc<AtomicU64>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    /// Begins, at one server; `wild` is now and then to change all keys at once.
    pub(super) fn begin(endpoint: &Endpoint, clients: u32, wild: bool) -> Self {
        let (over, done) = <(Arc<AtomicBool>, Arc<AtomicU64>)>::default();
        let clients = (0..clients)
            .map(|id| {
                let (endpoint, over, done) = (endpoint.clone(), Arc::clone(&over), Arc::clone(&done));
                std::thread::spawn(move || work(&endpoint, id, wild && id == 0, &over, &done))
            })
            .collect();
        Self { over, done, clients }
    }

    /// Lets them write for a while.
    pub(super) fn go_on(&self, time: Duration) {
        let before = self.done.load(Relaxed);
        pause(time);
        assert!(self.done.load(Relaxed) > before, "nobody writes");
    }

    /// Ends it. What their requests were answered is looked at by nobody.
    pub(super) fn end(self) {
        self.over.store(true, Relaxed);
        self.clients.into_iter().for_each(|client| client.join().expect("a client"));
    }
}

fn work(endpoint: &Endpoint, id: u32, wild: bool, over: &AtomicBool, done: &AtomicU64) {
    let mut rng = Rng::with_seed(u64::from(id));
    while !over.load(Relaxed) {
        // The server may be killed and started again.
        let Ok(mut conn) = endpoint.connect() else {
            pause(Duration::from_millis(5));
            continue;
        };
        while !over.load(Relaxed) && burst(&mut conn, id, wild, &mut rng, done).is_ok() {}
    }
}

fn burst(conn: &mut Conn, id: u32, wild: bool, rng: &mut Rng, done: &AtomicU64) -> std::io::Result<()> {
    let mut requests = Vec::new();
    if rng.u8(..10) == 0 {
        requests.push(words(&format!("SELECT {}", rng.u8(..4))));
    }
    let multi = rng.u8(..5) == 0;
    if multi {
        requests.push(words("MULTI"));
    }
    for _ in 0..rng.usize(1..10) {
        requests.push(one(id, rng));
    }
    if multi {
        requests.push(words("EXEC"));
    }
    if wild && rng.u8(..100) == 0 {
        requests.push(words(["FLUSHALL", "SWAPDB 0 1", "FLUSHDB", "SWAPDB 2 3"][rng.usize(..4)]));
    }
    conn.send(&requests.iter().flat_map(|args| request(args)).collect::<Vec<u8>>())?;
    for args in &requests {
        let reply = conn.read()?;
        let fails = reply.error().filter(|why| !why.starts_with("LOADING") && !why.starts_with("EXECABORT"));
        assert_eq!(fails, None, "{args:?}");
    }
    done.fetch_add(requests.len() as u64, Relaxed);
    Ok(())
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

const SCRIPT: &str = "redis.call('HINCRBY', KEYS[1], ARGV[1], 1) redis.call('EXPIRE', KEYS[1], 900) return redis.call('SPOP', KEYS[2])";

fn one(id: u32, rng: &mut Rng) -> Vec<String> {
    let key = |kind: &str, rng: &mut Rng| format!("{{{id}}}:{kind}:{}", rng.u32(..KEYS));
    let member = rng.u8(..30);
    let value = format!("{}{}", rng.u32(..), "v".repeat(rng.usize(..100)));
    let line = match rng.u8(..26) {
        0 | 1 => format!("SET {} {value}", key("text", rng)),
        2 => format!("SET {} {value} PX {}", key("text", rng), rng.u32(1..500)),
        3 => format!("SET {} {value} EX 1000", key("text", rng)),
        4 => format!("APPEND {} {value}", key("text", rng)),
        5 => format!("INCRBYFLOAT {} 1.25", key("number", rng)),
        6 | 7 => format!("RPUSH {} {value} {member}", key("list", rng)),
        8 => format!("LPOP {} 2", key("list", rng)),
        9 => format!("LMOVE {} {} LEFT RIGHT", key("list", rng), key("list", rng)),
        10 | 11 => format!("HSET {} {member} {value}", key("hash", rng)),
        12 => format!("HPEXPIRE {} {} FIELDS 1 {member}", key("hash", rng), rng.u32(1..500)),
        13 => format!("HDEL {} {member}", key("hash", rng)),
        14 | 15 => format!("SADD {} {member} {value}", key("set", rng)),
        16 => format!("SPOP {}", key("set", rng)),
        17 => format!("SUNIONSTORE {} {} {}", key("set", rng), key("set", rng), key("set", rng)),
        18 => format!("ZADD {} {} {member}", key("sorted", rng), rng.u32(..1000)),
        19 => format!("ZINCRBY {} 0.1 {member}", key("sorted", rng)),
        20 => format!("ZPOPMIN {}", key("sorted", rng)),
        21 => format!("XADD {} MAXLEN ~ 50 * f {value}", key("stream", rng)),
        22 => format!("PEXPIRE {} {}", key("list", rng), rng.u32(1..3000)),
        23 => format!("DEL {}", key(["text", "list", "hash", "set"][rng.usize(..4)], rng)),
        24 => format!("PFADD {} {value}", key("log", rng)),
        _ => {
            let (hash, set) = (key("hash", rng), key("set", rng));
            return ["EVAL", SCRIPT, "2", &hash, &set, &format!("n{member}")].map(str::to_owned).to_vec();
        }
    };
    words(&line)
}
