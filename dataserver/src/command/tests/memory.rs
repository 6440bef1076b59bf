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

const VOLATILE: [Policy; 4] =
    [Policy::VolatileLru, Policy::VolatileLfu, Policy::VolatileRandom, Policy::VolatileTtl];

#[test]
fn volatile_policies_take_keys_that_expire_and_no_others() {
    // A thread each, since what one frees late would count in the next one's store.
    for policy in VOLATILE {
        std::thread::spawn(move || take_what_expires(policy)).join().unwrap();
    }
}

fn take_what_expires(policy: Policy) {
    let mut t = Harness::new();
    t.limit(MIB, policy);
    let value = vec![b'x'; 1000];
    for i in 0..300 {
        assert_eq!(t.run_args(&[b"SET", format!("stays:{i}").as_bytes(), &value]), "OK");
    }
    for i in 0..2000 {
        t.advance(1);
        assert_eq!(t.run_args(&[b"SET", format!("key:{i}").as_bytes(), &value, b"EX", b"1000"]), "OK");
    }
    assert!((0..300).all(|i| t.run(&format!("EXISTS stays:{i}")) == "1"), "{policy:?}");
    assert!(t.server.counters[0].evicted.get() > 1000);
    let refused = (300..2000).find(|i| t.run_args(&[b"SET", format!("stays:{i}").as_bytes(), &value]) == OOM);
    assert!(refused.is_some_and(|i| i > 600), "{policy:?} {refused:?}");
    assert_eq!(t.run("SCAN 0 COUNT 100000 MATCH key:*"), "['0', []]");
}

#[test]
fn the_limit_holds_by_every_policy_and_when_it_is_switched() {
    std::thread::spawn(|| {
        let mut t = Harness::new();
        let limit = t.limit(2 * MIB, Policy::AllKeysRandom);
        let mut random = fastrand::Rng::with_seed(1);
        for (round, policy) in Policy::ALL.into_iter().filter(|&p| p != Policy::NoEviction).enumerate() {
            assert_eq!(t.run(&format!("CONFIG SET maxmemory-policy {}", policy.name())), "OK");
            for i in 0..3000 {
                t.advance(1);
                let (name, value) = (format!("key:{round}:{i}"), vec![b'x'; random.usize(..2000)]);
                assert_eq!(t.run_args(&[b"SET", name.as_bytes(), &value, b"EX", b"1000"]), "OK");
                t.run(&format!("GET key:{round}:{}", random.usize(..=i)));
                assert!(t.used() < limit + 3 * 4096, "{policy:?}");
            }
            assert!(t.used() > limit - MIB / 4, "{policy:?}: the memory that is allowed is used");
        }
    })
    .join()
    .unwrap();
}

#[test]
fn uses_are_counted_by_the_frequency_policies() {
    let mut t = Harness::new();
    check(
        &mut t,
        &[
            ("SET k v", "OK"),
            ("OBJECT FREQ none", "nil"),
            (
                "OBJECT FREQ k",
                "-ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.",
            ),
            ("CONFIG SET maxmemory-policy allkeys-lfu lfu-log-factor 1 lfu-decay-time 1", "OK"),
            ("SADD s a", "1"),
            ("OBJECT FREQ s", "5"),
            (
                "OBJECT IDLETIME s",
                "-ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.",
            ),
            ("OBJECT IDLETIME none", "nil"),
        ],
    );
    (0..300).for_each(|_| assert_eq!(t.run("SCARD s"), "1"));
    let freq = |t: &mut Harness, key: &str| t.run(&format!("OBJECT FREQ {key}")).parse::<i64>().unwrap();
    let often = freq(&mut t, "s");
    assert!((15..60).contains(&often), "{often}");
    // A look is no use, and time takes away.
    t.advance(10 * 60_000);
    assert_eq!(freq(&mut t, "s"), often - 10);
    check(&mut t, &[("RENAME s r", "OK"), ("COPY r c", "1")]);
    assert!((often - 10..often).contains(&freq(&mut t, "r")));
    assert_eq!(freq(&mut t, "c"), 5);
    check(&mut t, &[("MOVE r 1", "1"), ("SELECT 1", "OK"), ("SET r v", "OK")]);
    assert!(freq(&mut t, "r") >= often - 10);
    check(
        &mut t,
        &[
            ("CONFIG GET lfu-*", "['lfu-decay-time', '1', 'lfu-log-factor', '1']"),
            ("CONFIG SET maxmemory-policy allkeys-lru", "OK"),
            ("GET r", "'v'"),
            ("OBJECT IDLETIME r", "0"),
        ],
    );
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
