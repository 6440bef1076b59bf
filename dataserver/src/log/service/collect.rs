//! From what was committed to the log's bytes.

use super::{Log, State};
use crate::log::intake::Intake;
use crate::log::merge::empty;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// A turn of a worker, whose groups are collected at its end.
pub struct Collecting {
    log: Arc<Log>,
    before: u64,
}

impl Drop for Collecting {
    fn drop(&mut self) {
        Intake::set_collects(false);
        if Intake::last_of_thread() != self.before {
            self.log.collect_own();
        }
    }
}

impl Log {
    /// What was committed before, all of it: to be called while no command runs, that is under the locks of all groups.
    pub fn cut(&self) -> (String, u64) {
        let state = &mut *self.state();
        empty(&mut state.chunk);
        let ticket = state.merge.collect_all(&self.store.intake, &mut state.chunk);
        self.append(state, ticket);
        (state.history.clone(), state.offset)
    }

    /// Takes what was committed, and leaves in `unwritten` what is to be written to files. Returns the ticket behind it.
    pub(in crate::log) fn collect(&self, unwritten: &mut Vec<u8>) -> u64 {
        let state = &mut *self.state();
        let ticket = self.collect_more(state);
        if !state.held {
            std::mem::swap(&mut state.unwritten, unwritten);
        }
        ticket
    }

    /// Collects what this thread commits while that lives, at its end; nothing where nobody follows.
    #[inline]
    pub fn collecting(self: &Arc<Self>) -> Option<Collecting> {
        self.followed.load(Relaxed).then(|| {
            Intake::set_collects(true);
            Collecting { log: Arc::clone(self), before: Intake::last_of_thread() }
        })
    }

    fn collect_own(&self) {
        let ticket = Intake::last_of_thread();
        let is_collected = || self.collected.load(Relaxed) >= ticket;
        if is_collected() {
            return;
        }
        let state = &mut *self.state();
        // Others that had the lock before have taken it along.
        if !is_collected() {
            self.collect_more(state);
        }
        if state.readers.files {
            self.store.intake.wake_sleeper();
        }
    }

    /// Takes what was committed, for whoever comes.
    pub(super) fn collect_more(&self, state: &mut State) -> u64 {
        empty(&mut state.chunk);
        let ticket = state.merge.collect(&self.store.intake, &mut state.chunk);
        self.append(state, ticket);
        ticket
    }

    fn append(&self, state: &mut State, ticket: u64) {
        self.collected.store(ticket, Relaxed);
        if state.chunk.is_empty() {
            return;
        }
        state.offset += state.chunk.len() as u64;
        state.backlog.push(&state.chunk);
        self.memory().set_backlog(state.backlog.held());
        state.marks.push(ticket, state.offset);
        if state.readers.files && state.unwritten.is_empty() {
            std::mem::swap(&mut state.unwritten, &mut state.chunk);
        } else if state.readers.files {
            state.unwritten.extend_from_slice(&state.chunk);
        }
        self.offset.send_replace(state.offset);
    }

    /// Appends groups of the log that is followed, which were applied.
    pub fn append_applied(&self, groups: &[u8]) {
        let state = &mut *self.state();
        empty(&mut state.chunk);
        state.chunk.extend_from_slice(groups);
        let ticket = self.store.intake.end();
        self.append(state, ticket);
        // What is followed can't be refused.
        self.leave_if_behind(state);
        if state.readers.files {
            self.store.intake.wake();
        }
    }
}
