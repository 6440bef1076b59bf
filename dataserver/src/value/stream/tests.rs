use super::block::Block;
use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

type Pairs = Vec<Vec<u8>>;

/// Entries as a plain tree has them, and where a block of ours begins for Redis's reasons is not its business.
type Model = BTreeMap<Id, Pairs>;

#[derive(Debug, Clone)]
enum Op {
    Push(u64, u64, Pairs),
    Remove(usize),
    RemoveMissing(u64),
    TrimTo(u64, bool, usize),
    TrimFrom(u64, bool),
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => any::<i64>().prop_map(|n| n.to_string().into_bytes()),
        4 => (-200i64..200).prop_map(|n| n.to_string().into_bytes()),
        4 => proptest::collection::vec(any::<u8>(), 0..12),
        1 => proptest::collection::vec(any::<u8>(), 60..300),
        2 => prop_oneof![Just("-0"), Just("007"), Just("9223372036854775808")].prop_map(|s| s.as_bytes().to_vec()),
    ]
}

/// Mostly the same fields, as streams have.
fn pairs() -> impl Strategy<Value = Pairs> {
    prop_oneof![
        3 => (piece(), piece()).prop_map(|(a, b)| vec![b"f".to_vec(), a, b"12".to_vec(), b]),
        1 => proptest::collection::vec((piece(), piece()), 1..5)
            .prop_map(|pairs| pairs.into_iter().flat_map(|(a, b)| [a, b]).collect()),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let step = prop_oneof![4 => 0u64..3, 1 => 0u64..1 << 40];
    let seq = prop_oneof![4 => 0u64..3, 1 => any::<u64>()];
    prop_oneof![
        20 => (step, seq, pairs()).prop_map(|(ms, seq, pairs)| Op::Push(ms, seq, pairs)),
        4 => any::<usize>().prop_map(Op::Remove),
        1 => any::<u64>().prop_map(Op::RemoveMissing),
        1 => (0u64..40, any::<bool>(), 0usize..20).prop_map(|(n, whole, most)| Op::TrimTo(n, whole, most)),
        1 => (any::<u64>(), any::<bool>()).prop_map(|(at, whole)| Op::TrimFrom(at, whole)),
    ]
}

fn nth(model: &Model, i: usize) -> Option<Id> {
    model.keys().nth(i % model.len().max(1)).copied()
}

fn apply(log: &mut Log, model: &mut Model, op: Op, limit: Limit) {
    match op {
        Op::Push(ms, seq, pairs) => {
            let Some(ms) = log.last.ms.checked_add(ms) else { return };
            let Some(id) = Some(Id::new(ms, seq)).filter(|&id| id > log.last).or_else(|| log.last.next())
            else {
                return;
            };
            log.push(id, pairs.iter().map(Vec::as_slice), limit);
            model.insert(id, pairs);
        }
        Op::Remove(i) => {
            let Some(id) = nth(model, i) else { return };
            assert!(log.remove(id));
            assert!(!log.remove(id));
            model.remove(&id);
        }
        Op::RemoveMissing(ms) => {
            let id = Id::new(ms, 77);
            assert_eq!(log.remove(id), model.remove(&id).is_some());
        }
        Op::TrimTo(n, whole, most) => {
            let before = model.len();
            let removed = log.trim(Keep::Newest(n), whole, if whole { most } else { 0 });
            let wanted = before.saturating_sub(n as usize);
            assert!(if whole { removed <= wanted } else { removed == wanted });
            assert!(!whole || most == 0 || removed <= most);
            (0..removed).for_each(|_| drop(model.pop_first()));
        }
        Op::TrimFrom(at, whole) => {
            let Some(id) = nth(model, at as usize / 7) else { return };
            let removed = log.trim(Keep::From(id), whole, 0);
            let wanted = model.range(..id).count();
            assert!(if whole { removed <= wanted } else { removed == wanted });
            (0..removed).for_each(|_| drop(model.pop_first()));
        }
    }
}

fn shown(entry: Entry<'_>) -> (Id, Pairs) {
    let pairs: Pairs = entry.pairs().flat_map(|(field, value)| [field.to_vec(), value.to_vec()]).collect();
    assert_eq!(pairs.len(), 2 * entry.len);
    (entry.id, pairs)
}

fn check(log: &Log, model: &Model) {
    assert_eq!(log.len(), model.len());
    assert_eq!(log.last_entry_id(), model.keys().next_back().copied());
    assert_eq!(log.first_id(), model.keys().next().copied().unwrap_or(Id::MIN));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn behaves_like_a_tree(
        ops in proptest::collection::vec(op(), 0..150),
        bytes in prop_oneof![Just(4096usize), Just(0), 40usize..400],
        entries in 0usize..12,
        ends in any::<(usize, usize)>(),
    ) {
        let (mut log, mut model, limit) = (Log::default(), Model::new(), Limit { bytes, entries });
        for op in ops {
            apply(&mut log, &mut model, op, limit);
            check(&log, &model);
        }
        let whole: Vec<_> = log.range(Id::MIN, Id::MAX).map(shown).collect();
        prop_assert!(whole.iter().map(|(id, pairs)| (id, pairs)).eq(model.iter()));
        for id in model.keys() {
            prop_assert_eq!(log.get(*id).map(shown), Some((*id, model[id].clone())));
            prop_assert_eq!(log.get(Id::new(id.ms, id.seq ^ 1)).is_some(), model.contains_key(&Id::new(id.ms, id.seq ^ 1)));
        }
        let (a, b) = (nth(&model, ends.0).unwrap_or(Id::MIN), nth(&model, ends.1).unwrap_or(Id::MAX));
        for (from, to) in [(a, b), (a.next().unwrap_or(a), b), (a, b.next().unwrap_or(b)), (b, a), (Id::MIN, a), (b, Id::MAX)] {
            let inside = |id: &Id| *id >= from && *id <= to;
            let wanted: Vec<Id> = model.keys().copied().filter(inside).collect();
            prop_assert_eq!(log.range(from, to).map(|entry| entry.id).collect::<Vec<_>>(), wanted.clone());
            let back: Vec<Id> = log.range_back(from, to).map(|entry| entry.id).collect();
            prop_assert!(back.into_iter().eq(wanted.into_iter().rev()));
        }
        let copy = log.clone();
        prop_assert!(copy.range(Id::MIN, Id::MAX).map(shown).eq(whole));
    }

    #[test]
    fn a_group_knows_whose_each_entry_is(ops in proptest::collection::vec((0u8..5, 0u64..40, 0u8..4), 0..200)) {
        let (mut group, mut model) = (Group::new(Id::MIN, None), BTreeMap::new());
        let mut names = BTreeSet::new();
        for (op, seq, name) in ops {
            let (id, name) = (Id::new(1, seq), [b'a' + name]);
            match op {
                0 | 1 => {
                    let number = group.find(&name).unwrap_or_else(|| group.add(&name, 5));
                    group.give(id, Pending { time: 7, count: 1, consumer: number });
                    names.insert(name);
                    model.insert(id, name);
                }
                2 => prop_assert_eq!(group.acknowledge(id), model.remove(&id).is_some()),
                3 => {
                    let had = model.values().filter(|own| **own == name).count();
                    model.retain(|_, own| *own != name);
                    prop_assert_eq!(group.remove(&name), names.remove(&name).then_some(had));
                }
                _ => {}
            }
            prop_assert_eq!(group.pending_len(), model.len());
            prop_assert!(group.consumers().map(|consumer| &consumer.name[..]).eq(names.iter().map(|name| &name[..])));
            for consumer in group.consumers() {
                let own = model.iter().filter(|(_, name)| name[..] == *consumer.name).map(|(id, _)| *id);
                prop_assert!(consumer.ids_from(Id::MIN).eq(own));
            }
        }
    }
}

#[test]
fn blocks_end_where_redis_ends_them() {
    let limit = |bytes, entries| Limit { bytes, entries };
    let blocks = |limit, value: &[u8], n: u64| {
        let mut log = Log::default();
        for i in 1..=n {
            log.push(Id::new(i, 0), [&b"field"[..], value].into_iter(), limit);
        }
        log.blocks()
    };
    assert_eq!(blocks(limit(4096, 100), b"v", 1000), 10);
    assert_eq!(blocks(limit(4096, 0), b"v", 1000), blocks(limit(4096, 1000), b"v", 1000));
    assert_eq!(blocks(limit(0, 0), b"v", 1000), 1);
    assert_eq!(blocks(limit(1, 0), b"v", 10), 10);
}

#[test]
fn deleted_entries_count_until_their_block_is_full() {
    let (mut log, limit) = (Log::default(), Limit { bytes: 0, entries: 4 });
    for i in 1..=4 {
        log.push(Id::new(i, 0), [&b"f"[..], b"v"].into_iter(), limit);
    }
    assert!(log.remove(Id::new(2, 0)) && log.remove(Id::new(3, 0)));
    log.push(Id::new(5, 0), [&b"f"[..], b"v"].into_iter(), limit);
    assert_eq!((log.len(), log.blocks()), (3, 2));
}

#[test]
fn long_streams_have_little_beside_their_values() {
    let (mut log, limit) = (Log::default(), Limit { bytes: 4096, entries: 100 });
    for i in 0..100_000u64 {
        let (user, value) = (format!("user-{i:08}"), format!("{}", 1_000_000 + i));
        let pairs = [&b"user"[..], user.as_bytes(), b"amount", value.as_bytes(), b"currency", b"EUR"];
        log.push(Id::new(1_700_000_000_000 + i * 3, 0), pairs.into_iter(), limit);
    }
    // 13 and 3 bytes of text, each with its length, 4 of a number, 6 of sizes, id and form: 28, in blocks that the
    // allocator rounds up. Redis takes 34 before rounding.
    let size = log.size_estimate();
    assert!(size < 100_000 * 32, "{size}");
}

#[test]
fn a_block_takes_entries_of_any_size() {
    let value = vec![b'x'; 70_000];
    let id = |n| Id::new(n, 0);
    let pairs = || [&b"f"[..], &value[..]].into_iter();
    let mut block = Block::new(pairs());
    block.push(id(1), id(1), pairs());
    block.push(id(1), id(2), pairs());
    block.push(id(1), id(3), [&b"other"[..], b"v"].into_iter());
    let ids = |block: &Block| block.walk(id(1)).map(|entry| entry.id.ms).collect::<Vec<_>>();
    assert_eq!(ids(&block), [1, 2, 3]);
    assert!(block.walk(id(1)).rev().map(|entry| entry.id.ms).eq([3, 2, 1]));
    assert!(block.remove(id(1), id(1)) && block.remove(id(1), id(2)) && !block.remove(id(1), id(9)));
    assert_eq!(ids(&block), [3]);
    assert!(block.size() < 100, "{}", block.size());
}
