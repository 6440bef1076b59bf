//! From lanes to one stream: groups by their tickets.

use super::intake::{Committed, Intake, LANES};
use std::mem;

/// What was taken from one lane.
#[derive(Default)]
struct Taken {
    committed: Committed,
    /// How many of its runs, and of their bytes, were appended.
    runs: usize,
    bytes: usize,
}

impl Taken {
    fn is_used_up(&self) -> bool {
        self.runs == self.committed.runs.len()
    }

    /// Exchanges what was used up.
    fn refill(&mut self, lane: &mut Committed) {
        let own = &mut self.committed;
        own.runs.clear();
        empty(&mut own.bytes);
        (self.runs, self.bytes) = (0, 0);
        mem::swap(own, lane);
    }

    /// Appends the groups from this ticket on, as far as they follow each other. Returns the ticket behind them.
    fn append(&mut self, mut next: u64, out: &mut Vec<u8>) -> u64 {
        let Committed { bytes, runs } = &mut self.committed;
        if let ([run], true) = (&runs[self.runs..], out.is_empty() && self.bytes == 0)
            && run.first == next
        {
            // All that there is: it changes hands as it is.
            next = run.next;
            mem::swap(out, bytes);
            self.runs += 1;
            return next;
        }
        while let Some(run) = runs.get(self.runs).filter(|run| run.first == next) {
            out.extend_from_slice(&bytes[self.bytes..run.end]);
            (self.runs, self.bytes, next) = (self.runs + 1, run.end, run.next);
        }
        next
    }
}

/// Merges the lanes of one intake.
pub struct Merge {
    taken: Box<[Taken]>,
    /// Bits of the lanes of which something was taken and not used up, ...
    open: u64,
    /// ... and of those that have more, which was left there.
    left: u64,
    /// The ticket of the next group.
    next: u64,
}

impl Default for Merge {
    fn default() -> Self {
        let taken = std::iter::repeat_with(Taken::default).take(LANES).collect();
        Self { taken, open: 0, left: 0, next: 0 }
    }
}

/// Memory of a buffer beyond this is given back when little of it was used.
const KEPT: usize = 256 << 10;

/// Empties a buffer that will be used again, if it was used at all.
pub(super) fn empty(buffer: &mut Vec<u8>) {
    let used = buffer.len();
    buffer.clear();
    if used > 0 && used < buffer.capacity() / 4 && buffer.capacity() > KEPT {
        buffer.shrink_to(KEPT.max(2 * used));
    }
}

fn bits(word: u64) -> impl Iterator<Item = usize> {
    let rest = |word: &u64| Some(word & (word - 1)).filter(|word| *word != 0);
    std::iter::successors(Some(word).filter(|word| *word != 0), rest)
        .map(|word| word.trailing_zeros() as usize)
}

impl Merge {
    /// Appends all groups that are there to `out`, but those behind one that a thread is about to leave. Returns the ticket behind
    /// the last one.
    pub fn collect(&mut self, intake: &Intake, out: &mut Vec<u8>) -> u64 {
        self.take(intake);
        while self.append(out) {}
        self.next
    }

    /// The same, with certainly all, when no thread is about to leave one: all locks are held.
    pub fn collect_all(&mut self, intake: &Intake, out: &mut Vec<u8>) -> u64 {
        while self.collect(intake, out) < intake.end() {}
        self.next
    }

    fn take(&mut self, intake: &Intake) {
        let filled = mem::take(&mut self.left) | intake.take_filled();
        for lane in bits(filled) {
            let taken = &mut self.taken[lane];
            if taken.is_used_up() {
                taken.refill(&mut intake.lane(lane));
                self.open |= 1 << lane;
            } else {
                self.left |= 1 << lane;
            }
        }
    }

    /// Appends the groups whose turn it is, lane by lane. Whether there were any.
    fn append(&mut self, out: &mut Vec<u8>) -> bool {
        let before = self.next;
        for lane in bits(self.open) {
            let taken = &mut self.taken[lane];
            self.next = taken.append(self.next, out);
            if taken.is_used_up() {
                self.open &= !(1 << lane);
            }
        }
        self.next > before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::record::{self, next_group};
    use std::sync::Arc;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    #[test]
    fn groups_of_many_threads_come_in_the_order_of_their_tickets() {
        const THREADS: u64 = 4;
        const EACH: u64 = 20_000;
        let (intake, key, done) =
            (Arc::new(Intake::default()), Arc::new(Mutex::new(0_u64)), AtomicBool::new(false));
        let mut stream = Vec::new();
        std::thread::scope(|scope| {
            let writers: Vec<_> = (0..THREADS)
                .map(|_| {
                    let (intake, key) = (Arc::clone(&intake), Arc::clone(&key));
                    scope.spawn(move || {
                        let mut group = Vec::new();
                        for _ in 0..EACH {
                            // As a command does: the key's lock is held while its effect is committed.
                            let mut value = key.lock().unwrap();
                            *value += 1;
                            group.clear();
                            record::begin(&mut group, *value);
                            record::add(&mut group, 0, [&b"INCR"[..]].into_iter());
                            record::finish(&mut group, 0).unwrap();
                            intake.commit(&group);
                        }
                    })
                })
                .collect();
            let (stream, done) = (&mut stream, &done);
            let collector = scope.spawn(|| {
                let mut merge = Merge::default();
                while !done.load(Relaxed) {
                    merge.collect(&intake, stream);
                }
                assert_eq!(merge.collect_all(&intake, stream), THREADS * EACH);
            });
            writers.into_iter().for_each(|writer| writer.join().unwrap());
            done.store(true, Relaxed);
            collector.join().unwrap();
        });
        let (mut at, mut times) = (0, Vec::new());
        while at < stream.len() {
            let (group, length) = next_group(&stream[at..]).unwrap().unwrap();
            times.push(group.time);
            at += length;
        }
        assert!(times.into_iter().eq(1..=THREADS * EACH));
    }
}
