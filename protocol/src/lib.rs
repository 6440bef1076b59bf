//! Ringtail's wire protocol: bytes to requests and values to replies.
//!
//! Nothing here does IO, reads a clock or keeps global state, so the data server, the proxy, the client and the
//! fuzzers share it, and its tests need no socket.
//!
//! * [`request`] finds complete requests in a read buffer, in place.
//! * [`command`] is the table of commands.
//! * [`reply`] writes replies straight into an output buffer, in RESP2 or RESP3.
//! * [`frame`] finds where a reply ends without decoding it, [`value`] decodes it.
//! * [`parameters`]: CONFIG GET and SET.
//! * [`acl`]: users and what they may do.
//! * [`stats`]: counters, latencies and the slow log, as operators are told them.
//! * [`number`], [`long_double`], [`glob`]: Redis's number formats and patterns.
//! * [`sha1`]: the names of scripts.
//! * [`limits`] and [`errors`] are the one place for every bound and every error text.

pub mod acl;
pub mod command;
pub mod errors;
pub mod frame;
pub mod glob;
mod hexadecimal;
pub mod limits;
pub mod long_double;
pub mod number;
pub mod parameters;
pub mod reply;
pub mod request;
pub mod sha1;
pub mod stats;
pub mod tracking;
pub mod value;
