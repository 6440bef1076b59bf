//! Streams.

use super::super::kind;
use super::super::listpack::Builder;
use super::super::version::{ACTIVE_TIMES, COMMON};
use super::super::writer::Writer;
use crate::sink::{ConsumerHead, Counts, GroupHead, Id, PendingEntry};

/// Entries of one listpack, and bytes that it is filled with.
const MOST_ENTRIES: usize = 100;
const MOST_BYTES: usize = 4096;

/// What was told of a stream.
#[derive(Default)]
pub(super) struct Stream {
    packs: Writer,
    pack_count: usize,
    /// Entries that are in no listpack yet, and the parts of all of them in one run.
    open: Vec<Entry>,
    parts: Vec<u8>,
    /// Bytes of the entries before the last one.
    before_last: usize,
    len: usize,
    first: Id,
    counts: Counts,
    groups: Vec<Group>,
}

struct Entry {
    id: Id,
    /// Where its parts end.
    ends: Vec<usize>,
    start: usize,
}

struct Group {
    name: Vec<u8>,
    last: Id,
    read: Option<i64>,
    pending: Vec<PendingEntry>,
    consumers: Vec<Consumer>,
}

struct Consumer {
    name: Vec<u8>,
    seen: i64,
    active: i64,
    ids: Vec<Id>,
}

fn id(id: Id, out: &mut Writer) {
    out.number(id.ms);
    out.number(id.seq);
}

impl Entry {
    /// Its parts in turn.
    fn parts<'p>(&'p self, all: &'p [u8]) -> impl Iterator<Item = &'p [u8]> {
        let starts = std::iter::once(&self.start).chain(&self.ends);
        starts.zip(&self.ends).map(|(&start, &end)| &all[start..end])
    }

    fn fields<'p>(&'p self, all: &'p [u8]) -> impl Iterator<Item = &'p [u8]> {
        self.parts(all).step_by(2)
    }

    fn values<'p>(&'p self, all: &'p [u8]) -> impl Iterator<Item = &'p [u8]> {
        self.parts(all).skip(1).step_by(2)
    }
}

impl Stream {
    pub(super) fn entry(&mut self, id: Id, parts: usize) {
        if self.len == 0 {
            self.first = id;
        }
        self.len += 1;
        self.settle();
        self.before_last = self.parts.len();
        // What was said of the number of parts is no reason to make room for them.
        let ends = Vec::with_capacity(parts.min(MOST_ENTRIES));
        self.open.push(Entry { id, ends, start: self.parts.len() });
    }

    pub(super) fn part(&mut self, bytes: &[u8]) {
        self.parts.extend_from_slice(bytes);
        if let Some(entry) = self.open.last_mut() {
            entry.ends.push(self.parts.len());
        }
    }

    /// Once an entry is whole: if it was one too many for the listpack, that ends before it.
    fn settle(&mut self) {
        if self.open.len() > 1 && (self.open.len() > MOST_ENTRIES || self.parts.len() > MOST_BYTES) {
            let last = self.open.split_off(self.open.len() - 1);
            self.put_pack();
            self.parts.drain(..self.before_last);
            let shift = self.before_last;
            self.open = last;
            for entry in &mut self.open {
                entry.start -= shift;
                entry.ends.iter_mut().for_each(|end| *end -= shift);
            }
            self.before_last = 0;
        }
    }

    /// One listpack: the fields of the first entry, then all entries, those with the same fields without them.
    fn put_pack(&mut self) {
        let entries = std::mem::take(&mut self.open);
        let Some(first) = entries.first() else { return };
        let mut pack = Builder::default();
        pack.push_int(entries.len() as i64);
        pack.push_int(0);
        pack.push_int(first.ends.len() as i64 / 2);
        first.fields(&self.parts).for_each(|field| pack.push(field));
        pack.push_int(0);
        for entry in &entries {
            put_entry(entry, first, &self.parts, &mut pack);
        }
        self.packs.plain(&first.id.to_bytes());
        self.packs.plain(&pack.finish());
        self.pack_count += 1;
    }

    pub(super) fn counts(&mut self, counts: Counts) {
        self.counts = counts;
    }

    pub(super) fn group(&mut self, group: GroupHead<'_>) {
        let GroupHead { name, last, read } = group;
        let (pending, consumers) = (Vec::new(), Vec::new());
        self.groups.push(Group { name: name.to_vec(), last, read, pending, consumers });
    }

    pub(super) fn consumer(&mut self, consumer: ConsumerHead<'_>) {
        let ConsumerHead { name, seen, active } = consumer;
        if let Some(group) = self.groups.last_mut() {
            group.consumers.push(Consumer { name: name.to_vec(), seen, active, ids: Vec::new() });
        }
    }

    pub(super) fn pending(&mut self, pending: PendingEntry) {
        if let Some(group) = self.groups.last_mut()
            && let Some(consumer) = group.consumers.last_mut()
        {
            consumer.ids.push(pending.id);
            group.pending.push(pending);
        }
    }

    /// Writes the kind and the value. Returns the version of the format that this needs.
    pub(super) fn finish(mut self, with_active: bool, out: &mut Writer) -> u16 {
        self.settle();
        self.put_pack();
        // Without a consumer there is nothing that the older form leaves out.
        let with_active = with_active && self.groups.iter().any(|group| !group.consumers.is_empty());
        out.raw(&[if with_active { kind::STREAM_LISTPACKS_3 } else { kind::STREAM_LISTPACKS_2 }]);
        out.count(self.pack_count);
        out.raw(&self.packs.0);
        out.count(self.len);
        id(self.counts.last, out);
        id(self.first, out);
        id(self.counts.max_deleted, out);
        out.number(self.counts.added);
        out.count(self.groups.len());
        self.groups.iter_mut().for_each(|group| group.put(with_active, out));
        if with_active { ACTIVE_TIMES } else { COMMON }
    }
}

fn put_entry(entry: &Entry, first: &Entry, parts: &[u8], pack: &mut Builder) {
    let same = entry.ends.len() == first.ends.len()
        && entry.fields(parts).zip(first.fields(parts)).all(|(a, b)| a == b);
    pack.push_int(if same { 2 } else { 0 });
    pack.push_int(entry.id.ms.wrapping_sub(first.id.ms) as i64);
    pack.push_int(entry.id.seq.wrapping_sub(first.id.seq) as i64);
    let len = entry.ends.len() / 2;
    let elements = if same {
        entry.values(parts).for_each(|value| pack.push(value));
        len + 3
    } else {
        pack.push_int(len as i64);
        entry.parts(parts).for_each(|part| pack.push(part));
        2 * len + 4
    };
    pack.push_int(elements as i64);
}

impl Group {
    fn put(&mut self, with_active: bool, out: &mut Writer) {
        out.string(&self.name);
        id(self.last, out);
        out.number(self.read.unwrap_or(-1) as u64);
        self.pending.sort_unstable_by_key(|pending| pending.id);
        out.count(self.pending.len());
        for pending in &self.pending {
            out.raw(&pending.id.to_bytes());
            out.raw(&pending.time.to_le_bytes());
            out.number(pending.count as u64);
        }
        out.count(self.consumers.len());
        for consumer in &self.consumers {
            out.string(&consumer.name);
            out.raw(&consumer.seen.to_le_bytes());
            if with_active {
                out.raw(&consumer.active.to_le_bytes());
            }
            out.count(consumer.ids.len());
            consumer.ids.iter().for_each(|id| out.raw(&id.to_bytes()));
        }
    }
}
