//! What is seen of the requests that go through: counters and latencies by command, member and user, the slow log, and which
//! keys are hot or big.
//!
//! On the way of a request next to nothing is done. Its [`Mark`] (when it came, which command, whose) is written once into a cell, and
//! the lane counts requests of equal marks as one run ([`ledger`]): the histograms are touched once for each run. No clock is read but that
//! of the turn. The bytes that a lane has written are kept until they are answered ([`sent`]), so that what was slow or large can
//! be told with its keys without a copy of any request. One request of some is looked at for its key ([`keys`]).

mod close;
mod keys;
mod ledger;
mod report;
mod sent;
mod settings;
mod users;

#[cfg(test)]
mod tests;

pub(crate) use close::Passed;
pub(crate) use keys::{Big, Hot};
pub(crate) use ledger::{Ledger, Mark};
pub(crate) use report::percentiles;
pub(crate) use settings::Wishes;

use std::cell::Cell;
use std::sync::RwLock;
use std::sync::atomic::AtomicU32;

use ringtail_protocol::command::{Command, CommandId, Found, find, keys};
use ringtail_protocol::request::Args;
use ringtail_protocol::stats::{Counter, Latency, Slowlog, Stats};

use crate::limits;
use crate::member::Sight;
use crate::otel;
use crate::route::Request;
use crate::session::State;
use crate::worker::Worker;
use keys::WorkerKeys;
use users::Users;

/// Nanoseconds of the ticks that durations are counted in: microseconds.
const TICK: f64 = 1000.0;

/// What all workers have seen. Each worker writes into its own part.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) stats: Stats,
    pub(crate) slowlog: Slowlog,
    pub(crate) latency: Latency,
    pub(crate) users: Users,
    keys: Box<[WorkerKeys]>,
    /// Of each worker, requests that took as long as [`Seen::attention`] says.
    slow: Box<[Counter]>,
    percentiles: RwLock<Vec<f64>>,
    /// From so many microseconds on a request is looked at more closely.
    attention: AtomicU32,
    on: bool,
}

impl Seen {
    /// For so many workers.
    pub(crate) fn new(workers: usize, wishes: &Wishes) -> Self {
        let seen = Self {
            stats: Stats::new(workers, TICK),
            slowlog: Slowlog::default(),
            latency: Latency::default(),
            users: Users::new(workers),
            keys: (0..workers).map(|_| WorkerKeys::default()).collect(),
            slow: (0..workers).map(|_| Counter::default()).collect(),
            percentiles: RwLock::new(vec![50.0, 99.0, 99.9]),
            attention: AtomicU32::new(u32::MAX),
            on: wishes.on,
        };
        seen.apply(wishes);
        seen
    }

    /// Starts all numbers again (CONFIG RESETSTAT).
    pub(crate) fn reset(&self) {
        self.stats.reset();
        self.users.reset();
        self.slow.iter().for_each(Counter::reset);
        self.keys.iter().for_each(WorkerKeys::reset);
    }

    /// How many requests were slow, told of or not.
    pub(crate) fn slow(&self) -> u64 {
        self.slow.iter().map(Counter::get).sum()
    }

    /// The keys that are asked for most, the hottest first, at `now` in microseconds of the proxy.
    pub(crate) fn hot(&self, count: usize, now: u32) -> Vec<Hot> {
        keys::hottest(&self.keys, count, now)
    }

    /// Which share of the requests of late was for the hottest key, from 0 to 1.
    pub(crate) fn hottest_share(&self, now: u32) -> f64 {
        keys::hottest_share(&self.keys, now)
    }

    /// The keys with the largest requests or answers, the largest first.
    pub(crate) fn big(&self, count: usize) -> Vec<Big> {
        keys::biggest(&self.keys, count)
    }
}

/// What one worker sees with.
pub(crate) struct Eyes {
    worker: usize,
    on: bool,
    /// The request that is being routed.
    mark: Cell<Mark>,
    /// Requests until one is looked at for its key.
    left: Cell<u32>,
    /// Values and answers above so many bytes are those of big keys.
    big_from: Cell<usize>,
    /// The current second, roughly, and how many slow requests were told of in it.
    told: Cell<(u32, u32)>,
}

impl Eyes {
    pub(crate) fn new(worker: usize, seen: &Seen) -> Self {
        let (left, big_from) = if seen.on { (0, limits::BIG_FROM) } else { (u32::MAX, usize::MAX) };
        Self {
            worker: worker % seen.keys.len(),
            on: seen.on,
            mark: Cell::new(Mark::NOBODY),
            left: Cell::new(left),
            big_from: Cell::new(big_from),
            told: Cell::default(),
        }
    }

    /// Whether a slow request is told of, at `now` in microseconds of the proxy.
    fn may_tell(&self, now: u32) -> bool {
        let (second, count) = self.told.get();
        if second != now >> 20 {
            self.told.set((now >> 20, 0));
            return true;
        }
        count < limits::SLOW_A_SECOND
    }

    /// A slow request is told of.
    fn tells(&self) {
        let (second, count) = self.told.get();
        self.told.set((second, count + 1));
    }

    /// A request begins.
    #[inline]
    pub(crate) fn begin(&self, since: u32, command: &Command, user: u16) {
        self.mark.set(Mark::new(since, command.id, user));
    }

    /// The request that is being routed.
    #[inline]
    pub(crate) fn mark(&self) -> Mark {
        self.mark.get()
    }

    /// Whether anything is counted.
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.on
    }
}

impl Worker {
    /// Looks at what a request asks for, if it is one of those to be looked at.
    #[inline]
    pub(crate) fn look_at(&self, request: &Request<'_>) {
        let left = self.eyes.left.get();
        self.eyes.left.set(left.wrapping_sub(1));
        if left == 0 || request.raw.is_some_and(|raw| raw.len() > self.big_from()) {
            self.look_closely_at(request, left == 0);
        }
    }

    /// Requests and answers above so many bytes are those of big keys.
    #[inline]
    pub(crate) fn big_from(&self) -> usize {
        self.eyes.big_from.get()
    }

    fn keep_large(&self, key: &[u8], size: usize, is_write: bool) {
        self.own_keys().large(key, size, is_write);
        self.eyes.big_from.set(self.own_keys().big_from());
    }

    fn own_keys(&self) -> &WorkerKeys {
        &self.shared.seen.keys[self.eyes.worker]
    }

    #[cold]
    fn look_closely_at(&self, request: &Request<'_>, sampled: bool) {
        if !self.eyes.on {
            return;
        }
        if sampled {
            // Not every n-th: clients that ask in a rhythm would show some of their keys and never the others.
            self.eyes.left.set(fastrand::u32(..2 * limits::SAMPLE_ONE_OF - 1));
            // Another thread may have started the numbers again.
            self.eyes.big_from.set(self.own_keys().big_from());
            let mut found = keys(request.command, &request.args);
            let count = keys(request.command, &request.args).count();
            if let Some(key) = found.nth(if count > 1 { fastrand::usize(..count) } else { 0 }) {
                let is_write = request.command.is_write();
                self.own_keys().asked(&request.args[key], is_write, self.turn.micros());
            }
        }
        self.look_for_large_values(request.command, request.args);
    }

    /// Each key's value is what stands between it and the next one.
    fn look_for_large_values(&self, command: &Command, args: Args<'_>) {
        if !command.is_write() {
            return;
        }
        let found: Vec<usize> = keys(command, &args).collect();
        for (index, key) in found.iter().enumerate() {
            let end = found.get(index + 1).copied().unwrap_or(args.len());
            let size: usize = (key + 1..end).filter_map(|at| args.get(at)).map(<[u8]>::len).sum();
            if size > self.big_from() {
                self.keep_large(&args[*key], size, true);
            }
        }
    }

    /// An answer of so many bytes came to a request with these arguments.
    fn large_answer(&self, args: &[&[u8]], size: usize) {
        let Found::Command(command) = find(args) else { return };
        let mut found = keys(command, args);
        // Of several keys it is not known whose value it is.
        if let (Some(key), None) = (found.next(), found.next()) {
            self.keep_large(args[key], size, false);
        }
    }

    /// Counts requests of one mark that took `micros` each.
    #[inline]
    pub(crate) fn count(&self, mark: Mark, micros: u32, calls: u32, sight: Option<&Sight>) {
        let (seen, micros, worker) = (&self.shared.seen, u64::from(micros), self.eyes.worker);
        if let Some(sight) = sight {
            sight.durations.add(micros, u64::from(calls));
        }
        if let Some(command) = mark.whole() {
            seen.stats.ran_each(worker, command, micros, calls);
            if micros >= u64::from(seen.attention()) && sight.is_some() {
                seen.slow[worker].add(u64::from(calls));
            }
            seen.users.cell(worker, mark.user()).ran(micros, calls);
        }
    }

    /// Counts the request that is being routed as answered here.
    pub(crate) fn count_local(&self, state: &State, command: &'static Command, error: Option<&[u8]>) {
        self.traces.request(|| otel::Request::here(self, state, Some(command), error));
        if self.eyes.on {
            self.count(self.eyes.mark(), 0, 1, None);
        }
    }

    /// Counts an error reply to a request that was run, or sent.
    #[cold]
    pub(crate) fn count_failed(&self, mark: Mark, text: &[u8]) {
        if let (Some(command), true) = (mark.whole(), self.eyes.on) {
            let stats = self.shared.seen.stats.worker(self.eyes.worker);
            stats.failed(command);
            stats.error(&String::from_utf8_lossy(text));
            self.shared.seen.users.cell(self.eyes.worker, mark.user()).failed.add(1);
        }
    }

    /// Counts a request that was refused before it was run.
    #[cold]
    pub(crate) fn count_rejected(&self, state: &State, command: Option<&'static Command>, text: &str) {
        self.traces.request(|| otel::Request::here(self, state, command, Some(text.as_bytes())));
        if self.eyes.on {
            let stats = self.shared.seen.stats.worker(self.eyes.worker);
            stats.error(text);
            if let Some(command) = command {
                stats.rejected(command);
            }
        }
    }
}

/// The command of a number.
fn command(id: u16) -> Option<&'static Command> {
    ringtail_protocol::command::COMMANDS.get(usize::from(id))
}

const _: () = assert!(CommandId::COUNT < ledger::PART as usize);
