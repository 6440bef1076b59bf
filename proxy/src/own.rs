//! What one session has for itself: a connection to a member, for as long as it waits, watches, or runs a transaction.
//!
//! The session's task does these requests itself, with nothing else of the session on its way, and goes on watching its
//! client meanwhile: a client that leaves while it waits must not be given an element that then is lost.

mod blocking;
mod put_back;

#[cfg(test)]
mod tests;

use std::ops::{Deref, DerefMut};
use std::rc::Rc;

use deadpool::managed::Object;
use ringtail_protocol::command::{CommandId, Group, PoolRule};
use tokio::time::timeout;

use crate::clients::{Client, Unblock};
use crate::link::{Dialer, Link};
use crate::pubsub;
use crate::script;
use crate::session::Session;
use crate::tracking;
use crate::transaction::{self, across};
use crate::whole::{self, Question};
use crate::worker::Worker;

/// A dedicated connection. It goes back to its pool only if nothing is owed on it; else it is closed, so that the server
/// knows at once that nobody waits any more.
pub(crate) struct Held(Option<Object<Dialer>>);

impl Held {
    pub(crate) fn new(link: Object<Dialer>) -> Self {
        Self(Some(link))
    }

    /// The connection alone, which its pool has no part in any more.
    pub(crate) fn leave_pool(mut self) -> Link {
        self.0.take().map(Object::take).unwrap_or_else(|| unreachable!("it is given back in drop alone"))
    }
}

impl Deref for Held {
    type Target = Link;

    fn deref(&self) -> &Link {
        self.0.as_ref().unwrap_or_else(|| unreachable!("it is given back in drop alone"))
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut Link {
        self.0.as_mut().unwrap_or_else(|| unreachable!("it is given back in drop alone"))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(link) = self.0.take()
            && !link.owes_nothing()
        {
            drop(Object::take(link));
        }
    }
}

/// Whether the client's leaving ends the request: it waits for something that may come late or never.
pub(crate) fn waits(question: &Question) -> bool {
    question.id.command().pool == PoolRule::Waits || question.blocks
}

/// The client has left, and what its request waited for may come all the same: the member is asked to end the waiting, and what it
/// took until then is put back.
pub(crate) async fn leave(
    worker: &Rc<Worker>,
    client: &Client,
    question: &Question,
    waiting: impl Future<Output = Vec<u8>>,
) {
    client.unblock(Unblock::Timeout);
    if let Ok(answer) = timeout(worker.timeout(), waiting).await {
        put_back::put_back(worker, question, &answer).await;
    }
}

/// The answer came for a client that has left.
pub(crate) async fn put_back(worker: &Rc<Worker>, question: &Question, answer: &[u8]) {
    put_back::put_back(worker, question, answer).await;
}

/// The answer to a request that the session's task does itself.
pub(crate) async fn answer(worker: &Rc<Worker>, session: &Rc<Session>, question: &Question) -> Vec<u8> {
    match question.id {
        CommandId::Exec => transaction::exec(worker, session, question).await,
        CommandId::Watch => transaction::watch(worker, session, question).await,
        CommandId::Unwatch | CommandId::Discard => transaction::give_up(session).await,
        CommandId::ClientTracking => tracking::run(worker, session, question).await,
        CommandId::Evalsha | CommandId::EvalshaRo if session.is_queueing() => {
            transaction::queue_script(worker, session, question).await
        }
        CommandId::Publish | CommandId::Spublish => pubsub::publish_behind(worker, question).await,
        _ if question.id.command().pool == PoolRule::Script => script::run(worker, question).await,
        _ if question.id.command().group == Group::Scripting => script::answer(worker, question).await,
        _ if waits(question) => blocking::wait(worker, session, question).await,
        _ if matches!(question.id.command().pool, PoolRule::Keys | PoolRule::Options) => {
            across::run(worker, question).await
        }
        _ => whole::answer(worker, question).await,
    }
}
