//! What one session is subscribed to.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use ringtail_protocol::reply::Reply;

use super::{Session, State};
use crate::pubsub::{Kind, Name};
use crate::worker::Worker;

/// A session's channels and patterns, by their kind; never empty.
#[derive(Default)]
pub(super) struct Subscriptions([BTreeSet<Name>; 3]);

impl State {
    /// Whether it is subscribed to anything.
    #[inline]
    pub(crate) fn is_subscriber(&self) -> bool {
        self.subscriptions.is_some()
    }

    /// Whether it is subscribed to this.
    pub(crate) fn is_subscribed(&self, kind: Kind, name: &[u8]) -> bool {
        self.subscriptions.as_ref().is_some_and(|own| own.0[kind as usize].contains(name))
    }

    /// All of a kind.
    pub(crate) fn subscribed_names(&self, kind: Kind) -> Vec<Name> {
        self.subscriptions
            .as_ref()
            .map_or_else(Vec::new, |own| own.0[kind as usize].iter().cloned().collect())
    }

    /// All of all kinds.
    pub(crate) fn subscription_count(&self) -> usize {
        self.subscriptions.as_ref().map_or(0, |own| own.0.iter().map(BTreeSet::len).sum())
    }

    /// What is told after a change: shard channels are counted apart from channels and patterns.
    pub(crate) fn confirmed_count(&self, kind: Kind) -> usize {
        let count = |kind: Kind| self.subscriptions.as_ref().map_or(0, |own| own.0[kind as usize].len());
        if kind == Kind::Shard { count(kind) } else { count(Kind::Channel) + count(Kind::Pattern) }
    }

    /// Adds a subscription that is in force.
    pub(crate) fn subscribe(&mut self, worker: &Worker, session: &Rc<Session>, kind: Kind, name: &Name) {
        let own = self.subscriptions.get_or_insert_default();
        if own.0[kind as usize].insert(Rc::clone(name)) {
            worker.hub.add(kind, name, session);
            self.note_count(kind);
        }
    }

    /// Ends a subscription, if there is one.
    pub(crate) fn unsubscribe(&mut self, worker: &Worker, kind: Kind, name: &Name) {
        let Some(own) = &mut self.subscriptions else { return };
        if own.0[kind as usize].remove(name) {
            worker.hub.remove(kind, name, self.client.id);
            self.note_count(kind);
        }
        if self.subscription_count() == 0 {
            self.subscriptions = None;
        }
    }

    /// Ends all of them, without a word.
    pub(crate) fn unsubscribe_all(&mut self, worker: &Worker) {
        for kind in Kind::ALL {
            self.subscribed_names(kind).iter().for_each(|name| self.unsubscribe(worker, kind, name));
        }
    }

    /// For CLIENT LIST.
    fn note_count(&self, kind: Kind) {
        let count = self.subscriptions.as_ref().map_or(0, |own| own.0[kind as usize].len());
        self.client.subscriptions[kind as usize].store(count as u32, Relaxed);
    }

    /// Writes what is sent whatever CLIENT REPLY says, with no request on its way.
    pub(crate) fn tell(&mut self, worker: &Worker, write: impl FnOnce(&mut Reply<'_>)) {
        self.need_out(worker);
        write(&mut Reply::new(&mut self.out, self.resp));
    }

    /// Moves messages behind the answers that are there, while these are shorter than `most`. Never into one: an
    /// answer that is passed through, and of which a part is in `out`, comes to its end first.
    pub(crate) fn take_messages(&mut self, worker: &Worker, most: usize) {
        if self.client.outbox.is_pending() && !self.sequence.is_amid() && !self.joining {
            self.need_out(worker);
            let most = most.saturating_add(self.sent);
            self.client.outbox.drain(&mut self.out, most);
        }
    }
}
