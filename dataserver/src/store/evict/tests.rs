use super::*;
use crate::counters::Counters;
use crate::store::view::View;
use std::collections::{BTreeMap, HashMap};

/// Keys of the skewed workload, and how skewed it is (Zipf's exponent; YCSB's default).
const KEYS: usize = 20_000;
const SKEW: f64 = 0.99;
/// Requests: the first third fills the cache and is not counted.
const REQUESTS: usize = 300_000;
/// Requests of one millisecond, which all have the same time of use.
const AT_ONCE: u64 = 20;

/// The workload: the keys asked for, in order.
fn workload(seed: u64) -> Vec<usize> {
    let mut sum = 0.0;
    let reached: Vec<f64> = (1..=KEYS)
        .map(|rank| {
            sum += 1.0 / (rank as f64).powf(SKEW);
            sum
        })
        .collect();
    let mut random = fastrand::Rng::with_seed(seed);
    let mut key = || {
        let point = random.f64() * sum;
        reached.partition_point(|&r| r < point).min(KEYS - 1)
    };
    (0..REQUESTS).map(|_| key()).collect()
}

/// A cache that forgets exactly the least recently used key; its share of hits.
fn exact(requests: &[usize], size: usize) -> f64 {
    let (mut used, mut order) = (HashMap::new(), BTreeMap::new());
    share_of_hits(requests, |time, key| {
        let hit = used.insert(key, time).map(|old| order.remove(&old)).is_some();
        order.insert(time, key);
        if used.len() > size
            && let Some((_, oldest)) = order.pop_first()
        {
            used.remove(&oldest);
        }
        hit
    })
}

fn share_of_hits(requests: &[usize], mut ask: impl FnMut(usize, usize) -> bool) -> f64 {
    let start = REQUESTS / 3;
    let hits = requests.iter().enumerate().filter(|&(time, &key)| ask(time, key) && time >= start).count();
    hits as f64 / (REQUESTS - start) as f64
}

/// Ours, with keys that expire at random far times for a policy that wants such; `clock` says when a request comes.
fn ours(requests: &[usize], size: usize, policy: Policy, clock: impl Fn(u64) -> u64) -> f64 {
    let (store, counters) = (Store::new(), Counters::default());
    store.memory.set_policy(policy);
    let mut evictor = Evictor { random: fastrand::Rng::with_seed(1), ..Evictor::default() };
    let (mut random, mut len) = (fastrand::Rng::with_seed(2), 0);
    share_of_hits(requests, |time, key| {
        let (name, now) = (format!("key:{key}"), clock(time as u64));
        let key = store.key(name.as_bytes());
        let mut view = View::lock(&store, &counters, now, 0, true, &[key]);
        let hit = view.read(&key).is_some();
        if !hit {
            // Most live about as long as each other, some a thousand times longer.
            let life = if random.u8(..) < 8 { 3_600_000_000 } else { 3_600_000 };
            let expiry = policy.is_volatile().then(|| now + life + random.u64(..life));
            view.set_bytes(&key, b"value", expiry);
            len += 1;
        }
        drop(view);
        if len > size {
            assert!(evictor.evict_one(&store, policy, now));
            len -= 1;
        }
        hit
    })
}

#[test]
fn hits_are_within_a_hundredth_of_an_exact_lru() {
    let requests = workload(3);
    for size in [200, 1000, 5000] {
        let exact = exact(&requests, size);
        for policy in [Policy::AllKeysLru, Policy::VolatileLru] {
            let ours = ours(&requests, size, policy, |time| time / AT_ONCE);
            println!("{size} of {KEYS} keys, {}: exact {exact:.4}, ours {ours:.4}", policy.name());
            assert!((ours - exact).abs() < 0.01, "{size} keys, {}: {ours:.4} for {exact:.4}", policy.name());
        }
    }
}

#[test]
fn the_only_key_goes_though_it_was_used_since_it_was_seen() {
    let mut client = crate::command::testing::Harness::new();
    assert_eq!(client.run("SET k v"), "OK");
    let server = std::sync::Arc::clone(&client.server);
    let mut evictor = Evictor { policy: Policy::AllKeysLru, ..Evictor::default() };
    for group in 0..GROUPS {
        evictor.sample(&server.store, group, 5, client.now);
    }
    client.advance(1000);
    assert_eq!(client.run("GET k"), "'v'");
    assert!(evictor.evict_one(&server.store, Policy::AllKeysLru, client.now));
    assert_eq!(client.run("DBSIZE"), "0");
}

/// One request of two is for a key that nobody asks for again.
fn polluted(seed: u64) -> Vec<usize> {
    let mut never_again = KEYS..;
    workload(seed)
        .into_iter()
        .flat_map(|key| [key, never_again.next().unwrap_or(key)])
        .take(REQUESTS)
        .collect()
}

/// The run takes an hour, so that counters shrink in it.
fn slowly(time: u64) -> u64 {
    time * 3_600_000 / REQUESTS as u64
}

#[test]
fn by_frequency_a_scan_pushes_nothing_out_that_is_used() {
    let (clean, polluted) = (workload(3), polluted(3));
    for (size, lru, lfu) in
        [(500, Policy::AllKeysLru, Policy::AllKeysLfu), (2000, Policy::VolatileLru, Policy::VolatileLfu)]
    {
        // Half of the polluted requests can't hit.
        let hits = |policy| (ours(&clean, size, policy, slowly), 2.0 * ours(&polluted, size, policy, slowly));
        let (by_time, by_use) = (hits(lru), hits(lfu));
        println!("{size} of {KEYS} keys, {} {by_time:.3?}, {} {by_use:.3?}", lru.name(), lfu.name());
        assert!(by_use.0 > by_time.0 && by_use.1 > by_time.1 + 0.02, "{size}: {by_time:?}, {by_use:?}");
    }
}

/// Fills a store with keys of which the first expires first, evicts half of them, and says which are left.
fn left_of(policy: Policy, keys: u64) -> Vec<u64> {
    let (store, counters) = (Store::new(), Counters::default());
    let mut evictor = Evictor { random: fastrand::Rng::with_seed(4), ..Evictor::default() };
    let on_key = |i: u64, run: &mut dyn FnMut(&mut View<'_>, &crate::store::Key<'_>) -> bool| {
        let name = format!("key:{i}");
        let key = store.key(name.as_bytes());
        run(&mut View::lock(&store, &counters, 0, 0, true, &[key]), &key)
    };
    for i in 0..keys {
        on_key(i, &mut |view, key| {
            view.set_bytes(key, b"v", Some(1_000_000 + i * 1000));
            true
        });
    }
    for _ in 0..keys / 2 {
        assert!(evictor.evict_one(&store, policy, 0));
    }
    (0..keys).filter(|&i| on_key(i, &mut |view, key| view.peek(key).is_some())).collect()
}

#[test]
fn by_lifetime_the_soonest_go() {
    for keys in [100, 20_000] {
        let left = left_of(Policy::VolatileTtl, keys);
        let late = left.iter().filter(|&&i| i >= keys / 2).count() as f64 / left.len() as f64;
        let soonest = left.iter().filter(|&&i| i < keys / 8).count() as f64 / left.len() as f64;
        println!(
            "{keys} keys: {late} of those that are left are of the later half, {soonest} of the first eighth"
        );
        // Of a hundred keys most groups have none, and a sample is a few of them.
        let (least, most) = if keys == 100 { (0.8, 0.1) } else { (0.97, 0.001) };
        assert!(late > least && soonest < most, "{keys}: {late}, {soonest}");
    }
}

#[test]
fn at_random_any_go() {
    for policy in [Policy::AllKeysRandom, Policy::VolatileRandom] {
        let left = left_of(policy, 4000);
        for quarter in 0..4 {
            let count = left.iter().filter(|&&i| i / 1000 == quarter).count();
            assert!((420..580).contains(&count), "{}: {count} of quarter {quarter}", policy.name());
        }
    }
}
