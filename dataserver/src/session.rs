//! One connection's state, and beside it what every thread may ask of its client and send to it.

mod client;
mod outbox;
pub mod wake;

pub use client::{Client, Clients, NO_COMMAND, Names};
pub use outbox::{Frame, Message, OutputLimits, Pushed};

use ringtail_protocol::limits::RequestLimits;
use ringtail_protocol::reply::Resp;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

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
    }
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
    /// CLIENT NO-TOUCH
    pub no_touch: bool,
    /// CLIENT REPLY
    pub reply_mode: ReplyMode,
    /// The connection ends once the replies so far are sent.
    pub closing: bool,
}

impl Session {
    /// The state of a client that just came.
    pub fn new(client: Arc<Client>, authenticated: bool) -> Self {
        let gates = if authenticated { Gates::empty() } else { Gates::UNAUTHENTICATED };
        Self {
            client,
            db: 0,
            resp: Resp::V2,
            gates,
            no_touch: false,
            reply_mode: ReplyMode::On,
            closing: false,
        }
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
    }
}
