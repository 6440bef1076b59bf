//! Serving those who wait for a key, once somebody has put something there.

use super::Executor;
use crate::access;
use crate::blocking::{Blocked, Bytes, Waiter};
use crate::command::{self, Call};
use crate::server::Server;
use crate::session::{Gates, Session, Wait};
use crate::store::Key;
use crate::store::after::After;
use crate::store::hold::Holds;
use crate::store::view::View;
use ringtail_protocol::acl::Context;
use ringtail_protocol::command::{Flags, keys};
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::reply::{Reply, Resp};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

/// How an attempt to serve somebody ended.
enum Attempt {
    /// It has its reply; what its command left to be done.
    Served(Option<Box<After>>),
    /// There was nothing for it, or it does not wait any more.
    Nothing,
    /// The key is not there: nobody else can be served.
    Gone,
}

/// What comes to a replica comes to its primary too, and is taken there.
pub const NOW_A_REPLICA: Error = Error::fixed(
    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
);

/// A session for a waiter's command, which was let run when it began to wait.
fn session_for(waiter: &Waiter, server: &Server) -> Session {
    let mut session = Session::new(Arc::clone(&waiter.client), &server.access);
    session.gates = Gates::empty();
    session.db = waiter.db;
    session
}

/// What the waiter's user lost since it began to wait, as the error that it gets for it.
fn refusal(waiter: &Waiter, session: &mut Session, server: &Server, now: u64) -> Option<Error> {
    if server.log.stance.is_read_only() && waiter.command.flags.contains(Flags::WRITE) {
        return Some(NOW_A_REPLICA);
    }
    if server.access.is_at(waiter.users_seen) {
        return None;
    }
    let args = waiter.args();
    let known = waiter.client.names().user.clone();
    match server.access.current(known.as_deref()) {
        Some(user) => session.identity.set_user(user),
        // Its connection is on its way out.
        None => return Some(errors::NO_AUTH),
    }
    let denied = session.identity.user().may(waiter.command, &args).err()?;
    access::note(&server.access, session, Context::Toplevel, denied, waiter.command, &args, now);
    Some(denied.error(session.identity.user(), waiter.command))
}

/// Whether somebody else holds a slot of the keys that the view's client works on.
fn is_held(view: &mut View<'_>, keys: &[Key<'_>]) -> bool {
    let client = view.client;
    let mut obstacle = |holds: &mut Holds, slots| holds.obstacle(client, slots, Instant::now());
    view.has_holds() && view.find_hold(keys, &mut obstacle).is_some()
}

impl Executor {
    /// Does what a command has left to be done without its locks.
    #[cold]
    pub(crate) fn finish(&mut self, after: After, now: u64) {
        self.server.tell(&after);
        let mut awaited = VecDeque::from(after.awaited);
        while let Some((db, bytes)) = awaited.pop_front() {
            // Each is looked at once: who is passed over stays before the others, who may leave meanwhile.
            let mut seen = 0;
            while let Some(waiter) = self.waiter(db, &bytes, seen) {
                seen = waiter.number;
                match self.serve(&waiter, &bytes, now) {
                    Attempt::Served(Some(after)) => {
                        self.server.tell(&after);
                        awaited.extend(after.awaited);
                    }
                    Attempt::Served(None) | Attempt::Nothing => {}
                    Attempt::Gone => break,
                }
            }
        }
    }

    /// The first who waits for a key and came later than the one of this number.
    fn waiter(&self, db: u8, bytes: &[u8], seen: u64) -> Option<Arc<Waiter>> {
        let store = &self.server.store;
        let mut slots = store.lock(store.key(bytes).group());
        slots.interest_if_any()?.waiters(db, bytes).find(|waiter| waiter.number > seen).cloned()
    }

    /// Runs a waiter's command for it, if `bytes` has what it waits for.
    fn serve(&mut self, waiter: &Arc<Waiter>, bytes: &[u8], now: u64) -> Attempt {
        let server = Arc::clone(&self.server);
        let (args, counters) = (waiter.args(), &server.counters[self.worker]);
        let keys: Vec<Key<'_>> =
            keys(waiter.command, &args).filter_map(|i| args.get(i)).map(|k| server.store.key(k)).collect();
        let mut view = View::lock(&server.store, counters, now, waiter.db, !waiter.no_touch, &keys);
        // From the claim until it is given back the locks are held: who puts something under one of its keys, and found it claimed,
        // would pass it over and leave it to wait beside what it waits for.
        if !waiter.claim() {
            return Attempt::Nothing;
        }
        view.client = waiter.client.id;
        let found = view.peek(&server.store.key(bytes)).map(|entry| entry.value().type_name());
        let gone = found.is_none();
        let fits = found.map_or(waiter.even_missing, |name| name == waiter.wanted || waiter.even_missing);
        let runs = fits && !is_held(&mut view, &keys);
        let reply = if runs { Self::run_for(waiter, &mut view, &server, &keys) } else { None };
        let Some(reply) = reply else {
            waiter.give_back();
            let after = view.take_after();
            drop(view);
            after.iter().for_each(|after| server.tell(after));
            return if gone && !waiter.even_missing { Attempt::Gone } else { Attempt::Nothing };
        };
        keys.iter().for_each(|key| {
            view.with_interest(key, |interest| interest.wait_no_more(waiter.db, key.bytes, waiter));
        });
        if let Some(tracker) = &waiter.tracker {
            view.track(&keys, tracker);
        }
        let after = view.take_after();
        // Whoever has the reply may ask whether what it tells of is on disk.
        view.commit();
        // Under the locks: the client must have its reply before it can be told that its copy is of no use any more.
        let finished = waiter.finish(reply);
        drop(view);
        if let Err(reply) = finished {
            self.undo(waiter, &reply, now);
        }
        Attempt::Served(after)
    }

    /// The reply of a waiter's command, unless there is still nothing for it.
    fn run_for<'s>(
        waiter: &Waiter,
        view: &mut View<'s>,
        server: &'s Server,
        keys: &[Key<'_>],
    ) -> Option<Bytes> {
        let mut session = session_for(waiter, server);
        session.resp = if waiter.client.resp.load(Relaxed) == 3 { Resp::V3 } else { Resp::V2 };
        let (mut out, resp) = (Vec::new(), session.resp);
        if let Some(error) = refusal(waiter, &mut session, server, view.now) {
            Reply::new(&mut out, resp).error(&error);
            return Some(out);
        }
        let reply = Reply::new(&mut out, resp);
        let mut call = Call::new(view, keys, waiter.args(), reply, &mut session, server, waiter.command);
        call.mode = command::Mode::Serving;
        let done = command::run(&mut call);
        if call.still_waits {
            return None;
        }
        if let Err(error) = done {
            out.clear();
            Reply::new(&mut out, resp).error(&error);
        }
        Some(out)
    }

    /// Puts back what a command took out for a client that is gone.
    #[cold]
    fn undo(&mut self, waiter: &Waiter, reply: &[u8], now: u64) {
        if let Some((command, request)) = command::undo(waiter.command, waiter.args(), reply) {
            let mut session = session_for(waiter, &self.server);
            let args = request.args();
            let keys: Vec<Key<'_>> = args.get(1).map(|key| self.server.store.key(key)).into_iter().collect();
            let _ = self.call(&mut session, command, args, &keys, now, &mut Vec::new());
        }
    }

    /// Takes a command that waited out of the queues of its keys.
    pub fn unblock(&self, session: &mut Session) {
        if let Wait::Blocked(Blocked { waiter, .. }) = std::mem::take(&mut session.wait) {
            *session.client.waiter() = None;
            self.server.blocked.fetch_sub(1, Relaxed);
            self.forget(&waiter);
        }
    }

    fn forget(&self, waiter: &Arc<Waiter>) {
        let (args, store) = (waiter.args(), &self.server.store);
        for bytes in keys(waiter.command, &args).filter_map(|i| args.get(i)) {
            let mut slots = store.lock(store.key(bytes).group());
            if let Some(interest) = slots.interest_if_any() {
                interest.wait_no_more(waiter.db, bytes, waiter);
                slots.drop_empty_interest();
            }
        }
    }

    /// Ends what a session has going when its connection ends: a command that waits, keys that it watches, slots that it
    /// holds.
    pub fn leave(&mut self, session: &mut Session, now: u64) {
        self.adopt(session);
        if let Wait::Blocked(Blocked { waiter, .. }) = &session.wait {
            let waiter = Arc::clone(waiter);
            let unread = waiter.leave();
            self.unblock(session);
            if let Some(reply) = unread {
                self.undo(&waiter, &reply, now);
            }
        }
        if session.is_parked() {
            self.server.blocked.fetch_sub(1, Relaxed);
        }
        self.give_up(session, now);
    }

    /// Watches nothing any more, and lets slots go.
    pub(super) fn give_up(&mut self, session: &mut Session, now: u64) {
        let server = Arc::clone(&self.server);
        if !session.watches.keys.is_empty() {
            let mut view =
                View::lock(&server.store, &server.counters[self.worker], now, session.db, false, &[]);
            session.watches.clear(&mut view);
        }
        if let Some(lease) = session.lease.take() {
            lease.release(&server.store);
        }
    }
}
