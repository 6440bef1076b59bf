//! The latency monitor: what took so long that clients may have noticed, by kind of event.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A command.
pub const COMMAND: &str = "command";
/// A command that should have been fast, of constant or logarithmic cost.
pub const FAST_COMMAND: &str = "fast-command";
/// Looking for expired keys.
pub const EXPIRE_CYCLE: &str = "expire-cycle";
/// Making room in a full memory.
pub const EVICTION_CYCLE: &str = "eviction-cycle";

/// Samples that are kept of each event.
const SAMPLES: usize = 160;

/// The worst of one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When, in seconds since 1970.
    pub at: u64,
    /// How long, in milliseconds.
    pub millis: u64,
}

/// What is known of one event.
#[derive(Clone, Debug, Default)]
pub struct Event {
    /// The longest since the event was last reset, in milliseconds.
    pub worst: u64,
    /// The last samples, the oldest first.
    pub samples: Vec<Sample>,
}

/// All events.
#[derive(Debug, Default)]
pub struct Latency {
    events: Mutex<BTreeMap<&'static str, Event>>,
    threshold: AtomicU64,
}

impl Latency {
    fn events(&self) -> MutexGuard<'_, BTreeMap<&'static str, Event>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `latency-monitor-threshold` in milliseconds; 0: nothing is monitored.
    pub fn threshold(&self) -> u64 {
        self.threshold.load(Relaxed)
    }

    /// Changes it.
    pub fn set_threshold(&self, millis: u64) {
        self.threshold.store(millis, Relaxed);
    }

    /// From how many microseconds on an event is noted, if any is.
    pub fn threshold_micros(&self) -> Option<u64> {
        Some(self.threshold()).filter(|&millis| millis > 0).map(|millis| millis.saturating_mul(1000))
    }

    /// Notes an event that ended at `now` (milliseconds since 1970), if it took long enough. Of those within a second the worst stays.
    pub fn note(&self, event: &'static str, now: u64, micros: u64) {
        if self.threshold_micros().is_none_or(|least| micros < least) {
            return;
        }
        let (sample, mut events) = (Sample { at: now / 1000, millis: micros / 1000 }, self.events());
        let event = events.entry(event).or_default();
        event.worst = event.worst.max(sample.millis);
        match event.samples.last_mut() {
            Some(last) if last.at == sample.at => last.millis = last.millis.max(sample.millis),
            _ => {
                if event.samples.len() == SAMPLES {
                    event.samples.remove(0);
                }
                event.samples.push(sample);
            }
        }
    }

    /// All events that were noted, by name.
    pub fn all(&self) -> BTreeMap<&'static str, Event> {
        self.events().clone()
    }

    /// One event.
    pub fn event(&self, name: &[u8]) -> Option<Event> {
        let events = self.events();
        events.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name)).map(|(_, e)| e.clone())
    }

    /// Forgets the events that `wanted` names; how many there were.
    pub fn reset(&self, wanted: impl Fn(&str) -> bool) -> usize {
        let mut events = self.events();
        let before = events.len();
        events.retain(|name, _| !wanted(name));
        before - events.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_a_second_stays() {
        let latency = Latency::default();
        latency.note(COMMAND, 1000, 1_000_000);
        assert!(latency.all().is_empty(), "off");
        latency.set_threshold(10);
        for (now, micros) in [(1000, 9_999), (1000, 20_000), (1500, 15_000), (2000, 10_000)] {
            latency.note(COMMAND, now, micros);
        }
        let event = latency.event(b"COMMAND").unwrap();
        assert_eq!(event.samples, [Sample { at: 1, millis: 20 }, Sample { at: 2, millis: 10 }]);
        assert_eq!(event.worst, 20);
        (0..200).for_each(|second| latency.note(FAST_COMMAND, (second + 10) * 1000, 10_000));
        let samples = latency.event(b"fast-command").unwrap().samples;
        assert_eq!((samples.len(), samples[0].at), (SAMPLES, 50));
        assert_eq!((latency.reset(|name| name == COMMAND), latency.reset(|_| true)), (1, 1));
    }
}
