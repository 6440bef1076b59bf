//! Values in the encoding of Redis's RDB files: what DUMP gives and RESTORE takes, so that values can be exchanged with
//! Redis and Valkey both ways. Bytes in, values out: no files, no clock.
//!
//! Every form that Redis up to 7.2 and Valkey 8 write is read, and the hashes with field times of Redis 7.4; what is
//! written is the plainest form that they all read, see [`save`]. Nothing that comes in is trusted: lengths are compared with
//! the bytes that are there before anything is allocated.

mod crc64;
mod intset;
mod libraries;
mod listpack;
mod load;
mod lzf;
mod payload;
mod reader;
mod save;
mod writer;
mod ziplist;

pub use libraries::{dump_libraries, restore_libraries};
pub use load::{Loaded, Shape};
#[cfg(any(test, fuzzing))]
pub(crate) use payload::{FOOTER, sealed};
pub use payload::{Refusal, dump, restore};

/// The bytes are no value.
#[derive(Debug, PartialEq, Eq)]
pub struct Corrupt;

/// A result of reading.
type Read<T> = Result<T, Corrupt>;

/// What stands before a value and says how it is written, with Redis's numbers.
mod kind {
    pub(super) const STRING: u8 = 0;
    pub(super) const LIST: u8 = 1;
    pub(super) const SET: u8 = 2;
    pub(super) const ZSET: u8 = 3;
    pub(super) const HASH: u8 = 4;
    pub(super) const ZSET_2: u8 = 5;
    pub(super) const HASH_ZIPMAP: u8 = 9;
    pub(super) const LIST_ZIPLIST: u8 = 10;
    pub(super) const SET_INTSET: u8 = 11;
    pub(super) const ZSET_ZIPLIST: u8 = 12;
    pub(super) const HASH_ZIPLIST: u8 = 13;
    pub(super) const LIST_QUICKLIST: u8 = 14;
    pub(super) const STREAM_LISTPACKS: u8 = 15;
    pub(super) const HASH_LISTPACK: u8 = 16;
    pub(super) const ZSET_LISTPACK: u8 = 17;
    pub(super) const LIST_QUICKLIST_2: u8 = 18;
    pub(super) const STREAM_LISTPACKS_2: u8 = 19;
    pub(super) const SET_LISTPACK: u8 = 20;
    pub(super) const STREAM_LISTPACKS_3: u8 = 21;
    pub(super) const HASH_TIMES_EARLY: u8 = 22;
    pub(super) const HASH_LISTPACK_TIMES_EARLY: u8 = 23;
    pub(super) const HASH_TIMES: u8 = 24;
    pub(super) const HASH_LISTPACK_TIMES: u8 = 25;
}

#[cfg(test)]
mod tests;
