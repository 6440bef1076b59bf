//! What the operator decided, checked.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use ringtail_net::units::ByteSize;
use ringtail_net::{LifeFlags, Password, TlsClient};

use crate::held::InFlight;
use crate::options::Options;
use crate::otel;
use crate::replicas::ReadFrom;
use crate::see::Wishes;

/// How long a member may take to answer unless told otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1);
/// Most lanes to a server, and most dedicated connections, unless told otherwise.
pub const DEFAULT_CONNS: u16 = 10;
/// Most connections of their own that sessions have to a server, unless told otherwise.
pub const DEFAULT_DEDICATED: u32 = 1000;
/// What is large unless told otherwise: so many bytes stand before others' for a fifth of a millisecond at 10 Gbit/s.
pub const DEFAULT_LARGE: u64 = 256 << 10;
/// What may be called large at least: an answer of this size is kept in one piece anyway.
pub const LEAST_LARGE: u64 = 64 << 10;
/// Most clients unless told otherwise.
pub const DEFAULT_MAX_CLIENTS: usize = 10_000;

/// TLS handshakes in progress, for each worker, unless told otherwise.
pub const DEFAULT_HANDSHAKES: u16 = 256;
/// Most bytes in flight unless told otherwise, for one client.
pub const DEFAULT_CLIENT_IN_FLIGHT: usize = 1 << 30;
/// And for all.
pub const DEFAULT_IN_FLIGHT: usize = 4 << 30;
/// Most output that a client has not taken, unless told otherwise.
pub const DEFAULT_OUTPUT_LIMIT: usize = 1 << 30;
/// How long a client may take none of its output unless told otherwise.
pub const DEFAULT_OUTPUT_TIMEOUT: Duration = Duration::from_secs(60);

/// What CONFIG SET can change while the proxy runs. Where nothing else is said, 0 is no bound.
#[derive(Debug)]
pub(crate) struct Live {
    /// How long a member may take to answer, in microseconds; never 0.
    pub(crate) timeout: AtomicU64,
    /// Never 0.
    pub(crate) max_clients: AtomicUsize,
    pub(crate) max_clients_per_addr: AtomicUsize,
    pub(crate) max_clients_per_user: AtomicUsize,
    pub(crate) in_flight: Arc<InFlight>,
    /// Bytes of one client's requests and answers.
    pub(crate) client_in_flight: AtomicUsize,
    /// Bytes of answers that a client has not taken.
    pub(crate) output_limit: AtomicUsize,
    /// How long a client may take none of them, in milliseconds.
    pub(crate) output_timeout: AtomicU64,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            timeout: AtomicU64::new(DEFAULT_TIMEOUT.as_micros() as u64),
            max_clients: AtomicUsize::new(DEFAULT_MAX_CLIENTS),
            max_clients_per_addr: AtomicUsize::new(0),
            max_clients_per_user: AtomicUsize::new(0),
            in_flight: Arc::new(InFlight::new(DEFAULT_IN_FLIGHT)),
            client_in_flight: AtomicUsize::new(DEFAULT_CLIENT_IN_FLIGHT),
            output_limit: AtomicUsize::new(DEFAULT_OUTPUT_LIMIT),
            output_timeout: AtomicU64::new(DEFAULT_OUTPUT_TIMEOUT.as_millis() as u64),
        }
    }
}

impl Live {
    /// What the options say, and the defaults.
    pub(crate) fn new(options: &Options) -> Self {
        let live = Self::default();
        let set =
            |to: &AtomicUsize, given: Option<usize>| given.into_iter().for_each(|n| to.store(n, Relaxed));
        let count = |given: Option<u32>| given.map(|n| n as usize);
        let size = |given: Option<ByteSize>| given.map(|size| size.0 as usize);
        set(&live.max_clients, count(options.maxclients));
        set(&live.max_clients_per_addr, count(options.maxclients_per_addr));
        set(&live.max_clients_per_user, count(options.maxclients_per_user));
        set(&live.in_flight.most, size(options.max_in_flight));
        set(&live.client_in_flight, size(options.max_in_flight_per_client));
        set(&live.output_limit, size(options.output_limit));
        if let Some(time) = options.timeout {
            live.set_timeout(time.0);
        }
        if let Some(time) = options.output_timeout {
            live.output_timeout.store(time.0.as_millis() as u64, Relaxed);
        }
        live
    }

    /// How long a member may take to answer.
    #[inline]
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_micros(self.timeout.load(Relaxed))
    }

    pub(crate) fn set_timeout(&self, time: Duration) {
        self.timeout.store(time.as_micros() as u64, Relaxed);
    }

    /// How long a client may take none of its answers.
    pub(crate) fn output_timeout(&self) -> Option<Duration> {
        let millis = self.output_timeout.load(Relaxed);
        (millis > 0).then(|| Duration::from_millis(millis))
    }

    /// The longest request that is waited for. The last eighth of the bound for all is never for those who hold much.
    pub(crate) fn longest_request(&self) -> usize {
        let all = self.in_flight.most.load(Relaxed);
        let bounds = [self.client_in_flight.load(Relaxed), all - all / 8];
        bounds.into_iter().filter(|most| *most > 0).min().unwrap_or(usize::MAX)
    }
}

/// Settings of a running proxy.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Where clients connect.
    pub(crate) addr: SocketAddr,
    /// How long a member may take to take a connection, or to answer on a dedicated one.
    pub(crate) timeout: Duration,
    pub(crate) live: Live,
    /// Every flag with its value, for CONFIG GET.
    pub(crate) flags: Vec<(String, String)>,
    /// TLS handshakes in progress, for each worker.
    pub(crate) handshakes: usize,
    /// Most lanes to each server, for each worker and version of the protocol.
    pub(crate) conns: usize,
    /// Most connections to each server that one session has for itself, for each worker and version of the protocol.
    pub(crate) dedicated: usize,
    /// From how many bytes on a request or an answer is passed through as it comes, by itself.
    pub(crate) large: usize,
    /// How often a read is sent again whose connection was lost.
    pub(crate) retry_reads: u32,
    /// Where sessions' reads go unless they say otherwise.
    pub(crate) read_from: ReadFrom,
    /// Worker threads.
    pub(crate) threads: usize,
    /// Clients speak TLS.
    pub(crate) tls: bool,
    /// `client-output-buffer-limit pubsub` to begin with: hard bytes, soft bytes, seconds beyond soft.
    pub(crate) output_limits: (u64, u64, u64),
    /// TLS to the servers.
    pub(crate) server_tls: Option<TlsClient>,
    /// What servers want to be shown.
    pub(crate) server_password: Option<Password>,
    /// What is to be seen of the requests.
    pub(crate) see: Wishes,
    /// Where traces of them go.
    pub(crate) traces: otel::Sink,
    /// Servers say who clients are.
    pub(crate) pass_through: bool,
    /// Plaintext to servers on other machines is allowed.
    pub(crate) insecure: bool,
    /// How the program begins and ends.
    pub(crate) life: LifeFlags,
}
