//! What each command cost, how often it failed, and which errors clients were given.
//!
//! Each worker counts for itself, so that counting is a plain addition; the sums are made when someone asks.

use super::{Class, Counter, Histogram, Sum};
use crate::command::{COMMANDS, Command, CommandId};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// Different error codes that are counted one by one; scripts can make up any number of them.
const ERROR_CODES: usize = 128;
/// Longer codes are cut.
const ERROR_CODE_LENGTH: usize = 64;
/// Under this name the codes that come after the first [`ERROR_CODES`] are counted.
const OTHER_ERRORS: &str = "OTHER";

/// Below so many microseconds of attention no commands are timed together.
const EXACT: u64 = 1000;

/// One worker's numbers of one command.
#[derive(Debug, Default)]
#[repr(align(64))]
struct One {
    /// Time in all, in ticks.
    ticks: Counter,
    /// Calls whose duration is in no histogram (`latency-tracking no`).
    untracked: Counter,
    rejected: Counter,
    failed: Counter,
    histogram: OnceLock<Histogram>,
}

impl One {
    #[inline]
    fn histogram(&self) -> &Histogram {
        self.histogram.get_or_init(Histogram::default)
    }

    fn reset(&self) {
        for counter in [&self.ticks, &self.untracked, &self.rejected, &self.failed] {
            counter.reset();
        }
        if let Some(histogram) = self.histogram.get() {
            histogram.reset();
        }
    }
}

/// One worker's numbers.
#[derive(Debug)]
pub struct Worker {
    commands: Box<[One]>,
    errors: Mutex<BTreeMap<String, u64>>,
}

impl Default for Worker {
    fn default() -> Self {
        Self {
            commands: std::iter::repeat_with(One::default).take(CommandId::COUNT).collect(),
            errors: Mutex::default(),
        }
    }
}

impl Worker {
    fn errors(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an error reply by its code.
    #[cold]
    pub fn error(&self, text: &str) {
        let code = text.split(' ').next().unwrap_or_default();
        let code = &code[..code.floor_char_boundary(ERROR_CODE_LENGTH)];
        let mut errors = self.errors();
        if let Some(count) = errors.get_mut(code) {
            *count += 1;
        } else {
            let full = errors.len() >= ERROR_CODES;
            *errors.entry(if full { OTHER_ERRORS } else { code }.to_owned()).or_default() += 1;
        }
    }

    /// Counts a request that was refused before its command ran.
    #[cold]
    pub fn rejected(&self, command: &Command) {
        self.commands[command.id as usize].rejected.add(1);
    }

    /// Counts a command that ran and answered an error.
    #[cold]
    pub fn failed(&self, command: &Command) {
        self.commands[command.id as usize].failed.add(1);
    }
}

/// What one command did since the numbers were last reset.
#[derive(Default)]
pub struct Told {
    /// How often it ran.
    pub calls: u64,
    /// Time that it took in all, in microseconds.
    pub micros: u64,
    /// How often it was refused before it ran.
    pub rejected: u64,
    /// How often it ran and answered an error.
    pub failed: u64,
    /// The durations that were tracked.
    pub durations: Sum,
}

impl Told {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.calls == 0 && self.rejected == 0 && self.failed == 0
    }
}

/// The numbers of all workers.
#[derive(Debug)]
pub struct Stats {
    workers: Box<[Worker]>,
    /// Nanoseconds of one tick.
    scale: f64,
    /// From so many ticks on a command is looked at more closely; see [`set_attention`](Self::set_attention).
    attention: AtomicU64,
    exact: AtomicBool,
    /// `latency-tracking`
    pub tracking: AtomicBool,
}

impl Stats {
    /// For so many workers, whose clock has ticks of so many nanoseconds.
    pub fn new(workers: usize, scale: f64) -> Self {
        Self {
            scale,
            workers: (0..workers).map(|_| Worker::default()).collect(),
            attention: AtomicU64::new(u64::MAX),
            exact: AtomicBool::new(false),
            tracking: AtomicBool::new(true),
        }
    }

    /// One worker's.
    #[inline]
    pub fn worker(&self, worker: usize) -> &Worker {
        &self.workers[worker]
    }

    /// Counts a command that `worker` has run `count` times in so many ticks. Whether that took so long that the slow log or the
    /// latency monitor wants to know.
    #[inline]
    pub fn ran(&self, worker: usize, command: &Command, ticks: u64, count: u32) -> bool {
        let each = if count == 1 { ticks } else { ticks / u64::from(count) };
        self.add(worker, command, ticks, each, count);
        ticks >= self.attention.load(Relaxed)
    }

    /// Counts a command that `worker` has run `count` times in so many ticks each.
    #[inline]
    pub fn ran_each(&self, worker: usize, command: &Command, ticks: u64, count: u32) {
        self.add(worker, command, ticks * u64::from(count), ticks, count);
    }

    #[inline]
    fn add(&self, worker: usize, command: &Command, ticks: u64, each: u64, count: u32) {
        let one = &self.workers[worker].commands[command.id as usize];
        one.ticks.add(ticks);
        if self.tracking.load(Relaxed) {
            one.histogram().add(each, u64::from(count));
        } else {
            one.untracked.add(u64::from(count));
        }
    }

    /// Whether so short times matter that every command has to be timed by itself.
    #[inline]
    pub fn is_exact(&self) -> bool {
        self.exact.load(Relaxed)
    }

    /// From how many microseconds on [`ran`](Self::ran) says so; `None` = never.
    pub fn set_attention(&self, micros: Option<u64>) {
        self.exact.store(micros.is_some_and(|micros| micros < EXACT), Relaxed);
        self.attention
            .store(micros.map_or(u64::MAX, |micros| self.ticks(micros.saturating_mul(1000))), Relaxed);
    }

    /// Nanoseconds in so many ticks.
    pub fn nanos(&self, ticks: u64) -> f64 {
        ticks as f64 * self.scale
    }

    /// Whole ticks in so many nanoseconds.
    pub(super) fn ticks(&self, nanos: u64) -> u64 {
        (nanos as f64 / self.scale) as u64
    }

    /// What `command` did, with all workers added up.
    pub fn told(&self, command: &Command) -> Told {
        let (mut told, mut ticks) = (Told::default(), 0);
        for one in self.ones(command) {
            ticks += one.ticks.get();
            told.calls += one.untracked.get();
            told.rejected += one.rejected.get();
            told.failed += one.failed.get();
            if let Some(histogram) = one.histogram.get() {
                told.durations.add(histogram);
            }
        }
        told.calls += told.durations.total();
        told.micros = (self.nanos(ticks) / 1000.0) as u64;
        told
    }

    fn ones(&self, command: &Command) -> impl Iterator<Item = &One> {
        let at = command.id as usize;
        self.workers.iter().map(move |worker| &worker.commands[at])
    }

    /// Whether anybody has used `command` since the numbers were last reset: cheaper than [`told`](Self::told).
    pub fn is_used(&self, command: &Command) -> bool {
        self.ones(command).any(|one| {
            one.histogram.get().is_some()
                || [&one.untracked, &one.rejected, &one.failed].iter().any(|c| c.get() > 0)
        })
    }

    /// How long tracked commands took, by their class.
    pub fn durations_by_class(&self) -> [(Class, Sum); Class::ALL.len()] {
        let mut sums = Class::ALL.map(|class| (class, Sum::default()));
        for worker in &self.workers {
            for (command, one) in COMMANDS.iter().zip(&worker.commands) {
                if let Some(histogram) = one.histogram.get() {
                    sums[Class::of(command) as usize].1.add(histogram);
                }
            }
        }
        sums
    }

    /// Nanoseconds of one tick.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// Error replies by code.
    pub fn errors(&self) -> BTreeMap<String, u64> {
        let mut sums = BTreeMap::new();
        for worker in &self.workers {
            for (code, count) in worker.errors().iter() {
                *sums.entry(code.clone()).or_default() += count;
            }
        }
        sums
    }

    /// Starts all numbers again at 0 (CONFIG RESETSTAT).
    pub fn reset(&self) {
        for worker in &self.workers {
            worker.commands.iter().for_each(One::reset);
            worker.errors().clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::lookup;

    #[test]
    fn what_workers_count_is_added_up() {
        let (stats, get) = (Stats::new(2, 0.5), lookup(b"get").unwrap());
        assert!(stats.told(get).is_empty());
        assert!(!stats.ran(0, get, 1000, 4));
        stats.tracking.store(false, Relaxed);
        stats.ran(1, get, 3000, 1);
        stats.worker(1).failed(get);
        stats.worker(1).rejected(get);
        let told = stats.told(get);
        assert_eq!((told.calls, told.rejected, told.failed, told.durations.total()), (5, 1, 1, 4));
        assert_eq!(told.micros, 2);
        stats.reset();
        assert!(stats.told(get).is_empty());
    }

    #[test]
    fn durations_are_added_up_by_class() {
        let stats = Stats::new(2, 1.0);
        for (worker, name) in [(0, "get"), (1, "mget"), (1, "set"), (0, "ping")] {
            stats.ran(worker, lookup(name.as_bytes()).unwrap(), 100, 1);
        }
        let counts = stats.durations_by_class().map(|(class, sum)| (class, sum.total()));
        let of = |class| counts.iter().find(|(one, _)| *one == class).unwrap().1;
        assert_eq!((of(Class::Read), of(Class::Write), of(Class::Other), of(Class::Script)), (2, 1, 1, 0));
    }

    #[test]
    fn attention_starts_where_it_is_set() {
        let (stats, get) = (Stats::new(1, 0.5), lookup(b"get").unwrap());
        stats.set_attention(Some(100));
        assert!(!stats.ran(0, get, 199_999, 1));
        assert!(stats.ran(0, get, 200_001, 1));
        stats.set_attention(None);
        assert!(!stats.ran(0, get, u64::MAX - 1, 1));
    }

    #[test]
    fn made_up_error_codes_are_bounded() {
        let stats = Stats::new(1, 0.5);
        (0..1000).for_each(|i| stats.worker(0).error(&format!("CODE{i} text")));
        stats.worker(0).error("CODE1 other text");
        stats.worker(0).error(&"é".repeat(1000));
        let errors = stats.errors();
        assert_eq!(
            (errors.len(), errors["CODE1"], errors[OTHER_ERRORS]),
            (ERROR_CODES + 1, 2, 1000 - 128 + 1)
        );
    }
}
