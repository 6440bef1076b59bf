//! The log: one ordered sequence of what changed.
//!
//! ```text
//! View::changed      store/view      notes the keys that a command changed, under their locks
//! effects::settle    effects         makes effects of them: canonical commands on one key each
//! View::drop         log/effects     one group of all effects, before the locks are given up
//! Intake::commit     log/intake      a ticket that orders it among all, and into the thread's own lane
//! Merge::collect     log/merge       lanes into one stream of bytes, whose positions are the log's offsets
//!
//! a file, a replica  log/apply       runs the effects of each group again, on keys that never expire by themselves
//! a start            log/replay      the same by several threads
//! ```
//!
//! With no reader nothing of this happens: it is one bit of a word that every change reads anyway.

pub mod apply;
pub mod backlog;
pub mod compact;
pub mod effects;
mod faults;
pub mod files;
pub mod history;
pub mod intake;
pub mod keeper;
pub mod lateness;
pub mod merge;
pub mod record;
pub mod replay;
pub mod service;
pub mod settle;
#[cfg(any(test, fuzzing))]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
pub mod times;
pub mod waiting;
