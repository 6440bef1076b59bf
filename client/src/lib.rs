//! An async client for Ringtail, and for every server that speaks Redis's protocol.
//!
//! One [`Client`] is one connection that any number of tasks share. Requests are pipelined: each is
//! sent as it comes, without waiting for the answers of those before it, and every future gets its
//! own answer. A lost connection is made again when the next request needs it.
//!
//! ```no_run
//! use ringtail::{Client, ConnectOptions};
//!
//! # async fn example() -> Result<(), ringtail::Error> {
//! // TLS, verified by the system's roots; a CA of your own is named by its file.
//! let options = ConnectOptions::new("127.0.0.1:9443").ca_file("certs/ca.crt");
//! let client = Client::connect(options).await?;
//!
//! client.cmd(["SET", "greeting", "hello world"]).await?;
//! let value = client.cmd(["GET", "greeting"]).await?;
//! assert_eq!(value.as_str(), Some("hello world"));
//!
//! // One write for many requests, and nothing of other tasks between them.
//! let replies = client.pipeline().cmd(["INCR", "visits"]).cmd(["EXPIRE", "visits", "60"]).run().await?;
//! assert_eq!(replies[0].as_int(), Some(1));
//! # Ok(())
//! # }
//! ```
//!
//! # When something fails
//!
//! An error says whether the request can have been executed ([`Error::is_safe_to_retry`]). Nothing is
//! ever sent twice by the client itself.
//!
//! ```no_run
//! # async fn example(client: ringtail::Client) -> Result<(), ringtail::Error> {
//! let popped = match client.cmd(["LPOP", "jobs"]).await {
//!     // It never reached a server.
//!     Err(error) if error.is_safe_to_retry() => client.cmd(["LPOP", "jobs"]).await?,
//!     answer => answer?,
//! };
//! # Ok(())
//! # }
//! ```

mod client;
mod connection;
mod download;
mod driver;
mod error;
mod feed;
mod handshake;
pub mod limits;
pub mod measure;
mod options;
mod requests;

pub use client::{Client, Pipeline};
pub use download::Download;
pub use error::Error;
pub use feed::Feed;
pub use options::ConnectOptions;
pub use ringtail_protocol::value::Value;

#[cfg(test)]
mod testing;
