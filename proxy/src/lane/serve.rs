//! A lane's task: open, read answers until it breaks, tell those who waited, open again.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ringtail_net::Stream;
use ringtail_protocol::frame::{NotAReply, Scanner};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep, timeout};

use super::deadline::silent;
use super::{Core, Lane, Phase, open};
use crate::fault::Fault;
use crate::limits;
use crate::link::{Link, closed};
use crate::pending::Target;
use crate::retry;
use crate::script;
use crate::tracking;
use crate::worker::Worker;

/// Runs the lane's task, and again if it panics: the lane's sessions go on, with an error for what they wait for.
pub(super) async fn supervise(lane: Rc<Lane>, worker: Rc<Worker>) {
    while let Err(error) = spawn_local(run(Rc::clone(&lane), Rc::clone(&worker))).await {
        tracing::error!(member = lane.member.label(), "a lane failed: {error}");
        lane.broke(&worker, &io::Error::other("an error of the proxy"));
        sleep(limits::RECONNECT_MOST).await;
    }
}

/// Runs until the lane's member has left the topology and nobody waits any more.
async fn run(lane: Rc<Lane>, worker: Rc<Worker>) {
    let mut failures = 0;
    while !lane.is_over() {
        let pause = match lane.open(&worker).await {
            Ok(link) => {
                let since = Instant::now();
                if lane.up(&worker, link) {
                    script::welcome(&worker, &lane.member);
                }
                let error = poll_fn(|cx| lane.serve(&worker, cx)).await;
                // A server that breaks every connection at once is not to be dialled in a tight loop.
                failures = if since.elapsed() > limits::RECONNECT_MOST { 0 } else { failures + 1 };
                match lane.turned(&worker, &error) {
                    // Nor are two that give everything to each other.
                    true if since.elapsed() < limits::RECONNECT_FIRST => limits::TURN_LOOK,
                    true => Duration::ZERO,
                    false => backoff(failures),
                }
            }
            Err(why) => {
                failures += 1;
                if !lane.is_patient(&worker) {
                    lane.down(&worker, why.into());
                }
                backoff(failures)
            }
        };
        lane.pause(pause).await;
    }
    match lane.has_ended() {
        true => lane.member.forget_tracked(&lane),
        false => lane.down(&worker, "it has left the topology".into()),
    }
}

/// The first retry is at once.
pub(crate) fn backoff(failures: u32) -> Duration {
    match failures {
        0 => Duration::ZERO,
        n => limits::RECONNECT_MOST.min(limits::RECONNECT_FIRST * 2u32.saturating_pow(n - 1)),
    }
}

impl Lane {
    async fn open(self: &Rc<Self>, worker: &Rc<Worker>) -> Result<Link, String> {
        let mut link = match &self.tracked {
            None => open(&self.member, worker, self.resp).await?,
            Some(tracked) => tracking::open(self, tracked, worker).await?,
        };
        let begun = timeout(worker.timeout(), self.begin_as_left(&mut link)).await;
        match begun {
            Ok(Ok(())) => Ok(link),
            Ok(Err(error)) => Err(self.member.without_addr(&error)),
            Err(_) => Err("it does not answer".to_owned()),
        }
    }

    /// Whether the session that has it for itself has no more use for it.
    fn has_ended(&self) -> bool {
        self.tracked.as_ref().is_some_and(|tracked| tracked.has_ended())
    }

    /// Whether no new requests come.
    fn is_left(&self) -> bool {
        self.member.retired.get() || self.has_ended()
    }

    fn is_over(&self) -> bool {
        self.is_left() && self.core.borrow().is_idle()
    }

    /// Keeps the way to wake the lane's task.
    fn keep_waker(&self, cx: &Context<'_>) {
        let mut task = self.task.borrow_mut();
        if !task.will_wake(cx.waker()) {
            *task = cx.waker().clone();
        }
    }

    async fn pause(&self, time: Duration) {
        if time.is_zero() {
            return;
        }
        let mut sleep = pin!(sleep(time));
        poll_fn(|cx| {
            self.keep_waker(cx);
            if self.is_over() || self.hurry.take() { Poll::Ready(()) } else { sleep.as_mut().poll(cx) }
        })
        .await;
    }

    /// Whether it is its member's first.
    fn up(&self, worker: &Worker, link: Link) -> bool {
        let mut core = self.core.borrow_mut();
        (core.phase, core.turned) = (Phase::Up, None);
        (core.is_bound, core.written) = (link.is_bound(), link.written());
        link.addr().clone_into(&mut self.addr.borrow_mut());
        let (stream, unread) = link.into_parts();
        core.stream = Some(stream);
        if !unread.is_empty() {
            core.begin_with(worker, unread);
        }
        core.write();
        drop(core);
        let is_first = self.member.lane_up();
        if let Some(tracked) = &self.tracked {
            // What changed in between nobody was told.
            if self.missed.take() && tracked.is_broadcast() {
                tracked.forget_all(worker);
            }
            tracked.settled.notify_waiters();
        }
        is_first
    }

    /// Reads what comes until the stream ends; the error says how.
    fn serve(self: &Rc<Self>, worker: &Worker, cx: &mut Context<'_>) -> Poll<io::Error> {
        self.keep_waker(cx);
        loop {
            match self.poll_once(worker, cx) {
                // One read a turn: a full one may be followed by another, but others are to have their turn.
                Poll::Ready(Ok(true)) => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(Ok(false)) => {}
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
                Poll::Ready(Err(error)) => return Poll::Ready(error),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn poll_once(self: &Rc<Self>, worker: &Worker, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut core = self.core.borrow_mut();
        if let Some(error) = core.failed.take() {
            return Poll::Ready(Err(error));
        }
        if self.is_left() && core.is_idle() {
            return Poll::Ready(Err(io::Error::other("it is not needed any more")));
        }
        core.poll_write(cx)?;
        if self.is_paused(&core) {
            return Poll::Pending;
        }
        let Some(stream) = &core.stream else { return Poll::Ready(Err(io::ErrorKind::NotConnected.into())) };
        ready!(stream.poll_read_ready(cx))?;
        let received = core.receive(worker);
        if std::mem::take(&mut core.in_time) {
            self.member.breaker.answered(worker.turn.now());
        }
        core.tell(&self.member.sight);
        Poll::Ready(received)
    }

    /// The stream is gone: nobody knows what became of the requests in it. The first retry is at once, and
    /// requests may queue up for it.
    pub(super) fn broke(self: &Rc<Self>, worker: &Rc<Worker>, error: &io::Error) {
        let flow = self.core.borrow_mut().flow.take();
        let fault = self.given_back_in_part().unwrap_or_else(|| Fault::Lost(error.to_string()));
        let targets = self.reset(Phase::Opening);
        match self.has_ended() {
            true => self.member.lane_closed(),
            false => self.member.lane_broke(error),
        }
        if let Some(flow) = flow {
            flow.break_off(worker, &self.member.fault(&Fault::Lost(error.to_string())));
        }
        self.give_up(worker, targets, &fault);
        self.miss(worker);
    }

    /// Of what was read on it nobody hears any more.
    pub(super) fn miss(&self, worker: &Worker) {
        if let Some(tracked) = &self.tracked {
            self.missed.set(true);
            tracked.forget_all(worker);
        }
    }

    /// It could not be opened: nothing that waits for it was sent.
    fn down(self: &Rc<Self>, worker: &Rc<Worker>, why: Arc<str>) {
        let targets = self.reset(Phase::Down(Arc::clone(&why)));
        self.member.lane_down(&why);
        self.give_up(worker, targets, &Fault::Down(why));
        if let Some(tracked) = &self.tracked {
            self.missed.set(true);
            tracked.settled.notify_waiters();
        }
    }

    /// The breaker has opened: who waits for the lane to be opened, or for room in it, is told so instead.
    pub(crate) fn refuse_unsent(self: &Rc<Self>, worker: &Rc<Worker>, fault: &Fault) {
        let opening = matches!(self.core.borrow().phase, Phase::Opening);
        let unsent = if opening { self.reset(Phase::Opening) } else { Vec::new() };
        self.core.borrow_mut().call_waiting();
        self.give_up(worker, unsent, fault);
    }

    /// The member answers again. A connection that owes only what nobody wants any more may have lost it for good, and
    /// one that waits to be opened need not wait longer.
    pub(crate) fn renew(&self) {
        let mut core = self.core.borrow_mut();
        if core.owed_since.is_some() && core.pending.iter().all(Target::is_nobody) {
            core.failed = Some(silent());
        }
        drop(core);
        self.hurry.set(true);
        self.look();
    }

    fn reset(&self, phase: Phase) -> Vec<Target> {
        let mut core = self.core.borrow_mut();
        let targets = core.reset(phase);
        core.tell(&self.member.sight);
        targets
    }

    fn give_up(self: &Rc<Self>, worker: &Rc<Worker>, targets: Vec<Target>, fault: &Fault) {
        if targets.is_empty() {
            return;
        }
        let error = self.member.fault(fault);
        self.core.borrow_mut().ledger.lost(worker, &error[1..]);
        for target in targets {
            match target {
                Target::Retry(retry) => retry::again(retry, worker, self, fault),
                target => target.answer(worker, &error),
            }
        }
    }
}

impl Core {
    /// Whether nobody waits for anything.
    fn is_idle(&self) -> bool {
        self.pending.is_empty() && self.flow.is_none()
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while self.stuck {
            let Some(stream) = &self.stream else { return Ok(()) };
            match stream.poll_write_ready(cx) {
                Poll::Pending => break,
                Poll::Ready(ready) => ready?,
            }
            self.stuck = false;
            self.write();
        }
        self.failed.take().map_or(Ok(()), Err)
    }

    /// One read, and its answers handed out. `true` when there may be more to read.
    fn receive(&mut self, worker: &Worker) -> io::Result<bool> {
        self.owed_since = None;
        if let Some(received) = self.receive_back() {
            return received;
        }
        if self.flow.is_none() && self.partial.len() > limits::SPILL_ANSWER {
            return self.receive_long(worker);
        }
        let mut buf = worker.answers.borrow_mut();
        buf.clear();
        buf.extend_from_slice(&self.partial);
        let full = read(&mut self.stream, &mut buf)?;
        let mut used = self.flow_on(worker, &buf)?;
        if self.flow.is_none() {
            used += self.hand_out(worker, &buf[used..])?;
        }
        self.partial.clear();
        self.partial.extend_from_slice(&buf[used..]);
        drop(buf);
        if !self.take_back()? {
            self.begin_flow(worker)?;
        }
        Ok(full)
    }

    /// The same into the lane's own buffer, so that a long answer is not copied at each read.
    fn receive_long(&mut self, worker: &Worker) -> io::Result<bool> {
        let mut partial = std::mem::take(&mut self.partial);
        let full = read(&mut self.stream, &mut partial);
        let used = match full {
            Ok(_) => self.hand_out(worker, &partial)?,
            Err(_) => 0,
        };
        partial.drain(..used);
        if partial.len() < limits::SPILL_ANSWER {
            partial.shrink_to(limits::SPILL_ANSWER);
        }
        self.partial = partial;
        if !self.take_back()? {
            self.begin_flow(worker)?;
        }
        full
    }

    /// What was read behind the answers of its opening.
    #[cold]
    fn begin_with(&mut self, worker: &Worker, unread: Vec<u8>) {
        match self.hand_out(worker, &unread) {
            Ok(used) => self.partial = unread[used..].to_vec(),
            Err(error) => self.failed = Some(error),
        }
        if let Err(error) = self.take_back() {
            self.failed = Some(error);
        }
    }

    /// Gives each complete answer at the start of `buf` to its target: how many bytes that were.
    fn hand_out(&mut self, worker: &Worker, buf: &[u8]) -> io::Result<usize> {
        self.ledger.begin(worker);
        let used = self.hand_out_each(worker, buf);
        self.ledger.end(worker);
        used
    }

    fn hand_out_each(&mut self, worker: &Worker, buf: &[u8]) -> io::Result<usize> {
        let mut at = 0;
        while at < buf.len() && self.turning.is_none() {
            let Some(len) = self.scanner.scan(&buf[at..]).map_err(garbage)? else { break };
            let answer = &buf[at..at + len];
            at += len;
            // A push of RESP3 answers no request.
            let is_push = answer[0] == b'>';
            if let Some(tracked) = &self.tracked {
                if is_push {
                    tracked.pushed(worker, answer);
                } else {
                    tracked.answered();
                    self.note_caching(answer);
                }
            }
            if !is_push {
                self.answer_next(worker, answer)?;
            }
        }
        Ok(at)
    }

    #[inline]
    fn answer_next(&mut self, worker: &Worker, answer: &[u8]) -> io::Result<()> {
        let look = self.ledger.is_worth_a_look(answer);
        if look && self.is_refused(answer)? {
            return Ok(());
        }
        let Some(target) = self.pending.pop_front() else { return Err(garbage(NotAReply)) };
        self.deadlines.answered();
        if look {
            let stream = &self.stream;
            self.ledger.look_closely(worker, &target, answer, || stream.as_ref()?.round_trip());
        }
        self.ledger.answer(worker);
        match target {
            Target::Select(_) | Target::Caching(_) if answer[0] != b'+' => {
                Err(io::Error::other("it refused a SELECT or a CLIENT CACHING"))
            }
            Target::Select(db) => {
                self.left.db = db;
                Ok(())
            }
            Target::Caching(_) | Target::Expired => Ok(()),
            target => {
                self.in_time = true;
                target.answer(worker, answer);
                Ok(())
            }
        }
    }

    /// Forgets the stream; the targets whose answers will not come.
    fn reset(&mut self, phase: Phase) -> Vec<Target> {
        self.phase = phase;
        self.stream = None;
        self.failed = None;
        (self.out, self.sent, self.stuck, self.db) = (Vec::new(), 0, false, 0);
        (self.is_bound, self.turning, self.turned, self.left) = Default::default();
        (self.partial, self.scanner, self.owed_since) = (Vec::new(), Scanner::default(), None);
        let targets: Vec<Target> = self.pending.drain(..).collect();
        self.deadlines.clear(targets.len());
        self.call_waiting();
        targets
    }
}

pub(super) fn read(stream: &mut Option<Stream>, buf: &mut Vec<u8>) -> io::Result<bool> {
    let Some(stream) = stream else { return Err(io::ErrorKind::NotConnected.into()) };
    buf.reserve(limits::READ);
    match stream.try_read(buf, limits::READ)? {
        0 => Err(closed()),
        read => Ok(read == limits::READ),
    }
}

pub(super) fn garbage(error: NotAReply) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
