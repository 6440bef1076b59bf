//! One server's log, followed by others.
//!
//! ```text
//! RINGTAIL SYNC      feed      the primary's end: all keys as a backup has them, unless the log in memory goes back far enough; then the log
//! REPLICAOF          follow    the replica's end, on a thread of its own: loads, applies, and appends the same bytes to its own log
//! FAILOVER           switch    the replica becomes the primary, and the primary its replica
//! INFO, ROLE         status    what both know of each other
//! ```
//!
//! Both ends speak in frames (`wire`). Offsets are the same at all servers of one history, so a replica may be followed itself,
//! and may go on from another server than before.

pub mod feed;
pub mod follow;
pub mod status;
pub mod switch;
pub mod wire;

use status::{Followed, Replicas};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a server knows of other servers that have the same keys.
#[derive(Debug, Default)]
pub struct Replication {
    /// Those that follow it.
    pub replicas: Replicas,
    followed: Mutex<Option<Followed>>,
    /// A replica is about to take over.
    pub switching: AtomicBool,
    changing: Mutex<()>,
    partial: AtomicBool,
    /// First syncs that have brought all keys.
    pub syncs: AtomicU64,
}

impl Replication {
    /// Whom it follows, if it does.
    pub fn followed(&self) -> MutexGuard<'_, Option<Followed>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Held while it is changed who is followed: two who do that at once would leave two threads.
    pub fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether what is here is only a part of the keys of who is followed. It is no state of any log then, whatever the log's position
    /// says, and goes to nobody: to no client, file or replica.
    pub fn is_partial(&self) -> bool {
        self.partial.load(Ordering::Acquire)
    }

    /// Says so.
    pub fn set_partial(&self, is_partial: bool) {
        self.partial.store(is_partial, Ordering::Release);
    }
}
