//! What a command, a sweep or an eviction leaves to be done once it has given its locks up.

use std::collections::BTreeSet;

/// What is left to do; most commands leave nothing.
#[derive(Default)]
pub struct After {
    /// Lanes of [`Events`](super::events::Events) with events to publish, as bits.
    pub lanes: u64,
    /// Keys that changed, when clients are to be told of all changes.
    pub changed: BTreeSet<Box<[u8]>>,
    /// The client that changed them; 0 = none.
    pub by: u64,
    /// Keys that changed and that somebody waits for, with their databases.
    pub awaited: Vec<(u8, Box<[u8]>)>,
    /// More keys are tracked than may be.
    pub tracks_too_much: bool,
}
