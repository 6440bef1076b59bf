//! Files of a version that does not exist yet: with types, columns, kinds of columns and kinds of blocks that nobody knows here.

use super::given::{footer, meta, put, read};
use crate::format::{Header, kind, preamble};
use crate::number::{put as put_number, put_bytes};
use crate::{Block, Reader, Value, Writer};

/// A block as a later version may write it.
fn block(kind: u8, number: u32, records: u32, body: &[u8]) -> Vec<u8> {
    let len = body.len() as u32;
    let crc = crc32fast::hash(body);
    let header = Header { kind, flags: 0, slot: 0, stored: len, raw: len, records, number, crc };
    [&header.to_bytes()[..], body].concat()
}

/// A type of records: its columns are names and kinds, and what is in their rows.
fn put_type(out: &mut Vec<u8>, id: u8, name: &str, columns: &[u8]) {
    out.push(id);
    put_bytes(out, name.as_bytes());
    out.extend_from_slice(columns);
}

fn columns(all: &[(&str, u8, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    put_number(&mut out, all.len() as u64);
    for (name, kind, nested) in all {
        put_bytes(&mut out, name.as_bytes());
        out.push(*kind);
        out.extend_from_slice(nested);
    }
    out
}

fn record(id: u8, columns: &[u8]) -> Vec<u8> {
    [&[id][..], &(columns.len() as u32).to_le_bytes(), columns].concat()
}

fn rows(count: u32, rows: &[u8]) -> Vec<u8> {
    [&(rows.len() as u32 + 4).to_le_bytes()[..], &count.to_le_bytes(), rows].concat()
}

#[test]
fn a_later_file_is_read() {
    let mut schema = vec![5];
    // Other numbers for the types, another order of the columns, columns that nobody knows, of kinds that nobody knows.
    put_type(
        &mut schema,
        40,
        "string",
        &columns(&[
            ("weight", 4, b""),
            ("value", 3, b""),
            ("shade", 99, b""),
            ("key", 3, b""),
            ("db", 1, b""),
        ]),
    );
    let element = columns(&[("age", 2, b""), ("bytes", 3, b"")]);
    let colours = columns(&[("red", 1, b"")]);
    put_type(
        &mut schema,
        41,
        "list",
        &columns(&[("colours", 5, &colours), ("key", 3, b""), ("elements", 5, &element)]),
    );
    put_type(&mut schema, 42, "vector", &columns(&[("anything", 77, b"")]));
    put_type(&mut schema, 43, "meta", &columns(&[("program", 3, b""), ("time", 1, b"")]));
    put_type(
        &mut schema,
        44,
        "footer",
        &columns(&[("offset", 1, b""), ("records", 1, b""), ("time", 1, b""), ("history", 3, b"")]),
    );

    let string = [&1.5_f64.to_le_bytes()[..], b"\x05value", b"\x03xyz", b"\x03key", b"\x02"].concat();
    let list = [&rows(2, b"\x07\x08")[..], b"\x04list", &rows(2, b"\x01\x01a\x03\x02bc")].concat();
    let records = [record(40, &string), record(42, b"whatever"), record(41, &list)].concat();
    let mut time = Vec::new();
    put_number(&mut time, meta().time);
    let program = [&[14][..], b"ringtail 0.1.0", &time].concat();
    let mut end = Vec::new();
    put_number(&mut end, footer().offset);
    end.push(3);
    put_number(&mut end, footer().time);
    put_bytes(&mut end, &footer().history);

    let file = [
        preamble().to_vec(),
        block(kind::SCHEMA, 0, 0, &schema),
        block(kind::META, 1, 1, &record(43, &program)),
        block(77, 2, 5, b"of a kind that nobody knows"),
        block(kind::RECORDS, 3, 3, &records),
        block(kind::FOOTER, 4, 1, &record(44, &end)),
    ]
    .concat();
    assert_eq!(Reader::open(&file[..]).unwrap().meta(), &meta());
    let list = Value::List(vec![b"a".to_vec(), b"bc".to_vec()]);
    let string = Value::String(b"value".to_vec());
    let want = [(2, b"key".to_vec(), None, Some(string)), (0, b"list".to_vec(), None, Some(list))];
    assert_eq!(read(&file), want);
}

#[test]
fn what_has_a_known_name_and_another_kind_is_left_out() {
    let mut schema = vec![1];
    put_type(&mut schema, 1, "meta", &columns(&[("time", 3, b""), ("program", 1, b"")]));
    let file = [
        preamble().to_vec(),
        block(kind::SCHEMA, 0, 0, &schema),
        block(kind::META, 1, 1, &record(1, b"\x02ab\x07")),
    ]
    .concat();
    let reader = Reader::open(&file[..]).unwrap();
    assert_eq!((reader.meta().time, &reader.meta().program[..]), (0, ""));
}

#[test]
fn hostile_schemas_are_refused() {
    let deep = (0..100).fold(columns(&[("a", 1, b"")]), |nested, _| columns(&[("a", 5, &nested)]));
    let mut nested = vec![1];
    put_type(&mut nested, 1, "meta", &deep);
    for schema in [&nested[..], b"\xff\xff\xff\xff\x0f", b"\x01\x01", b"", b"\x00\x00"] {
        let file = [preamble().to_vec(), block(kind::SCHEMA, 0, 0, schema)].concat();
        let said = Reader::open(&file[..]).map(|_| ()).unwrap_err().to_string();
        assert!(said.contains("block 0"), "{said}");
    }
}

#[test]
fn what_is_written_today_is_known_by_its_bytes() {
    // A change of the format that makes this fail needs a new version, or must be one that this version's readers skip.
    let mut writer = Writer::new(Vec::new(), &meta()).unwrap().compress(false);
    let mut block = Block::new(7);
    put(&mut block, &(2, b"k".to_vec(), Some(300), Some(Value::String(b"v".to_vec()))));
    put(&mut block, &(0, b"l".to_vec(), None, Some(Value::List(vec![b"ab".to_vec()]))));
    let body =
        b"\x01\x07\0\0\0\x02\x01k\xac\x02\x01v\x02\x10\0\0\0\0\x01l\0\0\x07\0\0\0\x01\0\0\0\x02ab".to_vec();
    writer.block(&mut block).unwrap();
    let file = writer.finish(&footer()).unwrap();
    assert!(file.windows(body.len()).any(|window| window == body), "{}", file.escape_ascii());
}
