//! From registers to a count, by Otmar Ertl's estimator: "New cardinality estimation algorithms for HyperLogLog
//! sketches", arXiv:1702.01284.

use super::{RANK_BITS, REGISTERS};

/// 1 / (2 ln 2)
const ALPHA: f64 = 0.721_347_520_444_481_7;
const M: f64 = REGISTERS as f64;
const Q: usize = RANK_BITS as usize;

/// How many registers have each value.
pub(super) struct Histogram(
    /// Of any value that six bits hold, also those that no hash leads to.
    [u32; 64],
);

impl Default for Histogram {
    fn default() -> Self {
        Self([0; 64])
    }
}

impl Histogram {
    /// Adds so many registers of this value, below 64.
    #[inline]
    pub(super) fn add(&mut self, value: u8, registers: usize) {
        self.0[usize::from(value) % 64] += registers as u32;
    }

    /// How many elements the set has, about.
    pub(super) fn estimate(&self) -> u64 {
        let share = |value: usize| f64::from(self.0[value]) / M;
        let mut z = M * tau((M - f64::from(self.0[Q + 1])) / M);
        for value in (1..=Q).rev() {
            z = (z + f64::from(self.0[value])) * 0.5;
        }
        z += M * sigma(share(0));
        (ALPHA * M * M / z).round() as u64
    }
}

fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}
