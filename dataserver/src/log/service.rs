//! The log of one server: who collects what was committed, and where it goes.

use super::backlog::{Backlog, TooOld};
use super::files::{Files, History, RealDisk};
use super::history;
use super::intake::Intake;
use super::keeper::Policy;
use super::lateness::Lateness;
use super::merge::{Merge, empty};
use super::waiting::{Awaited, LEASE, Marks, Need, Reached, Waiters, stamp};
use crate::replication::status::Acked;
use crate::rest::rest;
use crate::session::Client;
use crate::session::wake::Turn;
use crate::stance::Stance;
use crate::store::Store;
use crate::store::memory::Memory;
use ringtail_protocol::errors::Error;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Bytes of the log that are kept for replicas unless told otherwise.
pub const DEFAULT_BACKLOG: usize = 64 << 20;

/// Who wants the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Readers {
    /// It is written to files.
    files: bool,
    /// Replicas follow it, or have and may come back.
    replicas: bool,
}

/// What is behind one lock: positions that change together.
struct State {
    merge: Merge,
    readers: Readers,
    chunk: Vec<u8>,
    history: String,
    /// Another number whenever the history is another one: who reads has to ask again what it has in common with the one it knows.
    era: u64,
    /// What it was called before, and up to where it was that.
    previous: Option<(String, u64)>,
    offset: u64,
    backlog: Backlog,
    marks: Marks,
    /// What is to be written to files.
    unwritten: Vec<u8>,
    /// It stays there until the files begin at where it begins.
    held: bool,
}

impl State {
    /// Whether the files are this log.
    fn is_in_files(&self) -> bool {
        self.readers.files && !self.held
    }
}

/// The log.
pub struct Log {
    store: Arc<Store>,
    state: Mutex<State>,
    /// How far it has come, for those who look without the lock.
    offset: watch::Sender<u64>,
    /// Where what was committed is.
    pub reached: Reached,
    waiters: Waiters,
    /// The ticket behind all that was collected.
    collected: AtomicU64,
    /// The backlog is kept: workers collect what they commit at the end of each turn, so that replicas have it at once.
    followed: AtomicBool,
    /// Counts those who want to hear from replicas at once.
    asked: AtomicU64,
    /// What keeps commands from running.
    pub stance: Stance,
    files: Mutex<Option<Files<RealDisk>>>,
    /// How far the files are, for those who look without their lock, which is held while the disk is waited for.
    pub on_disk: OnDisk,
    /// Whether the disk keeps up.
    pub lateness: Lateness,
    policy: Mutex<Policy>,
    /// Replies to writes wait for the disk.
    always: AtomicBool,
    /// Replies to writes wait for so many copies.
    copies: AtomicU8,
    /// Somebody waits for the moment when no sync runs.
    pub(super) settling: AtomicBool,
    stopping: AtomicBool,
    applying: Mutex<()>,
}

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

/// What there is of the log on disk.
#[derive(Debug, Default)]
pub struct OnDisk {
    /// It is written at all.
    pub written: AtomicBool,
    /// What is before this offset is on disk.
    pub synced: AtomicU64,
    /// Bytes that a restart replays.
    pub size: AtomicU64,
}

impl Log {
    /// Of a store; nobody reads it yet, so nothing is logged.
    pub fn new(store: Arc<Store>) -> Arc<Self> {
        let state = State {
            merge: Merge::default(),
            readers: Readers::default(),
            chunk: Vec::new(),
            history: history::fresh(history::FIRST),
            era: 0,
            previous: None,
            offset: 0,
            backlog: Backlog::new(DEFAULT_BACKLOG, 0),
            marks: Marks::default(),
            unwritten: Vec::new(),
            held: false,
        };
        Arc::new(Self {
            store,
            state: Mutex::new(state),
            offset: watch::Sender::new(0),
            reached: Reached::default(),
            waiters: Waiters::default(),
            collected: AtomicU64::new(0),
            followed: AtomicBool::new(false),
            asked: AtomicU64::new(0),
            stance: Stance::default(),
            files: Mutex::new(None),
            on_disk: OnDisk::default(),
            lateness: Lateness::default(),
            policy: Mutex::new(Policy::EverySecond),
            always: AtomicBool::new(false),
            copies: AtomicU8::new(1),
            settling: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            applying: Mutex::new(()),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The log's name, and the offset behind all that was collected.
    pub fn position(&self) -> (String, u64) {
        let state = self.state();
        (state.history.clone(), state.offset)
    }

    /// The offset behind all that was collected.
    pub fn end(&self) -> u64 {
        *self.offset.borrow()
    }

    /// What was committed before, all of it: to be called while no command runs, that is under the locks of all groups.
    pub fn cut(&self) -> (String, u64) {
        let state = &mut *self.state();
        empty(&mut state.chunk);
        let ticket = state.merge.collect_all(&self.store.intake, &mut state.chunk);
        self.append(state, ticket);
        (state.history.clone(), state.offset)
    }

    /// Takes what was committed, and leaves in `unwritten` what is to be written to files. Returns the ticket behind it.
    pub(super) fn collect(&self, unwritten: &mut Vec<u8>) -> u64 {
        let state = &mut *self.state();
        empty(&mut state.chunk);
        let ticket = state.merge.collect(&self.store.intake, &mut state.chunk);
        self.append(state, ticket);
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
            empty(&mut state.chunk);
            let ticket = state.merge.collect(&self.store.intake, &mut state.chunk);
            self.append(state, ticket);
        }
        if state.readers.files {
            self.store.intake.wake_sleeper();
        }
    }

    fn append(&self, state: &mut State, ticket: u64) {
        self.collected.store(ticket, Relaxed);
        if state.chunk.is_empty() {
            return;
        }
        state.offset += state.chunk.len() as u64;
        state.backlog.push(&state.chunk);
        state.marks.push(ticket, state.offset);
        if state.readers.files && state.unwritten.is_empty() {
            std::mem::swap(&mut state.unwritten, &mut state.chunk);
        } else if state.readers.files {
            state.unwritten.extend_from_slice(&state.chunk);
        }
        self.offset.send_replace(state.offset);
    }

    /// Bytes from an offset on, at most about so many.
    ///
    /// # Errors
    /// They are not in memory any more, or the log is another one than in that era.
    pub fn read(&self, era: u64, offset: u64, most: usize, out: &mut Vec<u8>) -> Result<(), TooOld> {
        let state = self.state();
        if state.era == era { state.backlog.read(offset, most, out) } else { Err(TooOld) }
    }

    /// Which log this is: another number once it has another name, or has begun again.
    pub fn era(&self) -> u64 {
        self.state().era
    }

    /// Says when the log has moved on.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.offset.subscribe()
    }

    /// Keeps a reply back until all below the ticket is where it has to be; whether the client has to wait.
    pub fn wait(&self, ticket: u64, need: Need, client: &Arc<Client>) -> bool {
        let waits = self.waiters.wait(&self.reached, ticket, need, client);
        if waits && need.copies > 1 {
            self.ask_replicas();
        }
        if waits {
            self.store.intake.wake();
        }
        waits
    }

    /// The client's replies are not kept back any more.
    pub fn wait_no_more(&self, client: &Client) {
        self.waiters.wait_no_more(client);
    }

    pub(super) fn serve_waiters(&self) {
        let _turn = Turn::begin();
        self.waiters.serve(&self.reached);
    }

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
    pub(super) fn is_on_disk(&self, offset: u64, size: u64) {
        let state = self.state();
        // Until the files go on from a first sync they have another log.
        if state.is_in_files() {
            self.reached.set_disk(state.marks.ticket_at(offset));
        }
        drop(state);
        self.on_disk.synced.store(offset, Relaxed);
        self.on_disk.size.store(size, Relaxed);
    }

    /// Has a command served once what it waits for is there.
    pub fn wait_for(&self, awaited: Awaited) {
        self.waiters.wait_for(&self.reached, awaited);
        self.ask_replicas();
        self.store.intake.wake();
    }

    /// Has replicas say at once how far they are; else they say it now and then.
    pub fn ask_replicas(&self) {
        self.asked.fetch_add(1, Relaxed);
        self.offset.send_modify(|_| ());
    }

    /// Another number whenever replicas were [asked](Self::ask_replicas).
    pub fn asked(&self) -> u64 {
        self.asked.load(Relaxed)
    }

    /// Where a write that is to have so many copies has to be before its reply goes out, if it has to be anywhere.
    #[inline]
    pub fn need(&self, copies: u8) -> Option<Need> {
        let disk = self.waits_for_disk();
        (disk || copies > 1).then(|| {
            let heard = if copies > 1 { stamp().saturating_sub(LEASE.as_millis() as u64) } else { 0 };
            Need { disk, copies, heard, term: self.reached.term() }
        })
    }

    /// Whether replies to writes wait for the disk.
    #[inline]
    pub fn waits_for_disk(&self) -> bool {
        self.always.load(Relaxed) || self.lateness.is_late()
    }

    /// Asks for so many copies of each write, unless its client asks for others.
    pub fn set_copies(&self, copies: u8) {
        self.copies.store(copies, Relaxed);
        self.stance.set_counted(copies > 1);
    }

    /// So many that each client has to have.
    pub fn copies(&self) -> u8 {
        self.copies.load(Relaxed)
    }

    /// What keeps a reply from being true.
    pub fn failure(&self, ticket: u64, need: Need) -> Option<Error> {
        let why = self.failing().filter(|_| need.disk && !self.reached.is_on_disk(ticket))?;
        Some(Error::new(format!(
            "MISCONF the write was done here but is not on disk, and may be lost: {why}"
        )))
    }

    /// Why it can't be written, if it can't.
    pub fn failing(&self) -> Option<Arc<str>> {
        self.stance.failure()
    }

    pub(super) fn set_failing(&self, why: Option<String>) {
        let failing = why.is_some();
        self.stance.set_failing(why);
        if failing {
            let _turn = Turn::begin();
            self.waiters.wake_all();
        }
    }

    pub(super) fn memory(&self) -> &Memory {
        &self.store.memory
    }

    pub(super) fn intake(&self) -> &Intake {
        &self.store.intake
    }

    /// Whether somebody waits for what is committed now.
    pub(super) fn is_urgent(&self) -> bool {
        self.always.load(Relaxed) || self.waiters.any()
    }

    /// Whether somebody waits, whatever the policy.
    pub fn is_awaited(&self) -> bool {
        self.waiters.any()
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }

    /// Has the thread end.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Relaxed);
        self.store.intake.wake();
    }

    /// Keeps the end of the log in memory from now on, and logs if nothing was logged yet: a replica follows.
    pub fn begin_backlog(&self) {
        let state = &mut *self.state();
        if !state.readers.replicas {
            state.readers.replicas = true;
            self.followed.store(true, Relaxed);
            state.backlog.turn_on();
            self.store.set_logged(true);
            self.store.intake.wake();
        }
    }

    /// Whether anybody reads the log.
    pub(super) fn has_readers(&self) -> bool {
        self.state().readers != Readers::default()
    }

    /// Changes how much of the log is kept in memory.
    pub fn set_backlog(&self, most: usize) {
        self.state().backlog.set_most(most);
    }

    /// How much of the log is kept in memory, at most.
    pub fn backlog_most(&self) -> usize {
        self.state().backlog.most()
    }

    /// The first offset that is in memory, and the one behind the last.
    pub fn backlog(&self) -> (u64, u64) {
        self.state().backlog.range()
    }

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
    pub fn fork(&self, seen: u32) {
        let history = {
            let state = &mut *self.state();
            let epoch = history::epoch_of(&state.history).max(seen).saturating_add(1);
            let old = std::mem::replace(&mut state.history, history::fresh(epoch));
            state.previous = Some((old, state.offset));
            state.marks.push(self.store.intake.end(), state.offset);
            state.era += 1;
            self.offset.send_replace(state.offset);
            state.history.clone()
        };
        self.name_files(&history);
    }

    /// Has the files say the log's name.
    fn name_files(&self, history: &str) {
        let offset = self.state().offset;
        let known = self.files().as_ref().is_none_or(|files| files.history().as_str() == history);
        let (Some(history), false) = (History::new(history), known) else { return };
        if !self.state().readers.files {
            return;
        }
        let named = self.settled(offset, |files| {
            files.begin_history(history.clone()).map_err(|failure| io::Error::other(failure.to_string()))
        });
        if let Err(error) = named {
            tracing::error!("the log's new name is not on disk: {error}");
        }
    }

    /// The log that is followed has this name now, and is the same up to here.
    pub fn rename(&self, history: &str) {
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
        self.name_files(history);
    }

    /// Another server leads from now on: what was committed here and has not reached enough replicas by now is never acknowledged.
    pub fn end_term(&self) {
        // Meanwhile no acknowledgement is taken.
        let _state = self.state();
        self.reached.end_term();
    }

    /// Begins again as a log of this name at an offset, which is the state that is here now.
    pub fn restart(&self, history: &str, offset: u64) {
        let state = &mut *self.state();
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

    /// Held while groups of another log are applied and appended.
    pub fn applying(&self) -> MutexGuard<'_, ()> {
        self.applying.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends groups of the log that is followed, which were applied.
    pub fn append_applied(&self, groups: &[u8]) {
        let state = &mut *self.state();
        empty(&mut state.chunk);
        state.chunk.extend_from_slice(groups);
        let ticket = self.store.intake.end();
        self.append(state, ticket);
        if state.readers.files {
            self.store.intake.wake();
        }
    }

    /// Up to where the log was applied, and is on disk.
    pub fn applied(&self) -> (u64, u64) {
        let state = self.state();
        // What the files have until they go on from a first sync is another log's.
        let on_disk = if state.is_in_files() { self.on_disk.synced.load(Relaxed) } else { 0 };
        (state.offset, on_disk.min(state.offset))
    }

    /// How far those are that follow the log of this era.
    pub fn replicas_acked(&self, era: u64, acked: &Acked) {
        let mut state = self.state();
        if state.era != era {
            // It was another log.
            return;
        }
        state.backlog.set_slowest(acked.applied.last().copied());
        let ticket = |offset: &u64| state.marks.ticket_at(*offset);
        self.reached.set_copies(acked.applied.iter().map(ticket), acked.on_disk.iter().map(ticket));
        self.reached.set_heard(&acked.heard);
        drop(state);
        self.serve_waiters();
    }
}
