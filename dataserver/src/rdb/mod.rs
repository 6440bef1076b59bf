//! The store's values, and the form in which all other programs have them: told part by part to a
//! [`Sink`](ringtail_backup::Sink), and built of such parts.
//!
//! DUMP and RESTORE are Redis's encoding of what is told.

mod build;
mod tell;

use crate::settings::Shapes;
use crate::store::entry::Value;
use crate::store::hasher::Hasher;
use crate::value::{Object, fields, list, members, stream};
use std::sync::atomic::Ordering::Relaxed;

pub use build::Builder;
#[cfg(any(test, fuzzing))]
pub(crate) use ringtail_backup::rdb::{FOOTER, sealed};
pub use ringtail_backup::rdb::{Refusal, dump_libraries, restore_libraries};
pub use tell::{Order, tell};

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
    stream: stream::Limit,
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
            stream: stream::Limit {
                bytes: shapes.stream_bytes.load(Relaxed),
                entries: shapes.stream_entries.load(Relaxed),
            },
        }
    }
}

/// A value as DUMP gives it.
pub fn dump(value: &Value<'_>) -> Vec<u8> {
    let payload = ringtail_backup::rdb::dump(|saver| tell(value, Order::Backwards, saver));
    // Every value of ours can be written: what is refused is what was never told to be there.
    payload.unwrap_or_default()
}

/// The value of a payload.
///
/// # Errors
/// Its checksum or version is not right, or it is no value.
pub fn restore(payload: &[u8], shape: &Shape) -> Result<Loaded, Refusal> {
    let mut builder = Builder::new(shape);
    ringtail_backup::rdb::restore(payload, &mut builder)?;
    builder.take().ok_or(Refusal::Format)
}

#[cfg(test)]
mod tests;
