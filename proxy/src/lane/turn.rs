//! A lane whose server leads no more: what that one has not run it gives back, and it goes to the new primary in the same order, with what was
//! not sent yet behind it.
//!
//! ```text
//! -NOTPRIMARY host:port n    Core::is_refused    the first request that was not run; n bytes were taken before it
//! the bytes behind those n   Core::take_back     as many as were sent, so it is known when all are here
//!                            Lane::turned        those, and the unsent ones: the lane's output; it is opened anew, at host:port
//!                            Lane::begin_as_left in the database that was selected before them
//! ```
//!
//! Who waits for the answers notices nothing of it but the time. Their deadlines go on.

#[cfg(test)]
mod tests;

use std::io;
use std::rc::Rc;

use ringtail_protocol::frame::NotAReply;
use ringtail_protocol::limits::RequestLimits;
use ringtail_protocol::request::{Batch, Parser};
use tokio::time::Instant;

use super::serve::{garbage, read};
use super::{Core, Lane, Phase};
use crate::fault::Fault;
use crate::leader::Refusal;
use crate::link::{Link, Turned};
use crate::pending::Target;
use crate::worker::Worker;

/// What is known of a server that gives requests back.
pub(super) struct Turning {
    leads: String,
    /// What came back, and how much that is to be.
    back: Vec<u8>,
    due: u64,
}

impl Turning {
    fn is_over(&self) -> bool {
        self.back.len() as u64 >= self.due
    }

    /// Bytes that it holds.
    pub(super) fn held(&self) -> usize {
        self.back.len()
    }
}

/// What the answers so far have left at the server, which a new one must have before the requests that come next.
#[derive(Clone, Copy, Default)]
pub(super) struct Left {
    /// The database that is selected.
    pub(super) db: u8,
    /// What CLIENT CACHING said of the next request.
    caching: Option<bool>,
}

impl Core {
    /// Whether this is no answer to the oldest request, but says that it and all behind it are given back.
    #[cold]
    pub(super) fn is_refused(&mut self, answer: &[u8]) -> io::Result<bool> {
        let Some(refusal) = Refusal::parse(answer).filter(|_| self.is_bound) else { return Ok(false) };
        let due = self.written.checked_sub(refusal.taken).ok_or_else(|| garbage(NotAReply))?;
        self.turning = Some(Turning { leads: refusal.leads.to_owned(), back: Vec::new(), due });
        Ok(true)
    }

    /// An answer comes to a session that tracks keys: a CLIENT CACHING is about the request behind it alone.
    pub(super) fn note_caching(&mut self, answer: &[u8]) {
        if Refusal::parse(answer).is_none() {
            let said = self.pending.front();
            self.left.caching =
                said.and_then(|said| if let Target::Caching(yes) = said { Some(*yes) } else { None });
        }
    }

    /// Whether what is read is what the server gives back; the error says that it is all here, or more than was sent.
    pub(super) fn take_back(&mut self) -> io::Result<bool> {
        let Some(turning) = &mut self.turning else { return Ok(false) };
        turning.back.append(&mut self.partial);
        if turning.is_over() { Err(io::Error::other(Turned)) } else { Ok(true) }
    }

    /// One read of that. `None` if the lane has not turned.
    pub(super) fn receive_back(&mut self) -> Option<io::Result<bool>> {
        let turning = self.turning.as_mut()?;
        Some(read(&mut self.stream, &mut turning.back).and_then(|full| self.take_back().map(|_| full)))
    }

    /// All that was not run is to be sent again, with what was not sent behind it.
    fn send_again(&mut self, turning: Turning) -> io::Result<()> {
        let Turning { back: mut out, due, .. } = turning;
        if out.len() as u64 > due {
            return Err(garbage(NotAReply));
        }
        out.extend_from_slice(&self.out[self.sent..]);
        let again = count(&mut out).and_then(|count| count.checked_sub(self.pending.len()));
        let again = again.filter(|again| self.deadlines.again(*again)).ok_or_else(|| garbage(NotAReply))?;
        // A transaction that was not run: its MULTI and some of its commands had been answered.
        (0..again).for_each(|_| self.pending.push_front(Target::Skip));
        self.ledger.again(again);
        (self.out, self.sent, self.stuck) = (out, 0, false);
        (self.stream, self.failed, self.owed_since) = (None, None, None);
        (self.scanner, self.is_bound) = Default::default();
        self.phase = Phase::Opening;
        self.turned.get_or_insert_with(Instant::now);
        Ok(())
    }
}

/// How many requests these bytes are. `None` if they are not whole ones.
fn count(bytes: &mut [u8]) -> Option<usize> {
    let (mut at, mut count) = (0, 0);
    let (mut parser, mut batch) = (Parser::default(), Batch::default());
    while at < bytes.len() {
        batch.clear();
        let consumed = parser.parse(&mut bytes[at..], RequestLimits::FULL, &mut batch).consumed;
        if batch.requests().is_empty() {
            return None;
        }
        at += consumed;
        count += batch.requests().len();
    }
    Some(count)
}

impl Lane {
    /// The stream has ended by `error`: whether the lane goes on at the member's new primary, with all that waits for it.
    pub(super) fn turned(self: &Rc<Self>, worker: &Rc<Worker>, error: &io::Error) -> bool {
        let turned = self.turn(worker);
        match &turned {
            Ok(true) => {}
            Ok(false) => self.broke(worker, error),
            Err(error) => self.broke(worker, error),
        }
        turned.is_ok_and(|turned| turned)
    }

    fn turn(self: &Rc<Self>, worker: &Worker) -> io::Result<bool> {
        let mut core = self.core.borrow_mut();
        let Some(turning) = core.turning.take_if(|turning| turning.is_over()) else { return Ok(false) };
        let leads = turning.leads.clone();
        core.send_again(turning)?;
        core.tell(&self.member.sight);
        drop(core);
        self.member.leader.heard(&self.addr.borrow(), &leads);
        self.member.lane_closed();
        self.listen(None::<std::future::Ready<()>>);
        self.miss(worker);
        Ok(true)
    }

    /// What those hear who wait for what was given back in part.
    pub(super) fn given_back_in_part(&self) -> Option<Fault> {
        let turning = self.core.borrow_mut().turning.take()?;
        let why = format!(
            "it leads no more ({} does), and did not give back all that it has not run",
            turning.leads
        );
        Some(Fault::Down(why.into()))
    }

    /// Whether requests that were given back wait for it to be opened, and may wait on.
    pub(super) fn is_patient(&self, worker: &Worker) -> bool {
        let core = self.core.borrow();
        core.turned.is_some_and(|since| since.elapsed() < worker.timeout()) && !core.pending.is_empty()
    }

    /// Prepares the connection for the requests that were given back.
    pub(super) async fn begin_as_left(&self, link: &mut Link) -> io::Result<()> {
        let left = self.core.borrow().left;
        link.select(left.db).await?;
        if let Some(yes) = left.caching {
            let word: &[u8] = if yes { b"YES" } else { b"NO" };
            link.demand(&[b"CLIENT", b"CACHING", word], "it refuses CLIENT CACHING").await?;
        }
        Ok(())
    }
}
