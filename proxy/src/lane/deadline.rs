//! Deadlines of a lane's requests, without a timer or a clock reading for each: requests expire in the order in which they were
//! sent, so a few marks along the queue are enough.

use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Core, Lane};
use crate::fault::Fault;
use crate::limits;
use crate::pending::Target;
use crate::worker::Worker;

/// A request may be given up earlier than its deadline by this part of the time that it has.
const GRAIN: u32 = 64;

/// All requests up to number `upto` were pushed at `since` or a little later.
struct Mark {
    upto: u64,
    since: Instant,
}

/// When the requests of a lane were pushed.
#[derive(Default)]
pub(crate) struct Deadlines {
    /// Number of the first pending request: how many were answered before it.
    answered: u64,
    marks: VecDeque<Mark>,
    grain: Duration,
}

impl Deadlines {
    /// Notes that the queue has `count` requests now; `true` when nothing had been noted before.
    #[inline]
    pub(crate) fn note(&mut self, count: usize, now: Instant) -> bool {
        let upto = self.answered + count as u64;
        match self.marks.back_mut() {
            Some(mark) if now.duration_since(mark.since) < self.grain => {
                mark.upto = upto;
                false
            }
            _ => self.mark(upto, now),
        }
    }

    #[cold]
    fn mark(&mut self, upto: u64, since: Instant) -> bool {
        let first = self.marks.is_empty();
        self.forget_answered();
        self.marks.push_back(Mark { upto, since });
        first
    }

    /// Notes that the first request was answered.
    #[inline]
    pub(crate) fn answered(&mut self) {
        self.answered += 1;
    }

    /// The last `count` requests that were answered are to be answered again; `false` if there were not so many.
    pub(super) fn again(&mut self, count: usize) -> bool {
        let before = self.answered.checked_sub(count as u64);
        self.answered = before.unwrap_or(self.answered);
        before.is_some()
    }

    /// When the oldest request that waits was pushed.
    fn oldest(&mut self) -> Option<Instant> {
        self.forget_answered();
        self.marks.front().map(|mark| mark.since)
    }

    fn forget_answered(&mut self) {
        while self.marks.front().is_some_and(|mark| mark.upto <= self.answered) {
            self.marks.pop_front();
        }
    }

    /// Forgets the marks whose time is up: how many requests at the queue's front they stand for, and since when.
    fn pop_late(&mut self, now: Instant, timeout: Duration) -> Option<(usize, Instant)> {
        self.forget_answered();
        let since = self.marks.front()?.since;
        let mut count = 0;
        while let Some(mark) = self.marks.pop_front_if(|mark| mark.since + timeout <= now) {
            count = (mark.upto - self.answered) as usize;
        }
        (count > 0).then_some((count, since))
    }

    /// All requests of the lane are gone.
    pub(crate) fn clear(&mut self, count: usize) {
        self.answered += count as u64;
        self.marks.clear();
    }
}

impl Lane {
    /// Answers the requests whose deadline has passed, and gives the lane up if it hangs. Says when to look
    /// again, if anything waits.
    pub(crate) fn expire(self: &Rc<Self>, worker: &Worker, now: Instant) -> Option<Instant> {
        let timeout = worker.timeout();
        let mut core = self.core.borrow_mut();
        let expired = core.take_expired(now, timeout);
        let next = core.next_look(now, timeout);
        let failed = core.failed.is_some();
        drop(core);
        if failed {
            // Its task ends the connection, and answers all that wait.
            self.look();
        }
        if !expired.is_empty() {
            if !self.cut_slow_reader(worker) {
                self.member.is_late(now);
            }
            self.answer_late(worker, &expired);
        }
        next
    }

    #[cold]
    fn answer_late(&self, worker: &Worker, expired: &[(usize, Target)]) {
        let error = self.member.fault(&Fault::Late(worker.timeout()));
        for (index, target) in expired {
            self.core.borrow_mut().ledger.late(worker, *index, target, &error);
            target.answer(worker, &error);
        }
    }
}

impl Core {
    /// The requests whose time is up, with their places in the queue.
    fn take_expired(&mut self, now: Instant, timeout: Duration) -> Vec<(usize, Target)> {
        self.deadlines.grain = timeout / GRAIN;
        let late = self.deadlines.pop_late(now, timeout);
        let Some((count, since)) = late else { return Vec::new() };
        self.owed_since.get_or_insert(since);
        let pending = self.pending.iter_mut().take(count).enumerate();
        pending.filter_map(|(index, target)| Some((index, expired(target)?))).collect()
    }

    /// A connection that owes answers and sends nothing is as good as broken.
    fn next_look(&mut self, now: Instant, timeout: Duration) -> Option<Instant> {
        let hung = self
            .owed_since
            .filter(|_| self.stream.is_some())
            .map(|since| since + timeout * limits::HUNG_TIMEOUTS);
        let hung = hung.into_iter().chain(self.flow_due(now, timeout)).min();
        if hung.is_some_and(|at| at <= now) && self.failed.is_none() {
            self.failed = Some(silent());
            return None;
        }
        let oldest = self.deadlines.oldest().map(|since| since + timeout);
        match (oldest, hung) {
            (Some(oldest), Some(hung)) => Some(oldest.min(hung)),
            (one, other) => one.or(other),
        }
    }
}

/// Why a connection is given up that owes answers.
pub(super) fn silent() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "it does not answer")
}

/// Leaves a place in the queue for the late answer, which nobody wants any more.
fn expired(target: &mut Target) -> Option<Target> {
    (!target.is_nobody()).then(|| std::mem::replace(target, Target::Expired))
}
