//! A session while a large request or answer of its is passed through: in parts, and no faster than its client takes them.

use std::cell::RefMut;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::time::timeout;

use super::{Session, State};
use crate::lane::Lane;
use crate::large;
use crate::limits;
use crate::sequence::Ticket;
use crate::transaction;
use crate::worker::Worker;

/// The client has left, or is to be closed.
#[derive(Debug)]
pub(crate) struct Gone;

impl Session {
    /// What it knows. Not to be held across an `await`.
    pub(crate) fn state(&self) -> RefMut<'_, State> {
        self.state.borrow_mut()
    }

    /// A part of the answer to one of its requests has come; `over` with the last.
    pub(crate) fn pass(self: &Rc<Self>, worker: &Worker, ticket: Ticket, part: &[u8], over: bool) {
        let state = &mut *self.state.borrow_mut();
        // Nobody takes anything any more.
        let part = if state.failed { &[] } else { part };
        state.need_out(worker);
        state.sequence.pass(ticket, part, over, &mut state.out);
        if over {
            state.window.note(limits::READ);
        }
        state.count_held();
        worker.turn.touch_session(self);
    }

    /// The rest of an answer will not come: `error` instead, unless some of it is out.
    pub(crate) fn break_off(self: &Rc<Self>, worker: &Worker, ticket: Ticket, error: &[u8]) {
        let can_answer = self.state.borrow_mut().sequence.take_back(ticket);
        if can_answer {
            self.answer(worker, ticket, error);
        } else {
            self.cut();
        }
    }

    /// Closes it.
    pub(crate) fn cut(&self) {
        self.state.borrow_mut().fail();
        self.call();
    }

    /// Bytes of answers that its client has not taken.
    pub(crate) fn backlog(&self) -> usize {
        let state = self.state.borrow();
        if state.failed { 0 } else { state.unsent() }
    }

    /// Has the lane called when more was taken.
    pub(crate) fn feed_from(&self, lane: &Rc<Lane>) {
        self.state.borrow_mut().feeder = Some(Rc::clone(lane));
    }

    /// Waits for `work`, unless the client is killed meanwhile.
    pub(crate) async fn unless_killed<T>(&self, work: impl Future<Output = T>) -> Result<T, Gone> {
        let mut work = pin!(work);
        poll_fn(|cx| {
            let state = self.state.borrow();
            self.keep_waker(&state, cx);
            if state.client.is_killed() {
                return Poll::Ready(Err(Gone));
            }
            drop(state);
            work.as_mut().poll(cx).map(Ok)
        })
        .await
    }

    /// One read of what the client sends, once there is something.
    pub(crate) async fn read_more(&self, worker: &Worker, buf: &mut Vec<u8>) -> Result<(), Gone> {
        let read = poll_fn(|cx| {
            let mut state = ready!(self.poll_alive(worker, cx))?;
            ready!(state.poll_readable(cx));
            let before = buf.len();
            state.read(worker, buf);
            match () {
                () if state.failed || state.ended => Poll::Ready(Err(Gone)),
                () if buf.len() > before => Poll::Ready(Ok(())),
                () => state.poll_readable(cx).map(|()| Ok(())),
            }
        });
        timeout(limits::REQUEST_TIMEOUT, read).await.unwrap_or_else(|_| self.stalled())
    }

    /// Waits until the client has taken most of what is there for it.
    pub(crate) async fn write_most(&self, worker: &Worker) -> Result<(), Gone> {
        self.state.borrow_mut().write(worker);
        let written = poll_fn(|cx| {
            let state = ready!(self.poll_alive(worker, cx))?;
            if state.unsent() <= limits::READ { Poll::Ready(Ok(())) } else { Poll::Pending }
        });
        let most = worker.shared.settings.live.output_timeout().unwrap_or(limits::REQUEST_TIMEOUT);
        timeout(most, written).await.unwrap_or_else(|_| self.stalled())
    }

    #[cold]
    fn stalled(&self) -> Result<(), Gone> {
        self.state.borrow_mut().fail();
        Err(Gone)
    }

    /// Writes what goes, unless the client is gone.
    fn poll_alive(&self, worker: &Worker, cx: &mut Context<'_>) -> Poll<Result<RefMut<'_, State>, Gone>> {
        let mut state = self.state.borrow_mut();
        self.keep_waker(&state, cx);
        state.poll_write(worker, cx);
        let gone = state.failed || state.client.is_killed();
        Poll::Ready(if gone { Err(Gone) } else { Ok(state) })
    }

    /// What was begun can't be ended: what is out already is the last.
    pub(super) fn give_up_large(self: &Rc<Self>, worker: &Worker) {
        let state = &mut *self.state.borrow_mut();
        state.closing = true;
        state.hold = None;
        state.unread = Vec::new();
        state.failed |= state.ended;
        self.end_turn(worker, state);
    }
}

impl State {
    /// Whether a large request has been begun that can be passed on as it comes.
    #[cold]
    pub(super) fn is_large_begun(&self, worker: &Worker) -> bool {
        !self.closing
            && !self.ended
            && !transaction::is_open(self)
            && self.tracking.is_none()
            && self.parser.begun(&self.unread).is_some_and(|begun| large::can_begin(worker, self, &begun))
    }

    /// A part of the answer to the one request that is on its way; `over` with the last.
    pub(crate) fn pass_on(&mut self, worker: &Worker, part: &[u8], over: bool) {
        self.sequence.set_amid(!over);
        if !self.muted() {
            self.need_out(worker);
            self.out.extend_from_slice(part);
        }
    }

    /// It is to be closed, whatever is out.
    pub(crate) fn fail(&mut self) {
        self.failed = true;
        self.call_feeder();
    }

    /// The lane that waits may go on, once half of what is the most for a client is left.
    #[inline]
    pub(super) fn call_feeder(&mut self) {
        if self.feeder.is_some() && (self.failed || self.unsent() <= limits::SESSION_OUTPUT / 2) {
            self.feeder.take().inspect(|lane| lane.look());
        }
    }
}
