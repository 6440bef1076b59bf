//! Where a member's primary is. `servers.json` says which servers may lead, the servers themselves say which one does.
//!
//! A connection begins with `RINGTAIL PRIMARY`. Who leads answers `+OK` and is bound by it: what comes on that connection it runs only
//! while it leads, and gives everything else back (see [`Refusal`]). Who does not lead names who does, and is left for that one. A server that does not
//! know the command (stock Redis, Valkey) is taken for a primary at the file's `addr` alone, so that no replica of theirs ever is.

#[cfg(test)]
mod tests;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ringtail_cluster::Address;
use ringtail_protocol::number::parse_u64;
use ringtail_protocol::reply::Resp;
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::limits;
use crate::link::{Link, NotPrimary};
use crate::pass_through::Login;
use crate::shared::Shared;

/// How a server begins that was asked as a primary and is none.
const NOT_PRIMARY: &[u8] = b"-NOTPRIMARY ";

/// Where one worker asks one member.
#[derive(Debug)]
pub(crate) struct Leader {
    name: String,
    /// It is a server to read from, whatever it is to its member.
    is_replica: bool,
    places: Mutex<Places>,
    changed: Notify,
}

#[derive(Debug)]
struct Places {
    /// Of the file's entry, `addr` first.
    all: Vec<Arc<str>>,
    /// Who was connected to last as the primary.
    now: Arc<str>,
    /// It has said that it leads, and has not been found to lead no more.
    is_bound: bool,
    /// Where the next connection is tried first.
    next: Arc<str>,
}

impl Leader {
    /// Of a member with these servers, the file's `addr` first.
    pub(crate) fn of(name: &str, all: Vec<Arc<str>>) -> Arc<Self> {
        Self::new(name, all, false)
    }

    /// Of a server to read from.
    pub(crate) fn replica(name: &str, addr: &Arc<str>) -> Arc<Self> {
        Self::new(name, vec![Arc::clone(addr)], true)
    }

    fn new(name: &str, all: Vec<Arc<str>>, is_replica: bool) -> Arc<Self> {
        let now = all.first().cloned().unwrap_or_default();
        let places = Places { all, next: Arc::clone(&now), now, is_bound: false };
        Arc::new(Self {
            name: name.to_owned(),
            is_replica,
            places: Mutex::new(places),
            changed: Notify::new(),
        })
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_replica(&self) -> bool {
        self.is_replica
    }

    /// Who leads, as far as is known.
    pub(crate) fn now(&self) -> Arc<str> {
        Arc::clone(&self.places().now)
    }

    /// Whether a connection to this server is one to where connections go now.
    pub(crate) fn is_at(&self, addr: &str) -> bool {
        *self.places().next == *addr
    }

    /// Whether it says by itself when it leads no more, and there is another who could.
    pub(crate) fn may_change(&self) -> bool {
        let places = self.places();
        places.is_bound && places.all.len() > 1
    }

    /// The servers that do not lead, with their places in the file's entry.
    pub(crate) fn others(&self) -> Vec<(usize, Arc<str>)> {
        let places = self.places();
        let others = places.all.iter().cloned().enumerate();
        others.filter(|(_, addr)| *addr != places.now).collect()
    }

    /// Whether an entry of these servers, its `addr` first, leaves this one where it is: it leads by the file, or by its own word.
    pub(crate) fn stays_in(&self, all: &[Arc<str>]) -> bool {
        let places = self.places();
        all.first() == Some(&places.now) || (places.is_bound && all.contains(&places.now))
    }

    /// Takes the servers of a new entry. `is_up`: who leads is connected, and says when that is over.
    pub(crate) fn set_all(&self, all: Vec<Arc<str>>, is_up: bool) {
        let mut places = self.places();
        if !is_up || !places.is_bound {
            places.next = all.first().cloned().unwrap_or_default();
        }
        places.all = all;
    }

    /// Waits until another leads, or [`Self::look`].
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Wakes who waits for a change.
    pub(crate) fn look(&self) {
        self.changed.notify_one();
    }

    /// A server says that this one leads (`?`: nobody, as far as it knows): the next connection goes there, if it may lead.
    pub(crate) fn heard(&self, from: &str, leads: &str) {
        let mut places = self.places();
        match places.all.iter().find(|addr| ***addr == *leads && leads != from).cloned() {
            Some(addr) => places.next = addr,
            None => places.leave(from),
        }
    }

    /// Connects to who leads. While servers name each other, one is handing over to the other: it is waited for. The caller
    /// bounds the time.
    pub(crate) async fn open(
        self: &Arc<Self>,
        shared: &Shared,
        login: Option<&Login>,
        resp: Resp,
    ) -> io::Result<Link> {
        loop {
            let mut word = Vec::new();
            let opened = self.try_each(shared, login, resp, &mut word).await;
            let refused = |addr: &str| word.iter().any(|(from, _)| **from == *addr);
            if opened.is_ok() || !word.iter().any(|(_, leads)| refused(leads)) {
                return opened;
            }
            sleep(limits::TURN_LOOK).await;
        }
    }

    /// Tries each server once at most, first who is thought to lead. `word` is who said that which one leads.
    async fn try_each(
        self: &Arc<Self>,
        shared: &Shared,
        login: Option<&Login>,
        resp: Resp,
        word: &mut Vec<(Arc<str>, String)>,
    ) -> io::Result<Link> {
        let (mut tried, mut failure) = (Vec::new(), None);
        while let Some(addr) = self.untried(&tried) {
            let attempt = Attempt { leader: self, addr: &addr };
            let error = match Link::open(self, &addr, shared, login, resp).await {
                Ok(link) if self.takes(&link) => {
                    attempt.led(link.is_bound());
                    return Ok(link);
                }
                Ok(_) => io::Error::other(format!("{addr}: it does not say that it leads")),
                Err(error) => error,
            };
            drop(attempt);
            if let Some(refused) = error.get_ref().and_then(|inner| inner.downcast_ref::<NotPrimary>()) {
                word.push((Arc::clone(&addr), refused.leads.clone()));
            }
            // Of who led until now, what is wrong says most.
            if failure.is_none() || addr == self.now() {
                failure = Some(error);
            }
            tried.push(addr);
        }
        Err(failure.unwrap_or_else(|| io::Error::other("it has no address")))
    }

    fn untried(&self, tried: &[Arc<str>]) -> Option<Arc<str>> {
        let places = self.places();
        let candidates = std::iter::once(&places.next).chain(&places.all);
        candidates.into_iter().find(|addr| !tried.contains(addr)).cloned()
    }

    fn takes(&self, link: &Link) -> bool {
        self.is_replica || link.is_bound() || self.places().all.first() == Some(link.addr())
    }

    /// It leads.
    fn led(&self, addr: &Arc<str>, is_bound: bool) {
        let mut places = self.places();
        let before = std::mem::replace(&mut places.now, Arc::clone(addr));
        (places.next, places.is_bound) = (Arc::clone(addr), is_bound);
        drop(places);
        if before != *addr {
            tracing::info!(member = self.name, "member turned to its new primary: {addr}, from {before}");
            self.look();
        }
    }
}

impl Places {
    /// The next connection goes to another server, if it would go to this one.
    fn leave(&mut self, addr: &str) {
        if *self.next == *addr
            && let Some(at) = self.all.iter().position(|one| **one == *addr)
        {
            self.next = Arc::clone(&self.all[(at + 1) % self.all.len()]);
        } else if let Some(first) = self.all.first().filter(|_| *self.next == *addr) {
            self.next = Arc::clone(first);
        }
    }
}

/// A connection that is being made: who gives it up after a while has the next one go elsewhere.
struct Attempt<'a> {
    leader: &'a Leader,
    addr: &'a Arc<str>,
}

impl Attempt<'_> {
    fn led(self, is_bound: bool) {
        self.leader.led(self.addr, is_bound);
        std::mem::forget(self);
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.leader.places().leave(self.addr);
    }
}

/// The servers of a file's entry, its `addr` first.
pub(crate) fn servers(addr: &Address, replicas: &[Address]) -> Vec<Arc<str>> {
    std::iter::once(addr).chain(replicas).map(|addr| addr.to_string().into()).collect()
}

/// Who leads, by the answer of a server that does not.
pub(crate) fn named(answer: &[u8]) -> Option<&str> {
    let rest = std::str::from_utf8(answer.strip_prefix(NOT_PRIMARY)?).ok()?;
    rest.split([' ', '\r']).next()
}

/// Who leads, by the answer of a bound server to a request of which `begun` bytes were sent before.
#[cold]
pub(crate) fn refused(answer: &[u8], begun: u64) -> Option<&str> {
    match Refusal::parse(answer) {
        // A script may answer what it likes.
        Some(refusal) => (refusal.taken >= begun).then_some(refusal.leads),
        // What has waited there ends so.
        None => named(answer).filter(|_| answer.ends_with(b" leads; nothing was done\r\n")),
    }
}

/// The line by which a bound server begins to give back what it will not run: behind it come, as they were sent, all bytes but the first
/// `taken` since `RINGTAIL PRIMARY`, until the connection is closed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal<'a> {
    pub(crate) leads: &'a str,
    pub(crate) taken: u64,
}

impl<'a> Refusal<'a> {
    /// `None` if it is another answer.
    #[cold]
    pub(crate) fn parse(answer: &'a [u8]) -> Option<Self> {
        let rest = std::str::from_utf8(answer.strip_prefix(NOT_PRIMARY)?).ok()?;
        let (leads, taken) = rest.strip_suffix("\r\n")?.split_once(' ')?;
        Some(Self { leads, taken: parse_u64(taken.as_bytes())? })
    }
}
