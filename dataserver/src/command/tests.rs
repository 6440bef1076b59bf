//! Commands as a client sees them, each compared by hand with what Redis 7 says.

mod acl;
mod bitmap;
mod blocking;
mod bounds;
mod generic;
mod hash;
mod hash_expiry;
mod hyperloglog;
mod list;
mod memory;
mod model;
mod operators;
mod pubsub;
mod scan;
mod sets;
mod stream;
mod string;
mod transactions;
mod zset;
