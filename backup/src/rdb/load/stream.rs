//! Streams: listpacks of entries, then what is counted, then groups with what they have pending.

use super::super::kind;
use super::super::listpack::{self, Piece};
use super::super::reader::Reader;
use crate::sink::Begin;
use crate::sink::{ConsumerHead, Counts, GroupHead, Id, PendingEntry, Sink, Taken};
use crate::{Corrupt, Read};

/// The entry was deleted.
const DELETED: i64 = 1;
/// The entry has the fields of the first one.
const SAME_FIELDS: i64 = 2;

/// What was read of a stream.
#[derive(Default)]
struct Seen {
    len: u64,
    first: Id,
    last: Id,
}

pub(super) fn read(kind: u8, reader: &mut Reader<'_>, sink: &mut impl Sink) -> Taken {
    let mut seen = Seen::default();
    sink.begin(Begin::Stream)?;
    for _ in 0..reader.count()? {
        let first = <[u8; 16]>::try_from(&*reader.string()?).map_err(|_| Corrupt)?;
        let entries = reader.string()?;
        read_entries(&mut seen, Id::from_bytes(first), &listpack::read(&entries)?, sink)?;
    }
    let counts = read_counts(kind, reader, &seen)?;
    sink.counts(counts)?;
    let mut names: Vec<Vec<u8>> = Vec::new();
    for _ in 0..reader.count()? {
        let name = reader.string()?.into_owned();
        read_group(kind, reader, &name, (&seen, counts), sink)?;
        names.push(name);
    }
    all_different(names)
}

/// No name is there twice.
fn all_different(mut names: Vec<Vec<u8>>) -> Taken {
    names.sort_unstable();
    if names.is_sorted_by(|a, b| a < b) { Ok(()) } else { Err(Corrupt) }
}

fn id(reader: &mut Reader<'_>) -> Read<Id> {
    Ok(Id::new(reader.number()?, reader.number()?))
}

/// The elements of a listpack, taken one after another.
struct Pieces<'p, 'b>(std::slice::Iter<'p, Piece<'b>>);

impl<'p, 'b> Pieces<'p, 'b> {
    fn int(&mut self) -> Read<i64> {
        self.0.next().ok_or(Corrupt)?.int()
    }

    fn count(&mut self) -> Read<usize> {
        let count = usize::try_from(self.int()?).map_err(|_| Corrupt)?;
        if count <= self.0.len() { Ok(count) } else { Err(Corrupt) }
    }

    fn take(&mut self, count: usize) -> Read<&'p [Piece<'b>]> {
        let (taken, rest) = self.0.as_slice().split_at_checked(count).ok_or(Corrupt)?;
        self.0 = rest.iter();
        Ok(taken)
    }
}

/// The entries of one listpack, whose ids are counted from `base`.
fn read_entries(seen: &mut Seen, base: Id, pieces: &[Piece<'_>], sink: &mut impl Sink) -> Taken {
    let mut pieces = Pieces(pieces.iter());
    let (valid, deleted) = (pieces.count()?, pieces.count()?);
    let shared = pieces.count()?;
    let shared = pieces.take(shared)?;
    // What ends the first entry's part.
    pieces.int()?;
    let (mut there, mut gone) = (0, 0);
    while pieces.0.len() > 0 {
        let flags = pieces.int()?;
        // Differences of more than half of all numbers wrap around, as they do when they are written.
        let ms = base.ms.wrapping_add_signed(pieces.int()?);
        let seq = base.seq.wrapping_add_signed(pieces.int()?);
        let fields = if flags & SAME_FIELDS == 0 { None } else { Some(shared) };
        let len = fields.map_or_else(|| pieces.count(), |fields| Ok(fields.len()))?;
        let parts = pieces.take(if fields.is_some() { len } else { 2 * len })?;
        // How far back the entry begins.
        pieces.int()?;
        if flags & DELETED != 0 {
            gone += 1;
            continue;
        }
        there += 1;
        seen.add(Id::new(ms, seq), len)?;
        sink.entry(Id::new(ms, seq), 2 * len)?;
        tell_parts(fields, parts, sink)?;
    }
    if (there, gone) == (valid, deleted) { Ok(()) } else { Err(Corrupt) }
}

/// An entry's fields and values in turn: the fields stand among the parts, or in the listpack's first entry.
fn tell_parts(fields: Option<&[Piece<'_>]>, parts: &[Piece<'_>], sink: &mut impl Sink) -> Taken {
    let mut digits = itoa::Buffer::new();
    let mut tell = |piece: &Piece<'_>| sink.part(piece.bytes(&mut digits));
    match fields {
        None => parts.iter().try_for_each(tell),
        Some(fields) => fields.iter().zip(parts).try_for_each(|(field, value)| {
            tell(field)?;
            tell(value)
        }),
    }
}

impl Seen {
    /// One more entry. No entry is without fields, in Redis and here.
    fn add(&mut self, id: Id, fields: usize) -> Taken {
        if id <= self.last || fields == 0 {
            return Err(Corrupt);
        }
        if self.len == 0 {
            self.first = id;
        }
        self.len += 1;
        self.last = id;
        Ok(())
    }

    /// How many entries come up to this one, as far as Redis before 7 lets that be known: nothing tells which were deleted.
    fn count_up_to(&self, id: Id, last: Id) -> Option<i64> {
        match () {
            () if self.len == 0 => Some(0),
            () if id > last => None,
            () if id == last => i64::try_from(self.len).ok(),
            () if id < self.first => Some(0),
            () if id == self.first => Some(1),
            () => None,
        }
    }
}

fn read_counts(kind: u8, reader: &mut Reader<'_>, seen: &Seen) -> Read<Counts> {
    let len = reader.number()?;
    let last = id(reader)?;
    if len != seen.len || last < seen.last {
        return Err(Corrupt);
    }
    if kind == kind::STREAM_LISTPACKS {
        return Ok(Counts { last, max_deleted: Id::default(), added: len });
    }
    let _first = id(reader)?;
    let counts = Counts { last, max_deleted: id(reader)?, added: reader.number()? };
    if counts.added >= len && i64::try_from(counts.added).is_ok() { Ok(counts) } else { Err(Corrupt) }
}

/// What a group has pending, and whether it was said whose it is.
type Pending = (PendingEntry, bool);

fn read_group(
    kind: u8,
    reader: &mut Reader<'_>,
    name: &[u8],
    (seen, counts): (&Seen, Counts),
    sink: &mut impl Sink,
) -> Taken {
    let last = id(reader)?;
    let read = if kind == kind::STREAM_LISTPACKS {
        seen.count_up_to(last, counts.last)
    } else {
        // All bits set: it is not known.
        Some(reader.number()? as i64).filter(|&read| read >= 0)
    };
    sink.group(GroupHead { name, last, read })?;
    let mut pending: Vec<Pending> = Vec::new();
    for _ in 0..reader.count()? {
        let id = Id::from_bytes(reader.array()?);
        let (time, count) = (reader.millis()?, reader.number()? as i64);
        pending.push((PendingEntry { id, time, count }, false));
    }
    if !pending.is_sorted_by(|a, b| a.0.id < b.0.id) {
        return Err(Corrupt);
    }
    let mut names = Vec::new();
    for _ in 0..reader.count()? {
        names.push(read_consumer(kind, reader, &mut pending, sink)?);
    }
    // Each entry is somebody's.
    if pending.iter().all(|(_, taken)| *taken) { all_different(names) } else { Err(Corrupt) }
}

fn read_consumer(
    kind: u8,
    reader: &mut Reader<'_>,
    pending: &mut [Pending],
    sink: &mut impl Sink,
) -> Read<Vec<u8>> {
    let name = reader.string()?;
    let seen = reader.millis()?;
    let active = if kind == kind::STREAM_LISTPACKS_3 { reader.millis()? } else { seen };
    sink.consumer(ConsumerHead { name: &name, seen, active })?;
    for _ in 0..reader.count()? {
        let id = Id::from_bytes(reader.array()?);
        let at = pending.binary_search_by_key(&id, |(pending, _)| pending.id).map_err(|_| Corrupt)?;
        if std::mem::replace(&mut pending[at].1, true) {
            return Err(Corrupt);
        }
        sink.pending(pending[at].0)?;
    }
    Ok(name.into_owned())
}
