//! A block: some neighbouring entries in one allocation.
//!
//! ```text
//! | fields of the first entry | entry | entry | … |
//! entry: | size | ms - first.ms | seq - first.seq | own fields | pieces | size, readable from behind |
//! ```
//!
//! An entry with the fields of the block's first one (`own fields` = 0) has only values; others have their number of fields
//! there, and fields and values in turn. `size` counts what is between the two sizes. A deleted entry is cut out; it still
//! counts for when the block is full, as in Redis.

use super::piece::{
    Pieces, make_room, put_number, put_number_back, put_piece, room_for, take_number, take_number_back,
    unzigzag, zigzag,
};
use super::{Id, Piece, weight};
use crate::store::memory::class_size;

/// How large a block may be.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// `stream-node-max-bytes`; 0 = as many as there may be.
    pub bytes: usize,
    /// `stream-node-max-entries`; 0 = any number.
    pub entries: usize,
}

/// No block grows beyond this, as no listpack of Redis's streams does; an offset in it fits 32 bits.
const MOST_BYTES: usize = 1 << 30;
/// Bytes of an entry beside its pieces, at most.
const AROUND: usize = 5 + 10 + 10 + 5 + 5;
/// Blocks of less capacity than this are not made smaller when entries go.
const SMALL: usize = 64;

/// Fields and values in turn, as XADD has them.
pub trait Pairs<'a>: ExactSizeIterator<Item = &'a [u8]> + Clone {}
impl<'a, T: ExactSizeIterator<Item = &'a [u8]> + Clone> Pairs<'a> for T {}

/// Some entries.
#[derive(Clone)]
pub(super) struct Block {
    buf: Vec<u8>,
    /// Where the entries begin.
    start: u32,
    count: u32,
    deleted: u32,
    /// What Redis would count for it, without the counters at its head.
    weight: u32,
}

/// An entry of a block.
#[derive(Clone, Copy)]
pub struct Entry<'b> {
    /// Its id.
    pub id: Id,
    /// Fields that it has.
    pub len: usize,
    /// The fields, when they are the block's.
    shared: Option<Pieces<'b>>,
    pieces: Pieces<'b>,
}

impl<'b> Entry<'b> {
    /// Fields with values, in their order.
    #[inline]
    pub fn pairs(self) -> impl Iterator<Item = (Piece<'b>, Piece<'b>)> {
        let (mut shared, mut pieces) = (self.shared, self.pieces);
        std::iter::from_fn(move || {
            let field = shared.as_mut().unwrap_or(&mut pieces).next()?;
            Some((field, pieces.next()?))
        })
    }
}

/// The entries of a block, from either end.
#[derive(Clone)]
pub(super) struct Walk<'b> {
    first: Id,
    shared: Pieces<'b>,
    shared_count: usize,
    rest: &'b [u8],
}

impl<'b> Walk<'b> {
    #[inline]
    fn entry(&self, mut body: &'b [u8]) -> Entry<'b> {
        let ms = self.first.ms.wrapping_add(take_number(&mut body));
        let seq = self.first.seq.wrapping_add(unzigzag(take_number(&mut body)) as u64);
        let own = take_number(&mut body) as usize;
        let (len, shared) = if own == 0 { (self.shared_count, Some(self.shared)) } else { (own, None) };
        Entry { id: Id { ms, seq }, len, shared, pieces: Pieces(body) }
    }
}

impl<'b> Iterator for Walk<'b> {
    type Item = Entry<'b>;

    #[inline]
    fn next(&mut self) -> Option<Entry<'b>> {
        if self.rest.is_empty() {
            return None;
        }
        let before = self.rest.len();
        let size = take_number(&mut self.rest) as usize;
        let length = before - self.rest.len();
        let (body, rest) = self.rest.split_at(size);
        self.rest = &rest[length..];
        Some(self.entry(body))
    }
}

impl<'b> DoubleEndedIterator for Walk<'b> {
    #[inline]
    fn next_back(&mut self) -> Option<Entry<'b>> {
        if self.rest.is_empty() {
            return None;
        }
        let before = self.rest.len();
        let size = take_number_back(&mut self.rest) as usize;
        let length = before - self.rest.len();
        let (rest, body) = self.rest.split_at(self.rest.len() - size);
        self.rest = &rest[..rest.len() - length];
        Some(self.entry(body))
    }
}

impl Block {
    /// An empty block for entries with these fields, the first one's.
    pub(super) fn new<'a>(pairs: impl Pairs<'a>) -> Self {
        let count = pairs.len() / 2;
        let room: usize = pairs.clone().map(|piece| room_for(piece.len())).sum();
        let mut buf = Vec::with_capacity(class_size(room + 10 + AROUND));
        put_number(&mut buf, count as u64);
        let mut weight = weight::FRAME + weight::of_int(count as i64) + weight::of_int(0);
        for field in pairs.step_by(2) {
            weight += put_piece(&mut buf, field);
        }
        Self { start: buf.len() as u32, buf, count: 0, deleted: 0, weight: weight as u32 }
    }

    /// Entries in it, at least one but while it is made.
    #[inline]
    pub(super) fn count(&self) -> usize {
        self.count as usize
    }

    /// Bytes of its allocation.
    pub(super) fn size(&self) -> usize {
        class_size(self.buf.capacity())
    }

    /// Whether it has room for an entry with `bytes` bytes of fields and values.
    #[inline]
    pub(super) fn has_room(&self, bytes: usize, limit: Limit) -> bool {
        let most = if limit.bytes == 0 { MOST_BYTES } else { limit.bytes.min(MOST_BYTES) };
        let counters = weight::of_int(self.count.into()) + weight::of_int(self.deleted.into());
        let entries = self.count as usize + self.deleted as usize;
        self.weight as usize + counters + bytes < most && (limit.entries == 0 || entries < limit.entries)
    }

    /// The entries. `first` is the block's name.
    #[inline]
    pub(super) fn walk(&self, first: Id) -> Walk<'_> {
        let (mut shared, rest) = self.buf.split_at(self.start as usize);
        let shared_count = take_number(&mut shared) as usize;
        Walk { first, shared: Pieces(shared), shared_count, rest }
    }

    /// Adds an entry after the last.
    pub(super) fn push<'a>(&mut self, first: Id, id: Id, pairs: impl Pairs<'a>) {
        let own = if self.has_fields(first, pairs.clone()) { 0 } else { pairs.len() / 2 };
        let room: usize = pairs.clone().map(|piece| room_for(piece.len())).sum();
        make_room(&mut self.buf, room + AROUND);
        let at = self.buf.len();
        // One byte for the size, which is mostly enough.
        self.buf.push(0);
        let (ms, seq) = (id.ms.wrapping_sub(first.ms), id.seq.wrapping_sub(first.seq) as i64);
        put_number(&mut self.buf, ms);
        put_number(&mut self.buf, zigzag(seq));
        put_number(&mut self.buf, own as u64);
        let mut weight = weight::of_int(0) + weight::of_int(ms as i64) + weight::of_int(seq);
        for (i, piece) in pairs.clone().enumerate() {
            if own > 0 || i % 2 == 1 {
                weight += put_piece(&mut self.buf, piece);
            }
        }
        self.close(at);
        let elements = if own > 0 { 2 * own + 4 } else { pairs.len() / 2 + 3 };
        weight += weight::of_int(elements as i64) + if own > 0 { weight::of_int(own as i64) } else { 0 };
        self.weight += weight as u32;
        self.count += 1;
    }

    /// Puts the sizes around what was written after the byte at `at`.
    fn close(&mut self, at: usize) {
        let size = (self.buf.len() - at - 1) as u64;
        if size < 0x80 {
            self.buf[at] = size as u8;
            self.buf.push(size as u8);
            return;
        }
        let mut number = Vec::with_capacity(10);
        put_number(&mut number, size);
        self.buf.splice(at..=at, number);
        put_number_back(&mut self.buf, size);
    }

    /// Whether these pairs have the fields of the first entry.
    #[inline]
    fn has_fields<'a>(&self, first: Id, pairs: impl Pairs<'a>) -> bool {
        let walk = self.walk(first);
        walk.shared_count == pairs.len() / 2
            && pairs.step_by(2).zip(walk.shared).all(|(field, shared)| shared.is(field))
    }

    /// Takes an entry out. Whether it was there.
    pub(super) fn remove(&mut self, first: Id, id: Id) -> bool {
        let mut walk = self.walk(first);
        let (mut from, mut entry) = (walk.rest.len(), walk.next());
        while entry.is_some_and(|entry| entry.id < id) {
            (from, entry) = (walk.rest.len(), walk.next());
        }
        if entry.is_none_or(|entry| entry.id != id) {
            return false;
        }
        let (from, to) = (self.buf.len() - from, self.buf.len() - walk.rest.len());
        self.cut(from, to, 1);
        true
    }

    /// Takes the first entries out, as long as `is` says so. How many.
    pub(super) fn remove_while(&mut self, first: Id, mut is: impl FnMut(Id) -> bool) -> usize {
        let (mut walk, mut removed) = (self.walk(first), 0);
        let mut left = walk.rest.len();
        while walk.next().is_some_and(|entry| is(entry.id)) {
            left = walk.rest.len();
            removed += 1;
        }
        let to = self.buf.len() - left;
        self.cut(self.start as usize, to, removed);
        removed
    }

    fn cut(&mut self, from: usize, to: usize, entries: usize) {
        self.buf.drain(from..to);
        self.count -= entries as u32;
        self.deleted += entries as u32;
        if self.buf.capacity() > SMALL && self.buf.len() < self.buf.capacity() / 4 {
            self.fit();
        }
    }

    /// Gives spare capacity back: nothing is added any more.
    pub(super) fn fit(&mut self) {
        if self.size() > class_size(self.buf.len()) {
            self.buf.shrink_to(class_size(self.buf.len()));
        }
    }
}
