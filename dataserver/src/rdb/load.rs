//! From bytes to values.

mod stream;

use super::listpack::{self, Piece};
use super::reader::{Reader, not_nan};
use super::{Corrupt, Read, intset, kind, ziplist};
use crate::settings::Shapes;
use crate::store::hasher::Hasher;
use crate::value::Object;
use crate::value::fields::{self, Fields};
use crate::value::list::{self, End, List};
use crate::value::members::{self, Members};
use crate::value::stream as streams;
use crate::value::zset::SortedSet;
use ringtail_protocol::number::parse_f64;
use std::borrow::Cow;
use std::sync::atomic::Ordering::Relaxed;

/// A node of a list that is one element.
const PLAIN: u64 = 1;
/// A node of a list that is a listpack.
const PACKED: u64 = 2;

/// The last time that a field of a hash can have, in milliseconds since 1970, as Redis reads them.
const LAST_TIME: u64 = (1 << 48) - 2;

/// A value that was read.
pub enum Loaded {
    /// A string.
    Bytes(Vec<u8>),
    /// Anything else.
    Object(Object),
}

/// What the values are to look like here.
pub struct Shape {
    /// How fields and members are hashed.
    pub hasher: Hasher,
    hash: fields::Limit,
    list: list::Limit,
    set: members::Limit,
    zset: fields::Limit,
    stream: streams::Limit,
}

impl Shape {
    /// By the server's settings.
    pub fn new(hasher: Hasher, shapes: &Shapes) -> Self {
        Self {
            hasher,
            hash: fields::Limit {
                entries: shapes.hash_entries.load(Relaxed),
                value: shapes.hash_value.load(Relaxed),
            },
            list: list::Limit::new(shapes.list_size.load(Relaxed)),
            set: members::Limit {
                ints: shapes.set_ints.load(Relaxed),
                entries: shapes.set_entries.load(Relaxed),
                value: shapes.set_value.load(Relaxed),
            },
            zset: fields::Limit {
                entries: shapes.zset_entries.load(Relaxed),
                value: shapes.zset_value.load(Relaxed),
            },
            stream: streams::Limit {
                bytes: shapes.stream_bytes.load(Relaxed),
                entries: shapes.stream_entries.load(Relaxed),
            },
        }
    }
}

/// A value of a kind.
pub(super) fn value(kind: u8, reader: &mut Reader<'_>, shape: &Shape) -> Read<Loaded> {
    let object = match kind {
        kind::STRING => return Ok(Loaded::Bytes(reader.string()?.into_owned())),
        kind::LIST | kind::LIST_ZIPLIST | kind::LIST_QUICKLIST | kind::LIST_QUICKLIST_2 => {
            Object::List(list(kind, reader, shape)?)
        }
        kind::SET | kind::SET_INTSET | kind::SET_LISTPACK => Object::Set(set(kind, reader, shape)?),
        kind::ZSET | kind::ZSET_2 | kind::ZSET_ZIPLIST | kind::ZSET_LISTPACK => {
            Object::SortedSet(sorted_set(kind, reader, shape)?)
        }
        kind::HASH | kind::HASH_ZIPMAP | kind::HASH_ZIPLIST | kind::HASH_LISTPACK => {
            Object::Hash(hash(kind, reader, shape)?)
        }
        kind::HASH_TIMES_EARLY
        | kind::HASH_TIMES
        | kind::HASH_LISTPACK_TIMES_EARLY
        | kind::HASH_LISTPACK_TIMES => Object::Hash(timed_hash(kind, reader, shape)?),
        kind::STREAM_LISTPACKS | kind::STREAM_LISTPACKS_2 | kind::STREAM_LISTPACKS_3 => {
            Object::Stream(Box::new(stream::read(kind, reader, shape.stream)?))
        }
        _ => return Err(Corrupt),
    };
    Ok(Loaded::Object(object))
}

/// A collection is never empty.
fn filled<T>(value: T, is_empty: impl Fn(&T) -> bool) -> Read<T> {
    if is_empty(&value) { Err(Corrupt) } else { Ok(value) }
}

fn list(kind: u8, reader: &mut Reader<'_>, shape: &Shape) -> Read<List> {
    let (mut list, mut digits) = (List::default(), itoa::Buffer::new());
    let mut add = |value: &[u8]| list.push(End::Tail, value, shape.list);
    let nodes = if kind == kind::LIST_ZIPLIST { 1 } else { reader.count()? };
    for _ in 0..nodes {
        let form = if kind == kind::LIST_QUICKLIST_2 { reader.number()? } else { PACKED };
        let node = reader.string()?;
        match (kind, form) {
            (kind::LIST, _) | (_, PLAIN) => add(&node),
            (kind::LIST_QUICKLIST_2, PACKED) => {
                listpack::read(&node)?.iter().for_each(|piece| add(piece.bytes(&mut digits)));
            }
            (_, PACKED) => ziplist::read(&node)?.iter().for_each(|piece| add(piece.bytes(&mut digits))),
            _ => return Err(Corrupt),
        }
    }
    filled(list, List::is_empty)
}

/// A set; a member that is there twice is refused.
fn set(kind: u8, reader: &mut Reader<'_>, shape: &Shape) -> Read<Members> {
    let (mut set, mut digits) = (Members::default(), itoa::Buffer::new());
    let mut add = |member: &[u8]| {
        if set.add(member, shape.hasher, shape.set) { Ok(()) } else { Err(Corrupt) }
    };
    match kind {
        kind::SET => {
            for _ in 0..reader.count()? {
                add(&reader.string()?)?;
            }
        }
        kind::SET_INTSET => {
            intset::read(&reader.string()?)?.try_for_each(|n| add(digits.format(n).as_bytes()))?;
        }
        _ => listpack::read(&reader.string()?)?.iter().try_for_each(|piece| add(piece.bytes(&mut digits)))?,
    }
    filled(set, Members::is_empty)
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

fn sorted_set(kind: u8, reader: &mut Reader<'_>, shape: &Shape) -> Read<SortedSet> {
    let mut set = SortedSet::default();
    let mut add = |member: &[u8], score: f64| {
        let len = set.len();
        set.update(member, shape.hasher, shape.zset, |_| Some(score));
        if set.len() > len { Ok(()) } else { Err(Corrupt) }
    };
    if kind == kind::ZSET || kind == kind::ZSET_2 {
        for _ in 0..reader.count()? {
            let member = reader.string()?;
            let score = if kind == kind::ZSET { reader.score_in_digits()? } else { reader.score()? };
            add(&member, score)?;
        }
    } else {
        let (bytes, mut digits) = (reader.string()?, itoa::Buffer::new());
        for [member, score] in pairs(&pieces(kind, &bytes)?)? {
            let score = match score {
                Piece::Int(n) => *n as f64,
                Piece::Bytes(text) => parse_f64(text).ok_or(Corrupt)?,
            };
            add(member.bytes(&mut digits), not_nan(score)?)?;
        }
    }
    filled(set, SortedSet::is_empty)
}

/// A hash; a field that is there twice is refused.
fn hash(kind: u8, reader: &mut Reader<'_>, shape: &Shape) -> Read<Fields> {
    let mut hash = Fields::default();
    let mut add = |field: &[u8], value: &[u8]| {
        if hash.set(field, value, shape.hasher, shape.hash) { Ok(()) } else { Err(Corrupt) }
    };
    if kind == kind::HASH {
        for _ in 0..reader.count()? {
            let (field, value) = (reader.string()?, reader.string()?);
            add(&field, &value)?;
        }
    } else {
        let (bytes, mut digits) = (reader.string()?, [itoa::Buffer::new(), itoa::Buffer::new()]);
        for [field, value] in pairs(&pieces(kind, &bytes)?)? {
            let [one, other] = &mut digits;
            add(field.bytes(one), value.bytes(other))?;
        }
    }
    filled(hash, Fields::is_empty)
}

/// A hash with times, which are absolute in a listpack and else counted from the first.
fn timed_hash(kind: u8, reader: &mut Reader<'_>, shape: &Shape) -> Read<Fields> {
    let mut hash = Fields::default();
    let mut add = |field: &[u8], value: &[u8], at: Option<u64>| {
        if at.is_some_and(|at| at > LAST_TIME) {
            return Err(Corrupt);
        }
        if hash.timed().set(field, value, at, shape.hasher, shape.hash) { Ok(()) } else { Err(Corrupt) }
    };
    let has_first = kind == kind::HASH_TIMES || kind == kind::HASH_LISTPACK_TIMES;
    let first = if has_first { u64::try_from(reader.millis()?).unwrap_or(0) } else { 1 };
    if kind == kind::HASH_TIMES || kind == kind::HASH_TIMES_EARLY {
        for _ in 0..reader.count()? {
            let at = reader.number()?;
            let (field, value): (Cow<'_, [u8]>, _) = (reader.string()?, reader.string()?);
            let at = if at == 0 { None } else { Some((at - 1).checked_add(first).ok_or(Corrupt)?) };
            add(&field, &value, at)?;
        }
    } else {
        let (bytes, mut digits) = (reader.string()?, [itoa::Buffer::new(), itoa::Buffer::new()]);
        let pieces = listpack::read(&bytes)?;
        let (triples, []) = pieces.as_chunks() else { return Err(Corrupt) };
        for [field, value, at] in triples {
            let [one, other] = &mut digits;
            let at = u64::try_from(at.int()?).map_err(|_| Corrupt)?;
            add(field.bytes(one), value.bytes(other), Some(at).filter(|&at| at > 0))?;
        }
    }
    filled(hash, Fields::is_empty)
}
