//! What a session's task does to its state between two waits: read, write, begin and end a request.

use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};

use ringtail_net::{Secret, Stream};
use ringtail_protocol::command::{Found, find};
use ringtail_protocol::errors;
use ringtail_protocol::request::{Batch, Parser, ProtocolError};

use super::{ReplyMode, State};
use crate::limits;
use crate::pass_through::{self, Login};
use crate::shared::Counters;
use crate::whole;
use crate::worker::Worker;

impl State {
    pub(super) fn is_mid_request(&self) -> bool {
        self.hold.is_none() && !self.unread.is_empty()
    }

    pub(super) fn poll_write(&mut self, worker: &Worker, cx: &mut Context<'_>) {
        while self.stuck {
            let Some(stream) = &self.stream else { return };
            match stream.poll_write_ready(cx) {
                Poll::Pending => return,
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => self.failed = true,
            }
            self.stuck = false;
            self.write(worker);
        }
    }

    /// Writes messages that other threads have left.
    pub(super) fn write_messages(&mut self, worker: &Worker) {
        if self.client.outbox.is_pending() {
            self.write(worker);
        }
    }

    /// Whether it can be closed without an answer lost: nothing was begun that is not finished, and no request has come that was not read.
    pub(super) fn may_leave(&self, cx: &mut Context<'_>) -> bool {
        // The other end of a pipe closes it when its own client has all that it asked for.
        let is_quiet = |stream: &Stream| {
            !stream.is_in_memory() && stream.poll_read_ready(cx).is_pending() && !stream.has_unread()
        };
        self.is_idle() && self.stream.as_ref().is_none_or(is_quiet)
    }

    pub(super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(stream) = &self.stream else { return Poll::Ready(()) };
        // An error, or that there is no stream any more, shows at the read.
        let _ = ready!(stream.poll_read_ready(cx));
        Poll::Ready(())
    }

    /// One read; whether there may be more.
    pub(super) fn read(&mut self, worker: &Worker, buf: &mut Vec<u8>) -> bool {
        let Some(stream) = &mut self.stream else {
            self.ended = true;
            return false;
        };
        buf.reserve(limits::READ);
        let read = match stream.try_read(buf, limits::READ) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            Err(_) => {
                self.failed = true;
                return false;
            }
        };
        self.ended = read == 0;
        // What an HTTP client sends is counted where it comes in.
        if !stream.is_in_memory() {
            Counters::add(&worker.counters.bytes_in, read as u64);
        }
        self.client.active.store(worker.shared.millis(worker.turn.now()), Relaxed);
        self.since = worker.turn.micros();
        read == limits::READ
    }

    /// The reply mode of the request that begins.
    #[inline]
    pub(crate) fn begin_reply(&mut self) {
        if self.reply_mode == ReplyMode::SkipNext {
            self.reply_mode = ReplyMode::Skip;
        }
        self.begin_caching();
    }

    #[inline]
    pub(crate) fn end_reply(&mut self) {
        if self.reply_mode == ReplyMode::Skip {
            self.reply_mode = ReplyMode::On;
        }
        self.paid = false;
        self.end_caching();
    }

    /// The request was not run after all.
    pub(super) fn take_back_reply(&mut self) {
        if self.reply_mode == ReplyMode::Skip {
            self.reply_mode = ReplyMode::SkipNext;
        }
        self.take_back_caching();
    }

    /// Name and password that the request which the hold is about shows, if it is to be asked of a server.
    pub(super) fn login_to_vouch(&mut self) -> Option<Login> {
        let (mut parser, mut batch) = (Parser::default(), Batch::default());
        let limits = self.limits();
        parser.parse(&mut self.unread, limits, &mut batch);
        let request = batch.requests().first()?;
        let args = batch.args(request, &self.unread);
        let Found::Command(command) = find(&args) else { return None };
        let login = pass_through::credentials(command.id, &args)
            .map(|(user, password)| Login { user: user.into(), password: Secret::new(password) });
        // The parser may have changed what it read: an inline request is written out.
        batch.put_back(0, &mut self.unread, 0);
        login
    }

    /// Takes the request that the hold is about off what is unread.
    pub(super) fn take_question(&mut self) -> Option<whole::Question> {
        let (mut parser, mut batch) = (Parser::default(), Batch::default());
        let limits = self.limits();
        parser.parse(&mut self.unread, limits, &mut batch);
        let request = batch.requests().first()?;
        let args = batch.args(request, &self.unread);
        let question = whole::Question::new(self, args);
        self.unread.drain(..request.end as usize);
        question
    }

    /// A request that the session's task sees to begins.
    pub(super) fn begin_question(&mut self, worker: &Worker) {
        Counters::add(&worker.counters.commands, 1);
        self.begin_reply();
    }

    pub(super) fn answer_question(&mut self, worker: &Worker, answer: &[u8]) {
        self.begin_question(worker);
        self.reply(worker, |reply| reply.raw(answer));
        self.end_reply();
    }

    #[cold]
    pub(crate) fn refuse(&mut self, worker: &Worker, error: ProtocolError) {
        let error = errors::Error::new(error.text());
        self.reply(worker, |reply| reply.error(&error));
        self.closing = true;
    }

    /// Gives everything back; answers that still come go nowhere.
    pub(super) fn close(&mut self) -> Option<Stream> {
        self.transaction = None;
        self.unread = Vec::new();
        self.out = Vec::new();
        self.sent = 0;
        self.failed = true;
        self.count_held();
        self.call_feeder();
        self.stream.take()
    }
}
