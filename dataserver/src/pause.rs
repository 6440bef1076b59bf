//! CLIENT PAUSE: clients' commands are kept back for a while; and brakes, which keep writes back for a part of the time, or for a moment.

use crate::server::{unix_micros, unix_millis};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
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

/// Microseconds from the begin of one short pause to that of the next.
const PERIOD: u64 = 4_700;

/// The most of each [`PERIOD`] in which a [`Brake`] keeps writes back, in microseconds: timers are exact to a millisecond, so nobody waits for 5 ms,
/// and nobody misses all of the gap.
pub const BRAKE_MOST: u64 = 3_500;

/// From one look to the next whether a [`Hold`] has ended.
pub const HOLD_LOOK: Duration = Duration::from_millis(2);

/// What is kept back now.
#[derive(Default)]
struct Current {
    /// Until when, in milliseconds since 1970, and what.
    pause: Option<(u64, Paused)>,
    /// Writes are until then, by a switch, whatever becomes of that.
    switch: Option<u64>,
    /// Of each period.
    brakes: Vec<u64>,
    /// All writes are, so often.
    holds: usize,
}

/// What is kept back now.
#[derive(Default)]
pub struct Pause {
    /// Looked at before every command; it may still be raised when the time is over.
    on: AtomicBool,
    /// The strongest of the brakes.
    brake: AtomicU64,
    current: Mutex<Current>,
}

impl Pause {
    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, current: &Current) {
        let brake = current.brakes.iter().copied().max().unwrap_or_default();
        self.brake.store(brake, Relaxed);
        self.on.store(
            current.pause.is_some() || current.switch.is_some() || brake > 0 || current.holds > 0,
            Relaxed,
        );
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
        current.pause = match current.pause {
            Some((end, paused)) if end > now => Some((end.max(until), paused.max(what))),
            _ => Some((until, what)),
        };
        self.note(&current);
    }

    /// Ends the pause; those who were kept back are to be woken.
    pub fn end(&self) {
        let mut current = self.current();
        current.pause = None;
        self.note(&current);
    }

    /// Keeps writes back until then, for another server to take over. It has nothing to do with a pause that somebody asked for.
    pub fn begin_switch(&self, until: u64) {
        let mut current = self.current();
        current.switch = Some(until);
        self.note(&current);
    }

    /// The other one has taken over, or does not; those who were kept back are to be woken.
    pub fn end_switch(&self) {
        let mut current = self.current();
        current.switch = None;
        self.note(&current);
    }

    /// Until when a command is kept back, at most: then it looks again.
    #[cold]
    pub fn keeps_back(&self, writes: bool) -> Option<Instant> {
        self.pauses(writes).or_else(|| (writes && self.holds()).then(|| Instant::now() + HOLD_LOOK))
    }

    fn pauses(&self, writes: bool) -> Option<Instant> {
        let (mut current, now) = (self.current(), unix_millis());
        current.pause.take_if(|(until, _)| *until <= now);
        current.switch.take_if(|until| *until <= now);
        self.note(&current);
        let paused = current.pause.filter(|(_, what)| *what == Paused::All || writes).map(|(until, _)| until);
        let until = paused.max(current.switch.filter(|_| writes))?;
        Some(Instant::now() + Duration::from_millis(until - now))
    }

    /// Keeps all writes back for as long as that lives, which is to be a moment.
    pub fn hold(&self) -> Hold<'_> {
        self.count_holds(|holds| holds + 1);
        Hold { pause: self }
    }

    /// Whether somebody does.
    #[cold]
    pub fn holds(&self) -> bool {
        self.current().holds > 0
    }

    fn count_holds(&self, counted: impl FnOnce(usize) -> usize) {
        let mut current = self.current();
        current.holds = counted(current.holds);
        self.note(&current);
    }

    /// Slows down who writes for as long as that lives; not yet at all.
    pub fn brake(&self) -> Brake<'_> {
        Brake { pause: self, micros: 0 }
    }

    /// How long a write has to wait because of the [brakes](Self::brake), if it comes now. It waits once: it could miss each gap.
    #[cold]
    pub fn slows(&self) -> Option<Duration> {
        let left = self.brake.load(Relaxed).checked_sub(unix_micros() % PERIOD)?;
        (left > 0).then(|| Duration::from_micros(left))
    }

    /// Whether keys whose time is over have to stay for now.
    pub fn keeps_expired(&self) -> bool {
        let is_paused = || {
            let (current, now) = (self.current(), unix_millis());
            current.pause.is_some_and(|(until, _)| until > now)
                || current.switch.is_some_and(|until| until > now)
        };
        self.is_on() && is_paused()
    }
}

/// Keeps writes back for a part of the time, a few milliseconds at once. It has nothing to do with a pause that somebody asked for.
pub struct Brake<'p> {
    pause: &'p Pause,
    micros: u64,
}

impl Brake<'_> {
    /// For so many microseconds of each [`PERIOD`].
    pub fn press(&mut self, micros: u64) {
        let mut current = self.pause.current();
        if let Some(at) = current.brakes.iter().position(|own| *own == self.micros) {
            current.brakes.swap_remove(at);
        }
        self.micros = micros.min(BRAKE_MOST);
        if self.micros > 0 {
            current.brakes.push(self.micros);
        }
        self.pause.note(&current);
    }
}

impl Drop for Brake<'_> {
    fn drop(&mut self) {
        self.press(0);
    }
}

/// Keeps all writes back. As little as a [`Brake`] has it to do with a pause that somebody asked for.
pub struct Hold<'p> {
    pause: &'p Pause,
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        self.pause.count_holds(|holds| holds - 1);
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

    #[test]
    fn who_writes_looks_again_and_again_until_no_hold_is_left() {
        let pause = Pause::default();
        let [first, second] = [(); 2].map(|()| pause.hold());
        drop(first);
        assert!(pause.is_on() && pause.holds() && pause.keeps_back(false).is_none());
        assert!(pause.keeps_back(true).is_some_and(|until| until <= Instant::now() + HOLD_LOOK));
        pause.begin(unix_millis() + 60_000, Paused::All);
        pause.end();
        assert!(pause.is_on() && pause.slows().is_none());
        drop(second);
        assert!(!pause.is_on() && pause.keeps_back(true).is_none());
    }

    #[test]
    fn brakes_and_pauses_leave_each_other_alone() {
        let pause = Pause::default();
        let (mut first, mut second) = (pause.brake(), pause.brake());
        assert!(!pause.is_on());
        first.press(1000);
        second.press(1_000_000);
        assert!(pause.is_on() && !pause.keeps_expired() && pause.keeps_back(true).is_none());
        assert_eq!(pause.brake.load(Relaxed), BRAKE_MOST);
        // What an operator asks for is neither shortened nor ended by them, nor the other way round.
        pause.begin(unix_millis() + 60_000, Paused::Writes);
        drop(second);
        assert_eq!(pause.brake.load(Relaxed), 1000);
        assert!(pause.keeps_back(true).is_some_and(|until| until > Instant::now() + Duration::from_secs(50)));
        pause.end();
        assert!(pause.is_on() && pause.brake.load(Relaxed) == 1000);
        drop(first);
        assert!(!pause.is_on() && pause.slows().is_none());
    }
}
