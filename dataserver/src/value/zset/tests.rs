use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, HashSet};

#[derive(Debug, Clone)]
enum Op {
    Set(f64, Vec<u8>),
    Remove(Vec<u8>),
    RemoveRanks(usize, usize),
    /// Many in order, to fill nodes.
    Fill(u16, f64, bool),
}

/// Few members, so that they are set again and found; some long, with the same beginning.
fn member() -> impl Strategy<Value = Vec<u8>> {
    let long =
        (prop_oneof![Just(64usize), 253usize..256, Just(3000), Just(9000)], 0u8..3).prop_map(|(n, b)| {
            let mut member = vec![b'x'; n];
            member.push(b);
            member
        });
    prop_oneof![12 => (0u16..300).prop_map(|n| n.to_string().into_bytes()), 1 => Just(Vec::new()), 1 => long]
}

fn score() -> impl Strategy<Value = f64> {
    let odd = prop_oneof![
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(0.0),
        Just(-1.0),
        Just(240.0),
        Just(-32769.0),
        Just(1_700_000_000_000.0),
        Just(-1_700_000_000_001.0),
        Just(1e300),
        Just(0.5),
    ];
    prop_oneof![3 => (0i32..5).prop_map(f64::from), 2 => -1e6f64..1e6, 1 => odd]
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        30 => (score(), member()).prop_map(|(s, m)| Op::Set(s, m)),
        10 => member().prop_map(Op::Remove),
        2 => (any::<usize>(), 0usize..200).prop_map(|(a, n)| Op::RemoveRanks(a, n)),
        3 => (0u16..400, score(), any::<bool>()).prop_map(|(n, s, b)| Op::Fill(n, s, b)),
    ];
    proptest::collection::vec(op, 0..if cfg!(miri) { 10 } else { 120 })
}

type Model = BTreeMap<Vec<u8>, f64>;

fn sorted(model: &Model) -> Vec<(f64, Vec<u8>)> {
    let mut all: Vec<_> = model.iter().map(|(m, &s)| (s, m.clone())).collect();
    all.sort_by(|a, b| a.partial_cmp(b).unwrap());
    all
}

fn apply(set: &mut SortedSet, model: &mut Model, op: Op, limit: Limit) {
    let hasher = Hasher::default();
    match op {
        Op::Set(score, member) => {
            let change = set.update(&member, hasher, limit, |_| Some(score));
            assert_eq!(change, (model.insert(member, score), Some(score)));
        }
        Op::Remove(member) => assert_eq!(set.remove(&member, hasher), model.remove(&member).is_some()),
        Op::RemoveRanks(from, count) => {
            let from = from % (model.len() + 1);
            let to = (from + count).min(model.len());
            for (_, member) in &sorted(model)[from..to] {
                model.remove(member);
            }
            drop(set.remove_ranks(from..to, hasher));
        }
        Op::Fill(count, score, down) => {
            for i in 0..count {
                let n = if down { 1000 - i } else { i };
                let member = format!("fill{n:04}").into_bytes();
                set.update(&member, hasher, limit, |_| Some(score));
                model.insert(member, score);
            }
        }
    }
}

fn check(set: &SortedSet, model: &Model) {
    if let SortedSet::Large(large) = set {
        large.tree.check();
    }
    let (want, len, hasher) = (sorted(model), set.len(), Hasher::default());
    assert_eq!(len, want.len());
    let (mut all, mut back) = (Vec::new(), Vec::new());
    set.each(0..len, false, |(score, member)| all.push((score, member.to_vec())));
    set.each(0..len, true, |(score, member)| back.push((score, member.to_vec())));
    assert_eq!(all, want);
    back.reverse();
    assert_eq!(back, want);
    for (rank, (score, member)) in want.iter().enumerate() {
        assert_eq!(set.score(member, hasher), Some(*score));
        assert_eq!(set.rank(member, hasher), Some((rank, *score)));
        assert_eq!(set.at(rank), Some((*score, &member[..])));
        for included in [false, true] {
            let below = want.iter().filter(|(s, _)| s < score || (included && s == score)).count();
            assert_eq!(set.below_score(*score, included), below);
        }
    }
    assert_eq!(set.score(b"not there", hasher), None);
    let mut seen = HashSet::new();
    assert_eq!(set.scan(0, usize::MAX, hasher, |key| assert!(seen.insert(key.1.to_vec()))), 0);
    assert_eq!(seen.len(), len);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 150 }, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn behaves_like_a_sorted_map(
        ops in ops(),
        entries in prop_oneof![1 => Just(128usize), 3 => 0usize..20],
    ) {
        let limit = Limit { entries, value: 1 << 20 };
        let (mut set, mut model) = (SortedSet::default(), Model::new());
        for (i, op) in ops.into_iter().enumerate() {
            apply(&mut set, &mut model, op, limit);
            if i % 16 == 0 {
                check(&set, &model);
            }
            if let SortedSet::Small(small) = &set {
                prop_assert!(small.len() <= entries);
            }
        }
        check(&set, &model);
        check(&set.clone(), &model);
        while set.len() > 3 {
            apply(&mut set, &mut model, Op::RemoveRanks(1, 100), limit);
        }
        check(&set, &model);
    }

    #[test]
    fn members_of_one_score_are_counted_by_themselves(
        members in proptest::collection::btree_set(member(), 0..300),
        bounds in proptest::collection::vec(member(), 1..20),
        entries in prop_oneof![Just(0usize), Just(1000)],
    ) {
        let limit = Limit { entries, value: 1 << 20 };
        let set = SortedSet::of(members.iter().map(|m| (1.0, &m[..])), Hasher::default(), limit);
        for bound in &bounds {
            for included in [false, true] {
                let below = members.iter().filter(|&m| m < bound || (included && m == bound)).count();
                prop_assert_eq!(set.below_member(bound, included), below);
            }
        }
    }
}

const LIMIT: Limit = Limit { entries: 128, value: 64 };

fn filled(n: u32, seed: u64) -> SortedSet {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut set = SortedSet::default();
    for i in 0..n {
        set.update(format!("member:{i:06}").as_bytes(), Hasher::default(), LIMIT, |_| Some(random.f64()));
    }
    set
}

#[test]
fn a_scan_sees_what_stays_while_the_set_grows_and_shrinks() {
    let hasher = Hasher::default();
    for start in [10, 129, 3000, 5000] {
        let (mut set, mut seen, mut cursor, mut next) = (filled(start, 1), HashSet::new(), 0, start);
        loop {
            cursor = set.scan(cursor, 10, hasher, |(_, member)| {
                seen.insert(member.to_vec());
            });
            if cursor == 0 {
                break;
            }
            for _ in 0..if next < 20_000 { 100 } else { 0 } {
                let score = Some(f64::from(next % 7));
                set.update(format!("member:{next:06}").as_bytes(), hasher, LIMIT, |_| score);
                next += 1;
            }
            if next == 20_000 {
                for i in start + 2000..next {
                    set.remove(format!("member:{i:06}").as_bytes(), hasher);
                }
            }
        }
        assert!((0..start).all(|i| seen.contains(format!("member:{i:06}").as_bytes())), "{start}");
    }
    let mut rounds = 0;
    let (set, mut cursor) = (filled(10_000, 2), 0);
    loop {
        cursor = set.scan(cursor, 10, hasher, drop);
        rounds += 1;
        if cursor == 0 {
            break;
        }
    }
    assert!((500..1500).contains(&rounds), "{rounds}");
    for cursor in [1, u64::MAX, 1 << 32, u64::MAX << 32, 77 << 40] {
        set.scan(cursor, usize::MAX, hasher, drop);
    }
}

#[test]
fn memory_is_what_members_take_and_little_more() {
    let random = filled(100_000, 3);
    let each = random.size_estimate() / 100_000;
    assert!((30..60).contains(&each), "{each} bytes for a member of 13");
    let in_order = SortedSet::of(
        (0..100_000)
            .map(|i| (f64::from(i), format!("member:{i:06}").into_bytes()))
            .collect::<Vec<_>>()
            .iter()
            .map(|(s, m)| (*s, &m[..])),
        Hasher::default(),
        LIMIT,
    );
    assert!(in_order.size_estimate() < random.size_estimate() * 9 / 10);
    let small = SortedSet::of(
        [(1.0, &b"one"[..]), (2.0, b"two"), (3.0, b"three"), (4.0, b"four"), (5.5, b"five")].into_iter(),
        Hasher::default(),
        LIMIT,
    );
    assert_eq!(small.size_estimate(), 48);
}

/// What is taken away in one go leaves a tree that all else can go on with, whichever part of it went.
#[test]
fn large_parts_are_taken_away_at_once() {
    let (hasher, limit) = (Hasher::default(), Limit { entries: 8, value: 64 });
    let count = if cfg!(miri) { 400 } else { 20_000 };
    for (from, to) in
        [(0, count / 2), (count / 3, count / 2), (0, count * 3 / 4), (count / 50, count - 1), (5, count)]
    {
        let (mut set, mut model) = (SortedSet::default(), Model::new());
        for i in 0..count {
            let (member, score) =
                (format!("member{:05}", i * 7919 % count).into_bytes(), f64::from(i as u32 / 100));
            set.update(&member, hasher, limit, |_| Some(score));
            model.insert(member, score);
        }
        for (_, member) in &sorted(&model)[from..to] {
            model.remove(member);
        }
        let given_back = set.remove_ranks(from..to, hasher).expect("it is large");
        assert!(given_back.parts() > (to - from) / run::MOST, "whole leaves are freed off the path");
        let SortedSet::Large(large) = &set else { panic!("it stays large") };
        large.tree.check();
        for i in 0..count / 10 {
            let member = format!("member{:05}", i * 7).into_bytes();
            match i % 3 {
                0 => assert_eq!(set.remove(&member, hasher), model.remove(&member).is_some()),
                _ => {
                    set.update(&member, hasher, limit, |_| Some(f64::from(i as u32)));
                    model.insert(member, f64::from(i as u32));
                }
            }
        }
        let want = sorted(&model);
        let mut all = Vec::new();
        set.each(0..set.len(), false, |(score, member)| all.push((score, member.to_vec())));
        assert!(all == want, "{from}..{to}");
        assert!(want.iter().step_by(7).all(|(score, member)| set.score(member, hasher) == Some(*score)));
    }
}
