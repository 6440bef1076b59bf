//! Damage is found, said and gone around.

use super::given::{Kept, file, footer, kept};
use crate::{Collected, Contents, Error, Fault, Reader, Value, exercise};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// A small file with every type.
fn small(compress: bool) -> Vec<u8> {
    let mut runner = TestRunner::deterministic();
    let mut all: Vec<Kept> = Vec::new();
    let types = ["string", "list", "set", "hash", "zset", "stream"];
    while all.len() < types.len() {
        let kept = kept().new_tree(&mut runner).unwrap().current();
        let wanted = types[all.len()];
        let fits = kept.3.as_ref().is_some_and(|value| value.type_name() == wanted);
        if fits && file(std::slice::from_ref(&kept), 1, false).len() < 1500 {
            all.push(kept);
        }
    }
    all.push((1, b"gone".to_vec(), None, None));
    file(&all, 3, compress)
}

/// Whether a file is read to its end without an error, and with the footer that was written.
fn is_good(file: &[u8]) -> bool {
    let Ok(mut reader) = Reader::open(file) else { return false };
    loop {
        match reader.next() {
            Ok(None) => return reader.footer() == Some(&footer()),
            Ok(Some(sealed)) => {
                let Ok(opened) = sealed.open() else { return false };
                let mut value = Collected::default();
                for record in opened.records() {
                    let Ok(record) = record else { return false };
                    if !matches!(record.contents, Contents::Gone) && record.tell(&mut value).is_err() {
                        return false;
                    }
                    value.take();
                }
            }
            Err(_) => return false,
        }
    }
}

/// The records of these, as they stand in a block.
fn raw(all: &[Kept]) -> Vec<u8> {
    let file = file(all, all.len(), false);
    let starts = blocks(&file);
    file[starts[0] + 32..starts[1]].to_vec()
}

#[test]
fn every_flipped_bit_is_found() {
    for compress in [false, true] {
        let good = small(compress);
        assert!(is_good(&good));
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            // What is kept free behind the version has no meaning yet.
            let free = (8..16).contains(&(bit / 8));
            assert!(!is_good(&bad) || free, "bit {bit}");
            exercise::backup(&bad);
        }
    }
}

#[test]
fn every_cut_is_found() {
    let good = small(true);
    for len in 0..good.len() {
        assert!(!is_good(&good[..len]), "{len}");
        exercise::backup(&good[..len]);
    }
}

fn numbered(count: u32) -> Vec<Kept> {
    let value = |n: u32| Some(Value::String(format!("{n:0100}").into_bytes()));
    (0..count).map(|n| (0, format!("key:{n}").into_bytes(), None, value(n))).collect()
}

/// The keys that can be read, and what is said about the others.
fn recovered(file: &[u8]) -> (Vec<String>, Vec<String>) {
    let mut reader = Reader::open(file).unwrap();
    let (mut keys, mut said) = (Vec::new(), Vec::new());
    loop {
        match reader.next() {
            Ok(None) => return (keys, said),
            Ok(Some(sealed)) => match sealed.open() {
                Ok(opened) => keys
                    .extend(opened.records().flatten().map(|record| record.key.escape_ascii().to_string())),
                Err(damage) => said.push(damage.to_string()),
            },
            Err(Error::Damaged(damage)) => {
                let skipped = reader.skip_damaged().unwrap();
                said.push(format!("{damage}; {skipped} bytes"));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Where the blocks of records begin.
fn blocks(file: &[u8]) -> Vec<usize> {
    let mut reader = Reader::open(file).unwrap();
    let mut starts = vec![reader.position() as usize];
    while reader.next().unwrap().is_some() {
        starts.push(reader.position() as usize);
    }
    starts
}

#[test]
fn the_rest_of_a_damaged_file_is_read() {
    let good = file(&numbered(10), 2, false);
    let starts = blocks(&good);
    let all = recovered(&good);
    assert_eq!((all.0.len(), all.1.len()), (10, 0));

    let mut body = good.clone();
    body[starts[1] + 40] ^= 1;
    let (keys, said) = recovered(&body);
    assert_eq!((keys.len(), said.len()), (8, 1));
    let want = format!("block 3 at byte {}: its checksum is not that of its bytes (2 records)", starts[1]);
    assert_eq!(said[0], want);

    let mut header = good.clone();
    header[starts[1] + 20] ^= 1;
    let (keys, said) = recovered(&header);
    assert_eq!((keys.len(), said.len()), (8, 2), "{said:?}");
    let lost = starts[2] - starts[1];
    assert_eq!(said[0], format!("block 3 at byte {}: there is no block's header; {lost} bytes", starts[1]));
    assert!(said[1].contains("1 blocks before it are missing"), "{said:?}");

    let (keys, said) = recovered(&good[..starts[3] + 10]);
    assert_eq!((keys.len(), said.len()), (6, 1), "{said:?}");
    assert!(said[0].contains("cut off"), "{said:?}");

    let without = [&good[..starts[1]], &good[starts[2]..]].concat();
    assert_eq!(
        recovered(&without).1,
        [format!("block 3 at byte {}: 1 blocks before it are missing; 0 bytes", starts[1])]
    );
}

#[test]
fn claims_are_not_believed() {
    let good = file(&numbered(3), 3, true);
    let start = blocks(&good)[0];
    let mut claims = good[..start + 32].to_vec();
    // As much as there can be, in either length.
    for at in [8, 12] {
        claims[start + at..start + at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    }
    let crc = crc32fast::hash(&claims[start..start + 28]).to_le_bytes();
    claims[start + 28..start + 32].copy_from_slice(&crc);
    let mut reader = Reader::open(&claims[..]).unwrap();
    let said = reader.next().unwrap_err();
    assert!(matches!(&said, Error::Damaged(damage) if damage.fault == Fault::Cut), "{said}");
    assert_eq!(reader.next().unwrap().map(|_| ()), None);
}

#[test]
fn other_files_are_told_apart() {
    assert!(matches!(Reader::open(&b"REDIS0010\xff"[..]), Err(Error::NoBackup)));
    assert!(matches!(Reader::open(&b""[..]), Err(Error::NoBackup)));
    let mut later = file(&[], 1, false);
    later[8] = 9;
    let said = Reader::open(&later[..]).map(|_| ()).unwrap_err().to_string();
    assert_eq!(said, "it is of version 9, and version 1 is the newest known here");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_safe(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        exercise::backup(&bytes);
        exercise::records(&bytes);
    }

    #[test]
    fn harmed_records_do_no_harm(
        all in prop::collection::vec(kept(), 1..4),
        harms in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut raw = raw(&all);
        prop_assert_eq!(exercise::records(&raw), all.len());
        for (at, byte) in harms {
            let at = at.index(raw.len());
            raw[at] = byte;
        }
        if let Some(cut) = cut {
            raw.truncate(cut.index(raw.len()));
        }
        exercise::records(&raw);
    }
}
