//! Wing and Gong's search with Lowe's memory: what has been tried is a set of operations done and the state that they led to, and no
//! such pair is tried twice.

use super::{Event, Model};
use std::collections::HashSet;

/// Whether the history is linearizable.
pub fn is_linearizable<M: Model>(model: &M, history: &[Event<M::Operation>]) -> bool {
    first_impossible(model, history).is_none()
}

/// Where in the history the operation stands that no order gets beyond: of all orders that were tried, the one that went furthest found
/// no place for it before its reply. `None` when the history is linearizable.
pub fn first_impossible<M: Model>(model: &M, history: &[Event<M::Operation>]) -> Option<usize> {
    let search = Search {
        model,
        history,
        moments: Moments::of(history),
        equal_before: equal_before(history),
        is_done: vec![false; history.len()],
        done: Done::default(),
        left: history.iter().filter(|event| event.is_known()).count(),
    };
    search.run()
}

/// The set of the operations that are done: the sum of 128 bits for each, that look random. Of a million sets two are taken for the same
/// less often than once in 10^26 histories, and the sets themselves would fill the memory.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Done(u128);

impl Done {
    fn flip(&mut self, operation: usize) {
        let half = |salt: u64| {
            // SplitMix64.
            let mut bits = (operation as u64 + salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            u128::from(bits ^ bits >> 31)
        };
        self.0 ^= half(1) << 64 | half(1 << 40);
    }
}

/// What follows the last moment.
const END: usize = usize::MAX;

/// Calls and replies in the order of their times, those of operations that are done taken out: a list of both links, so that an operation
/// is taken out and put back at once.
struct Moments {
    /// An operation, and whether it is its reply.
    moments: Vec<(usize, bool)>,
    next: Vec<usize>,
    previous: Vec<usize>,
    first: usize,
    call_of: Vec<usize>,
    reply_of: Vec<usize>,
}

impl Moments {
    fn of<O>(history: &[Event<O>]) -> Self {
        let calls = history.iter().enumerate().map(|(i, event)| (event.called, false, i));
        let known = history.iter().enumerate().filter(|(_, event)| event.is_known());
        let mut times: Vec<_> = calls.chain(known.map(|(i, event)| (event.answered, true, i))).collect();
        // At one time calls stand first: what was called when another was answered may have come before it.
        times.sort_unstable();
        let count = times.len();
        let (mut call_of, mut reply_of) = (vec![END; history.len()], vec![END; history.len()]);
        for (at, &(_, replies, operation)) in times.iter().enumerate() {
            let of = if replies { &mut reply_of } else { &mut call_of };
            of[operation] = at;
        }
        Self {
            moments: times.into_iter().map(|(_, replies, operation)| (operation, replies)).collect(),
            next: (1..=count).map(|at| if at < count { at } else { END }).collect(),
            previous: (0..count).map(|at| at.checked_sub(1).unwrap_or(END)).collect(),
            first: if count > 0 { 0 } else { END },
            call_of,
            reply_of,
        }
    }

    fn link(&mut self, from: usize, to: usize) {
        if from == END {
            self.first = to
        } else {
            self.next[from] = to
        }
        if to != END {
            self.previous[to] = from;
        }
    }

    fn take_out(&mut self, operation: usize) {
        for at in [self.call_of[operation], self.reply_of[operation]].into_iter().filter(|at| *at != END) {
            self.link(self.previous[at], self.next[at]);
        }
    }

    /// Undoes the last taking out that was not undone yet.
    fn put_back(&mut self, operation: usize) {
        for at in [self.reply_of[operation], self.call_of[operation]].into_iter().filter(|at| *at != END) {
            let (previous, next) = (self.previous[at], self.next[at]);
            self.link(previous, at);
            self.link(at, next);
        }
    }
}

struct Search<'h, M: Model> {
    model: &'h M,
    history: &'h [Event<M::Operation>],
    moments: Moments,
    equal_before: Vec<Option<usize>>,
    is_done: Vec<bool>,
    done: Done,
    /// Operations to do still that are known to have been done.
    left: usize,
}

impl<M: Model> Search<'_, M> {
    fn run(mut self) -> Option<usize> {
        let (mut tried, mut state) = (HashSet::new(), M::State::default());
        let mut way: Vec<(usize, M::State)> = Vec::new();
        let (mut least, mut culprit) = (usize::MAX, 0);
        let mut at = self.moments.first;
        while self.left > 0 {
            let (operation, replies) = self.moments.moments[at];
            if replies {
                // It has to be done before what follows, and can't be.
                if self.left < least {
                    (least, culprit) = (self.left, operation);
                }
                let Some((last, before)) = way.pop() else { return Some(culprit) };
                self.undo(last);
                state = before;
                at = self.moments.next[self.moments.call_of[last]];
                continue;
            }
            match self.next(&state, operation).filter(|next| tried.insert(next.clone())) {
                Some((_, next)) => {
                    self.do_it(operation);
                    way.push((operation, std::mem::replace(&mut state, next)));
                    at = self.moments.first;
                }
                None => at = self.moments.next[at],
            }
        }
        None
    }

    /// What the operation would lead to.
    fn next(&self, state: &M::State, operation: usize) -> Option<(Done, M::State)> {
        if self.comes_too_soon(operation) {
            return None;
        }
        let next = self.model.step(state, &self.history[operation].operation)?;
        let mut done = self.done;
        done.flip(operation);
        Some((done, next))
    }

    fn do_it(&mut self, operation: usize) {
        self.done.flip(operation);
        self.is_done[operation] = true;
        self.moments.take_out(operation);
        self.left -= usize::from(self.history[operation].is_known());
    }

    fn undo(&mut self, operation: usize) {
        self.done.flip(operation);
        self.is_done[operation] = false;
        self.moments.put_back(operation);
        self.left += usize::from(self.history[operation].is_known());
    }

    /// Of operations of unknown outcome that are the same, the one that was called first is as good as any.
    fn comes_too_soon(&self, operation: usize) -> bool {
        self.equal_before[operation].is_some_and(|other| !self.is_done[other])
    }
}

/// For each operation of unknown outcome the last one before it that is the same.
fn equal_before<O: PartialEq>(history: &[Event<O>]) -> Vec<Option<usize>> {
    let mut unknown: Vec<usize> = (0..history.len()).filter(|i| !history[*i].is_known()).collect();
    unknown.sort_unstable_by_key(|i| history[*i].called);
    let mut before = vec![None; history.len()];
    for (at, &own) in unknown.iter().enumerate() {
        let is_equal = |other: &&usize| history[**other].operation == history[own].operation;
        before[own] = unknown[..at].iter().rev().find(is_equal).copied();
    }
    before
}
