//! Where commands leave their groups.
//!
//! A group is committed under the locks of its keys. Its ticket, taken there from one counter, orders it among all groups; its bytes
//! go into a lane of the thread's own. So threads share one atomic add for each write command, and nothing else.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::Thread;

/// Lanes that threads are dealt to; more threads than these share some.
const LANES: usize = 64;

/// Bytes of a ticket, which stands before each group in a lane.
pub(super) const TICKET: usize = 8;

/// Of this thread alone, as long as there are no more threads than lanes.
#[derive(Default)]
#[repr(align(128))]
struct Lane(Mutex<Vec<u8>>);

#[derive(Default)]
#[repr(align(128))]
struct Tickets(AtomicU64);

static NEXT_LANE: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static LANE: usize = NEXT_LANE.fetch_add(1, Relaxed) % LANES;
    /// Behind the last group that this thread has committed.
    static LAST: Cell<u64> = const { Cell::new(0) };
}

/// The groups that were committed and not collected yet.
pub struct Intake {
    tickets: Tickets,
    lanes: Box<[Lane]>,
    /// The collector sleeps until something is committed.
    sleeps: AtomicBool,
    collector: OnceLock<Thread>,
}

impl Default for Intake {
    fn default() -> Self {
        Self {
            tickets: Tickets::default(),
            lanes: std::iter::repeat_with(Lane::default).take(LANES).collect(),
            sleeps: AtomicBool::new(false),
            collector: OnceLock::new(),
        }
    }
}

impl Intake {
    /// Takes a group, under the locks of all its keys.
    pub fn commit(&self, group: &[u8]) {
        let mut lane = self.lanes[LANE.with(|lane| *lane)].0.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever has one of the keys' locks afterwards gets a later ticket: the lock orders the two.
        let ticket = self.tickets.0.fetch_add(1, SeqCst);
        lane.extend_from_slice(&ticket.to_le_bytes());
        lane.extend_from_slice(group);
        drop(lane);
        LAST.with(|last| last.set(ticket + 1));
        // Either the collector sees the ticket before it sleeps, or we see that it does: these are in one order for both. A fence would say
        // the same, and cost as much as the rest.
        if self.sleeps.load(SeqCst) {
            self.wake();
        }
    }

    /// Behind the last group of all.
    pub fn end(&self) -> u64 {
        self.tickets.0.load(Relaxed)
    }

    /// Behind the last group that this thread has committed, to any log.
    pub fn last_of_thread() -> u64 {
        LAST.with(Cell::get)
    }

    /// Exchanges each lane's bytes for the buffer that `exchange` has for it.
    pub(super) fn exchange(&self, mut exchange: impl FnMut(usize, &mut Vec<u8>)) {
        for (i, lane) in self.lanes.iter().enumerate() {
            exchange(i, &mut lane.0.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    pub(super) fn lanes(&self) -> usize {
        self.lanes.len()
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
