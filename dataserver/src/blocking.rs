//! Clients that wait for a key: BLPOP and its like.
//!
//! A command that finds nothing leaves a [`Waiter`] at each of its keys, under their lock, with all that is needed to run
//! it again. Whoever puts something under such a key runs the command for the first who waits for it, before anything
//! else of its own, and gives the reply to the waiter; so the order of arrival is the order of service, and a client
//! that waits costs nothing until then.

use crate::session::Client;
use crate::store::tracked::Tracker;
use crate::sync::{Mutex, MutexGuard};
use ringtail_protocol::command::Command;
use ringtail_protocol::request::{Args, OwnedRequest};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

/// A reply as the client is to get it.
pub type Bytes = Vec<u8>;

/// How far a waiter is.
enum State {
    /// Nothing has come yet.
    Waiting,
    /// Another thread runs its command.
    Serving,
    /// Its command was run for it, or what it waited for has come: the reply.
    Served(Bytes),
    /// Its time was over, or somebody has ended its waiting: the reply.
    Ended(Bytes),
    /// Its connection has ended.
    Gone,
}

/// A command that waits.
pub struct Waiter {
    /// Greater than those of all who came before.
    pub number: u64,
    /// Who waits.
    pub client: Arc<Client>,
    /// The command.
    pub command: &'static Command,
    /// Its database.
    pub db: u8,
    /// CLIENT NO-TOUCH
    pub no_touch: bool,
    /// The version of all users when its own was asked whether it may run the command.
    pub users_seen: u64,
    /// Whether it is to look even when the key is gone (XREADGROUP tells so).
    pub even_missing: bool,
    /// Redis's name of the type that its key must have.
    pub wanted: &'static str,
    /// It does not wait for ever.
    pub has_timeout: bool,
    /// Who is to be told when what it reads changes.
    pub tracker: Option<Arc<dyn Tracker>>,
    request: OwnedRequest,
    /// What it gets when its time is over.
    timed_out: Mutex<Bytes>,
    state: Mutex<State>,
}

/// What a connection knows of the command that it waits for.
pub struct Blocked {
    /// Shared with those who may serve it.
    pub waiter: Arc<Waiter>,
    /// When its time is over; never, if `None`.
    pub until: Option<Instant>,
}

/// What [`Waiter::new`] is made of.
pub struct Waiting {
    /// The request to run again.
    pub request: OwnedRequest,
    /// The reply when nothing came in time.
    pub timed_out: Bytes,
    /// See [`Waiter::even_missing`].
    pub even_missing: bool,
    /// See [`Waiter::wanted`].
    pub wanted: &'static str,
    /// See [`Waiter::has_timeout`].
    pub has_timeout: bool,
    /// See [`Waiter::tracker`].
    pub tracker: Option<Arc<dyn Tracker>>,
}

impl Waiter {
    /// A command that begins to wait; made under the locks of its keys, so that numbers follow their queues' order.
    pub fn new(
        client: &Arc<Client>,
        command: &'static Command,
        db: u8,
        no_touch: bool,
        users_seen: u64,
        waiting: Waiting,
    ) -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self {
            number: LAST.fetch_add(1, Relaxed) + 1,
            client: Arc::clone(client),
            command,
            db,
            no_touch,
            users_seen,
            even_missing: waiting.even_missing,
            wanted: waiting.wanted,
            has_timeout: waiting.has_timeout,
            tracker: waiting.tracker,
            request: waiting.request,
            timed_out: Mutex::new(waiting.timed_out),
            state: Mutex::new(State::Waiting),
        }
    }

    /// Its arguments.
    pub fn args(&self) -> Args<'_> {
        self.request.args()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn timed_out(&self) -> MutexGuard<'_, Bytes> {
        self.timed_out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It gets this when its time is over.
    pub fn set_timed_out(&self, reply: Bytes) {
        *self.timed_out() = reply;
    }

    /// Whether it may still be served.
    pub fn is_waiting(&self) -> bool {
        matches!(*self.state(), State::Waiting | State::Serving)
    }

    /// Takes it on, to serve it; false if somebody else did, or it waits no more.
    pub fn claim(&self) -> bool {
        let mut state = self.state();
        let waits = matches!(*state, State::Waiting);
        if waits {
            *state = State::Serving;
        }
        waits
    }

    /// Lets it wait on: there was nothing for it.
    pub fn give_back(&self) {
        let mut state = self.state();
        if matches!(*state, State::Serving) {
            *state = State::Waiting;
        }
        drop(state);
        // Its time may have been over meanwhile.
        self.client.wake();
    }

    /// Serves it. The reply comes back if its connection has ended.
    pub fn finish(&self, reply: Bytes) -> Result<(), Bytes> {
        let mut state = self.state();
        if matches!(*state, State::Gone) {
            return Err(reply);
        }
        *state = State::Served(reply);
        drop(state);
        self.client.wake();
        Ok(())
    }

    /// Ends the waiting with this reply, or that of a time-out; false if it is being served or was.
    pub fn end(&self, reply: Option<Bytes>) -> bool {
        let mut state = self.state();
        let waits = matches!(*state, State::Waiting);
        if waits {
            *state = State::Ended(reply.unwrap_or_else(|| self.timed_out().clone()));
            drop(state);
            self.client.wake();
        }
        waits
    }

    /// The reply, once it is there.
    pub fn take(&self) -> Option<Bytes> {
        let mut state = self.state();
        match &mut *state {
            State::Served(reply) | State::Ended(reply) => Some(std::mem::take(reply)),
            _ => None,
        }
    }

    /// Whether it has waited for something that has come, and not in vain.
    pub fn is_served(&self) -> bool {
        matches!(*self.state(), State::Served(_))
    }

    /// Notes that its connection has ended. A reply that it did not get comes back.
    pub fn leave(&self) -> Option<Bytes> {
        match std::mem::replace(&mut *self.state(), State::Gone) {
            State::Served(reply) | State::Ended(reply) => Some(reply),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Clients;
    use ringtail_protocol::command::lookup;
    use std::net::{Ipv4Addr, SocketAddr};

    fn waiter() -> Waiter {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let client = Clients::default().register(address, address, 0);
        let request = OwnedRequest::new([&b"BLPOP"[..], b"k", b"0"].into_iter());
        let waiting = Waiting {
            request,
            timed_out: b"*-1\r\n".to_vec(),
            even_missing: false,
            wanted: "list",
            has_timeout: false,
            tracker: None,
        };
        Waiter::new(&client, lookup(b"lpop").unwrap(), 0, false, 0, waiting)
    }

    #[test]
    fn one_serves_it_and_no_time_out_comes_between() {
        let waiter = waiter();
        assert!(waiter.claim() && !waiter.claim());
        assert!(!waiter.end(None));
        waiter.give_back();
        assert!(waiter.claim());
        assert_eq!(waiter.finish(b"+1\r\n".to_vec()), Ok(()));
        assert!(!waiter.end(None) && !waiter.is_waiting() && waiter.is_served());
        assert_eq!(waiter.take(), Some(b"+1\r\n".to_vec()));
    }

    #[test]
    fn nothing_is_lost_when_the_connection_ends() {
        let served = waiter();
        assert!(served.claim());
        assert_eq!(served.leave(), None);
        assert_eq!(served.finish(b"+1\r\n".to_vec()), Err(b"+1\r\n".to_vec()));
        let late = waiter();
        assert!(late.claim());
        assert_eq!(late.finish(b"+1\r\n".to_vec()), Ok(()));
        assert_eq!(late.leave(), Some(b"+1\r\n".to_vec()));
    }

    #[test]
    fn a_time_out_ends_it() {
        let waiter = waiter();
        assert!(waiter.end(None) && !waiter.claim() && !waiter.is_served());
        assert_eq!(waiter.take(), Some(b"*-1\r\n".to_vec()));
    }
}
