use super::*;
use proptest::prelude::*;
use std::collections::VecDeque;

#[derive(Debug, Clone)]
enum Op {
    Push(End, Vec<u8>),
    Drop(End),
    Insert(usize, Vec<u8>),
    Replace(usize, Vec<u8>),
    RemoveRange(usize, usize),
    RemoveEqual(usize, usize, End),
    SplitAndJoin(usize),
    Fit,
}

pub(crate) fn end() -> impl Strategy<Value = End> {
    prop_oneof![Just(End::Head), Just(End::Tail)]
}

/// Few different elements of each length where something changes.
pub(crate) fn element() -> impl Strategy<Value = Vec<u8>> {
    let len = prop_oneof![8 => 0usize..4, 4 => 62usize..67, 2 => 198usize..260, 1 => Just(10_000usize)];
    (len, 0u8..3).prop_map(|(len, byte)| vec![[0, 254, 255][usize::from(byte)]; len])
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (end(), element()).prop_map(|(e, v)| Op::Push(e, v)),
        3 => end().prop_map(Op::Drop),
        2 => (any::<usize>(), element()).prop_map(|(i, v)| Op::Insert(i, v)),
        2 => (any::<usize>(), element()).prop_map(|(i, v)| Op::Replace(i, v)),
        1 => (any::<usize>(), any::<usize>()).prop_map(|(a, b)| Op::RemoveRange(a, b)),
        1 => (any::<usize>(), 1usize..4, end()).prop_map(|(i, n, e)| Op::RemoveEqual(i, n, e)),
        1 => any::<usize>().prop_map(Op::SplitAndJoin),
        1 => Just(Op::Fit),
    ]
}

fn apply(run: &mut Packed, model: &mut VecDeque<Vec<u8>>, op: Op) {
    let most = 512;
    let len = model.len();
    match op {
        Op::Push(end, v) => {
            run.push(end, &v, most);
            if end == End::Head { model.push_front(v) } else { model.push_back(v) }
        }
        Op::Drop(end) => {
            run.drop_end(end);
            drop(if end == End::Head { model.pop_front() } else { model.pop_back() });
        }
        Op::Insert(i, v) => {
            run.insert(i % (len + 1), &v, most);
            model.insert(i % (len + 1), v);
        }
        Op::Replace(i, v) if len > 0 => {
            run.replace(i % len, &v, most);
            model[i % len] = v;
        }
        Op::RemoveRange(a, b) => {
            let (a, b) = (a % (len + 1), b % (len + 1));
            run.remove_range(a.min(b), a.max(b));
            drop(model.drain(a.min(b)..a.max(b)));
        }
        Op::RemoveEqual(i, n, end) if len > 0 => {
            let value = model[i % len].clone();
            assert_eq!(run.remove_equal(&value, n, end), remove_equal(model, &value, n, end));
        }
        Op::SplitAndJoin(i) => {
            let tail = run.split_off(i % (len + 1));
            assert_eq!((run.count(), tail.count()), (i % (len + 1), len - i % (len + 1)));
            run.append(&tail, most);
        }
        Op::Fit => run.fit(),
        _ => {}
    }
}

pub(crate) fn remove_equal(model: &mut VecDeque<Vec<u8>>, value: &[u8], most: usize, end: End) -> usize {
    let mut at: Vec<usize> = (0..model.len()).filter(|&i| model[i] == value).collect();
    if end == End::Tail {
        at.reverse();
    }
    at.truncate(most);
    at.sort_unstable_by(|a, b| b.cmp(a));
    at.iter().for_each(|&i| drop(model.remove(i)));
    at.len()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn behaves_like_a_deque(ops in proptest::collection::vec(op(), 0..120)) {
        let (mut run, mut model) = (Packed::default(), VecDeque::new());
        for op in ops {
            apply(&mut run, &mut model, op);
            prop_assert_eq!(run.count(), model.len());
            prop_assert_eq!(run.bytes(), model.iter().map(|v| element_size(v.len())).sum::<usize>());
            prop_assert!(run.iter().eq(model.iter().map(Vec::as_slice)));
            prop_assert!(run.iter().rev().eq(model.iter().rev().map(Vec::as_slice)));
            prop_assert!(run.size() <= SMALL.max(5 * run.bytes()), "{} for {}", run.size(), run.bytes());
        }
        for i in 0..=model.len() {
            prop_assert_eq!(run.get(i), model.get(i).map(Vec::as_slice));
            prop_assert_eq!(run.iter_to(i).count(), i);
        }
        prop_assert!(run.clone().iter().eq(run.iter()));
    }
}

#[test]
fn a_small_run_stays_small_whichever_end_grows() {
    for ends in [[End::Head; 2], [End::Tail; 2], [End::Head, End::Tail]] {
        let mut run = Packed::default();
        for i in 0..40 {
            run.push(ends[i % 2], b"0123456789", 8185);
        }
        assert!(run.size() <= run.bytes() * 8 / 5, "{} for {}", run.size(), run.bytes());
    }
}
