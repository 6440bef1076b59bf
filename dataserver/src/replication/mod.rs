//! One server's log, followed by others.
//!
//! ```text
//! RINGTAIL SYNC      feed      the primary's end: all keys as a backup has them, unless the log in memory goes back far enough; then the log
//! REPLICAOF          role      it follows, or leads
//!                    follow    the replica's end, on a thread of its own: loads, applies, and appends the same bytes to its own log
//!                    astray    where what is here is not what that log says, it becomes a log of its own
//! FAILOVER           switch    the replica becomes the primary, and the primary its replica
//! servers.json       steward   the server becomes what the file says; in a planned switch, or by `takeover` when the primary is lost
//! RINGTAIL VOTE      promise   who has voted for one that takes over is bound to it
//! RINGTAIL PRIMARY   bound     connections whose requests are sent back, not run, once this server leads no more
//! INFO, ROLE         status    what both know of each other
//! ```
//!
//! Both ends speak in frames (`wire`). Offsets are the same at all servers of one history, so a replica may be followed itself,
//! and may go on from another server than before.

pub mod aside;
mod astray;
pub mod bound;
mod dial;
pub mod feed;
pub mod follow;
pub mod peer;
pub mod promise;
pub mod role;
pub mod status;
pub mod steward;
pub mod switch;
pub mod takeover;
pub mod wire;

use crate::log::history::{epoch_of, is_kin};
use crate::log::waiting::stamp;
use crate::server::Server;
use promise::Promise;
use status::{Followed, Replicas};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// An epoch that is heard of is later than those that are known by so many at most: candidates who find nobody try two a second.
const EPOCHS_AT_ONCE: u32 = 1 << 24;

/// What a server knows of other servers that have the same keys.
#[derive(Debug, Default)]
pub struct Replication {
    /// Those that follow it.
    pub replicas: Replicas,
    followed: Mutex<Option<Followed>>,
    /// Whether a replica is about to take over.
    pub switching: switch::Stage,
    /// All is held for it, and it is not followed yet.
    pub hands_over: AtomicBool,
    /// How often the role has changed.
    changing: Mutex<u64>,
    partial: AtomicBool,
    /// The latest epoch that a primary of this member was heard to have.
    seen: AtomicU32,
    voted: Mutex<Option<String>>,
    promise: Mutex<Option<Promise>>,
    /// The epoch for which it tries to take over; 0 = it does not.
    pub stands: AtomicU32,
    list: Mutex<peer::List>,
    /// Clients' writes were taken here since this server followed anybody: it may have what nobody else has.
    pub led: AtomicBool,
    /// Another one leads a later log than was led here: whatever happens, this server leads only if it is told so again.
    pub replaced: AtomicBool,
    /// It began with what `--recover` has left, and has had all keys of nobody since.
    pub has_leftovers: AtomicBool,
    /// When the one that it has voted for was last known to stand, or to lead; by the clock of stamps.
    promise_heard: AtomicU64,
    /// What is promised is on its way to the disk.
    promise_noted: AtomicBool,
    /// Held while it votes.
    voting: Mutex<()>,
    /// servers.json has this server in a member: nobody makes it a primary by hand.
    pub is_named: AtomicBool,
    /// It is loading what is on its disk, and may have to follow somebody afterwards.
    pub is_undecided: AtomicBool,
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

    /// Whom it may follow, after a vote.
    fn promise(&self) -> MutexGuard<'_, Option<Promise>> {
        self.promise.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Held while it votes: another one may be on its way.
    fn try_to_vote(&self) -> Option<MutexGuard<'_, ()>> {
        match self.voting.try_lock() {
            Ok(one) => Some(one),
            Err(TryLockError::Poisoned(one)) => Some(one.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// As its files have it.
    pub fn load_promise(&self, promise: Option<Promise>) {
        *self.promise() = promise;
    }

    /// Of which servers it has all that was acknowledged.
    pub fn list(&self) -> MutexGuard<'_, peer::List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Somebody knows of this epoch, which is to be later than `own`. Whether that can be: if one lie could have the epochs come to their end,
    /// nobody could take over any more.
    pub fn hear_of_epoch(&self, epoch: u32, own: u32) -> bool {
        let can_be = epoch <= self.seen_epoch().max(own).saturating_add(EPOCHS_AT_ONCE);
        if can_be {
            self.seen.fetch_max(epoch, Ordering::Relaxed);
        }
        can_be
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

/// Another server has a log of this name, so somebody has led it. If it is a later one than is led here, this server was replaced: it writes no
/// more until it follows.
pub fn hear_of(server: &Server, history: &str) {
    // Asked first: who begins to lead has a later epoch by then.
    let leads = leads(server);
    let (own, _) = server.log.position();
    let (epoch, own_epoch) = (epoch_of(history), epoch_of(&own));
    // A log of another line says nothing of who has led this one.
    if !is_kin(history, &own) || !server.replication.hear_of_epoch(epoch, own_epoch) {
        return;
    }
    if epoch > own_epoch && leads {
        match server.replication.hands_over.load(Ordering::Relaxed) {
            true => tracing::info!(epoch, own_epoch, "whom this server hands over to leads"),
            false => tracing::error!(
                epoch,
                own = own_epoch,
                "this server was replaced: it refuses writes until it follows the new primary"
            ),
        }
        depose(server);
    }
}

/// It leads no more, until it is told to.
fn depose(server: &Server) {
    server.replication.replaced.store(true, Ordering::Relaxed);
    server.log.stance.set_read_only(true);
    bound::end_waiting(server);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::testing::Harness;
    use crate::log::history::{fresh, next};

    #[test]
    fn a_later_log_of_the_same_line_replaces_a_primary_and_no_other_does() {
        let server = Harness::new().server;
        let (own, _) = server.log.position();
        for says_nothing in [own.clone(), next(&own, 1), fresh(9), "?".to_owned(), next(&own, u32::MAX)] {
            hear_of(&server, &says_nothing);
            assert!(leads(&server) && server.replication.seen_epoch() <= 1, "{says_nothing}");
        }
        hear_of(&server, &next(&own, 2));
        assert!(!leads(&server) && server.replication.replaced.load(Ordering::Relaxed));
        assert_eq!(server.replication.seen_epoch(), 2);
    }

    /// One lie must not leave no later epoch for who is to take over.
    #[test]
    fn epochs_do_not_come_to_their_end_at_once() {
        let replication = Replication::default();
        assert!(!replication.hear_of_epoch(u32::MAX, 5) && replication.seen_epoch() == 0);
        assert!(replication.hear_of_epoch(EPOCHS_AT_ONCE + 5, 5));
        assert_eq!(replication.seen_epoch(), EPOCHS_AT_ONCE + 5);
        assert!(replication.hear_of_epoch(7, 5) && replication.seen_epoch() == EPOCHS_AT_ONCE + 5);
    }
}
