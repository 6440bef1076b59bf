//! Rounds as figures, and figures of several rounds as medians and ratios.

use std::time::Duration;

use super::tally::Tally;
use super::worker::Done;

/// What one round has measured of a target, by all threads.
#[derive(Clone, Debug, Default)]
pub(super) struct Round {
    pub(super) tally: Tally,
    pub(super) seconds: f64,
    /// How long the first request that was not sent had been due at the end.
    pub(super) behind: Duration,
    /// Time of a core that this program used meanwhile.
    pub(super) cpu: Duration,
}

impl Round {
    /// Adds a thread.
    pub(super) fn add(&mut self, done: &Done) {
        self.tally.add(&done.tally);
        self.seconds = self.seconds.max(done.seconds);
        self.behind = self.behind.max(done.behind);
    }

    /// Replies a second.
    pub(super) fn rate(&self) -> f64 {
        if self.seconds > 0.0 { self.tally.replies() as f64 / self.seconds } else { 0.0 }
    }

    fn figures(&self) -> Figures {
        let latency = &self.tally.latency;
        let micros = |nanos: u64| nanos as f64 / 1000.0;
        Figures {
            ops_per_second: self.rate(),
            p50: micros(latency.quantile(0.5)),
            p90: micros(latency.quantile(0.9)),
            p99: micros(latency.quantile(0.99)),
            p99_9: micros(latency.quantile(0.999)),
            max: micros(latency.max()),
        }
    }
}

/// What is compared; latencies in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Figures {
    pub(super) ops_per_second: f64,
    pub(super) p50: f64,
    pub(super) p90: f64,
    pub(super) p99: f64,
    pub(super) p99_9: f64,
    pub(super) max: f64,
}

impl Figures {
    /// The names that reports give the figures.
    pub(super) const NAMES: [&str; 6] = ["ops_per_second", "p50", "p90", "p99", "p99_9", "max"];

    pub(super) fn all(&self) -> [f64; 6] {
        [self.ops_per_second, self.p50, self.p90, self.p99, self.p99_9, self.max]
    }

    fn of([ops_per_second, p50, p90, p99, p99_9, max]: [f64; 6]) -> Self {
        Self { ops_per_second, p50, p90, p99, p99_9, max }
    }

    /// Each figure's share of the other's; what the other has none of has no ratio.
    pub(super) fn ratios(&self, other: &Self) -> [Option<f64>; 6] {
        let (own, other) = (self.all(), other.all());
        std::array::from_fn(|at| (other[at] > 0.0).then(|| own[at] / other[at]))
    }
}

/// All rounds, for each target.
pub(super) struct Results {
    pub(super) targets: Vec<Vec<Round>>,
    pub(super) interrupted: bool,
}

impl Results {
    pub(super) fn new(targets: usize) -> Self {
        Self { targets: vec![Vec::new(); targets], interrupted: false }
    }

    pub(super) fn add(&mut self, target: usize, round: Round) {
        self.targets[target].push(round);
    }

    /// Whether something was measured, and every request was answered, and not with an error.
    pub(super) fn is_clean(&self) -> bool {
        let rounds = || self.targets.iter().flatten();
        rounds().any(|round| round.tally.replies() > 0)
            && rounds().all(|round| round.tally.error_count() == 0)
    }
}

/// The median of each figure over the rounds; `None` without any.
pub(super) fn medians(rounds: &[Round]) -> Option<Figures> {
    let figures: Vec<[f64; 6]> = rounds.iter().map(|round| round.figures().all()).collect();
    let of = |at: usize| median(figures.iter().map(|figures| figures[at]).collect());
    (!figures.is_empty()).then(|| Figures::of(std::array::from_fn(of)))
}

/// The figures of one round.
pub(super) fn figures(round: &Round) -> Figures {
    round.figures()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
    f64::midpoint(low, high)
}

/// All rounds as one.
pub(super) fn total(rounds: &[Round]) -> Round {
    let mut total = Round::default();
    for round in rounds {
        total.tally.add(&round.tally);
        total.seconds += round.seconds;
        total.behind = total.behind.max(round.behind);
        total.cpu += round.cpu;
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(replies: u64, micros: u64) -> Round {
        let mut round = Round { seconds: 2.0, ..Round::default() };
        round.tally.latency.record(micros * 1000, replies);
        round
    }

    #[test]
    fn medians_are_of_each_figure() {
        let rounds = [round(100, 30), round(400, 10), round(200, 20)];
        let medians = medians(&rounds).unwrap();
        assert_eq!((medians.ops_per_second, medians.p50, medians.max), (100.0, 20.0, 20.0));
        assert_eq!(super::medians(&rounds[..2]).unwrap().ops_per_second, 125.0);
        assert!(super::medians(&[]).is_none());
    }

    #[test]
    fn ratios_are_to_the_other() {
        let (ours, theirs) = (round(100, 30).figures(), round(50, 60).figures());
        assert_eq!(ours.ratios(&theirs)[..2], [Some(2.0), Some(0.5)]);
        assert_eq!(ours.ratios(&round(0, 0).figures()), [None; 6]);
    }

    #[test]
    fn threads_go_at_the_same_time_and_rounds_one_after_the_other() {
        let mut both = Round::default();
        for thread in [round(100, 30), round(300, 10)] {
            both.add(&Done { tally: thread.tally, seconds: 2.0, behind: Duration::from_secs(1) });
        }
        assert_eq!((both.rate(), both.tally.latency.max(), both.behind.as_secs()), (200.0, 30_000, 1));
        assert_eq!((total(&[both.clone(), both]).seconds), 4.0);
    }

    #[test]
    fn nothing_measured_and_errors_are_not_clean() {
        let mut results = Results::new(1);
        assert!(!results.is_clean());
        results.add(0, round(5, 5));
        assert!(results.is_clean());
        let mut bad = round(5, 5);
        bad.tally.unanswered("lost", 1, "");
        results.add(0, bad);
        assert!(!results.is_clean());
    }
}
