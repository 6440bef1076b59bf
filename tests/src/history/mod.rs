//! Histories of many clients, and whether they are linearizable: whether there is an order of the operations, each at one
//! moment between its call and its reply, in which a plain sequential program gives every reply that was given.
//!
//! What nobody knows the outcome of (a time-out, a lost connection) may have been done at any moment after its call, or never.
//! A history of several keys is linearizable if that of each key is, so each is checked alone.

mod models;
mod search;
#[cfg(test)]
mod tests;

pub use models::{Count, Counter, Register, Use};
pub use search::{first_impossible, is_linearizable};

use std::hash::Hash;

/// A sequential program: what an operation with this result makes of a state.
pub trait Model {
    /// All that the program remembers.
    type State: Clone + Eq + Hash + Default;
    /// An operation with the reply that it was given.
    type Operation: PartialEq;

    /// The state after the operation; `None` when the reply can't come from this state.
    fn step(&self, state: &Self::State, operation: &Self::Operation) -> Option<Self::State>;
}

/// When an operation was answered that nobody knows the outcome of.
pub const NEVER: u64 = u64::MAX;

/// An operation of a history: when it was called and answered, on one clock.
#[derive(Clone, Copy, Debug)]
pub struct Event<O> {
    /// Before the request was sent.
    pub called: u64,
    /// After the reply was read; [`NEVER`] when it is not known whether it was done.
    pub answered: u64,
    /// What was asked and answered.
    pub operation: O,
}

impl<O> Event<O> {
    /// Whether it is known to have been done.
    pub fn is_known(&self) -> bool {
        self.answered != NEVER
    }
}
