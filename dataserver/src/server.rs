//! What all workers share.

use crate::access::Access;
use crate::counters::{Counter, Counters};
use crate::hub::Hub;
use crate::session::Clients;
use crate::settings::Settings;
use crate::store::Store;
use ringtail_net::Shutdown;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::{SystemTime, UNIX_EPOCH};

/// The version of Redis whose commands, replies and texts these are.
pub const REDIS_VERSION: &str = "7.2.0";

/// Milliseconds since 1970.
#[inline]
pub fn unix_millis() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64)
}

/// Microseconds since 1970.
pub fn unix_micros() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros() as u64)
}

/// One data server.
pub struct Server {
    /// All keys.
    pub store: Arc<Store>,
    /// What CONFIG SET changes.
    pub settings: Settings,
    /// Who may do what.
    pub access: Access,
    /// One for each worker.
    pub counters: Box<[Counters]>,
    /// All connected clients.
    pub clients: Clients,
    /// Who is subscribed to what.
    pub hub: Arc<Hub>,
    /// Where it listens.
    pub address: SocketAddr,
    /// When it was started, in milliseconds since 1970.
    pub started: u64,
    /// Forty hexadecimal digits that no other run has.
    pub run_id: String,
    /// Clients that wait for a key.
    pub blocked: AtomicUsize,
    /// Whether expired keys are looked for (DEBUG SET-ACTIVE-EXPIRE).
    pub expires: AtomicBool,
    /// Ends the server.
    pub shutdown: Shutdown,
}

impl Server {
    /// A server with an empty store and `workers` workers.
    pub fn new(address: SocketAddr, workers: usize, shutdown: Shutdown) -> Arc<Self> {
        let store = Arc::new(Store::new());
        store.lazy.count_in(&store);
        store.memory.publish();
        let mut random = fastrand::Rng::new();
        Arc::new(Self {
            store,
            settings: Settings::default(),
            access: Access::default(),
            counters: (0..workers).map(|_| Counters::default()).collect(),
            clients: Clients::default(),
            hub: Arc::default(),
            address,
            started: unix_millis(),
            run_id: (0..40).map(|_| char::from_digit(random.u32(..16), 16).unwrap_or('0')).collect(),
            blocked: AtomicUsize::new(0),
            expires: AtomicBool::new(true),
            shutdown,
        })
    }

    /// A counter's sum over all workers.
    pub fn total(&self, counter: impl Fn(&Counters) -> &Counter) -> u64 {
        self.counters.iter().map(|c| counter(c).get()).sum()
    }
}
