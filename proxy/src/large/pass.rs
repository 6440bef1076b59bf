//! The session's task passes one request to its member as it comes, and the answer back likewise, with nothing else of the session on its
//! way. Whoever is slower, client or member, slows the other down.

use std::io;
use std::rc::Rc;

use ringtail_cluster::slot_of;
use ringtail_protocol::command::{CommandId, Found, Group, find, keys};
use ringtail_protocol::frame;
use ringtail_protocol::limits::{MAX_LINE, RequestLimits};
use ringtail_protocol::request::{Args, Batch, Parser, Passage};
use tokio::time::{Instant, timeout};

use super::Sizes;
use crate::fault::Fault;
use crate::link::Link;
use crate::member::Member;
use crate::own::Held;
use crate::route::Request;
use crate::see::Passed;
use crate::session::{Gone, Session, State};
use crate::shared::Counters;
use crate::worker::Worker;

/// What is to be passed on.
struct Work {
    member: Rc<Member>,
    seen: Passed,
    trace: u32,
    /// The trace of the GET that will have as large an answer as the request is; 0 if there is none.
    next_get: u32,
    /// Bytes at the start of what is unread that are part of the request for certain.
    known: usize,
    /// What is still to come after them.
    rest: Passage,
}

/// Passes on the request at the start of what the session has not read.
pub(crate) async fn pass(worker: &Rc<Worker>, session: &Rc<Session>) -> Result<(), Gone> {
    let work = Work::begin(worker, &mut session.state());
    let mut work = work.ok_or(Gone)?;
    Counters::add(&worker.counters.commands, 1);
    if work.is_large(worker) {
        Counters::add(&worker.counters.large_requests, 1);
        worker.sizes.learn(work.next_get);
    }
    session.state().begin_reply();
    let result = match work.connect(session).await? {
        Ok(link) => work.exchange(worker, session, link).await?,
        Err(fault) => work.send(worker, session, None).await?.and(Err(fault)),
    };
    if let Err(fault) = result {
        let error = work.member.fault(&fault);
        work.seen.answer_begins(&error);
        work.seen.answer += error.len();
        session.state().reply(worker, |reply| reply.raw(&error));
    }
    session.state().end_reply();
    worker.was_passed(session, &work.member, &work.seen);
    Ok(())
}

impl Work {
    /// `None` if there is no such request, which the router would not have left to us.
    fn begin(worker: &Rc<Worker>, state: &mut State) -> Option<Self> {
        let parser = std::mem::take(&mut state.parser);
        if let Some(begun) = parser.begun(&state.unread) {
            return Self::new(worker, begun.args, begun.at, begun.rest());
        }
        let (mut parser, mut batch) = (Parser::default(), Batch::default());
        parser.parse(&mut state.unread, RequestLimits::FULL, &mut batch);
        let request = batch.requests().first()?;
        Self::new(worker, batch.args(request, &state.unread), request.end as usize, Passage::default())
    }

    fn new(worker: &Rc<Worker>, args: Args<'_>, known: usize, rest: Passage) -> Option<Self> {
        let Found::Command(command) = find(&args) else { return None };
        let trace = Sizes::trace(&Request { command, args, raw: None });
        // Of a malformed request without a key a member says best what is wrong.
        let key = keys(command, &args).next().map(|key| &args[key]);
        let writes_string = command.is_write() && command.group == Group::String;
        let next_get = key.filter(|_| writes_string).map_or(0, |key| Sizes::trace_for(CommandId::Get, key));
        let words = args.iter().take(2).map(<[u8]>::to_vec).collect();
        let seen = Passed::begin(command.id, words);
        Some(Self { member: worker.owner(key.map_or(0, slot_of))?, seen, trace, next_get, known, rest })
    }

    /// Whether the request itself is large, rather than its answer.
    fn is_large(&self, worker: &Worker) -> bool {
        !self.rest.is_over() || self.known >= worker.large()
    }

    /// Waits for a connection; the client's bytes wait in its socket.
    async fn connect(&self, session: &Session) -> Result<Result<Held, Fault>, Gone> {
        let (db, resp) = {
            let state = session.state();
            (state.db, state.resp)
        };
        session.unless_killed(self.member.large(db, resp)).await
    }

    /// Sends the request and brings the answer. A link that is dropped on the way is not used again.
    async fn exchange(
        &mut self,
        worker: &Worker,
        session: &Session,
        mut link: Held,
    ) -> Result<Result<(), Fault>, Gone> {
        link.begin();
        self.seen.connected = Some(Instant::now());
        self.seen.network = link.round_trip();
        if let Err(fault) = self.send(worker, session, Some(&mut link)).await? {
            return Ok(Err(fault));
        }
        loop {
            match self.hear(worker, session, &mut link).await? {
                Ok(()) => return self.bring(worker, session, &mut link).await,
                Err(Fault::Turned) => match self.send_again(session, link).await? {
                    Ok(other) => link = other,
                    Err(fault) => return Ok(Err(fault)),
                },
                Err(fault) => return Ok(Err(fault)),
            }
        }
    }

    /// Waits for the beginning of the answer; an error is known when all of its line is there.
    async fn hear(
        &self,
        worker: &Worker,
        session: &Session,
        link: &mut Link,
    ) -> Result<Result<(), Fault>, Gone> {
        while is_unknown(link.unread()) {
            session.write_most(worker).await?;
            if let Err(fault) = self.read(link).await {
                return Ok(Err(fault));
            }
        }
        Ok(if link.is_refused() { Err(Fault::Turned) } else { Ok(()) })
    }

    /// The server leads no more, and gives the request back as it was sent: it goes on to the one that does.
    async fn send_again(&self, session: &Session, link: Held) -> Result<Result<Held, Fault>, Gone> {
        // Who waits for a connection must not keep one.
        let mut old = link.leave_pool();
        let Some(mut due) = old.take_refusal() else { return Ok(Err(Fault::Turned)) };
        let mut link = match self.connect(session).await? {
            Ok(link) => link,
            Err(fault) => return Ok(Err(fault)),
        };
        link.begin();
        while due > 0 {
            // What breaks off here was not run: the new one has a part of it at most.
            if old.unread().is_empty()
                && let Err(fault) = self.read(&mut old).await
            {
                return Ok(Err(Fault::Down(fault.why().into())));
            }
            let length = usize::try_from(due).unwrap_or(usize::MAX).min(old.unread().len());
            if let Err(fault) = self.write(&mut link, &old.unread()[..length]).await {
                return Ok(Err(fault));
            }
            old.drop_unread(length);
            due -= length as u64;
        }
        Ok(Ok(link))
    }

    /// Sends the request as it comes. Without a link, or from where the member fails on, the rest of it is dropped, so that the client hears
    /// what is wrong in its place.
    async fn send(
        &mut self,
        worker: &Worker,
        session: &Session,
        link: Option<&mut Link>,
    ) -> Result<Result<(), Fault>, Gone> {
        let (mut link, mut result) = (link, Ok(()));
        let mut chunk = std::mem::take(&mut session.state().unread);
        let mut length = self.known;
        loop {
            match self.rest.take(&chunk[length..]) {
                Ok(more) => length += more,
                Err(error) => {
                    session.state().refuse(worker, error);
                    return Err(Gone);
                }
            }
            if let Some(open) = &mut link
                && let Err(fault) = self.write(open, &chunk[..length]).await
            {
                (link, result) = (None, Err(fault));
            }
            chunk.drain(..length);
            self.seen.request += length;
            length = 0;
            if self.rest.is_over() {
                session.state().unread = chunk;
                return Ok(result);
            }
            session.read_more(worker, &mut chunk).await?;
        }
    }

    async fn write(&self, link: &mut Link, bytes: &[u8]) -> Result<(), Fault> {
        match timeout(self.member.timeout, link.write(bytes)).await {
            Ok(written) => written.map_err(|error| self.lost(&error)),
            Err(_) => Err(self.late()),
        }
    }

    /// Passes the answer on as it comes. Once its beginning is out, the client can only be closed if the rest does not come.
    async fn bring(
        &mut self,
        worker: &Worker,
        session: &Session,
        link: &mut Link,
    ) -> Result<Result<(), Fault>, Gone> {
        let (mut answer, mut passed) = (frame::Passage::default(), 0);
        loop {
            let Ok(length) = answer.take(link.unread()) else {
                return self.failed(session, passed, Fault::Lost(frame::NotAReply.to_string()));
            };
            if passed == 0 {
                self.seen.answer_begins(&link.unread()[..length]);
            }
            session.state().pass_on(worker, &link.unread()[..length], answer.is_over());
            link.drop_unread(length);
            passed += length;
            self.seen.answer = passed;
            if answer.is_over() {
                link.end();
                self.learn(worker, session, passed);
                return Ok(Ok(()));
            }
            session.write_most(worker).await?;
            if let Err(fault) = self.read(link).await {
                return self.failed(session, passed, fault);
            }
        }
    }

    async fn read(&self, link: &mut Link) -> Result<(), Fault> {
        match timeout(self.member.timeout, link.read()).await {
            Ok(read) => read.map_err(|error| self.lost(&error)),
            Err(_) => Err(self.late()),
        }
    }

    fn failed(&self, session: &Session, passed: usize, fault: Fault) -> Result<Result<(), Fault>, Gone> {
        if passed == 0 {
            return Ok(Err(fault));
        }
        self.member.fault(&fault);
        session.state().fail();
        Err(Gone)
    }

    fn learn(&self, worker: &Worker, session: &Session, passed: usize) {
        self.member.breaker.answered(worker.turn.now());
        let large = passed >= worker.large();
        session.state().reads_large &= large;
        if large {
            Counters::add(&worker.counters.large_replies, 1);
            worker.sizes.learn(self.trace);
        } else {
            worker.sizes.forget(self.trace);
        }
    }

    fn late(&self) -> Fault {
        self.member.is_late(Instant::now());
        Fault::Late(self.member.timeout)
    }

    fn lost(&self, error: &io::Error) -> Fault {
        Fault::Lost(self.member.without_addr(error))
    }
}

/// Whether too little of an answer is there to know whether it is a refusal.
fn is_unknown(answer: &[u8]) -> bool {
    let is_line = answer.first().is_none_or(|byte| *byte == b'-');
    is_line && answer.len() < MAX_LINE && !answer.contains(&b'\n')
}
