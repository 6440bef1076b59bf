//! Records of a block that was read.

use crate::number::{take_array, take_exact};
use crate::rows::{Cell, Rows, row};
use crate::schema::{Schema, id, name, part};
use crate::sink::{Begin, ConsumerHead, Counts, GroupHead, Id, PendingEntry, Sink, Taken};
use crate::writer::{Footer, Meta};
use crate::{Corrupt, Read};
use std::borrow::Cow;

/// What is known of a key.
#[derive(Debug)]
pub struct Record<'b> {
    /// The number of its database.
    pub db: u32,
    /// The key; empty for a library.
    pub key: &'b [u8],
    /// When it expires, in milliseconds since 1970.
    pub expiry: Option<u64>,
    /// Its elements are added to those of the record before: that had [`more`](Self::more).
    pub continues: bool,
    /// The next record, which may be the first of the next block, has more elements of the same value.
    pub more: bool,
    /// Bytes of the record.
    pub size: usize,
    /// Its value, or what else is to be known.
    pub contents: Contents<'b>,
}

/// What a record says.
#[derive(Debug)]
pub enum Contents<'b> {
    /// The key's value is this string.
    String(&'b [u8]),
    /// The key's value is a collection.
    Collection(Collection<'b>),
    /// The key is not there, though an earlier record may have it.
    Gone,
    /// A library of functions.
    Library(&'b [u8]),
}

/// A collection, as it stands in the block.
#[derive(Debug)]
pub struct Collection<'b> {
    kind: u8,
    rows: Rows<'b>,
    /// A time before which none of a hash's fields expires.
    first: Option<u64>,
    counts: Counts,
    groups: Rows<'b>,
    more: bool,
}

fn time(cell: Cell<'_>) -> Option<u64> {
    Some(cell.uint()).filter(|&at| at > 0)
}

fn id(ms: Cell<'_>, seq: Cell<'_>) -> Id {
    Id::new(ms.uint(), seq.uint())
}

/// The next record whose type is known: what its type is here, and its columns.
pub(crate) fn next<'b>(bytes: &mut &'b [u8], schema: &'b Schema) -> Option<Read<Record<'b>>> {
    while !bytes.is_empty() {
        match columns(bytes, schema) {
            Ok(None) => {}
            Ok(Some((kind, mut columns, steps))) => return Some(record(kind, &mut columns, steps)),
            Err(corrupt) => return Some(Err(corrupt)),
        }
    }
    None
}

type Columns<'b> = (u8, &'b [u8], &'b [crate::schema::Step]);

fn columns<'b>(bytes: &mut &'b [u8], schema: &'b Schema) -> Read<Option<Columns<'b>>> {
    let [id] = take_array(bytes)?;
    let len = u32::from_le_bytes(take_array(bytes)?);
    let columns = take_exact(bytes, len as usize)?;
    Ok(schema.steps(id).map(|(id, steps)| (id, columns, steps)))
}

/// The columns of a record of one of our types, wherever it is among those of the block.
fn find<'b, const N: usize>(mut bytes: &'b [u8], schema: &'b Schema, wanted: u8) -> Read<[Cell<'b>; N]> {
    while !bytes.is_empty() {
        if let Some((kind, mut columns, steps)) = columns(&mut bytes, schema)?
            && kind == wanted
        {
            return row(&mut columns, steps);
        }
    }
    Err(Corrupt)
}

pub(crate) fn meta(bytes: &[u8], schema: &Schema) -> Read<Meta> {
    let [time, program] = find(bytes, schema, id::META)?;
    Ok(Meta { time: time.uint(), program: String::from_utf8_lossy(program.bytes()).into_owned() })
}

/// The footer, how many records it says that there are, and how many of each type.
pub(crate) type Closing = (Footer, u64, Vec<(String, u64)>);

pub(crate) fn footer(bytes: &[u8], schema: &Schema) -> Read<Closing> {
    let [time, history, offset, _blocks, records, _bytes, counts, led] = find(bytes, schema, id::FOOTER)?;
    let (time, history, offset) = (time.uint(), history.bytes().to_vec(), offset.uint());
    let footer = Footer { time, history, offset, led: led.uint() > 0 };
    let (mut rows, mut counts) = (counts.rows(), Vec::new());
    while let Some(row) = rows.next() {
        let [name, count] = row?;
        counts.push((String::from_utf8_lossy(name.bytes()).into_owned(), count.uint()));
    }
    Ok((footer, records.uint(), counts))
}

fn record<'b>(kind: u8, bytes: &mut &'b [u8], steps: &'b [crate::schema::Step]) -> Read<Record<'b>> {
    let size = bytes.len();
    let record = match kind {
        id::STRING => {
            let [db, key, expires, value] = row(bytes, steps)?;
            made(db, key, expires, Cell::None, Contents::String(value.bytes()))?
        }
        id::GONE => {
            let [db, key] = row(bytes, steps)?;
            made(db, key, Cell::None, Cell::None, Contents::Gone)?
        }
        id::LIBRARY => {
            let [code] = row(bytes, steps)?;
            made(Cell::None, Cell::None, Cell::None, Cell::None, Contents::Library(code.bytes()))?
        }
        id::LIST | id::SET | id::SORTED_SET => {
            let [db, key, expires, part, rows] = row(bytes, steps)?;
            made(db, key, expires, part, Collection::of(kind, rows, part))?
        }
        id::HASH => {
            let [db, key, expires, part, first, rows] = row(bytes, steps)?;
            let collection = Collection { first: time(first), ..Collection::new(kind, rows, part) };
            made(db, key, expires, part, Contents::Collection(collection))?
        }
        id::STREAM => stream(row(bytes, steps)?)?,
        // What describes the file has no place among its keys.
        _ => return Err(Corrupt),
    };
    if bytes.is_empty() { Ok(Record { size, ..record }) } else { Err(Corrupt) }
}

fn stream(columns: [Cell<'_>; 11]) -> Read<Record<'_>> {
    let [db, key, expires, part, rows, last_ms, last_seq, gone_ms, gone_seq, added, groups] = columns;
    let counts =
        Counts { last: id(last_ms, last_seq), max_deleted: id(gone_ms, gone_seq), added: added.uint() };
    let collection = Collection { counts, groups: groups.rows(), ..Collection::new(id::STREAM, rows, part) };
    made(db, key, expires, part, Contents::Collection(collection))
}

fn made<'b>(
    db: Cell<'b>,
    key: Cell<'b>,
    expires: Cell<'b>,
    part: Cell<'b>,
    contents: Contents<'b>,
) -> Read<Record<'b>> {
    let (db, part) = (u32::try_from(db.uint()).map_err(|_| Corrupt)?, part.uint());
    let (continues, more) = (part & part::CONTINUES != 0, part & part::MORE != 0);
    Ok(Record { db, key: key.bytes(), expiry: time(expires), continues, more, size: 0, contents })
}

impl<'b> Collection<'b> {
    fn new(kind: u8, rows: Cell<'b>, part: Cell<'b>) -> Self {
        let more = part.uint() & part::MORE != 0;
        let (counts, groups) = (Counts::default(), Cell::None.rows());
        Self { kind, rows: rows.rows(), first: None, counts, groups, more }
    }

    fn of(kind: u8, rows: Cell<'b>, part: Cell<'b>) -> Contents<'b> {
        Contents::Collection(Self::new(kind, rows, part))
    }

    /// Redis's name of its type.
    pub fn type_name(&self) -> &'static str {
        name(self.kind)
    }

    /// Elements in this record.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none, as in a stream.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tells the parts to a sink: the beginning with every record of the value, the end with the last one. What a beginning
    /// says of lengths goes for this record alone.
    ///
    /// # Errors
    /// The record is not what its type is, or the sink refuses.
    pub fn tell(&self, sink: &mut impl Sink) -> Taken {
        let len = self.len();
        match self.kind {
            id::LIST | id::SET => {
                sink.begin(if self.kind == id::LIST { Begin::List } else { Begin::Set { len } })?;
                each(self.rows, |[bytes]| sink.element(bytes.bytes()))?;
            }
            id::HASH => {
                sink.begin(Begin::Hash { len, first: self.first })?;
                each(self.rows, |[field, value, at]| sink.field(field.bytes(), value.bytes(), time(at)))?;
            }
            id::SORTED_SET => {
                sink.begin(Begin::SortedSet { len })?;
                each(self.rows, |[member, score]| sink.scored(member.bytes(), not_nan(score.double())?))?;
            }
            _ => self.tell_stream(sink)?,
        }
        if self.more { Ok(()) } else { sink.end() }
    }

    fn tell_stream(&self, sink: &mut impl Sink) -> Taken {
        sink.begin(Begin::Stream)?;
        each(self.rows, |[ms, seq, parts]| {
            let parts = parts.rows();
            if parts.len() == 0 || parts.len() % 2 == 1 {
                return Err(Corrupt);
            }
            sink.entry(id(ms, seq), parts.len())?;
            each(parts, |[bytes]| sink.part(bytes.bytes()))
        })?;
        if self.more {
            return Ok(());
        }
        sink.counts(self.counts)?;
        each(self.groups, |[name, ms, seq, read, consumers]| {
            let read = Some(read.int()).filter(|&read| read >= 0);
            sink.group(GroupHead { name: name.bytes(), last: id(ms, seq), read })?;
            each(consumers.rows(), |consumer| tell_consumer(consumer, sink))
        })
    }
}

fn tell_consumer(consumer: [Cell<'_>; 4], sink: &mut impl Sink) -> Taken {
    let [name, seen, active, pending] = consumer;
    sink.consumer(ConsumerHead { name: name.bytes(), seen: seen.int(), active: active.int() })?;
    each(pending.rows(), |[ms, seq, time, count]| {
        sink.pending(PendingEntry { id: id(ms, seq), time: time.int(), count: count.int() })
    })
}

#[inline]
fn each<'b, const N: usize>(mut rows: Rows<'b>, mut visit: impl FnMut([Cell<'b>; N]) -> Taken) -> Taken {
    while let Some(row) = rows.next() {
        visit(row?)?;
    }
    Ok(())
}

pub(crate) fn not_nan(score: f64) -> Read<f64> {
    if score.is_nan() { Err(Corrupt) } else { Ok(score) }
}

impl Record<'_> {
    /// Redis's name of the value's type, or what else it is.
    pub fn type_name(&self) -> &'static str {
        match &self.contents {
            Contents::String(_) => name(id::STRING),
            Contents::Collection(collection) => collection.type_name(),
            Contents::Gone => name(id::GONE),
            Contents::Library(_) => name(id::LIBRARY),
        }
    }

    /// Tells the value to a sink; see [`Collection::tell`].
    ///
    /// # Errors
    /// It has none, or it is not what its type is, or the sink refuses.
    pub fn tell(&self, sink: &mut impl Sink) -> Taken {
        match &self.contents {
            Contents::String(bytes) => sink.string(Cow::Borrowed(bytes)),
            Contents::Collection(collection) => collection.tell(sink),
            Contents::Gone | Contents::Library(_) => Err(Corrupt),
        }
    }
}
