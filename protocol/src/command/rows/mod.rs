//! The rows, one file a group. Each file is a macro that hands its rows to the next one (the first
//! argument), so that all of them reach `table!` in one list.

#[macro_use]
mod generic;
#[macro_use]
mod string;
#[macro_use]
mod list;
#[macro_use]
mod hash;
#[macro_use]
mod set;
#[macro_use]
mod sorted_set;
#[macro_use]
mod stream;
#[macro_use]
mod bitmap;
#[macro_use]
mod hyperloglog;
#[macro_use]
mod geo;
#[macro_use]
mod pubsub;
#[macro_use]
mod transactions;
#[macro_use]
mod scripting;
#[macro_use]
mod connection;
#[macro_use]
mod server;
#[macro_use]
mod acl;
#[macro_use]
mod cluster;
