//! How many bytes of requests and answers the proxy holds, for all its clients together, and what happens at the bound: requests wait in
//! their clients' sockets, and where waiting can't help, the client of which most is held makes way.
//!
//! Each worker counts for itself and tells the others after a change of [`limits::HELD_TOLD`].

#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Waker;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::limits;
use crate::shared::{Counters, Shared};

/// What all workers hold.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    bytes: AtomicUsize,
    /// Those of them that are held by HTTP connections and not by their sessions.
    beside: AtomicUsize,
    /// `--max-in-flight`; 0 = no bound.
    pub(crate) most: AtomicUsize,
}

impl InFlight {
    pub(crate) fn new(most: usize) -> Self {
        Self { bytes: AtomicUsize::new(0), beside: AtomicUsize::new(0), most: AtomicUsize::new(most) }
    }

    /// Whether an HTTP connection may hold so many bytes more, which are counted then. All of them together may have half: they can't be
    /// made to give anything back.
    pub(crate) fn hold_beside(&self, bytes: usize) -> bool {
        let most = self.most.load(Relaxed);
        let beside = self.beside.fetch_add(bytes, Relaxed) + bytes;
        let all = self.bytes.fetch_add(bytes, Relaxed).wrapping_add(bytes);
        let has_room = most == 0 || (beside <= most / 2 && all as isize <= most as isize);
        if !has_room {
            self.release_beside(bytes);
        }
        has_room
    }

    /// Gives back what was held.
    pub(crate) fn release_beside(&self, bytes: usize) {
        self.beside.fetch_sub(bytes, Relaxed);
        self.bytes.fetch_sub(bytes, Relaxed);
    }

    /// Bytes that are held.
    pub(crate) fn bytes(&self) -> usize {
        // Workers tell what they gave back before others tell what they took.
        isize::max(self.bytes.load(Relaxed) as isize, 0) as usize
    }

    /// Whether one who holds `own` bytes has to wait. Who holds much waits first, so that small requests always find room.
    fn is_short_for(&self, own: usize) -> bool {
        let most = self.most.load(Relaxed);
        let reserved = if own > limits::HELD_SMALL { most / 8 } else { 0 };
        most > 0 && self.bytes() > most - reserved
    }
}

/// What one worker holds.
#[derive(Debug)]
pub(crate) struct Held {
    all: Arc<InFlight>,
    here: Cell<usize>,
    told: Cell<usize>,
    waiting: RefCell<Vec<Waker>>,
    wanted: Notify,
}

impl Held {
    pub(crate) fn new(all: &Arc<InFlight>) -> Rc<Self> {
        Rc::new(Self {
            all: Arc::clone(all),
            here: Cell::new(0),
            told: Cell::new(0),
            waiting: RefCell::default(),
            wanted: Notify::new(),
        })
    }

    fn change(&self, before: usize, now: usize) {
        let here = self.here.get().wrapping_add(now).wrapping_sub(before);
        self.here.set(here);
        let told = self.told.get();
        if here.abs_diff(told) >= limits::HELD_TOLD {
            self.all.bytes.fetch_add(here.wrapping_sub(told), Relaxed);
            self.told.set(here);
        }
    }

    /// Wakes the task once there may be room.
    pub(crate) fn wait(&self, waker: &Waker) {
        self.waiting.borrow_mut().push(waker.clone());
        self.wanted.notify_one();
    }

    /// Looks after those who wait: one task of each worker.
    pub(crate) async fn relieve(self: Rc<Self>, shared: Arc<Shared>, counters: Arc<Counters>) {
        loop {
            if self.waiting.borrow().is_empty() {
                self.wanted.notified().await;
            }
            Counters::add(&counters.in_flight_waits, 1);
            let mut until = Instant::now() + limits::HELD_WAIT;
            while self.all.is_short_for(usize::MAX) {
                if Instant::now() >= until {
                    push_largest(&shared);
                    until = Instant::now() + limits::HELD_AGAIN;
                }
                sleep(limits::HELD_LOOK).await;
            }
            self.waiting.borrow_mut().drain(..).for_each(Waker::wake);
        }
    }
}

/// Has the client of which most is held make way: all wait for room, and it keeps them from having any.
#[cold]
fn push_largest(shared: &Shared) {
    let clients = shared.clients.list();
    let Some(largest) = clients.iter().max_by_key(|client| client.held()) else { return };
    let bytes = largest.held();
    if bytes > limits::HELD_SMALL {
        largest.make_way();
    }
}

/// One holder's part.
#[derive(Debug)]
pub(crate) struct Share {
    held: Rc<Held>,
    bytes: usize,
}

impl Share {
    pub(crate) fn new(held: &Rc<Held>) -> Self {
        Self { held: Rc::clone(held), bytes: 0 }
    }

    /// It holds so many bytes now.
    #[inline]
    pub(crate) fn set(&mut self, bytes: usize) {
        if bytes != self.bytes {
            self.held.change(self.bytes, bytes);
            self.bytes = bytes;
        }
    }

    /// Whether its next request has to wait.
    #[inline]
    pub(crate) fn has_to_wait(&self) -> bool {
        self.held.all.is_short_for(self.bytes)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
    }
}
