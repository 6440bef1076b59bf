//! The turn of a worker's event loop: everything that woke together writes together.
//!
//! Tasks that run in a turn only append to the output of lanes and sessions, and touch them. The flusher is woken by the first touch,
//! so the runtime polls it after all the tasks that were ready then, and writes each touched lane and session once. With many
//! clients that send one request each, that is one write to a server for all of them instead of one each.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use tokio::time::Instant;

use crate::lane::Lane;
use crate::session::Session;
use crate::worker::Worker;

/// What is to be written when the turn ends.
pub(crate) struct Turn {
    lanes: RefCell<Vec<Rc<Lane>>>,
    sessions: RefCell<Vec<Rc<Session>>>,
    flusher: RefCell<Waker>,
    woken: Cell<bool>,
    now: Cell<Option<Instant>>,
}

impl Default for Turn {
    fn default() -> Self {
        Self {
            lanes: RefCell::default(),
            sessions: RefCell::default(),
            flusher: RefCell::new(Waker::noop().clone()),
            woken: Cell::new(false),
            now: Cell::new(None),
        }
    }
}

impl Turn {
    /// The time, read once a turn.
    #[inline]
    pub(crate) fn now(&self) -> Instant {
        self.now.get().unwrap_or_else(|| {
            let now = Instant::now();
            self.now.set(Some(now));
            self.wake();
            now
        })
    }

    /// Writes the lane's output when the turn ends.
    #[inline]
    pub(crate) fn touch_lane(&self, lane: &Rc<Lane>) {
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

    #[inline]
    fn wake(&self) {
        if !self.woken.replace(true) {
            self.flusher.borrow().wake_by_ref();
        }
    }
}

/// Ends turns for ever: one task of each worker.
pub(crate) async fn flush_turns(worker: Rc<Worker>) {
    poll_fn(|cx| {
        let turn = &worker.turn;
        if !turn.flusher.borrow().will_wake(cx.waker()) {
            *turn.flusher.borrow_mut() = cx.waker().clone();
        }
        if turn.woken.replace(false) {
            flush(&worker);
        }
        Poll::<()>::Pending
    })
    .await;
}

/// Lanes first: servers work while the clients' answers are written.
fn flush(worker: &Worker) {
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
