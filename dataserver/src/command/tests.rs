//! Commands as a client sees them, each compared by hand with what Redis 7 says.

mod acl;
mod bitmap;
mod blocking;
mod bounds;
mod dump;
mod generic;
mod geo;
mod hash;
mod hash_expiry;
mod hyperloglog;
mod list;
mod memory;
mod model;
mod notifications;
mod operators;
mod pubsub;
mod scan;
mod scripting;
mod sets;
mod sort;
mod stream;
mod string;
mod tracking;
mod transactions;
mod zset;

use crate::command::testing::{Harness, shown};

/// What the client gets without asking.
fn received(t: &mut Harness) -> String {
    t.replies(Vec::new()).iter().map(shown).collect::<Vec<_>>().join(" ")
}
