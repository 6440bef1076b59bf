//! One server's log, followed by others.
//!
//! ```text
//! RINGTAIL SYNC      feed      the primary's end: all keys as a backup has them, unless the log in memory goes back far enough; then the log
//! REPLICAOF          role      it follows, or leads
//!                    follow    the replica's end, on a thread of its own: loads, applies, and appends the same bytes to its own log
//! FAILOVER           switch    the replica becomes the primary, and the primary its replica
//! servers.json       steward   the server becomes what the file says; in a planned switch, or by `takeover` when the primary is lost
//! RINGTAIL PRIMARY   bound     connections whose requests are sent back, not run, once this server leads no more
//! INFO, ROLE         status    what both know of each other
//! ```
//!
//! Both ends speak in frames (`wire`). Offsets are the same at all servers of one history, so a replica may be followed itself,
//! and may go on from another server than before.

pub mod aside;
pub mod bound;
pub mod feed;
pub mod follow;
pub mod peer;
pub mod role;
pub mod status;
pub mod steward;
pub mod switch;
pub mod takeover;
pub mod wire;

use crate::log::history::epoch_of;
use crate::log::waiting::stamp;
use crate::server::Server;
use status::{Followed, Replicas};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a server knows of other servers that have the same keys.
#[derive(Debug, Default)]
pub struct Replication {
    /// Those that follow it.
    pub replicas: Replicas,
    followed: Mutex<Option<Followed>>,
    /// A replica is about to take over.
    pub switching: AtomicBool,
    /// That is to be given up.
    pub aborts: AtomicBool,
    /// All is held for it, and it is not followed yet.
    pub hands_over: AtomicBool,
    /// How often the role has changed.
    changing: Mutex<u64>,
    partial: AtomicBool,
    /// The latest epoch that a primary of this member was heard to have.
    seen: AtomicU32,
    voted: Mutex<Option<String>>,
    /// Clients' writes were taken here since this server followed anybody: it may have what nobody else has.
    pub led: AtomicBool,
    /// Another one leads a later log than was led here: whatever happens, this server leads only if it is told so again.
    pub replaced: AtomicBool,
    /// It is loading what is on its disk, and may have to follow somebody afterwards.
    pub is_undecided: AtomicBool,
    /// First syncs that have brought all keys.
    pub syncs: AtomicU64,
}

impl Replication {
    /// Whom it follows, if it does.
    pub fn followed(&self) -> MutexGuard<'_, Option<Followed>> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who takes over with this server's vote, until it does.
    pub fn voted_for(&self) -> MutexGuard<'_, Option<String>> {
        self.voted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Held while it is changed who is followed: two who do that at once would leave two threads. The number is raised by each change of role:
    /// who has decided by what was so before knows by it whether that is still so.
    pub fn changing(&self) -> MutexGuard<'_, u64> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether what is here is only a part of the keys of who is followed. It is no state of any log then, whatever the log's position
    /// says, and goes to nobody: to no client, file or replica.
    pub fn is_partial(&self) -> bool {
        self.partial.load(Ordering::Acquire)
    }

    /// The latest epoch that a primary of this member was heard to have.
    pub fn seen_epoch(&self) -> u32 {
        self.seen.load(Ordering::Relaxed)
    }

    /// Says so.
    pub fn set_partial(&self, is_partial: bool) {
        self.partial.store(is_partial, Ordering::Release);
    }
}

/// Whether clients' writes are taken here. While it hands over they wait, and it leads until it is known who does.
pub fn leads(server: &Server) -> bool {
    let (replication, read_only) = (&server.replication, server.log.stance.is_read_only());
    let hands_over = replication.hands_over.load(Ordering::Relaxed);
    !replication.is_undecided.load(Ordering::Relaxed) && (!read_only || hands_over)
}

/// How many milliseconds ago a primary spoke whose log this is: none if this server leads.
pub fn age_of_word(server: &Server) -> u64 {
    let followed = server.replication.followed();
    match &*followed {
        Some(followed) => followed.state.age_of_word(stamp()),
        None if leads(server) => 0,
        None => u64::MAX,
    }
}

/// Another server leads a log of this name. If that is a later one than is led here, this server was replaced: it writes no more until it
/// follows.
pub fn hear_of(server: &Server, history: &str) {
    let epoch = epoch_of(history);
    server.replication.seen.fetch_max(epoch, Ordering::Relaxed);
    // Asked first: who begins to lead has a later epoch by then.
    let leads = leads(server);
    let own = epoch_of(&server.log.position().0);
    if epoch > own && leads {
        server.replication.replaced.store(true, Ordering::Relaxed);
        server.log.stance.set_read_only(true);
        bound::end_waiting(server);
        tracing::error!(
            epoch,
            own,
            "this server was replaced: it refuses writes until it follows the new primary"
        );
    }
}
