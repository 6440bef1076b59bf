//! Streams: entries by id in packed blocks, found by the id of each block's first entry, and consumer groups.

mod block;
mod group;
mod id;
mod log;
mod piece;
mod progress;
mod weight;

use crate::store::memory::class_size;
use ringtail_protocol::limits::MAX_REQUEST;
use std::collections::BTreeMap;

pub use block::{Entry, Limit};
pub use group::{Consumer, Group, Number, Pending};
pub use id::Id;
pub use log::{Keep, Log};
pub use piece::Piece;

// Redis refuses entries that are too long for a block; here no request is.
const _: () = assert!(MAX_REQUEST <= 1 << 30);

/// What a tree takes for one group beside it, about.
const NODE_SHARE: usize = 64;

/// A stream. It stays when its last entry goes.
#[derive(Clone, Default)]
pub struct Stream {
    /// Its entries.
    pub log: Log,
    /// Consumer groups by name.
    pub groups: BTreeMap<Box<[u8]>, Group>,
}

impl Stream {
    /// Allocations in it, about.
    pub fn parts(&self) -> usize {
        1 + self.log.blocks() + self.groups.values().map(Group::parts).sum::<usize>()
    }

    /// Bytes that it holds, by a sample of its blocks.
    pub fn size_estimate(&self) -> usize {
        let groups = self.groups.iter().map(|(name, group)| {
            class_size(name.len()) + size_of::<Group>() + NODE_SHARE + group.size_estimate()
        });
        class_size(size_of::<Self>()) + self.log.size_estimate() + groups.sum::<usize>()
    }
}

#[cfg(test)]
mod tests;
