//! How much happens a second, by what was counted over the last one and a half.

use crate::counters::{Counter, Counters};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Samples that are kept; one is taken at every tick of the first worker.
const SAMPLES: usize = 16;

/// What is measured.
#[derive(Clone, Copy)]
pub enum Rate {
    /// Commands run.
    Commands,
    /// Bytes that came.
    BytesIn,
    /// Bytes that went.
    BytesOut,
    /// Times that a connection's requests were read.
    Reads,
}

impl Rate {
    const ALL: [Self; 4] = [Self::Commands, Self::BytesIn, Self::BytesOut, Self::Reads];

    fn counter(self, counters: &Counters) -> &Counter {
        match self {
            Self::Commands => &counters.commands,
            Self::BytesIn => &counters.bytes_in,
            Self::BytesOut => &counters.bytes_out,
            Self::Reads => &counters.reads,
        }
    }
}

type Sample = (u64, [u64; Rate::ALL.len()]);

/// The last samples.
#[derive(Default)]
pub struct Rates(Mutex<VecDeque<Sample>>);

impl Rates {
    fn samples(&self) -> MutexGuard<'_, VecDeque<Sample>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a sample at `now`, in milliseconds since 1970.
    pub fn sample(&self, now: u64, counters: &[Counters]) {
        let totals = Rate::ALL.map(|rate| counters.iter().map(|c| rate.counter(c).get()).sum());
        let mut samples = self.samples();
        if samples.len() == SAMPLES {
            samples.pop_front();
        }
        samples.push_back((now, totals));
    }

    /// So many a second; 0 when nothing was measured yet.
    pub fn per_second(&self, rate: Rate) -> f64 {
        let samples = self.samples();
        let (Some((from, first)), Some((to, last))) = (samples.front(), samples.back()) else { return 0.0 };
        let millis = to.saturating_sub(*from).max(1);
        // After CONFIG RESETSTAT the counters are lower than they were.
        last[rate as usize].saturating_sub(first[rate as usize]) as f64 * 1000.0 / millis as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_that_of_the_last_samples() {
        let (rates, counters) = (Rates::default(), [Counters::default(), Counters::default()]);
        assert_eq!(rates.per_second(Rate::Commands), 0.0);
        for tick in 0..100 {
            counters[tick % 2].commands.add(if tick < 50 { 1000 } else { 10 });
            rates.sample(tick as u64 * 100, &counters);
        }
        assert_eq!(rates.per_second(Rate::Commands), 100.0);
        counters[0].reset();
        rates.sample(10_000, &counters);
        assert_eq!(rates.per_second(Rate::Commands), 0.0);
    }
}
