//! CLIENT PAUSE: clients' commands are kept back for a while.

use crate::server::unix_millis;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Which commands are kept back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Paused {
    /// Those that change something.
    Writes,
    /// All.
    All,
}

/// Until when, in milliseconds since 1970, and what.
type Current = Option<(u64, Paused)>;

/// What is kept back now.
#[derive(Default)]
pub struct Pause {
    /// Looked at before every command; it may still be raised when the time is over.
    on: AtomicBool,
    current: Mutex<Current>,
}

impl Pause {
    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there may be a pause.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.on.load(Relaxed)
    }

    /// Keeps commands back until then (milliseconds since 1970). A pause that is on already gets neither shorter nor less.
    pub fn begin(&self, until: u64, what: Paused) {
        let mut current = self.current();
        let now = unix_millis();
        *current = match *current {
            Some((end, paused)) if end > now => Some((end.max(until), paused.max(what))),
            _ => Some((until, what)),
        };
        self.on.store(true, Relaxed);
    }

    /// Ends the pause; those who were kept back are to be woken.
    pub fn end(&self) {
        *self.current() = None;
        self.on.store(false, Relaxed);
    }

    /// Until when a command is kept back, at most.
    #[cold]
    pub fn keeps_back(&self, writes: bool) -> Option<Instant> {
        let mut current = self.current();
        let (until, what) = (*current)?;
        let left = until.saturating_sub(unix_millis());
        if left == 0 {
            *current = None;
            self.on.store(false, Relaxed);
            return None;
        }
        (what == Paused::All || writes).then(|| Instant::now() + Duration::from_millis(left))
    }

    /// Whether keys whose time is over have to stay for now.
    pub fn keeps_expired(&self) -> bool {
        self.is_on() && self.current().is_some_and(|(until, _)| until > unix_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_neither_shortened_nor_narrowed() {
        let (pause, now) = (Pause::default(), unix_millis());
        pause.begin(now + 60_000, Paused::Writes);
        assert!(pause.keeps_back(false).is_none() && pause.keeps_back(true).is_some());
        pause.begin(now + 10, Paused::All);
        assert!(
            pause.keeps_back(false).is_some_and(|until| until > Instant::now() + Duration::from_secs(50))
        );
        pause.end();
        assert!(!pause.is_on() && pause.keeps_back(true).is_none());
        pause.begin(now, Paused::All);
        assert!(pause.keeps_back(false).is_none() && !pause.is_on(), "it is over");
    }
}
