use super::*;
use crate::value::packed::tests::{element, end, remove_equal};
use proptest::prelude::*;
use std::collections::VecDeque;

#[derive(Debug, Clone)]
enum Op {
    Push(End, Vec<u8>),
    Drop(End),
    Set(usize, Vec<u8>),
    Insert(usize, End, Vec<u8>),
    Remove(usize, usize, End),
    Trim(usize, usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => (end(), element()).prop_map(|(e, v)| Op::Push(e, v)),
        4 => end().prop_map(Op::Drop),
        3 => (any::<usize>(), element()).prop_map(|(i, v)| Op::Set(i, v)),
        4 => (any::<usize>(), end(), element()).prop_map(|(i, e, v)| Op::Insert(i, e, v)),
        1 => (any::<usize>(), 1usize..4, end()).prop_map(|(i, n, e)| Op::Remove(i, n, e)),
        1 => (any::<usize>(), any::<usize>()).prop_map(|(a, b)| Op::Trim(a, b)),
    ]
}

fn apply(list: &mut List, model: &mut VecDeque<Vec<u8>>, op: Op, limit: Limit) {
    let len = model.len();
    match op {
        Op::Push(end, v) => {
            list.push(end, &v, limit);
            if end == End::Head { model.push_front(v) } else { model.push_back(v) }
        }
        Op::Drop(end) => {
            list.drop_end(end, limit);
            drop(if end == End::Head { model.pop_front() } else { model.pop_back() });
        }
        Op::Set(i, v) if len > 0 => {
            assert!(list.set(i % len, &v, limit));
            model[i % len] = v;
        }
        Op::Insert(i, side, v) if len > 0 => {
            let pivot = model[i % len].clone();
            assert!(list.insert(&pivot, side, &v, limit));
            let at = model.iter().position(|e| *e == pivot).unwrap();
            model.insert(at + usize::from(side == End::Tail), v);
        }
        Op::Remove(i, n, end) if len > 0 => {
            let value = model[i % len].clone();
            assert_eq!(list.remove_equal(&value, n, end, limit), remove_equal(model, &value, n, end));
        }
        // Mostly keeps much, so that lists get long.
        Op::Trim(a, b) if len > 0 => {
            let (from, to) = (a % (len / 4 + 1), len - b % (len / 4 + 1));
            let cut = list.trim(from, to, limit).len();
            assert!(cut <= len - (to.max(from) - from));
            model.truncate(to);
            drop(model.drain(..from.min(to)));
        }
        _ => {}
    }
}

fn check(list: &List, model: &VecDeque<Vec<u8>>, limit: Limit) {
    if let List::Many(chunks) = list {
        chunks.check(limit);
    }
    assert_eq!(list.len(), model.len());
    assert!(list.iter().eq(model.iter().map(Vec::as_slice)));
    assert_eq!(list.peek(End::Head), model.front().map(Vec::as_slice));
    assert_eq!(list.peek(End::Tail), model.back().map(Vec::as_slice));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn behaves_like_a_deque(
        ops in proptest::collection::vec(op(), 0..250),
        limit in prop_oneof![Just(-1i64), 1i64..8, Just(0), Just(i64::MIN)],
        bytes in prop_oneof![Just(None), (20usize..600).prop_map(Some)],
    ) {
        let mut limit = Limit::new(limit);
        limit.bytes = bytes.unwrap_or(limit.bytes);
        let (mut list, mut model) = (List::default(), VecDeque::new());
        for op in ops {
            apply(&mut list, &mut model, op, limit);
            check(&list, &model, limit);
        }
        prop_assert!(list.iter().rev().eq(model.iter().rev().map(Vec::as_slice)));
        for i in 0..=model.len() {
            prop_assert_eq!(list.get(i), model.get(i).map(Vec::as_slice));
            prop_assert!(list.iter_from(i).eq(model.iter().skip(i).map(Vec::as_slice)));
        }
        check(&list.clone(), &model, limit);
    }
}

#[test]
fn limits_are_redis() {
    let sizes: Vec<usize> = [-1, -2, -3, -4, -5, -6, i64::MIN].map(|n| Limit::new(n).bytes).to_vec();
    assert_eq!(sizes, [4096, 8192, 16384, 32768, 65536, 65536, 65536]);
    assert_eq!(Limit::new(0), Limit { bytes: 8192, count: 1 });
    assert_eq!(Limit::new(128), Limit { bytes: 8192, count: 128 });
}

#[test]
fn changes_form_both_ways() {
    let limit = Limit::new(4);
    let mut list = List::default();
    let mut forms = Vec::new();
    for _ in 0..5 {
        list.push(End::Tail, b"x", limit);
        forms.push(list.encoding());
    }
    assert_eq!(forms, ["listpack", "listpack", "listpack", "listpack", "quicklist"]);
    let mut forms = Vec::new();
    for _ in 0..3 {
        list.drop_end(End::Tail, limit);
        forms.push(list.encoding());
    }
    assert_eq!(forms, ["quicklist", "quicklist", "listpack"]);
}

#[test]
fn inserting_at_one_place_fills_chunks() {
    let limit = Limit::new(-1);
    let mut list = List::default();
    for i in 0..2000 {
        list.push(End::Tail, format!("{i:020}").as_bytes(), limit);
    }
    for i in 2000..12_000 {
        assert!(list.insert(b"00000000000000001000", End::Tail, format!("{i:020}").as_bytes(), limit));
    }
    let (bytes, size) = (12_000 * 22, list.size());
    assert!(size < bytes * 2, "{size} for {bytes}");
}

#[test]
fn long_lists_have_little_beside_their_elements() {
    for end in [End::Head, End::Tail] {
        let (mut list, limit) = (List::default(), Limit::new(-2));
        for _ in 0..100_000 {
            list.push(end, b"0123456789", limit);
        }
        assert!(list.size() < 100_000 * 12 * 103 / 100, "{}", list.size());
        assert_eq!(list.get(50_000), Some(&b"0123456789"[..]));
    }
}
