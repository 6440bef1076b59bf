//! What the operator decided, checked.

use std::net::SocketAddr;
use std::time::Duration;

use ringtail_net::{Secret, TlsClient};

/// How long a member may take to answer unless told otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1);
/// Most lanes to a server, and most dedicated connections, unless told otherwise.
pub const DEFAULT_CONNS: u16 = 10;
/// Most connections of their own that sessions have to a server, unless told otherwise.
pub const DEFAULT_DEDICATED: u32 = 1000;
/// Most clients unless told otherwise.
pub const DEFAULT_MAX_CLIENTS: usize = 10_000;

/// Settings of a running proxy.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Where clients connect.
    pub(crate) addr: SocketAddr,
    /// How long a member may take to answer, or to take a connection.
    pub(crate) timeout: Duration,
    /// Most lanes to each server, for each worker and version of the protocol.
    pub(crate) conns: usize,
    /// Most connections to each server that one session has for itself, for each worker and version of the protocol.
    pub(crate) dedicated: usize,
    /// Worker threads.
    pub(crate) threads: usize,
    /// Clients speak TLS.
    pub(crate) tls: bool,
    pub(crate) max_clients: usize,
    /// `client-output-buffer-limit pubsub` to begin with: hard bytes, soft bytes, seconds beyond soft.
    pub(crate) output_limits: (u64, u64, u64),
    /// TLS to the servers.
    pub(crate) server_tls: Option<TlsClient>,
    /// What servers want to be shown.
    pub(crate) server_password: Option<Secret>,
    /// Plaintext to servers on other machines is allowed.
    pub(crate) insecure: bool,
}
