//! Ringtail's proxy: a pool of servers that answers as one.
//!
//! It is stateless: a client's requests are read and passed on as bytes, the members' answers likewise. It reads the name and the keys of
//! a request, and the length of an answer, no more.
//!
//! The flow of a request, one file for each step:
//!
//! 1. `session`: one client. Its task waits until the socket is readable; [`serve`](session) reads once into a buffer
//!    that the worker's sessions share, and parses every complete request in place.
//! 2. `route`: looks the command up, checks what Redis checks, and decides by the table's pool rule: to the member that owns the
//!    keys' slot, split by member (`gather`), answered here (`local`), or asked of the whole pool (`whole`).
//!    `alias` first rewrites what stock Redis would not understand.
//! 3. `lane`: a pipelined connection to one member, shared by a worker's sessions. The request's bytes are appended to its
//!    output, and who waits for the answer (`pending`) to its queue.
//! 4. `turn`: when all tasks of this turn of the event loop have run, each touched lane is written once, for all sessions together.
//! 5. `lane::serve`: one read, and each complete answer goes to the first in the queue.
//! 6. `sequence`: an answer whose turn it is goes to its session's output; one that came too early waits in its place.
//! 7. `turn` again: each touched session is written once.
//!
//! `admission` takes connections in, `held` counts the bytes that are held for all, `rates` and `seats` what each user and address has.
//! `script` runs scripts where their keys are, and brings them to members that miss them.
//!
//! `access` says who a client is and what it may do; a client that may do everything is asked for nothing on the way of a request.
//! `pubsub` has a worker's subscriptions: one subscriber link to each member, whose messages go into the outboxes of sessions.
//!
//! `worker` is what one thread's connections share; threads share nothing on the way of a request but a counter of their
//! own (`shared`). `member` is one server as a worker sees it: lanes, and a pool of dedicated connections (`link`) for
//! what may take long and must not stand before others' requests. `lane::deadline` answers what is late in its place; `breaker`
//! has a member that hangs refused at once, until it answers a probe;
//! `large` passes through what is too large
//! to hold, or to stand before others' requests. `fault` says whose fault it was and whether a retry is safe. `limits` bounds everything.
//!
//! `http` has what comes by HTTP done by sessions like all others.
//!
//! `see` counts and times requests, and keeps what was slow, hot or big. `otel`, in a build that has it, exports traces of some.
//!
//! Measured on one core before three redis-servers (GET:SET 10:1, 256 B, 50 clients; see docs/benchmarks.md), this costs mostly what the
//! kernel takes for two reads and writes a batch; that is why everything above is about fewer and fuller ones.

mod access;
mod admission;
mod alias;
mod breaker;
mod clients;
mod fault;
mod gather;
mod held;
mod http;
mod lane;
mod large;
mod leader;
pub mod limits;
mod link;
mod local;
mod member;
pub mod metrics;
pub mod options;
#[cfg(feature = "otel")]
mod otel;
#[cfg(not(feature = "otel"))]
#[path = "otel/off.rs"]
mod otel;
mod own;
mod pass_through;
mod pending;
mod pubsub;
pub mod rates;
pub mod replicas;
mod retry;
mod route;
mod script;
mod seats;
mod see;
mod sequence;
mod session;
pub mod settings;
mod shared;
#[cfg(test)]
mod simulation;
pub mod start;
#[cfg(test)]
mod testing;
mod tracking;
mod transaction;
mod turn;
mod whole;
mod worker;
