//! Log lines that an outsider can cause: at most one a second each, with the number left out.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_secs(1);

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Lets one line a second pass. Meant for a `static` beside the log call.
#[derive(Debug, Default)]
pub struct RateLimited {
    /// Milliseconds after `START` from which the next line may pass.
    next: AtomicU64,
    suppressed: AtomicU64,
}

impl RateLimited {
    /// A gate that lets the first line pass.
    pub const fn new() -> Self {
        Self { next: AtomicU64::new(0), suppressed: AtomicU64::new(0) }
    }

    /// Calls `line` with the number of lines suppressed since the last one, or counts it as suppressed.
    pub fn log(&self, line: impl FnOnce(u64)) {
        self.log_at(START.elapsed(), line);
    }

    fn log_at(&self, now: Duration, line: impl FnOnce(u64)) {
        let next = self.next.load(Ordering::Relaxed);
        let now = millis(now);
        let after = now + millis(INTERVAL);
        // Of several threads at once one wins.
        if now >= next
            && self.next.compare_exchange(next, after, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            line(self.suppressed.swap(0, Ordering::Relaxed));
        } else {
            self.suppressed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(gate: &RateLimited, at_ms: u64) -> Option<u64> {
        let mut passed = None;
        gate.log_at(Duration::from_millis(at_ms), |suppressed| passed = Some(suppressed));
        passed
    }

    #[test]
    fn one_line_a_second_with_the_number_left_out() {
        let gate = RateLimited::new();
        assert_eq!(passes(&gate, 5), Some(0));
        assert_eq!(passes(&gate, 6), None);
        assert_eq!(passes(&gate, 1004), None);
        assert_eq!(passes(&gate, 1005), Some(2));
        assert_eq!(passes(&gate, 9000), Some(0));
    }
}
