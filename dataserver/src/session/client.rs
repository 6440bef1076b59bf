//! What every thread may ask of a client, and send to it.

use super::message::Message;
use super::wake::{self, Task};
use crate::blocking::Waiter;
use crate::hub::Kind;
use crate::server::unix_millis;
use crate::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use crate::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU16, AtomicU32, AtomicU64};
use crate::sync::{Mutex, MutexGuard};
use ringtail_net::RateLimited;
use ringtail_net::outbox::{Frame, Outbox, OutputLimits, Pushed};
use ringtail_protocol::acl::User;
use ringtail_protocol::reply::{Reply, Resp};
use ringtail_protocol::tracking::{Mode, NO_TRACKING};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::task::Waker;

/// A client's names, as it told them.
#[derive(Clone, Default)]
pub struct Names {
    /// CLIENT SETNAME
    pub name: String,
    /// CLIENT SETINFO LIB-NAME
    pub library: String,
    /// CLIENT SETINFO LIB-VER
    pub version: String,
    /// Its user as of when it logged in; `None` = the default one.
    pub user: Option<Arc<User>>,
}

/// What every thread may see of a client.
pub struct Client {
    /// Its number; never used again.
    pub id: u64,
    /// Its address.
    pub peer: SocketAddr,
    /// Ours.
    pub local: SocketAddr,
    /// The socket's descriptor.
    pub fd: i32,
    /// When it came, in milliseconds since 1970.
    pub since: u64,
    /// When it last sent something.
    pub active: AtomicU64,
    /// When it began a request that is not complete yet; 0 = there is none.
    pub mid_request: AtomicU64,
    /// Its database.
    pub db: AtomicU8,
    /// 2 or 3.
    pub resp: AtomicU8,
    /// The row of its last command.
    pub command: AtomicU16,
    /// CLIENT NO-EVICT
    pub no_evict: AtomicBool,
    /// CLIENT NO-TOUCH
    pub no_touch: AtomicBool,
    /// Bytes of a request that is not complete yet.
    pub query: AtomicU64,
    /// Bytes of replies that it has not taken yet.
    pub output: AtomicU64,
    /// How many channels, patterns and shard channels it is subscribed to, by [`Kind`].
    pub subscriptions: [AtomicU32; Kind::ALL.len()],
    tracking: AtomicU8,
    redirection: AtomicI64,
    gone: AtomicBool,
    /// It is shown what runs (MONITOR).
    pub monitors: AtomicBool,
    /// Commands that it queued since MULTI; -1 outside of a transaction.
    pub queued: AtomicI64,
    /// Bytes of these.
    pub queued_bytes: AtomicU64,
    /// Keys that it watches.
    pub watched: AtomicU64,
    /// What other threads send it.
    pub outbox: Outbox,
    names: Mutex<Names>,
    killed: AtomicBool,
    leaving: AtomicBool,
    bound: AtomicBool,
    unparked: AtomicBool,
    waiter: Mutex<Option<Arc<Waiter>>>,
    task: Mutex<Option<Task>>,
    limits: Arc<OutputLimits>,
}

/// No command was sent yet.
pub const NO_COMMAND: u16 = u16::MAX;

impl Client {
    fn new(id: u64, peer: SocketAddr, local: SocketAddr, fd: i32, limits: Arc<OutputLimits>) -> Self {
        let now = unix_millis();
        Self {
            id,
            peer,
            local,
            fd,
            since: now,
            active: AtomicU64::new(now),
            mid_request: AtomicU64::new(0),
            db: AtomicU8::new(0),
            resp: AtomicU8::new(2),
            command: AtomicU16::new(NO_COMMAND),
            no_evict: AtomicBool::new(false),
            no_touch: AtomicBool::new(false),
            query: AtomicU64::new(0),
            output: AtomicU64::new(0),
            subscriptions: Default::default(),
            tracking: AtomicU8::new(0),
            redirection: AtomicI64::new(NO_TRACKING),
            gone: AtomicBool::new(false),
            monitors: AtomicBool::new(false),
            queued: AtomicI64::new(-1),
            queued_bytes: AtomicU64::new(0),
            watched: AtomicU64::new(0),
            outbox: Outbox::default(),
            names: Mutex::default(),
            killed: AtomicBool::new(false),
            leaving: AtomicBool::new(false),
            bound: AtomicBool::new(false),
            unparked: AtomicBool::new(false),
            waiter: Mutex::default(),
            task: Mutex::default(),
            limits,
        }
    }

    /// Its names.
    pub fn names(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is subscribed to anything.
    pub fn is_subscribed(&self) -> bool {
        self.subscriptions.iter().any(|count| count.load(Relaxed) > 0)
    }

    /// Wakes its connection's task, from any thread.
    pub fn wake(self: &Arc<Self>) {
        wake::wake(self);
    }

    /// Lets its next request run, which was kept back.
    pub fn unpark(self: &Arc<Self>) {
        self.unparked.store(true, Release);
        self.wake();
    }

    /// Whether it was let go on since this was asked last.
    pub fn take_unparked(&self) -> bool {
        self.unparked.swap(false, Acquire)
    }

    /// The command that it waits for.
    pub fn waiter(&self) -> MutexGuard<'_, Option<Arc<Waiter>>> {
        self.waiter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it speaks RESP3.
    #[inline]
    pub fn speaks_resp3(&self) -> bool {
        self.resp.load(Relaxed) == 3
    }

    /// How it tracks; empty = it doesn't.
    pub fn tracking(&self) -> Mode {
        Mode::from_bits_truncate(self.tracking.load(Relaxed))
    }

    /// Who is told of changes instead of it; 0 = itself, -1 = it doesn't track.
    pub fn redirection(&self) -> i64 {
        self.redirection.load(Relaxed)
    }

    /// Notes how it tracks, and who is told instead.
    pub fn set_tracking(&self, mode: Mode, redirection: i64) {
        self.tracking.store(mode.bits(), Relaxed);
        self.redirection.store(redirection, Relaxed);
    }

    /// Whether its connection has ended.
    pub fn is_gone(&self) -> bool {
        self.gone.load(Relaxed)
    }

    /// Closes its connection, from any thread.
    pub fn kill(&self) {
        self.killed.store(true, Relaxed);
        if let Some(task) = &*self.task() {
            task.waker.wake_by_ref();
        }
    }

    /// Whether it is to be closed.
    #[inline]
    pub fn is_killed(&self) -> bool {
        self.killed.load(Relaxed)
    }

    /// Its requests run only while the server leads.
    pub fn bind(&self) {
        self.bound.store(true, Relaxed);
    }

    /// Whether they do.
    pub fn is_bound(&self) -> bool {
        self.bound.load(Relaxed)
    }

    /// Has its connection end between two requests, from any thread.
    pub fn ask_to_leave(&self) {
        self.leaving.store(true, Relaxed);
        if let Some(task) = &*self.task() {
            task.waker.wake_by_ref();
        }
    }

    /// Whether it is to end between two requests.
    #[inline]
    pub fn is_leaving(&self) -> bool {
        self.leaving.load(Relaxed)
    }

    /// Queues a message in the version of the protocol that the client speaks.
    pub fn send<W: Fn(&mut Reply<'_>)>(self: &Arc<Self>, message: &mut Message<W>) {
        let resp = if self.speaks_resp3() { Resp::V3 } else { Resp::V2 };
        self.push(message.frame(resp));
    }

    /// Queues bytes that stand whole between two replies, and wakes the connection's task. Never waits on the client:
    /// one that is too far behind is closed.
    pub fn push(self: &Arc<Self>, frame: &Frame) {
        match self.outbox.push(frame, &self.limits) {
            Pushed::First => wake::wake(self),
            Pushed::Behind => {}
            Pushed::TooMuch => self.give_up(),
        }
    }

    /// Closes the client when it was beyond the soft limit for too long.
    pub fn check_output(&self) {
        if self.outbox.is_too_late(&self.limits) {
            self.give_up();
        }
    }

    #[cold]
    fn give_up(&self) {
        static SLOW: RateLimited = RateLimited::new();
        // Of several who push at once, one gives it up.
        if !self.outbox.close() {
            return;
        }
        let (id, peer) = (self.id, self.peer);
        SLOW.log(|suppressed| {
            tracing::warn!(id, %peer, suppressed, "closed: it did not take what it subscribed to (client-output-buffer-limit)");
        });
        self.limits.count_disconnection();
        self.kill();
    }

    /// Says which task is to be woken for the client: the one that calls, on this thread.
    pub fn set_task(&self, waker: &Waker) {
        *self.task() = Some(Task::here(waker));
    }

    pub(super) fn task(&self) -> MutexGuard<'_, Option<Task>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All connected clients, by number.
#[derive(Default)]
pub struct Clients {
    /// What they may leave waiting.
    pub limits: Arc<OutputLimits>,
    next: AtomicU64,
    all: Mutex<BTreeMap<u64, Arc<Client>>>,
}

impl Clients {
    fn all(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Client>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a client; it is taken off when the registration is dropped.
    pub fn register(&self, peer: SocketAddr, local: SocketAddr, fd: i32) -> Arc<Client> {
        let id = self.next.fetch_add(1, Relaxed) + 1;
        let client = Arc::new(Client::new(id, peer, local, fd, Arc::clone(&self.limits)));
        self.all().insert(id, Arc::clone(&client));
        client
    }

    /// A client that is nobody's connection, and that nobody sees: what a log says is run as by it.
    pub fn nobody(&self, address: SocketAddr) -> Arc<Client> {
        Arc::new(Client::new(0, address, address, 0, Arc::clone(&self.limits)))
    }

    /// Takes a client off, with what waits for it.
    pub fn remove(&self, id: u64) {
        if let Some(client) = self.all().remove(&id) {
            client.gone.store(true, Relaxed);
            client.outbox.close();
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.all().len()
    }

    /// The client of this number.
    pub fn get(&self, id: u64) -> Option<Arc<Client>> {
        self.all().get(&id).cloned()
    }

    /// All clients, in the order in which they came.
    pub fn list(&self) -> Vec<Arc<Client>> {
        self.all().values().cloned().collect()
    }
}
