//! What is written is read.

use super::given::{Kept, file, footer, kept, meta, put, read};
use crate::{Begin, Block, Contents, Live, Reader, Sink, Value, Writer};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(all in prop::collection::vec(kept(), 0..20), per in 1..8_usize, compress: bool) {
        prop_assert_eq!(read(&file(&all, per, compress)), all);
    }
}

fn string(db: u32, key: &str, value: &str) -> Kept {
    (db, key.into(), None, Some(Value::String(value.into())))
}

#[test]
fn a_file_without_keys_is_one() {
    let empty = file(&[], 1, true);
    assert_eq!(read(&empty), []);
    let mut reader = Reader::open(&empty[..]).unwrap();
    assert_eq!(reader.meta(), &meta());
    assert!(reader.next().unwrap().is_none() && reader.counts().is_empty());
    assert_eq!((reader.footer(), reader.position()), (Some(&footer()), empty.len() as u64));
}

#[test]
fn what_follows_the_footer_is_left() {
    let mut stream = file(&[string(0, "k", "v")], 1, true);
    stream.extend_from_slice(b"the log");
    let mut reader = Reader::open(&stream[..]).unwrap();
    while reader.next().unwrap().is_some() {}
    assert_eq!(reader.into_inner(), b"the log");
}

#[test]
fn large_values_are_several_records() {
    let element = |n: u32| format!("{n:060}").into_bytes();
    let list = Value::List((0..1_000_000).map(element).collect());
    let hash = Value::Hash((0..300_000).map(|n| (element(n), element(n), Some(u64::from(n) + 1))).collect());
    let zset = Value::SortedSet((0..400_000).map(|n| (element(n), f64::from(n))).collect());
    let long = Value::String(vec![b'x'; 50 << 20]);
    let all: Vec<Kept> =
        [list, hash, zset, long].map(|value| (3, b"key".to_vec(), Some(9), Some(value))).into();
    let file = file(&all, 2, true);
    assert_eq!(read(&file), all);
    let mut reader = Reader::open(&file[..]).unwrap();
    let (mut parts, mut continued) = (0, 0);
    while let Some(sealed) = reader.next().unwrap() {
        assert!(sealed.raw() < 51 << 20, "no block is much longer than a part");
        parts += sealed.records();
        continued += u32::from(sealed.continues());
    }
    assert_eq!((parts, continued), (4 + 3 + 2 + 1, 3 + 2 + 1));
    let counts = reader.counts().iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>();
    assert_eq!(counts, ["string 1", "list 1", "hash 1", "zset 1"]);
}

#[test]
fn of_a_value_that_was_not_told_to_its_end_nothing_stays() {
    let mut block = Block::new(1);
    put(&mut block, &string(0, "a", "1"));
    let len = block.len();
    {
        let mut entry = block.entry(0, b"b", None);
        entry.begin(Begin::List).unwrap();
        for _ in 0..100 {
            entry.element(&[b'x'; 1 << 20]).unwrap();
        }
    }
    assert_eq!(block.len(), len);
    put(&mut block, &string(0, "c", "3"));
    let mut writer = Writer::new(Vec::new(), &meta()).unwrap();
    writer.block(&mut block).unwrap();
    assert!(block.is_empty());
    let file = writer.finish(&footer()).unwrap();
    assert_eq!(read(&file), [string(0, "a", "1"), string(0, "c", "3")]);
}

#[test]
fn the_last_record_of_a_key_counts() {
    let mut writer = Writer::new(Vec::new(), &meta()).unwrap();
    let (mut first, mut second) = (Block::new(1), Block::again(1));
    ["a", "b", "c", "d"].iter().for_each(|key| put(&mut first, &string(0, key, "old")));
    put(&mut second, &string(0, "a", "new"));
    put(&mut second, &(0, b"b".to_vec(), None, None));
    put(&mut second, &string(0, "b", "back"));
    put(&mut second, &(0, b"c".to_vec(), None, None));
    put(&mut second, &string(1, "d", "elsewhere"));
    writer.block(&mut first).unwrap();
    writer.block(&mut second).unwrap();
    let file = writer.finish(&footer()).unwrap();

    let mut live = Live::of(Reader::open(&file[..]).unwrap(), false).unwrap();
    let (mut reader, mut kept) = (Reader::open(&file[..]).unwrap(), Vec::new());
    while let Some(sealed) = reader.next().unwrap() {
        let opened = sealed.open().unwrap();
        for (at, record) in opened.records().enumerate() {
            let record = record.unwrap();
            if live.keeps(&record, opened.number(), at)
                && let Contents::String(value) = record.contents
            {
                kept.push(format!("{} {} {}", record.db, record.key.escape_ascii(), value.escape_ascii()));
            }
        }
    }
    assert_eq!(kept, ["0 d old", "0 a new", "0 b back", "1 d elsewhere"]);
}

#[test]
fn libraries_are_kept() {
    let mut writer = Writer::new(Vec::new(), &meta()).unwrap();
    let mut block = Block::new(0);
    block.library(b"#!lua name=l\n");
    writer.block(&mut block).unwrap();
    let file = writer.finish(&footer()).unwrap();
    let mut reader = Reader::open(&file[..]).unwrap();
    let opened = reader.next().unwrap().unwrap().open().unwrap();
    let codes: Vec<_> = opened
        .records()
        .map(|record| match record.unwrap().contents {
            Contents::Library(code) => code.to_vec(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(codes, [b"#!lua name=l\n"]);
}
