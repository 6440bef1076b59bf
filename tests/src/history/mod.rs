//! Histories of many clients, and whether they are linearizable: whether there is an order of the operations, each at one
//! moment between its call and its reply, in which a plain sequential program gives every reply that was given.
//!
//! The search is Wing and Gong's with Lowe's memory: what has been tried is a set of operations done and the state that
//! they led to, and no such pair is tried twice.

use std::collections::HashSet;
use std::hash::Hash;

/// A sequential program: what an operation with this result makes of a state.
pub trait Model {
    /// All that the program remembers.
    type State: Clone + Eq + Hash + Default;
    /// An operation with the reply that it was given.
    type Operation;

    /// The state after the operation; `None` when the reply can't come from this state.
    fn step(&self, state: &Self::State, operation: &Self::Operation) -> Option<Self::State>;
}

/// An operation of a history: when it was called and answered, on one clock.
pub struct Event<O> {
    /// Before the request was sent.
    pub called: u64,
    /// After the reply was read.
    pub answered: u64,
    /// What was asked and answered.
    pub operation: O,
}

/// The most operations of one history.
pub const LONGEST: usize = 128;

/// Whether the history is linearizable.
///
/// # Panics
/// When it has more than [`LONGEST`] operations.
pub fn is_linearizable<M: Model>(model: &M, history: &[Event<M::Operation>]) -> bool {
    assert!(history.len() <= LONGEST, "{} operations: check shorter histories", history.len());
    let all = if history.len() == LONGEST { u128::MAX } else { (1 << history.len()) - 1 };
    let mut tried = HashSet::new();
    let mut open = vec![(0_u128, M::State::default())];
    while let Some((done, state)) = open.pop() {
        if done == all {
            return true;
        }
        // Nothing can come after the answer of an operation that is still to come.
        let first_answer =
            remaining(history, done).map(|(_, event)| event.answered).min().unwrap_or(u64::MAX);
        for (i, event) in remaining(history, done).filter(|(_, event)| event.called <= first_answer) {
            if let Some(next) = model.step(&state, &event.operation) {
                let reached = (done | 1 << i, next);
                if tried.insert(reached.clone()) {
                    open.push(reached);
                }
            }
        }
    }
    false
}

fn remaining<O>(history: &[Event<O>], done: u128) -> impl Iterator<Item = (usize, &Event<O>)> {
    history.iter().enumerate().filter(move |(i, _)| done & 1 << i == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Register;

    enum Op {
        Write(u8),
        Read(u8),
    }

    impl Model for Register {
        type State = u8;
        type Operation = Op;

        fn step(&self, state: &u8, operation: &Op) -> Option<u8> {
            match operation {
                Op::Write(value) => Some(*value),
                Op::Read(value) => (value == state).then_some(*state),
            }
        }
    }

    fn check(history: &[(u64, u64, Op)]) -> bool {
        let event = |(called, answered, operation): &(u64, u64, Op)| Event {
            called: *called,
            answered: *answered,
            operation: match operation {
                Op::Write(n) => Op::Write(*n),
                Op::Read(n) => Op::Read(*n),
            },
        };
        is_linearizable(&Register, &history.iter().map(event).collect::<Vec<_>>())
    }

    #[test]
    fn overlapping_operations_have_any_order() {
        assert!(check(&[(0, 10, Op::Write(1)), (1, 2, Op::Read(0)), (3, 4, Op::Read(1))]));
        assert!(check(&[(0, 10, Op::Write(1)), (0, 10, Op::Write(2)), (11, 12, Op::Read(1))]));
    }

    #[test]
    fn a_stale_read_is_found() {
        assert!(!check(&[(0, 1, Op::Write(1)), (2, 3, Op::Read(0))]));
        // Once it was seen, it can't be unseen.
        assert!(!check(&[(0, 10, Op::Write(1)), (1, 2, Op::Read(1)), (3, 4, Op::Read(0))]));
    }
}
