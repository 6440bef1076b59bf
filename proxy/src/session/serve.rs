//! A session's task: wait until it is readable, run the turn, and again.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll};

use ringtail_net::{RateLimited, Stream};
use ringtail_protocol::request::{Batch, Parser};
use tokio::task::yield_now;
use tokio::time::{Instant, timeout};

use super::{Gone, Hold, Session, State};
use crate::http;
use crate::large;
use crate::pass_through;
use crate::pubsub;
use crate::route;
use crate::shared::Counters;
use crate::transaction;
use crate::worker::{Desk, Worker};

/// What a session's task does next.
enum Event {
    Readable,
    /// Requests that were on hold may be looked at again.
    GoOn,
    /// The next request is about several members, to be asked by the task itself.
    Ask,
    /// Nothing: how long it may wait is another now.
    Look,
    /// It goes on as another user.
    Move,
    /// The next request is large, or its answer is likely to be: the task passes both on.
    Pass,
    Done,
}

/// Serves one client until it leaves.
pub(crate) async fn serve(worker: Rc<Worker>, stream: Stream, peer: SocketAddr) {
    let shared = &worker.shared;
    let local = stream.local_addr().unwrap_or(shared.settings.addr);
    let now = shared.millis(worker.turn.now());
    let client = shared.clients.register(peer, local, stream.raw_fd(), now);
    if stream.is_in_memory() {
        // It is asked for an HTTP client, whose connection is counted already.
        client.names().library = http::LIBRARY.to_owned();
    } else {
        Counters::add(&worker.counters.connections, 1);
    }
    let session = Session::new(Some(stream), client, &worker);
    let registered = Registered(&worker, Rc::clone(&session));
    session.run(&worker).await;
    drop(registered);
    let stream = session.state.borrow_mut().close();
    if let Some(mut stream) = stream {
        stream.shutdown().await;
    }
}

/// Takes a client off the list at its end, even at that of a panic.
struct Registered<'a>(&'a Worker, Rc<Session>);

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        if let Ok(mut state) = self.1.state.try_borrow_mut() {
            let home = state.home.as_ref().map(|home| Rc::clone(home.worker()));
            let worker = home.as_deref().unwrap_or(self.0);
            state.unsubscribe_all(worker);
            state.stop_tracking(worker);
        }
        self.0.shared.clients.remove(self.1.client.id);
    }
}

impl Session {
    async fn run(self: &Rc<Self>, first: &Rc<Worker>) {
        let mut here = Rc::clone(first);
        loop {
            let worker = &here;
            match self.next_event(worker).await {
                Event::Readable => {
                    if self.turn(worker) {
                        // There may be more to read: others first.
                        yield_now().await;
                    }
                }
                Event::GoOn => self.go_on(worker),
                // Boxed, like the next: they would make every session's task larger by kilobytes.
                Event::Ask => Box::pin(self.ask(worker)).await,
                Event::Look => {}
                Event::Move => {
                    here = self.move_home(first);
                    self.go_on(&here);
                }
                Event::Pass => match Box::pin(large::pass(worker, self)).await {
                    Ok(()) => self.go_on(worker),
                    Err(Gone) => self.give_up_large(worker),
                },
                Event::Done => return,
            }
        }
    }

    /// Where it goes on from now.
    fn move_home(&self, first: &Rc<Worker>) -> Rc<Worker> {
        let mut state = self.state.borrow_mut();
        let home = state.moving.take();
        let here = home.as_ref().map_or_else(|| Rc::clone(first), |home| Rc::clone(home.worker()));
        state.home = home;
        here
    }

    async fn next_event(self: &Rc<Self>, worker: &Worker) -> Event {
        let patience = self.state.borrow().patience(worker);
        let event = poll_fn(|cx| self.poll_event(worker, patience.is_some(), cx));
        match patience {
            None => event.await,
            Some(time) => timeout(time, event).await.unwrap_or_else(|_| self.give_up(worker)),
        }
    }

    /// The client takes nothing of its answers, or has sent half a request, and nothing more for long.
    #[cold]
    fn give_up(&self, worker: &Worker) -> Event {
        static STUCK: RateLimited = RateLimited::new();
        let mut state = self.state.borrow_mut();
        if state.is_too_slow(worker) {
            return Event::Done;
        }
        if state.stuck {
            return Event::Look;
        }
        let peer = state.client.peer;
        STUCK
            .log(|suppressed| tracing::warn!(%peer, suppressed, "closed: a request was begun and not ended"));
        Event::Done
    }

    fn poll_event(self: &Rc<Self>, worker: &Worker, timed: bool, cx: &mut Context<'_>) -> Poll<Event> {
        let mut state = self.state.borrow_mut();
        self.keep_waker(&state, cx);
        state.poll_write(worker, cx);
        state.write_messages(worker);
        state.look_at_users(worker);
        if state.is_done() || state.client.is_killed() || (worker.stopping.get() && state.may_leave(cx)) {
            return Poll::Ready(Event::Done);
        }
        if !timed && state.wants_timer(worker) {
            return Poll::Ready(Event::Look);
        }
        if state.client.is_in_the_way() {
            state.make_way(worker);
            worker.turn.touch_session(self);
        }
        match state.hold {
            None => {}
            Some(Hold::Pool) => return Poll::Ready(Event::Ask),
            Some(Hold::Move) => return Poll::Ready(Event::Move),
            Some(Hold::Large) if state.sequence.is_empty() => return Poll::Ready(Event::Pass),
            Some(Hold::Lane) if self.room.take() => return Poll::Ready(Event::GoOn),
            Some(_) if state.can_go_on() => return Poll::Ready(Event::GoOn),
            Some(hold) => {
                if hold == Hold::Window && state.share.has_to_wait() {
                    worker.held.wait(cx.waker());
                }
                return Poll::Pending;
            }
        }
        if state.ended || state.closing {
            return Poll::Pending;
        }
        if !state.has_room() {
            state.hold = Some(Hold::Window);
            if state.share.has_to_wait() {
                worker.held.wait(cx.waker());
            }
            return Poll::Pending;
        }
        state.poll_readable(cx).map(|()| Event::Readable)
    }

    pub(super) fn keep_waker(&self, state: &State, cx: &Context<'_>) {
        let mut task = self.task.borrow_mut();
        if !task.will_wake(cx.waker()) {
            *task = cx.waker().clone();
            state.client.set_task(cx.waker());
        }
    }

    /// One read and what it brings. `true` when there may be more to read.
    fn turn(self: &Rc<Self>, worker: &Rc<Worker>) -> bool {
        let Desk { requests, batch } = &mut *worker.desk.borrow_mut();
        let state = &mut *self.state.borrow_mut();
        let mut own = std::mem::take(&mut state.unread);
        let is_own = !own.is_empty();
        let buf = if is_own { &mut own } else { requests };
        let full = state.read(worker, buf);
        let used = self.run_all(worker, state, buf, batch);
        if is_own {
            own.drain(..used);
            state.unread = own;
        } else {
            state.unread.extend_from_slice(&buf[used..]);
            buf.clear();
        }
        self.end_turn(worker, state);
        full
    }

    /// Looks again at what was on hold.
    fn go_on(self: &Rc<Self>, worker: &Rc<Worker>) {
        let batch = &mut worker.desk.borrow_mut().batch;
        let state = &mut *self.state.borrow_mut();
        state.hold = None;
        let mut unread = std::mem::take(&mut state.unread);
        let used = self.run_all(worker, state, &mut unread, batch);
        unread.drain(..used);
        state.unread = unread;
        self.end_turn(worker, state);
    }

    /// Runs the one request that is about several members, with nothing else on its way.
    async fn ask(self: &Rc<Self>, worker: &Rc<Worker>) {
        let login = match worker.shared.settings.pass_through {
            true => self.state.borrow_mut().login_to_vouch(),
            false => None,
        };
        if let Some(login) = login {
            let vouched = self.attend(worker, false, pass_through::vouch(worker, login)).await;
            self.change(|state| state.vouched = vouched);
            return self.go_on(worker);
        }
        let question = self.state.borrow_mut().take_question();
        if let Some(question) = question {
            let begun = Instant::now();
            if let Some((kind, begin)) = question.subscribes() {
                self.change(|state| state.begin_question(worker));
                let work = pubsub::run(worker, self, kind, begin, &question.words[1..]);
                if self.attend(worker, false, work).await.is_none() {
                    return;
                }
                self.change(State::end_reply);
                worker.was_asked(self, &question, begun, b"");
            } else if let Some(answer) = self.attend_to(worker, &question).await {
                worker.was_asked(self, &question, begun, &answer);
                self.state.borrow_mut().answer_question(worker, &answer);
            }
        }
        self.go_on(worker);
    }

    pub(super) fn end_turn(self: &Rc<Self>, worker: &Worker, state: &mut State) {
        if state.unread.is_empty() {
            state.unread = Vec::new();
        } else if state.hold.is_none() && state.is_large_begun(worker) {
            state.hold = Some(Hold::Large);
        }
        state.check_length(worker);
        state.count_held();
        transaction::tell(state);
        // What MULTI and its commands were answered goes out with the answer to the EXEC that has come behind them.
        let ends_transaction = state.hold == Some(Hold::Pool) && transaction::is_open(state);
        if !state.out.is_empty() && !ends_transaction {
            worker.turn.touch_session(self);
        }
    }

    /// Runs the complete requests at the start of `buf`, up to one that has to wait: how many bytes are dealt with.
    fn run_all(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        state: &mut State,
        buf: &mut Vec<u8>,
        batch: &mut Batch,
    ) -> usize {
        state.look_at_users(worker);
        if state.sequence.is_empty() {
            state.lane = worker.choose_lane(state.resp, state.db);
        }
        let mut at = 0;
        while at < buf.len() && !state.closing {
            batch.clear();
            let limits = state.limits();
            let parsed = state.parser.parse(&mut buf[at..], limits, batch);
            if let Some(dealt) = self.run_batch(worker, state, &buf[at..], batch) {
                // What was parsed after it is parsed again.
                state.parser = Parser::default();
                batch.put_back(dealt, buf, at);
                at += batch.end_of(dealt);
                if state.hold.is_some() {
                    return at;
                }
                continue;
            }
            if let Some(error) = parsed.error {
                state.refuse(worker, error);
                return buf.len();
            }
            if parsed.consumed == 0 {
                break;
            }
            at += parsed.consumed;
        }
        at
    }

    /// Runs the batch's requests. How many are dealt with, if one has to wait, or the session's state changed what may be parsed.
    #[inline]
    fn run_batch(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        state: &mut State,
        buf: &[u8],
        batch: &Batch,
    ) -> Option<usize> {
        let was_authenticated = state.is_authenticated();
        Counters::add(&worker.counters.commands, batch.requests().len() as u64);
        for (index, request) in batch.requests().iter().enumerate() {
            let args = batch.args(request, buf);
            let raw = (!request.inline).then(|| &buf[request.start as usize..request.end as usize]);
            state.begin_reply();
            if let Err(hold) = route::route(worker, self, state, args, raw) {
                let left = batch.requests().len() - index;
                Counters::add(&worker.counters.commands, (left as u64).wrapping_neg());
                state.take_back_reply();
                state.hold = Some(hold);
                return Some(index);
            }
            state.end_reply();
            if state.moving.is_some() {
                state.hold = Some(Hold::Move);
                return Some(index + 1);
            }
            if state.closing || state.is_authenticated() != was_authenticated {
                return Some(index + 1);
            }
        }
        None
    }
}
