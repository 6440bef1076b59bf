//! A lane: one pipelined connection to one member, shared by the sessions of one worker.
//!
//! Requests are appended to `out` and their targets to `pending`; the turn's end writes them, and answers come back in the
//! same order. A lane's own task opens it, reads it, and opens it again when it breaks.

mod deadline;
mod flow;
mod open;
mod serve;
mod turn;

#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

use ringtail_net::Stream;
use ringtail_protocol::frame::Scanner;
use ringtail_protocol::reply::{Resp, write_request};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::fault::Fault;
use crate::held::Share;
use crate::limits;
use crate::member::{Member, Sight};
use crate::otel;
use crate::pending::Target;
use crate::see::Ledger;
use crate::session::Session;
use crate::shared::Counters;
use crate::tracking::Tracked;
use crate::worker::Worker;

pub(crate) use deadline::Deadlines;
use flow::Flow;
pub(crate) use open::open;
pub(crate) use serve::backoff;
use turn::{Left, Turning};

/// Why a lane does not take a request now.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Its queue is full: wait until it calls.
    Full,
    /// It can't be served.
    Fault(Fault),
}

/// Where a lane stands.
enum Phase {
    /// Being opened for the first time, or again right after it broke: requests queue up.
    Opening,
    Up,
    /// Could not be opened; requests are refused with the reason until it can.
    Down(Arc<str>),
}

/// One pipelined connection.
pub(crate) struct Lane {
    pub(crate) member: Rc<Member>,
    resp: Resp,
    core: RefCell<Core>,
    /// Already among those that the turn's end writes.
    pub(crate) touched: Cell<bool>,
    /// The session that has it for itself, if one has.
    tracked: Option<Rc<Tracked>>,
    /// It was not there for a while, since something was read on it or could have been heard.
    missed: Cell<bool>,
    /// The server that it is connected to, or was.
    addr: RefCell<Arc<str>>,
    /// What else belongs to its connection.
    receiver: RefCell<JoinSet<()>>,
    /// A pause before it is opened again is over now.
    hurry: Cell<bool>,
    /// The lane's own task.
    task: RefCell<Waker>,
}

struct Core {
    phase: Phase,
    /// Who gets what the member pushes.
    tracked: Option<Rc<Tracked>>,
    stream: Option<Stream>,
    /// What ended the stream, found outside of the lane's task.
    failed: Option<io::Error>,
    /// Requests' bytes; up to `sent` they are written.
    out: Vec<u8>,
    sent: usize,
    /// The socket takes no more for now; the lane's task waits until it does.
    stuck: bool,
    /// Bytes that were written since the server said that it leads.
    written: u64,
    /// It has said so, and gives back what it does not run.
    is_bound: bool,
    /// It leads no more.
    turning: Option<Turning>,
    /// Since when requests that were given back wait to be sent again.
    turned: Option<Instant>,
    /// The database that the last request in the stream left selected.
    db: u8,
    /// What the answered ones left.
    left: Left,
    pending: VecDeque<Target>,
    /// How many of them INFO knows of.
    told: u64,
    /// The bytes that it holds.
    share: Share,
    deadlines: Deadlines,
    /// What is counted of the pending requests.
    ledger: Ledger,
    /// The beginning of an answer whose rest has not come yet.
    partial: Vec<u8>,
    /// The answer that is passed through as it comes.
    flow: Option<Flow>,
    scanner: Scanner,
    /// Since when the oldest request that was given up for late waits; `None` once a byte came.
    owed_since: Option<Instant>,
    /// An answer came that somebody still waited for, since this was last looked at.
    in_time: bool,
    /// Sessions that wait for room.
    waiting: Vec<Rc<Session>>,
    /// Since when any does.
    full_since: Option<Instant>,
}

impl Lane {
    /// A lane, and its task.
    pub(crate) fn start(
        worker: &Rc<Worker>,
        member: &Rc<Member>,
        resp: Resp,
        tracked: Option<&Rc<Tracked>>,
    ) -> Rc<Self> {
        let lane = Rc::new(Self {
            member: Rc::clone(member),
            resp,
            core: RefCell::new(Core::new(worker, member, tracked.cloned())),
            tracked: tracked.cloned(),
            missed: Cell::new(false),
            addr: RefCell::default(),
            receiver: RefCell::default(),
            touched: Cell::new(false),
            hurry: Cell::new(false),
            task: RefCell::new(Waker::noop().clone()),
        });
        tokio::task::spawn_local(serve::supervise(Rc::clone(&lane), Rc::clone(worker)));
        lane
    }

    /// Whether a request on database `db` can be pushed now.
    #[inline]
    pub(crate) fn admits(&self, db: u8) -> Result<(), Refusal> {
        let core = self.core.borrow();
        if self.member.breaker.refuses() {
            return Err(Refusal::Fault(Fault::Open(self.member.breaker.why())));
        }
        if let Phase::Down(why) = &core.phase {
            return Err(Refusal::Fault(Fault::Down(Arc::clone(why))));
        }
        if db != 0 && self.member.only_db_0.get() {
            return Err(Refusal::Fault(Fault::NoDatabase(db)));
        }
        if core.out.len() - core.sent > limits::LANE_BACKLOG || core.pending.len() >= limits::LANE_PENDING {
            return Err(Refusal::Full);
        }
        Ok(())
    }

    /// Appends a request that [`Self::admits`]. `write` writes its bytes.
    #[inline]
    pub(crate) fn push(
        self: &Rc<Self>,
        worker: &Worker,
        db: u8,
        target: Target,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        self.push_after(worker, db, 0, target, write);
    }

    /// Appends several requests, of which the answers to the first `skipped` go nowhere.
    #[inline]
    pub(crate) fn push_after(
        self: &Rc<Self>,
        worker: &Worker,
        db: u8,
        skipped: usize,
        target: Target,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let mut core = self.core.borrow_mut();
        if core.db != db {
            core.select(db);
        }
        if core.out.capacity() == 0 {
            core.out = worker.take_buffer();
        }
        let before = core.out.len();
        write(&mut core.out);
        let size = core.out.len() - before;
        core.pending.extend((0..skipped).map(|_| Target::Skip));
        let mark =
            if matches!(target, Target::Part(..)) { worker.eyes.mark().part() } else { worker.eyes.mark() };
        let number = core.ledger.number_of(core.pending.len());
        core.ledger.samples.note(worker, &target, || otel::Sent { number, mark, db, size });
        core.pending.push_back(target);
        let (count, now) = (core.pending.len(), worker.turn.now());
        core.ledger.note(count, mark);
        if core.deadlines.note(count, now) {
            worker.sweep.notify_one();
        }
        drop(core);
        worker.turn.touch_lane(self);
    }

    /// Whether there is a connection, and its member is asked.
    pub(crate) fn is_up(&self) -> bool {
        matches!(self.core.borrow().phase, Phase::Up) && !self.member.breaker.refuses()
    }

    /// Whether another lane would serve a new session sooner.
    pub(crate) fn is_busy(&self) -> bool {
        let core = self.core.borrow();
        core.flow.is_some()
            || core.pending.len() >= limits::LANE_BUSY
            || core.out.len() - core.sent > limits::LANE_BACKLOG / 4
    }

    /// Calls the session once there is room.
    pub(crate) fn wait_for_room(&self, session: &Rc<Session>) {
        Counters::add(&self.member.sight.waits, 1);
        self.core.borrow_mut().wait(session);
    }

    /// Writes what is there, as much as goes.
    pub(crate) fn flush(&self) {
        let mut core = self.core.borrow_mut();
        core.write();
        core.tell(&self.member.sight);
        // One that is paused reads on if others wait now.
        if core.stuck || core.failed.is_some() || core.flow.is_some() {
            self.task.borrow().wake_by_ref();
        }
    }

    /// Which version of the protocol it speaks.
    pub(crate) fn resp(&self) -> Resp {
        self.resp
    }

    /// Whether it is not known yet whether it can be opened.
    pub(crate) fn is_opening(&self) -> bool {
        matches!(self.core.borrow().phase, Phase::Opening)
    }

    /// Keeps a task for as long as its connection, in place of the last one's.
    pub(crate) fn listen(&self, receiver: Option<impl Future<Output = ()> + 'static>) {
        let mut tasks = JoinSet::new();
        if let Some(receiver) = receiver {
            tasks.spawn_local(receiver);
        }
        *self.receiver.borrow_mut() = tasks;
    }

    /// As if the member had pushed this; whether a session has the lane for itself.
    #[cfg(test)]
    pub(crate) fn hear(&self, worker: &Worker, push: &[u8]) -> bool {
        self.tracked.as_ref().is_some_and(|tracked| {
            tracked.pushed(worker, push);
            true
        })
    }

    /// Has a pause before it is opened end.
    pub(crate) fn hurry(&self) {
        self.hurry.set(true);
        self.look();
    }

    /// Has its task give the connection up.
    pub(crate) fn fail(&self, error: io::Error) {
        self.core.borrow_mut().failed.get_or_insert(error);
        self.look();
    }

    /// Wakes the lane's task, to see that its member is gone.
    pub(crate) fn look(&self) {
        self.task.borrow().wake_by_ref();
    }
}

impl Core {
    fn new(worker: &Worker, member: &Member, tracked: Option<Rc<Tracked>>) -> Self {
        Self {
            phase: Phase::Opening,
            tracked,
            stream: None,
            failed: None,
            out: Vec::new(),
            sent: 0,
            stuck: false,
            written: 0,
            is_bound: false,
            turning: None,
            turned: None,
            db: 0,
            left: Left::default(),
            pending: VecDeque::new(),
            told: 0,
            share: Share::new(&worker.held),
            deadlines: Deadlines::default(),
            ledger: Ledger::new(&member.sight, worker.shared.started, worker.eyes.is_on()),
            partial: Vec::new(),
            flow: None,
            scanner: Scanner::default(),
            owed_since: None,
            in_time: false,
            waiting: Vec::new(),
            full_since: None,
        }
    }

    #[cold]
    fn select(&mut self, db: u8) {
        let digits = db.to_string();
        write_request(&mut self.out, [&b"SELECT"[..], digits.as_bytes()].into_iter());
        self.pending.push_back(Target::Select(db));
        self.db = db;
    }

    /// One write, unless the socket takes only a part.
    fn write(&mut self) {
        let Some(stream) = &mut self.stream else { return };
        if self.stuck || self.failed.is_some() {
            return;
        }
        // Who gives requests back gets no more of them.
        let (before, upto) = (self.sent, if self.turning.is_none() { self.out.len() } else { self.sent });
        let done = write_some(stream, &self.out[..upto], &mut self.sent);
        self.written += (self.sent - before) as u64;
        match done {
            Ok(()) => self.stuck = false,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.stuck = true,
            Err(error) => self.failed = Some(error),
        }
        self.drop_sent();
    }

    fn drop_sent(&mut self) {
        if self.sent == self.out.len() {
            self.ledger.written(&mut self.out, self.pending.len());
            self.sent = 0;
        } else if self.sent > self.out.len() / 2 {
            self.out.drain(..self.sent);
            self.ledger.sent.tear();
            self.sent = 0;
        }
        if !self.waiting.is_empty() && self.has_room() {
            self.call_waiting();
        }
    }

    /// Has INFO know how many requests are on their way.
    fn tell(&mut self, sight: &Sight) {
        let (now, before) = (self.pending.len() as u64, self.told);
        self.told = now;
        Counters::add(&sight.in_flight, now.wrapping_sub(before));
        let back = self.turning.as_ref().map_or(0, Turning::held);
        self.share.set(self.out.len() - self.sent + self.partial.len() + back);
    }

    fn has_room(&self) -> bool {
        self.out.len() - self.sent <= limits::LANE_BACKLOG / 2
            && self.pending.len() <= limits::LANE_PENDING / 2
    }

    #[cold]
    fn wait(&mut self, session: &Rc<Session>) {
        self.full_since.get_or_insert_with(Instant::now);
        self.waiting.push(Rc::clone(session));
    }

    #[cold]
    fn call_waiting(&mut self) {
        if let Some(since) = self.full_since.take() {
            Counters::add(&self.ledger.sight().waited, since.elapsed().as_micros() as u64);
        }
        for session in self.waiting.drain(..) {
            session.call_to_lane();
        }
    }
}

/// Writes from `sent` on until all is written, down to the socket.
fn write_some(stream: &mut Stream, bytes: &[u8], sent: &mut usize) -> io::Result<()> {
    while *sent < bytes.len() {
        *sent += stream.try_write(&bytes[*sent..])?;
    }
    if stream.has_pending() { stream.try_flush() } else { Ok(()) }
}
