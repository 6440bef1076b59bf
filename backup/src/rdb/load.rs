//! From bytes to values.

mod stream;

use super::listpack::{self, Piece};
use super::reader::{Reader, not_nan};
use super::{intset, kind, ziplist};
use crate::sink::{Begin, Sink, Taken};
use crate::{Corrupt, Read};
use ringtail_protocol::number::parse_f64;

/// A node of a list that is one element.
const PLAIN: u64 = 1;
/// A node of a list that is a listpack.
pub(super) const PACKED: u64 = 2;

/// The last time that a field of a hash can have, in milliseconds since 1970, as Redis reads them.
const LAST_TIME: u64 = (1 << 48) - 2;

/// Tells the value of a kind. Returns the bytes behind it.
///
/// # Errors
/// It is no value, or the sink refuses it.
pub fn load<'b>(kind: u8, bytes: &'b [u8], sink: &mut impl Sink) -> Read<&'b [u8]> {
    let mut reader = Reader(bytes);
    value(kind, &mut reader, sink)?;
    Ok(reader.0)
}

fn value(kind: u8, reader: &mut Reader<'_>, sink: &mut impl Sink) -> Taken {
    match kind {
        kind::STRING => return sink.string(reader.string()?),
        kind::LIST | kind::LIST_ZIPLIST | kind::LIST_QUICKLIST | kind::LIST_QUICKLIST_2 => {
            list(kind, reader, sink)?;
        }
        kind::SET | kind::SET_INTSET | kind::SET_LISTPACK => set(kind, reader, sink)?,
        kind::ZSET | kind::ZSET_2 | kind::ZSET_ZIPLIST | kind::ZSET_LISTPACK => {
            sorted_set(kind, reader, sink)?;
        }
        kind::HASH | kind::HASH_ZIPMAP | kind::HASH_ZIPLIST | kind::HASH_LISTPACK => {
            hash(kind, reader, sink)?;
        }
        kind::HASH_TIMES_EARLY | kind::HASH_TIMES | kind::HASH_TIMES_VALKEY => {
            timed_hash(kind, reader, sink)?;
        }
        kind::HASH_LISTPACK_TIMES_EARLY | kind::HASH_LISTPACK_TIMES => timed_listpack(kind, reader, sink)?,
        kind::STREAM_LISTPACKS | kind::STREAM_LISTPACKS_2 | kind::STREAM_LISTPACKS_3 => {
            stream::read(kind, reader, sink)?;
        }
        _ => return Err(Corrupt),
    }
    sink.end()
}

/// How many elements there are: a collection is never empty.
fn filled(count: usize) -> Read<usize> {
    if count == 0 { Err(Corrupt) } else { Ok(count) }
}

fn list(kind: u8, reader: &mut Reader<'_>, sink: &mut impl Sink) -> Taken {
    let (mut count, mut digits) = (0, itoa::Buffer::new());
    sink.begin(Begin::List)?;
    let mut add = |value: &[u8]| {
        count += 1;
        sink.element(value)
    };
    let nodes = if kind == kind::LIST_ZIPLIST { 1 } else { reader.count()? };
    for _ in 0..nodes {
        let form = if kind == kind::LIST_QUICKLIST_2 { reader.number()? } else { PACKED };
        let node = reader.string()?;
        let pieces = match (kind, form) {
            (kind::LIST, _) | (_, PLAIN) => {
                add(&node)?;
                continue;
            }
            (kind::LIST_QUICKLIST_2, PACKED) => listpack::read(&node)?,
            (_, PACKED) => ziplist::read(&node)?,
            _ => return Err(Corrupt),
        };
        pieces.iter().try_for_each(|piece| add(piece.bytes(&mut digits)))?;
    }
    filled(count).map(drop)
}

fn set(kind: u8, reader: &mut Reader<'_>, sink: &mut impl Sink) -> Taken {
    let mut digits = itoa::Buffer::new();
    if kind == kind::SET {
        let len = filled(reader.count()?)?;
        sink.begin(Begin::Set { len })?;
        return (0..len).try_for_each(|_| sink.element(&reader.string()?));
    }
    let bytes = reader.string()?;
    if kind == kind::SET_INTSET {
        let ints = intset::read(&bytes)?;
        sink.begin(Begin::Set { len: filled(ints.len())? })?;
        return { ints }.try_for_each(|n| sink.element(digits.format(n).as_bytes()));
    }
    let pieces = listpack::read(&bytes)?;
    sink.begin(Begin::Set { len: filled(pieces.len())? })?;
    pieces.iter().try_for_each(|piece| sink.element(piece.bytes(&mut digits)))
}

/// The elements of a small collection, two by two.
fn pairs<'p, 'b>(pieces: &'p [Piece<'b>]) -> Read<&'p [[Piece<'b>; 2]]> {
    match pieces.as_chunks() {
        (pairs, []) => Ok(pairs),
        _ => Err(Corrupt),
    }
}

fn pieces(kind: u8, bytes: &[u8]) -> Read<Vec<Piece<'_>>> {
    match kind {
        kind::HASH_ZIPMAP => ziplist::read_map(bytes),
        kind::HASH_ZIPLIST | kind::ZSET_ZIPLIST => ziplist::read(bytes),
        _ => listpack::read(bytes),
    }
}

fn sorted_set(kind: u8, reader: &mut Reader<'_>, sink: &mut impl Sink) -> Taken {
    if kind == kind::ZSET || kind == kind::ZSET_2 {
        let len = filled(reader.count()?)?;
        sink.begin(Begin::SortedSet { len })?;
        return (0..len).try_for_each(|_| {
            let member = reader.string()?;
            let score = if kind == kind::ZSET { reader.score_in_digits()? } else { reader.score()? };
            sink.scored(&member, score)
        });
    }
    let (bytes, mut digits) = (reader.string()?, itoa::Buffer::new());
    let pieces = pieces(kind, &bytes)?;
    let pairs = pairs(&pieces)?;
    sink.begin(Begin::SortedSet { len: filled(pairs.len())? })?;
    pairs.iter().try_for_each(|[member, score]| {
        let score = match score {
            Piece::Int(n) => *n as f64,
            Piece::Bytes(text) => parse_f64(text).ok_or(Corrupt)?,
        };
        sink.scored(member.bytes(&mut digits), not_nan(score)?)
    })
}

fn hash(kind: u8, reader: &mut Reader<'_>, sink: &mut impl Sink) -> Taken {
    if kind == kind::HASH {
        let len = filled(reader.count()?)?;
        sink.begin(Begin::Hash { len, first: None })?;
        return (0..len).try_for_each(|_| {
            let (field, value) = (reader.string()?, reader.string()?);
            sink.field(&field, &value, None)
        });
    }
    let (bytes, mut digits) = (reader.string()?, [itoa::Buffer::new(), itoa::Buffer::new()]);
    let pieces = pieces(kind, &bytes)?;
    let pairs = pairs(&pieces)?;
    sink.begin(Begin::Hash { len: filled(pairs.len())?, first: None })?;
    pairs.iter().try_for_each(|[field, value]| {
        let [one, other] = &mut digits;
        sink.field(field.bytes(one), value.bytes(other), None)
    })
}

/// A time of a field, if it can be one.
fn possible(at: u64) -> Read<u64> {
    if at > LAST_TIME { Err(Corrupt) } else { Ok(at) }
}

/// A hash with times, which Redis counts from the first, and Valkey writes behind the values.
fn timed_hash(kind: u8, reader: &mut Reader<'_>, sink: &mut impl Sink) -> Taken {
    let first = match kind {
        kind::HASH_TIMES => u64::try_from(reader.millis()?).unwrap_or(0),
        _ => 1,
    };
    let len = filled(reader.count()?)?;
    sink.begin(Begin::Hash { len, first: Some(first) })?;
    (0..len).try_for_each(|_| {
        let before = if kind == kind::HASH_TIMES_VALKEY { 0 } else { reader.number()? };
        let (field, value) = (reader.string()?, reader.string()?);
        let at = match before {
            0 if kind == kind::HASH_TIMES_VALKEY => u64::try_from(reader.millis()?).ok(),
            0 => None,
            at => Some((at - 1).checked_add(first).ok_or(Corrupt)?),
        };
        sink.field(&field, &value, at.map(possible).transpose()?)
    })
}

/// A small hash with times, which are absolute.
fn timed_listpack(kind: u8, reader: &mut Reader<'_>, sink: &mut impl Sink) -> Taken {
    let first = match kind {
        kind::HASH_LISTPACK_TIMES => u64::try_from(reader.millis()?).unwrap_or(0),
        _ => 0,
    };
    let (bytes, mut digits) = (reader.string()?, [itoa::Buffer::new(), itoa::Buffer::new()]);
    let pieces = listpack::read(&bytes)?;
    let (triples, []) = pieces.as_chunks() else { return Err(Corrupt) };
    sink.begin(Begin::Hash { len: filled(triples.len())?, first: Some(first) })?;
    triples.iter().try_for_each(|[field, value, at]| {
        let [one, other] = &mut digits;
        let at = u64::try_from(at.int()?).map_err(|_| Corrupt)?;
        let at = Some(at).filter(|&at| at > 0).map(possible).transpose()?;
        sink.field(field.bytes(one), value.bytes(other), at)
    })
}
