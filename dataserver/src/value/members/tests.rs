use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashSet};

#[derive(Debug, Clone)]
enum Op {
    Add(Vec<u8>),
    Remove(Vec<u8>),
    Take(usize),
}

/// Integers of each width and near their bounds, strings that look like integers, and some about as long as where a
/// length's form changes.
fn member() -> impl Strategy<Value = Vec<u8>> {
    let near = |n: i64| (-2i64..3).prop_map(move |d| n.saturating_add(d).to_string().into_bytes());
    prop_oneof![
        6 => (-20i64..20).prop_map(|n| n.to_string().into_bytes()),
        1 => near(i16::MAX.into()),
        1 => near(i32::MIN.into()),
        1 => near(i64::MAX),
        1 => near(i64::MIN),
    ]
}

fn string() -> impl Strategy<Value = Vec<u8>> {
    let long = (prop_oneof![63usize..66, 253usize..258], 0u8..2).prop_map(|(n, b)| vec![b; n]);
    prop_oneof![
        4 => (0u8..40).prop_map(|n| format!("m{n}").into_bytes()),
        1 => prop_oneof![Just("007"), Just("-0"), Just("+1"), Just(" 1"), Just("")].prop_map(Vec::from),
        1 => long,
    ]
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    // Sets of integers alone, and mixed ones.
    let member = prop_oneof![Just(1u32), Just(20)]
        .prop_flat_map(|ints| prop_oneof![ints => member(), 1 => string()].boxed());
    let op = prop_oneof![
        6 => member.clone().prop_map(Op::Add),
        2 => member.prop_map(Op::Remove),
        1 => (0usize..4).prop_map(Op::Take),
    ];
    proptest::collection::vec(op, 0..200)
}

fn all(set: &Members) -> Vec<Vec<u8>> {
    set.iter().map(|item| item.bytes(&mut itoa::Buffer::new()).to_vec()).collect()
}

fn check(set: &Members, model: &BTreeSet<Vec<u8>>) {
    assert_eq!(set.len(), model.len());
    let mut all = all(set);
    all.sort();
    assert!(all.iter().eq(model.iter()), "{all:?} for {model:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn behaves_like_a_set(
        ops in ops(),
        ints in prop_oneof![Just(512usize), 0usize..10],
        entries in prop_oneof![Just(128usize), 0usize..20],
        value in prop_oneof![Just(64usize), Just(1 << 20), Just(0)],
    ) {
        let (hasher, limit) = (Hasher::default(), Limit { ints, entries, value });
        let (mut set, mut model) = (Members::default(), BTreeSet::new());
        let mut random = fastrand::Rng::with_seed(1);
        for op in ops {
            match op {
                Op::Add(m) => {
                    prop_assert_eq!(set.add(&m, hasher, limit), model.insert(m.clone()));
                    prop_assert!(set.contains(&m, hasher));
                }
                Op::Remove(m) => {
                    prop_assert_eq!(set.remove(&m, hasher), model.remove(&m));
                    prop_assert!(!set.contains(&m, hasher));
                }
                Op::Take(n) => {
                    let count = n.min(set.len());
                    let mut taken = Vec::new();
                    let rest = set.take_random(count, hasher, &mut random, |item| {
                        taken.push(item.bytes(&mut itoa::Buffer::new()).to_vec());
                    });
                    drop(rest);
                    prop_assert_eq!(taken.len(), count);
                    prop_assert!(taken.iter().all(|m| model.remove(m)));
                }
            }
            check(&set, &model);
            match set.encoding() {
                "intset" => prop_assert!(set.len() <= ints),
                "listpack" => prop_assert!(set.len() <= entries && model.iter().all(|m| m.len() <= value)),
                _ => {}
            }
        }
        for m in &model {
            prop_assert!(set.contains(m, hasher) && set.has(Item::Bytes(m), hasher));
            if let Some(n) = parse_i64(m) {
                prop_assert!(set.has(Item::Int(n), hasher));
            }
        }
        check(&set.clone(), &model);
        prop_assert_eq!(set.random(&mut random).is_some(), !model.is_empty());
    }
}

const LIMIT: Limit = Limit { ints: 512, entries: 128, value: 64 };

fn filled(prefix: &str, n: usize) -> Members {
    let mut set = Members::default();
    for i in 0..n {
        set.add(format!("{prefix}{i}").as_bytes(), Hasher::default(), LIMIT);
    }
    set
}

#[test]
fn forms_change_where_redis_changes_them() {
    let hasher = Hasher::default();
    for (set, then, encoding) in [
        (filled("", 512), "5", "intset"),
        (filled("", 512), "600", "hashtable"),
        (filled("", 512), "x", "hashtable"),
        (filled("", 127), "x", "listpack"),
        (filled("", 128), "x", "hashtable"),
        (filled("m", 127), "x", "listpack"),
        (filled("m", 128), "m1", "listpack"),
        (filled("m", 128), "x", "hashtable"),
        (filled("", 0), "x", "listpack"),
        (filled("", 0), &"x".repeat(65), "hashtable"),
        (filled("m", 3), &"1".repeat(65), "hashtable"),
    ] {
        let (mut set, len) = (set, 0);
        set.add(then.as_bytes(), hasher, LIMIT);
        assert_eq!(set.encoding(), encoding, "{len} and {then}");
    }
    for (start, first, more, encoding) in [
        (0, "1", 512, "intset"),
        (0, "1", 513, "hashtable"),
        (0, "x", 128, "listpack"),
        (0, "x", 129, "hashtable"),
        (5, "x", 512, "intset"),
        (5, "x", 513, "hashtable"),
    ] {
        let mut set = filled("", start);
        set.expect(first.as_bytes(), more, hasher, LIMIT);
        assert_eq!(set.encoding(), encoding, "{start} and {more} from {first} on");
    }
}

#[test]
fn a_scan_sees_what_stays_while_the_set_shrinks_and_grows() {
    for start in [10, 128, 129, 6000] {
        let (mut set, mut seen, mut cursor, mut next) = (filled("m", start), HashSet::new(), 0, start);
        // Every other one goes meanwhile.
        let mut going = (0..start).filter(|i| i % 2 == 1);
        loop {
            cursor = set.scan(cursor, 10, |item| {
                seen.insert(item.bytes(&mut itoa::Buffer::new()).to_vec());
            });
            if cursor == 0 {
                break;
            }
            for i in going.by_ref().take(100) {
                assert!(set.remove(format!("m{i}").as_bytes(), Hasher::default()));
            }
            for _ in 0..if next < 10_000 { 50 } else { 0 } {
                set.add(format!("m{next}").as_bytes(), Hasher::default(), LIMIT);
                next += 1;
            }
        }
        assert!((0..start).step_by(2).all(|i| seen.contains(format!("m{i}").as_bytes())), "{start}");
    }
    assert_eq!(filled("m", 1000).scan(65_536, 10, |_| unreachable!()), 0);
}

/// How unlikely the counts are if all were equally likely: chi squared over its expectation.
fn unevenness(counts: &BTreeMap<Vec<u8>, usize>, expected: f64) -> f64 {
    let sum: f64 = counts.values().map(|&n| (n as f64 - expected).powi(2) / expected).sum();
    sum / counts.len() as f64
}

#[test]
fn each_member_is_as_likely() {
    // The last is of parts of two sizes, with gaps where members were.
    for (prefix, n, removed) in
        [("", 20, 0), ("m", 20, 0), ("m", 500, 0), ("m", 7000, 0), ("m", 12_000, 9000)]
    {
        let (mut set, mut random) = (filled(prefix, n), fastrand::Rng::with_seed(7));
        for i in 0..removed {
            set.remove(format!("{prefix}{i}").as_bytes(), Hasher::default());
        }
        let left = n - removed;
        let mut found = BTreeMap::<Vec<u8>, usize>::new();
        for _ in 0..left * 100 {
            let item = set.random(&mut random).unwrap();
            *found.entry(item.bytes(&mut itoa::Buffer::new()).to_vec()).or_default() += 1;
        }
        assert_eq!(found.len(), left);
        let unevenness = unevenness(&found, 100.0);
        // For twenty values chi squared varies by a third.
        let most = if left < 100 { 2.2 } else { 1.25 };
        assert!(unevenness < most, "{n} of {prefix}: {unevenness}");
    }
}

#[test]
fn what_is_taken_is_as_likely() {
    let (mut random, mut found) = (fastrand::Rng::with_seed(3), BTreeMap::<Vec<u8>, usize>::new());
    for prefix in ["", "m"] {
        for _ in 0..3000 {
            let mut set = filled(prefix, 10);
            let rest = set.take_random(3, Hasher::default(), &mut random, |item| {
                *found.entry(item.bytes(&mut itoa::Buffer::new()).to_vec()).or_default() += 1;
            });
            assert!(rest.is_none());
            assert_eq!(set.len(), 7);
        }
    }
    assert!(found.values().all(|n| (800..1000).contains(n)), "{found:?}");
}

#[test]
fn taking_all_of_a_large_set_is_quick_and_gives_its_memory_back() {
    let (mut set, mut random) = (filled("m", 50_000), fastrand::Rng::with_seed(3));
    let full = set.size_estimate();
    let mut seen = HashSet::new();
    let rest = set.take_random(49_990, Hasher::default(), &mut random, |item| {
        assert!(seen.insert(item.bytes(&mut itoa::Buffer::new()).to_vec()));
    });
    assert_eq!(rest.map(|rest| rest.len()), Some(50_000), "it is given back whole, to be freed elsewhere");
    assert_eq!((seen.len(), set.len()), (49_990, 10));
    assert!(set.size_estimate() < full / 100);
}

#[test]
fn sets_are_small() {
    let ints = filled("", 100);
    assert!(ints.size_estimate() <= 256, "{}", ints.size_estimate());
    let strings = filled("member", 100);
    assert!(strings.size_estimate() < 100 * 9 * 5 / 4, "{}", strings.size_estimate());
    let table = filled("element:0", 100_000);
    assert!(table.size_estimate() < 100_000 * 30, "{}", table.size_estimate());
}
