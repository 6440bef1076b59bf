//! Every bound of this crate: what a peer can make us hold, and how long we wait.

use std::time::Duration;

/// Connections that are served at once; others wait in the kernel's queue.
pub const CONNECTIONS: usize = 64;

/// Longest head of a request, in bytes.
pub const HEAD: usize = 8 << 10;

/// Most header lines in it.
pub const HEADERS: usize = 64;

/// Longest time for a connection, from its first byte to the last of the answer. A connection has one request, so nobody keeps a place for longer.
pub const CONNECTION: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 10 });

/// Pause after a connection could not be accepted.
pub const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);
