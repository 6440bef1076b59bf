//! What is done with requests that were slow, failed, or had a large answer; all others never come here.

use std::fmt;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use ringtail_protocol::command::{Command, CommandId, Flags};
use ringtail_protocol::stats;
use tokio::time::Instant;

use super::sent::Request;
use super::{Ledger, Mark};
use crate::clients::Client;
use crate::member::Member;
use crate::otel::{self, error_of};
use crate::own;
use crate::pending::Target;
use crate::session::Session;
use crate::shared::unix_time;
use crate::whole::Question;
use crate::worker::Worker;

/// Where the time of a request went, and what is known of it beside its arguments.
struct Where<'a> {
    /// The member that it was sent to; empty for one that was asked of several, or whose keys are of several.
    member: &'a str,
    user: String,
    /// Bytes of the request and of its answer.
    sizes: (usize, usize),
    /// Microseconds until it was written to the member.
    proxy: u32,
    /// Microseconds from there to its answer.
    away: u32,
    /// How much of that the network takes, as far as the system knows.
    network: Option<Duration>,
}

impl fmt::Display for Where<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { member, user, sizes: (request, answer), proxy, away, network } = self;
        let network = network.map_or(0, |time| time.as_micros() as u32).min(*away);
        write!(f, "# member={member} user={user} request_bytes={request} answer_bytes={answer} ")?;
        write!(f, "proxy_usec={proxy} network_usec={network} member_usec={}", away - network)
    }
}

/// What is known of a request that is passed through as it comes.
pub(crate) struct Passed {
    pub(crate) command: CommandId,
    /// Its name and its key, if it has one.
    pub(crate) words: Vec<Vec<u8>>,
    pub(crate) begun: Instant,
    /// When there was a connection for it.
    pub(crate) connected: Option<Instant>,
    pub(crate) network: Option<Duration>,
    /// Bytes of the request and of its answer.
    pub(crate) request: usize,
    pub(crate) answer: usize,
    error: Option<Vec<u8>>,
}

impl Passed {
    pub(crate) fn begin(command: CommandId, words: Vec<Vec<u8>>) -> Self {
        let begun = Instant::now();
        Self { command, words, begun, connected: None, network: None, request: 0, answer: 0, error: None }
    }

    /// The beginning of its answer came.
    pub(crate) fn answer_begins(&mut self, answer: &[u8]) {
        self.error = answer.strip_prefix(b"-").map(<[u8]>::to_vec);
    }
}

impl Ledger {
    /// The next answer is a slow one, an error, or large.
    #[cold]
    pub(crate) fn look_closely(
        &mut self,
        worker: &Worker,
        target: &Target,
        answer: &[u8],
        network: impl FnOnce() -> Option<Duration>,
    ) {
        let mark = self.mark_at(0);
        self.end_sample(worker, Some(answer.len()), error_of(answer));
        if answer.first() == Some(&b'-')
            && (target.session().is_some() || matches!(target, Target::Published(_)))
        {
            worker.count_failed(mark, &answer[1..]);
        }
        let large = answer.len() > self.big_from;
        if !self.on || !(self.slow || large) {
            return;
        }
        let number = self.number_of(0);
        let (request, written) = self.sent.request(number);
        if let (Some(request), true) = (&request, large) {
            let words: Vec<&[u8]> = request.words.iter().map(Vec::as_slice).collect();
            worker.large_answer(&words, answer.len());
        }
        if self.slow {
            let times = (written.unwrap_or(mark.since()), self.now);
            self.report(worker, target, mark, request.as_ref(), (times, answer.len(), network()));
            self.weigh(worker);
        }
    }

    /// The pending request at `index` was answered with an error, since its time was up.
    #[cold]
    pub(crate) fn late(&mut self, worker: &Worker, index: usize, target: &Target, error: &[u8]) {
        let (mark, now) = (self.mark_at(index), worker.turn.micros());
        worker.count_failed(mark, &error[1..]);
        self.end_sample_at(worker, index, Some(error.len()), error_of(error));
        self.count_early(worker, index);
        let is_slow = mark.age(now) >= worker.shared.seen.attention();
        if !(self.on && is_slow && worker.eyes.may_tell(now)) {
            return;
        }
        let (request, written) = self.sent.request(self.number_of(index));
        let times = (written.unwrap_or(now), now);
        self.report(worker, target, mark, request.as_ref(), (times, error.len(), None));
    }

    fn report(
        &self,
        worker: &Worker,
        target: &Target,
        mark: Mark,
        request: Option<&Request>,
        ((written, now), answer, network): ((u32, u32), usize, Option<Duration>),
    ) {
        let (Some(command), Some(client)) = (mark.command(), target.client()) else { return };
        let away = now.wrapping_sub(written).min(mark.age(now));
        let whence = Where {
            member: &self.sight.name,
            user: worker.shared.seen.users.name(mark.user()),
            sizes: (request.map_or(0, |request| request.size), answer),
            proxy: mark.age(now) - away,
            away,
            network,
        };
        let name = [command.full_name.as_bytes()];
        let words: Vec<&[u8]> =
            request.map_or(name.to_vec(), |r| r.words.iter().map(Vec::as_slice).collect());
        worker.was_slow(command, &client, mark.age(now), &words, &whence);
    }
}

impl Worker {
    /// A question to the pool, that was begun then, was answered.
    pub(crate) fn was_asked(&self, session: &Session, question: &Question, begun: Instant, answer: &[u8]) {
        self.traces.request(|| otel::Request {
            command: Some(question.id.command()),
            client: &session.client,
            db: question.db,
            micros: micros_since(begun),
            away: None,
            member: self.owner_of(question),
            sizes: (Some(size_of_words(&question.words)), Some(answer.len())),
            error: error_of(answer),
        });
        if !self.eyes.is_on() {
            return;
        }
        let (micros, user) = (micros_since(begun), session.seen_as());
        let mark = Mark::new(self.turn.micros(), question.id, user);
        self.count(mark, micros, 1, None);
        if let Some(error) = answer.strip_prefix(b"-") {
            self.count_failed(mark, error);
        }
        let is_slow = micros >= self.shared.seen.attention() && !own::waits(question);
        self.shared.seen.slow[self.eyes.worker].add(u64::from(is_slow));
        if is_slow && self.eyes.may_tell(self.turn.micros()) {
            let words: Vec<&[u8]> = question.words.iter().map(Vec::as_slice).collect();
            let sizes = (size_of_words(&question.words), answer.len());
            let user = self.shared.seen.users.name(user);
            let member = self.owner_of(question).unwrap_or_default();
            let whence = Where { member: &member, user, sizes, proxy: 0, away: micros, network: None };
            self.was_slow(question.id.command(), &session.client(), micros, &words, &whence);
        }
    }

    /// The one member that is asked about it.
    fn owner_of(&self, question: &Question) -> Option<String> {
        let owner = question.slot(self).and_then(|slot| self.owner(slot));
        owner.map(|owner| owner.name.clone())
    }

    /// A request was passed through as it came.
    pub(crate) fn was_passed(&self, session: &Session, member: &Member, passed: &Passed) {
        self.traces.request(|| otel::Request {
            command: Some(passed.command.command()),
            client: &session.client,
            db: session.client.db.load(Relaxed),
            micros: micros_since(passed.begun),
            away: passed.connected.map(micros_since),
            member: Some(member.name.clone()),
            sizes: (Some(passed.request), Some(passed.answer)),
            error: passed.error.as_deref(),
        });
        if !self.eyes.is_on() {
            return;
        }
        let (micros, user) = (micros_since(passed.begun), session.seen_as());
        let mark = Mark::new(self.turn.micros(), passed.command, user);
        self.count(mark, micros, 1, None);
        if let Some(error) = &passed.error {
            self.count_failed(mark, error);
        }
        let is_slow = micros >= self.shared.seen.attention();
        self.shared.seen.slow[self.eyes.worker].add(u64::from(is_slow));
        if is_slow && self.eyes.may_tell(self.turn.micros()) {
            let away = passed.connected.map_or(0, micros_since);
            let whence = Where {
                member: &member.name,
                user: self.shared.seen.users.name(user),
                sizes: (passed.request, passed.answer),
                proxy: micros.saturating_sub(away),
                away: away.min(micros),
                network: passed.network,
            };
            let words: Vec<&[u8]> = passed.words.iter().map(Vec::as_slice).collect();
            self.was_slow(passed.command.command(), &session.client(), micros, &words, &whence);
        }
    }

    /// Tells the slow log and the latency monitor of a request that took so many microseconds.
    #[cold]
    fn was_slow(&self, command: &Command, client: &Client, micros: u32, words: &[&[u8]], whence: &Where<'_>) {
        let (seen, now) = (&self.shared.seen, unix_time().as_millis() as u64);
        self.eyes.tells();
        let is_fast = command.flags.contains(Flags::FAST);
        seen.latency.note(if is_fast { stats::FAST_COMMAND } else { stats::COMMAND }, now, u64::from(micros));
        let is_slow = seen.slowlog.threshold().is_some_and(|least| u64::from(micros) >= least);
        // A server logs a transaction's commands instead; here they are one piece.
        let is_logged = !command.flags.contains(Flags::SKIP_SLOWLOG) || command.id == CommandId::Exec;
        if is_slow && is_logged {
            let who = (client.peer.to_string(), client.names().name.clone());
            seen.slowlog.add(now, u64::from(micros), words.iter().copied(), who, Some(whence.to_string()));
        }
    }
}

fn micros_since(then: Instant) -> u32 {
    then.elapsed().as_micros() as u32
}

fn size_of_words(words: &[Vec<u8>]) -> usize {
    words.iter().map(Vec::len).sum()
}
