//! Requests whose keys belong to several members: split into one part for each member, and the parts' answers joined.

pub(crate) mod join;

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::rc::Rc;

use ringtail_cluster::slot_of;
use ringtail_protocol::command::{Join, keys};
use ringtail_protocol::reply::Reply;

use crate::lane::{Lane, Refusal};
use crate::member::Member;
use crate::otel::Gathered;
use crate::pending::Target;
use crate::retry;
use crate::route::{self, Request};
use crate::see::Mark;
use crate::sequence::Ticket;
use crate::session::{Hold, Session, State};
use crate::worker::Worker;

/// A request that waits for the answers of its parts.
pub(crate) struct Gather {
    session: Rc<Session>,
    ticket: Ticket,
    join: Join,
    mark: Mark,
    /// What is told of it, if it is traced.
    pub(crate) traced: Gathered,
    answers: RefCell<Answers>,
}

/// The parts' answers so far.
pub(crate) struct Answers {
    waiting: usize,
    /// One for each part; empty until it comes.
    parts: Vec<Answer>,
    /// For each key of the request, in its order, the part that it went to.
    order: Vec<u16>,
}

pub(crate) struct Answer {
    member: Rc<Member>,
    bytes: Vec<u8>,
}

/// The keys of a request that one member owns.
struct Part {
    lane: Rc<Lane>,
    /// Where each key stands among the arguments.
    keys: Vec<usize>,
}

/// The parts of a request, and for each key the part that it is in.
struct Split {
    parts: Vec<Part>,
    order: Vec<u16>,
    /// How many arguments belong to each key, itself included.
    width: usize,
}

/// Sends each member its part; as it is, if one owns all keys.
pub(crate) fn split(
    worker: &Rc<Worker>,
    session: &Rc<Session>,
    state: &mut State,
    request: Request<'_>,
    join: Join,
) -> Result<(), Hold> {
    if request.raw.is_some_and(|raw| raw.len() >= worker.large()) && state.lane != worker.last_lane() {
        if !state.sequence.is_empty() {
            return Err(Hold::Drain);
        }
        // It has to be whole to be split. At least nobody's small request stands behind its parts.
        state.lane = worker.last_lane();
    }
    let Some(split) = Split::of(worker, state, &request) else {
        // Malformed (MSET with an odd argument): a member says best what is wrong.
        return route::to_slot(worker, session, state, request, 0);
    };
    if let [part] = &split.parts[..] {
        return route::to_lane(worker, session, state, request, &part.lane);
    }
    split.wait_for_room(session, state.db)?;
    let ticket = state.sequence.take(state.muted());
    let gather = Rc::new(Gather::new(worker, Rc::clone(session), ticket, join, &split));
    let mut faults = Vec::new();
    for (index, part) in split.parts.iter().enumerate() {
        match part.lane.admits(state.db) {
            Err(Refusal::Fault(fault)) => faults.push((index, part.lane.member.fault(&fault))),
            _ => {
                let mut target = Target::Part(Rc::clone(&gather), index as u32);
                if worker.retries() > 0 && state.tracking.is_none() {
                    let write = |out: &mut Vec<u8>| part.write(&request, split.width, out);
                    target = retry::target(worker, session, state, &request, target, write);
                }
                state.announce(worker, &part.lane);
                part.lane.push(worker, state.db, target, |out| part.write(&request, split.width, out));
            }
        }
    }
    for (index, fault) in faults {
        if let Some(answer) = gather.note(worker, index, &fault) {
            state.answer(worker, ticket, &answer);
        }
    }
    Ok(())
}

impl Answers {
    /// All answers, with the part that each key of the request went to.
    pub(crate) fn complete(parts: Vec<(Rc<Member>, Vec<u8>)>, order: Vec<u16>) -> Self {
        let parts = parts.into_iter().map(|(member, bytes)| Answer { member, bytes }).collect();
        Self { waiting: 0, parts, order }
    }
}

impl Split {
    fn of(worker: &Rc<Worker>, state: &mut State, request: &Request<'_>) -> Option<Self> {
        let topology = worker.topology();
        let width = usize::try_from(request.command.range.step).ok().filter(|width| *width > 0)?;
        if !(request.args.len() - 1).is_multiple_of(width) {
            return None;
        }
        let mut split = Self { parts: Vec::new(), order: Vec::new(), width };
        let mut part_of = vec![u16::MAX; topology.members().len()];
        for key in keys(request.command, &request.args) {
            let slot = slot_of(&request.args[key]);
            let part = &mut part_of[topology.owner_index(slot)];
            if *part == u16::MAX {
                *part = split.parts.len() as u16;
                let lane = state.lane_for(worker, request, slot)?;
                split.parts.push(Part { lane, keys: Vec::new() });
            }
            split.parts[usize::from(*part)].keys.push(key);
            split.order.push(*part);
        }
        (!split.parts.is_empty()).then_some(split)
    }

    /// All parts are sent, or none yet.
    fn wait_for_room(&self, session: &Rc<Session>, db: u8) -> Result<(), Hold> {
        let full = self.parts.iter().find(|part| matches!(part.lane.admits(db), Err(Refusal::Full)));
        full.map_or(Ok(()), |part| {
            part.lane.wait_for_room(session);
            Err(Hold::Lane)
        })
    }
}

impl Part {
    /// Writes the request with this part's keys, and what belongs to them.
    fn write(&self, request: &Request<'_>, width: usize, out: &mut Vec<u8>) {
        let mut part = Reply::new(out, ringtail_protocol::reply::Resp::V2);
        part.array(1 + self.keys.len() * width);
        part.bulk(&request.args[0]);
        for key in &self.keys {
            for at in *key..*key + width {
                part.bulk(&request.args[at]);
            }
        }
    }
}

impl Gather {
    fn new(worker: &Worker, session: Rc<Session>, ticket: Ticket, join: Join, split: &Split) -> Self {
        let answer = |part: &Part| Answer { member: Rc::clone(&part.lane.member), bytes: Vec::new() };
        let parts: Vec<Answer> = split.parts.iter().map(answer).collect();
        let answers = Answers { waiting: parts.len(), parts, order: split.order.clone() };
        Self {
            session,
            ticket,
            join,
            mark: worker.eyes.mark(),
            traced: Gathered::begin(worker),
            answers: RefCell::new(answers),
        }
    }

    /// Whose request it is.
    pub(crate) fn session(&self) -> &Rc<Session> {
        &self.session
    }

    /// The answer to one part has come.
    pub(crate) fn answer(&self, worker: &Worker, part: usize, answer: &[u8]) {
        if let Some(answer) = self.note(worker, part, answer) {
            self.session.answer(worker, self.ticket, &answer);
        }
    }

    /// Keeps the answer to a part; the answer to all once it is the last.
    fn note(&self, worker: &Worker, part: usize, answer: &[u8]) -> Option<Vec<u8>> {
        let mut answers = self.answers.borrow_mut();
        answer.clone_into(&mut answers.parts[part].bytes);
        answers.waiting -= 1;
        (answers.waiting == 0).then(|| {
            let answer = join::join(&answers, self.join);
            self.count(worker, &answer);
            answer
        })
    }

    /// Counts the whole request; its parts were counted with their members.
    fn count(&self, worker: &Worker, answer: &[u8]) {
        self.traced.end(worker, self.mark, &self.session.client, answer);
        if worker.eyes.is_on() {
            worker.count(self.mark, self.mark.age(worker.turn.micros()), 1, None);
            if let Some(error) = answer.strip_prefix(b"-") {
                worker.count_failed(self.mark, error);
            }
        }
    }
}
