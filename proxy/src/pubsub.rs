//! Publish and subscribe over the pool.
//!
//! ```text
//! SUBSCRIBE    Session::ask -> run -> Join             waits until the members confirm
//!              Hub: who is subscribed, of this worker   a channel lives on the member that owns its name's slot;
//!              Feed: a worker's link to one member      patterns, and the channels of keys' events, on all of them
//! a message    Feed -> Hub::deliver -> Session::push    into the outbox, which is written between answers
//! PUBLISH      publish, or publish_behind while such a subscription waits (Joining)
//!              -> the owner's lane -> Publication, which adds those whom the member counted as one
//! ```

mod audience;
mod feed;
mod hub;
mod joining;

#[cfg(test)]
mod tests;

use std::rc::Rc;

use ringtail_cluster::slot_of;
use ringtail_protocol::command::{Command, CommandId};
use ringtail_protocol::errors::{self, Error, subscribers_only};
use ringtail_protocol::number::parse_i64;
use ringtail_protocol::reply::{Reply, Resp};
use tokio::time::{Instant, timeout};

use crate::fault;
use crate::limits;
use crate::member::Member;
use crate::pending::Target;
use crate::route::{self, Request};
use crate::sequence::Ticket;
use crate::session::{Hold, Session, State};
use crate::whole::Question;
use crate::worker::Worker;

pub(crate) use audience::Audience;
pub(crate) use feed::Feed;
pub(crate) use hub::{Hub, Join};
pub(crate) use joining::Joining;

/// What a client can subscribe to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// SUBSCRIBE
    Channel,
    /// PSUBSCRIBE
    Pattern,
    /// SSUBSCRIBE
    Shard,
}

/// The name of a channel, or a pattern.
pub(crate) type Name = Rc<[u8]>;

/// Channels of keys' events: every member has its own keys' events.
const KEY_EVENTS: &[u8] = b"__key";

const TOO_MANY: Error = Error::fixed("ERR this connection has as many subscriptions as one may have");

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Channel, Self::Pattern, Self::Shard];

    /// Whether its messages come from every member.
    fn is_everywhere(self, name: &[u8]) -> bool {
        self == Self::Pattern || (self == Self::Channel && name.starts_with(KEY_EVENTS))
    }

    const fn subscribe(self) -> &'static [u8] {
        match self {
            Self::Channel => b"subscribe",
            Self::Pattern => b"psubscribe",
            Self::Shard => b"ssubscribe",
        }
    }

    const fn unsubscribe(self) -> &'static [u8] {
        match self {
            Self::Channel => b"unsubscribe",
            Self::Pattern => b"punsubscribe",
            Self::Shard => b"sunsubscribe",
        }
    }
}

/// The kind of subscription that a command begins (true) or ends, if it is such a command.
pub(crate) const fn subscribes(id: CommandId) -> Option<(Kind, bool)> {
    match id {
        CommandId::Subscribe => Some((Kind::Channel, true)),
        CommandId::Psubscribe => Some((Kind::Pattern, true)),
        CommandId::Ssubscribe => Some((Kind::Shard, true)),
        CommandId::Unsubscribe => Some((Kind::Channel, false)),
        CommandId::Punsubscribe => Some((Kind::Pattern, false)),
        CommandId::Sunsubscribe => Some((Kind::Shard, false)),
        _ => None,
    }
}

/// Refuses what a client with subscriptions can't ask for in RESP2.
#[cold]
pub(crate) fn check_subscriber(state: &State, command: &Command) -> Result<(), Error> {
    let id = command.executes();
    let allowed = matches!(id, CommandId::Ping | CommandId::Quit | CommandId::Reset);
    if allowed || subscribes(id).is_some() || state.client.speaks_resp3() {
        return Ok(());
    }
    Err(subscribers_only(command.full_name))
}

/// Runs SUBSCRIBE and its like, with nothing else of the session on its way.
pub(crate) async fn run(
    worker: &Rc<Worker>,
    session: &Rc<Session>,
    kind: Kind,
    begin: bool,
    words: &[Vec<u8>],
) {
    match begin {
        true => subscribe(worker, session, kind, words).await,
        false => session.change(|state| unsubscribe(worker, state, kind, words)),
    }
}

/// Asks for all, then waits for one after the other: a confirmation stands for a subscription that is in force. Its messages are kept
/// from before that, so that none is missed that comes right behind it, and the client gets them afterwards.
async fn subscribe(worker: &Rc<Worker>, session: &Rc<Session>, kind: Kind, names: &[Vec<u8>]) {
    let deadline = Instant::now() + worker.timeout();
    let joins: Vec<Join> = names.iter().map(|name| Join::begin(worker, kind, name)).collect();
    let (mut count, places) = session.change(|state| {
        state.joining = true;
        let count = state.confirmed_count(kind);
        (count, joins.iter().map(|join| Place::take(worker, state, session, join)).collect::<Vec<_>>())
    });
    for (mut join, place) in joins.into_iter().zip(places) {
        let outcome = if place == Place::New { join.confirmed(deadline).await } else { Ok(()) };
        session.change(|state| match (outcome, place) {
            (Ok(()), Place::Full) => state.tell(worker, |reply| reply.error(&TOO_MANY)),
            (Ok(()), _) => {
                count += usize::from(place == Place::New);
                confirm(worker, state, kind.subscribe(), Some(&join.name), count);
            }
            (Err(error), _) => {
                state.unsubscribe(worker, kind, &join.name);
                state.tell(worker, |reply| reply.raw(&error));
            }
        });
    }
    session.change(|state| state.joining = false);
}

/// What a name is to a session that asks for it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    New,
    Known,
    /// It has as many as it may have.
    Full,
}

impl Place {
    fn take(worker: &Worker, state: &mut State, session: &Rc<Session>, join: &Join) -> Self {
        if state.is_subscribed(join.kind, &join.name) {
            return Self::Known;
        }
        if state.subscription_count() >= limits::SUBSCRIPTIONS {
            return Self::Full;
        }
        state.subscribe(worker, session, join.kind, &join.name);
        Self::New
    }
}

fn unsubscribe(worker: &Worker, state: &mut State, kind: Kind, names: &[Vec<u8>]) {
    let all: Vec<Name> = match names {
        [] => state.subscribed_names(kind),
        names => names.iter().map(|name| Name::from(&name[..])).collect(),
    };
    if all.is_empty() {
        let count = state.confirmed_count(kind);
        return confirm(worker, state, kind.unsubscribe(), None, count);
    }
    for name in &all {
        state.unsubscribe(worker, kind, name);
        // What came before the end must not be seen after its confirmation.
        state.take_messages(worker, usize::MAX);
        let count = state.confirmed_count(kind);
        confirm(worker, state, kind.unsubscribe(), Some(name), count);
    }
}

fn confirm(worker: &Worker, state: &mut State, word: &[u8], name: Option<&[u8]>, count: usize) {
    state.tell(worker, |reply| {
        reply.push(3);
        reply.bulk(word);
        reply.bulk_or_null(name);
        reply.count(count);
    });
}

/// A message on its way to the owner of its channel, whose answer says how many got it.
pub(crate) struct Publication {
    session: Rc<Session>,
    ticket: Ticket,
    kind: Kind,
    channel: Box<[u8]>,
    member: Rc<Member>,
}

impl Publication {
    /// Whose message it is.
    pub(crate) fn session(&self) -> &Rc<Session> {
        &self.session
    }

    /// The member counts each of our links as one subscriber: those behind it are added.
    pub(crate) fn answer(&self, worker: &Worker, answer: &[u8]) {
        match correct(&self.member, self.kind, &self.channel, answer) {
            Some(corrected) => self.session.answer(worker, self.ticket, &corrected),
            None => self.session.answer(worker, self.ticket, answer),
        }
    }
}

/// A member's count of those who got a message, with those behind our links. `None` if it is no count.
fn correct(member: &Member, kind: Kind, channel: &[u8], answer: &[u8]) -> Option<Vec<u8>> {
    let count = answer.strip_prefix(b":").and_then(|line| parse_i64(line.strip_suffix(b"\r\n")?))?;
    let all = count + member.audience.of_message(kind, channel);
    let mut corrected = Vec::with_capacity(24);
    Reply::new(&mut corrected, Resp::V2).int(all.max(0));
    Some(corrected)
}

const fn published(id: CommandId) -> Kind {
    if matches!(id, CommandId::Spublish) { Kind::Shard } else { Kind::Channel }
}

/// PUBLISH and SPUBLISH, behind the subscriptions to the channel that wait to be confirmed.
pub(crate) async fn publish_behind(worker: &Rc<Worker>, question: &Question) -> Vec<u8> {
    let (kind, channel) = (published(question.id), &question.words[1]);
    let _ = timeout(worker.timeout(), worker.shared.joining.settled(kind, channel)).await;
    let Some(member) = worker.owner(slot_of(channel)) else { return fault::line(errors::INTERNAL.text()) };
    let words: Vec<&[u8]> = question.words.iter().map(Vec::as_slice).collect();
    match member.ask(question.db, &words).await {
        Ok(answer) => correct(&member, kind, channel, &answer).unwrap_or(answer),
        Err(fault) => member.fault(&fault),
    }
}

/// PUBLISH channel message, SPUBLISH shardchannel message
pub(crate) fn publish(
    worker: &Rc<Worker>,
    session: &Rc<Session>,
    state: &mut State,
    request: Request<'_>,
) -> Result<(), Hold> {
    let (kind, channel) = (published(request.command.id), &request.args[1]);
    if worker.shared.joining.concerns(kind, channel) {
        return Err(route::own(state));
    }
    let Some(lane) = worker.lane_of(slot_of(channel), state.resp, state.lane) else {
        return route::to_slot(worker, session, state, request, slot_of(channel));
    };
    if let Err(refusal) = lane.admits(state.db) {
        return route::refused(worker, session, state, &lane, refusal);
    }
    let publication = Publication {
        session: Rc::clone(session),
        ticket: state.sequence.take(state.muted()),
        kind,
        channel: channel.into(),
        member: Rc::clone(&lane.member),
    };
    lane.push(worker, state.db, Target::Published(Box::new(publication)), |out| request.write(out));
    Ok(())
}

impl Question {
    /// The kind of subscription that it begins or ends, if any.
    pub(crate) fn subscribes(&self) -> Option<(Kind, bool)> {
        subscribes(self.id)
    }
}
