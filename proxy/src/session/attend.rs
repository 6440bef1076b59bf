//! A session's task does something long, and keeps an eye on its client.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use ringtail_net::Stream;

use super::{Session, State};
use crate::limits;
use crate::own;
use crate::whole::Question;
use crate::worker::Worker;

impl Session {
    /// The answer to what its own task does for it; `None` if the client has left, and whatever was taken for it is put back.
    pub(super) async fn attend_to(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        question: &Question,
    ) -> Option<Vec<u8>> {
        let waits = own::waits(question);
        let mut work = pin!(own::answer(worker, self, question));
        let answer = self.attend(worker, waits, work.as_mut()).await;
        if !waits {
            return answer;
        }
        match answer {
            None => {
                let client = self.client();
                own::leave(worker, &client, question, work).await;
                None
            }
            Some(answer) if self.state.borrow().peer_has_left() => {
                own::put_back(worker, question, &answer).await;
                None
            }
            answer => answer,
        }
    }

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

    /// As the system knows it at this moment.
    fn peer_has_left(&self) -> bool {
        self.stream.as_ref().is_some_and(Stream::peer_has_left)
    }

    fn has_left(&self, waits: bool) -> bool {
        self.failed || self.client.is_killed() || (waits && self.ended)
    }
}
