//! Values to be written, and files with them.

use crate::sink::{Counts, Id, PendingEntry};
use crate::value::{Collected, Consumer, Group, Stream, Value};
use crate::{Block, Contents, Footer, Meta, Reader, Writer};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A database, a key, when it expires, its value: nothing for one that is gone.
pub(crate) type Kept = (u32, Vec<u8>, Option<u64>, Option<Value>);

pub(crate) fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[a-c]{0,3}".prop_map(String::into_bytes),
        any::<i64>().prop_map(|n| n.to_string().into_bytes()),
        prop::collection::vec(any::<u8>(), 0..100),
        (0..2_000_usize).prop_map(|n| vec![b'x'; n]),
    ]
}

fn different() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::btree_set(bytes(), 1..20).prop_map(|all| all.into_iter().collect())
}

fn id() -> impl Strategy<Value = Id> {
    (any::<u64>(), 0..5_u64).prop_map(|(ms, seq)| Id::new(ms, seq))
}

fn stream() -> impl Strategy<Value = Stream> {
    let pairs = prop::collection::vec(bytes(), 1..3).prop_map(|fields| [fields.clone(), fields].concat());
    let entries = prop::collection::btree_map(1..1_000_000_u64, pairs, 0..120);
    let consumer = (bytes(), any::<i64>(), -1..i64::MAX);
    let consumers = prop::collection::vec(consumer, 0..4);
    let groups = prop::collection::btree_map(bytes(), (id(), -1..1000_i64, consumers), 0..3);
    (entries, groups, 0..1000_u64).prop_map(|(entries, groups, gone)| {
        let entries: Vec<_> = entries.into_iter().map(|(ms, parts)| (Id::new(ms, ms % 7), parts)).collect();
        let last = entries.last().map_or(Id::new(5, 5), |(id, _)| *id);
        let added = entries.len() as u64 + gone;
        let groups =
            groups.into_iter().map(|(name, (last, read, consumers))| group(name, last, read, consumers));
        let counts = Counts { last, max_deleted: Id::new(gone, 0), added };
        Stream { entries, counts, groups: groups.collect() }
    })
}

fn group(name: Vec<u8>, last: Id, read: i64, consumers: Vec<(Vec<u8>, i64, i64)>) -> Group {
    let named: BTreeMap<Vec<u8>, (i64, i64)> =
        consumers.into_iter().map(|(name, seen, active)| (name, (seen, active))).collect();
    let consumers = named.into_iter().zip(0..).map(|((name, (seen, active)), nth)| {
        let entry = |at: u64| PendingEntry { id: Id::new(3 * at, nth), time: 77, count: at as i64 };
        Consumer { name, seen, active, pending: (0..nth * 2).map(entry).collect() }
    });
    Group { name, last, read: Some(read).filter(|&read| read >= 0), consumers: consumers.collect() }
}

pub(crate) fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => bytes().prop_map(Value::String),
        1 => prop::collection::vec(bytes(), 1..40).prop_map(Value::List),
        1 => different().prop_map(Value::Set),
        1 => (different(), bytes(), prop::option::of(1..1_u64 << 46), any::<bool>()).prop_map(
            |(fields, value, at, some)| {
                let at = |nth: usize| at.filter(|_| some || nth.is_multiple_of(2)).map(|at| at + nth as u64);
                let fields = fields.into_iter().enumerate();
                Value::Hash(fields.map(|(nth, field)| (field, value.clone(), at(nth))).collect())
            }
        ),
        1 => (different(), -1e9..1e9_f64).prop_map(|(members, score)| {
            let scored = members.into_iter().enumerate();
            Value::SortedSet(scored.map(|(nth, member)| (member, score + nth as f64)).collect())
        }),
        1 => stream().prop_map(|stream| Value::Stream(Box::new(stream))),
    ]
}

pub(crate) fn kept() -> impl Strategy<Value = Kept> {
    (0..16_u32, bytes(), prop::option::of(1..i64::MAX as u64), value())
        .prop_map(|(db, key, expiry, value)| (db, key, expiry, Some(value)))
}

pub(crate) fn put(block: &mut Block, (db, key, expiry, value): &Kept) {
    match value {
        None => block.gone(*db, key),
        Some(value) => value.tell(&mut block.entry(*db, key, *expiry)).unwrap(),
    }
}

pub(crate) fn footer() -> Footer {
    Footer { time: 1_700_000_000_500, history: b"0123456789abcdef".to_vec(), offset: 123_456, led: false }
}

pub(crate) fn meta() -> Meta {
    Meta { time: 1_700_000_000_000, program: "ringtail 0.1.0".into() }
}

/// A file with these, so many to a block.
pub(crate) fn file(all: &[Kept], per_block: usize, compress: bool) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), &meta()).unwrap().compress(compress);
    for (slot, some) in all.chunks(per_block.max(1)).enumerate() {
        let mut block = Block::new(slot as u16);
        some.iter().for_each(|kept| put(&mut block, kept));
        writer.block(&mut block).unwrap();
    }
    writer.finish(&footer()).unwrap()
}

/// All that a file has, in its order.
pub(crate) fn read(file: &[u8]) -> Vec<Kept> {
    let mut reader = Reader::open(file).unwrap();
    let (mut all, mut value) = (Vec::new(), Collected::default());
    while let Some(sealed) = reader.next().unwrap() {
        let opened = sealed.open().unwrap();
        for record in opened.records() {
            let record = record.unwrap();
            if let Contents::Gone = record.contents {
                all.push((record.db, record.key.to_vec(), None, None));
                continue;
            }
            record.tell(&mut value).unwrap();
            if !record.more {
                all.push((record.db, record.key.to_vec(), record.expiry, Some(value.take().unwrap())));
            }
        }
    }
    assert_eq!(reader.footer(), Some(&footer()));
    all
}
