//! A transaction whose keys are all one member's: MULTI, the commands and EXEC, in one piece.

use std::rc::Rc;

use ringtail_protocol::errors;

use super::parts::{Parts, Stream, elements};
use super::watch::{said, within};
use crate::fault::{self, Fault};
use crate::lane::Refusal;
use crate::member::until_led;
use crate::pending::Target;
use crate::session::{Hold, Session, State};
use crate::shared::Counters;
use crate::worker::Worker;

pub(super) const MULTI: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";
const EXEC: &[u8] = b"*1\r\n$4\r\nEXEC\r\n";

/// A slot of the member that the whole transaction can be sent to, on the lane that all share. `None` if there is none, or it
/// needs a connection of its own.
pub(super) fn owner(worker: &Worker, state: &State) -> Option<u16> {
    let transaction = state.transaction.as_ref()?;
    let queue = transaction.queue.as_ref()?;
    if !transaction.watches.is_empty() || !(queue.is_plain() || queue.aborted) {
        return None;
    }
    let topology = worker.topology();
    let (first, rest) = queue.slots.split_first().unwrap_or((&0, &[]));
    let owner = topology.owner_index(*first);
    let same = queue.aborted || rest.iter().all(|slot| topology.owner_index(*slot) == owner);
    same.then_some(*first)
}

/// Sends it on the lane. Nobody else's commands come in between, because they are pushed at once; the answers to MULTI and the
/// commands are not the client's, which has had them.
pub(super) fn send(
    worker: &Rc<Worker>,
    session: &Rc<Session>,
    state: &mut State,
    slot: u16,
) -> Result<(), Hold> {
    let Some(lane) = state.lane_of(worker, slot) else {
        state.reply(worker, |reply| reply.error(&errors::INTERNAL));
        return Ok(());
    };
    if let Err(Refusal::Full) = lane.admits(state.db) {
        lane.wait_for_room(session);
        return Err(Hold::Lane);
    }
    let Some(queue) = state.transaction.take().and_then(|transaction| transaction.queue) else {
        return Ok(());
    };
    if queue.aborted {
        state.reply(worker, |reply| reply.error(&errors::EXEC_ABORT));
        return Ok(());
    }
    if let Err(Refusal::Fault(fault)) = lane.admits(state.db) {
        let error = lane.member.fault(&fault);
        state.reply(worker, |reply| reply.raw(&error));
        return Ok(());
    }
    Counters::add(&worker.counters.transactions, 1);
    let ticket = state.sequence.take(state.muted());
    state.writes = state.writes.wrapping_add(1);
    let target = Target::Session(Rc::clone(session), ticket, 0);
    lane.push_after(worker, state.db, 1 + queue.commands.len(), target, |out| {
        out.extend_from_slice(MULTI);
        out.extend_from_slice(&queue.bytes);
        out.extend_from_slice(EXEC);
    });
    Ok(())
}

/// Runs it where its keys are watched: the answer, `None` if a watched key was changed.
pub(super) async fn run(worker: &Rc<Worker>, mut parts: Parts) -> Result<Option<Vec<u8>>, Vec<u8>> {
    Counters::add(&worker.counters.transactions, 1);
    let resp = parts.resp;
    let Some(stream) = parts.streams.first_mut() else { return Ok(parts.assemble(&[])) };
    let bytes = [MULTI, &stream.requests.bytes, EXEC].concat();
    let (count, db) = (stream.requests.count + 2, stream.requests.first_db.unwrap_or(0));
    let member = Rc::clone(&stream.member);
    let asked = until_led(worker.timeout(), async || {
        let answers = ask(worker, stream, db, &bytes, count).await;
        match answers {
            // Nobody knows whether the keys were changed at the server that leads now.
            Err(Fault::Turned) if stream.is_watched => return Ok(None),
            Err(Fault::Turned) => stream.renew(resp).await?,
            _ => {}
        }
        answers.map(Some)
    });
    let Some(answers) = asked.await.map_err(|fault| member.fault(&fault))? else { return Ok(None) };
    let link = &mut stream.link;
    link.in_use = false;
    if stream.requests.db != db {
        link.forget_db();
    }
    let answer = answers.last().map(Vec::as_slice).unwrap_or_default();
    if answer.starts_with(b"-") {
        return Err(refused(&answers));
    }
    if is_null(answer) {
        return Ok(None);
    }
    let odd = || member.fault(&Fault::Lost(format!("EXEC was answered by {}", said(answer))));
    let whole = elements(answer).and_then(|elements| parts.assemble(&[elements])).ok_or_else(odd)?;
    Ok(Some(whole))
}

async fn ask(
    worker: &Worker,
    stream: &mut Stream,
    db: u8,
    bytes: &[u8],
    count: usize,
) -> Result<Vec<Vec<u8>>, Fault> {
    let link = &mut stream.link;
    let asked = async {
        link.select(db).await?;
        link.in_use = true;
        link.exchange(bytes, count).await
    };
    within(worker.timeout(), asked).await
}

/// EXEC's error, with what the first command that was refused heard.
fn refused(answers: &[Vec<u8>]) -> Vec<u8> {
    let (Some(last), queued) = (answers.last(), &answers[..answers.len() - 1]) else { return Vec::new() };
    match queued.iter().find(|answer| answer.starts_with(b"-")) {
        Some(error) if last.starts_with(b"-EXECABORT") => {
            fault::line(&format!("EXECABORT Transaction discarded because of: {}", said(error)))
        }
        _ => last.clone(),
    }
}

/// Redis's nothing, in either version of the protocol.
pub(crate) fn is_null(answer: &[u8]) -> bool {
    matches!(answer, b"*-1\r\n" | b"_\r\n" | b"$-1\r\n")
}
