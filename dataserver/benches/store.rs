//! The store alone, in process: `make bench-store`. One operation is hashing the key, locking its group, and the change.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ringtail_dataserver::counters::Counters;
use ringtail_dataserver::store::view::View;
use ringtail_dataserver::store::{Key, Store};
use ringtail_dataserver::value::fields::{self, Fields};
use ringtail_dataserver::value::list::{End, Limit, List};
use std::hint::black_box;

const VALUE: [u8; 64] = [b'v'; 64];

/// Runs `change` on the view of one key.
fn with<T>(
    store: &Store,
    counters: &Counters,
    key: &[u8],
    change: impl FnOnce(&mut View<'_>, &Key<'_>) -> T,
) -> T {
    let key = store.key(key);
    let mut view = View::lock(store, counters, 1, 0, true, std::slice::from_ref(&key));
    change(&mut view, &key)
}

fn strings(c: &mut Criterion) {
    for count in [1_000_u64, 100_000, 1_000_000] {
        let (store, counters) = (Store::new(), Counters::default());
        let keys: Vec<String> = (0..count).map(|i| format!("key:{i:08}")).collect();
        for key in &keys {
            with(&store, &counters, key.as_bytes(), |view, key| view.set_bytes(key, &VALUE, None));
        }
        let mut random = fastrand::Rng::with_seed(7);
        let mut group = c.benchmark_group(format!("{count} keys"));
        group.throughput(Throughput::Elements(1));
        group.bench_function("GET", |b| {
            b.iter(|| {
                let key = keys[random.usize(..keys.len())].as_bytes();
                with(&store, &counters, key, |view, key| {
                    black_box(view.read_bytes(key).ok().flatten().map(<[u8]>::len))
                })
            })
        });
        group.bench_function("SET", |b| {
            b.iter(|| {
                let key = keys[random.usize(..keys.len())].as_bytes();
                with(&store, &counters, key, |view, key| view.set_bytes(key, black_box(&VALUE), None));
            })
        });
        group.finish();
    }
}

/// Lists of up to 1,000 elements under 1,000 keys, `list-max-listpack-size` -2.
fn lists(c: &mut Criterion) {
    let (store, counters, limit) = (Store::new(), Counters::default(), Limit::new(-2));
    let keys: Vec<String> = (0..1000).map(|i| format!("list:{i:08}")).collect();
    let mut random = fastrand::Rng::with_seed(7);
    let push = |key: &str| {
        with(&store, &counters, key.as_bytes(), |view, key| {
            let Ok(list) = view.object_or_insert::<List>(key, None) else { return };
            list.push(End::Head, black_box(&VALUE[..16]), limit);
            if list.len() > 1000 {
                list.drop_end(End::Tail, limit);
            }
        });
    };
    (0..500_000).for_each(|i| push(&keys[i % keys.len()]));
    let mut group = c.benchmark_group("1000 lists");
    group.bench_function("LPUSH", |b| b.iter(|| push(&keys[random.usize(..keys.len())])));
    let mut random = fastrand::Rng::with_seed(8);
    group.bench_function("LINDEX", |b| {
        b.iter(|| {
            let key = keys[random.usize(..keys.len())].as_bytes();
            with(&store, &counters, key, |view, key| {
                let list = view.read_as::<List>(key).ok().flatten();
                black_box(list.and_then(|list| list.get(0)).map(<[u8]>::len))
            })
        })
    });
    group.finish();
}

/// Hashes of ten fields under 1,000 keys.
fn hashes(c: &mut Criterion) {
    let (store, counters) = (Store::new(), Counters::default());
    let limit = fields::Limit { entries: 128, value: 64 };
    let keys: Vec<String> = (0..1000).map(|i| format!("hash:{i:08}")).collect();
    let names: Vec<String> = (0..10).map(|i| format!("field:{i}")).collect();
    let hasher = store.hasher();
    let set = |key: &str, field: &str| {
        with(&store, &counters, key.as_bytes(), |view, key| {
            let Ok(hash) = view.object_or_insert::<Fields>(key, None) else { return };
            hash.set(field.as_bytes(), black_box(&VALUE[..16]), hasher, limit);
        });
    };
    keys.iter().for_each(|key| names.iter().for_each(|name| set(key, name)));
    let mut random = fastrand::Rng::with_seed(7);
    let mut group = c.benchmark_group("1000 hashes");
    group.bench_function("HSET", |b| {
        b.iter(|| set(&keys[random.usize(..keys.len())], &names[random.usize(..10)]))
    });
    let mut random = fastrand::Rng::with_seed(8);
    group.bench_function("HGET", |b| {
        b.iter(|| {
            let (key, name) = (keys[random.usize(..keys.len())].as_bytes(), &names[random.usize(..10)]);
            with(&store, &counters, key, |view, key| {
                let hash = view.read_as::<Fields>(key).ok().flatten();
                black_box(hash.and_then(|hash| hash.get(name.as_bytes(), hasher)).map(<[u8]>::len))
            })
        })
    });
    group.finish();
}

criterion_group!(benches, strings, lists, hashes);
criterion_main!(benches);
