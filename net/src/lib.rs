//! What Ringtail's programs share around a socket: listeners, TLS, byte streams, worker threads,
//! shutdown, configuration and logs. It knows nothing of the protocol that the bytes carry.
//!
//! The flow of a connection: [`listener`] accepts it, [`workers`] runs its task, [`stream`] (with
//! the `session` of TLS inside) moves its bytes.

mod certificates;
pub mod config;
mod connect;
mod entry;
pub mod exit;
mod flags;
mod inherited;
mod life;
pub mod limits;
pub mod listener;
pub mod logging;
mod notify;
pub mod outbox;
mod password;
mod pipe;
mod problem;
mod proxied;
mod rate_limited;
mod read;
mod reload;
mod replace;
mod round_trip;
pub mod secret;
mod session;
pub mod shutdown;
#[cfg(feature = "simulation")]
pub mod simulation;
mod socket;
pub mod stream;
pub mod sync;
mod takeover;
#[cfg(test)]
mod testing;
mod tickets;
pub mod tls;
mod tls_error;
pub mod units;
pub mod workers;

pub use entry::{Entry, Refused};
pub use flags::LifeFlags;
pub use life::Life;
pub use listener::{Accepted, Acceptor, Door, Exposure, Listener, Place};
pub use password::Password;
pub use pipe::{Ends, Pipe};
pub use problem::Problem;
pub use proxied::{Network, Proxied};
pub use rate_limited::RateLimited;
pub use read::read_bounded;
pub use reload::{Files, ReloadStatus, Reloader, Reloads};
pub use replace::replace_file;
pub use ringtail_watch::WatchOptions;
pub use secret::{Secret, read_secret};
pub use shutdown::Shutdown;
pub use stream::Stream;
pub use tls::{TlsClient, TlsServer};
pub use workers::{WorkerContext, Workers};
