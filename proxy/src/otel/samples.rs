//! Requests in lanes that were drawn and have no answers yet.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;

use super::error::kind_of;
use super::facts::{Answered, Sent, error_of};
use super::span::{Asked, Span, Times};
use crate::clients::Client;
use crate::pending::Target;
use crate::see::Mark;
use crate::worker::Worker;

/// What became of the parts of a request that was split.
#[derive(Default)]
struct Parts {
    db: Cell<u8>,
    asked: RefCell<Vec<Asked>>,
}

/// A request that was drawn.
struct Sample {
    sent: Sent,
    whose: Whose,
}

enum Whose {
    Client(SocketAddr),
    Part(Rc<Parts>),
}

/// Those of one lane, in the order of their numbers.
#[derive(Default)]
pub(crate) struct Samples(VecDeque<Sample>);

impl Samples {
    /// Notes the request that is pushed to the lane, if it is drawn.
    #[inline]
    pub(crate) fn note(&mut self, worker: &Worker, target: &Target, about: impl FnOnce() -> Sent) {
        if let Some(whose) = whose(worker, target) {
            self.0.push_back(Sample { sent: about(), whose });
        }
    }

    /// Whether the answer of this number belongs to one of them.
    #[inline]
    pub(crate) fn is_due(&self, number: u64) -> bool {
        self.0.front().is_some_and(|sample| sample.sent.number == number)
    }

    /// The request of this number is answered, if it is one of them.
    #[inline]
    pub(crate) fn end<'a>(&mut self, worker: &Worker, number: u64, how: impl FnOnce() -> Answered<'a>) {
        if self.0.is_empty() {
            return;
        }
        let index = self.0.iter().position(|sample| sample.sent.number == number);
        if let Some(sample) = index.and_then(|index| self.0.remove(index)) {
            sample.end(worker, &how());
        }
    }

    /// None of them will be answered.
    pub(crate) fn end_all<'a>(&mut self, worker: &Worker, how: impl Fn(u64) -> Answered<'a>) {
        for sample in self.0.drain(..) {
            let number = sample.sent.number;
            sample.end(worker, &how(number));
        }
    }
}

impl Sample {
    #[cold]
    fn end(self, worker: &Worker, answered: &Answered<'_>) {
        let Sent { mark, db, size, .. } = self.sent;
        let asked = Asked::of(answered, mark.age(answered.now), size);
        match self.whose {
            Whose::Part(parts) => {
                parts.db.set(db);
                parts.asked.borrow_mut().push(asked);
            }
            Whose::Client(peer) => worker.traces.end(Span {
                command: mark.command(),
                peer,
                db,
                member: Some(asked.member.clone()),
                times: Times::last(mark.age(answered.now)),
                request: asked.request,
                reply: asked.reply,
                error: asked.error,
                asked: vec![asked],
            }),
        }
    }
}

/// Whose request it is, if it is drawn.
#[inline]
fn whose(worker: &Worker, target: &Target) -> Option<Whose> {
    match target {
        Target::Part(gather, _) => gather.traced.0.as_ref().map(|parts| Whose::Part(Rc::clone(parts))),
        // What the worker is at while it is sent again is another request.
        Target::Retry(retry) if retry.left < worker.retries() => None,
        Target::Retry(retry) => whose(worker, &retry.target),
        Target::Session(session, ..) => worker.traces.draws().then(|| Whose::Client(session.client.peer)),
        Target::Published(publication) => {
            worker.traces.draws().then(|| Whose::Client(publication.session().client.peer))
        }
        Target::Skip | Target::Select(_) | Target::Caching(_) | Target::Expired => None,
    }
}

/// The parts of a request that is split, if it is drawn.
pub(crate) struct Gathered(Option<Rc<Parts>>);

impl Gathered {
    pub(crate) fn begin(worker: &Worker) -> Self {
        Self(worker.traces.draws().then(Rc::default))
    }

    /// The whole request is answered.
    #[inline]
    pub(crate) fn end(&self, worker: &Worker, mark: Mark, client: &Client, answer: &[u8]) {
        let Some(parts) = &self.0 else { return };
        worker.traces.end(Span {
            command: mark.command(),
            peer: client.peer,
            db: parts.db.get(),
            member: None,
            times: Times::last(mark.age(worker.turn.micros())),
            request: None,
            reply: Some(answer.len()),
            error: error_of(answer).map(kind_of),
            asked: parts.asked.take(),
        });
    }
}
