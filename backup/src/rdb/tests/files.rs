//! Whole files without a server.

use super::super::{FileError, FileItem, FileReader, FileWriter, WriteError, crc64, kind};
use crate::tests::given::{Kept, kept};
use crate::{Collected, Value, exercise};
use proptest::prelude::*;

pub(super) const LIBRARY: &[u8] = b"#!lua name=l\nredis.register_function('f', function() return 1 end)";

pub(super) fn written(all: &[Kept], version: u16) -> Result<Vec<u8>, WriteError> {
    let mut writer = FileWriter::new(Vec::new(), version, "0.1.0")?;
    writer.library(LIBRARY)?;
    for (db, key, expiry, value) in all {
        if let Some(value) = value {
            writer.entry(*db, key, *expiry, |saver| value.tell(saver))?;
        }
    }
    Ok(writer.finish()?)
}

/// All keys of a file, and its libraries.
pub(super) fn read(file: &[u8]) -> Result<(Vec<Kept>, Vec<Vec<u8>>), FileError> {
    let mut reader = FileReader::open(file)?;
    let (mut all, mut libraries) = (Vec::new(), Vec::new());
    loop {
        match reader.next()? {
            None => return Ok((all, libraries)),
            Some(FileItem::Library(code)) => libraries.push(code),
            Some(FileItem::Entry(entry)) => {
                let mut value = Collected::default();
                entry.tell(&mut value).map_err(|_| FileError::NoRdb)?;
                let value = value.take().unwrap();
                assert_eq!(entry.type_name(), value.type_name());
                all.push((entry.db, entry.key.to_vec(), entry.expiry, Some(value)));
            }
        }
    }
}

/// What is pending, in the order of the ids; and no time beyond those that Redis knows.
fn as_redis_has_it(mut kept: Kept) -> Kept {
    if let Some(Value::Stream(stream)) = &mut kept.3 {
        for group in &mut stream.groups {
            group
                .consumers
                .iter_mut()
                .for_each(|consumer| consumer.pending.sort_by_key(|pending| pending.id));
        }
    }
    kept
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(all in prop::collection::vec(kept(), 0..10)) {
        let all: Vec<_> = all.into_iter().map(as_redis_has_it).collect();
        let file = written(&all, 12).unwrap();
        let (again, libraries) = read(&file).unwrap();
        prop_assert_eq!(again, all);
        prop_assert_eq!(libraries, [LIBRARY]);
    }

    #[test]
    fn harmed_files_do_no_harm(
        all in prop::collection::vec(kept(), 1..4),
        harms in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut file = written(&all, 12).unwrap();
        for (at, byte) in harms {
            let at = at.index(file.len());
            file[at] = byte;
        }
        if let Some(cut) = cut {
            file.truncate(cut.index(file.len()));
        }
        exercise::rdb_file(&file[..]);
    }
}

#[test]
fn every_flipped_bit_and_every_cut_is_found() {
    let value = |text: &str| Some(Value::String(text.into()));
    let file = written(&[(0, b"k".to_vec(), Some(7), value("v")), (1, b"l".to_vec(), None, value("12"))], 10)
        .unwrap();
    assert!(read(&file).is_ok());
    for bit in 0..file.len() * 8 {
        let mut bad = file.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(read(&bad).is_err(), "bit {bit}");
    }
    for len in 0..file.len() {
        assert!(read(&file[..len]).is_err(), "{len}");
    }
}

#[test]
fn what_an_old_version_can_t_have_is_refused() {
    let timed = Value::Hash(vec![(b"f".to_vec(), b"v".to_vec(), Some(5))]);
    let all = [(0, b"k".to_vec(), None, Some(timed))];
    assert!(matches!(written(&all, 11), Err(WriteError::Refused)));
    assert_eq!(read(&written(&all, 12).unwrap()).unwrap().0, all);
}

/// A file of these pieces, with its checksum.
fn made(pieces: &[&[u8]]) -> Vec<u8> {
    let mut file = pieces.concat();
    file.push(255);
    let crc = crc64::of(&file);
    file.extend_from_slice(&crc.to_le_bytes());
    file
}

#[test]
fn all_that_files_have_beside_keys_is_passed_over() {
    let file = made(&[
        b"REDIS0012",
        b"\xfa\x09redis-ver\x057.4.0",
        // What modules keep: a number, when, then a string and a double.
        b"\xf7\x05\x02\x01\x05\x02ab\x04\0\0\0\0\0\0\0\0\x00",
        b"\xfe\x03\xfb\x02\x01",
        b"\xf4\x01\x02\x03",
        b"\xfd\x0a\0\0\0\xf8\x05\x00\x01a\x01b",
        b"\xfc\x0b\0\0\0\0\0\0\0\xf9\x07\x00\x01c\xc0\x05",
    ]);
    let mut reader = FileReader::open(&file[..]).unwrap();
    while reader.next().unwrap().is_some() {}
    assert_eq!(reader.aux(), [(b"redis-ver".to_vec(), b"7.4.0".to_vec())]);
    let value = |text: &str| Some(Value::String(text.into()));
    let want = [(3, b"a".to_vec(), Some(10_000), value("b")), (3, b"c".to_vec(), Some(11), value("5"))];
    assert_eq!(read(&file).unwrap().0, want);
}

#[test]
fn a_module_s_value_is_named_and_passed_over() {
    let name = b"ReJSON-RL".iter().fold(0_u64, |number, byte| {
        let all = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        number << 6 | all.iter().position(|c| c == byte).unwrap() as u64
    });
    let number = (name << 10 | 3).to_be_bytes();
    let file = made(&[
        b"REDIS0011",
        &[kind::MODULE_2],
        b"\x03doc\x81",
        &number,
        b"\x05\x02{}\x00",
        b"\x00\x01a\x01b",
    ]);
    let mut reader = FileReader::open(&file[..]).unwrap();
    let said = reader.next().map(|_| ()).unwrap_err().to_string();
    assert_eq!(said, "the key \"doc\" of database 0 is of the module type ReJSON-RL");
    assert!(matches!(reader.next(), Ok(Some(FileItem::Entry(entry))) if entry.key == b"a"));
    assert!(reader.next().unwrap().is_none());
}

#[test]
fn valkey_s_files_are_read() {
    let hash = b"\x16\x01h\x02\x01f\x01v\xff\xff\xff\xff\xff\xff\xff\xff\x01g\x01w\x07\0\0\0\0\0\0\0";
    let file = made(&[b"VALKEY080", hash]);
    let fields = vec![(b"f".to_vec(), b"v".to_vec(), None), (b"g".to_vec(), b"w".to_vec(), Some(7))];
    assert_eq!(read(&file).unwrap().0, [(0, b"h".to_vec(), None, Some(Value::Hash(fields)))]);
}

#[test]
fn other_files_are_told_apart() {
    let said = |file: &[u8]| FileReader::open(file).map(|_| ()).unwrap_err().to_string();
    assert!(said(b"RINGTAIL\x01\0").contains("no RDB file"));
    assert!(said(b"REDIS").contains("no RDB file"));
    assert!(said(b"REDIS0099").contains("version 99"));
    assert!(said(b"REDIS0005").contains("version 5"));
    let unchecked = [&b"REDIS0010"[..], b"\x00\x01a\x01b\xff", &[0; 8]].concat();
    assert_eq!(read(&unchecked).unwrap().0.len(), 1);
}
