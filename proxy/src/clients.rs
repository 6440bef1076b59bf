//! What every thread may see of every client: for `CLIENT LIST` and `CLIENT KILL`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{
    AtomicBool, AtomicI64, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use ringtail_net::RateLimited;
use ringtail_net::outbox::{Frame, Outbox, OutputLimits, Pushed};
use ringtail_protocol::acl::{DEFAULT_USER, User};
use ringtail_protocol::tracking::{Mode, NO_TRACKING};

/// No command was sent yet.
pub(crate) const NO_COMMAND: u16 = u16::MAX;

/// What CLIENT UNBLOCK has a waiting client be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unblock {
    /// As if its time were up.
    Timeout,
    /// An error.
    Error,
}

impl Unblock {
    /// Redis's word for it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Timeout => "TIMEOUT",
            Self::Error => "ERROR",
        }
    }
}

/// Whether a client waits in a blocking command: what [`Client::blocked`] holds.
const FREE: u8 = 0;
const BLOCKED: u8 = 1;
const TIMEOUT_ASKED: u8 = 2;
const ERROR_ASKED: u8 = 3;

/// A client's names, as it told them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    /// `CLIENT SETNAME`
    pub(crate) name: String,
    /// `CLIENT SETINFO LIB-NAME`
    pub(crate) library: String,
    /// `CLIENT SETINFO LIB-VER`
    pub(crate) version: String,
    /// Whose permissions it has; `None` is the default user.
    pub(crate) user: Option<Arc<User>>,
}

/// One client. Its session writes, others read; all loads and stores are independent of each other.
#[derive(Debug)]
pub(crate) struct Client {
    /// Its number; never used again.
    pub(crate) id: u64,
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) fd: i32,
    /// When it came, in milliseconds since the proxy's start.
    pub(crate) since: u64,
    /// When it last sent something, likewise.
    pub(crate) active: AtomicU64,
    pub(crate) db: AtomicU8,
    /// 2 or 3.
    pub(crate) resp: AtomicU8,
    /// The row of its last command.
    pub(crate) command: AtomicU16,
    pub(crate) no_evict: AtomicBool,
    pub(crate) no_touch: AtomicBool,
    /// Bytes of a request that is not complete yet.
    pub(crate) unread: AtomicUsize,
    /// Bytes of answers that it has not taken yet.
    pub(crate) unsent: AtomicUsize,
    /// Commands since MULTI, -1 outside of a transaction.
    pub(crate) queued: AtomicI64,
    /// Bytes of these.
    pub(crate) queued_bytes: AtomicUsize,
    blocked: AtomicU8,
    /// How many channels, patterns and shard channels it is subscribed to, by [`Kind`](crate::pubsub::Kind).
    pub(crate) subscriptions: [AtomicU32; 3],
    tracking: AtomicU8,
    redirection: AtomicI64,
    gone: AtomicBool,
    /// Messages that it has not been sent yet.
    pub(crate) outbox: Outbox,
    names: Mutex<Names>,
    killed: AtomicBool,
    in_the_way: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Client {
    /// Its names.
    pub(crate) fn names(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The name of its user.
    pub(crate) fn user_name(&self) -> Box<[u8]> {
        self.names().user.as_ref().map_or(DEFAULT_USER.into(), |user| user.name().into())
    }

    /// How its session's task is woken.
    pub(crate) fn set_task(&self, waker: &Waker) {
        *self.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker.clone());
    }

    /// Closes its connection, from any thread.
    pub(crate) fn kill(&self) {
        self.killed.store(true, Relaxed);
        self.wake();
    }

    /// Whether it speaks RESP3.
    #[inline]
    pub(crate) fn speaks_resp3(&self) -> bool {
        self.resp.load(Relaxed) == 3
    }

    /// Whether it is subscribed to anything.
    pub(crate) fn is_subscribed(&self) -> bool {
        self.subscriptions.iter().any(|count| count.load(Relaxed) > 0)
    }

    /// How it tracks; empty = it doesn't.
    pub(crate) fn tracking(&self) -> Mode {
        Mode::from_bits_truncate(self.tracking.load(Relaxed))
    }

    /// Who is told of changes instead of it; 0 = itself, -1 = it doesn't track.
    pub(crate) fn redirection(&self) -> i64 {
        self.redirection.load(Relaxed)
    }

    /// Notes how it tracks, and who is told instead.
    pub(crate) fn set_tracking(&self, mode: Mode, redirection: i64) {
        self.tracking.store(mode.bits(), Relaxed);
        self.redirection.store(redirection, Relaxed);
    }

    /// Whether its connection has ended.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Relaxed)
    }

    /// Queues a message; one that is too far behind is closed. Whether its session is to be told, since nothing waited before.
    pub(crate) fn push(&self, frame: &Frame, limits: &OutputLimits) -> bool {
        match self.outbox.push(frame, limits) {
            Pushed::First => true,
            Pushed::Behind => false,
            Pushed::TooMuch => {
                self.cut(limits);
                false
            }
        }
    }

    #[cold]
    fn cut(&self, limits: &OutputLimits) {
        static SLOW: RateLimited = RateLimited::new();
        let (id, peer) = (self.id, self.peer);
        SLOW.log(|suppressed| {
            tracing::warn!(id, %peer, suppressed, "closed: it did not take its messages (--client-output-buffer-limit)");
        });
        if self.outbox.close() {
            limits.count_disconnection();
        }
        self.kill();
    }

    /// Bytes of its requests, the queued ones among them, and answers.
    pub(crate) fn held(&self) -> usize {
        self.unread.load(Relaxed) + self.unsent.load(Relaxed) + self.queued_bytes.load(Relaxed)
    }

    /// Has it give up what is held of it: others wait for the room.
    pub(crate) fn make_way(&self) {
        self.in_the_way.store(true, Relaxed);
        self.wake();
    }

    /// Whether it is to make way; asked once.
    #[inline]
    pub(crate) fn is_in_the_way(&self) -> bool {
        self.in_the_way.load(Relaxed) && self.in_the_way.swap(false, Relaxed)
    }

    /// Has its session look about.
    pub(crate) fn wake(&self) {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(task) = task {
            task.wake();
        }
    }

    /// It begins, or ends, to wait in a blocking command.
    pub(crate) fn set_blocked(&self, blocked: bool) {
        self.blocked.store(if blocked { BLOCKED } else { FREE }, Relaxed);
    }

    /// Whether it waits in a blocking command.
    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked.load(Relaxed) != FREE
    }

    /// Asks for the end of its waiting, from any thread. `false` if it does not wait.
    pub(crate) fn unblock(&self, how: Unblock) -> bool {
        let asked = match how {
            Unblock::Timeout => TIMEOUT_ASKED,
            Unblock::Error => ERROR_ASKED,
        };
        let waits = self.blocked.compare_exchange(BLOCKED, asked, Relaxed, Relaxed).is_ok();
        self.wake();
        waits
    }

    /// What was asked for since this was called last.
    pub(crate) fn unblock_asked(&self) -> Option<Unblock> {
        let how = match self.blocked.load(Relaxed) {
            TIMEOUT_ASKED => Unblock::Timeout,
            ERROR_ASKED => Unblock::Error,
            _ => return None,
        };
        self.blocked.store(BLOCKED, Relaxed);
        Some(how)
    }

    /// Whether it is to be closed.
    #[inline]
    pub(crate) fn is_killed(&self) -> bool {
        self.killed.load(Relaxed)
    }
}

/// All connected clients, by number.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    next: AtomicU64,
    all: Mutex<BTreeMap<u64, Arc<Client>>>,
}

impl Clients {
    fn all(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Client>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a client; remove it when it leaves.
    pub(crate) fn register(&self, peer: SocketAddr, local: SocketAddr, fd: i32, now: u64) -> Arc<Client> {
        let id = self.next.fetch_add(1, Relaxed) + 1;
        let client = Arc::new(Client {
            id,
            peer,
            local,
            fd,
            since: now,
            active: AtomicU64::new(now),
            db: AtomicU8::new(0),
            resp: AtomicU8::new(2),
            command: AtomicU16::new(NO_COMMAND),
            no_evict: AtomicBool::new(false),
            no_touch: AtomicBool::new(false),
            unread: AtomicUsize::new(0),
            unsent: AtomicUsize::new(0),
            queued: AtomicI64::new(-1),
            queued_bytes: AtomicUsize::new(0),
            blocked: AtomicU8::new(FREE),
            subscriptions: Default::default(),
            tracking: AtomicU8::new(0),
            redirection: AtomicI64::new(NO_TRACKING),
            gone: AtomicBool::new(false),
            outbox: Outbox::default(),
            names: Mutex::default(),
            killed: AtomicBool::new(false),
            in_the_way: AtomicBool::new(false),
            task: Mutex::new(None),
        });
        self.all().insert(id, Arc::clone(&client));
        client
    }

    /// Takes a client off.
    pub(crate) fn remove(&self, id: u64) {
        if let Some(client) = self.all().remove(&id) {
            client.gone.store(true, Relaxed);
            client.outbox.close();
        }
    }

    /// All clients, in the order in which they came.
    pub(crate) fn list(&self) -> Vec<Arc<Client>> {
        self.all().values().cloned().collect()
    }

    /// How many wait in a blocking command.
    pub(crate) fn blocked(&self) -> usize {
        self.all().values().filter(|client| client.is_blocked()).count()
    }

    /// The client of that number.
    pub(crate) fn find(&self, id: u64) -> Option<Arc<Client>> {
        self.all().get(&id).cloned()
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.all().len()
    }
}
