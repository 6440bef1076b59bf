//! A planned switch: a replica takes over, without a lost write. FAILOVER asks for one, and an edit of servers.json.
//!
//! Writes are kept back, the replica catches up to the last offset, then all slots are held, so that nothing at all runs here. It is told to
//! lead, and this server follows it. Only then do those go on who were kept back: to be told that this is a replica, or to be sent to it.

use super::status::{Link, Replica};
use super::{bound, leads, role};
use crate::log::history::epoch_of;
use crate::rest::rest;
use crate::server::{Server, unix_millis};
use crate::store::GROUPS;
use crate::store::hold::Owner;
use crate::store::view::View;
use crate::transaction::Lease;
use ringtail_protocol::errors::Error;
use std::sync::Arc;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// From one look to the next how far the replica is.
const LOOK: Duration = Duration::from_millis(1);

/// How long the replica may take unless told otherwise.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// How long it may be told to take: writes are kept back meanwhile.
pub const MOST: Duration = Duration::from_hours(1);

/// Who holds all slots meanwhile; no client has this number.
const HOLDER: Owner = Owner::MAX;

/// Whether a switch is on its way, and whether that is to be given up. In one word, so that what is given up is the switch that was on its way
/// when it was said, whatever begins or ends just then.
#[derive(Debug, Default)]
pub struct Stage {
    state: AtomicU8,
}

impl Stage {
    const NONE: u8 = 0;
    const ON: u8 = 1;
    const ABORTED: u8 = 2;

    fn turn(&self, from: u8, to: u8) -> bool {
        self.state.compare_exchange(from, to, Relaxed, Relaxed).is_ok()
    }

    /// One begins, unless another one is on its way; whether it does.
    fn begin(&self) -> bool {
        self.turn(Self::NONE, Self::ON)
    }

    /// It is to be given up; whether there is one.
    fn abort(&self) -> bool {
        self.turn(Self::ON, Self::ABORTED) || self.is_aborted()
    }

    fn end(&self) {
        self.state.store(Self::NONE, Relaxed);
    }

    /// Whether one is on its way.
    pub fn is_on(&self) -> bool {
        self.state.load(Relaxed) != Self::NONE
    }

    fn is_aborted(&self) -> bool {
        self.state.load(Relaxed) == Self::ABORTED
    }
}

/// Begins to hand over, on a thread of its own.
///
/// # Errors
/// There is nobody to hand over to, or it is being done already.
pub fn hand_over(server: &Arc<Server>, to: Option<&str>, patience: Duration) -> Result<(), Error> {
    let (replica, switching) = begin(server, to, patience)?;
    let spawned = std::thread::Builder::new()
        .name("failover".to_owned())
        .spawn(move || switching.run(&replica, patience));
    spawned.map(drop).map_err(|error| Error::new(format!("ERR no thread for it: {error}")))
}

/// The same at once; whether the replica leads now.
///
/// # Errors
/// As above.
pub fn hand_over_here(server: &Arc<Server>, to: &str, patience: Duration) -> Result<bool, Error> {
    let (replica, switching) = begin(server, Some(to), patience)?;
    Ok(switching.run(&replica, patience))
}

/// Gives up the switch that is on its way, unless the replica was told to lead by now.
///
/// # Errors
/// There is none.
pub fn abort(server: &Server) -> Result<(), Error> {
    let aborts = server.replication.switching.abort();
    aborts.then_some(()).ok_or(Error::fixed("ERR No failover in progress."))
}

/// Keeps writes back from now on: what comes after the answer to FAILOVER waits.
fn begin(
    server: &Arc<Server>,
    to: Option<&str>,
    patience: Duration,
) -> Result<(Arc<Replica>, Switching), Error> {
    if server.replication.followed().is_some() {
        return Err(Error::fixed("ERR FAILOVER is not valid when server is a replica."));
    }
    let replica = chosen(server, to)?;
    if !server.replication.switching.begin() {
        return Err(Error::fixed("ERR FAILOVER already in progress."));
    }
    let until = unix_millis() + patience.as_millis() as u64 + 1000;
    server.pause.begin_switch(until);
    Ok((replica, Switching { server: Arc::clone(server), held: None }))
}

/// The replica of this address, or the one that is furthest.
fn chosen(server: &Server, to: Option<&str>) -> Result<Arc<Replica>, Error> {
    let mut online =
        server.replication.replicas.list().into_iter().filter(|replica| replica.online.load(Relaxed));
    match to {
        None => online
            .max_by_key(|replica| replica.acked.load(Relaxed))
            .ok_or(Error::fixed("ERR FAILOVER requires connected replicas.")),
        Some(to) => online
            .find(|replica| replica.address == to)
            .ok_or(Error::fixed("ERR FAILOVER target HOST and PORT is not a replica.")),
    }
}

/// A switch on its way. However it ends, those who were kept back go on.
struct Switching {
    server: Arc<Server>,
    held: Option<Lease>,
}

impl Drop for Switching {
    fn drop(&mut self) {
        let server = &self.server;
        server.replication.switching.end();
        server.replication.hands_over.store(false, Relaxed);
        server.pause.end_switch();
        if let Some(held) = self.held.take() {
            held.release(&server.store);
            if !leads(server) {
                bound::end_waiting(server);
            }
        }
        server.clients.list().iter().for_each(|client| client.unpark());
    }
}

impl Switching {
    /// Whether the replica leads now.
    fn run(mut self, replica: &Replica, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        let done = self.stop(replica, until).and_then(|()| self.let_lead(replica, until));
        match done {
            Ok(()) => tracing::info!(primary = replica.address, "it leads from here on"),
            Err(why) if !self.server.log.stance.is_read_only() => {
                tracing::error!(
                    replica = replica.address,
                    "the switch was given up, this server leads on: {why}"
                );
            }
            Err(why) => {
                tracing::error!(replica = replica.address, "it was told to lead, and does not: {why}")
            }
        }
        done.is_ok()
    }

    /// Ends all writes here, once the replica has them all.
    fn stop(&mut self, replica: &Replica, until: Instant) -> Result<(), &'static str> {
        let server = Arc::clone(&self.server);
        loop {
            let end = match self.try_stop(replica, until) {
                Ok(held) => {
                    self.held = Some(held);
                    return Ok(());
                }
                Err(end) => end,
            };
            while replica.acked.load(Relaxed) < end {
                self.goes_on(replica)?;
                if Instant::now() >= until {
                    return Err("the replica did not catch up in time");
                }
                server.log.ask_replicas();
                rest(LOOK);
            }
            self.goes_on(replica)?;
            if Instant::now() >= until {
                return Err("a script or a transaction did not end in time");
            }
            rest(LOOK);
        }
    }

    /// # Errors
    /// Somebody has it given up, or the replica is gone.
    fn goes_on(&self, replica: &Replica) -> Result<(), &'static str> {
        if self.server.replication.switching.is_aborted() {
            return Err(match self.server.shutdown.is_triggered() {
                true => "this server ends",
                false => "FAILOVER ABORT",
            });
        }
        let follows = replica.online.load(Relaxed);
        follows.then_some(()).ok_or("the replica follows no more")
    }

    /// Holds all slots if the log's end has been reached, under all locks: nothing is on its way then. Else says where the end is.
    fn try_stop(&self, replica: &Replica, until: Instant) -> Result<Lease, u64> {
        let server = &*self.server;
        let mut view = View::lock(&server.store, &server.counters[0], unix_millis(), 0, false, &[]);
        view.lock_all();
        let end = server.log.cut().1;
        let now = Instant::now();
        let busy = view.find_hold(&[], |holds, slots| holds.obstacle(HOLDER, slots, now)).is_some()
            || server.scripts.running.any_wrote();
        if busy || replica.acked.load(Relaxed) != end || !has_copies(server, end) {
            return Err(end);
        }
        // Longer than the rest can take: it is released at the end.
        let until = until + PATIENCE;
        view.each_group(|_, group| group.holds(|holds| holds.add(HOLDER, u16::MAX, until, None)));
        server.store.set_keeps(true);
        server.replication.hands_over.store(true, Relaxed);
        server.log.stance.set_read_only(true);
        Ok(Lease { owner: HOLDER, groups: (0..GROUPS).collect(), until })
    }

    /// Tells the replica to lead, and follows it until it does.
    fn let_lead(&self, replica: &Replica, until: Instant) -> Result<(), &'static str> {
        let server = &self.server;
        let before = epoch_of(&server.log.position().0);
        replica.order.give();
        while self.goes_on(replica).is_ok() && Instant::now() < until {
            rest(LOOK);
        }
        if replica.order.withdraw() {
            role::lead_on(server);
            return Err(self
                .goes_on(replica)
                .err()
                .unwrap_or("the replica could not be told to lead in time"));
        }
        role::follow(server, &replica.address).map_err(|_| "no thread to follow with")?;
        let leads = || {
            let followed = server.replication.followed();
            let up = followed.as_ref().is_some_and(|followed| followed.state.link() == Link::Up);
            drop(followed);
            up && epoch_of(&server.log.position().0) > before
        };
        while !leads() {
            // It leads or not; who ends waits for it no longer.
            let ends = server.shutdown.is_triggered() && server.replication.switching.is_aborted();
            if Instant::now() >= until || ends {
                return Err("it does not answer");
            }
            rest(LOOK);
        }
        Ok(())
    }
}

/// Whether as many replicas have the log up to here as acknowledgements wait for.
fn has_copies(server: &Server, end: u64) -> bool {
    let acked = server.replication.replicas.acked(server.log.era()).applied;
    let wanted = usize::from(server.log.copies()).saturating_sub(1).min(acked.len());
    acked.iter().filter(|offset| **offset >= end).count() >= wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::testing::Harness;
    use std::net::SocketAddr;

    /// A server with a replica at this address.
    fn followed_by(address: &str) -> Harness {
        let harness = Harness::new();
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        harness.server.replication.replicas.add(99, address, peer, 0).online.store(true, Relaxed);
        harness
    }

    #[test]
    fn a_switch_and_an_operator_s_pause_leave_each_other_alone() {
        let mut harness = followed_by("a:1");
        let server = Arc::clone(&harness.server);
        let is_kept_back = || server.pause.keeps_back(true).is_some();
        let begun = || begin(&server, None, PATIENCE).unwrap();
        let first = begun();
        assert!(is_kept_back() && server.pause.keeps_expired());
        assert_eq!(harness.run("CLIENT UNPAUSE"), "OK");
        assert!(is_kept_back(), "the switch goes on");
        drop(first);
        assert!(!is_kept_back());
        assert_eq!(harness.run("CLIENT PAUSE 60000 WRITE"), "OK");
        drop(begun());
        assert!(is_kept_back(), "the operator has not said that it ends");
    }

    #[test]
    fn a_replica_is_found_by_its_address_of_any_kind() {
        for (announced, said) in [("[::1]:7001", "::1 7001"), ("h:1", "h 1")] {
            let mut harness = followed_by(announced);
            assert_eq!(harness.run(&format!("FAILOVER TO {said} TIMEOUT 1")), "OK", "{announced}");
        }
    }

    #[test]
    fn what_is_given_up_is_the_switch_that_is_on_its_way() {
        let stage = Stage::default();
        assert!(!stage.abort() && stage.begin() && !stage.begin() && !stage.is_aborted());
        assert!(stage.abort() && stage.abort() && stage.is_aborted() && stage.is_on() && !stage.begin());
        stage.end();
        assert!(!stage.is_on() && !stage.abort());
        assert!(stage.begin() && !stage.is_aborted());
    }
}
