//! A feed: a worker's subscriber link to one member, on which the messages of all its topics come.
//!
//! What is wanted is kept here and asked for again whenever the link had to be opened anew. Every request has exactly one answer
//! and they come in order, so that a confirmation is known to be that of a certain request.

mod serve;

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use ringtail_protocol::reply::write_request;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::{Audience, Kind, Name};
use crate::fault::{self, Fault};
use crate::limits;
use crate::member::Member;
use crate::worker::Worker;

/// How the member answered a wish to subscribe; the error is an error reply.
pub(crate) type Outcome = Result<(), Vec<u8>>;

/// Where a feed stands.
enum Phase {
    /// Not open, and not known to be impossible to open.
    Opening,
    Up,
    /// Could not be opened.
    Down(Arc<str>),
}

/// A topic that the member is to send.
struct Wanted {
    /// Which request asked for it last.
    serial: u64,
    /// The member has confirmed it.
    live: bool,
    /// Sessions of this worker.
    subscribers: usize,
    /// What the audience has of it.
    told: i64,
    waiting: Vec<oneshot::Sender<Outcome>>,
}

/// A request to the member.
enum Ask {
    Subscribe(Kind, Name, u64),
    Unsubscribe(Kind, Name),
    Ping,
}

struct Core {
    phase: Phase,
    wanted: [HashMap<Name, Wanted>; 3],
    serial: u64,
    unsent: VecDeque<Ask>,
    /// Sent and not answered.
    asked: VecDeque<Ask>,
    /// Wanted and not answered.
    missing: usize,
    /// Since when what had been confirmed is not in force.
    lost: Option<Instant>,
    /// Something came since the last look.
    heard: bool,
    /// Looks since when nothing came.
    silent: u32,
}

/// A worker's subscriptions at one member.
pub(crate) struct Feed {
    pub(crate) member: Rc<Member>,
    core: RefCell<Core>,
    changed: Notify,
}

impl Feed {
    /// A feed and its task. It connects when something is wanted.
    pub(crate) fn start(worker: &Rc<Worker>, member: &Rc<Member>) -> Rc<Self> {
        let feed = Rc::new(Self {
            member: Rc::clone(member),
            core: RefCell::new(Core::new()),
            changed: Notify::new(),
        });
        worker.hub.began(&feed);
        tokio::task::spawn_local(serve::supervise(Rc::clone(&feed), Rc::clone(worker)));
        feed
    }

    /// Asks for a topic, unless it was asked for before: whether it was not.
    pub(super) fn want(&self, kind: Kind, name: &Name, subscribers: usize) -> bool {
        let core = &mut *self.core.borrow_mut();
        if core.wanted[kind as usize].contains_key(name) {
            return false;
        }
        core.serial += 1;
        let (serial, waiting) = (core.serial, Vec::new());
        let wanted = Wanted { serial, live: false, subscribers, told: 0, waiting };
        core.wanted[kind as usize].insert(Rc::clone(name), wanted);
        if let Phase::Up = core.phase {
            core.missing += 1;
            core.unsent.push_back(Ask::Subscribe(kind, Rc::clone(name), serial));
        }
        self.changed.notify_one();
        true
    }

    /// Where it will be said that the member has confirmed the topic; `None` if it has.
    pub(super) fn confirmation(&self, kind: Kind, name: &Name) -> Option<oneshot::Receiver<Outcome>> {
        let core = &mut *self.core.borrow_mut();
        let wanted = core.wanted[kind as usize].get_mut(name).filter(|wanted| !wanted.live)?;
        let (sender, receiver) = oneshot::channel();
        let breaker = &self.member.breaker;
        match &core.phase {
            _ if breaker.refuses() => drop(sender.send(Err(self.member.fault(&Fault::Open(breaker.why()))))),
            // Who waits no more misses nothing.
            Phase::Down(why) => drop(sender.send(Err(self.member.fault(&Fault::Down(Arc::clone(why)))))),
            Phase::Opening | Phase::Up => wanted.waiting.push(sender),
        }
        Some(receiver)
    }

    /// Notes how many sessions a topic has.
    pub(super) fn count(&self, kind: Kind, name: &Name, subscribers: usize) {
        if let Some(wanted) = self.core.borrow_mut().wanted[kind as usize].get_mut(name) {
            wanted.subscribers = subscribers;
            wanted.tell(&self.member.audience, kind, name);
        }
    }

    /// The topic's messages are not wanted any more.
    pub(super) fn unwant(&self, kind: Kind, name: &Name) {
        let core = &mut *self.core.borrow_mut();
        if let Some(wanted) = core.wanted[kind as usize].remove(name) {
            core.end(&self.member.audience, kind, name, wanted);
            self.changed.notify_one();
        }
    }

    /// Keeps the topics that `keep` says.
    pub(super) fn retain(&self, keep: impl Fn(Kind, &[u8]) -> bool) {
        let core = self.core.borrow();
        let names = |kind: Kind| core.wanted[kind as usize].keys().map(move |name| (kind, Rc::clone(name)));
        let over = Kind::ALL.into_iter().flat_map(names).filter(|(kind, name)| !keep(*kind, name));
        let over: Vec<(Kind, Name)> = over.collect();
        drop(core);
        over.iter().for_each(|(kind, name)| self.unwant(*kind, name));
        self.look();
    }

    /// Wakes its task, to see that its member is gone.
    pub(crate) fn look(&self) {
        self.changed.notify_one();
    }
}

impl Wanted {
    /// The member counts the link as one subscriber once it has confirmed.
    fn tell(&mut self, audience: &Audience, kind: Kind, name: &[u8]) {
        let now = if self.live { self.subscribers as i64 - 1 } else { 0 };
        if now != self.told {
            audience.add(kind, name, now - self.told);
            self.told = now;
        }
    }

    fn answer(&mut self, outcome: &Outcome) {
        // Who waits no more misses nothing.
        self.waiting.drain(..).for_each(|waiting| drop(waiting.send(outcome.clone())));
    }
}

impl Core {
    fn new() -> Self {
        Self {
            phase: Phase::Opening,
            wanted: Default::default(),
            serial: 0,
            unsent: VecDeque::new(),
            asked: VecDeque::new(),
            missing: 0,
            lost: None,
            heard: false,
            silent: 0,
        }
    }

    fn is_empty(&self) -> bool {
        self.wanted.iter().all(HashMap::is_empty)
    }

    fn end(&mut self, audience: &Audience, kind: Kind, name: &Name, mut wanted: Wanted) {
        let asks = |ask: &Ask| matches!(ask, Ask::Subscribe(.., serial) if *serial == wanted.serial);
        let unanswered = self.asked.iter().chain(&self.unsent).any(asks);
        self.missing -= usize::from(unanswered);
        wanted.live = false;
        wanted.tell(audience, kind, name);
        if let Phase::Up = self.phase {
            self.unsent.push_back(Ask::Unsubscribe(kind, Rc::clone(name)));
        }
    }

    /// The bytes of the next requests: as many as may be unanswered.
    fn next_requests(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        while self.asked.len() < limits::SUBSCRIBING
            && let Some(ask) = self.unsent.pop_front()
        {
            match &ask {
                Ask::Subscribe(kind, name, _) => write(&mut out, &[kind.subscribe(), name]),
                Ask::Unsubscribe(kind, name) => write(&mut out, &[kind.unsubscribe(), name]),
                Ask::Ping => write(&mut out, &[b"PING"]),
            }
            self.asked.push_back(ask);
        }
        out
    }

    /// The link is open: asks for all that is wanted. How much that is.
    fn ask_all(&mut self) -> usize {
        self.phase = Phase::Up;
        (self.heard, self.silent) = (true, 0);
        for kind in Kind::ALL {
            for (name, wanted) in &self.wanted[kind as usize] {
                self.unsent.push_back(Ask::Subscribe(kind, Rc::clone(name), wanted.serial));
            }
        }
        self.missing = self.unsent.len();
        self.missing
    }

    /// The member's answer to the oldest request; `None` if it was asked nothing.
    fn answered(&mut self, member: &Member, refusal: Option<&str>) -> Option<()> {
        let Ask::Subscribe(kind, name, serial) = self.asked.pop_front()? else { return Some(()) };
        let wanted = self.wanted[kind as usize].get_mut(&name);
        let Some(wanted) = wanted.filter(|wanted| wanted.serial == serial) else { return Some(()) };
        self.missing -= 1;
        wanted.live = refusal.is_none();
        wanted.tell(&member.audience, kind, &name);
        let outcome = refusal.map_or(Ok(()), |refusal| Err(fault::line(refusal)));
        wanted.answer(&outcome);
        Some(())
    }

    /// The link is gone: how many topics were in force.
    fn reset(&mut self, audience: &Audience, phase: Phase) -> usize {
        self.phase = phase;
        (self.unsent, self.asked, self.missing) = (VecDeque::new(), VecDeque::new(), 0);
        let mut lost = 0;
        for kind in Kind::ALL {
            for (name, wanted) in &mut self.wanted[kind as usize] {
                lost += usize::from(wanted.live);
                wanted.live = false;
                wanted.tell(audience, kind, name);
            }
        }
        lost
    }
}

fn write(out: &mut Vec<u8>, words: &[&[u8]]) {
    write_request(out, words.iter().copied());
}
