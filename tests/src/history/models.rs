//! Programs that histories are checked against: one key with a value, one with a number.

use super::{Event, Model, NEVER};
use std::collections::HashMap;

/// A key with a value; 0 is none. No value is written twice.
pub struct Register;

/// What is done with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It was read.
    Read(u64),
    /// It was written.
    Write(u64),
    /// The second was written, and the first was there before.
    Swap(u64, u64),
}

impl Use {
    /// What it writes.
    pub fn written(self) -> Option<u64> {
        match self {
            Self::Read(_) => None,
            Self::Write(value) | Self::Swap(_, value) => Some(value),
        }
    }

    /// What it has seen.
    pub fn seen(self) -> Option<u64> {
        match self {
            Self::Write(_) => None,
            Self::Read(value) | Self::Swap(value, _) => Some(value),
        }
    }
}

impl Model for Register {
    type State = u64;
    type Operation = Use;

    fn step(&self, state: &u64, operation: &Use) -> Option<u64> {
        operation.seen().is_none_or(|seen| seen == *state).then(|| operation.written().unwrap_or(*state))
    }
}

impl Register {
    /// The same history with fewer questions left open. A write of unknown outcome whose value nobody has seen changes nothing for
    /// anybody, so it is left out; one whose value was seen was done by the first reply with that value.
    pub fn settled(history: &[Event<Use>]) -> Vec<Event<Use>> {
        let mut first_seen = HashMap::<u64, u64>::new();
        for event in history.iter().filter(|event| event.is_known()) {
            let Some(value) = event.operation.seen() else { continue };
            let first = first_seen.entry(value).or_insert(NEVER);
            *first = event.answered.min(*first);
        }
        let settle = |event: &Event<Use>| {
            let seen = || first_seen.get(&event.operation.written()?).copied();
            let answered = if event.is_known() { Some(event.answered) } else { seen() };
            answered.map(|answered| Event { answered, ..*event })
        };
        history.iter().filter_map(settle).collect()
    }
}

/// A key with a number.
pub struct Counter;

/// What is done with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// It was read.
    Read(u64),
    /// It was made one more, and was that; `None` when nobody knows.
    Add(Option<u64>),
}

impl Model for Counter {
    type State = u64;
    type Operation = Count;

    fn step(&self, state: &u64, operation: &Count) -> Option<u64> {
        match operation {
            Count::Read(seen) => (seen == state).then_some(*state),
            Count::Add(None) => Some(state + 1),
            Count::Add(Some(sum)) => (*sum == state + 1).then_some(*sum),
        }
    }
}
