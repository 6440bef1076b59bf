//! A session: one client's connection, its state, and its turn: one read, every complete request, one write.

mod attend;
mod flow;
mod pressure;
mod serve;
mod steps;
mod subscriptions;
mod window;

#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Waker;

use ringtail_net::Stream;
use ringtail_net::outbox::Frame;
use ringtail_protocol::acl::Identity;
use ringtail_protocol::errors::Error;
use ringtail_protocol::limits::RequestLimits;
use ringtail_protocol::reply::{Reply, Resp};
use ringtail_protocol::request::Parser;
use tokio::time::Instant;

use crate::access::Gates;
use crate::clients::Client;
use crate::held::Share;
use crate::lane::Lane;
use crate::limits;
use crate::pass_through::Home;
use crate::rates::Bucket;
use crate::replicas::ReadFrom;
use crate::seats::Seat;
use crate::sequence::{Sequence, Ticket};
use crate::shared::Counters;
use crate::tracking::Tracking;
use crate::transaction::{self, Transaction};
use crate::worker::Worker;

pub(crate) use flow::Gone;
pub(crate) use serve::serve;
use subscriptions::Subscriptions;
use window::Window;

/// One client's connection.
pub(crate) struct Session {
    pub(crate) client: Arc<Client>,
    state: RefCell<State>,
    /// Already among those that the turn's end writes.
    pub(crate) touched: Cell<bool>,
    /// A lane that it waited for has room.
    room: Cell<bool>,
    task: RefCell<Waker>,
}

/// What requests of a session wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Until fewer of its requests are on their way, or the client has taken its answers.
    Window,
    /// Until a lane has room.
    Lane,
    /// Until nothing is on its way: the next request must see the effects of all before it.
    Drain,
    /// Until the session goes on as another user, with other connections.
    Move,
    /// Until the session's task has asked the members that the next request is about.
    Pool,
    /// Until the session's task has passed on the next request, with nothing else on its way, as it comes and as its answer does.
    Large,
}

/// What `CLIENT REPLY` said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReplyMode {
    /// Answers are sent.
    On,
    /// None are.
    Off,
    /// The next request's answer is not.
    SkipNext,
    /// The present request's answer is not.
    Skip,
}

/// What a session knows.
pub(crate) struct State {
    stream: Option<Stream>,
    pub(crate) client: Arc<Client>,
    pub(crate) sequence: Sequence,
    /// Answers in order; up to `sent` they are written.
    out: Vec<u8>,
    sent: usize,
    /// The socket takes no more for now; the session's task waits until it does.
    stuck: bool,
    /// Requests that are incomplete, or on hold.
    pub(crate) unread: Vec<u8>,
    pub(crate) parser: Parser,
    hold: Option<Hold>,
    window: Window,
    /// No more will come.
    ended: bool,
    /// To be closed once the answers are out.
    pub(crate) closing: bool,
    failed: bool,
    pub(crate) db: u8,
    pub(crate) resp: Resp,
    /// Which of each member's lanes it uses while anything is on its way: requests on one key must not overtake each other.
    pub(crate) lane: usize,
    /// Who its client is.
    pub(crate) identity: Identity,
    pub(crate) gates: Gates,
    /// Its place among its user's clients.
    pub(crate) place: Option<Seat<Box<[u8]>>>,
    /// Its user's commands of a second.
    pub(crate) bucket: Option<Arc<Bucket>>,
    /// What a server said of the name and password of the present AUTH.
    pub(crate) vouched: Option<Result<Home, Error>>,
    /// Where it goes on, and where it is, if that is not where it came.
    pub(crate) moving: Option<Home>,
    pub(crate) home: Option<Home>,
    /// A subscription waits to be confirmed: messages come after that.
    pub(crate) joining: bool,
    /// The present request has been taken off them.
    pub(crate) paid: bool,
    /// The bytes that are held for it.
    share: Share,
    /// Since when the client takes nothing of what waits for it.
    stuck_since: Option<Instant>,
    pub(crate) reply_mode: ReplyMode,
    /// What MULTI and WATCH have begun.
    pub(crate) transaction: Option<Box<Transaction>>,
    subscriptions: Option<Box<Subscriptions>>,
    pub(crate) tracking: Option<Box<Tracking>>,
    /// When its unread requests came, in microseconds of the proxy.
    pub(crate) since: u32,
    /// The number that its user is counted under.
    pub(crate) seen_as: u16,
    /// Where its reads go.
    pub(crate) read_from: ReadFrom,
    /// Requests so far that were no reads; counted only if reads are to be sent again.
    pub(crate) writes: u32,
    /// The last answer that could have been large was.
    pub(crate) reads_large: bool,
    /// The lane that stopped reading a large answer until this client has taken more of it.
    feeder: Option<Rc<Lane>>,
}

impl Session {
    /// A session on a connection whose handshake is done.
    pub(crate) fn new(stream: Option<Stream>, client: Arc<Client>, worker: &Worker) -> Rc<Self> {
        Rc::new(Self {
            client: Arc::clone(&client),
            state: RefCell::new(State::new(stream, client, worker)),
            touched: Cell::new(false),
            room: Cell::new(false),
            task: RefCell::new(Waker::noop().clone()),
        })
    }

    /// The answer to one of its requests has come.
    #[inline]
    pub(crate) fn answer(self: &Rc<Self>, worker: &Worker, ticket: Ticket, answer: &[u8]) {
        self.state.borrow_mut().answer(worker, ticket, answer);
        worker.turn.touch_session(self);
    }

    /// Changes its state, between two waits of its task.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.borrow_mut())
    }

    /// Puts a message into its outbox.
    pub(crate) fn push(self: &Rc<Self>, worker: &Worker, frame: &Frame) {
        if self.client.push(frame, &worker.shared.output_limits) {
            worker.turn.touch_session(self);
        }
    }

    /// The same, behind the answers to all that is on its way. When too much is kept, `all` stands for it.
    pub(crate) fn push_behind(self: &Rc<Self>, worker: &Worker, frame: &Frame, all: impl FnOnce() -> Frame) {
        let mut state = self.state.borrow_mut();
        let sequence = &mut state.sequence;
        let kept = match sequence.behind() < limits::BEHIND {
            true => sequence.keep_behind(frame),
            false => {
                sequence.drop_behind();
                sequence.keep_behind(&all())
            }
        };
        drop(state);
        if !kept {
            self.push(worker, frame);
        }
    }

    /// The number that its user is counted under.
    pub(crate) fn seen_as(&self) -> u16 {
        self.state.borrow().seen_as
    }

    /// Whether nothing of it is on its way.
    pub(crate) fn is_answered(&self) -> bool {
        self.state.borrow().sequence.is_empty()
    }

    /// Who it is, to others.
    pub(crate) fn client(&self) -> Arc<Client> {
        Arc::clone(&self.state.borrow().client)
    }

    /// What it has begun by MULTI or WATCH, taken out of it.
    pub(crate) fn take_transaction(&self) -> Option<Box<Transaction>> {
        self.state.borrow_mut().transaction.take()
    }

    /// Whether its commands are queued.
    pub(crate) fn is_queueing(&self) -> bool {
        transaction::is_open(&self.state.borrow())
    }

    /// Keeps what was begun.
    pub(crate) fn keep_transaction(&self, transaction: Box<Transaction>) {
        self.state.borrow_mut().transaction = Some(transaction);
    }

    /// Changes the database.
    pub(crate) fn select(&self, db: u8) {
        self.state.borrow_mut().select(db);
    }

    /// Wakes its task: what it waited for may be there.
    fn call(&self) {
        self.task.borrow().wake_by_ref();
    }

    /// A lane that it waited for has room.
    pub(crate) fn call_to_lane(&self) {
        self.room.set(true);
        self.call();
    }

    /// Writes what is there, as much as goes, and lets requests that were on hold go on.
    pub(crate) fn flush(&self, worker: &Worker) {
        let mut state = self.state.borrow_mut();
        state.write(worker);
        state.count_held();
        if state.stuck || state.can_go_on() || state.is_done() || worker.stopping.get() {
            drop(state);
            self.call();
        }
    }
}

impl State {
    fn new(stream: Option<Stream>, client: Arc<Client>, worker: &Worker) -> Self {
        let mut state = Self {
            stream,
            client,
            sequence: Sequence::default(),
            out: Vec::new(),
            sent: 0,
            stuck: false,
            unread: Vec::new(),
            parser: Parser::default(),
            hold: None,
            window: Window::default(),
            ended: false,
            closing: false,
            failed: false,
            db: 0,
            resp: Resp::V2,
            lane: 0,
            identity: Identity::of_default(&worker.shared.access),
            gates: Gates::empty(),
            place: None,
            bucket: None,
            vouched: None,
            joining: false,
            moving: None,
            home: None,
            paid: false,
            share: Share::new(&worker.held),
            stuck_since: None,
            reply_mode: ReplyMode::On,
            transaction: None,
            subscriptions: None,
            tracking: None,
            since: 0,
            seen_as: 0,
            read_from: worker.shared.settings.read_from,
            writes: 0,
            reads_large: false,
            feeder: None,
        };
        state.begin_as_default(worker);
        state
    }

    /// What its requests may be.
    #[inline]
    fn limits(&self) -> RequestLimits {
        if self.is_authenticated() { RequestLimits::FULL } else { RequestLimits::UNAUTHENTICATED }
    }

    /// Whether the answer to the present request is not wanted.
    #[inline]
    pub(crate) fn muted(&self) -> bool {
        self.reply_mode != ReplyMode::On
    }

    #[inline]
    fn need_out(&mut self, worker: &Worker) {
        if self.out.capacity() == 0 {
            self.out = worker.take_buffer();
        }
    }

    /// The answer to one of its requests has come.
    #[inline]
    pub(crate) fn answer(&mut self, worker: &Worker, ticket: Ticket, answer: &[u8]) {
        self.need_out(worker);
        self.window.note(answer.len());
        self.sequence.answer(ticket, answer, &mut self.out);
    }

    /// Answers the present request, in its turn.
    pub(crate) fn reply(&mut self, worker: &Worker, write: impl FnOnce(&mut Reply<'_>)) {
        self.need_out(worker);
        if self.sequence.is_empty() {
            let before = self.out.len();
            write(&mut Reply::new(&mut self.out, self.resp));
            if self.muted() {
                self.out.truncate(before);
            }
            return;
        }
        let mut answer = Vec::new();
        write(&mut Reply::new(&mut answer, self.resp));
        let ticket = self.sequence.take(self.muted());
        self.sequence.answer(ticket, &answer, &mut self.out);
    }

    /// Changes the database.
    pub(crate) fn select(&mut self, db: u8) {
        self.db = db;
        self.client.db.store(db, Relaxed);
    }

    /// Changes the version of the protocol.
    pub(crate) fn set_resp(&mut self, resp: Resp) {
        self.resp = resp;
        self.client.resp.store(if resp == Resp::V3 { 3 } else { 2 }, Relaxed);
    }

    /// Whether the next request may be begun now.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.sequence.len() < self.window.most()
            && self.unsent() <= limits::SESSION_OUTPUT
            && !self.share.has_to_wait()
    }

    #[inline]
    fn unsent(&self) -> usize {
        self.out.len() - self.sent + self.sequence.held()
    }

    /// Has all know what is held for it.
    fn count_held(&mut self) {
        let (unread, unsent) = (self.unread.len(), self.unsent());
        let queued = transaction::queued_bytes(self);
        self.share.set(unread + unsent + queued);
        self.client.queued_bytes.store(queued, Relaxed);
        self.client.unread.store(unread, Relaxed);
        self.client.unsent.store(unsent, Relaxed);
    }

    fn can_go_on(&self) -> bool {
        match self.hold {
            Some(Hold::Window) => self.has_room(),
            Some(Hold::Drain | Hold::Large) => self.sequence.is_empty(),
            // The lane calls, or the session's own task goes on by itself.
            None | Some(Hold::Lane | Hold::Pool | Hold::Move) => false,
        }
    }

    /// Nothing more will come and everything is out.
    fn is_done(&self) -> bool {
        let last = self.closing || (self.ended && self.hold.is_none());
        self.failed || (last && self.sequence.is_empty() && self.sent == self.out.len() && !self.stuck)
    }

    /// Nothing has been begun that is not finished.
    fn is_idle(&self) -> bool {
        self.sequence.is_empty() && self.sent == self.out.len() && !self.stuck && self.unread.is_empty()
    }

    /// One write, unless the socket takes only a part.
    fn write(&mut self, worker: &Worker) {
        if self.stuck || self.failed {
            return;
        }
        let before = self.sent;
        match self.try_write(worker) {
            Ok(()) => self.rest(worker),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.stuck = true;
                self.note_slow(worker, self.sent > before);
            }
            Err(_) => self.failed = true,
        }
        self.call_feeder();
    }

    /// Writes what is there, then messages while there are some.
    fn try_write(&mut self, worker: &Worker) -> io::Result<()> {
        loop {
            self.take_messages(worker, limits::MESSAGES);
            self.write_out(worker)?;
            if !self.client.outbox.is_pending() || self.sequence.is_amid() || self.joining {
                return Ok(());
            }
            self.rest(worker);
        }
    }

    fn write_out(&mut self, worker: &Worker) -> io::Result<()> {
        let Some(stream) = &mut self.stream else { return Err(io::ErrorKind::NotConnected.into()) };
        while self.sent < self.out.len() {
            let written = stream.try_write(&self.out[self.sent..])?;
            self.sent += written;
            if !stream.is_in_memory() {
                Counters::add(&worker.counters.bytes_out, written as u64);
            }
        }
        if stream.has_pending() { stream.try_flush() } else { Ok(()) }
    }

    /// All is written: an idle session holds no buffers.
    fn rest(&mut self, worker: &Worker) {
        self.sent = 0;
        self.stuck_since = None;
        worker.keep_buffer(std::mem::take(&mut self.out));
        self.sequence.rest();
    }
}
