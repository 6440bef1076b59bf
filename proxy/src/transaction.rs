//! MULTI, EXEC, DISCARD, WATCH, UNWATCH: one server's transactions over a pool.
//!
//! ```text
//! MULTI        queue            +OK, then +QUEUED for each command: nothing is sent before EXEC
//! EXEC         one::send        all keys on one member, none watched: MULTI … EXEC as one piece on the shared lane
//!              own::answer      else the session's task does it, on dedicated connections:
//!                one::run         one member: MULTI … EXEC where its keys are watched
//!                many::run        several: RINGTAIL TRYLOCK on all at once, or LOCK in the order of their names; then RINGTAIL EXEC on all
//! RENAME a b …  across           one command over keys of several members, under the same locks
//! WATCH        watch            on a dedicated connection to each owner, kept until EXEC, DISCARD or UNWATCH
//! ```

pub(crate) mod across;
mod lock;
mod many;
mod one;
mod parts;
mod queue;
mod watch;

use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use ringtail_protocol::command::CommandId;
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::reply::Reply;
use ringtail_protocol::request::OwnedRequest;
use tokio::task::spawn_local;

use crate::fault;
use crate::route::{self, Request};
use crate::script;
use crate::session::{Hold, Session, State};
use crate::whole::Question;
use crate::worker::Worker;

pub(crate) use one::is_null;
pub(crate) use parts::elements;
use queue::Queue;
pub(crate) use queue::queue;
use watch::Watch;
pub(crate) use watch::{watch, within};

/// What a session has begun.
#[derive(Default)]
pub(crate) struct Transaction {
    /// The commands since MULTI.
    queue: Option<Queue>,
    /// The keys that are watched, by member.
    watches: Vec<Watch>,
}

/// Has CLIENT LIST know of it.
#[inline]
pub(crate) fn tell(state: &State) {
    let queue = state.transaction.as_ref().and_then(|transaction| transaction.queue.as_ref());
    let client = &state.client;
    client.queued.store(queue.map_or(-1, |queue| queue.commands.len() as i64), Relaxed);
}

/// Bytes that are held for the commands that are queued.
#[inline]
pub(crate) fn queued_bytes(state: &State) -> usize {
    let queue = state.transaction.as_ref().and_then(|transaction| transaction.queue.as_ref());
    queue.map_or(0, |queue| queue.bytes.capacity())
}

/// Whether commands are queued.
#[inline]
pub(crate) fn is_open(state: &State) -> bool {
    state.transaction.as_ref().is_some_and(|transaction| transaction.queue.is_some())
}

/// Whether it is not queued.
pub(crate) fn runs_at_once(request: &Request<'_>) -> bool {
    use CommandId::{Discard, Exec, Multi, Quit, Reset, Watch};
    matches!(request.command.id, Discard | Exec | Multi | Quit | Reset | Watch)
}

/// A command could not be queued, so none will run.
#[inline]
pub(crate) fn spoil(state: &mut State) {
    if let Some(queue) = state.transaction.as_mut().and_then(|transaction| transaction.queue.as_mut()) {
        queue.aborted = true;
    }
}

/// Runs one of these commands.
pub(crate) fn run(
    worker: &Rc<Worker>,
    session: &Rc<Session>,
    state: &mut State,
    request: &Request<'_>,
) -> Result<(), Hold> {
    let done = match request.command.id {
        CommandId::Multi => multi(worker, state),
        CommandId::Exec => return exec_or_ask(worker, session, state),
        CommandId::Discard => return discard(worker, state),
        CommandId::Watch if is_open(state) => Err(errors::WATCH_IN_MULTI),
        CommandId::Unwatch if state.transaction.is_none() => {
            state.reply(worker, |reply| reply.ok());
            Ok(())
        }
        _ => return Err(route::own(state)),
    };
    if let Err(error) = done {
        state.reply(worker, |reply| reply.error(&error));
    }
    Ok(())
}

fn multi(worker: &Worker, state: &mut State) -> Result<(), Error> {
    if is_open(state) {
        return Err(errors::NESTED_MULTI);
    }
    state.transaction.get_or_insert_default().queue = Some(Queue::new(state.db));
    state.reply(worker, |reply| reply.ok());
    Ok(())
}

/// EXEC on the lane if that will do, else by the session's task.
fn exec_or_ask(worker: &Rc<Worker>, session: &Rc<Session>, state: &mut State) -> Result<(), Hold> {
    if !is_open(state) {
        state.reply(worker, |reply| reply.error(&errors::EXEC_WITHOUT_MULTI));
        return Ok(());
    }
    match one::owner(worker, state) {
        Some(slot) => one::send(worker, session, state, slot),
        None => Err(route::own(state)),
    }
}

fn discard(worker: &Worker, state: &mut State) -> Result<(), Hold> {
    if !is_open(state) {
        state.reply(worker, |reply| reply.error(&errors::DISCARD_WITHOUT_MULTI));
        return Ok(());
    }
    if state.transaction.as_ref().is_some_and(|transaction| !transaction.watches.is_empty()) {
        return Err(route::own(state));
    }
    state.transaction = None;
    state.reply(worker, |reply| reply.ok());
    Ok(())
}

/// EXEC, by the session's task. It goes on when the client leaves: what is half done is to be ended.
pub(crate) async fn exec(worker: &Rc<Worker>, session: &Rc<Session>, question: &Question) -> Vec<u8> {
    let Some(transaction) = session.take_transaction() else {
        return fault::line(errors::EXEC_WITHOUT_MULTI.text());
    };
    let (worker, resp) = (Rc::clone(worker), question.resp);
    let run = spawn_local(async move { exec_all(&worker, *transaction, resp).await });
    match run.await {
        Ok((answer, db)) => {
            if let Some(db) = db {
                session.select(db);
            }
            answer
        }
        Err(_) => fault::line(errors::INTERNAL.text()),
    }
}

/// The answer, and the database that is selected after it.
async fn exec_all(
    worker: &Rc<Worker>,
    transaction: Transaction,
    resp: ringtail_protocol::reply::Resp,
) -> (Vec<u8>, Option<u8>) {
    let Transaction { queue, watches } = transaction;
    let Some(queue) = queue else { return (fault::line(errors::EXEC_WITHOUT_MULTI.text()), None) };
    if queue.aborted {
        watch::unwatch(watches).await;
        return (fault::line(errors::EXEC_ABORT.text()), None);
    }
    let db = queue.db;
    let parts = match parts::Parts::of(worker, &queue, watches, resp).await {
        Ok(parts) => parts,
        Err(answer) => return (answer, None),
    };
    let answer = match parts.streams.len() {
        0 | 1 => one::run(worker, parts).await,
        _ => many::run(worker, parts).await,
    };
    match answer {
        Ok(Some(answer)) => (answer, Some(db)),
        Ok(None) => (nothing(resp), None),
        Err(error) => (error, None),
    }
}

/// Queues a script that is asked for by a name that the proxy does not know, once it has looked for it: afterwards it could not be
/// brought to the member any more.
pub(crate) async fn queue_script(worker: &Rc<Worker>, session: &Rc<Session>, question: &Question) -> Vec<u8> {
    script::know(worker, &question.words[1]).await;
    let words = OwnedRequest::new(question.words.iter().map(Vec::as_slice));
    let request = Request { command: question.id.command(), args: words.args(), raw: None };
    let Some(mut transaction) = session.take_transaction() else {
        return fault::line(errors::INTERNAL.text());
    };
    let taken = transaction.queue.as_mut().map(|queue| queue.take(worker, &request));
    session.keep_transaction(transaction);
    match taken {
        Some(Err(error)) => fault::line(error.text()),
        _ => b"+QUEUED\r\n".to_vec(),
    }
}

/// What EXEC answers when a watched key was changed.
fn nothing(resp: ringtail_protocol::reply::Resp) -> Vec<u8> {
    let mut out = Vec::new();
    Reply::new(&mut out, resp).null_array();
    out
}

/// DISCARD and UNWATCH where keys are watched, by the session's task.
pub(crate) async fn give_up(session: &Rc<Session>) -> Vec<u8> {
    if let Some(transaction) = session.take_transaction() {
        watch::unwatch(transaction.watches).await;
    }
    b"+OK\r\n".to_vec()
}
