//! Memory: the limit under load, who is evicted, and what expiry gives back.

use ringtail_tests::harness::{Options, Process, Redis, Server, say, scratch, wait_for};
use ringtail_tests::resp::{Conn, Endpoint, Value};
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

const MIB: u64 = 1 << 20;
/// How long a first sync may take: it goes behind all else that the machine has to do.
const SYNCED: Duration = Duration::from_secs(60);

/// The number of an INFO field.
fn info(conn: &mut Conn, field: &str) -> u64 {
    let text = conn.run("INFO all").text();
    let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    value.and_then(|v| v.trim().parse().ok()).unwrap_or_else(|| panic!("no number {field} in\n{text}"))
}

/// Sets many keys in pipelines of 100; returns how many were refused.
fn fill(conn: &mut Conn, keys: std::ops::Range<usize>, value: impl Fn(usize) -> String) -> usize {
    let numbers: Vec<usize> = keys.collect();
    let set = |i: &usize| vec!["SET".to_string(), format!("key:{i}"), value(*i)];
    let batches = numbers.chunks(100).map(|chunk| chunk.iter().map(set).collect::<Vec<_>>());
    batches.map(|batch| refused(&conn.try_pipeline(&batch).expect("replies"))).sum()
}

fn refused(replies: &[Value]) -> usize {
    let errors = replies.iter().filter_map(|reply| reply.error());
    let oom = |e: &str| assert_eq!(e, "OOM command not allowed when used memory > 'maxmemory'.");
    errors.inspect(|e| oom(e)).count()
}

#[test]
fn the_limit_holds_under_load() {
    const LIMIT: u64 = 64 * MIB;
    let server = Server::start(&Options::args(&["--maxmemory", "64mb"]));
    let mut watcher = server.endpoint.open();
    let empty = server.process.rss();
    let writers: Vec<_> = (0..3).map(|writer| spawn_writer(&server.endpoint, writer)).collect();
    let mut most = (0, 0);
    while !writers.iter().all(|writer| writer.is_finished()) {
        most.0 = most.0.max(info(&mut watcher, "used_memory"));
        most.1 = most.1.max(server.process.rss());
    }
    for writer in writers {
        writer.join().expect("a writer");
    }
    say(&format!("maxmemory 64 MiB: used at most {} KiB, RSS {} KiB", most.0 >> 10, most.1 >> 10));
    assert!(most.0 <= LIMIT + LIMIT / 50, "{} bytes used with a limit of {LIMIT}", most.0);
    assert!(most.1 <= empty + LIMIT + LIMIT / 2, "RSS {} with a limit of {LIMIT}", most.1);
    assert!(info(&mut watcher, "used_memory") > LIMIT / 2, "far too much was evicted");
    assert!(info(&mut watcher, "evicted_keys") > 10_000);
}

/// About 200 MB of strings, lists and hashes of many sizes.
fn spawn_writer(endpoint: &Endpoint, writer: usize) -> std::thread::JoinHandle<()> {
    let mut conn = endpoint.open();
    std::thread::spawn(move || {
        for round in 0..600 {
            let batch: Vec<Vec<String>> = (0..100).map(|i| write(writer, round * 100 + i)).collect();
            let refused = refused(&conn.try_pipeline(&batch).expect("replies"));
            assert_eq!(refused, 0, "writes are refused though all keys may be evicted");
        }
    })
}

fn write(writer: usize, n: usize) -> Vec<String> {
    let value = "x".repeat(n * 7 % 2000);
    match n % 4 {
        0 => vec!["RPUSH".into(), format!("list:{writer}:{}", n / 40), value],
        1 => vec!["HSET".into(), format!("hash:{writer}:{}", n / 40), format!("f{n}"), value],
        _ => vec!["SET".into(), format!("string:{writer}:{n}"), value],
    }
}

#[test]
fn without_eviction_writes_are_refused_and_the_rest_works() {
    let options = Options::args(&["--maxmemory", "16mb", "--maxmemory-policy", "noeviction"]);
    let server = Server::start(&options);
    let redis = Redis::start(&["--maxmemory", "16mb", "--maxmemory-policy", "noeviction"]);
    for endpoint in [Some(&server.endpoint), redis.as_ref().map(|r| &r.endpoint)].into_iter().flatten() {
        let mut conn = endpoint.open();
        let failed = fill(&mut conn, 0..40_000, |_| "x".repeat(1000));
        assert!(failed > 10_000, "{failed} of 40 MB of writes were refused with a limit of 16 MB");
        let kept = conn.run("DBSIZE").int() as usize;
        assert_eq!(kept + failed, 40_000, "something was evicted");
        assert_eq!(conn.run("GET key:0").text().len(), 1000);
        for refused in ["SET new v", "APPEND key:0 x", "RPUSH l v", "HSET h f v", "INCR n"] {
            let reply = conn.run(refused);
            assert!(reply.error().is_some_and(|e| e.starts_with("OOM ")), "{refused}: {reply}");
        }
        assert_eq!(conn.run("EXPIRE key:0 100").int(), 1);
        assert_eq!(conn.run("EXISTS key:1").int(), 1);
        for i in 0..2000 {
            assert_eq!(conn.run(&format!("DEL key:{i}")).int(), 1);
        }
        assert!(
            wait_for(Duration::from_secs(1), || conn.run("SET new v").is_ok()),
            "no room after 2000 DELs"
        );
    }
}

#[test]
fn volatile_lru_evicts_what_has_a_time_to_live() {
    let server =
        Server::start(&Options::args(&["--maxmemory", "16mb", "--maxmemory-policy", "volatile-lru"]));
    let mut conn = server.endpoint.open();
    assert_eq!(fill(&mut conn, 0..5000, |_| "x".repeat(1000)), 0);
    for i in 0..30_000 {
        let reply = conn.call(&["SET", &format!("volatile:{i}"), &"y".repeat(1000), "EX", "1000"]);
        assert!(reply.is_ok(), "{reply}");
    }
    let lasting = (0..5000).filter(|i| conn.run(&format!("EXISTS key:{i}")).int() == 1).count();
    assert_eq!(lasting, 5000, "keys without a time to live were evicted");
    let failed = fill(&mut conn, 5000..40_000, |_| "x".repeat(1000));
    assert!(failed > 0, "nothing volatile is left, and writes go on");
}

#[test]
fn keys_expire_exactly() {
    let server = Server::start(&Options::default());
    let mut conn = server.endpoint.open();
    let clock = |conn: &mut Conn| {
        let time = conn.run("TIME");
        let part = |i: usize| time.items()[i].text().parse::<u64>().expect("a number");
        part(0) * 1000 + part(1) / 1000
    };
    let now = clock(&mut conn);
    let due: Vec<u64> = (0..400).map(|i| now + 300 + i).collect();
    for (i, at) in due.iter().enumerate() {
        assert!(conn.run(&format!("SET exact:{i} v PXAT {at}")).is_ok());
    }
    let (mut alive, mut looks) = ((0..due.len()).collect::<HashSet<usize>>(), 0);
    while !alive.is_empty() {
        let i = *alive.iter().min_by_key(|i| due[**i]).expect("one is left");
        let before = clock(&mut conn);
        let there = conn.run(&format!("EXISTS exact:{i}")).int() == 1;
        let after = clock(&mut conn);
        assert!(there || after >= due[i], "gone at {after}, due at {}", due[i]);
        assert!(!there || before < due[i], "there at {before}, due at {}", due[i]);
        looks += 1;
        if !there {
            alive.remove(&i);
        }
    }
    assert!(looks > due.len(), "no key was seen alive");
}

#[test]
fn expired_memory_comes_back_within_a_second() {
    let server = Server::start(&Options::default());
    let mut conn = server.endpoint.open();
    let before = info(&mut conn, "used_memory");
    for chunk in (0..30_000).collect::<Vec<_>>().chunks(100) {
        let set =
            |i: &i32| vec!["SET".into(), format!("passing:{i}"), "x".repeat(500), "PX".into(), "1500".into()];
        conn.try_pipeline(&chunk.iter().map(set).collect::<Vec<_>>()).expect("replies");
    }
    let last = Instant::now();
    let filled = info(&mut conn, "used_memory");
    assert!(filled > before + 15_000_000, "{filled} bytes after 15 MB of values");
    let due = Duration::from_millis(1500) + Duration::from_secs(1);
    let given_back = |conn: &mut Conn| info(conn, "used_memory") < before + (filled - before) / 20;
    let empty = wait_for(due.saturating_sub(last.elapsed()), || {
        conn.run("DBSIZE").int() == 0 && given_back(&mut conn)
    });
    let now = info(&mut conn, "used_memory");
    assert!(empty, "{} keys and {now} bytes left a second after the last expired", conn.run("DBSIZE"));
}

/// An exact LRU of entries of one size.
struct ExactLru {
    capacity: usize,
    clock: u64,
    used: HashMap<usize, u64>,
    order: std::collections::BTreeMap<u64, usize>,
}

impl ExactLru {
    fn new(capacity: usize) -> ExactLru {
        ExactLru { capacity, clock: 0, used: HashMap::new(), order: Default::default() }
    }

    /// Whether the key was there; it is now, as the most recently used.
    fn touch(&mut self, key: usize) -> bool {
        self.clock += 1;
        let old = self.used.insert(key, self.clock);
        self.order.insert(self.clock, key);
        if let Some(old) = old {
            self.order.remove(&old);
        } else if self.used.len() > self.capacity
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.used.remove(&oldest);
        }
        old.is_some()
    }
}

/// The lower a number, the more often it comes: about 1/rank, over this many keys.
const KEYS: usize = 100_000;

fn skewed(random: &mut fastrand::Rng) -> usize {
    let power = (KEYS as f64).powf(random.f64());
    // Spread over the numbers, so that neighbours in rank share nothing.
    (power as usize).wrapping_mul(0x9E37_79B1) % KEYS
}

/// GETs of a skewed workload, SET on a miss; hits over the second half, and
/// the keys that it held at the end.
fn hit_ratio(endpoint: &Endpoint, workload: &[usize]) -> (f64, usize) {
    let mut conn = endpoint.open();
    let mut hits = 0;
    for (at, batch) in workload.chunks(20).enumerate() {
        let gets: Vec<_> =
            batch.iter().map(|key| vec!["GET".to_string(), format!("item:{key:08}")]).collect();
        let replies = conn.try_pipeline(&gets).expect("replies");
        let missed = batch.iter().zip(&replies).filter(|(_, reply)| reply.bytes().is_none());
        let sets: Vec<_> = missed
            .map(|(key, _)| vec!["SET".to_string(), format!("item:{key:08}"), "x".repeat(300)])
            .collect();
        refused(&conn.try_pipeline(&sets).expect("replies"));
        if at * 20 >= workload.len() / 2 {
            hits += replies.iter().filter(|reply| reply.bytes().is_some()).count();
        }
    }
    (hits as f64 / (workload.len() / 2) as f64, conn.run("DBSIZE").int() as usize)
}

fn exact_ratio(workload: &[usize], capacity: usize) -> f64 {
    let mut model = ExactLru::new(capacity);
    let (warm, measured) = workload.split_at(workload.len() / 2);
    for key in warm {
        model.touch(*key);
    }
    measured.iter().filter(|key| model.touch(**key)).count() as f64 / measured.len() as f64
}

fn workload() -> Vec<usize> {
    let mut random = fastrand::Rng::with_seed(7);
    (0..400_000).map(|_| skewed(&mut random)).collect()
}

#[test]
fn the_least_recently_used_is_evicted() {
    let server = Server::start(&Options::args(&["--maxmemory", "10mb", "--maxmemory-policy", "allkeys-lru"]));
    let workload = workload();
    let (ratio, held) = hit_ratio(&server.endpoint, &workload);
    let exact = exact_ratio(&workload, held);
    say(&format!("LRU: hits {ratio:.4}, an exact LRU of the same {held} keys {exact:.4}"));
    assert!(held < KEYS / 2, "{held} of {KEYS} keys fit: nothing is measured");
    assert!((exact - ratio).abs() < 0.01, "hits {ratio:.4}, an exact LRU's {exact:.4}");
}

#[test]
fn the_model_of_lru_is_near_that_of_real_redis() {
    let args = ["--maxmemory", "16mb", "--maxmemory-policy", "allkeys-lru", "--maxmemory-samples", "10"];
    let Some(redis) = Redis::start(&args) else { return };
    let workload = workload();
    let (ratio, held) = hit_ratio(&redis.endpoint, &workload);
    let exact = exact_ratio(&workload, held);
    say(&format!(
        "redis-server with 10 samples: hits {ratio:.4}, an exact LRU of the same {held} keys {exact:.4}"
    ));
    assert!(held < KEYS / 2 && (exact - ratio).abs() < 0.03);
}

#[test]
fn bytes_are_counted_honestly() {
    let server = Server::start(&Options::default());
    let mut conn = server.endpoint.open();
    let grown = |process: &Process, conn: &mut Conn| (process.rss(), info(conn, "used_memory"));
    let before = grown(&server.process, &mut conn);
    assert_eq!(fill(&mut conn, 0..200_000, |i| "v".repeat(64 + i % 64)), 0);
    let after = grown(&server.process, &mut conn);
    let (rss, used) = (after.0 - before.0, after.1 - before.1);
    say(&format!("200,000 keys: {} bytes of RSS each, {} counted", rss / 200_000, used / 200_000));
    // What the kernel shows holds the allocator's slack too; what is counted is never more than it by much.
    assert!(
        used as f64 > rss as f64 * 0.75 && (used as f64) < rss as f64 * 1.1,
        "{used} counted, {rss} of RSS"
    );
}

#[test]
fn what_is_deleted_is_given_back() {
    let server = Server::start(&Options::default());
    let mut conn = server.endpoint.open();
    let before = info(&mut conn, "used_memory");
    assert_eq!(fill(&mut conn, 0..50_000, |_| "x".repeat(400)), 0);
    for i in 0..50_000 / 500 {
        let keys: Vec<String> = (i * 500..(i + 1) * 500).map(|k| format!("key:{k}")).collect();
        let del: Vec<&str> = std::iter::once("UNLINK").chain(keys.iter().map(String::as_str)).collect();
        assert_eq!(conn.call(&del).int(), 500);
    }
    let back = wait_for(Duration::from_secs(2), || info(&mut conn, "used_memory") < before + 2 * MIB);
    assert!(back, "{} bytes used after all was deleted, {before} before", info(&mut conn, "used_memory"));
}

/// A worker would do that in the middle of an allocation, however long it takes.
#[test]
fn what_was_freed_is_given_back_to_the_system_though_nobody_asks_for_anything() {
    let server = Server::start(&Options::default());
    let mut conn = server.endpoint.open();
    assert_eq!(fill(&mut conn, 0..20_000, |_| "x".repeat(8000)), 0);
    let full = server.process.rss();
    assert_eq!(conn.run("FLUSHALL SYNC").text(), "OK");
    let is_back = || server.process.rss() < full / 4;
    assert!(wait_for(Duration::from_secs(20), is_back), "{} of {full} bytes are kept", server.process.rss());
}

#[test]
fn default_ttl_is_given_to_what_has_none() {
    let server = Server::start(&Options::args(&["--default-ttl", "100"]));
    let mut conn = server.endpoint.open();
    for write in ["SET s v", "RPUSH l v", "HSET h f v", "INCR n", "MSET m v"] {
        conn.run(write);
    }
    for key in ["s", "l", "h", "n", "m"] {
        let ttl = conn.run(&format!("TTL {key}")).int();
        assert!((99..=100).contains(&ttl), "{key} lives {ttl} s");
    }
    conn.run("SET own v EX 500");
    assert!(conn.run("TTL own").int() > 490);
    conn.run("PERSIST s");
    assert_eq!(conn.run("TTL s").int(), -1);
    // Live it is written as it is at the start.
    assert!(conn.run("CONFIG SET default-ttl 30m").is_ok());
    assert_eq!(conn.run("CONFIG GET default-ttl").items()[1].text(), "1800");
    conn.run("SET late v");
    assert!((1799..=1800).contains(&conn.run("TTL late").int()));
    for wrong in ["soon", "-1", "1500ms", "4294967296"] {
        assert!(conn.run(&format!("CONFIG SET default-ttl {wrong}")).error().is_some(), "{wrong}");
    }
}

/// What the allocator has given, and what is counted: they differ by what threads have not published yet.
fn counted(conn: &mut Conn) -> (i64, i64) {
    (info(conn, "used_memory") as i64, info(conn, "allocator_allocated") as i64)
}

/// Waits until what is counted is what was allocated.
fn wait_until_counted(what: &str, conn: &mut Conn) {
    let mut last = (0, 0);
    let near = wait_for(Duration::from_secs(10), || {
        last = counted(conn);
        (last.0 - last.1).abs() < 8 * MIB as i64
    });
    assert!(near, "{what}: {} bytes are counted and {} allocated", last.0, last.1);
}

#[test]
fn what_threads_of_the_log_and_of_replicas_hold_is_counted() {
    let directory = scratch("counted");
    let dir = directory.to_str().expect("UTF-8");
    let primary =
        Server::start(&Options::args(&["--dir", dir, "--log", "everysec", "--repl-backlog", "1mb"]));
    let replica = Server::start(&Options::default());
    let (mut conn, mut other) = (primary.loaded(), replica.endpoint.open());
    let large = "x".repeat(4 * MIB as usize);
    for _ in 0..30 {
        assert_eq!(conn.call(&["SET", "large", &large]).text(), "OK");
    }
    wait_until_counted("a large value, again and again, with a log", &mut conn);
    let port = primary.endpoint.port.to_string();
    assert_eq!(other.call(&["REPLICAOF", "127.0.0.1", &port]).text(), "OK");
    fill(&mut conn, 0..40_000, |_| "v".repeat(1000));
    let has_all = || info(&mut other, "slave_repl_offset") == info(&mut conn, "master_repl_offset");
    assert!(wait_for(SYNCED, has_all), "the replica does not catch up");
    wait_until_counted("a primary", &mut conn);
    wait_until_counted("a replica, by the log", &mut other);
    assert_eq!(other.run("REPLICAOF NO ONE").text(), "OK");
    assert_eq!(other.run("FLUSHALL").text(), "OK");
    wait_until_counted("a replica that was", &mut other);
    assert_eq!(other.call(&["REPLICAOF", "127.0.0.1", &port]).text(), "OK");
    let has_keys = || matches!(other.run("DBSIZE"), Value::Int(40_001));
    assert!(wait_for(SYNCED, has_keys), "no first sync");
    wait_until_counted("a replica, by a first sync", &mut other);
}

#[test]
fn what_is_held_for_replicas_and_the_disk_evicts_nothing() {
    let directory = scratch("held");
    let dir = directory.to_str().expect("UTF-8");
    let primary = Server::start(&Options::args(&["--dir", dir, "--log", "everysec", "--maxmemory", "16mb"]));
    let replica = Server::start(&Options::default());
    let (mut conn, mut other) = (primary.loaded(), replica.endpoint.open());
    let port = primary.endpoint.port.to_string();
    assert_eq!(other.call(&["REPLICAOF", "127.0.0.1", &port]).text(), "OK");
    assert!(wait_for(Duration::from_secs(10), || info(&mut conn, "connected_slaves") == 1));
    fill(&mut conn, 0..40_000, |_| "v".repeat(1000));
    let held = info(&mut conn, "mem_not_counted_for_evict");
    assert!(held > 32 * MIB, "{held} bytes are held for the replica");
    let keys = conn.run("DBSIZE").int();
    assert!(keys > 8000, "{keys} keys of a thousand bytes with room for 16 MiB");
}
