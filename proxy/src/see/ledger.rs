//! How long the requests of a lane took, without a place for each: those that came in one turn and are alike are one run.

use std::collections::VecDeque;
use std::sync::Arc;

use ringtail_protocol::command::{Command, CommandId};
use tokio::time::Instant;

use super::command;
use super::sent::Sent;
use crate::member::Sight;
use crate::otel::{Answered, Samples};
use crate::worker::Worker;

/// A bit of the command's number: only a part of such a command.
pub(super) const PART: u16 = 1 << 15;

/// What is known of a request besides its bytes: the turn in which it came, its command, its user; in one word, so that
/// comparing two is one instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark(u64);

impl Mark {
    /// Of no request.
    pub(crate) const NOBODY: Self = Self(u64::MAX);

    #[inline]
    pub(crate) fn new(since: u32, command: CommandId, user: u16) -> Self {
        Self(u64::from(since) << 32 | u64::from(command as u16) << 16 | u64::from(user))
    }

    /// The same as the mark of one member's part.
    #[inline]
    pub(crate) fn part(self) -> Self {
        Self(self.0 | u64::from(PART) << 16)
    }

    /// When it came, in microseconds of the proxy, which begin again after 71 minutes.
    #[inline]
    pub(crate) fn since(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Its user's number.
    #[inline]
    pub(crate) fn user(self) -> u16 {
        self.0 as u16
    }

    /// Its command, unless it is a part of one.
    #[inline]
    pub(crate) fn whole(self) -> Option<&'static Command> {
        command((self.0 >> 16) as u16)
    }

    /// Its command, or the one that it is a part of.
    pub(crate) fn command(self) -> Option<&'static Command> {
        command((self.0 >> 16) as u16 & !PART)
    }

    /// How long ago it came.
    #[inline]
    pub(crate) fn age(self, now: u32) -> u32 {
        // What seems to come from the future began a moment ago.
        let age = now.wrapping_sub(self.since());
        if age > u32::MAX / 2 { 0 } else { age }
    }
}

/// Requests of equal marks, one after the other.
struct Run {
    mark: Mark,
    /// Answers up to this number are theirs.
    upto: u64,
    /// Requests that are not counted yet.
    calls: u32,
}

/// The requests of a lane that are on their way.
pub(crate) struct Ledger {
    pub(super) sight: Arc<Sight>,
    /// The number of the next answer.
    answered: u64,
    /// Answers that are counted.
    counted: u64,
    runs: VecDeque<Run>,
    /// What was written and is not answered yet.
    pub(crate) sent: Sent,
    /// Those that are traced.
    pub(crate) samples: Samples,
    /// The turn's time, while answers are handed out.
    pub(super) now: u32,
    /// From so many microseconds on a request is slow.
    attention: u32,
    /// Answers above so many bytes are large.
    pub(super) big_from: usize,
    /// The next answer is a slow one.
    pub(super) slow: bool,
    pub(super) on: bool,
}

impl Ledger {
    pub(crate) fn new(sight: &Arc<Sight>, started: Instant, on: bool) -> Self {
        Self {
            sight: Arc::clone(sight),
            answered: 0,
            counted: 0,
            runs: VecDeque::new(),
            sent: Sent::new(started, on),
            samples: Samples::default(),
            now: 0,
            attention: u32::MAX,
            big_from: usize::MAX,
            slow: false,
            on,
        }
    }

    /// What is seen of the lane's member.
    pub(crate) fn sight(&self) -> &Sight {
        &self.sight
    }

    /// Notes a request, of which the answer is the last of `pending` that are waited for.
    #[inline]
    pub(crate) fn note(&mut self, pending: usize, mark: Mark) {
        if !self.on {
            return;
        }
        let upto = self.answered + pending as u64;
        match self.runs.back_mut() {
            Some(run) if run.mark == mark => {
                run.upto = upto;
                run.calls += 1;
            }
            _ => self.runs.push_back(Run { mark, upto, calls: 1 }),
        }
    }

    /// Keeps what was written, of which the last request is the last of `pending`, and leaves an empty buffer.
    #[inline]
    pub(crate) fn written(&mut self, out: &mut Vec<u8>, pending: usize) {
        self.sent.keep(out, self.answered + pending as u64);
    }

    /// Answers are about to be handed out.
    pub(crate) fn begin(&mut self, worker: &Worker) {
        self.now = worker.turn.micros();
        self.attention = worker.shared.seen.attention();
        self.big_from = worker.big_from();
        self.weigh(worker);
    }

    /// Once enough slow ones were told of in a second, the others are only counted: when everything is slow, telling of it must
    /// not make it slower.
    pub(super) fn weigh(&mut self, worker: &Worker) {
        let is_slow = self.runs.front().is_some_and(|run| run.mark.age(self.now) >= self.attention);
        self.slow = is_slow && worker.eyes.may_tell(self.now);
    }

    /// Whether this, the next answer, is one of the few that are looked at.
    #[inline]
    pub(crate) fn is_worth_a_look(&self, answer: &[u8]) -> bool {
        let is_traced = self.samples.is_due(self.answered);
        self.slow || answer[0] == b'-' || answer.len() > self.big_from || is_traced
    }

    /// The next answer came.
    #[inline]
    pub(crate) fn answer(&mut self, worker: &Worker) {
        self.answered += 1;
        if self.runs.front().is_some_and(|run| run.upto == self.answered) {
            self.end_run(worker);
        }
    }

    fn end_run(&mut self, worker: &Worker) {
        if let Some(run) = self.runs.pop_front() {
            worker.count(run.mark, run.mark.age(self.now), run.calls, Some(&self.sight));
        }
        self.counted = self.answered;
        self.weigh(worker);
    }

    /// All answers that came are handed out: counts those in the middle of a run.
    pub(crate) fn end(&mut self, worker: &Worker) {
        let came = (self.answered - self.counted) as u32;
        self.counted = self.answered;
        if let (Some(run), 1..) = (self.runs.front_mut(), came) {
            let calls = came.min(run.calls);
            run.calls -= calls;
            worker.count(run.mark, run.mark.age(self.now), calls, Some(&self.sight));
        }
        self.sent.forget(self.answered, worker);
    }

    /// What was sent will be sent again, and the last `count` requests that were answered are to be answered again.
    #[cold]
    pub(crate) fn again(&mut self, count: usize) {
        self.answered = self.answered.saturating_sub(count as u64);
        self.counted = self.answered;
        self.sent.clear(self.answered);
    }

    /// The answers that were waited for will not come: `error` was given instead.
    #[cold]
    pub(crate) fn lost(&mut self, worker: &Worker, error: &[u8]) {
        self.begin(worker);
        for run in self.runs.drain(..) {
            worker.count(run.mark, run.mark.age(self.now), run.calls, Some(&self.sight));
            (0..run.calls).for_each(|_| worker.count_failed(run.mark, error));
        }
        let Self { samples, sent, sight, now, .. } = self;
        samples.end_all(worker, |number| Answered {
            sight,
            now: *now,
            written: sent.written(number),
            size: None,
            error: Some(error),
        });
        self.counted = self.answered;
        self.sent.clear(self.answered);
    }

    /// The next answer, of so many bytes, is that of a request which is traced, if it is.
    #[inline]
    pub(crate) fn end_sample(&mut self, worker: &Worker, size: Option<usize>, error: Option<&[u8]>) {
        self.end_sample_at(worker, 0, size, error);
    }

    /// The same of the pending request at `index`.
    #[inline]
    pub(super) fn end_sample_at(
        &mut self,
        worker: &Worker,
        index: usize,
        size: Option<usize>,
        error: Option<&[u8]>,
    ) {
        let number = self.number_of(index);
        let Self { samples, sent, sight, .. } = self;
        samples.end(worker, number, || Answered {
            sight,
            now: worker.turn.micros(),
            written: sent.written(number),
            size,
            error,
        });
    }

    /// The mark of the pending request at `index`.
    pub(super) fn mark_at(&self, index: usize) -> Mark {
        let number = self.number_of(index);
        let run = self.runs.iter().find(|run| number < run.upto);
        run.map_or(Mark::NOBODY, |run| run.mark)
    }

    /// Counts the pending request at `index` now, before its answer.
    pub(super) fn count_early(&mut self, worker: &Worker, index: usize) {
        let (number, now) = (self.number_of(index), worker.turn.micros());
        if let Some(run) = self.runs.iter_mut().find(|run| number < run.upto && run.calls > 0) {
            run.calls -= 1;
            worker.count(run.mark, run.mark.age(now), 1, Some(&self.sight));
        }
    }

    /// The number of the pending request at `index`.
    pub(crate) fn number_of(&self, index: usize) -> u64 {
        self.answered + index as u64
    }
}
