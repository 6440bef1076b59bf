//! The load generator: a closed loop of many connections in one thread, much cheaper for each operation than the
//! servers it loads, that checks every reply.
//!
//! `options` → `run` (connect, preload, measure, report) → `client` (one connection's loop, at a `pace`) → `workload` (requests and
//! what their replies must be) and `reply` (where a reply ends); `stats` and `cpu` hold what was seen.

pub mod client;
pub mod cpu;
pub mod options;
mod pace;
pub mod reply;
pub mod run;
pub mod stats;
pub mod transport;
pub mod workload;
