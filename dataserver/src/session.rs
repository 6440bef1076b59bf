//! One connection's state, and beside it what every thread may ask of its client and send to it.

mod client;
mod message;
mod subscriptions;
mod tracking;
pub mod wake;

pub use client::{Client, Clients, NO_COMMAND, Names};
pub use message::Message;
pub use ringtail_protocol::tracking::Mode;
pub use subscriptions::Subscriptions;
pub use tracking::{Listeners, Tracking};

use crate::blocking::Blocked;
use crate::command::scripting::long::Long;
use crate::hub::{Hub, Kind};
use crate::log::waiting::Ack;
use crate::monitor::Monitoring;
use crate::replication::bound::Bound;
use crate::replication::feed::Handover;
use crate::server::Server;
use crate::store::Key;
use crate::store::tracked::Tracker;
use crate::store::view::View;
use crate::transaction::{Lease, Transaction, Watches};
use ringtail_protocol::acl::{Access, Identity};
use ringtail_protocol::command::{Command, CommandId, Flags, Found, Group};
use ringtail_protocol::limits::RequestLimits;
use ringtail_protocol::reply::Resp;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

/// What CLIENT REPLY said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyMode {
    /// Replies are sent.
    On,
    /// None are.
    Off,
    /// The reply of the next command isn't.
    SkipNext,
    /// The reply of this command isn't.
    Skip,
}

bitflags::bitflags! {
    /// Why a session's commands may need a second look before they run. Most sessions have none of these, so that the
    /// way of a request asks one question for all of them.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Gates: u8 {
        /// It has not shown a password yet.
        const UNAUTHENTICATED = 1;
        /// It is between MULTI and EXEC.
        const MULTI = 1 << 1;
        /// It has subscriptions and speaks RESP2: few commands are allowed.
        const SUBSCRIBER = 1 << 2;
        /// Its user may not do everything.
        const RESTRICTED = 1 << 3;
        /// It is to be told of changes of what it reads.
        const TRACKING = 1 << 4;
    }
}

/// Why a session's next request does not run yet.
#[derive(Default)]
pub enum Wait {
    /// It may run.
    #[default]
    No,
    /// The last one waits for a key.
    Blocked(Blocked),
    /// It is kept back until it is let go on, at this time at the latest.
    Parked(Option<Instant>),
    /// The last one is a script that runs long.
    Script(Box<Long>),
}

/// One connection's state, owned by its task.
pub struct Session {
    /// What other threads see of it.
    pub client: Arc<Client>,
    /// Its database.
    pub db: u8,
    /// Its version of the protocol.
    pub resp: Resp,
    /// What stands before its commands.
    pub gates: Gates,
    /// Whose permissions it has.
    pub identity: Identity,
    /// CLIENT NO-TOUCH
    pub no_touch: bool,
    /// CLIENT REPLY
    pub reply_mode: ReplyMode,
    /// What it is subscribed to; `None` = nothing.
    pub subscriptions: Option<Box<Subscriptions>>,
    /// CLIENT TRACKING; `None` = off.
    pub tracking: Option<Box<Tracking>>,
    /// The connection ends once the replies so far are sent.
    pub closing: bool,
    /// Whether its next request may run.
    pub wait: Wait,
    /// The commands since MULTI.
    pub transaction: Option<Transaction>,
    /// What it watches.
    pub watches: Watches,
    /// The slots that it holds (RINGTAIL LOCK).
    pub lease: Option<Lease>,
    /// It is shown what runs (MONITOR).
    pub monitoring: Option<Monitoring>,
    /// How many servers must have its writes before they are acknowledged, if it has said so (RINGTAIL ACK).
    pub ack: Option<Ack>,
    /// The most copies that those of this turn were to have before it said something else; 0 = it has not.
    pub(crate) copies_before: u8,
    /// Its requests run only while the server leads (RINGTAIL PRIMARY).
    pub bound: Option<Box<Bound>>,
    /// Its next write was kept back for a moment, to have fewer of them, and is not again.
    pub slowed: bool,
    /// What its connection is to become.
    pub handover: Option<Box<Handover>>,
}

impl Session {
    /// The state of a client that just came.
    pub fn new(client: Arc<Client>, access: &Access) -> Self {
        let mut session = Self {
            client,
            db: 0,
            resp: Resp::V2,
            gates: Gates::empty(),
            identity: Identity::of_default(access),
            no_touch: false,
            reply_mode: ReplyMode::On,
            subscriptions: None,
            tracking: None,
            closing: false,
            wait: Wait::No,
            transaction: None,
            watches: Watches::default(),
            lease: None,
            monitoring: None,
            ack: None,
            copies_before: 0,
            bound: None,
            slowed: false,
            handover: None,
        };
        session.note_identity();
        session
    }

    /// Subscribes to a channel or pattern.
    pub fn subscribe(&mut self, hub: &Arc<Hub>, kind: Kind, name: &[u8]) {
        let new = || Box::new(Subscriptions::new(hub, &self.client));
        self.subscriptions.get_or_insert_with(new).add(kind, name);
        self.note_subscriber();
    }

    /// Ends a subscription.
    pub fn unsubscribe(&mut self, kind: Kind, name: &[u8]) {
        if let Some(own) = &mut self.subscriptions {
            own.remove(kind, name);
        }
        self.subscriptions.take_if(|own| own.is_empty());
        self.note_subscriber();
    }

    /// Ends all subscriptions.
    pub fn unsubscribe_all(&mut self) {
        self.subscriptions = None;
        self.note_subscriber();
    }

    /// Begins to be told of changes, or goes on in another way.
    pub fn start_tracking(&mut self, tracking: Box<Tracking>) {
        self.tracking = Some(tracking);
        self.gates.insert(Gates::TRACKING);
    }

    /// Is not told of changes any more.
    pub fn stop_tracking(&mut self) {
        self.tracking = None;
        self.gates.remove(Gates::TRACKING);
    }

    /// Before a command runs, under the locks of its keys: notes that the client gets copies of what it reads.
    #[cold]
    pub fn track(&self, command: &Command, view: &mut View<'_>, keys: &[Key<'_>]) {
        if let Some(tracker) = self.tracker(command) {
            view.track(keys, &tracker);
        }
    }

    /// Who is to be told of changes of what the command reads, if anybody.
    pub fn tracker(&self, command: &Command) -> Option<Arc<dyn Tracker>> {
        // What a script reads is tracked as it reads it.
        let reads = command.flags.contains(Flags::READONLY) && command.group != Group::Scripting;
        self.tracking.as_ref().filter(|_| reads).and_then(|tracking| tracking.of_next())
    }

    /// After a command: CLIENT CACHING was for it, unless it is a CLIENT command or waits for EXEC.
    #[cold]
    pub fn forget_caching(&mut self, found: Found) {
        let keeps = matches!(found, Found::Command(command) if command.parent == Some(CommandId::Client));
        if let Some(tracking) = &mut self.tracking
            && !keeps
            && !self.gates.contains(Gates::MULTI)
        {
            tracking.caching = false;
        }
    }

    /// The command whose reply is not to be sent has ended.
    pub fn end_skip(&mut self) {
        if self.reply_mode == ReplyMode::Skip {
            self.reply_mode = ReplyMode::On;
        }
    }

    /// Whether messages come between its replies and look like them.
    pub fn is_subscriber(&self) -> bool {
        self.gates.contains(Gates::SUBSCRIBER)
    }

    fn note_subscriber(&mut self) {
        self.gates.set(Gates::SUBSCRIBER, self.subscriptions.is_some() && self.resp == Resp::V2);
    }

    /// Whether it showed the password, or none is wanted.
    #[inline]
    pub fn is_authenticated(&self) -> bool {
        !self.gates.contains(Gates::UNAUTHENTICATED)
    }

    /// Notes that it showed the password, or that it has to show one again.
    pub fn set_authenticated(&mut self, is: bool) {
        self.gates.set(Gates::UNAUTHENTICATED, !is);
    }

    /// Notes that a command of its transaction can't run, so that none will.
    pub fn abort_transaction(&mut self) {
        if let Some(transaction) = &mut self.transaction {
            transaction.aborted = true;
        }
    }

    /// Has its writes from now on acknowledged so; `None` = as those of which nothing was said.
    pub fn set_ack(&mut self, ack: Option<Ack>, server: &Server) {
        self.copies_before = self.copies_before.max(self.copies(server));
        self.ack = ack;
    }

    /// How many copies its writes are to have. How many a quorum is may change: it is that of the member as it is now.
    #[inline]
    pub fn copies(&self, server: &Server) -> u8 {
        match self.ack {
            None => server.log.copies(),
            Some(ack) => ack.copies(server.settings.members.load(Relaxed)),
        }
    }

    /// How many the writes of this turn are to have, all of them. The next turn's may need fewer.
    #[inline]
    pub fn copies_of_turn(&mut self, server: &Server) -> u8 {
        self.copies(server).max(std::mem::take(&mut self.copies_before))
    }

    /// Ends its transaction; the commands that it queued.
    pub fn take_transaction(&mut self) -> Option<Transaction> {
        self.gates.remove(Gates::MULTI);
        self.transaction.take()
    }

    /// Begins a transaction, or goes on with one.
    pub fn set_transaction(&mut self, transaction: Transaction) {
        self.gates.insert(Gates::MULTI);
        self.transaction = Some(transaction);
    }

    /// Whether the requests that follow are to wait.
    #[inline]
    pub fn stops(&self) -> bool {
        self.closing || self.handover.is_some() || !matches!(self.wait, Wait::No)
    }

    /// Whether its next request is kept back.
    #[inline]
    pub fn is_parked(&self) -> bool {
        matches!(self.wait, Wait::Parked(_))
    }

    /// What its requests may be.
    #[inline]
    pub fn limits(&self) -> RequestLimits {
        if self.is_authenticated() { RequestLimits::FULL } else { RequestLimits::UNAUTHENTICATED }
    }

    /// Changes the database.
    pub fn select(&mut self, db: u8) {
        self.db = db;
        self.client.db.store(db, Relaxed);
    }

    /// Changes the version of the protocol.
    pub fn set_resp(&mut self, resp: Resp) {
        self.resp = resp;
        self.client.resp.store(if resp == Resp::V3 { 3 } else { 2 }, Relaxed);
        self.note_subscriber();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::testing::Harness;

    #[test]
    fn a_quorum_is_that_of_the_member_as_it_is_now() {
        let mut t = Harness::new();
        let server = Arc::clone(&t.server);
        let copies = |t: &Harness, members| {
            server.settings.members.store(members, Relaxed);
            t.session.copies(&server)
        };
        assert_eq!(t.run("RINGTAIL ACK quorum"), "OK");
        assert_eq!([3, 5, 7].map(|members| copies(&t, members)), [2, 3, 4]);
        // Before it said something else nothing ran that is acknowledged, ...
        assert_eq!(t.run("RINGTAIL ACK local"), "OK");
        assert_eq!(t.session.copies_of_turn(&server), 1);
        // ... and what did has as many as there are by then.
        assert_eq!(t.run("RINGTAIL ACK quorum"), "OK");
        t.run("GET k");
        assert_eq!(t.run("RINGTAIL ACK local"), "OK");
        assert_eq!([(); 2].map(|()| t.session.copies_of_turn(&server)), [4, 1]);
        assert_eq!(t.run("RINGTAIL ACK default"), "OK");
        assert_eq!(copies(&t, 3), server.log.copies());
    }
}
