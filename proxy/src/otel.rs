//! Traces of some requests, by OTLP, to a collector (`--otlp`).
//!
//! Which requests is drawn where they are counted, with one number that is counted down ([`Traces::draws`]); nothing else is done for
//! the others. One that went to a lane is noted there by its number ([`Samples`]), and the answer of that number is looked at closely; for the
//! parts of one that was split, [`Gathered`] keeps what became of each. A [`Span`] has no key, value or argument: a command is the
//! table's, an error is one of [`error`]'s codes.
//!
//! Spans go through a bounded queue to a thread of their own ([`export`]). When that is full they are counted and dropped: nobody ever
//! waits for the collector.

mod collector;
mod encode;
mod error;
mod export;
mod facts;
mod post;
mod samples;
mod span;

#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use ringtail_net::{Problem, Shutdown};
use tokio::sync::mpsc;

use crate::options::Options;
use collector::Collector;
use span::Span;

pub(crate) use export::Exporter;
pub(crate) use facts::{Answered, Request, Sent, error_of};
pub(crate) use samples::{Gathered, Samples};

/// The share of the requests that is traced unless told otherwise.
const DEFAULT_SHARE: f64 = 0.001;

/// What the operator wants.
pub(crate) struct Wishes {
    collector: Option<Collector>,
    share: f64,
}

impl Wishes {
    /// What the options say, checked.
    pub(crate) fn of(options: &Options) -> Result<Self, Problem> {
        let share = options.otlp_sample.unwrap_or(DEFAULT_SHARE);
        if !(0.0..=1.0).contains(&share) {
            let hint = "give the share of the requests that is traced, from 0 to 1: 0.001";
            return Err(Problem::new(format!("--otlp-sample {share} is no share"), hint));
        }
        // OpenTelemetry has it that an empty variable is none.
        let url = options.otlp.as_deref().filter(|url| !url.is_empty());
        Ok(Self { collector: url.map(Collector::at).transpose()?, share })
    }

    /// Starts the thread that exports, if there is anything to.
    pub(crate) fn start(self, shutdown: &Shutdown, drain: Duration) -> io::Result<Exporter> {
        match self.collector.filter(|_| self.share > 0.0) {
            Some(collector) => Exporter::start(collector, self.share, shutdown.clone(), drain),
            None => Ok(Exporter::none()),
        }
    }
}

/// Where spans go.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sink {
    /// The share of the requests that is drawn.
    share: f64,
    queue: Option<mpsc::Sender<Span>>,
    /// Spans that did not find room.
    dropped: Arc<AtomicU64>,
}

/// What a worker traces with.
pub(crate) struct Traces {
    sink: Sink,
    /// Requests until one is drawn.
    left: Cell<u32>,
}

impl Traces {
    pub(crate) fn new(sink: &Sink) -> Self {
        Self { sink: sink.clone(), left: Cell::new(sink.gap()) }
    }

    /// Whether this request is one of those that are traced.
    #[inline]
    fn draws(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.wrapping_sub(1));
        left == 0 && self.draw_next()
    }

    #[cold]
    fn draw_next(&self) -> bool {
        self.left.set(self.sink.gap());
        self.sink.queue.is_some()
    }

    /// Traces a request that has been answered, if it is drawn.
    #[inline]
    pub(crate) fn request<'a>(&self, about: impl FnOnce() -> Request<'a>) {
        if self.draws() {
            self.end(Span::of(about()));
        }
    }

    #[cold]
    fn end(&self, span: Span) {
        if self.sink.queue.as_ref().is_some_and(|queue| queue.try_send(span).is_err()) {
            self.sink.dropped.fetch_add(1, Relaxed);
        }
    }
}

impl Sink {
    /// How many requests are left out before one is drawn, at random: as if a coin were thrown for each. Not every n-th: clients that ask
    /// in a rhythm would show some of their commands and never the others.
    fn gap(&self) -> u32 {
        if self.queue.is_none() {
            return u32::MAX;
        }
        let above_zero = 1.0 - fastrand::f64();
        // Whoever has all requests drawn divides by minus infinity here, which leaves none out.
        (above_zero.ln() / (-self.share).ln_1p()) as u32
    }
}
