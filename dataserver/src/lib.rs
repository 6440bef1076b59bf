//! Ringtail's data server. ARCHITECTURE.md draws the way of a request through these modules:
//! [`start`] → [`worker`] → [`connection`] → [`execute`] → [`command`] → [`store`].

pub mod access;
pub mod backup;
pub mod blocking;
mod checks;
pub mod command;
pub mod connection;
pub mod counters;
pub mod durable;
pub mod event;
pub mod execute;
#[cfg(any(test, fuzzing))]
pub mod exercise;
pub mod hub;
pub mod log;
pub mod metrics;
#[cfg(test)]
#[cfg(feature = "shuttle")]
mod models;
pub mod monitor;
pub mod notifications;
pub mod options;
pub mod pause;
pub mod rates;
pub mod rdb;
pub mod replication;
pub mod rest;
pub mod script;
mod secrets;
pub mod server;
pub mod session;
pub mod settings;
pub mod stance;
pub mod start;
pub mod store;
pub mod sweep;
mod sync;
mod ticks;
pub mod timer;
pub mod transaction;
pub mod unkept;
pub mod value;
pub mod worker;
