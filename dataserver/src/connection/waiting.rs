//! A connection whose last command waits for a key, or whose next one is kept back.

use super::{Connection, READ, Scratch, Turn};
use crate::blocking::Blocked;
use crate::execute::guards;
use crate::log::intake::Intake;
use crate::log::waiting::tells_of_keys;
use crate::server::{Server, unix_millis};
use crate::session::{ReplyMode, Wait};
use std::cell::RefCell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};
use std::time::Instant;

/// Ends what the session has going when the connection ends, however it does.
pub(super) struct Ending<'s> {
    pub(super) connection: Connection,
    pub(super) server: &'s Server,
    pub(super) scratch: &'s RefCell<Scratch>,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        if self.connection.gate.is_some() {
            self.connection.wait_no_more(self.server);
        }
        let Ok(mut scratch) = self.scratch.try_borrow_mut() else { return };
        if std::thread::panicking() {
            // What the panic left of replies must not go to the worker's next client.
            scratch.output.clear();
            scratch.batch.clear();
        }
        // What it left of the session must not end the process.
        let session = &mut self.connection.session;
        let leave = AssertUnwindSafe(|| scratch.executor.leave(session, unix_millis()));
        if catch_unwind(leave).is_err() {
            let peer = session.client.peer;
            tracing::error!(%peer, "what a client left could not be put in order");
        }
    }
}

impl Connection {
    pub(super) fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<Turn> {
        let client = &self.session.client;
        let until = match &self.session.wait {
            Wait::Blocked(blocked) if !blocked.waiter.is_waiting() => return Poll::Ready(Turn::Served),
            Wait::Blocked(blocked) => blocked.until,
            Wait::Parked(_) if client.take_unparked() => return Poll::Ready(Turn::Retry),
            Wait::Parked(until) => *until,
            Wait::Script(script) => match script.next {
                None => return Poll::Ready(Turn::Slice),
                until => until,
            },
            Wait::No => None,
        };
        if until.is_some_and(|until| Instant::now() >= until) {
            match &self.session.wait {
                // Somebody may be serving it right now: that somebody wakes this task.
                Wait::Blocked(blocked) if !blocked.waiter.end(None) => {}
                Wait::Blocked(_) => return Poll::Ready(Turn::Served),
                Wait::Script(_) => return Poll::Ready(Turn::Slice),
                _ => return Poll::Ready(Turn::Retry),
            }
        } else if let Some(until) = until {
            self.poll_timer(until, cx);
        }
        if self.session.client.outbox.is_pending() {
            return Poll::Ready(Turn::Push);
        }
        if self.input.len() >= READ {
            return Poll::Pending;
        }
        self.stream.poll_read_ready(cx).map(|ready| ready.map_or(Turn::End, |()| Turn::Listen))
    }

    /// Has the task woken at that time.
    pub(super) fn poll_timer(&mut self, until: Instant, cx: &mut Context<'_>) {
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until.into())));
        if timer.deadline().into_std() != until {
            timer.as_mut().reset(until.into());
        }
        if timer.as_mut().poll(cx).is_ready() {
            // It is rounded to milliseconds: look again.
            cx.waker().wake_by_ref();
        }
    }

    /// Reads on while a command waits, so that the client's leaving is noticed. What it sends runs afterwards.
    pub(super) fn listen(&mut self) -> io::Result<()> {
        let mut input = std::mem::take(&mut self.input);
        let read = if input.len() < READ { self.read(&mut input) } else { Ok(0) };
        self.input = input;
        self.backlog = !self.input.is_empty();
        match read {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }

    /// Sends the reply of the command that waited, unless its client has left.
    pub(super) fn served(&mut self, server: &Server, worker: usize, scratch: &mut Scratch) -> io::Result<()> {
        if self.stream.peer_has_left() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // That nothing came in time, how many have something, that a backup is written: none of these is word of a key.
        let mut tells = false;
        scratch.executor.told.clear();
        if let Wait::Blocked(Blocked { waiter, .. }) = &self.session.wait {
            tells = waiter.is_served() && tells_of_keys(waiter.command);
            let reply = waiter.take().unwrap_or_default();
            if self.session.reply_mode == ReplyMode::On {
                scratch.output.extend_from_slice(&reply);
            }
        }
        self.session.end_skip();
        scratch.executor.unblock(&mut self.session);
        self.timer = None;
        if tells && !scratch.output.is_empty() {
            scratch.executor.told.note(0..scratch.output.len());
            // Another thread has committed what the reply is about.
            let copies = self.session.copies(server);
            self.keep_back(server, Some(server.store.intake.end()), copies, scratch);
        }
        self.send(server, worker, &mut scratch.output)
    }

    /// Goes on with the script for a slice, after the thread's other connections had their turns.
    pub(super) async fn slice(
        &mut self,
        server: &Server,
        worker: usize,
        scratch: &RefCell<Scratch>,
    ) -> io::Result<()> {
        tokio::task::yield_now().await;
        self.timer = None;
        let mut turn = scratch.borrow_mut();
        let turn = &mut *turn;
        let before = Intake::last_of_thread();
        turn.executor.told.clear();
        turn.executor.go_on(&mut self.session, &mut turn.output);
        if guards(server, &self.session) && !turn.output.is_empty() {
            turn.executor.told.note(0..turn.output.len());
        }
        self.guard(server, before, turn);
        self.send(server, worker, &mut turn.output)
    }

    /// Lets the request that was kept back run.
    pub(super) fn retry(&mut self) {
        self.session.wait = Wait::No;
        self.timer = None;
        self.backlog = true;
    }
}
