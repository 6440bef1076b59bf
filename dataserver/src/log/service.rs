//! The log of one server: who collects what was committed, and where it goes.

mod collect;
mod disk;
mod names;

pub use collect::Collecting;

use super::backlog::{Backlog, TooOld};
use super::faults::Faults;
use super::files::{Files, RealDisk};
use super::history;
use super::intake::Intake;
use super::keeper::Policy;
use super::lateness::Lateness;
use super::merge::Merge;
use super::times::Times;
use super::waiting::{Awaited, LEASE, Marks, Need, Reached, Waiters, stamp};
use crate::replication::status::Acked;
use crate::session::Client;
use crate::session::wake::Turn;
use crate::stance::Stance;
use crate::store::Store;
use crate::store::memory::Memory;
use ringtail_protocol::errors::Error;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
    /// Why the files had to be left, until they are this log again.
    left: Option<String>,
}

impl State {
    /// Whether the files are this log.
    fn is_in_files(&self) -> bool {
        self.readers.files && !self.held
    }

    /// Nothing more goes to the files, and nothing is kept for them.
    fn leave(&mut self, why: Option<String>) {
        (self.readers.files, self.held, self.left) = (false, false, why);
        self.unwritten = Vec::new();
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
    /// Why it can't be written.
    faults: Mutex<Faults>,
    /// How long it takes.
    pub times: Times,
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
            left: None,
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
            faults: Mutex::default(),
            times: Times::default(),
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
    pub fn has_readers(&self) -> bool {
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

    /// Held while groups of another log are applied and appended.
    pub fn applying(&self) -> MutexGuard<'_, ()> {
        self.applying.lock().unwrap_or_else(PoisonError::into_inner)
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
