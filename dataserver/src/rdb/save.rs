//! From values to bytes: each in the plainest form, which every version from the one that is named on reads.
//! Redis makes its small forms of them again when they are small.

mod stream;

use super::kind;
use super::listpack::Builder;
use super::writer::Writer;
use crate::store::entry::Value;
use crate::value::Object;
use crate::value::fields::{Fields, Timed};
use crate::value::list::List;
use crate::value::members::Members;
use crate::value::zset::SortedSet;

/// Redis 7.0's version of the format.
const COMMON: u16 = 10;
/// Redis 7.2's and Valkey 8's.
const WITH_ACTIVE_TIMES: u16 = 11;
/// Redis 7.4's.
const WITH_FIELD_TIMES: u16 = 12;

/// Bytes that a node of a list is filled with.
const NODE: usize = 8192;

/// Writes the kind and the value. Returns the version of the format that this needs.
pub(super) fn value(value: &Value<'_>, out: &mut Writer) -> u16 {
    match value {
        Value::Bytes(bytes) => string(bytes, out),
        Value::Object(Object::Bytes(bytes)) => string(bytes, out),
        Value::Object(Object::List(value)) => list(value, out),
        Value::Object(Object::Set(value)) => set(value, out),
        Value::Object(Object::SortedSet(value)) => sorted_set(value, out),
        Value::Object(Object::Hash(Fields::Timed(value))) => timed_hash(value, out),
        Value::Object(Object::Hash(value)) => hash(value, out),
        Value::Object(Object::Stream(value)) => stream::write(value, out),
    }
}

fn string(bytes: &[u8], out: &mut Writer) -> u16 {
    out.raw(&[kind::STRING]);
    out.string(bytes);
    COMMON
}

fn list(list: &List, out: &mut Writer) -> u16 {
    let (mut nodes, mut count, mut node) = (Writer::default(), 0, Builder::default());
    let packed = |node: &mut Builder, nodes: &mut Writer| {
        nodes.number(2);
        nodes.plain(&std::mem::take(node).finish());
    };
    for value in list.iter() {
        if !node.is_empty() && node.size() + value.len() > NODE {
            packed(&mut node, &mut nodes);
            count += 1;
        }
        node.push(value);
    }
    packed(&mut node, &mut nodes);
    out.raw(&[kind::LIST_QUICKLIST_2]);
    out.count(count + 1);
    out.raw(&nodes.0);
    COMMON
}

fn set(set: &Members, out: &mut Writer) -> u16 {
    out.raw(&[kind::SET]);
    out.count(set.len());
    let mut digits = itoa::Buffer::new();
    set.for_each(|member| out.string(member.bytes(&mut digits)));
    COMMON
}

fn sorted_set(set: &SortedSet, out: &mut Writer) -> u16 {
    out.raw(&[kind::ZSET_2]);
    out.count(set.len());
    // From the last on, as Redis writes them: its skip list takes each at its head.
    set.each(0..set.len(), true, |(score, member)| {
        out.string(member);
        out.raw(&score.to_le_bytes());
    });
    COMMON
}

fn hash(hash: &Fields, out: &mut Writer) -> u16 {
    out.raw(&[kind::HASH]);
    out.count(hash.len());
    hash.for_each(|field, value| {
        out.string(field);
        out.string(value);
    });
    COMMON
}

/// A hash with times, counted from the first, which is 1; 0 stands for none.
fn timed_hash(hash: &Timed, out: &mut Writer) -> u16 {
    let mut first = u64::MAX;
    hash.for_each(|(_, _, at)| first = first.min(at.unwrap_or(u64::MAX)));
    if first == u64::MAX {
        out.raw(&[kind::HASH]);
    } else {
        out.raw(&[kind::HASH_TIMES]);
        out.raw(&first.to_le_bytes());
    }
    out.count(hash.len());
    hash.for_each(|(field, value, at)| {
        if first < u64::MAX {
            out.number(at.map_or(0, |at| at - first + 1));
        }
        out.string(field);
        out.string(value);
    });
    if first == u64::MAX { COMMON } else { WITH_FIELD_TIMES }
}
