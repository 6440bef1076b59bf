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
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a server knows of other servers that have the same keys.
#[derive(Debug, Default)]
pub struct Replication {
    /// Those that follow it.
    pub replicas: Replicas,
    followed: Mutex<Option<Followed>>,
    /// A replica is about to take over.
    pub switching: AtomicBool,
}

impl Replication {
    /// Whom it follows, if it does.
    pub fn followed(&self) -> MutexGuard<'_, Option<Followed>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
