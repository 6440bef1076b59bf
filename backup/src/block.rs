//! Records on their way into a file: filled in memory, under whatever lock the caller has; compressed and written without it.

use crate::format::{AGAIN, COMPRESSED, CONTINUES, Header, kind};
use crate::number::{put, put_bytes, put_signed};
use crate::schema::{COUNTED, id, part};
use crate::sink::{Begin, ConsumerHead, Counts, GroupHead, Id, PendingEntry, Sink, Taken};
use std::borrow::Cow;
use std::io::{self, Write};
use std::ops::Range;

/// Bytes from which on a block of the file is full: what is read, checked and decompressed at once.
const CHUNK: usize = 1 << 20;
/// Bytes from which on a collection goes on in another record, so that who reads it need not hold all of it.
const PART: usize = 16 << 20;
/// Fewer bytes are not worth compressing.
const LEAST_COMPRESSED: usize = 64;
/// Bytes before a record's columns: its type and their length.
const RECORD_HEAD: usize = 5;

/// The slot of a block whose keys are of several.
pub const ANY_SLOT: u16 = u16::MAX;

/// Records of one slot. It is filled, given to a [`Writer`](crate::Writer), which empties it, and filled again.
#[derive(Debug, Default)]
pub struct Block {
    slot: u16,
    again: bool,
    raw: Vec<u8>,
    /// What becomes blocks of the file; records behind the last of them are not in one yet.
    chunks: Vec<Chunk>,
    /// Records behind the last chunk.
    records: u32,
    /// Values, by the id of their type.
    pub(crate) counts: [u64; COUNTED],
    packed: Vec<u8>,
    sealed: bool,
    /// Something in it is longer than the format can say.
    too_long: bool,
}

#[derive(Debug)]
struct Chunk {
    end: usize,
    records: u32,
    /// It ends within a value.
    within: bool,
    crc: u32,
    /// Where its compressed bytes are, if these are fewer.
    packed: Option<Range<usize>>,
}

impl Block {
    /// For keys of a slot, or of [`any`](ANY_SLOT), that are in no block yet.
    pub fn new(slot: u16) -> Self {
        Self { slot, ..Self::default() }
    }

    /// For keys of a slot that may be in earlier blocks, too: what is written last counts.
    pub fn again(slot: u16) -> Self {
        Self { slot, again: true, ..Self::default() }
    }

    /// With these bytes for records, whatever they are.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn of_raw(raw: &[u8]) -> Self {
        Self { raw: raw.to_vec(), ..Self::default() }
    }

    /// Makes an empty block one of another slot.
    pub fn set_slot(&mut self, slot: u16, again: bool) {
        (self.slot, self.again) = (slot, again);
    }

    /// Bytes in it, before they are compressed.
    pub fn len(&self) -> usize {
        self.raw.len()
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// Forgets what is in it, and keeps its memory.
    pub fn clear(&mut self) {
        self.raw.clear();
        self.packed.clear();
        self.chunks.clear();
        (self.records, self.counts, self.sealed, self.too_long) = (0, [0; COUNTED], false, false);
    }

    /// A string, and when its key expires in milliseconds since 1970.
    #[inline]
    pub fn string(&mut self, db: u32, key: &[u8], expiry: Option<u64>, value: &[u8]) {
        let start = self.begin(id::STRING);
        put(&mut self.raw, db.into());
        put_bytes(&mut self.raw, key);
        put(&mut self.raw, time(expiry));
        put_bytes(&mut self.raw, value);
        self.end(start, id::STRING);
    }

    /// A key that is no longer there, though an earlier block has it.
    pub fn gone(&mut self, db: u32, key: &[u8]) {
        let start = self.begin(id::GONE);
        put(&mut self.raw, db.into());
        put_bytes(&mut self.raw, key);
        self.end(start, id::GONE);
    }

    /// A library of functions.
    pub fn library(&mut self, code: &[u8]) {
        let start = self.begin(id::LIBRARY);
        put_bytes(&mut self.raw, code);
        self.end(start, id::LIBRARY);
    }

    /// A value of any type, which is told to what is returned. If that is dropped before the value's end, nothing of it stays.
    pub fn entry<'b>(&'b mut self, db: u32, key: &'b [u8], expiry: Option<u64>) -> Entry<'b> {
        let start = self.raw.len();
        Entry {
            block: self,
            db,
            key,
            expiry,
            kind: 0,
            first: None,
            start,
            first_start: start,
            rows: Vec::new(),
            ends: Vec::new(),
            done: false,
        }
    }

    #[inline]
    fn begin(&mut self, kind: u8) -> usize {
        debug_assert!(!self.sealed, "it was sealed, and is not written yet");
        let start = self.raw.len();
        self.raw.extend_from_slice(&[kind, 0, 0, 0, 0]);
        start
    }

    #[inline]
    fn end(&mut self, start: usize, kind: u8) {
        self.close(start);
        self.counts[usize::from(kind)] += 1;
        self.count(self.raw.len(), false);
    }

    /// Says how long a record is.
    #[inline]
    fn close(&mut self, start: usize) {
        self.patch(start + 1, self.raw.len() - start - RECORD_HEAD);
    }

    #[inline]
    fn patch(&mut self, at: usize, n: usize) {
        let n = u32::try_from(n).unwrap_or_else(|_| {
            self.too_long = true;
            0
        });
        self.raw[at..at + 4].copy_from_slice(&n.to_le_bytes());
    }

    /// Counts a record that ends there, and whether the next one continues its value.
    #[inline]
    fn count(&mut self, end: usize, within: bool) {
        self.records += 1;
        let start = self.chunks.last().map_or(0, |chunk| chunk.end);
        if end - start >= CHUNK {
            self.cut(end, within);
        }
    }

    fn cut(&mut self, end: usize, within: bool) {
        let records = std::mem::take(&mut self.records);
        self.chunks.push(Chunk { end, records, within, crc: 0, packed: None });
    }

    /// Compresses what can be, and computes the checksums. The writer does it if nobody did; done before, by whichever
    /// thread has time, it leaves the writer nothing but writing.
    pub fn seal(&mut self, compress: bool) {
        if std::mem::replace(&mut self.sealed, true) {
            return;
        }
        let end = self.raw.len();
        if self.chunks.last().map_or(0, |chunk| chunk.end) < end {
            self.cut(end, false);
        }
        let mut start = 0;
        for chunk in &mut self.chunks {
            let raw = &self.raw[start..chunk.end];
            chunk.packed = if compress { compressed(raw, &mut self.packed) } else { None };
            let stored = chunk.packed.clone().map_or(raw, |packed| &self.packed[packed]);
            chunk.crc = crc32fast::hash(stored);
            start = chunk.end;
        }
    }

    /// Writes it as blocks whose numbers begin with `number`, and returns how many they are and their bytes.
    pub(crate) fn write(&self, out: &mut impl Write, number: u32) -> io::Result<Stored> {
        let (mut start, mut stored, mut within) = (0, Stored::default(), false);
        for (at, chunk) in self.chunks.iter().enumerate() {
            let raw = &self.raw[start..chunk.end];
            let (body, flag) = match chunk.packed.clone() {
                Some(packed) => (&self.packed[packed], COMPRESSED),
                None => (raw, 0),
            };
            let (Ok(length), Ok(raw_length), false) =
                (u32::try_from(body.len()), u32::try_from(raw.len()), self.too_long)
            else {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "a value is longer than 4 GiB"));
            };
            let header = Header {
                kind: kind::RECORDS,
                flags: flag | if self.again { AGAIN } else { 0 } | if within { CONTINUES } else { 0 },
                slot: self.slot,
                stored: length,
                raw: raw_length,
                records: chunk.records,
                number: number + at as u32,
                crc: chunk.crc,
            };
            let header = header.to_bytes();
            out.write_all(&header)?;
            out.write_all(body)?;
            stored.blocks += 1;
            stored.bytes += (header.len() + body.len()) as u64;
            stored.records += u64::from(chunk.records);
            (start, within) = (chunk.end, chunk.within);
        }
        Ok(stored)
    }
}

/// What was written of a block.
#[derive(Default)]
pub(crate) struct Stored {
    pub(crate) blocks: u32,
    pub(crate) bytes: u64,
    pub(crate) records: u64,
}

/// Appends the bytes compressed, and says where, if that makes them fewer.
pub(crate) fn compressed(raw: &[u8], out: &mut Vec<u8>) -> Option<Range<usize>> {
    if raw.len() < LEAST_COMPRESSED {
        return None;
    }
    let start = out.len();
    out.resize(start + lz4_flex::block::get_maximum_output_size(raw.len()), 0);
    let length = lz4_flex::block::compress_into(raw, &mut out[start..]).unwrap_or(raw.len());
    let saved = length < raw.len();
    out.truncate(if saved { start + length } else { start });
    saved.then_some(start..start + length)
}

/// How a time is written: 0 stands for none.
#[inline]
fn time(expiry: Option<u64>) -> u64 {
    expiry.map_or(0, |at| at.max(1))
}

/// A value that is being told to a block.
#[derive(Debug)]
pub struct Entry<'b> {
    block: &'b mut Block,
    db: u32,
    key: &'b [u8],
    expiry: Option<u64>,
    /// The id of its type.
    kind: u8,
    first: Option<u64>,
    /// Where its last record begins.
    start: usize,
    /// Where its first one begins.
    first_start: usize,
    /// Rows that are open, from the outside in.
    rows: Vec<OpenRows>,
    /// Where its records before the last one end.
    ends: Vec<usize>,
    done: bool,
}

#[derive(Debug)]
struct OpenRows {
    at: usize,
    count: usize,
}

impl Entry<'_> {
    fn open(&mut self, part: u64) {
        self.start = self.block.begin(self.kind);
        let raw = &mut self.block.raw;
        put(raw, self.db.into());
        put_bytes(raw, self.key);
        put(raw, time(self.expiry));
        put(raw, part);
        if self.kind == id::HASH {
            put(raw, time(self.first));
        }
        self.open_rows();
    }

    fn open_rows(&mut self) {
        self.rows.push(OpenRows { at: self.block.raw.len(), count: 0 });
        self.block.raw.extend_from_slice(&[0; 8]);
    }

    fn close_rows(&mut self) {
        let Some(OpenRows { at, count }) = self.rows.pop() else { return };
        self.block.patch(at, self.block.raw.len() - at - 4);
        self.block.patch(at + 4, count);
    }

    /// Closes rows until only so many are open.
    fn close_rows_to(&mut self, depth: usize) {
        while self.rows.len() > depth {
            self.close_rows();
        }
    }

    /// Counts one more row of the innermost rows.
    #[inline]
    fn row(&mut self) -> &mut Vec<u8> {
        if let Some(rows) = self.rows.last_mut() {
            rows.count += 1;
        }
        &mut self.block.raw
    }

    /// Before a row of the outermost rows: goes on in a new record if this one is long enough.
    #[inline]
    fn make_room(&mut self) {
        if self.block.raw.len() - self.start >= PART {
            self.go_on();
        }
    }

    #[cold]
    fn go_on(&mut self) {
        self.close_rows_to(0);
        if self.kind == id::STREAM {
            self.put_counts(Counts::default());
            self.open_rows();
            self.close_rows();
        }
        // Which parts of a value a record has stands right behind what is the same in all of them.
        let mut head = Vec::new();
        put(&mut head, self.db.into());
        put_bytes(&mut head, self.key);
        put(&mut head, time(self.expiry));
        self.block.raw[self.start + RECORD_HEAD + head.len()] |= part::MORE as u8;
        self.block.close(self.start);
        self.ends.push(self.block.raw.len());
        self.open(part::CONTINUES);
    }

    fn put_counts(&mut self, counts: Counts) {
        let raw = &mut self.block.raw;
        for n in
            [counts.last.ms, counts.last.seq, counts.max_deleted.ms, counts.max_deleted.seq, counts.added]
        {
            put(raw, n);
        }
    }
}

impl Sink for Entry<'_> {
    fn string(&mut self, bytes: Cow<'_, [u8]>) -> Taken {
        self.block.string(self.db, self.key, self.expiry, &bytes);
        self.done = true;
        Ok(())
    }

    fn begin(&mut self, what: Begin) -> Taken {
        self.kind = match what {
            Begin::List => id::LIST,
            Begin::Set { .. } => id::SET,
            Begin::Hash { first, .. } => {
                self.first = first;
                id::HASH
            }
            Begin::SortedSet { .. } => id::SORTED_SET,
            Begin::Stream => id::STREAM,
        };
        self.open(0);
        Ok(())
    }

    #[inline]
    fn element(&mut self, bytes: &[u8]) -> Taken {
        self.make_room();
        put_bytes(self.row(), bytes);
        Ok(())
    }

    #[inline]
    fn field(&mut self, field: &[u8], value: &[u8], expiry: Option<u64>) -> Taken {
        self.make_room();
        let raw = self.row();
        put_bytes(raw, field);
        put_bytes(raw, value);
        put(raw, time(expiry));
        Ok(())
    }

    #[inline]
    fn scored(&mut self, member: &[u8], score: f64) -> Taken {
        self.make_room();
        let raw = self.row();
        put_bytes(raw, member);
        raw.extend_from_slice(&score.to_le_bytes());
        Ok(())
    }

    fn entry(&mut self, id: Id, _parts: usize) -> Taken {
        self.close_rows_to(1);
        self.make_room();
        let raw = self.row();
        put(raw, id.ms);
        put(raw, id.seq);
        self.open_rows();
        Ok(())
    }

    #[inline]
    fn part(&mut self, bytes: &[u8]) -> Taken {
        put_bytes(self.row(), bytes);
        Ok(())
    }

    fn counts(&mut self, counts: Counts) -> Taken {
        self.close_rows_to(0);
        self.put_counts(counts);
        self.open_rows();
        Ok(())
    }

    fn group(&mut self, group: GroupHead<'_>) -> Taken {
        self.close_rows_to(1);
        let raw = self.row();
        put_bytes(raw, group.name);
        put(raw, group.last.ms);
        put(raw, group.last.seq);
        put_signed(raw, group.read.unwrap_or(-1));
        self.open_rows();
        Ok(())
    }

    fn consumer(&mut self, consumer: ConsumerHead<'_>) -> Taken {
        self.close_rows_to(2);
        let raw = self.row();
        put_bytes(raw, consumer.name);
        put_signed(raw, consumer.seen);
        put_signed(raw, consumer.active);
        self.open_rows();
        Ok(())
    }

    fn pending(&mut self, pending: PendingEntry) -> Taken {
        let raw = self.row();
        put(raw, pending.id.ms);
        put(raw, pending.id.seq);
        put_signed(raw, pending.time);
        put_signed(raw, pending.count);
        Ok(())
    }

    fn end(&mut self) -> Taken {
        self.close_rows_to(0);
        for end in std::mem::take(&mut self.ends) {
            self.block.count(end, true);
        }
        self.block.end(self.start, self.kind);
        self.done = true;
        Ok(())
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.block.raw.truncate(self.first_start);
        }
    }
}
