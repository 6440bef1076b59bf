//! What clients saw, to be judged when the run is over.

use ringtail_tests::resp::{Endpoint, Value};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The name of the member that has all the trouble.
pub(super) const VICTIM: &str = "member=m1";

/// Mistakes that are told; the first ones say most.
const TOLD: usize = 20;

/// What all clients share.
pub(super) struct Stage {
    pub(super) endpoint: Endpoint,
    over: AtomicBool,
    emptied: AtomicBool,
    wrong: Mutex<Vec<String>>,
    errors: Mutex<Vec<(Instant, String)>>,
}

/// What an error reply says of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It was not run, and never will be.
    NotRun,
    /// It may have been run, or be run yet.
    InDoubt,
}

impl Stage {
    pub(super) fn new(endpoint: &Endpoint) -> Arc<Stage> {
        Arc::new(Stage {
            endpoint: endpoint.clone(),
            over: AtomicBool::new(false),
            emptied: AtomicBool::new(false),
            wrong: Mutex::default(),
            errors: Mutex::default(),
        })
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Relaxed)
    }

    pub(super) fn end(&self) {
        self.over.store(true, Relaxed);
    }

    /// The victim has lost its keys, or is about to.
    pub(super) fn empty(&self) {
        self.emptied.store(true, Relaxed);
    }

    /// Whether the victim has ever lost its keys.
    pub(super) fn was_emptied(&self) -> bool {
        self.emptied.load(Relaxed)
    }

    /// What must never be.
    pub(super) fn wrong(&self, what: String) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if wrong.len() < TOLD {
            wrong.push(what);
        }
    }

    /// An error reply to a request that was sent at `begun` and may touch the victim's keys, if `frail`.
    pub(super) fn error(&self, begun: Instant, frail: bool, text: &str) -> Fate {
        if !frail || !text.contains(VICTIM) && !text.starts_with("EXECPARTIAL") {
            self.wrong(format!(
                "an error that is not about the member in trouble (its keys: {frail}): {text}"
            ));
        }
        let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        errors.push((begun, text.to_owned()));
        match text.split(' ').next() {
            Some("MEMBERDOWN" | "MEMBERBUSY" | "EXECABORT") => Fate::NotRun,
            Some("TIMEOUT" | "MEMBERLOST" | "EXECPARTIAL") => Fate::InDoubt,
            _ => {
                self.wrong(format!("an error that nobody expects: {text}"));
                Fate::InDoubt
            }
        }
    }

    /// A reply that is neither what was asked for nor an error.
    pub(super) fn odd(&self, asked: &str, got: &Value) {
        let got: String = got.to_string().chars().take(200).collect();
        self.wrong(format!("{asked}: got {got}"));
    }

    pub(super) fn mistakes(&self) -> Vec<String> {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Requests that failed though they were sent outside of each of these times, for which trouble may last.
    pub(super) fn out_of_season(&self, troubles: &[(Instant, Instant)]) -> Vec<String> {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        let excused = |at: Instant| troubles.iter().any(|(from, to)| (*from..=*to).contains(&at));
        let since = |at: Instant| {
            troubles.iter().map(|(_, to)| at.saturating_duration_since(*to)).filter(|t| !t.is_zero()).min()
        };
        let late = errors.iter().filter(|(at, _)| !excused(*at));
        late.take(TOLD)
            .map(|(at, text)| format!("{:?} too late: {text}", since(*at).unwrap_or_default()))
            .collect()
    }

    /// How long after the end of a trouble the last failing request was sent, before `next`.
    pub(super) fn recovery(&self, end: Instant, next: Instant) -> Duration {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        let after = errors.iter().filter(|(at, _)| (end..next).contains(at)).map(|(at, _)| *at - end);
        after.max().unwrap_or_default()
    }

    /// How many requests failed.
    pub(super) fn failed(&self) -> usize {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}
