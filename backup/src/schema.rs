//! Which records there are and what they have, by name. Each file begins with its writer's schema; a reader finds in it what it
//! knows, and knows how long everything else is.

use crate::number::{put, put_bytes, take, take_array, take_bytes, take_exact};
use crate::{Corrupt, Read};

/// How a column is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A number.
    Uint,
    /// A number that may be negative.
    Int,
    /// Bytes behind their length.
    Bytes,
    /// Eight bytes.
    Double,
    /// Rows of columns, behind their bytes and their count.
    Rows,
    /// Of a later version: bytes behind their length, whatever they mean.
    Unknown,
}

/// A column as it is known here.
pub(crate) struct Column {
    name: &'static str,
    kind: Kind,
    nested: &'static [Column],
}

/// A type of records as it is known here.
pub(crate) struct Type {
    /// What stands before each record.
    pub(crate) id: u8,
    pub(crate) name: &'static str,
    columns: &'static [Column],
}

const fn column(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, nested: &[] }
}

const fn rows(name: &'static str, nested: &'static [Column]) -> Column {
    Column { name, kind: Kind::Rows, nested }
}

use Kind::{Bytes, Double, Int, Uint};

const DB: Column = column("db", Uint);
const KEY: Column = column("key", Bytes);
/// Milliseconds since 1970; 0 = never.
const EXPIRES: Column = column("expires", Uint);
/// See [`part`].
const PART: Column = column("part", Uint);

/// The bits of a value's column `part`: values of many bytes are written as several records, one right after another.
pub(crate) mod part {
    /// The elements are added to those of the record before.
    pub(crate) const CONTINUES: u64 = 1;
    /// The next record continues this one.
    pub(crate) const MORE: u64 = 2;
}

pub(crate) mod id {
    pub(crate) const STRING: u8 = 1;
    pub(crate) const LIST: u8 = 2;
    pub(crate) const SET: u8 = 3;
    pub(crate) const HASH: u8 = 4;
    pub(crate) const SORTED_SET: u8 = 5;
    pub(crate) const STREAM: u8 = 6;
    pub(crate) const GONE: u8 = 7;
    pub(crate) const LIBRARY: u8 = 8;
    pub(crate) const META: u8 = 16;
    pub(crate) const FOOTER: u8 = 17;
}

/// Types of which a footer counts records: their ids are below this.
pub(crate) const COUNTED: usize = 9;

const PENDING: &[Column] =
    &[column("ms", Uint), column("seq", Uint), column("time", Int), column("count", Int)];
const CONSUMERS: &[Column] =
    &[column("name", Bytes), column("seen", Int), column("active", Int), rows("pending", PENDING)];
const GROUPS: &[Column] = &[
    column("name", Bytes),
    column("last_ms", Uint),
    column("last_seq", Uint),
    // -1 = it is not known.
    column("read", Int),
    rows("consumers", CONSUMERS),
];
const ENTRIES: &[Column] =
    &[column("ms", Uint), column("seq", Uint), rows("parts", &[column("bytes", Bytes)])];
const STREAM: &[Column] = &[
    DB,
    KEY,
    EXPIRES,
    PART,
    rows("entries", ENTRIES),
    column("last_ms", Uint),
    column("last_seq", Uint),
    column("deleted_ms", Uint),
    column("deleted_seq", Uint),
    column("added", Uint),
    rows("groups", GROUPS),
];
const FIELDS: &[Column] = &[column("field", Bytes), column("value", Bytes), EXPIRES];
const MEMBERS: &[Column] = &[column("member", Bytes), column("score", Double)];
const ELEMENTS: &[Column] = &[column("bytes", Bytes)];

/// All that is written here.
pub(crate) const TYPES: [Type; 10] = [
    Type { id: id::STRING, name: "string", columns: &[DB, KEY, EXPIRES, column("value", Bytes)] },
    Type { id: id::LIST, name: "list", columns: &[DB, KEY, EXPIRES, PART, rows("elements", ELEMENTS)] },
    Type { id: id::SET, name: "set", columns: &[DB, KEY, EXPIRES, PART, rows("members", ELEMENTS)] },
    Type {
        id: id::HASH,
        name: "hash",
        columns: &[DB, KEY, EXPIRES, PART, column("first_expires", Uint), rows("fields", FIELDS)],
    },
    Type { id: id::SORTED_SET, name: "zset", columns: &[DB, KEY, EXPIRES, PART, rows("members", MEMBERS)] },
    Type { id: id::STREAM, name: "stream", columns: STREAM },
    Type { id: id::GONE, name: "gone", columns: &[DB, KEY] },
    Type { id: id::LIBRARY, name: "library", columns: &[column("code", Bytes)] },
    Type { id: id::META, name: "meta", columns: &[column("time", Uint), column("program", Bytes)] },
    Type {
        id: id::FOOTER,
        name: "footer",
        columns: &[
            column("time", Uint),
            column("history", Bytes),
            column("offset", Uint),
            column("blocks", Uint),
            column("records", Uint),
            column("bytes", Uint),
            rows("counts", &[column("type", Bytes), column("records", Uint)]),
            column("led", Uint),
        ],
    },
];

/// The name of a type of records.
pub(crate) fn name(id: u8) -> &'static str {
    TYPES.iter().find(|known| known.id == id).map_or("unknown", |known| known.name)
}

impl Kind {
    fn number(self) -> u8 {
        match self {
            Self::Uint => 1,
            Self::Int => 2,
            Self::Bytes => 3,
            Self::Double => 4,
            Self::Rows => 5,
            Self::Unknown => 6,
        }
    }

    fn of(number: u8) -> Self {
        [Self::Uint, Self::Int, Self::Bytes, Self::Double, Self::Rows]
            .into_iter()
            .find(|kind| kind.number() == number)
            .unwrap_or(Self::Unknown)
    }
}

/// Appends the schema.
pub(crate) fn write(out: &mut Vec<u8>) {
    put(out, TYPES.len() as u64);
    for known in &TYPES {
        out.push(known.id);
        put_bytes(out, known.name.as_bytes());
        write_columns(known.columns, out);
    }
}

fn write_columns(columns: &[Column], out: &mut Vec<u8>) {
    put(out, columns.len() as u64);
    for column in columns {
        put_bytes(out, column.name.as_bytes());
        out.push(column.kind.number());
        if column.kind == Kind::Rows {
            write_columns(column.nested, out);
        }
    }
}

/// How one column of a file is read.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) kind: Kind,
    /// Which of the columns known here it is.
    pub(crate) column: Option<usize>,
    pub(crate) nested: Vec<Step>,
}

/// A file's schema, as a reader goes by it: the steps of each type that is known, by id.
#[derive(Debug)]
pub(crate) struct Schema {
    steps: [Option<(u8, Vec<Step>)>; 256],
}

/// How deep rows may be in rows.
const DEEPEST: usize = 8;

impl Schema {
    /// The schema of a file.
    pub(crate) fn read(mut bytes: &[u8]) -> Read<Self> {
        let mut schema = Self { steps: [const { None }; 256] };
        for _ in 0..count(&mut bytes)? {
            let [id] = take_array(&mut bytes)?;
            let name = take_bytes(&mut bytes)?;
            let known = TYPES.iter().find(|known| known.name.as_bytes() == name);
            let steps = read_columns(&mut bytes, known.map_or(&[][..], |known| known.columns), DEEPEST)?;
            schema.steps[usize::from(id)] = known.map(|known| (known.id, steps));
        }
        if bytes.is_empty() { Ok(schema) } else { Err(Corrupt) }
    }

    /// What a file's type is here, and how its records are read; nothing for a type that is unknown.
    #[inline]
    pub(crate) fn steps(&self, id: u8) -> Option<(u8, &[Step])> {
        self.steps[usize::from(id)].as_ref().map(|(id, steps)| (*id, &steps[..]))
    }
}

/// How many items follow, each of which takes a byte at least.
fn count(bytes: &mut &[u8]) -> Read<usize> {
    let count = usize::try_from(take(bytes)?).map_err(|_| Corrupt)?;
    if count <= bytes.len() { Ok(count) } else { Err(Corrupt) }
}

fn read_columns(bytes: &mut &[u8], known: &'static [Column], deeper: usize) -> Read<Vec<Step>> {
    let deeper = deeper.checked_sub(1).ok_or(Corrupt)?;
    let mut steps = Vec::new();
    for _ in 0..count(bytes)? {
        let name = take_bytes(bytes)?;
        let kind = Kind::of(take_array::<1>(bytes)?[0]);
        let column = known.iter().position(|column| column.name.as_bytes() == name);
        let nested = match kind {
            Kind::Rows => read_columns(bytes, column.map_or(&[], |at| known[at].nested), deeper)?,
            _ => Vec::new(),
        };
        // What has our name and is something else is not what we know.
        let column = column.filter(|&at| known[at].kind == kind);
        steps.push(Step { kind, column, nested });
    }
    Ok(steps)
}

/// Skips what a column holds.
pub(crate) fn skip(kind: Kind, bytes: &mut &[u8]) -> Read<()> {
    match kind {
        Uint | Int => drop(take(bytes)?),
        Double => drop(take_array::<8>(bytes)?),
        Bytes | Kind::Unknown => drop(take_bytes(bytes)?),
        Kind::Rows => {
            let len = u32::from_le_bytes(take_array(bytes)?);
            take_exact(bytes, len as usize)?;
        }
    }
    Ok(())
}
