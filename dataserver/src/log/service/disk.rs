//! The log in its files: when they are it, and how far they are.

use super::{Log, State};
use crate::log::faults::{Fault, Faults};
use crate::log::files::{Failure, Files, History, RealDisk};
use crate::log::keeper::Policy;
use crate::log::waiting::stamp;
use crate::rest::rest;
use crate::session::wake::Turn;
use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::channel;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes that may wait for the disk, in memory: beyond that it is too slow. Writes are refused until half of it is left; and who follows, and can
/// refuse none, leaves its files.
const BEHIND_MOST: usize = if cfg!(test) { 64 << 20 } else { 512 << 20 };

/// How long who leads or follows from now on waits for the disk: nobody leads meanwhile.
const SOON: Duration = Duration::from_secs(1);

/// Has the files say a name of the log, if they do not.
fn name(files: &mut Files<RealDisk>, history: &str) -> io::Result<()> {
    if files.history().as_str() == history {
        return Ok(());
    }
    let history = History::new(history).ok_or_else(|| io::Error::other("the log has no name"))?;
    files.begin_history(history).map_err(|failure: Failure| io::Error::other(failure.to_string()))
}

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
        if self.on_disk.written.load(Relaxed) {
            self.watch_disk_at(stamp());
        }
    }

    fn watch_disk_at(&self, now: u64) {
        let leads = !self.stance.is_read_only();
        let (is_in_files, left, waiting) = {
            let state = &mut *self.state();
            if self.lateness.is_late() {
                // The thread that does so may hang at the disk.
                self.collect_more(state);
            }
            (state.is_in_files(), state.left.clone(), self.waiting(state))
        };
        self.note_waiting(waiting);
        self.set_fault(Fault::Left, left.filter(|_| leads));
        let is_there = self.reached.is_on_disk(self.store.intake.end());
        // While it fails writes are refused, and of what a replica's files are not nobody is told that it is there.
        if is_there || self.failing().is_some() || !(is_in_files || leads) {
            self.lateness.cover(now);
        }
        self.lateness.look(now);
    }

    /// Bytes that wait for the disk.
    fn waiting(&self, state: &State) -> usize {
        let [_, unsynced] = self.memory().of_log();
        state.unwritten.len() + unsynced as usize
    }

    /// Refuses writes while too much waits for the disk.
    pub(in crate::log) fn note_waiting(&self, waiting: usize) {
        let behind = self.faults().of(Fault::Slow).is_some();
        if !behind && waiting > BEHIND_MOST {
            let why = format!("the disk is too slow, {} MiB wait for it", waiting >> 20);
            tracing::error!("{why}: writes are refused until it has caught up");
            self.set_fault(Fault::Slow, Some(why));
        } else if behind && waiting < BEHIND_MOST / 2 {
            tracing::info!("the disk has caught up");
            self.set_fault(Fault::Slow, None);
        }
    }

    /// The same where none can be refused: the files are left, and [begin again](crate::log::compact::begin_again_behind) when the disk takes it.
    pub(super) fn leave_if_behind(&self, state: &mut State) {
        let waiting = self.waiting(state);
        if state.readers.files && waiting > BEHIND_MOST {
            let why = format!("the disk is too slow, or fails: {} MiB waited for it", waiting >> 20);
            tracing::error!("{why}: this server's files do not follow, and are to begin again");
            state.leave(Some(why));
        }
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says what is wrong, or that it no longer is.
    pub(in crate::log) fn set_fault(&self, fault: Fault, why: Option<String>) {
        let mut faults = self.faults();
        let Some(failing) = faults.set(fault, why) else { return };
        let fails = failing.is_some();
        self.stance.set_failing(failing);
        drop(faults);
        if fails {
            let _turn = Turn::begin();
            self.waiters.wake_all();
        }
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

    /// Writes nothing to files for now: what is in them is not this log, and why.
    pub fn leave_files(&self, why: String) {
        self.state().leave(Some(why));
    }

    /// Whether there are files, and they are not this log.
    pub fn wants_files(&self) -> bool {
        self.on_disk.written.load(Relaxed) && !self.state().is_in_files()
    }

    /// Keeps for the files all that comes from now on, until they [go on](Self::go_on_in_files) from here: under the locks of all groups.
    pub fn hold_for_files(&self) {
        let state = &mut *self.state();
        state.unwritten.clear();
        (state.readers.files, state.held) = (true, true);
    }

    /// The files are ready for what was kept, but for the name that the log may have got since.
    ///
    /// # Errors
    /// They can't be named, or were left meanwhile.
    pub fn go_on_in(&self, files: &mut Files<RealDisk>) -> io::Result<()> {
        loop {
            let history = {
                let state = &mut *self.state();
                if !state.held {
                    return Err(io::Error::other("the log in the files is another one"));
                }
                // Both at once: who names the log later finds files that it can name.
                if state.history == files.history().as_str() {
                    (state.held, state.left) = (false, None);
                    break;
                }
                state.history.clone()
            };
            name(files, &history)?;
        }
        self.on_disk.synced.store(files.synced_offset(), Relaxed);
        self.store.intake.wake();
        Ok(())
    }

    /// Does something with the files on a thread of its own, and waits for that no longer than a change of role may.
    ///
    /// # Errors
    /// What it says; or the disk hangs, and it is done once that goes on.
    pub fn soon(
        self: &Arc<Self>,
        done: impl FnOnce(&Arc<Self>) -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        let (log, (said, heard)) = (Arc::clone(self), channel());
        std::thread::Builder::new().name("files".to_owned()).spawn(move || {
            let _counted = log.memory().counted();
            // Nobody may listen any more.
            let _ = said.send(done(&log));
        })?;
        heard.recv_timeout(SOON).unwrap_or_else(|_| Err(io::Error::other("the disk hangs")))
    }

    /// Has the files say this name of the log, unless it has got another one, or the files have been left, by now.
    fn name_as(&self, files: &mut Files<RealDisk>, history: &str) -> io::Result<()> {
        let is_so = {
            let state = self.state();
            state.is_in_files() && state.history == history
        };
        if is_so { name(files, history) } else { Ok(()) }
    }

    /// Has the files say the log's name. Where they can't they are left: after a restart others would take what comes for what follows the old
    /// one. While something is kept for them they are still another log, and are named when they [go on](Self::go_on_in).
    pub(super) fn name_files(self: &Arc<Self>) {
        let (history, offset, is_in_files) = {
            let state = self.state();
            (state.history.clone(), state.offset, state.is_in_files())
        };
        if !is_in_files {
            return;
        }
        let named = self.soon(move |log| {
            let is_known = log.files().as_ref().is_none_or(|files| files.history().as_str() == history);
            if is_known { Ok(()) } else { log.settled(offset, |files| log.name_as(files, &history)) }
        });
        if let Err(error) = named {
            tracing::error!("the log's new name is not on disk: {error}; the files are to begin again");
            self.leave_files(format!("the log's new name is not on disk: {error}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::testing::Harness;
    use crate::log::files::Options;
    use crate::log::history::fresh;
    use crate::log::lateness::LATE;

    /// A server whose log nobody takes: as when the disk hangs.
    fn that_hangs() -> (Harness, Arc<Log>, tempfile::TempDir) {
        let (client, dir) = (Harness::new(), tempfile::tempdir().unwrap());
        let options = Options::new(History::new(&fresh(1)).unwrap());
        let (files, _) = Files::open(RealDisk, dir.path(), &options).unwrap().finish().unwrap();
        let log = Arc::clone(&client.server.log);
        log.write_to(files);
        (client, log, dir)
    }

    #[test]
    fn what_waits_for_a_disk_that_hangs_is_bounded_whoever_waits_for_replies() {
        let (mut client, log, _dir) = that_hangs();
        let value = vec![b'v'; 1 << 20];
        let late = || log.watch_disk_at(stamp() + 2 * LATE);
        for _ in 1..BEHIND_MOST >> 20 {
            client.run_args(&[b"SET", b"k", &value]);
            late();
        }
        assert!(log.failing().is_none() && log.lateness.is_late());
        (0..2).for_each(|_| _ = client.run_args(&[b"SET", b"k", &value]));
        late();
        assert!(log.failing().is_some_and(|why| why.contains("MiB wait for it")));
        let mut taken = Vec::new();
        log.collect(&mut taken);
        assert!(taken.len() > BEHIND_MOST);
        late();
        assert!(log.failing().is_none());
    }

    #[test]
    fn a_replica_leaves_files_that_it_has_too_much_for() {
        let (_client, log, _dir) = that_hangs();
        log.stance.set_read_only(true);
        let piece = vec![0; 1 << 20];
        for _ in 0..BEHIND_MOST >> 20 {
            log.append_applied(&piece);
        }
        assert!(!log.wants_files());
        (0..2).for_each(|_| log.append_applied(&piece));
        assert!(log.wants_files() && log.state().unwritten.capacity() == 0);
        // It is kept back no more than that, and begins again with what is here by then.
        log.append_applied(&piece);
        assert!(log.state().unwritten.is_empty());
        log.watch_disk();
        assert!(log.failing().is_none());
        log.hold_for_files();
        let history = History::new(&log.position().0).unwrap();
        assert_eq!(log.files().as_ref().unwrap().history(), &history);
        log.go_on_in(log.files().as_mut().unwrap()).unwrap();
        assert!(!log.wants_files());
    }

    /// Else nobody would lead, or follow, for as long.
    #[test]
    fn the_log_gets_another_name_while_the_disk_hangs() {
        for holds in [false, true] {
            let (mut client, log, _dir) = that_hangs();
            client.run("SET k v");
            let files = holds.then(|| log.files());
            let (done, ended) = channel();
            let own = Arc::clone(&log);
            std::thread::spawn(move || {
                own.fork(0);
                done.send(())
            });
            assert!(ended.recv_timeout(Duration::from_secs(10)).is_ok(), "it waits for the disk");
            assert!(log.wants_files());
            drop(files);
        }
    }

    /// Until its keys are there, its clients' writes are nowhere.
    #[test]
    fn who_leads_before_its_files_are_there_is_late() {
        let (mut client, log, _dir) = that_hangs();
        log.stance.set_read_only(true);
        log.hold_for_files();
        client.run("SET k v");
        let is_late = || {
            log.watch_disk_at(stamp() + 2 * LATE);
            log.lateness.is_late()
        };
        assert!(!is_late());
        log.stance.set_read_only(false);
        log.watch_disk_at(stamp() + 2 * LATE);
        client.run("SET k v");
        log.watch_disk_at(stamp() + 4 * LATE);
        assert!(log.lateness.is_late());
        assert!(log.failing().is_none());
    }
}
