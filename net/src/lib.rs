//! What Ringtail's programs share around a socket: listeners, TLS, byte streams, worker threads,
//! shutdown, configuration and logs. It knows nothing of the protocol that the bytes carry.
//!
//! The flow of a connection: [`listener`] accepts it, [`workers`] runs its task, [`stream`] (with
//! the `session` of TLS inside) moves its bytes.

mod certificates;
pub mod config;
mod connect;
pub mod exit;
pub mod limits;
pub mod listener;
pub mod logging;
pub mod outbox;
mod problem;
mod rate_limited;
mod read;
mod replace;
pub mod secret;
mod session;
pub mod shutdown;
pub mod stream;
pub mod sync;
#[cfg(test)]
mod testing;
pub mod tls;
mod tls_error;
pub mod units;
pub mod workers;

pub use listener::{Accepted, Exposure, Listener};
pub use problem::Problem;
pub use rate_limited::RateLimited;
pub use read::read_bounded;
pub use replace::replace_file;
pub use secret::{Secret, read_secret};
pub use shutdown::Shutdown;
pub use stream::Stream;
pub use tls::{TlsClient, TlsServer};
pub use workers::{WorkerContext, Workers};
