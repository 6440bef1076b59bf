//! What the lanes of a tracking session know of it: what they begin with, and whom to tell what is of no use any more.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use ringtail_net::outbox::Frame;
use ringtail_protocol::reply::{Reply, Resp};
use ringtail_protocol::tracking::{CHANNEL, Mode, Prefixes};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::receiver::Receiver;
use crate::clients::Client;
use crate::lane::Lane;
use crate::link::Link;
use crate::session::Session;
use crate::worker::Worker;

/// The head of an invalidation in RESP3; the keys, or null, follow.
const INVALIDATE: &[u8] = b">2\r\n$10\r\ninvalidate\r\n";

/// In place of keys: all of them.
const ALL: &[u8] = b"_\r\n";

/// The same in RESP2.
const ALL_V2: &[u8] = b"$-1\r\n";

/// A session that tracks, as its lanes see it.
pub(crate) struct Tracked {
    session: Weak<Session>,
    client: Arc<Client>,
    /// Who is told instead.
    redirect: RefCell<Option<Arc<Client>>>,
    mode: Mode,
    prefixes: Vec<Box<[u8]>>,
    /// The client has been told that tracking is on: what came before is not about any copy of its.
    begun: Cell<bool>,
    ended: Cell<bool>,
    /// Something was answered since it was told to forget all.
    has_copies: Cell<bool>,
    /// A lane has been opened, or could not be.
    pub(crate) settled: Notify,
}

impl Tracked {
    pub(super) fn new(
        session: &Rc<Session>,
        mode: Mode,
        redirect: Option<Arc<Client>>,
        prefixes: &Prefixes,
    ) -> Rc<Self> {
        Rc::new(Self {
            session: Rc::downgrade(session),
            client: Arc::clone(&session.client),
            redirect: RefCell::new(redirect),
            mode,
            prefixes: prefixes.iter().cloned().collect(),
            begun: Cell::new(false),
            ended: Cell::new(false),
            has_copies: Cell::new(false),
            settled: Notify::new(),
        })
    }

    /// The client is told now that tracking is on.
    pub(super) fn begin(&self) {
        self.begun.set(true);
    }

    /// Nobody is to be told any more: its lanes end.
    pub(super) fn end(&self) {
        self.ended.set(true);
        // It must not keep another client.
        self.redirect.take();
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.get()
    }

    pub(super) fn is_redirected(&self) -> bool {
        self.redirect.borrow().is_some()
    }

    pub(super) fn redirection(&self) -> Option<Arc<Client>> {
        self.redirect.borrow().clone()
    }

    pub(super) fn session(&self) -> Option<Rc<Session>> {
        self.session.upgrade()
    }

    /// Whether what changes while a lane is not there is missed, though nothing was read on it.
    pub(crate) fn is_broadcast(&self) -> bool {
        self.mode.contains(Mode::BCAST)
    }

    /// What a lane begins with; `receiver` is the number of the member's client that is told instead.
    fn request<'a>(&'a self, receiver: Option<&'a [u8]>) -> Vec<&'a [u8]> {
        let mut words: Vec<&[u8]> = vec![b"CLIENT", b"TRACKING", b"ON"];
        let options: [(Mode, &[u8]); 4] = [
            (Mode::BCAST, b"BCAST"),
            (Mode::OPTIN, b"OPTIN"),
            (Mode::OPTOUT, b"OPTOUT"),
            (Mode::NOLOOP, b"NOLOOP"),
        ];
        words.extend(options.iter().filter(|(mode, _)| self.mode.contains(*mode)).map(|(_, word)| *word));
        self.prefixes.iter().for_each(|prefix| words.extend([&b"PREFIX"[..], prefix]));
        receiver.into_iter().for_each(|id| words.extend([&b"REDIRECT"[..], id]));
        words
    }

    /// An answer came on one of its lanes.
    #[inline]
    pub(crate) fn answered(&self) {
        self.has_copies.set(true);
    }

    /// A push of a member on one of its lanes.
    pub(crate) fn pushed(&self, worker: &Worker, push: &[u8]) {
        let wanted = self.begun.get() && !self.has_ended();
        let Some(stale) = push.strip_prefix(INVALIDATE).filter(|_| wanted) else { return };
        // FLUSHALL is heard from each member.
        let again = stale == ALL && !self.has_copies.get() && !self.is_broadcast() && !self.is_redirected();
        if !again {
            self.tell(worker, stale);
        }
    }

    /// All that it has read is of no use any more, since nobody watches it.
    pub(crate) fn forget_all(&self, worker: &Worker) {
        if !self.has_ended() {
            self.tell(worker, ALL);
        }
    }

    /// The same from within a request of the session, with nothing on its way.
    pub(super) fn forget_all_at_once(&self, worker: &Worker) {
        if self.client.speaks_resp3() && !self.is_redirected() {
            let frame: Frame = [INVALIDATE, ALL].concat().into();
            self.client.push(&frame, &worker.shared.output_limits);
        }
    }

    /// Keys have other owners, where nobody watches the copies that it has.
    pub(crate) fn slots_moved(&self, worker: &Rc<Worker>) {
        if let Some(session) = self.session.upgrade() {
            session.change(|state| state.follow_members(worker));
        }
        self.forget_all(worker);
    }

    fn tell(&self, worker: &Worker, stale: &[u8]) {
        if stale == ALL {
            self.has_copies.set(false);
        }
        let redirect = self.redirection();
        match redirect {
            None => self.tell_itself(worker, &[INVALIDATE, stale].concat().into()),
            Some(target) if target.is_gone() => self.tell_broken(worker, target.id),
            Some(target) if target.speaks_resp3() => {
                tell_other(worker, &target, &[INVALIDATE, stale].concat().into());
            }
            Some(target) if target.is_subscribed() => tell_other(worker, &target, &message(stale)),
            Some(_) => {}
        }
    }

    /// Behind the answers to all that is on its way now: among them may be the very value.
    fn tell_itself(&self, worker: &Worker, frame: &Frame) {
        if self.client.speaks_resp3()
            && let Some(session) = self.session.upgrade()
        {
            session.push_behind(worker, frame, || [INVALIDATE, ALL].concat().into());
        }
    }

    #[cold]
    fn tell_broken(&self, worker: &Worker, gone: u64) {
        self.client.set_tracking(self.mode | Mode::BROKEN, gone as i64);
        let mut bytes = Vec::new();
        let mut reply = Reply::new(&mut bytes, Resp::V3);
        reply.push(2);
        reply.bulk(b"tracking-redir-broken");
        reply.int(gone as i64);
        self.tell_itself(worker, &bytes.into());
    }
}

/// To a client that may be another worker's.
fn tell_other(worker: &Worker, target: &Client, frame: &Frame) {
    if target.push(frame, &worker.shared.output_limits) {
        target.wake();
    }
}

/// An invalidation as a subscriber of RESP2 gets it.
fn message(stale: &[u8]) -> Frame {
    let mut bytes = Vec::new();
    let mut reply = Reply::new(&mut bytes, Resp::V2);
    reply.array(3);
    reply.bulk(b"message");
    reply.bulk(CHANNEL);
    reply.raw(if stale == ALL { ALL_V2 } else { stale });
    bytes.into()
}

/// Opens a lane of a tracking session: a connection on which its reads are tracked, or why there is none.
pub(crate) async fn open(
    lane: &Rc<Lane>,
    tracked: &Rc<Tracked>,
    worker: &Rc<Worker>,
) -> Result<Link, String> {
    match timeout(worker.timeout(), begin(lane, tracked, worker)).await {
        Ok(opened) => opened.map_err(|error| lane.member.without_addr(&error)),
        Err(_) => Err("it does not answer".to_owned()),
    }
}

async fn begin(lane: &Rc<Lane>, tracked: &Rc<Tracked>, worker: &Rc<Worker>) -> io::Result<Link> {
    let member = &lane.member;
    let mut link = member.leader.open(&worker.shared, worker.login.as_ref(), lane.resp()).await?;
    member.only_db_0.set(link.only_db_0);
    let receiver = match lane.resp() {
        Resp::V3 => None,
        Resp::V2 => Some(Receiver::open(&link, worker).await?),
    };
    let request = tracked.request(receiver.as_ref().map(|receiver| &*receiver.id));
    link.demand(&request, "it refuses to track keys").await?;
    lane.listen(
        receiver.map(|receiver| receiver.serve(Rc::clone(lane), Rc::clone(tracked), Rc::clone(worker))),
    );
    Ok(link)
}
