//! Every bound of the client, in one place.

use std::time::Duration;

/// Requests (pipelines count as one) that wait for the connection to take them; more wait in [`cmd`](crate::Client::cmd) itself.
pub const QUEUE: usize = 1024;
/// Requests sent and not yet answered, above which no more are taken from the queue.
pub const MAX_IN_FLIGHT: usize = 16 * 1024;
/// Bytes not yet written, above which no more requests are taken from the queue.
pub const MAX_UNSENT: usize = 1 << 20;
/// Longest reply, in bytes; a longer one ends the connection.
pub const MAX_REPLY: usize = 1 << 30;
/// Longest reply to a request of the handshake.
pub const MAX_HANDSHAKE_REPLY: usize = 64 << 10;
/// What one read asks for.
pub const READ: usize = 64 << 10;
/// Longest wait for a connection, its TLS and its handshake.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for an answer, unless the options say otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// The wait after the first failed attempt to connect; it doubles with every further one.
pub const BACKOFF_FIRST: Duration = Duration::from_millis(50);
/// The longest wait between two attempts.
pub const BACKOFF_MOST: Duration = Duration::from_secs(2);

const _: () = assert!(MAX_HANDSHAKE_REPLY < MAX_REPLY);
