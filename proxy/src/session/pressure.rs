//! What becomes of a client of which too much is held: one that does not take its answers, or whose request is too long.

#[cfg(test)]
mod tests;

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use ringtail_net::RateLimited;
use ringtail_protocol::errors::Error;
use ringtail_protocol::reply::Reply;
use tokio::time::Instant;

use super::State;
use crate::limits;
use crate::shared::Counters;
use crate::transaction;
use crate::worker::Worker;

const IN_THE_WAY: Error = Error::fixed(
    "ERR the proxy holds as much as it may (--max-in-flight), and this request kept others waiting: nothing was run, try again later",
);

impl State {
    /// The socket takes no more for now; `moved`: it took something.
    #[cold]
    pub(super) fn note_slow(&mut self, worker: &Worker, moved: bool) {
        if moved || self.stuck_since.is_none() {
            self.stuck_since = Some(Instant::now());
        }
        let most = worker.shared.settings.live.output_limit.load(Relaxed);
        if most > 0 && self.out.len() - self.sent > most {
            self.cut(worker, "--output-limit");
        }
    }

    /// How long its task waits for the client before it has to look again; `None` = as long as it takes.
    pub(super) fn patience(&self, worker: &Worker) -> Option<Duration> {
        if let Some(since) = self.stuck_since.filter(|_| self.stuck) {
            let most = worker.shared.settings.live.output_timeout()?;
            return Some((since + most).saturating_duration_since(Instant::now()));
        }
        // Only a request that came in part costs a timer.
        self.is_mid_request().then_some(limits::REQUEST_TIMEOUT)
    }

    /// Whether its task has to look after the time that the client takes.
    pub(super) fn wants_timer(&self, worker: &Worker) -> bool {
        self.stuck && worker.shared.settings.live.output_timeout().is_some()
    }

    /// The time is up, but the client may have taken something meanwhile. `true` if not: it is closed.
    pub(super) fn is_too_slow(&mut self, worker: &Worker) -> bool {
        let too_slow = self.stuck && self.patience(worker).is_some_and(|left| left.is_zero());
        if too_slow {
            self.cut(worker, "--output-timeout");
        }
        too_slow
    }

    /// Closes it as it is: it would not take a last word either.
    #[cold]
    fn cut(&mut self, worker: &Worker, flag: &'static str) {
        static CUTS: RateLimited = RateLimited::new();
        let (peer, bytes) = (self.client.peer, self.out.len() - self.sent);
        Counters::add(&worker.counters.slow_readers, 1);
        CUTS.log(|suppressed| {
            tracing::warn!(%peer, bytes, suppressed, "closed: it does not take its answers ({flag})");
        });
        self.failed = true;
    }

    /// Refuses a request that is not complete and too long already.
    pub(super) fn check_length(&mut self, worker: &Worker) {
        let most = worker.shared.settings.live.longest_request();
        if self.hold.is_none() && self.unread.len() > most {
            let flag = "--max-in-flight-per-client, or --max-in-flight";
            self.refuse_unread(
                worker,
                &Error::new(format!("ERR a request is longer than {most} bytes ({flag})")),
            );
        }
    }

    /// Gives up what is held of it, because all others wait for the room: a request that is not complete, a
    /// transaction that is queued, or answers that it does not take.
    #[cold]
    pub(super) fn make_way(&mut self, worker: &Worker) {
        match self.unread.len() + transaction::queued_bytes(self) >= self.unsent() {
            true => self.refuse_unread(worker, &IN_THE_WAY),
            false => self.cut(worker, "--max-in-flight"),
        }
    }

    #[cold]
    fn refuse_unread(&mut self, worker: &Worker, error: &Error) {
        static REFUSALS: RateLimited = RateLimited::new();
        let (peer, bytes) = (self.client.peer, self.unread.len() + transaction::queued_bytes(self));
        Counters::add(&worker.counters.in_flight_refused, 1);
        REFUSALS.log(|suppressed| tracing::warn!(%peer, bytes, suppressed, "a request is refused: {error}"));
        (self.unread, self.hold, self.transaction) = (Vec::new(), None, None);
        self.reply(worker, |reply: &mut Reply<'_>| reply.error(error));
        self.closing = true;
        self.count_held();
    }
}
