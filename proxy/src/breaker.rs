//! A member's breaker in one worker: a member that has failed for long enough is not asked for a while, so that nobody waits
//! a whole deadline for it, and then only by a probe.
//!
//! ```text
//! closed --(failures in a row, or silence)--> open --(a pause)--> probation --(the probe was answered)--> closed
//!                                               ^--------------(it was not)--------------'
//! ```

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::limits;

#[cfg(test)]
mod tests;

/// Where a breaker stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// Requests go through.
    #[default]
    Closed,
    /// Requests are refused at once; so is the first pause before the probe.
    Open,
    /// Requests are refused; one probe is on its way.
    Probation,
}

impl State {
    /// As INFO has it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::Probation => "probation",
        }
    }
}

/// What one worker knows of how one member does.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    refuses: Cell<bool>,
    /// Failures since the last answer that came in time.
    failures: Cell<u32>,
    last_failure: Cell<Option<Instant>>,
    last_answer: Cell<Option<Instant>>,
    /// How long to wait before the next probe; none at all before the first.
    pause: Cell<Duration>,
    why: RefCell<Arc<str>>,
    changed: Notify,
}

impl Breaker {
    /// Whether requests are not to be sent.
    #[inline]
    pub(crate) fn refuses(&self) -> bool {
        self.refuses.get()
    }

    /// What the failure was that opened it.
    pub(crate) fn why(&self) -> Arc<str> {
        Arc::clone(&self.why.borrow())
    }

    /// An answer came in time.
    #[inline]
    pub(crate) fn answered(&self, now: Instant) {
        self.failures.set(0);
        self.last_answer.set(Some(now));
        self.pause.set(Duration::ZERO);
    }

    /// A request was not answered in time. If nobody's was for as long, the member is taken to be frozen.
    pub(crate) fn late(&self, now: Instant, timeout: Duration, why: impl FnOnce() -> String) {
        let silent = self.last_answer.get().is_none_or(|last| last + timeout <= now);
        self.fail(now, if silent { limits::BREAKER_FAILURES } else { 1 }, why);
    }

    /// A connection broke or could not be made.
    pub(crate) fn failed(&self, now: Instant, why: impl FnOnce() -> String) {
        self.fail(now, 1, why);
    }

    /// One event makes many requests fail together: it counts once.
    fn fail(&self, now: Instant, weight: u32, why: impl FnOnce() -> String) {
        let same = self.last_failure.get().is_some_and(|last| now < last + limits::BREAKER_APART);
        if self.refuses.get() || (same && weight == 1) {
            return;
        }
        self.last_failure.set(Some(now));
        self.failures.set(self.failures.get().saturating_add(weight));
        if self.failures.get() >= limits::BREAKER_FAILURES {
            *self.why.borrow_mut() = why().into();
            self.refuses.set(true);
            self.changed.notify_one();
        }
    }

    /// Has [`Self::run`] look whether it is to go on.
    pub(crate) fn look(&self) {
        self.changed.notify_one();
    }

    /// Runs the breaker for as long as `wanted`. `probe` asks the member something, within a time of its own, and says whether it was
    /// answered; `entered` is told each state.
    pub(crate) async fn run(
        &self,
        wanted: impl Fn() -> bool,
        probe: impl AsyncFn() -> bool,
        entered: impl Fn(State),
    ) {
        let mut state = State::Closed;
        while wanted() {
            entered(state);
            state = match state {
                State::Closed => self.closed(&wanted).await,
                State::Open => self.open().await,
                State::Probation => self.probation(&probe).await,
            };
        }
    }

    /// Until the failures are too many, which [`Self::fail`] sees.
    async fn closed(&self, wanted: &impl Fn() -> bool) -> State {
        while !self.refuses.get() && wanted() {
            self.changed.notified().await;
        }
        State::Open
    }

    /// The first probe goes out at once: the member may do well, and one command of its have been slow.
    async fn open(&self) -> State {
        let pause = self.pause.get();
        self.pause.set((pause * 2).clamp(limits::PROBE_FIRST, limits::PROBE_MOST));
        sleep(pause).await;
        State::Probation
    }

    /// Who has answered a probe is trusted with requests, and not yet with a failure before it has answered one of those.
    async fn probation(&self, probe: &impl AsyncFn() -> bool) -> State {
        if !probe().await {
            return State::Open;
        }
        self.failures.set(limits::BREAKER_FAILURES - 1);
        self.refuses.set(false);
        State::Closed
    }
}
