//! Streams.

use super::super::kind;
use super::super::listpack::Builder;
use super::super::writer::Writer;
use super::{COMMON, WITH_ACTIVE_TIMES};
use crate::value::stream::{Entry, Group, Id, Piece, Stream};

/// Entries of one listpack, and bytes that it is filled with.
const MOST_ENTRIES: usize = 100;
const MOST_BYTES: usize = 4096;

fn raw_id(id: Id) -> [u8; 16] {
    (u128::from(id.ms) << 64 | u128::from(id.seq)).to_be_bytes()
}

fn id(id: Id, out: &mut Writer) {
    out.number(id.ms);
    out.number(id.seq);
}

pub(super) fn write(stream: &Stream, out: &mut Writer) -> u16 {
    // Without a consumer there is nothing that the older form leaves out.
    let consumers = stream.groups.values().any(|group| group.consumers().next().is_some());
    let kind = if consumers { kind::STREAM_LISTPACKS_3 } else { kind::STREAM_LISTPACKS_2 };
    out.raw(&[kind]);
    let log = &stream.log;
    let (packs, count) = listpacks(log.range(Id::MIN, Id::MAX));
    out.count(count);
    out.raw(&packs.0);
    out.count(log.len());
    id(log.last, out);
    id(log.first_id(), out);
    id(log.max_deleted, out);
    out.number(log.added);
    out.count(stream.groups.len());
    for (name, group) in &stream.groups {
        out.string(name);
        write_group(group, out);
    }
    if consumers { WITH_ACTIVE_TIMES } else { COMMON }
}

/// The entries, some in each listpack, and how many listpacks these are.
fn listpacks<'e>(entries: impl Iterator<Item = Entry<'e>>) -> (Writer, usize) {
    let (mut out, mut count) = (Writer::default(), 0);
    let mut open: Vec<Entry<'e>> = Vec::new();
    let mut bytes = 0;
    for entry in entries {
        let size: usize = entry.pairs().map(|(field, value)| len(field) + len(value)).sum();
        if !open.is_empty() && (open.len() >= MOST_ENTRIES || bytes + size > MOST_BYTES) {
            listpack(&open, &mut out);
            count += 1;
            bytes = 0;
            open.clear();
        }
        open.push(entry);
        bytes += size;
    }
    if !open.is_empty() {
        listpack(&open, &mut out);
        count += 1;
    }
    (out, count)
}

fn len(piece: Piece<'_>) -> usize {
    match piece {
        Piece::Bytes(bytes) => bytes.len(),
        Piece::Int(_) => size_of::<i64>(),
    }
}

fn push(piece: Piece<'_>, out: &mut Builder) {
    match piece {
        Piece::Bytes(bytes) => out.push(bytes),
        Piece::Int(n) => out.push_int(n),
    }
}

/// One listpack: the fields of the first entry, then all entries, those with the same fields without them.
fn listpack(entries: &[Entry<'_>], out: &mut Writer) {
    let Some(first) = entries.first() else { return };
    let mut pack = Builder::default();
    pack.push_int(entries.len() as i64);
    pack.push_int(0);
    pack.push_int(first.len as i64);
    first.pairs().for_each(|(field, _)| push(field, &mut pack));
    pack.push_int(0);
    for entry in entries {
        let same = entry.len == first.len && entry.pairs().zip(first.pairs()).all(|(a, b)| a.0 == b.0);
        pack.push_int(if same { 2 } else { 0 });
        pack.push_int(entry.id.ms.wrapping_sub(first.id.ms) as i64);
        pack.push_int(entry.id.seq.wrapping_sub(first.id.seq) as i64);
        let elements = if same {
            entry.pairs().for_each(|(_, value)| push(value, &mut pack));
            entry.len + 3
        } else {
            pack.push_int(entry.len as i64);
            entry.pairs().for_each(|(field, value)| {
                push(field, &mut pack);
                push(value, &mut pack);
            });
            2 * entry.len + 4
        };
        pack.push_int(elements as i64);
    }
    out.plain(&raw_id(first.id));
    out.plain(&pack.finish());
}

fn write_group(group: &Group, out: &mut Writer) {
    id(group.last, out);
    out.number(group.read.unwrap_or(-1) as u64);
    out.count(group.pending_len());
    for (id, pending) in group.pending_from(Id::MIN) {
        out.raw(&raw_id(id));
        out.raw(&pending.time.to_le_bytes());
        out.number(pending.count as u64);
    }
    out.count(group.consumer_count());
    for consumer in group.consumers() {
        out.string(&consumer.name);
        out.raw(&consumer.seen.to_le_bytes());
        out.raw(&consumer.active.to_le_bytes());
        out.count(consumer.pending());
        consumer.ids_from(Id::MIN).for_each(|id| out.raw(&raw_id(id)));
    }
}
