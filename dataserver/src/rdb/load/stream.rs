//! Streams: listpacks of entries, then what is counted, then groups with what they have pending.

use super::super::listpack::{self, Piece};
use super::super::reader::Reader;
use super::super::{Corrupt, Read, kind};
use crate::value::stream::{Group, Id, Limit, Log, Number, Pending, Stream};

/// The entry was deleted.
const DELETED: i64 = 1;
/// The entry has the fields of the first one.
const SAME_FIELDS: i64 = 2;

pub(super) fn read(kind: u8, reader: &mut Reader<'_>, limit: Limit) -> Read<Stream> {
    let mut stream = Stream::default();
    for _ in 0..reader.count()? {
        let first = <[u8; 16]>::try_from(&*reader.string()?).map_err(|_| Corrupt)?;
        let entries = reader.string()?;
        read_entries(&mut stream.log, raw_id(first), &listpack::read(&entries)?, limit)?;
    }
    read_counts(kind, reader, &mut stream.log)?;
    for _ in 0..reader.count()? {
        let name = reader.string()?;
        let group = read_group(kind, reader, &stream.log)?;
        if stream.groups.insert(name.as_ref().into(), group).is_some() {
            return Err(Corrupt);
        }
    }
    Ok(stream)
}

fn raw_id(bytes: [u8; 16]) -> Id {
    let both = u128::from_be_bytes(bytes);
    Id::new((both >> 64) as u64, both as u64)
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

/// The entries of one listpack, whose ids are counted from `first`.
fn read_entries(log: &mut Log, first: Id, pieces: &[Piece<'_>], limit: Limit) -> Read<()> {
    let mut pieces = Pieces(pieces.iter());
    let (valid, deleted) = (pieces.count()?, pieces.count()?);
    let shared = pieces.count()?;
    let shared = pieces.take(shared)?;
    // What ends the first entry's part.
    pieces.int()?;
    let (mut seen, mut gone) = (0, 0);
    while pieces.0.len() > 0 {
        let flags = pieces.int()?;
        // Differences of more than half of all numbers wrap around, as they do when they are written.
        let ms = first.ms.wrapping_add_signed(pieces.int()?);
        let seq = first.seq.wrapping_add_signed(pieces.int()?);
        let pairs = pairs(&mut pieces, shared, flags & SAME_FIELDS != 0)?;
        // How far back the entry begins.
        pieces.int()?;
        if flags & DELETED != 0 {
            gone += 1;
            continue;
        }
        seen += 1;
        let id = Id::new(ms, seq);
        // No entry is without fields, in Redis and here.
        if id <= log.last || pairs.is_empty() {
            return Err(Corrupt);
        }
        log.push(id, pairs.iter().map(Vec::as_slice), limit);
    }
    if (seen, gone) == (valid, deleted) { Ok(()) } else { Err(Corrupt) }
}

/// An entry's fields and values, in turn.
fn pairs(pieces: &mut Pieces<'_, '_>, shared: &[Piece<'_>], same: bool) -> Read<Vec<Vec<u8>>> {
    let mut digits = itoa::Buffer::new();
    let mut owned = |piece: &Piece<'_>| piece.bytes(&mut digits).to_vec();
    if same {
        let values = pieces.take(shared.len())?;
        return Ok(shared
            .iter()
            .zip(values)
            .flat_map(|(field, value)| [owned(field), owned(value)])
            .collect());
    }
    let count = pieces.count()?;
    Ok(pieces.take(2 * count)?.iter().map(owned).collect())
}

fn read_counts(kind: u8, reader: &mut Reader<'_>, log: &mut Log) -> Read<()> {
    let len = reader.number()?;
    let last = id(reader)?;
    if len != log.len() as u64 || last < log.last {
        return Err(Corrupt);
    }
    log.last = last;
    if kind == kind::STREAM_LISTPACKS {
        log.added = len;
        return Ok(());
    }
    let _first = id(reader)?;
    log.max_deleted = id(reader)?;
    log.added = reader.number()?;
    if log.added >= len && i64::try_from(log.added).is_ok() { Ok(()) } else { Err(Corrupt) }
}

fn read_group(kind: u8, reader: &mut Reader<'_>, log: &Log) -> Read<Group> {
    let last = id(reader)?;
    let read = if kind == kind::STREAM_LISTPACKS {
        log.count_up_to(last)
    } else {
        // All bits set: it is not known.
        Some(reader.number()? as i64).filter(|&read| read >= 0)
    };
    let mut group = Group::new(last, read);
    let mut pending = Vec::new();
    for _ in 0..reader.count()? {
        let id = raw_id(reader.array()?);
        let (time, count) = (reader.millis()?, reader.number()? as i64);
        pending.push((id, time, count));
    }
    if !pending.is_sorted_by(|a, b| a.0 < b.0) {
        return Err(Corrupt);
    }
    for _ in 0..reader.count()? {
        read_consumer(kind, reader, &mut group, &pending)?;
    }
    // Each entry is somebody's.
    if group.pending_len() == pending.len() { Ok(group) } else { Err(Corrupt) }
}

fn read_consumer(
    kind: u8,
    reader: &mut Reader<'_>,
    group: &mut Group,
    pending: &[(Id, i64, i64)],
) -> Read<()> {
    let name = reader.string()?;
    if group.find(&name).is_some() {
        return Err(Corrupt);
    }
    let seen = reader.millis()?;
    let active = if kind == kind::STREAM_LISTPACKS_3 { reader.millis()? } else { seen };
    let consumer: Number = group.add(&name, seen);
    if let Some(consumer) = group.consumer_mut(consumer) {
        consumer.active = active;
    }
    for _ in 0..reader.count()? {
        let id = raw_id(reader.array()?);
        let at = pending.binary_search_by_key(&id, |(id, ..)| *id).map_err(|_| Corrupt)?;
        if group.pending(id).is_some() {
            return Err(Corrupt);
        }
        let (_, time, count) = pending[at];
        group.give(id, Pending { time, count, consumer });
    }
    Ok(())
}
