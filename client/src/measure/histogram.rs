//! A log-linear histogram: constant memory, relative error below 1 %, recording is a few instructions.

/// Linear steps within one power of two; their inverse bounds the relative error.
const STEPS: u64 = 128;
const STEP_BITS: u32 = STEPS.trailing_zeros();
/// Values are clamped below this many bits: 2^40 ns are 18 minutes.
const MAX_BITS: u32 = 40;
const BUCKETS: usize = (MAX_BITS - STEP_BITS + 1) as usize * STEPS as usize;

/// Counts of values, by buckets that widen with the value.
#[derive(Debug, Clone)]
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: vec![0; BUCKETS], count: 0, max: 0 }
    }
}

impl Histogram {
    /// Counts `value` (in the caller's unit) `times` times.
    pub fn record(&mut self, value: u64, times: u64) {
        self.buckets[bucket_of(value)] += times;
        self.count += times;
        self.max = self.max.max(value);
    }

    /// The smallest value that is not exceeded by `fraction` (0 to 1) of those counted; 0 without any.
    pub fn quantile(&self, fraction: f64) -> u64 {
        let wanted = ((self.count as f64 * fraction).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        for (bucket, n) in self.buckets.iter().enumerate() {
            seen += n;
            if seen >= wanted {
                return highest_of(bucket).min(self.max);
            }
        }
        self.max
    }

    /// The largest value counted, exact.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// Adds what another one counted.
    pub fn add(&mut self, other: &Self) {
        self.buckets.iter_mut().zip(&other.buckets).for_each(|(sum, n)| *sum += n);
        self.count += other.count;
        self.max = self.max.max(other.max);
    }

    /// How many of the counted values are not above `value`, to a bucket.
    pub fn within(&self, value: u64) -> u64 {
        self.buckets[..=bucket_of(value)].iter().sum()
    }

    /// How many values were counted.
    pub fn count(&self) -> u64 {
        self.count
    }
}

/// Below `STEPS` each value has a bucket; above, the highest bits choose the power and `STEP_BITS` more the step.
fn bucket_of(value: u64) -> usize {
    let value = value.min((1 << MAX_BITS) - 1);
    let shift = (value | (STEPS - 1)).ilog2() + 1 - STEP_BITS;
    if shift == 0 {
        return value as usize;
    }
    let step = (value >> (shift - 1)) - STEPS;
    (u64::from(shift) * STEPS + step) as usize
}

/// The highest value that `bucket_of` puts into `bucket`.
fn highest_of(bucket: usize) -> u64 {
    let (shift, step) = (bucket as u64 / STEPS, bucket as u64 % STEPS);
    if shift == 0 { step } else { ((STEPS + step + 1) << (shift - 1)) - 1 }
}

#[cfg(test)]
mod tests;
