//! Whether what is here is what the log of who is followed says. Where it is not, it becomes a log of its own, and all keys come once more.

use super::role::begin_log;
use crate::log::history::{epoch_of, fresh};
use crate::log::record::{GROUP_MOST, claimed};
use crate::server::Server;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Nobody has this log: whoever is asked for what comes next sends all.
pub(super) fn leave_log(server: &Arc<Server>) {
    let (own, offset) = server.log.position();
    begin_log(server, &fresh(epoch_of(&own)), offset);
}

/// Leaves the log if something was done here meanwhile that is none of it. That is here alone, so it is set aside before the primary's keys come.
///
/// # Errors
/// It does.
pub(super) fn settle(server: &Arc<Server>) -> io::Result<()> {
    if !server.store.take_stray() {
        return Ok(());
    }
    // A part of the keys is no state of any log, and all come anyway.
    if !server.replication.is_partial() {
        tracing::warn!("a script that began when this server led has ended: what it did is here alone");
        server.replication.led.store(true, Relaxed);
        leave_log(server);
    }
    Err(io::Error::other("what was done here meanwhile is none of its log"))
}

/// The group that is not whole yet, as it was at the last heartbeat.
#[derive(Debug, Default)]
pub(super) struct Unfinished(Option<u64>);

impl Unfinished {
    /// The primary has said that its log goes up to `end`; here it goes up to `at`, and `groups` have come behind that.
    ///
    /// # Errors
    /// It is no group, for it would end behind that log: whoever sends it has not gone on from where this log is.
    pub(super) fn check(&mut self, at: u64, end: u64, groups: &[u8]) -> io::Result<()> {
        let before = self.0.take();
        let Ok(Some(size)) = claimed(groups, GROUP_MOST) else { return Ok(()) };
        // Of a group that came behind the heartbeat nothing is known yet.
        self.0 = Some(at);
        if before == Some(at) && at + size as u64 > end {
            return Err(io::Error::other(format!(
                "a group of {size} bytes at offset {at} would end behind the primary's log, which ends at {end}"
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_that_would_end_behind_the_log_is_none() {
        let group = |claims: u32| claims.to_le_bytes().iter().copied().chain([0; 100]).collect::<Vec<u8>>();
        let mut unfinished = Unfinished::default();
        let mut check = |at, end, groups: &[u8]| unfinished.check(at, end, groups).is_ok();
        // Another one, or none, may come at each heartbeat.
        assert!(check(0, 10, &group(900)) && check(500, 510, &group(900)) && check(500, 500, b""));
        assert!(check(500, 510, &group(900)));
        // The log may have grown since the heartbeat was sent; at the next one it says so.
        assert!(check(1000, 1050, &group(900)) && check(1000, 1908, &group(900)));
        assert!(check(1908, 1950, &group(900)) && !check(1908, 2815, &group(900)));
    }
}
