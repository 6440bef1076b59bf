//! How long a command took, every time it ran: a log-linear histogram that costs one addition to one word.

use super::Counter;

/// Each doubling is divided into two to this power of buckets, so a bucket is at most 6 % wide.
const PART_BITS: u32 = 4;
/// Times from two to this power of ticks on (minutes) share the last bucket.
const LONGEST_BITS: u32 = 40;
const BUCKETS: usize = ((LONGEST_BITS - PART_BITS + 1) as usize) << PART_BITS;

/// Counts by duration, in ticks. One thread adds, any may read.
#[derive(Debug)]
pub struct Histogram(Box<[Counter]>);

impl Default for Histogram {
    fn default() -> Self {
        Self(std::iter::repeat_with(Counter::default).take(BUCKETS).collect())
    }
}

/// Short durations have a bucket each; above, the first bits say which.
#[inline]
fn bucket(ticks: u64) -> usize {
    let shift = (u64::BITS - ticks.leading_zeros()).saturating_sub(PART_BITS + 1);
    (((shift as usize) << PART_BITS) + (ticks >> shift) as usize).min(BUCKETS - 1)
}

/// The longest duration in a bucket.
fn longest(bucket: usize) -> u64 {
    let shift = (bucket >> PART_BITS).saturating_sub(1);
    let part = (bucket - (shift << PART_BITS)) as u64;
    ((part + 1) << shift) - 1
}

impl Histogram {
    /// Counts a duration so many times.
    #[inline]
    pub fn add(&self, ticks: u64, count: u64) {
        self.0[bucket(ticks)].add(count);
    }

    /// Starts again.
    pub fn reset(&self) {
        self.0.iter().for_each(Counter::reset);
    }
}

/// Histograms of all workers, added up.
#[derive(Clone, Debug)]
pub struct Sum {
    counts: Box<[u64]>,
    total: u64,
}

impl Default for Sum {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS].into(), total: 0 }
    }
}

impl Sum {
    /// That of one alone.
    pub fn of(histogram: &Histogram) -> Self {
        let mut sum = Self::default();
        sum.add(histogram);
        sum
    }

    /// Adds one worker's.
    pub fn add(&mut self, histogram: &Histogram) {
        for (sum, count) in self.counts.iter_mut().zip(&histogram.0) {
            *sum += count.get();
            self.total += count.get();
        }
    }

    /// How many durations there are.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// All durations together, in ticks: each is taken for the middle of its bucket, so it is right within 3 %.
    pub fn ticks(&self) -> f64 {
        let middle = |at: usize| {
            let from = if at == 0 { 0 } else { longest(at - 1) + 1 };
            from.midpoint(longest(at)) as f64
        };
        let counted = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        // Not `sum`, which of nothing is -0.
        counted.fold(0.0, |all, (at, count)| all + middle(at) * *count as f64)
    }

    /// The duration that `percent` of all do not exceed, in ticks; 0 when there are none.
    pub fn percentile(&self, percent: f64) -> u64 {
        let rank = ((percent / 100.0 * self.total as f64).round() as u64).clamp(1, self.total.max(1));
        let mut seen = 0;
        for (at, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return longest(at);
            }
        }
        0
    }

    /// How many do not exceed `ticks`, to a bucket.
    pub fn within(&self, ticks: u64) -> u64 {
        self.counts[..=bucket(ticks)].iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_duration_is_told_within_its_bucket(ticks in 0_u64..1 << LONGEST_BITS) {
            let at = bucket(ticks);
            let (from, to) = (if at == 0 { 0 } else { longest(at - 1) + 1 }, longest(at));
            prop_assert!((from..=to).contains(&ticks), "{ticks} in {from}..={to}");
            prop_assert!(to - from <= to >> PART_BITS);
        }

        #[test]
        fn percentiles_are_the_sorted_lists(mut list in proptest::collection::vec(0_u64..1 << 30, 1..500), percent in 0.0..=100.0_f64) {
            let (histogram, mut sum) = (Histogram::default(), Sum::default());
            list.iter().for_each(|&ticks| histogram.add(ticks, 1));
            sum.add(&histogram);
            list.sort_unstable();
            let rank = (percent / 100.0 * list.len() as f64).round() as usize;
            let right = list[rank.clamp(1, list.len()) - 1];
            prop_assert_eq!(sum.percentile(percent), longest(bucket(right)));
            let (told, all) = (sum.ticks(), list.iter().sum::<u64>() as f64);
            prop_assert!((told - all).abs() <= all * 0.032 + 1.0, "{told} for {all}");
            prop_assert_eq!(sum.within(longest(bucket(right))) as usize, list.iter().filter(|&&t| bucket(t) <= bucket(right)).count());
        }
    }

    #[test]
    fn what_is_beyond_all_bounds_is_counted_too() {
        let (histogram, mut sum) = (Histogram::default(), Sum::default());
        for ticks in [0, 1, u64::MAX, 1 << 50] {
            histogram.add(ticks, 1);
        }
        sum.add(&histogram);
        assert_eq!((sum.total(), sum.within(1), sum.within(u64::MAX)), (4, 2, 4));
        histogram.reset();
        assert_eq!(Sum::default().percentile(99.0), 0);
    }
}
