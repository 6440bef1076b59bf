//! What workers have seen of a member.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use ringtail_protocol::stats::Histogram;

use crate::breaker::State;
use crate::leader::Leader;

/// What one worker has seen of one member, for `INFO servers` to read from any thread.
#[derive(Debug)]
pub(crate) struct Sight {
    pub(crate) name: String,
    /// Where its primary is.
    pub(crate) leader: Arc<Leader>,
    pub(crate) lanes: AtomicUsize,
    pub(crate) lanes_up: AtomicUsize,
    /// Requests in lanes that have no answer yet.
    pub(crate) in_flight: AtomicU64,
    /// How often sessions began to wait for room in a lane.
    pub(crate) waits: AtomicU64,
    /// How long lanes were so full that sessions waited, in microseconds.
    pub(crate) waited: AtomicU64,
    /// Error answers that clients got because of it.
    pub(crate) faults: AtomicU64,
    /// Connections that broke or could not be made.
    pub(crate) breaks: AtomicU64,
    /// Requests that it did not answer in time.
    pub(crate) timeouts: AtomicU64,
    /// Requests that its breaker refused.
    pub(crate) refused: AtomicU64,
    /// How often the breaker opened.
    pub(crate) opened: AtomicU64,
    pub(super) breaker: AtomicU8,
    /// How long requests took that it answered, in microseconds.
    pub(crate) durations: Histogram,
    /// A replica that is not to be read from.
    pub(crate) unusable: AtomicBool,
    /// How soon it answers, in microseconds; 0 if that is not measured.
    pub(crate) latency: AtomicU64,
    pub(crate) last_error: Mutex<String>,
}

impl Sight {
    pub(super) fn new(name: &str, leader: &Arc<Leader>) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            leader: Arc::clone(leader),
            lanes: AtomicUsize::default(),
            lanes_up: AtomicUsize::default(),
            in_flight: AtomicU64::default(),
            waits: AtomicU64::default(),
            waited: AtomicU64::default(),
            faults: AtomicU64::default(),
            breaks: AtomicU64::default(),
            timeouts: AtomicU64::default(),
            refused: AtomicU64::default(),
            opened: AtomicU64::default(),
            breaker: AtomicU8::default(),
            durations: Histogram::default(),
            unusable: AtomicBool::default(),
            latency: AtomicU64::default(),
            last_error: Mutex::default(),
        })
    }

    /// Where its breaker stands.
    pub(crate) fn breaker(&self) -> State {
        let states = [State::Closed, State::Open, State::Probation];
        states[usize::from(self.breaker.load(Relaxed)) % states.len()]
    }
}
