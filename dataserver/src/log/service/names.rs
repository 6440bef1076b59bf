//! What the log is called, and up to where it is the same as one of another name.

use super::Log;
use crate::log::history;
use crate::log::waiting::Marks;
use std::sync::Arc;

impl Log {
    /// Whether a log of this name is this one up to an offset.
    pub fn knows(&self, history: &str, offset: u64) -> bool {
        let state = self.state();
        let was = |(name, end): &(String, u64)| name == history && offset <= *end;
        (state.history == history && offset <= state.offset) || state.previous.as_ref().is_some_and(was)
    }

    /// Up to where a log of this name that goes to an offset is the same as this one; nothing if this log never had that name.
    pub fn common(&self, history: &str, offset: u64) -> Option<u64> {
        let state = self.state();
        match &state.previous {
            _ if state.history == history => Some(offset.min(state.offset)),
            Some((name, end)) if name == history => Some(offset.min(*end)),
            _ => None,
        }
    }

    /// The name that the log had before, and up to where.
    pub fn previous(&self) -> Option<(String, u64)> {
        self.state().previous.clone()
    }

    /// The log is another one from here on, of a later epoch than both its own and `seen`: what follows is not what the primary goes on with.
    pub fn fork(self: &Arc<Self>, seen: u32) {
        {
            let state = &mut *self.state();
            let epoch = history::epoch_of(&state.history).max(seen).saturating_add(1);
            let old = state.history.clone();
            state.history = history::next(&old, epoch);
            state.previous = Some((old, state.offset));
            // Of nothing, but with a ticket: who reads from here on waits until others have what was inherited.
            self.store.intake.commit_mark();
            self.collect_more(state);
            state.marks.push(self.store.intake.end(), state.offset);
            state.era += 1;
            self.offset.send_replace(state.offset);
        }
        self.name_files();
    }

    /// The log that is followed has this name now, and is the same up to here.
    pub fn rename(self: &Arc<Self>, history: &str) {
        self.reached.set_in_step();
        {
            let state = &mut *self.state();
            if state.history == history {
                return;
            }
            let old = std::mem::replace(&mut state.history, history.to_owned());
            state.previous = Some((old, state.offset));
            state.era += 1;
            self.offset.send_replace(state.offset);
        }
        self.name_files();
    }

    /// Another server leads from now on: what was committed here and has not reached enough replicas by now is never acknowledged.
    pub fn end_term(&self) {
        // Meanwhile no acknowledgement is taken.
        let _state = self.state();
        self.reached.end_term();
    }

    /// Begins again as a log of this name at an offset, which is the state that is here now. What is in the files is another log.
    pub fn restart(&self, history: &str, offset: u64) {
        let state = &mut *self.state();
        state.leave(None);
        (state.history, state.previous) = (history.to_owned(), None);
        state.era += 1;
        state.offset = offset;
        state.backlog.restart(offset);
        state.marks = Marks::default();
        // What was committed in an earlier life is nobody's to wait for.
        state.marks.push(self.store.intake.end(), offset);
        self.reached.set_in_step();
        self.offset.send_replace(offset);
    }
}

#[cfg(test)]
mod tests {
    use crate::command::testing::Harness;
    use crate::log::history::fresh;
    use crate::log::waiting::Need;
    use crate::replication::status::Acked;

    /// Who reads at a new primary may be told of what only that has.
    #[test]
    fn what_was_inherited_is_to_be_where_it_has_to_be_too() {
        let server = Harness::new().server;
        let log = &server.log;
        log.begin_backlog();
        log.reached.end_term();
        log.restart(&fresh(1), 0);
        log.append_applied(&[0; 100]);
        log.fork(0);
        log.reached.begin_term();
        let has_copies = || {
            let need = Need { copies: 2, term: log.reached.term(), ..Need::default() };
            log.reached.is_at(server.store.intake.end(), need)
        };
        let acks = |offset| {
            let acked = Acked { applied: vec![offset], ..Acked::default() };
            log.replicas_acked(log.era(), &acked);
        };
        assert!(!has_copies());
        acks(99);
        assert!(!has_copies());
        acks(100);
        assert!(has_copies());
    }
}
