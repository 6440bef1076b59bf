//! A worker's subscriptions: which of its sessions get which messages, and which members are to send them.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use ringtail_cluster::slot_of;
use ringtail_net::outbox::Frame;
use tokio::sync::oneshot;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep, timeout_at};

use super::feed::{Feed, Outcome};
use super::{Kind, Name};
use crate::fault::Fault;
use crate::limits;
use crate::member::Member;
use crate::session::Session;
use crate::worker::Worker;

/// A channel or pattern that somebody is subscribed to, or is about to be.
#[derive(Default)]
struct Topic {
    /// By the clients' numbers.
    subscribers: BTreeMap<u64, Rc<Session>>,
    /// Sessions that wait for its confirmation.
    joining: usize,
}

impl Topic {
    fn is_empty(&self) -> bool {
        self.subscribers.is_empty() && self.joining == 0
    }
}

/// All topics of a worker, and its links to members.
#[derive(Default)]
pub(crate) struct Hub {
    topics: RefCell<[HashMap<Name, Topic>; 3]>,
    feeds: RefCell<Vec<Rc<Feed>>>,
}

impl Hub {
    /// Changes a topic; the members forget it when nobody wants it any more.
    fn change(&self, kind: Kind, name: &Name, change: impl FnOnce(&mut Topic)) {
        let mut topics = self.topics.borrow_mut();
        let topics = &mut topics[kind as usize];
        let topic = topics.entry(Rc::clone(name)).or_default();
        change(topic);
        let (count, over) = (topic.subscribers.len(), topic.is_empty());
        if over {
            topics.remove(name);
        }
        for feed in self.feeds.borrow().iter() {
            if over { feed.unwant(kind, name) } else { feed.count(kind, name, count) }
        }
    }

    /// From now on the session gets the topic's messages.
    pub(crate) fn add(&self, kind: Kind, name: &Name, session: &Rc<Session>) {
        let id = session.client.id;
        self.change(kind, name, |topic| drop(topic.subscribers.insert(id, Rc::clone(session))));
    }

    /// From now on the client does not.
    pub(crate) fn remove(&self, kind: Kind, name: &Name, client: u64) {
        self.change(kind, name, |topic| drop(topic.subscribers.remove(&client)));
    }

    /// Passes a message on to the topic's subscribers.
    pub(super) fn deliver(&self, worker: &Worker, kind: Kind, name: &[u8], message: &[u8]) {
        let topics = self.topics.borrow();
        let Some(topic) = topics[kind as usize].get(name) else { return };
        let mut frames = Frames { message, v2: None, v3: None };
        for session in topic.subscribers.values() {
            session.push(worker, frames.frame(session.client.speaks_resp3()));
        }
    }

    /// A feed has begun.
    pub(super) fn began(&self, feed: &Rc<Feed>) {
        self.feeds.borrow_mut().push(Rc::clone(feed));
    }

    /// A feed has ended.
    pub(super) fn ended(&self, feed: &Rc<Feed>) {
        self.feeds.borrow_mut().retain(|other| !Rc::ptr_eq(other, feed));
    }

    /// Follows a new topology: asks the members that have topics now, and after a while has the others forget them. Until then
    /// who publishes by the old topology is heard too; since a message goes to one member alone, none comes twice.
    pub(crate) fn move_to(&self, worker: &Rc<Worker>) {
        let topics: Vec<(Kind, Name)> = self.all();
        let moved = topics.iter().filter(|(kind, name)| want(worker, *kind, name) > 0).count();
        if moved > 0 {
            tracing::info!(
                moved,
                "subscriptions follow the new topology; messages that proxies publish by the old one for longer than {:?} are lost",
                limits::LINGER
            );
        }
        if !self.feeds.borrow().is_empty() {
            let worker = Rc::clone(worker);
            spawn_local(async move {
                sleep(limits::LINGER).await;
                worker.hub.trim(&worker);
            });
        }
    }

    fn all(&self) -> Vec<(Kind, Name)> {
        let topics = self.topics.borrow();
        let names = |kind: Kind| topics[kind as usize].keys().map(move |name| (kind, Rc::clone(name)));
        Kind::ALL.into_iter().flat_map(names).collect()
    }

    /// Has members forget what they are not asked for any more.
    fn trim(&self, worker: &Worker) {
        for feed in self.feeds.borrow().iter() {
            feed.retain(|kind, name| has(worker, &feed.member, kind, name));
        }
    }
}

/// Whether the member is to send the topic's messages.
fn has(worker: &Worker, member: &Rc<Member>, kind: Kind, name: &[u8]) -> bool {
    match kind.is_everywhere(name) {
        true => !member.retired.get(),
        false => worker.owner(slot_of(name)).is_some_and(|owner| Rc::ptr_eq(&owner, member)),
    }
}

/// The members that are to send the topic's messages.
fn homes(worker: &Worker, kind: Kind, name: &[u8]) -> Vec<Rc<Member>> {
    match kind.is_everywhere(name) {
        true => worker.members(),
        false => worker.owner(slot_of(name)).into_iter().collect(),
    }
}

/// Asks the topic's members for it; how many were not asked before.
fn want(worker: &Rc<Worker>, kind: Kind, name: &Name) -> usize {
    let count =
        worker.hub.topics.borrow()[kind as usize].get(name).map_or(0, |topic| topic.subscribers.len());
    let homes = homes(worker, kind, name);
    homes.iter().filter(|home| home.feed(worker).want(kind, name, count)).count()
}

/// A session that waits until a topic's members have confirmed it. The topic is kept for as long as this lives.
pub(crate) struct Join {
    worker: Rc<Worker>,
    pub(crate) kind: Kind,
    pub(crate) name: Name,
    waits: Vec<(Rc<Member>, Option<oneshot::Receiver<Outcome>>)>,
    /// All workers know that it waits.
    told: bool,
}

impl Join {
    /// Asks the topic's members for it, unless they were asked before.
    pub(crate) fn begin(worker: &Rc<Worker>, kind: Kind, name: &[u8]) -> Self {
        let name = Name::from(name);
        worker.hub.change(kind, &name, |topic| topic.joining += 1);
        want(worker, kind, &name);
        let wait = |home: Rc<Member>| {
            let receiver = home.feed(worker).confirmation(kind, &name);
            (home, receiver)
        };
        let waits: Vec<_> = homes(worker, kind, &name).into_iter().map(wait).collect();
        let told = waits.iter().any(|(_, receiver)| receiver.is_some());
        if told {
            worker.shared.joining.begin(kind, &name);
        }
        Self { worker: Rc::clone(worker), kind, name, waits, told }
    }

    /// Waits for the confirmations. Where all members are asked one will do: of one that is down nobody gets messages, and
    /// it is asked again when it is back.
    ///
    /// # Errors
    /// An error reply: no member confirmed in time.
    pub(crate) async fn confirmed(&mut self, deadline: Instant) -> Result<(), Vec<u8>> {
        let (mut result, mut confirmed) = (Ok(()), false);
        for (member, receiver) in self.waits.drain(..) {
            let outcome = match receiver {
                None => Ok(()),
                Some(receiver) => match timeout_at(deadline, receiver).await {
                    Ok(Ok(outcome)) => outcome,
                    Ok(Err(_)) => Err(member.fault(&Fault::Lost("its subscriptions have ended".into()))),
                    Err(_) => Err(member.fault(&Fault::Late(self.worker.timeout()))),
                },
            };
            confirmed |= outcome.is_ok();
            result = result.and(outcome);
        }
        if confirmed { Ok(()) } else { result }
    }
}

impl Drop for Join {
    fn drop(&mut self) {
        self.worker.hub.change(self.kind, &self.name, |topic| topic.joining -= 1);
        if self.told {
            self.worker.shared.joining.end(self.kind, &self.name);
        }
    }
}

/// A message in both versions of the protocol, each made when it is first needed. All who get it share its bytes.
struct Frames<'a> {
    message: &'a [u8],
    v2: Option<Frame>,
    v3: Option<Frame>,
}

impl Frames<'_> {
    /// The versions differ in the first byte: messages hold nothing but strings.
    fn frame(&mut self, resp3: bool) -> &Frame {
        let (frame, first) = if resp3 { (&mut self.v3, b'>') } else { (&mut self.v2, b'*') };
        frame.get_or_insert_with(|| {
            let mut bytes = self.message.to_vec();
            bytes[0] = first;
            bytes.into()
        })
    }
}
