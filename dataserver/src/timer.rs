//! Times the commands of one worker: the end of one is the start of the next.

use crate::ticks;
use ringtail_protocol::command::Command;
use ringtail_protocol::stats::Stats;

/// Commands that are timed as one, at most; see [`Timer`].
const STRETCH: u32 = 4;
/// Batches from this size on are timed by stretches.
const DEEP: usize = 16;

/// Times the commands of one worker.
///
/// Reading the clock takes some ten nanoseconds, as long as a third of a GET in a deep pipeline. So of equal, fast commands on one key that follow each
/// other there, a few are timed at once, and each gets its share of that. None of them can be slow by itself; where one stalls, the stretch is what
/// the slow log sees.
pub struct Timer {
    worker: usize,
    /// The end of what was timed last.
    last: u64,
    /// Commands of this stretch that have run, all of this row.
    pending: u32,
    row: Option<&'static Command>,
}

impl Timer {
    /// For this worker.
    pub fn new(worker: usize) -> Self {
        Self { worker, last: ticks::now(), pending: 0, row: None }
    }

    /// Whether stretches are worth while for a batch of so many requests.
    #[inline]
    pub fn by_stretches(stats: &Stats, requests: usize) -> bool {
        requests >= DEEP && !stats.is_exact()
    }

    /// Time starts to count: before the first command of a batch, or one that runs outside of any.
    #[inline]
    pub fn begin(&mut self) {
        self.last = ticks::now();
    }

    /// When the command that runs now started; give it to [`ended`](Self::ended).
    #[inline]
    pub fn start(&self) -> u64 {
        self.last
    }

    /// A command has run. `more`: the next request belongs to the same stretch. Its ticks, where they are so many that they
    /// have to be reported.
    #[inline]
    pub fn ended(&mut self, stats: &Stats, row: &'static Command, start: u64, more: bool) -> Option<u64> {
        if more && self.pending < STRETCH - 1 {
            self.pending += 1;
            self.row = Some(row);
            return None;
        }
        self.last = ticks::now();
        let ticks = self.last.saturating_sub(start);
        let count = std::mem::take(&mut self.pending) + 1;
        stats.ran(self.worker, row, ticks, count).then_some(ticks)
    }

    /// Counts what is pending: the stretch ended otherwise than it was expected to.
    #[inline]
    pub fn settle(&mut self, stats: &Stats) {
        if self.pending > 0 {
            self.settle_pending(stats);
        }
    }

    #[cold]
    fn settle_pending(&mut self, stats: &Stats) {
        if let Some(row) = self.row {
            self.pending -= 1;
            self.ended(stats, row, self.last, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringtail_protocol::command::lookup;

    #[test]
    fn a_stretch_counts_each_of_its_commands() {
        let (stats, mut timer) = (Stats::new(1, ticks::scale()), Timer::new(0));
        let (get, set) = (lookup(b"get").unwrap(), lookup(b"set").unwrap());
        for _ in 0..10 {
            timer.ended(&stats, get, timer.start(), true);
        }
        assert_eq!(stats.told(get).calls, 8);
        timer.settle(&stats);
        timer.settle(&stats);
        timer.ended(&stats, set, timer.start(), false);
        assert_eq!((stats.told(get).calls, stats.told(set).calls), (10, 1));
    }

    #[test]
    fn a_command_inside_another_is_part_of_its_time() {
        let (stats, mut timer) = (Stats::new(1, ticks::scale()), Timer::new(0));
        let (get, exec) = (lookup(b"get").unwrap(), lookup(b"type").unwrap());
        timer.begin();
        let start = timer.start();
        std::thread::park_timeout(std::time::Duration::from_millis(2));
        timer.ended(&stats, get, timer.start(), false);
        timer.ended(&stats, exec, start, false);
        let (inner, outer) = (stats.told(get).micros, stats.told(exec).micros);
        assert!(inner >= 1900 && outer >= inner, "{inner} us in {outer} us");
    }
}
