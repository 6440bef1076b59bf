//! Keys and values as files: Ringtail's backups, and Redis's RDB files both ways.
//!
//! ```text
//! a store, an RDB file, a backup --parts--> Sink: a Block of a backup, an RDB value, a store's own value
//! ```
//!
//! Whatever has a value tells its parts to a [`Sink`], and whatever can be made of a value is one. So each way of writing
//! values is written down once, and any can be turned into any other without a form in between.
//!
//! * [`Block`], [`Writer`], [`Reader`]: the backup format, which `docs/backup-format.md` specifies.
//! * [`rdb`]: the values of DUMP and RESTORE, and whole RDB files.
//! * [`Value`]: a value of its own, for those who want neither.
//!
//! Bytes come from a `Read` and go to a `Write` that the caller has; there is no clock here, no socket and no protocol.
//! Nothing that comes in is trusted: lengths are compared with the bytes that are there before anything is allocated.

mod block;
mod damage;
#[cfg(any(test, fuzzing))]
pub mod exercise;
mod format;
mod live;
mod number;
pub mod rdb;
mod reader;
mod record;
mod rows;
mod schema;
mod sink;
mod value;
mod writer;

pub use block::{ANY_SLOT, Block, Entry};
pub use damage::{Damage, Error, Fault};
pub use format::{MAGIC, VERSION};
pub use live::Live;
pub use reader::{Opened, Reader, Sealed};
pub use record::{Collection, Contents, Record};
pub use sink::{Begin, ConsumerHead, Counts, GroupHead, Id, PendingEntry, Sink, Taken};
pub use value::{Collected, Consumer, Group, Stream, Value};
pub use writer::{Footer, Meta, Writer, Written};

/// The bytes are no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt;

/// A result of reading.
pub type Read<T> = Result<T, Corrupt>;

#[cfg(test)]
mod tests;
