//! Every bound of this crate, in one place: what a peer can make us hold, and how long we wait.

use std::time::Duration;

/// Longest time a peer may take for the TLS handshake.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest time [`crate::Stream::shutdown`] waits for the peer to take the last bytes and close.
pub const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// Most bytes that [`crate::Stream::shutdown`] reads and throws away while it waits.
pub const SHUTDOWN_DISCARD: usize = 1 << 20;

/// Ciphertext read by one call: a per-thread buffer, so that idle connections own none.
pub const CIPHERTEXT_READ: usize = 64 << 10;

/// Most plaintext that a TLS session encrypts ahead of what the socket takes.
pub const CIPHERTEXT_PENDING: usize = 64 << 10;

/// Longest wait for one attempt to connect, before another is begun: the system sends a lost packet of the first again only after
/// a second.
pub const DIAL: Duration = Duration::from_millis(500);

/// What a read asks for when the caller's buffer has no room at all.
pub const LEAST_READ: usize = 4 << 10;

/// Connections that the kernel completes ahead of `accept`.
pub const BACKLOG: i32 = 1024;

/// Accepted connections that wait for one worker to take them.
pub const WORKER_QUEUE: usize = 1024;

/// Pause after `accept` failed (out of descriptors, out of memory).
pub const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);

/// Idle time before TCP keepalive probes, time between them, and how many go unanswered.
pub const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(300), Duration::from_secs(75), 3);

/// What a pipe in memory holds at most in each direction, before its sender has to wait.
pub const PIPE: usize = 256 << 10;

/// What an empty pipe may keep of its buffer.
pub const PIPE_KEPT: usize = 4 << 10;

const _: () = assert!(LEAST_READ <= CIPHERTEXT_READ);
// One TLS record's plaintext is at most 16 KiB: less would split every large write.
const _: () = assert!(CIPHERTEXT_PENDING >= 16 << 10);

/// Longest password file, in bytes.
pub const SECRET: u64 = 4096;

/// Longest file of users and their rules, in bytes: room for some 100,000 users.
pub const ACL_FILE: u64 = 16 << 20;

/// Longest configuration file, in bytes.
pub const CONFIG_FILE: u64 = 1 << 20;

/// Of a file that is watched, as much as is compared with what was in it before, in bytes: none that is read is longer.
pub const WATCHED_FILE: u64 = 16 << 20;

const _: () = assert!(PEM_FILE <= WATCHED_FILE && ACL_FILE <= WATCHED_FILE && SECRET <= WATCHED_FILE);

/// Most bytes of a PROXY header behind its fixed part: addresses and TLVs. (A chain of proxies with TLS data sends some hundred.)
pub const PROXY_HEADER: usize = 4096;

/// Longest time that a proxy may take for its header.
pub const PROXY_HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// A listener whose port another process has taken over is closed once no connection came for this long: handshakes
/// that were begun with it are through by then.
pub const HANDOVER_QUIET: Duration = Duration::from_millis(250);

/// And after this time even if they still come.
pub const HANDOVER_MOST: Duration = Duration::from_secs(2);

/// Most keys in a file of ticket keys: the one in use, the one to come and those of before.
pub const TICKET_KEYS: usize = 8;

/// How long a session can be resumed with a ticket of a fleet's key.
pub const TICKET_LIFETIME: Duration = Duration::from_secs(6 * 3600);

/// How long connections may take to come to their end when the program stops, unless told otherwise.
pub const DRAIN: Duration = Duration::from_secs(10);

/// Longest certificate, key or CA file, in bytes: the system's whole set of roots is about 200 KiB.
pub const PEM_FILE: u64 = 4 << 20;

/// How long connections that came just before the end of the program have for their first request.
pub const FIRST_REQUEST: Duration = Duration::from_millis(100);
