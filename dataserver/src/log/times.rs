//! How long the disk takes, for the metrics. The log's own thread counts, once for each batch.

use ringtail_protocol::stats::{Histogram, Sum};
use std::time::Duration;

/// Durations in microseconds.
#[derive(Debug, Default)]
pub struct Times {
    writes: Histogram,
    syncs: Histogram,
}

impl Times {
    /// The ticks of [`Self::writes`] and [`Self::syncs`], in nanoseconds.
    pub const TICK: f64 = 1000.0;

    pub(super) fn written(&self, took: Duration) {
        self.writes.add(took.as_micros() as u64, 1);
    }

    pub(super) fn synced(&self, took: Duration) {
        self.syncs.add(took.as_micros() as u64, 1);
    }

    /// How long it took to write to the files.
    pub fn writes(&self) -> Sum {
        Sum::of(&self.writes)
    }

    /// How long it took to bring that to disk.
    pub fn syncs(&self) -> Sum {
        Sum::of(&self.syncs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_and_syncs_are_counted_apart() {
        let times = Times::default();
        times.written(Duration::from_micros(10));
        times.synced(Duration::from_millis(3));
        times.synced(Duration::from_millis(3));
        assert_eq!((times.writes().total(), times.syncs().total()), (1, 2));
        assert!((5900.0..6100.0).contains(&times.syncs().ticks()));
    }
}
