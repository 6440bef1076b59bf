//! The HTTP door of Ringtail's proxy: what is asked by HTTP becomes commands of Redis's protocol, which an ordinary session runs.
//!
//! The flow of a request:
//!
//! 1. `serve`: one connection. hyper takes requests from it one after the other (`io` gives it the bytes), the router of `door` finds
//!    who does them.
//! 2. `call`: a request with all that belongs to it: path, query, body, who asks.
//! 3. `api`: one file for each kind of address. It makes commands (`request`) and answers (`json`, [`problem`](mod@problem)).
//! 4. `caller`: sends the commands to the connection's session through a pipe in memory, and waits for the answers (`exchange`).
//!
//! So users, their rules, limits, deadlines, the slow log and all counters are those of the sessions, and nothing of it is done here.

mod account;
mod api;
mod call;
mod caller;
mod credentials;
mod door;
mod escape;
mod exchange;
mod host;
mod io;
mod json;
pub mod limits;
mod origin;
mod problem;
mod request;
mod serve;

pub use door::{Door, refusal};
pub use host::Host;
