//! Whether the disk keeps up. A disk that fails says so; one that hangs says nothing, and what is acknowledged meanwhile would be lost
//! with the process. So while it is late, replies to writes wait for it, as they always do with `always`: clients then send no more than it takes.

use ringtail_net::RateLimited;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// What was committed so long ago, in milliseconds, has to be where the policy wants it: what is acknowledged is never older by the next look.
pub const LATE: u64 = 900;

/// From one look to the next, in milliseconds, at least.
const LOOK: u64 = 50;

/// How far behind the disk is.
#[derive(Debug, Default)]
pub struct Lateness {
    /// What was committed before this moment is where it has to be.
    covered: AtomicU64,
    late: AtomicBool,
    /// When somebody looked last.
    looked: AtomicU64,
    /// How often it has become late.
    times: AtomicU64,
}

impl Lateness {
    /// Whether replies wait for the disk.
    #[inline]
    pub fn is_late(&self) -> bool {
        self.late.load(Relaxed)
    }

    /// How many milliseconds the disk is behind at `now`, if something waits for it at all.
    pub fn behind(&self, now: u64) -> u64 {
        now.saturating_sub(self.covered.load(Relaxed))
    }

    /// How often the disk has become late.
    pub fn times(&self) -> u64 {
        self.times.load(Relaxed)
    }

    /// What was committed before this moment, in milliseconds of a clock that is never set, is where it has to be.
    pub fn cover(&self, moment: u64) {
        self.covered.fetch_max(moment, Relaxed);
    }

    /// Whether it is time to look, and nobody else does: of all workers some may be in the middle of a command that takes long.
    pub fn is_due(&self, now: u64) -> bool {
        let last = self.looked.load(Relaxed);
        now >= last + LOOK && self.looked.compare_exchange(last, now, Relaxed, Relaxed).is_ok()
    }

    /// To be called often, by who does not wait for the disk.
    pub fn look(&self, now: u64) {
        static SLOW: RateLimited = RateLimited::new();
        let behind = self.behind(now);
        let late = behind > LATE;
        if late && !self.late.swap(late, Relaxed) {
            self.times.fetch_add(1, Relaxed);
            SLOW.log(|suppressed| {
                tracing::warn!(suppressed, "the disk is {behind} ms late: replies to writes wait for it");
            });
        } else if !late {
            self.late.store(false, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_many_looks() {
        let lateness = Lateness::default();
        assert!(lateness.is_due(LOOK) && !lateness.is_due(LOOK) && !lateness.is_due(2 * LOOK - 1));
        assert!(lateness.is_due(2 * LOOK) && !lateness.is_due(2 * LOOK));
    }

    #[test]
    fn what_is_not_covered_in_time_is_late() {
        let lateness = Lateness::default();
        lateness.cover(5000);
        let after = |now| {
            lateness.look(now);
            (lateness.is_late(), lateness.times())
        };
        assert_eq!(after(5000 + LATE), (false, 0));
        assert_eq!(after(5001 + LATE), (true, 1));
        assert_eq!(after(9000), (true, 1));
        // A sync that began earlier ends later.
        lateness.cover(9000);
        lateness.cover(8000);
        assert_eq!(after(9000 + LATE), (false, 1));
    }
}
