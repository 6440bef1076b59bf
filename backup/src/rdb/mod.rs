//! Redis's encoding of values: what DUMP gives and RESTORE takes, and the RDB files that a server writes, so that data can be
//! exchanged with Redis and Valkey both ways.
//!
//! Every form that Redis up to 7.4 and Valkey up to 9 write is read, back to Redis 2.6's; what is
//! written is the plainest form that they all read, see [`Saver`]. Nothing that comes in is trusted: lengths are compared with
//! the bytes that are there before anything is allocated.

mod crc64;
mod file;
mod file_writer;
mod input;
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

pub use file::{FileEntry, FileError, FileItem, FileReader};
pub use file_writer::{FileWriter, WriteError};
pub use libraries::{dump_libraries, restore_libraries};
pub use load::load;
pub use payload::{FOOTER, Refusal, dump, dump_up_to, restore, sealed};
pub use save::Saver;

/// The versions of the format that bring something.
pub mod version {
    /// Redis 7.0's: the oldest that is written.
    pub const COMMON: u16 = 10;
    /// Redis 7.2's and Valkey 8's: consumers' times.
    pub const ACTIVE_TIMES: u16 = 11;
    /// Redis 7.4's: hashes of which fields expire.
    pub const FIELD_TIMES: u16 = 12;
    /// Valkey 9's, which counts on its own from here on.
    pub const VALKEY: u16 = 80;
}

/// What stands before a value and says how it is written, with Redis's numbers.
pub mod kind {
    #![expect(missing_docs, reason = "the names say all there is to say")]

    pub const STRING: u8 = 0;
    pub const LIST: u8 = 1;
    pub const SET: u8 = 2;
    pub const ZSET: u8 = 3;
    pub const HASH: u8 = 4;
    pub const ZSET_2: u8 = 5;
    pub const MODULE: u8 = 6;
    pub const MODULE_2: u8 = 7;
    pub const HASH_ZIPMAP: u8 = 9;
    pub const LIST_ZIPLIST: u8 = 10;
    pub const SET_INTSET: u8 = 11;
    pub const ZSET_ZIPLIST: u8 = 12;
    pub const HASH_ZIPLIST: u8 = 13;
    pub const LIST_QUICKLIST: u8 = 14;
    pub const STREAM_LISTPACKS: u8 = 15;
    pub const HASH_LISTPACK: u8 = 16;
    pub const ZSET_LISTPACK: u8 = 17;
    pub const LIST_QUICKLIST_2: u8 = 18;
    pub const STREAM_LISTPACKS_2: u8 = 19;
    pub const SET_LISTPACK: u8 = 20;
    pub const STREAM_LISTPACKS_3: u8 = 21;
    pub const HASH_TIMES_EARLY: u8 = 22;
    pub const HASH_LISTPACK_TIMES_EARLY: u8 = 23;
    pub const HASH_TIMES: u8 = 24;
    pub const HASH_LISTPACK_TIMES: u8 = 25;
    /// Valkey's hashes with times, which have a number of Redis's: no file has it so, its reader tells them apart.
    pub const HASH_TIMES_VALKEY: u8 = 200;

    /// The kind that a number stands for in this version of the format.
    pub(super) fn of(number: u8, version: u16) -> u8 {
        match number {
            HASH_TIMES_EARLY if version >= super::version::VALKEY => HASH_TIMES_VALKEY,
            HASH_TIMES_VALKEY => u8::MAX,
            _ => number,
        }
    }
}

#[cfg(test)]
mod tests;
