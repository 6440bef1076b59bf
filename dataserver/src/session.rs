//! One client: what its connection's task knows of it, and what every thread may ask of it.

use crate::server::unix_millis;
use ringtail_protocol::limits::RequestLimits;
use ringtail_protocol::reply::Resp;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// What CLIENT REPLY said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyMode {
    /// Replies are sent.
    On,
    /// None are.
    Off,
    /// The reply of the next command isn't.
    SkipNext,
    /// The reply of this command isn't.
    Skip,
}

/// A client's names, as it told them.
#[derive(Clone, Default)]
pub struct Names {
    /// CLIENT SETNAME
    pub name: String,
    /// CLIENT SETINFO LIB-NAME
    pub library: String,
    /// CLIENT SETINFO LIB-VER
    pub version: String,
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
    names: Mutex<Names>,
    killed: AtomicBool,
    wake: Notify,
}

/// No command was sent yet.
pub const NO_COMMAND: u16 = u16::MAX;

impl Client {
    fn new(id: u64, peer: SocketAddr, local: SocketAddr, fd: i32) -> Self {
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
            names: Mutex::default(),
            killed: AtomicBool::new(false),
            wake: Notify::new(),
        }
    }

    /// Its names.
    pub fn names(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes its connection, from any thread.
    pub fn kill(&self) {
        self.killed.store(true, Relaxed);
        self.wake.notify_one();
    }

    /// Whether it is to be closed.
    pub fn is_killed(&self) -> bool {
        self.killed.load(Relaxed)
    }

    /// Resolves when it is to be closed.
    pub async fn until_killed(&self) {
        while !self.is_killed() {
            self.wake.notified().await;
        }
    }
}

/// All connected clients, by number.
#[derive(Default)]
pub struct Clients {
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
        let client = Arc::new(Client::new(id, peer, local, fd));
        self.all().insert(id, Arc::clone(&client));
        client
    }

    /// Takes a client off.
    pub fn remove(&self, id: u64) {
        self.all().remove(&id);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.all().len()
    }

    /// All clients, in the order in which they came.
    pub fn list(&self) -> Vec<Arc<Client>> {
        self.all().values().cloned().collect()
    }
}

bitflags::bitflags! {
    /// Why a session's commands may need a second look before they run. Most sessions have none of these, so that the
    /// way of a request asks one question for all of them.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Gates: u8 {
        /// It has not shown a password yet.
        const UNAUTHENTICATED = 1;
        /// It is between MULTI and EXEC.
        const MULTI = 1 << 1;
        /// It has subscriptions and speaks RESP2: few commands are allowed.
        const SUBSCRIBER = 1 << 2;
        /// Its user may not do everything.
        const RESTRICTED = 1 << 3;
    }
}

/// One connection's state, owned by its task.
pub struct Session {
    /// What other threads see of it.
    pub client: Arc<Client>,
    /// Its database.
    pub db: u8,
    /// Its version of the protocol.
    pub resp: Resp,
    /// What stands before its commands.
    pub gates: Gates,
    /// CLIENT NO-TOUCH
    pub no_touch: bool,
    /// CLIENT REPLY
    pub reply_mode: ReplyMode,
    /// The connection ends once the replies so far are sent.
    pub closing: bool,
}

impl Session {
    /// The state of a client that just came.
    pub fn new(client: Arc<Client>, authenticated: bool) -> Self {
        let gates = if authenticated { Gates::empty() } else { Gates::UNAUTHENTICATED };
        Self {
            client,
            db: 0,
            resp: Resp::V2,
            gates,
            no_touch: false,
            reply_mode: ReplyMode::On,
            closing: false,
        }
    }

    /// Whether it showed the password, or none is wanted.
    #[inline]
    pub fn is_authenticated(&self) -> bool {
        !self.gates.contains(Gates::UNAUTHENTICATED)
    }

    /// Notes that it showed the password, or that it has to show one again.
    pub fn set_authenticated(&mut self, is: bool) {
        self.gates.set(Gates::UNAUTHENTICATED, !is);
    }

    /// What its requests may be.
    #[inline]
    pub fn limits(&self) -> RequestLimits {
        if self.is_authenticated() { RequestLimits::FULL } else { RequestLimits::UNAUTHENTICATED }
    }

    /// Changes the database.
    pub fn select(&mut self, db: u8) {
        self.db = db;
        self.client.db.store(db, Relaxed);
    }

    /// Changes the version of the protocol.
    pub fn set_resp(&mut self, resp: Resp) {
        self.resp = resp;
        self.client.resp.store(if resp == Resp::V3 { 3 } else { 2 }, Relaxed);
    }
}
