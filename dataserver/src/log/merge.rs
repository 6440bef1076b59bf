//! From lanes to one stream: groups by their tickets.

use super::intake::{Intake, TICKET};
use super::record;

/// What was taken from one lane.
#[derive(Default)]
struct Taken {
    bytes: Vec<u8>,
    at: usize,
}

impl Taken {
    /// The group of this ticket, if it is the next one.
    fn group_of(&self, ticket: u64) -> Option<&[u8]> {
        let (own, rest) = self.bytes[self.at..].split_first_chunk::<TICKET>()?;
        if u64::from_le_bytes(*own) != ticket {
            return None;
        }
        // It was made by this process.
        let length = record::claimed(rest, record::GROUP_MOST).ok()??;
        rest.get(..length)
    }
}

/// Merges the lanes of one intake.
#[derive(Default)]
pub struct Merge {
    taken: Vec<Taken>,
    /// The lanes that something was taken from: mostly few of all.
    filled: Vec<usize>,
    /// The ticket of the next group.
    next: u64,
}

/// A lane's buffer that has grown beyond this is given back once it is empty.
const KEPT: usize = 1 << 20;

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
        self.taken.resize_with(intake.lanes(), Taken::default);
        self.filled.clear();
        intake.exchange(|lane, bytes| {
            let taken = &mut self.taken[lane];
            if taken.at == taken.bytes.len() && !bytes.is_empty() {
                taken.bytes.clear();
                taken.bytes.shrink_to(KEPT);
                taken.at = 0;
                std::mem::swap(bytes, &mut taken.bytes);
            }
            if taken.at < taken.bytes.len() {
                self.filled.push(lane);
            }
        });
    }

    /// Appends the groups whose turn it is, lane by lane. Whether there were any.
    fn append(&mut self, out: &mut Vec<u8>) -> bool {
        let before = self.next;
        for &lane in &self.filled {
            let taken = &mut self.taken[lane];
            while let Some(group) = taken.group_of(self.next) {
                out.extend_from_slice(group);
                taken.at += TICKET + group.len();
                self.next += 1;
            }
        }
        self.next > before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::record::next_group;
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
