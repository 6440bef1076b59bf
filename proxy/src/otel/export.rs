//! The thread that hands spans to the collector, some at a time.

use std::cell::Cell;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use ringtail_net::{RateLimited, Shutdown, workers};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::Sink;
use super::collector::Collector;
use super::encode::Encoder;
use super::post::post;
use super::span::Span;
use crate::limits;

/// The thread, if there is one.
pub(crate) struct Exporter {
    sink: Sink,
    running: Option<(JoinHandle<()>, watch::Sender<bool>)>,
}

impl Exporter {
    /// Nothing is traced.
    pub(super) fn none() -> Self {
        Self { sink: Sink::default(), running: None }
    }

    pub(super) fn start(
        collector: Collector,
        share: f64,
        shutdown: Shutdown,
        drain: Duration,
    ) -> io::Result<Self> {
        let (sender, queue) = mpsc::channel(limits::OTLP_QUEUE);
        let (finish, finishing) = watch::channel(false);
        let sink = Sink { share, queue: Some(sender), dropped: Arc::default() };
        let post = Post {
            finishing,
            dropped: Arc::clone(&sink.dropped),
            encoder: Encoder::new(),
            lost: Cell::new(0),
            is_failing: Cell::new(false),
            collector,
        };
        tracing::info!(collector = post.collector.addr, share, "requests are traced");
        let runtime = workers::runtime;
        let thread = std::thread::Builder::new().name("otlp".to_owned()).spawn(move || match runtime() {
            Ok(runtime) => {
                runtime.block_on(post.until_ended(queue, shutdown, drain));
                // A name that is still looked up is not waited for.
                runtime.shutdown_background();
            }
            Err(error) => tracing::error!(%error, "no traces are exported"),
        })?;
        Ok(Self { sink, running: Some((thread, finish)) })
    }

    /// Where workers leave spans.
    pub(crate) fn sink(&self) -> Sink {
        self.sink.clone()
    }

    /// No more spans will come: waits until those that there are have been exported, or their time is up.
    pub(crate) fn finish(self) {
        if let Some((thread, finish)) = self.running {
            finish.send_replace(true);
            if thread.join().is_err() {
                tracing::error!("the export of traces has failed");
            }
        }
    }
}

/// What the thread knows.
struct Post {
    collector: Collector,
    encoder: Encoder,
    finishing: watch::Receiver<bool>,
    /// Spans that found no room in the queue.
    dropped: Arc<AtomicU64>,
    /// Spans that the collector did not take, since that was last told.
    lost: Cell<u64>,
    /// The collector did not take the last ones.
    is_failing: Cell<bool>,
}

impl Post {
    /// Until all is exported after the end of all else; or until the time that the program has for its end is up, but for
    /// [`limits::OTLP_LAST`] at least.
    async fn until_ended(self, mut queue: mpsc::Receiver<Span>, shutdown: Shutdown, drain: Duration) {
        let time_is_up = async {
            shutdown.asked().await;
            let end = Instant::now() + drain;
            self.finishing().await;
            sleep_until(end.max(Instant::now() + limits::OTLP_LAST)).await;
        };
        tokio::select! {
            () = self.export(&mut queue) => {}
            () = time_is_up => {}
        }
        let lost = self.lost.get() + queue.len() as u64 + self.dropped.load(Relaxed);
        if lost > 0 {
            tracing::warn!(lost, "not all traces were exported");
        }
    }

    /// Until all is exported, and no more will come.
    async fn export(&self, queue: &mut mpsc::Receiver<Span>) {
        let mut batch = Vec::new();
        while self.next(queue, &mut batch).await {
            self.deliver(&batch).await;
            batch.clear();
            self.tell_of_dropped();
        }
    }

    /// Waits for spans, and a moment for others that come with them. `false` if no more will come.
    async fn next(&self, queue: &mut mpsc::Receiver<Span>, batch: &mut Vec<Span>) -> bool {
        tokio::select! {
            biased;
            _ = queue.recv_many(batch, limits::OTLP_BATCH) => {}
            () = self.finishing() => return false,
        }
        self.pause(limits::OTLP_DELAY).await;
        while batch.len() < limits::OTLP_BATCH {
            let Ok(span) = queue.try_recv() else { break };
            batch.push(span);
        }
        true
    }

    async fn deliver(&self, batch: &[Span]) {
        // Until the collector has taken them.
        self.lost.set(self.lost.get() + batch.len() as u64);
        let body = self.encoder.encode(batch);
        for attempt in 1..=limits::OTLP_ATTEMPTS {
            match post(&self.collector, &body).await {
                Ok(()) => return self.well(batch.len()),
                Err(refusal) => {
                    self.ill(&refusal.why);
                    if !refusal.is_passing || *self.finishing.borrow() {
                        break;
                    }
                    self.pause(limits::OTLP_PAUSE * attempt).await;
                }
            }
        }
    }

    /// Until no more spans will come.
    async fn finishing(&self) {
        // The sender is gone only if the main thread is.
        let _ = self.finishing.clone().wait_for(|finishing| *finishing).await;
    }

    /// For so long, unless the end comes.
    async fn pause(&self, time: Duration) {
        let mut end = pin!(self.finishing());
        tokio::select! {
            () = sleep(time) => {}
            () = &mut end => {}
        }
    }

    fn ill(&self, why: &str) {
        if !self.is_failing.replace(true) {
            let collector = &self.collector.addr;
            tracing::warn!(
                collector,
                why,
                "the collector does not take traces, which are dropped until it does"
            );
        }
    }

    fn well(&self, taken: usize) {
        self.lost.set(self.lost.get() - taken as u64);
        if self.is_failing.replace(false) {
            let lost = self.lost.take() + self.dropped.swap(0, Relaxed);
            tracing::info!(collector = self.collector.addr, lost, "the collector takes traces again");
        }
    }

    /// More were traced than could be exported, of a collector that takes them.
    fn tell_of_dropped(&self) {
        static DROPPED: RateLimited = RateLimited::new();
        if !self.is_failing.get() && self.dropped.load(Relaxed) > 0 {
            let lost = self.dropped.swap(0, Relaxed);
            DROPPED.log(|_| {
                tracing::warn!(lost, "more is traced than the collector takes: lower --otlp-sample")
            });
        }
    }
}
