//! A session's task does something long, and keeps an eye on its client.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::{Session, State};
use crate::limits;
use crate::worker::Worker;

impl Session {
    /// What comes of `work`; `None` if the client leaves before, by its own or another's will. With `waits`, that it
    /// closes its sending side is leaving too, as it is in Redis, and so is the end of the program.
    pub(super) async fn attend<T>(
        self: &Rc<Self>,
        worker: &Worker,
        waits: bool,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let mut work = pin!(work);
        poll_fn(|cx| {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(Some(done));
            }
            let state = &mut *self.state.borrow_mut();
            self.keep_waker(state, cx);
            state.poll_write(worker, cx);
            state.write_messages(worker);
            state.read_ahead(worker, cx);
            if state.has_left(waits) || (waits && worker.stopping.get()) {
                state.failed = true;
                return Poll::Ready(None);
            }
            Poll::Pending
        })
        .await
    }
}

impl State {
    /// Takes in what the client sends, up to a bound, so that its leaving is noticed.
    fn read_ahead(&mut self, worker: &Worker, cx: &mut Context<'_>) {
        while !self.ended && !self.failed && self.unread.len() < limits::READ_AHEAD {
            if self.stream.is_none() || self.poll_readable(cx).is_pending() {
                return;
            }
            let mut unread = std::mem::take(&mut self.unread);
            self.read(worker, &mut unread);
            // The buffer of a read is large, and many clients wait.
            unread.shrink_to_fit();
            self.unread = unread;
        }
    }

    fn has_left(&self, waits: bool) -> bool {
        self.failed || self.client.is_killed() || (waits && self.ended)
    }
}
