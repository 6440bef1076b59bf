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
const AT_ONCE: usize = 20;

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

/// Ours, with keys that expire at random far times for `volatile-lru`.
fn ours(requests: &[usize], size: usize, policy: Policy) -> f64 {
    let (store, counters) = (Store::new(), Counters::default());
    let mut evictor = Evictor { random: fastrand::Rng::with_seed(1), ..Evictor::default() };
    let (mut random, mut len) = (fastrand::Rng::with_seed(2), 0);
    share_of_hits(requests, |time, key| {
        let (name, now) = (format!("key:{key}"), (time / AT_ONCE) as u64);
        let key = store.key(name.as_bytes());
        let mut view = View::lock(&store, &counters, now, 0, true, &[key]);
        let hit = view.read(&key).is_some();
        if !hit {
            // Most live about as long as each other, some a thousand times longer.
            let life = if random.u8(..) < 8 { 3_600_000_000 } else { 3_600_000 };
            let expiry = (policy == Policy::VolatileLru).then(|| now + life + random.u64(..life));
            view.set_bytes(&key, b"value", expiry);
            len += 1;
        }
        drop(view);
        if len > size {
            assert!(evictor.evict_one(&store, policy, now as u32));
            len -= 1;
        }
        hit
    })
}

#[test]
fn hits_are_within_a_hundredth_of_an_exact_lru() {
    let requests = workload(3);
    for size in [200, 1000, 5000, 12_000] {
        let exact = exact(&requests, size);
        for policy in [Policy::AllKeysLru, Policy::VolatileLru] {
            let ours = ours(&requests, size, policy);
            println!("{size} of {KEYS} keys, {}: exact {exact:.4}, ours {ours:.4}", policy.name());
            assert!((ours - exact).abs() < 0.01, "{size} keys, {}: {ours:.4} for {exact:.4}", policy.name());
        }
    }
}

#[test]
fn the_only_key_goes_though_it_was_used_since_it_was_seen() {
    let mut client = crate::command::testing::Harness::new();
    assert_eq!(client.run("SET k v"), "OK");
    let (server, mut evictor) = (std::sync::Arc::clone(&client.server), Evictor::default());
    for group in 0..GROUPS {
        evictor.sample(&server.store, Policy::AllKeysLru, group, 5, client.now as u32);
    }
    client.advance(1000);
    assert_eq!(client.run("GET k"), "'v'");
    assert!(evictor.evict_one(&server.store, Policy::AllKeysLru, client.now as u32));
    assert_eq!(client.run("DBSIZE"), "0");
}
