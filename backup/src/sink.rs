//! What takes a value, part by part.

use crate::{Corrupt, Read};
use std::borrow::Cow;

/// Whether a part was taken: it is refused if no value can have it there.
pub type Taken = Read<()>;

/// What a stream's entry is called. Ids of a stream only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id {
    /// Milliseconds since 1970, unless the client chose otherwise.
    pub ms: u64,
    /// Tells entries of one millisecond apart.
    pub seq: u64,
}

/// What kind of collection follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// A list, of elements.
    List,
    /// A set, of elements.
    Set {
        /// How many.
        len: usize,
    },
    /// A hash, of fields.
    Hash {
        /// How many.
        len: usize,
        /// With fields that may expire: a time that is not later than that of any of them.
        first: Option<u64>,
    },
    /// A sorted set, of members with scores.
    SortedSet {
        /// How many.
        len: usize,
    },
    /// A stream, of entries, then its counts, then groups.
    Stream,
}

/// What a stream knows beside its entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The last id that was given.
    pub last: Id,
    /// The largest id that was deleted by name.
    pub max_deleted: Id,
    /// Entries that were ever added.
    pub added: u64,
}

/// A consumer group; its consumers follow.
#[derive(Clone, Copy, Debug)]
pub struct GroupHead<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// The last entry that was delivered.
    pub last: Id,
    /// How many entries of all that were ever added come up to that one, if it is known.
    pub read: Option<i64>,
}

/// A consumer of the group; what it has pending follows, in the order of the ids.
#[derive(Clone, Copy, Debug)]
pub struct ConsumerHead<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// When it asked last, in milliseconds since 1970.
    pub seen: i64,
    /// When it got something last, in milliseconds since 1970; -1 = never.
    pub active: i64,
}

/// An entry that was delivered to the consumer, and not acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PendingEntry {
    /// Its id.
    pub id: Id,
    /// When it was delivered last, in milliseconds since 1970.
    pub time: i64,
    /// How many times.
    pub count: i64,
}

/// Takes one value: a string, or the beginning, the parts in their order, and the end of a collection.
pub trait Sink {
    /// A string, which is all of a value.
    fn string(&mut self, bytes: Cow<'_, [u8]>) -> Taken;
    /// The beginning of a collection.
    fn begin(&mut self, what: Begin) -> Taken;
    /// An element of a list or a set.
    fn element(&mut self, bytes: &[u8]) -> Taken;
    /// A field of a hash, and when it expires in milliseconds since 1970.
    fn field(&mut self, field: &[u8], value: &[u8], expiry: Option<u64>) -> Taken;
    /// A member of a sorted set, whose score is not NaN.
    fn scored(&mut self, member: &[u8], score: f64) -> Taken;
    /// An entry of a stream, of which so many fields and values in turn follow.
    fn entry(&mut self, id: Id, parts: usize) -> Taken;
    /// A field or a value of the entry.
    fn part(&mut self, bytes: &[u8]) -> Taken;
    /// The stream's counts, after all its entries.
    fn counts(&mut self, counts: Counts) -> Taken;
    /// A group, after the counts.
    fn group(&mut self, group: GroupHead<'_>) -> Taken;
    /// A consumer of the last group.
    fn consumer(&mut self, consumer: ConsumerHead<'_>) -> Taken;
    /// What the last consumer has pending.
    fn pending(&mut self, pending: PendingEntry) -> Taken;
    /// The end of the collection.
    fn end(&mut self) -> Taken;
}

impl Id {
    /// An id.
    pub const fn new(ms: u64, seq: u64) -> Self {
        Self { ms, seq }
    }

    /// As Redis writes it in RDB files: sixteen bytes, the highest first.
    pub(crate) fn to_bytes(self) -> [u8; 16] {
        (u128::from(self.ms) << 64 | u128::from(self.seq)).to_be_bytes()
    }

    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        let both = u128::from_be_bytes(bytes);
        Self::new((both >> 64) as u64, both as u64)
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

impl std::fmt::Display for Corrupt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the bytes are no value")
    }
}

impl std::error::Error for Corrupt {}
