//! The store alone, in process: `make bench-store`. One operation is hashing the key, locking its group, and the change.
#![expect(missing_docs, reason = "a bench is a program")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ringtail_dataserver::counters::Counters;
use ringtail_dataserver::store::Store;
use ringtail_dataserver::store::view::View;
use std::hint::black_box;

const VALUE: [u8; 64] = [b'v'; 64];

/// Runs `change` on the view of one key.
fn with<T>(store: &Store, counters: &Counters, key: &[u8], change: impl FnOnce(&mut View<'_>, &ringtail_dataserver::store::Key<'_>) -> T) -> T {
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
                with(&store, &counters, key, |view, key| black_box(view.read_bytes(key).ok().flatten().map(<[u8]>::len)))
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

criterion_group!(benches, strings);
criterion_main!(benches);
