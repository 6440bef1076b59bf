//! One client's connection: wait, read once, run every complete request, write once.
//!
//! The buffers of a turn are the worker's and shared by its connections; a connection keeps bytes of its own only while
//! a request is incomplete or the client does not take its replies.

mod guard;
mod waiting;

use crate::execute::{Executor, OUTPUT_HIGH};
use crate::log::intake::Intake;
use crate::replication::{bound, feed};
use crate::server::{Server, unix_millis};
use crate::session::{Session, Wait};
use guard::Gate;
use ringtail_net::Stream;
use ringtail_protocol::errors::Error;
use ringtail_protocol::reply::Reply;
use ringtail_protocol::request::{Batch, Parser, ProtocolError};
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, Waker};
use tokio::time::Sleep;

/// Bytes read at once.
const READ: usize = 64 * 1024;
/// A worker's output buffer is given back to the allocator when it grew beyond this.
const KEEP_OUTPUT: usize = 4 * OUTPUT_HIGH;

/// What the connections of a worker share, one at a time.
pub struct Scratch {
    input: Vec<u8>,
    output: Vec<u8>,
    batch: Batch,
    pub(crate) executor: Executor,
}

impl Scratch {
    /// For a worker with this executor.
    pub fn new(executor: Executor) -> RefCell<Self> {
        let (input, output) = (Vec::with_capacity(READ), Vec::with_capacity(READ));
        RefCell::new(Self { input, output, batch: Batch::default(), executor })
    }
}

/// What a connection waits for.
enum Turn {
    /// It was killed, or its stream failed.
    End,
    /// The server ends, and nothing of the client's is on its way.
    Leave,
    /// The socket takes more output.
    Write,
    /// Bytes have come, or requests are left from before.
    Run,
    /// Other threads have sent something to the client.
    Push,
    /// The command that waited has its reply.
    Served,
    /// The script that runs long goes on.
    Slice,
    /// The request that was kept back may be tried again.
    Retry,
    /// Bytes, or the end, have come while a command waits.
    Listen,
}

/// One client's connection.
pub struct Connection {
    stream: Stream,
    session: Session,
    parser: Parser,
    /// Bytes of an incomplete request, or requests that wait until output is taken.
    input: Vec<u8>,
    /// `input` has complete requests.
    backlog: bool,
    /// Replies that the socket did not take yet, from `sent` on.
    output: Vec<u8>,
    sent: usize,
    /// What the client's other threads wake.
    waker: Option<Waker>,
    /// Ends the waiting of the session's command, or its being kept back.
    timer: Option<Pin<Box<Sleep>>>,
    /// The output is kept back until what it acknowledges is safe.
    gate: Option<Gate>,
    /// The term in which its last requests began to run.
    term: u64,
}

impl Connection {
    /// A client that was let in.
    pub fn new(stream: Stream, session: Session) -> Self {
        Self {
            stream,
            session,
            parser: Parser::default(),
            input: Vec::new(),
            backlog: false,
            output: Vec::new(),
            sent: 0,
            waker: None,
            timer: None,
            gate: None,
            term: 0,
        }
    }

    /// Serves the client until it leaves, breaks the protocol or is killed.
    pub async fn serve(self, server: &Server, worker: usize, scratch: &RefCell<Scratch>) {
        let mut ending = waiting::Ending { connection: self, server, scratch };
        ending.connection.take_turns(server, worker, scratch).await;
    }

    async fn take_turns(&mut self, server: &Server, worker: usize, scratch: &RefCell<Scratch>) {
        loop {
            if self.session.closing && !self.has_output() {
                return self.stream.shutdown().await;
            }
            if let Some(handover) = self.session.handover.take_if(|_| self.sent == self.output.len()) {
                if let Ok(server) = server.itself() {
                    let input = std::mem::take(&mut self.input);
                    let bound = self.session.bound.take();
                    let not_run = bound.map(|bound| bound.not_run(&bound::leader(&server), &input));
                    let (stream, client) = (&mut self.stream, &self.session.client);
                    feed::serve(*handover, stream, &server, client, not_run.unwrap_or_default()).await;
                }
                return;
            }
            let alive = match poll_fn(|cx| self.poll_turn(server, cx)).await {
                Turn::End => return,
                Turn::Leave => {
                    self.session.closing = true;
                    true
                }
                Turn::Push => self.push(server, worker, scratch).await.is_ok(),
                Turn::Write => self.write(server, worker).is_ok(),
                Turn::Served => self.served(server, worker, &mut scratch.borrow_mut()).is_ok(),
                Turn::Slice => self.slice(server, worker, scratch).await.is_ok(),
                Turn::Listen => self.listen().is_ok(),
                Turn::Retry => {
                    server.blocked.fetch_sub(1, Relaxed);
                    self.retry();
                    true
                }
                Turn::Run => self.run(server, worker, &mut scratch.borrow_mut()).is_ok(),
            };
            if !alive {
                return;
            }
        }
    }

    fn poll_turn(&mut self, server: &Server, cx: &mut Context<'_>) -> Poll<Turn> {
        self.note_waker(cx.waker());
        if self.session.client.is_killed() {
            return Poll::Ready(Turn::End);
        }
        if self.gate.is_some() && self.is_kept_back(server, cx) {
            return Poll::Pending;
        }
        let client = &self.session.client;
        let io = if self.has_output() {
            self.stream.poll_write_ready(cx).map_ok(|()| Turn::Write)
        } else if !matches!(self.session.wait, Wait::No) {
            // What it waits for may never come, and nothing was taken out for it yet.
            let may_leave =
                matches!(&self.session.wait, Wait::Blocked(blocked) if blocked.waiter.is_waiting());
            return if client.is_leaving() && may_leave {
                Poll::Ready(Turn::End)
            } else {
                self.poll_wait(cx)
            };
        } else if self.backlog {
            Poll::Ready(Ok(Turn::Run))
        } else if client.outbox.is_pending() {
            Poll::Ready(Ok(Turn::Push))
        } else {
            self.stream.poll_read_ready(cx).map_ok(|()| Turn::Run)
        };
        if io.is_pending() && client.is_leaving() && self.is_between_requests() {
            return Poll::Ready(Turn::Leave);
        }
        io.map(|turn| turn.unwrap_or(Turn::End))
    }

    /// Whether nothing was begun that is not finished, and no request has come that was not read.
    fn is_between_requests(&self) -> bool {
        !self.has_output() && self.input.is_empty() && !self.stream.has_unread()
    }

    /// Who sends to the client or kills it wakes this task. Its waker stays the same, so that this happens once.
    #[inline]
    fn note_waker(&mut self, waker: &Waker) {
        if !self.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            self.session.client.set_task(waker);
            self.waker = Some(waker.clone());
        }
    }

    fn has_output(&self) -> bool {
        self.sent < self.output.len() || self.stream.has_pending()
    }

    /// Writes what other threads have sent.
    async fn push(&mut self, server: &Server, worker: usize, scratch: &RefCell<Scratch>) -> io::Result<()> {
        let outbox = &self.session.client.outbox;
        let more = {
            let mut turn = scratch.borrow_mut();
            outbox.drain(&mut turn.output, OUTPUT_HIGH);
            let more = outbox.is_pending();
            self.send(server, worker, &mut turn.output)?;
            more
        };
        if more {
            // Who sends without end must not keep the thread from its other connections.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// One read, all its requests, one write.
    fn run(&mut self, server: &Server, worker: usize, scratch: &mut Scratch) -> io::Result<()> {
        let before = Intake::last_of_thread();
        scratch.executor.told.clear();
        self.term = server.log.reached.term();
        let own = !self.input.is_empty();
        let mut input = std::mem::take(if own { &mut self.input } else { &mut scratch.input });
        let read = if self.backlog { Ok(0) } else { self.read(&mut input) };
        let consumed = match read {
            Ok(n) => {
                let counters = &server.counters[worker];
                counters.bytes_in.add(n as u64);
                counters.reads.add(1);
                self.process(&mut input, scratch)
            }
            Err(_) => 0,
        };
        self.keep_input(own, input, consumed, scratch);
        match read {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
        self.guard(server, before, scratch);
        self.send(server, worker, &mut scratch.output)
    }

    /// Appends what the socket has; an end of the stream is an error.
    fn read(&mut self, input: &mut Vec<u8>) -> io::Result<usize> {
        // A large argument doubles the buffer, so that its bytes are copied a bounded number of times.
        if input.capacity() - input.len() < READ / 4 {
            input.reserve(input.len().max(READ));
        }
        let room = input.capacity() - input.len();
        match self.stream.try_read(input, room) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            other => other,
        }
    }

    /// Runs the complete requests at the start of `input`; how many bytes of it are dealt with.
    fn process(&mut self, input: &mut Vec<u8>, scratch: &mut Scratch) -> usize {
        self.backlog = false;
        let mut done = 0;
        loop {
            scratch.batch.clear();
            let rest = &mut input[done..];
            let was_authenticated = self.session.is_authenticated();
            let parsed = self.parser.parse(rest, self.session.limits(), &mut scratch.batch);
            let count = scratch.batch.requests().len();
            let ran = scratch.executor.run(&mut self.session, &scratch.batch, rest, &mut scratch.output);
            if let Some(bound) = &mut self.session.bound {
                bound.dealt_with(&scratch.batch, ran, rest, self.session.transaction.is_some());
                self.session.closing |= bound.is_too_large();
            }
            if self.session.closing {
                return input.len();
            }
            if ran < count {
                // The client has to take output before the rest of its requests run.
                scratch.batch.put_back(ran, input, done);
                self.parser = Parser::default();
                self.backlog = true;
                return done + scratch.batch.end_of(ran);
            }
            if !matches!(self.session.wait, Wait::No) {
                done += scratch.batch.end_of(ran);
                self.parser = Parser::default();
                self.backlog = done < input.len();
                return done;
            }
            if self.session.is_authenticated() != was_authenticated {
                // What was parsed within other bounds is looked at again.
                self.parser = Parser::default();
                done += scratch.batch.end_of(ran);
                continue;
            }
            if let Some(error) = parsed.error {
                self.broken(error, &mut scratch.output);
                return input.len();
            }
            done += parsed.consumed;
            if parsed.consumed == 0 || done == input.len() {
                return done;
            }
            if scratch.output.len() > OUTPUT_HIGH {
                self.backlog = true;
                return done;
            }
        }
    }

    /// Answers what broke the protocol, and ends the connection.
    fn broken(&mut self, error: ProtocolError, output: &mut Vec<u8>) {
        static BROKEN: ringtail_net::RateLimited = ringtail_net::RateLimited::new();
        let peer = self.session.client.peer;
        BROKEN.log(|suppressed| tracing::warn!(%peer, suppressed, "closed: {}", error.text()));
        Reply::new(output, self.session.resp).error(&Error::new(error.text()));
        self.session.closing = true;
    }

    /// Keeps what is left of the input, and gives the worker its buffer back.
    fn keep_input(&mut self, own: bool, mut input: Vec<u8>, consumed: usize, scratch: &mut Scratch) {
        if own {
            input.drain(..consumed);
            self.input = if input.is_empty() { Vec::new() } else { input };
        } else {
            self.input = input[consumed..].to_vec();
            input.clear();
            input.shrink_to(4 * READ);
            scratch.input = input;
        }
        let client = &self.session.client;
        let was = client.query.load(Relaxed);
        if was > 0 || !self.input.is_empty() {
            client.query.store(self.input.len() as u64, Relaxed);
            let waiting = !self.input.is_empty() && !self.backlog;
            // Every byte that comes is progress.
            client.mid_request.store(if waiting { unix_millis() } else { 0 }, Relaxed);
        }
    }

    /// Writes the turn's output; what the socket does not take is kept.
    fn send(&mut self, server: &Server, worker: usize, output: &mut Vec<u8>) -> io::Result<()> {
        let result = if output.is_empty() { Ok(()) } else { self.send_some(server, worker, output) };
        output.clear();
        output.shrink_to(KEEP_OUTPUT);
        result
    }

    fn send_some(&mut self, server: &Server, worker: usize, output: &[u8]) -> io::Result<()> {
        let mut written = 0;
        while written < output.len() {
            match self.stream.try_write(&output[written..]) {
                Ok(n) => written += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        let counters = &server.counters[worker];
        counters.bytes_out.add(written as u64);
        counters.writes.add(1);
        if written < output.len() {
            self.output = output[written..].to_vec();
            self.sent = 0;
            self.session.client.output.store(self.output.len() as u64, Relaxed);
        }
        Ok(())
    }

    /// Writes more of the output that was kept.
    fn write(&mut self, server: &Server, worker: usize) -> io::Result<()> {
        let result = match self.output.get(self.sent..) {
            Some(rest) if !rest.is_empty() => self.stream.try_write(rest).map(|n| {
                self.sent += n;
                server.counters[worker].bytes_out.add(n as u64);
            }),
            _ => self.stream.try_flush(),
        };
        if self.sent == self.output.len() {
            (self.output, self.sent) = (Vec::new(), 0);
        }
        self.session.client.output.store((self.output.len() - self.sent) as u64, Relaxed);
        match result {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }
}
