//! Client-side caching: who is told when copies are of no use any more, and how.

use super::{Client, Message};
use crate::store::Store;
use crate::store::tracked::Tracker;
use crate::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use crate::sync::{Mutex, MutexGuard, RwLock};
use ringtail_protocol::reply::Reply;
use ringtail_protocol::tracking::{CHANNEL, Mode, NO_TRACKING, Prefixes};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

/// What is of no use any more.
#[derive(Clone, Copy)]
enum Stale<'a> {
    Keys(&'a [&'a [u8]]),
    All,
}

impl Stale<'_> {
    fn write(self, reply: &mut Reply<'_>) {
        match self {
            Self::All => reply.null(),
            Self::Keys(keys) => {
                reply.array(keys.len());
                // Not `bulk`, which bounds replies.
                keys.iter().for_each(|key| reply.bulk_parts(key, b""));
            }
        }
    }
}

/// A client that tracks, as others see it.
pub(super) struct Listener {
    client: Arc<Client>,
    /// Who is told instead.
    redirect: Mutex<Option<Arc<Client>>>,
}

impl Listener {
    fn mode(&self) -> Mode {
        self.client.tracking()
    }

    fn redirect(&self) -> MutexGuard<'_, Option<Arc<Client>>> {
        self.redirect.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, stale: Stale<'_>) {
        let redirect = self.redirect();
        let target = redirect.as_ref().unwrap_or(&self.client);
        if target.is_gone() {
            return self.tell_broken(target.id);
        }
        if target.speaks_resp3() {
            target.send(&mut Message::new(|reply: &mut Reply<'_>| {
                reply.push(2);
                reply.bulk(b"invalidate");
                stale.write(reply);
            }));
        } else if redirect.is_some() && target.is_subscribed() {
            target.send(&mut Message::new(|reply: &mut Reply<'_>| {
                reply.push(3);
                reply.bulk(b"message");
                reply.bulk(CHANNEL);
                stale.write(reply);
            }));
        }
    }

    #[cold]
    fn tell_broken(&self, gone: u64) {
        if gone == self.client.id {
            return;
        }
        self.client.set_tracking(self.mode() | Mode::BROKEN, gone as i64);
        if self.client.speaks_resp3() {
            self.client.send(&mut Message::new(|reply: &mut Reply<'_>| {
                reply.push(2);
                reply.bulk(b"tracking-redir-broken");
                reply.int(gone as i64);
            }));
        }
    }
}

impl Tracker for Listener {
    fn client(&self) -> u64 {
        self.client.id
    }

    fn invalidate(&self, key: &[u8], by: u64) -> bool {
        let mode = self.mode();
        if mode.contains(Mode::ON) && !mode.contains(Mode::BCAST) {
            if mode.contains(Mode::NOLOOP) && by == self.client.id {
                // Redis forgets the key here. The client, which was not told, may rely on it still.
                return false;
            }
            self.tell(Stale::Keys(&[key]));
        }
        true
    }
}

/// Clients by their number.
type ById = BTreeMap<u64, Arc<Listener>>;

/// All clients that track.
#[derive(Default)]
pub struct Listeners {
    all: Mutex<ById>,
    prefixes: RwLock<BTreeMap<Box<[u8]>, ById>>,
    prefix_count: AtomicUsize,
}

impl Listeners {
    fn all(&self) -> MutexGuard<'_, ById> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many clients track.
    pub fn count(&self) -> usize {
        self.all().len()
    }

    /// How many different prefixes are broadcast.
    pub fn prefix_count(&self) -> usize {
        self.prefix_count.load(Relaxed)
    }

    /// Tells all of them that every key is of no use any more.
    pub fn invalidate_all(&self) {
        let all: Vec<Arc<Listener>> = self.all().values().cloned().collect();
        all.iter().for_each(|listener| listener.tell(Stale::All));
    }

    /// Tells those in BCAST mode of keys that were changed by the client `by` (0 = none), each prefix's keys at once.
    pub fn broadcast(&self, keys: &BTreeSet<Box<[u8]>>, by: u64) {
        let prefixes = self.prefixes.read().unwrap_or_else(PoisonError::into_inner);
        for (prefix, listeners) in &*prefixes {
            let from = (std::ops::Bound::Included(&**prefix), std::ops::Bound::Unbounded);
            let changed: Vec<&[u8]> = keys
                .range::<[u8], _>(from)
                .map(|key| &**key)
                .take_while(|key| key.starts_with(prefix))
                .collect();
            let wants = |l: &&Arc<Listener>| !(l.client.id == by && l.mode().contains(Mode::NOLOOP));
            if !changed.is_empty() {
                listeners.values().filter(wants).for_each(|l| l.tell(Stale::Keys(&changed)));
            }
        }
    }

    fn add_prefix(&self, store: &Store, prefix: &[u8], listener: &Arc<Listener>) {
        let mut prefixes = self.prefixes.write().unwrap_or_else(PoisonError::into_inner);
        prefixes.entry(prefix.into()).or_default().insert(listener.client.id, Arc::clone(listener));
        self.prefix_count.store(prefixes.len(), Relaxed);
        store.set_broadcast(true);
    }

    fn remove_prefix(&self, store: &Store, prefix: &[u8], client: u64) {
        let mut prefixes = self.prefixes.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(listeners) = prefixes.get_mut(prefix) {
            listeners.remove(&client);
            if listeners.is_empty() {
                prefixes.remove(prefix);
            }
        }
        self.prefix_count.store(prefixes.len(), Relaxed);
        store.set_broadcast(!prefixes.is_empty());
    }
}

/// A session's tracking; it ends when this is dropped.
pub struct Tracking {
    listener: Arc<Listener>,
    listeners: Arc<Listeners>,
    store: Arc<Store>,
    prefixes: Prefixes,
    /// CLIENT CACHING was given for the next command.
    pub caching: bool,
}

impl Tracking {
    /// Begins.
    pub fn new(listeners: &Arc<Listeners>, store: &Arc<Store>, client: &Arc<Client>) -> Self {
        let listener = Arc::new(Listener { client: Arc::clone(client), redirect: Mutex::default() });
        listeners.all().insert(client.id, Arc::clone(&listener));
        Self {
            listener,
            listeners: Arc::clone(listeners),
            store: Arc::clone(store),
            prefixes: Prefixes::new(),
            caching: false,
        }
    }

    /// Changes how it goes on; `prefixes` come in addition to those that it has.
    pub fn set(&mut self, mode: Mode, redirect: Option<Arc<Client>>, prefixes: &[&[u8]]) {
        let to = redirect.as_ref().map_or(0, |client| client.id as i64);
        *self.listener.redirect() = redirect;
        self.listener.client.set_tracking(mode | Mode::ON, to);
        for prefix in prefixes {
            if self.prefixes.insert((*prefix).into()) {
                self.listeners.add_prefix(&self.store, prefix, &self.listener);
            }
        }
    }

    /// How it goes.
    pub fn mode(&self) -> Mode {
        self.listener.mode()
    }

    /// The prefixes of BCAST mode.
    pub fn prefixes(&self) -> &Prefixes {
        &self.prefixes
    }

    /// Who is to be told of changes of what the next command reads, if anybody.
    pub fn of_next(&self) -> Option<Arc<dyn Tracker>> {
        let mode = self.mode();
        let left_out = mode.contains(Mode::BCAST)
            || (mode.contains(Mode::OPTIN) && !self.caching)
            || (mode.contains(Mode::OPTOUT) && self.caching);
        if left_out { None } else { Some(Arc::clone(&self.listener) as Arc<dyn Tracker>) }
    }
}

impl Drop for Tracking {
    fn drop(&mut self) {
        let client = &self.listener.client;
        client.set_tracking(Mode::empty(), NO_TRACKING);
        self.listeners.all().remove(&client.id);
        self.prefixes.iter().for_each(|prefix| self.listeners.remove_prefix(&self.store, prefix, client.id));
        // Keys may keep the listener for long; it must not keep another client.
        *self.listener.redirect() = None;
    }
}
