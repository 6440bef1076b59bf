//! Replies that are kept back until what they acknowledge is safe, or given up.

use super::{Connection, Scratch};
use crate::execute::Told;
use crate::log::intake::Intake;
use crate::log::waiting::{Need, leads};
use crate::server::Server;
use ringtail_protocol::errors::Error;
use std::task::Context;
use std::time::{Duration, Instant};

/// How long others may take to have a copy of a write.
const ACK_TIMEOUT: Duration = Duration::from_secs(1);

#[cold]
fn too_few(there: usize, copies: u8) -> Error {
    Error::new(format!(
        "NOREPLICAS the write was done here, but has only {there} of {copies} copies after {} ms: it may be lost",
        ACK_TIMEOUT.as_millis()
    ))
}

#[cold]
fn unheard() -> Error {
    Error::new(format!(
        "NOREPLICAS too few replicas say that they hear this server, for {} ms: another one may lead; a write was done here and may be lost, a \
         read may be old",
        ACK_TIMEOUT.as_millis()
    ))
}

/// What replies wait for.
pub(super) struct Gate {
    /// All that was committed before this ticket ...
    ticket: u64,
    /// ... is to be there, ...
    need: Need,
    /// ... by then, as far as others have to take it.
    until: Instant,
    /// Which of them are void if it is not: the others acknowledge nothing, and what they say is so.
    told: Told,
}

impl Connection {
    /// Whether what the output acknowledges is not safe yet.
    #[cold]
    pub(super) fn is_kept_back(&mut self, server: &Server, cx: &mut Context<'_>) -> bool {
        let Some(Gate { ticket, need, until, .. }) = self.gate else { return false };
        let waits = server.log.wait(ticket, need, &self.session.client);
        // Looked at after it is known who waits: those are woken when the log fails.
        let mut failure = server.log.failure(ticket, need);
        if waits && failure.is_none() && need.copies > 1 && Instant::now() >= until {
            let reached = &server.log.reached;
            failure = Some(match reached.is_at(ticket, Need { heard: 0, ..need }) {
                true => unheard(),
                false => too_few(reached.copies(ticket) + 1, need.copies),
            });
        }
        if waits && failure.is_none() {
            if need.copies > 1 {
                self.poll_timer(until, cx);
            }
            return true;
        }
        if waits {
            self.wait_no_more(server);
        }
        self.timer = None;
        if let (Some(gate), Some(error)) = (self.gate.take(), failure) {
            self.give_up(&gate.told, &error);
        }
        false
    }

    /// Has nobody wake this task for what it waits for: others may never have that, and the list of those who wait is the server's.
    #[cold]
    pub(super) fn wait_no_more(&self, server: &Server) {
        server.log.wait_no_more(&self.session.client);
    }

    /// Puts an error in the place of each reply that acknowledges what may be lost.
    fn give_up(&mut self, told: &Told, error: &Error) {
        match told.replaced(&self.output, self.session.resp, error) {
            Some(output) => self.output = output,
            None => {
                self.output.clear();
                self.session.closing = true;
            }
        }
    }

    /// Keeps this turn's output back if it acknowledges what was committed since `before`, and that is to be safe first.
    #[inline]
    pub(super) fn guard(&mut self, server: &Server, before: u64, scratch: &mut Scratch) {
        let ticket = Intake::last_of_thread();
        let copies = self.session.copies_of_turn(server);
        let acknowledges = ticket != before || !scratch.executor.told.is_empty();
        // What has no reply yet tells of nothing: the next turn's replies are about other requests.
        if acknowledges && !scratch.output.is_empty() {
            self.keep_back(server, (ticket != before).then_some(ticket), copies, scratch);
        }
    }

    /// The same of output that acknowledges what was committed up to a ticket, if it does so, and may tell of more.
    #[cold]
    pub(super) fn keep_back(&mut self, server: &Server, own: Option<u64>, copies: u8, scratch: &mut Scratch) {
        let (output, told) = (&mut scratch.output, &mut scratch.executor.told);
        let Some(need) = server.log.need(copies) else { return };
        // Where writes need copies, a read may have seen one that has not got them yet.
        let tells = need.copies > 1 && !told.is_empty();
        let Some(ticket) = tells.then(|| server.store.intake.end()).or(own) else { return };
        // What a replica has may be old anyway.
        let heard = if leads(self.term) { need.heard } else { 0 };
        let need = Need { heard, term: self.term, ..need };
        if server.log.reached.is_at(ticket, need) {
            return;
        }
        if told.is_empty() {
            // It was not to be safe yet when it ran.
            told.note(0..output.len());
        }
        self.gate =
            Some(Gate { ticket, need, until: Instant::now() + ACK_TIMEOUT, told: std::mem::take(told) });
        self.output.append(output);
    }
}
