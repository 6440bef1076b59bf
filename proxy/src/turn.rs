//! The turn of a worker's event loop: everything that woke together writes together.
//!
//! Tasks that run in a turn only append to the output of lanes and sessions, and touch them. The flusher is woken by the first touch,
//! so the runtime polls it after all the tasks that were ready then, and it writes each touched lane and session once. With many
//! clients that send one request each, that is one write to a server for all of them instead of one each.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use tokio::task::yield_now;
use tokio::time::Instant;

use crate::lane::Lane;
use crate::limits;
use crate::session::Session;
use crate::worker::Worker;

/// What is to be written when the turn ends.
pub(crate) struct Turn {
    lanes: RefCell<Vec<Rc<Lane>>>,
    sessions: RefCell<Vec<Rc<Session>>>,
    flusher: RefCell<Waker>,
    woken: Cell<bool>,
    /// How many requests were pushed to lanes, ever.
    requests: Cell<u64>,
    now: Cell<Option<Instant>>,
    /// The same in microseconds since `started`.
    micros: Cell<u32>,
    started: Instant,
}

impl Turn {
    /// Of a worker of the proxy that was started then.
    pub(crate) fn new(started: Instant) -> Self {
        Self {
            lanes: RefCell::default(),
            sessions: RefCell::default(),
            flusher: RefCell::new(Waker::noop().clone()),
            woken: Cell::new(false),
            requests: Cell::new(0),
            now: Cell::new(None),
            micros: Cell::new(0),
            started,
        }
    }

    /// The time, read once a turn.
    #[inline]
    pub(crate) fn now(&self) -> Instant {
        self.now.get().unwrap_or_else(|| {
            let now = Instant::now();
            self.now.set(Some(now));
            self.micros.set(now.saturating_duration_since(self.started).as_micros() as u32);
            self.wake();
            now
        })
    }

    /// The same in microseconds since the proxy's start; they begin again after 71 minutes.
    #[inline]
    pub(crate) fn micros(&self) -> u32 {
        self.now();
        self.micros.get()
    }

    /// Writes the lane's output when the turn ends.
    #[inline]
    pub(crate) fn touch_lane(&self, lane: &Rc<Lane>) {
        self.requests.set(self.requests.get().wrapping_add(1));
        if !lane.touched.replace(true) {
            self.lanes.borrow_mut().push(Rc::clone(lane));
            self.wake();
        }
    }

    /// Writes the session's output when the turn ends.
    #[inline]
    pub(crate) fn touch_session(&self, session: &Rc<Session>) {
        if !session.touched.replace(true) {
            self.sessions.borrow_mut().push(Rc::clone(session));
            self.wake();
        }
    }

    /// Waits until something is touched; ready when the tasks that were ready by then have run.
    async fn ended(&self) {
        poll_fn(|cx| {
            if !self.flusher.borrow().will_wake(cx.waker()) {
                *self.flusher.borrow_mut() = cx.waker().clone();
            }
            if self.woken.get() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// For the end of a turn itself: another is to follow it. Unlike a wake, that leaves the next look for events before it.
    pub(crate) fn again(&self) {
        self.woken.set(true);
    }

    /// Has a turn end soon, though nothing is touched.
    #[inline]
    pub(crate) fn wake(&self) {
        if !self.woken.replace(true) {
            self.flusher.borrow().wake_by_ref();
        }
    }
}

/// Ends turns for ever: one task of each worker.
///
/// A turn ends in two steps. First the answers of sessions that wait for nothing more are written. Then the runtime looks for
/// events again, a few times at most while they bring requests, and only then lanes are written: a client that has its
/// answer sends its next request at once, and that still goes with this turn's. At pipeline 1 that took the proxy's CPU from 9.9 µs a
/// request to 8.4 (50 clients, three servers, `make bench` on a quiet machine).
pub(crate) async fn flush_turns(worker: Rc<Worker>) {
    loop {
        worker.turn.ended().await;
        for _ in 0..limits::TURN_ROUNDS {
            flush_answered(&worker);
            let before = worker.turn.requests.get();
            yield_now().await;
            if worker.turn.requests.get() == before {
                break;
            }
        }
        worker.turn.woken.set(false);
        flush_rest(&worker);
    }
}

fn flush_answered(worker: &Worker) {
    let answered = |session: &mut Rc<Session>| session.is_answered();
    let mut sessions = worker.turn.sessions.borrow_mut();
    for session in sessions.extract_if(.., answered) {
        session.touched.set(false);
        session.flush(worker);
    }
}

/// Lanes first: servers work while the clients' answers are written.
fn flush_rest(worker: &Worker) {
    let turn = &worker.turn;
    for lane in turn.lanes.borrow_mut().drain(..) {
        lane.touched.set(false);
        lane.flush();
    }
    for session in turn.sessions.borrow_mut().drain(..) {
        session.touched.set(false);
        session.flush(worker);
    }
    turn.now.set(None);
    worker.end_turn();
}
