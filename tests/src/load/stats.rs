//! What a run has seen so far, shared by all connections of its one thread.

use ringtail::measure::Histogram;
use std::cell::{Cell, RefCell};
use std::time::Duration;
use tokio::sync::Notify;

/// How many different error texts a report quotes.
const QUOTED_ERRORS: usize = 5;

/// What was counted up to a moment.
pub struct Counted {
    /// Latency of each operation in nanoseconds.
    pub latency: Histogram,
    /// Reads that found nothing.
    pub misses: u64,
}

/// Counts of one run.
#[derive(Default)]
pub struct Stats {
    /// Latency of each operation in nanoseconds, from the write of its batch to the read that held its reply.
    latency: RefCell<Histogram>,
    misses: Cell<u64>,
    errors: Cell<u64>,
    quoted: RefCell<Vec<String>>,
    /// Operations after which the run is over.
    wanted: Cell<Option<u64>>,
    stopped: Cell<bool>,
    stop: Notify,
}

impl Stats {
    /// Counts replies that came together.
    pub fn record(&self, latency: Duration, replies: u64, misses: u64) {
        let mut histogram = self.latency.borrow_mut();
        histogram.record(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX), replies);
        self.misses.set(self.misses.get() + misses);
        if self.wanted.get().is_some_and(|wanted| histogram.count() >= wanted) {
            self.stop();
        }
    }

    /// Counts an error and keeps the first few different texts.
    pub fn error(&self, text: String) {
        self.errors.set(self.errors.get() + 1);
        let mut quoted = self.quoted.borrow_mut();
        if quoted.len() < QUOTED_ERRORS && !quoted.contains(&text) {
            quoted.push(text);
        }
    }

    /// Forgets what was counted of the warm-up, errors excepted, and starts the count towards `wanted`.
    pub fn start(&self, wanted: Option<u64>) {
        *self.latency.borrow_mut() = Histogram::default();
        self.misses.set(0);
        self.wanted.set(wanted);
    }

    /// Ends the run: each connection finishes the batch it has sent.
    pub fn stop(&self) {
        self.stopped.set(true);
        self.stop.notify_one();
    }

    /// Whether the run is over.
    pub fn is_stopped(&self) -> bool {
        self.stopped.get()
    }

    /// Waits for `stop`; one task at a time.
    pub async fn stopped(&self) {
        while !self.is_stopped() {
            self.stop.notified().await;
        }
    }

    /// What was counted so far.
    pub fn counted(&self) -> Counted {
        Counted { latency: self.latency.borrow().clone(), misses: self.misses.get() }
    }

    /// Errors so far.
    pub fn errors(&self) -> u64 {
        self.errors.get()
    }

    /// The first few different error texts.
    pub fn quoted(&self) -> Vec<String> {
        self.quoted.borrow().clone()
    }
}
