//! A large answer on a shared lane: handed to its session as it comes, instead of whole.
//!
//! The lane counts as busy meanwhile, so that sessions that are free to choose take another. If the client takes it more slowly than the
//! member sends, the lane is not read; unless others wait behind it, for whom more of it is kept, up to a bound. Whoever has
//! not taken enough by their deadline is closed.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use ringtail_net::RateLimited;
use ringtail_protocol::frame::Passage;
use tokio::time::Instant;

use super::serve::garbage;
use super::{Core, Lane};
use crate::limits;
use crate::pending::Target;
use crate::sequence::Ticket;
use crate::session::Session;
use crate::shared::Counters;
use crate::worker::Worker;

/// An answer that is passed through.
pub(super) struct Flow {
    passage: Passage,
    /// Who gets it; nobody, if its deadline had passed before it came.
    to: Option<(Rc<Session>, Ticket)>,
    /// When some of it came, or could not be taken.
    fed: Instant,
}

impl Flow {
    /// What its session holds of answers.
    fn backlog(&self) -> usize {
        self.to.as_ref().map_or(0, |(session, _)| session.backlog())
    }

    /// The rest will not come: the session hears `error` in its place, or is closed if a part is out.
    pub(super) fn break_off(self, worker: &Worker, error: &[u8]) {
        if let Some((session, ticket)) = self.to {
            session.break_off(worker, ticket, error);
        }
    }
}

impl Lane {
    /// Whether it is not to be read for now. The session calls when it has room.
    pub(super) fn is_paused(self: &Rc<Self>, core: &Core) -> bool {
        let Some(flow) = &core.flow else { return false };
        let paused = flow.backlog() > core.flow_bound();
        if paused && let Some((session, _)) = &flow.to {
            session.feed_from(self);
        }
        paused
    }

    /// Others have waited for a whole deadline behind an answer that its client does not take: it is closed, and it
    /// is not the member's fault.
    pub(super) fn cut_slow_reader(self: &Rc<Self>, worker: &Worker) -> bool {
        static SLOW: RateLimited = RateLimited::new();
        let core = self.core.borrow();
        let paused = core.flow.as_ref().filter(|_| self.is_paused(&core));
        let Some((session, _)) = paused.and_then(|flow| flow.to.as_ref()) else { return false };
        Counters::add(&worker.counters.slow_readers, 1);
        let peer = session.state().client.peer;
        SLOW.log(|suppressed| {
                tracing::warn!(%peer, suppressed, "closed: it did not take a large answer, and others waited behind it");
            });
        session.cut();
        true
    }
}

impl Core {
    /// What may wait for a client of the answer that is passed through.
    fn flow_bound(&self) -> usize {
        if self.pending.is_empty() { limits::SESSION_OUTPUT } else { limits::FLOW_AHEAD }
    }

    /// When the rest of the answer that is passed through is late.
    pub(super) fn flow_due(&mut self, now: Instant, timeout: Duration) -> Option<Instant> {
        let bound = self.flow_bound();
        let flow = self.flow.as_mut()?;
        if flow.backlog() > bound {
            // It is the client who takes his time.
            flow.fed = now;
        }
        Some(flow.fed + timeout)
    }

    /// Hands out what is there of the answer that is passed through: how many bytes of `buf` are dealt with.
    pub(super) fn flow_on(&mut self, worker: &Worker, buf: &[u8]) -> io::Result<usize> {
        let Some(flow) = &mut self.flow else { return Ok(0) };
        let length = flow.passage.take(buf).map_err(garbage)?;
        let over = flow.passage.is_over();
        flow.fed = worker.turn.now();
        if let Some((session, ticket)) = &flow.to {
            self.in_time = true;
            session.pass(worker, *ticket, &buf[..length], over);
        }
        if over {
            self.flow = None;
        }
        Ok(length)
    }

    /// Begins to pass the next answer through, if much of it is there and not all, and who waits can take it so.
    pub(super) fn begin_flow(&mut self, worker: &Worker) -> io::Result<()> {
        let large = self.partial.len() >= worker.large() && self.partial[0] != b'>';
        if self.flow.is_some() || !large || self.tracked.is_some() {
            return Ok(());
        }
        let (trace, to) = match self.pending.front() {
            Some(Target::Expired) => (0, None),
            // The parts of an answer are joined; and a SELECT's is garbage.
            target => match target.and_then(Target::session) {
                Some((session, ticket, trace)) => (trace, Some((Rc::clone(session), ticket))),
                None => return Ok(()),
            },
        };
        self.pending.pop_front();
        self.deadlines.answered();
        self.ledger.begin(worker);
        // How long the answer is shows only at its end.
        self.ledger.end_sample(worker, None, None);
        self.ledger.answer(worker);
        self.ledger.end(worker);
        if let Some((session, _)) = &to {
            Counters::add(&worker.counters.large_replies, 1);
            worker.sizes.learn(trace);
            session.state().reads_large = true;
        }
        self.flow = Some(Flow { passage: Passage::default(), to, fed: worker.turn.now() });
        worker.sweep.notify_one();
        self.scanner = ringtail_protocol::frame::Scanner::default();
        let mut partial = std::mem::take(&mut self.partial);
        let dealt = self.flow_on(worker, &partial)?;
        partial.drain(..dealt);
        partial.shrink_to(limits::SPILL_ANSWER);
        self.partial = partial;
        Ok(())
    }
}
