//! Reads that are sent again when their connection is lost, if `--retry-reads` asks for it. Nothing else ever is: what may have run
//! already must not run twice.

use std::rc::Rc;

use ringtail_protocol::command::Flags;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};

use crate::fault::Fault;
use crate::lane::{Lane, Refusal};
use crate::limits;
use crate::pending::Target;
use crate::route::Request;
use crate::session::{Session, State};
use crate::shared::Counters;
use crate::worker::Worker;

#[cfg(test)]
mod tests;

/// A read that can be sent again.
pub(crate) struct Retry {
    /// Who waits for its answer.
    pub(crate) target: Target,
    session: Rc<Session>,
    /// The session's writes before it: once there is one more, a second try might see what the first could not.
    writes: u32,
    request: Vec<u8>,
    db: u8,
    pub(crate) left: u32,
    deadline: Instant,
}

/// The target of a request that is about to be sent: one that can be sent again, if it is a read. `write` writes its bytes.
#[cold]
pub(crate) fn target(
    worker: &Worker,
    session: &Rc<Session>,
    state: &mut State,
    request: &Request<'_>,
    target: Target,
    write: impl FnOnce(&mut Vec<u8>),
) -> Target {
    if !request.command.flags.contains(Flags::READONLY) {
        state.writes = state.writes.wrapping_add(1);
        return target;
    }
    let mut bytes = Vec::new();
    write(&mut bytes);
    Target::Retry(Box::new(Retry {
        target,
        session: Rc::clone(session),
        writes: state.writes,
        request: bytes,
        db: state.db,
        left: worker.retries(),
        deadline: worker.turn.now() + worker.timeout(),
    }))
}

/// The request was lost by `fault`: it is sent again on its lane, at once or when that is up again, or gets the error.
#[cold]
pub(crate) fn again(mut retry: Box<Retry>, worker: &Rc<Worker>, lane: &Rc<Lane>, fault: &Fault) {
    let error = lane.member.fault(fault);
    if retry.left == 0 || !retry.is_wanted() {
        return retry.target.answer(worker, &error);
    }
    retry.left -= 1;
    let (worker, lane) = (Rc::clone(worker), Rc::clone(lane));
    spawn_local(async move {
        while retry.is_wanted() {
            match lane.admits(retry.db) {
                Ok(()) => return retry.send(&worker, &lane),
                Err(Refusal::Fault(Fault::NoDatabase(_)) | Refusal::Full) => break,
                Err(Refusal::Fault(_)) => sleep(limits::RETRY_LOOK).await,
            }
        }
        retry.target.answer(&worker, &error);
    });
}

impl Retry {
    fn is_wanted(&self) -> bool {
        Instant::now() < self.deadline && self.session.state().writes == self.writes
    }

    fn send(self: Box<Self>, worker: &Worker, lane: &Rc<Lane>) {
        Counters::add(&worker.counters.retried_reads, 1);
        let (db, bytes) = (self.db, self.request.clone());
        lane.push(worker, db, Target::Retry(self), |out| out.extend_from_slice(&bytes));
    }
}
