//! The log in its files: when they are it, and how far they are.

use super::Log;
use crate::log::files::{Files, RealDisk};
use crate::log::keeper::Policy;
use crate::log::waiting::stamp;
use crate::rest::rest;
use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

impl Log {
    /// Begins to write to these files, which end where the log is to go on.
    pub fn write_to(&self, files: Files<RealDisk>) {
        let state = &mut *self.state();
        state.history = files.history().as_str().to_owned();
        state.previous = files.earlier().last().map(|old| (old.history.as_str().to_owned(), old.until));
        state.offset = files.end_offset();
        if state.backlog.range().1 != state.offset {
            state.backlog.restart(state.offset);
        }
        state.readers.files = true;
        self.offset.send_replace(state.offset);
        *self.files() = Some(files);
        self.lateness.cover(stamp());
        self.on_disk.written.store(true, Relaxed);
        self.set_policy(self.policy());
        self.store.set_logged(true);
    }

    /// What is loaded of the log at the start is kept too, for those who followed this server before.
    pub fn loaded(&self, offset: u64, bytes: &[u8]) {
        let backlog = &mut self.state().backlog;
        if backlog.range().1 != offset {
            backlog.restart(offset);
        }
        backlog.push(bytes);
    }

    /// When what was written is brought to disk, if it is written.
    pub fn policy(&self) -> Policy {
        *self.policy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes it, for all that is acknowledged from now on.
    pub fn set_policy(&self, policy: Policy) {
        let mut own = self.policy.lock().unwrap_or_else(PoisonError::into_inner);
        *own = policy;
        self.always.store(policy == Policy::Always && self.on_disk.written.load(Relaxed), Relaxed);
        drop(own);
        self.store.intake.wake();
    }

    /// Does something with the files once all before an offset is written and no sync runs.
    ///
    /// # Errors
    /// What it says, or the log can't be written.
    pub fn settled<T>(
        &self,
        offset: u64,
        mut done: impl FnMut(&mut Files<RealDisk>) -> io::Result<T>,
    ) -> io::Result<T> {
        self.settling.store(true, Relaxed);
        let ended = loop {
            if !self.state().readers.files {
                break Err(io::Error::other("the log in the files is another one"));
            }
            match &mut *self.files() {
                None => break Err(io::Error::other("the log is closed")),
                Some(files) if files.failure().is_some() => {
                    break Err(io::Error::other("the log can't be written"));
                }
                Some(files) if files.end_offset() >= offset && !files.is_syncing() => break done(files),
                Some(_) => {}
            }
            self.store.intake.wake();
            rest(Duration::from_millis(1));
        };
        self.settling.store(false, Relaxed);
        ended
    }

    /// The files that it is written to.
    pub fn files(&self) -> MutexGuard<'_, Option<Files<RealDisk>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks whether the disk keeps up: to be called about ten times a second by who does not wait for it.
    pub fn watch_disk(&self) {
        if !self.on_disk.written.load(Relaxed) {
            return;
        }
        let now = stamp();
        let is_there = self.reached.is_on_disk(self.store.intake.end());
        // While it fails writes are refused, and while the files are another log's nothing is said of them.
        if is_there || self.failing().is_some() || !self.state().is_in_files() {
            self.lateness.cover(now);
        }
        self.lateness.look(now);
    }

    /// What is before this offset is on disk; a restart replays so many bytes.
    pub(in crate::log) fn is_on_disk(&self, offset: u64, size: u64) {
        let state = self.state();
        // Until the files go on from a first sync they have another log.
        if state.is_in_files() {
            self.reached.set_disk(state.marks.ticket_at(offset));
        }
        drop(state);
        self.on_disk.synced.store(offset, Relaxed);
        self.on_disk.size.store(size, Relaxed);
    }

    /// Writes nothing to files for now: what is in them is another log.
    pub fn leave_files(&self) {
        let state = &mut *self.state();
        (state.readers.files, state.held) = (false, false);
        state.unwritten.clear();
    }

    /// Keeps for the files all that comes from now on, until they [go on](Self::go_on_in_files) from here: under the locks of all groups.
    pub fn hold_for_files(&self) {
        let state = &mut *self.state();
        state.unwritten.clear();
        (state.readers.files, state.held) = (true, true);
    }

    /// The files are ready for what was kept.
    pub fn go_on_in_files(&self) {
        self.state().held = false;
        self.store.intake.wake();
    }
}
