//! Requests that are kept back for a while: clients are paused, writers slowed down, slots held by somebody else.

use super::Executor;
use crate::command;
use crate::pause::Pause;
use crate::session::{Session, Wait};
use crate::store::Key;
use crate::store::hold::Obstacle;
use crate::store::view::View;
use ringtail_protocol::command::{Command, CommandId, Flags};
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::request::Args;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

impl Executor {
    /// Keeps the request back while clients are paused. Whether it is kept back.
    #[cold]
    pub(super) fn pauses(&self, session: &mut Session, command: &Command, args: Args<'_>) -> bool {
        if session.lease.is_some() {
            // What it has begun at other servers too is not to be left half done.
            return false;
        }
        let queued = session.transaction.as_ref().filter(|_| command.executes() == CommandId::Exec);
        let writes = queued.is_some_and(|transaction| {
            transaction.queued.iter().any(|queued| self.may_change(queued.command, queued.request.args()))
        });
        session.client.take_unparked();
        let writes = writes || self.may_change(command, args);
        let pause = &self.server.pause;
        let asked = pause.keeps_back(writes);
        let until = asked.or_else(|| if writes { slowed(pause, session) } else { None });
        let Some(until) = until else { return false };
        self.server.blocked.fetch_add(1, Relaxed);
        session.wait = Wait::Parked(Some(until));
        true
    }

    /// Whether a command may change something, or tell others of something.
    fn may_change(&self, command: &Command, args: Args<'_>) -> bool {
        let locks = matches!(command.id, CommandId::RingtailLock | CommandId::RingtailTrylock);
        (locks || command.flags.intersects(Flags::WRITE.union(Flags::MAY_REPLICATE)))
            && !command::scripting::declares_no_writes(&self.server, command, args)
    }

    /// Keeps back a command that changes keys of all slots while any slot is held. Whether it is kept back.
    #[cold]
    pub(super) fn is_held(&self, session: &mut Session, now: u64) -> Result<bool, Error> {
        let counters = &self.server.counters[self.worker];
        let mut view = View::lock(&self.server.store, counters, now, session.db, false, &[]);
        view.lock_all();
        if view.has_holds() { self.park(session, &mut view, &[]) } else { Ok(false) }
    }

    /// Keeps the request back while slots of its keys are held by somebody else. Whether it is kept back.
    ///
    /// # Errors
    /// `BUSY …` when a script holds them for too long.
    #[cold]
    pub(super) fn park(
        &self,
        session: &mut Session,
        view: &mut View<'_>,
        keys: &[Key<'_>],
    ) -> Result<bool, Error> {
        let (client, now) = (Arc::clone(&session.client), Instant::now());
        client.take_unparked();
        let obstacle = view.find_hold(keys, |holds, slots| {
            let obstacle = holds.obstacle(client.id, slots, now)?;
            holds.park(client.id, slots, &client);
            Some(obstacle)
        });
        match obstacle {
            None => Ok(false),
            Some(Obstacle::Busy { is_function }) => Err(errors::busy(is_function)),
            Some(Obstacle::Until(until)) => {
                self.server.blocked.fetch_add(1, Relaxed);
                session.wait = Wait::Parked(Some(until));
                Ok(true)
            }
        }
    }
}

/// Until when the session's next write is kept back, so that there are fewer of them.
#[cold]
fn slowed(pause: &Pause, session: &mut Session) -> Option<Instant> {
    let waited = std::mem::take(&mut session.slowed);
    let wait = pause.slows().filter(|_| !waited)?;
    session.slowed = true;
    Some(Instant::now() + wait)
}
