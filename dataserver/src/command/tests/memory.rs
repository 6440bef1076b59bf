//! What is used, what may be, and what happens at the limit.

use super::string::check;
use crate::command::testing::Harness;
use crate::store::memory::Policy;

const MIB: u64 = 1024 * 1024;

impl Harness {
    fn used(&self) -> u64 {
        self.server.store.memory.publish();
        self.server.store.memory.used()
    }

    /// Allows this much more than what is used now; the limit.
    fn limit(&mut self, more: u64, policy: Policy) -> u64 {
        // The first call of a command makes room for its statistics.
        self.run("SET first 1");
        self.run("DEL first");
        let limit = self.used() + more;
        self.server.store.memory.set_limit(limit);
        self.server.store.memory.set_policy(policy);
        limit
    }
}

const OOM: &str = "-OOM command not allowed when used memory > 'maxmemory'.";

#[test]
fn the_limit_holds_and_the_newest_keys_stay() {
    let mut t = Harness::new();
    let limit = t.limit(2 * MIB, Policy::AllKeysLru);
    let mut random = fastrand::Rng::with_seed(1);
    let mut most = 0;
    for i in 0..20_000 {
        let value = vec![b'x'; random.usize(..2000)];
        t.advance(1);
        assert_eq!(t.run_args(&[b"SET", format!("key:{i}").as_bytes(), &value]), "OK");
        most = most.max(t.used());
    }
    // One value, and what a thread may hold back before it publishes.
    assert!(most < limit + 3 * 4096, "{most} for a limit of {limit}");
    assert!(most > limit - MIB / 4, "{most}: the memory that is allowed is used");
    let evicted = t.server.counters[0].evicted.get();
    let left: i64 = t.run("DBSIZE").parse().unwrap();
    assert_eq!(20_000 - left as u64, evicted);
    let newest =
        (20_000 - left / 2..20_000).map(|i| t.run(&format!("EXISTS key:{i}"))).filter(|there| there == "1");
    assert!(newest.count() as f64 > 0.98 * (left / 2) as f64);
}

#[test]
fn without_eviction_writes_are_refused_and_the_rest_goes_on() {
    let mut t = Harness::new();
    t.limit(MIB, Policy::NoEviction);
    let value = vec![b'x'; 1000];
    let refused = (0..2000).find(|i| t.run_args(&[b"SET", format!("key:{i}").as_bytes(), &value]) == OOM);
    assert!((700..1000).contains(&refused.unwrap()));
    for line in [
        "SET a 1",
        "APPEND key:1 x",
        "INCR n",
        "MSET a 1",
        "SETRANGE key:1 0 x",
        "COPY key:1 a",
        "GETSET key:1 x",
    ] {
        assert_eq!(t.run(line), OOM, "{line}");
    }
    check(
        &mut t,
        &[
            ("GETRANGE key:1 0 1", "'xx'"),
            ("STRLEN key:1", "1000"),
            ("EXPIRE key:1 100", "1"),
            ("TTL key:1", "100"),
            ("PERSIST key:1", "1"),
            ("RENAME key:1 other", "OK"),
            ("EXISTS other", "1"),
        ],
    );
    // Each of these made room for its statistics when it first ran.
    (2..100).for_each(|i| assert_eq!(t.run(&format!("DEL key:{i}")), "1"));
    check(&mut t, &[("SET a 1", "OK")]);
}

#[test]
fn volatile_lru_takes_keys_that_expire_and_no_others() {
    let mut t = Harness::new();
    t.limit(MIB, Policy::VolatileLru);
    let value = vec![b'x'; 1000];
    for i in 0..300 {
        assert_eq!(t.run_args(&[b"SET", format!("stays:{i}").as_bytes(), &value]), "OK");
    }
    for i in 0..2000 {
        t.advance(1);
        assert_eq!(t.run_args(&[b"SET", format!("key:{i}").as_bytes(), &value, b"EX", b"1000"]), "OK");
    }
    assert!((0..300).all(|i| t.run(&format!("EXISTS stays:{i}")) == "1"));
    assert!(t.server.counters[0].evicted.get() > 1000);
    let refused = (300..2000).find(|i| t.run_args(&[b"SET", format!("stays:{i}").as_bytes(), &value]) == OOM);
    assert!(refused.is_some_and(|i| i > 600), "{refused:?}");
    assert_eq!(t.run("SCAN 0 COUNT 100000 MATCH key:*"), "['0', []]");
}

#[test]
fn a_few_keys_are_found_in_an_almost_empty_store() {
    let mut t = Harness::new();
    assert_eq!(t.run_args(&[b"SET", b"only", &vec![b'x'; MIB as usize]]), "OK");
    t.limit(0, Policy::AllKeysLru);
    t.server.store.memory.set_limit(t.used() - MIB / 2);
    check(&mut t, &[("SET small 1", "OK"), ("EXISTS only", "0")]);
}

#[test]
fn what_is_flushed_counts_no_more() {
    let mut t = Harness::new();
    let value = vec![b'x'; 1000];
    t.limit(2 * MIB, Policy::NoEviction);
    for round in 0..5 {
        for i in 0..1500 {
            let reply = t.run_args(&[b"SET", format!("key:{i}").as_bytes(), &value]);
            assert_eq!(reply, "OK", "round {round}, key {i}");
        }
        assert_eq!(t.run("FLUSHALL"), "OK");
    }
}

#[test]
fn usage_is_what_the_allocator_gave() {
    // A thread each, since what one test frees would count in the next one's store.
    for length in [10, 100, 1000, 5000] {
        std::thread::spawn(move || compare_usage(length)).join().unwrap();
    }
}

fn compare_usage(length: usize) {
    let mut t = Harness::new();
    let before = t.used();
    let (count, value) = (4_000_000 / (length + 400), vec![b'x'; length]);
    let names: Vec<String> = (0..count).map(|i| format!("key:{i}")).collect();
    for (i, name) in names.iter().enumerate() {
        let expiry: &[&[u8]] = if i % 2 == 0 { &[] } else { &[b"EX", b"1000"] };
        t.run_args(&[&[&b"SET"[..], name.as_bytes(), &value], expiry].concat());
    }
    let given = (t.used() - before) as f64;
    let told: f64 =
        names.iter().map(|name| t.run(&format!("MEMORY USAGE {name}")).parse::<f64>().unwrap()).sum();
    // The names are the test's own.
    let given =
        given - names.iter().map(|name| name.capacity().next_multiple_of(16) + 24).sum::<usize>() as f64;
    println!("{count} values of {length} B: {given} B given, {told} B told");
    assert!((told / given - 1.0).abs() < 0.05, "{length}: {given} B given, {told} B told");
}
