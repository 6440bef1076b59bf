//! Where commands leave their groups.
//!
//! A group is committed under the locks of its keys. Its ticket, taken there from one counter, orders it among all groups; its bytes
//! go into a lane of the thread's own. So threads share one atomic add for each write command, and one for each lane that is collected.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;

/// Lanes that threads are dealt to, a bit of a word for each; more threads than these share some.
pub(super) const LANES: usize = u64::BITS as usize;

/// Groups whose tickets follow each other: one thread has committed them, and no other between.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// The ticket of the first, ...
    pub first: u64,
    /// ... and that behind the last.
    pub next: u64,
    /// Where its bytes end; they begin where those of the run before end.
    pub end: usize,
}

/// What one lane has, without gaps in its bytes.
#[derive(Debug, Default)]
pub(super) struct Committed {
    pub bytes: Vec<u8>,
    pub runs: Vec<Run>,
}

impl Committed {
    fn push(&mut self, ticket: u64, group: &[u8]) {
        self.bytes.extend_from_slice(group);
        let (next, end) = (ticket + 1, self.bytes.len());
        match self.runs.last_mut() {
            Some(run) if run.next == ticket => (run.next, run.end) = (next, end),
            _ => self.runs.push(Run { first: ticket, next, end }),
        }
    }
}

/// Of this thread alone, as long as there are no more threads than lanes.
#[derive(Default)]
#[repr(align(128))]
struct Lane(Mutex<Committed>);

impl Lane {
    fn lock(&self) -> MutexGuard<'_, Committed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
#[repr(align(128))]
struct Tickets(AtomicU64);

static NEXT_LANE: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static LANE: usize = NEXT_LANE.fetch_add(1, Relaxed) % LANES;
    /// Behind the last group that this thread has committed.
    static LAST: Cell<u64> = const { Cell::new(0) };
    /// It collects what it commits itself, at the end of its turn.
    static COLLECTS: Cell<bool> = const { Cell::new(false) };
}

/// The groups that were committed and not collected yet.
pub struct Intake {
    tickets: Tickets,
    lanes: Box<[Lane]>,
    /// Bits of the lanes that have something and that the collector was not told of.
    filled: AtomicU64,
    /// The collector sleeps until something is committed.
    sleeps: AtomicBool,
    collector: OnceLock<Thread>,
}

impl Default for Intake {
    fn default() -> Self {
        Self {
            tickets: Tickets::default(),
            lanes: std::iter::repeat_with(Lane::default).take(LANES).collect(),
            filled: AtomicU64::new(0),
            sleeps: AtomicBool::new(false),
            collector: OnceLock::new(),
        }
    }
}

impl Intake {
    /// Takes a group, under the locks of all its keys.
    pub fn commit(&self, group: &[u8]) {
        let at = LANE.with(|lane| *lane);
        let mut lane = self.lanes[at].lock();
        // Whoever has one of the keys' locks afterwards gets a later ticket: the lock orders the two.
        let ticket = self.tickets.0.fetch_add(1, SeqCst);
        if lane.runs.is_empty() {
            self.filled.fetch_or(1 << at, SeqCst);
        }
        lane.push(ticket, group);
        drop(lane);
        LAST.with(|last| last.set(ticket + 1));
        // Either the collector sees the ticket before it sleeps, or we see that it does: these are in one order for both. A fence would say
        // the same, and cost as much as the rest.
        if !COLLECTS.get() {
            self.wake_sleeper();
        }
    }

    /// Takes a group of nothing, for whose ticket whoever runs on this thread does not wait.
    pub fn commit_mark(&self) {
        let last = LAST.get();
        self.commit(&[]);
        LAST.set(last);
    }

    /// Has the collector look, if it sleeps.
    pub(super) fn wake_sleeper(&self) {
        if self.sleeps.load(SeqCst) {
            self.wake();
        }
    }

    /// Whether this thread collects what it commits by itself, so that nobody need be woken for it.
    pub(super) fn set_collects(on: bool) {
        COLLECTS.set(on);
    }

    /// Behind the last group of all.
    pub fn end(&self) -> u64 {
        self.tickets.0.load(Relaxed)
    }

    /// Behind the last group that this thread has committed, to any log.
    pub fn last_of_thread() -> u64 {
        LAST.with(Cell::get)
    }

    /// Bits of the lanes that may have something that the caller was not told of before.
    pub(super) fn take_filled(&self) -> u64 {
        if self.filled.load(SeqCst) == 0 { 0 } else { self.filled.swap(0, SeqCst) }
    }

    /// What a lane has, to be exchanged for an empty one.
    pub(super) fn lane(&self, at: usize) -> MutexGuard<'_, Committed> {
        self.lanes[at].lock()
    }

    /// Says that this thread collects.
    pub fn collect_here(&self) {
        let _ = self.collector.set(std::thread::current());
    }

    /// The collector is about to sleep, unless something was committed since `seen`. Whether it may.
    pub fn may_sleep(&self, seen: u64) -> bool {
        self.sleeps.store(true, SeqCst);
        let nothing = self.tickets.0.load(SeqCst) == seen;
        if !nothing {
            self.sleeps.store(false, Relaxed);
        }
        nothing
    }

    /// Has the collector look at once.
    #[cold]
    pub fn wake(&self) {
        self.sleeps.store(false, Relaxed);
        if let Some(collector) = self.collector.get() {
            collector.unpark();
        }
    }
}
