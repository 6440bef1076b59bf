//! What keeps a server from running commands for a while: it loads, it follows another server, its log can't be written.

use ringtail_protocol::command::{Command, CommandId, Flags};
use ringtail_protocol::errors::Error;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};

const LOADING: u32 = 1;
const READ_ONLY: u32 = 1 << 1;
const FAILING: u32 = 1 << 2;
/// Copies of writes are counted.
const COUNTED: u32 = 1 << 3;

const IS_LOADING: Error = Error::fixed("LOADING Ringtail is loading the dataset in memory");
const IS_READ_ONLY: Error = Error::fixed("READONLY You can't write against a read only replica.");

/// Where the server stands; mostly nothing is in the way.
#[derive(Debug, Default)]
pub struct Stance {
    bits: AtomicU32,
    failure: RwLock<Option<Arc<str>>>,
    /// Servers that follow and are in step, or nearly so.
    replicas: AtomicUsize,
}

impl Stance {
    /// Whether anything may be in a command's way.
    #[inline]
    pub fn is_restricted(&self) -> bool {
        self.bits.load(Relaxed) != 0
    }

    fn set(&self, bit: u32, on: bool) {
        if on {
            self.bits.fetch_or(bit, Relaxed);
        } else {
            self.bits.fetch_and(!bit, Relaxed);
        }
    }

    /// Says whether writes need copies at other servers.
    pub fn set_counted(&self, on: bool) {
        self.set(COUNTED, on);
    }

    /// Whether writes need copies at other servers.
    #[inline]
    pub fn counts_copies(&self) -> bool {
        self.bits.load(Relaxed) & COUNTED != 0
    }

    /// So many servers follow.
    pub fn set_replicas(&self, count: usize) {
        self.replicas.store(count, Relaxed);
    }

    /// Whether a write could have so many copies now.
    ///
    /// # Errors
    /// It could not, so it is not done.
    pub fn check_copies(&self, command: &Command, copies: u8) -> Result<(), Error> {
        let there = self.replicas.load(Relaxed) + 1;
        if there >= usize::from(copies) || !command.flags.contains(Flags::WRITE) {
            return Ok(());
        }
        Err(Error::new(format!(
            "NOREPLICAS Not enough good replicas to write: {there} of {copies} copies can be made; nothing was done"
        )))
    }

    /// Says whether keys are being loaded.
    pub fn set_loading(&self, on: bool) {
        self.set(LOADING, on);
    }

    /// Whether keys are being loaded.
    pub fn is_loading(&self) -> bool {
        self.bits.load(Relaxed) & LOADING != 0
    }

    /// Whether keys whose time is over stay for now: what is loaded may still say that one has more time, and what can't be logged
    /// would only wait in memory.
    pub fn keeps_expired(&self) -> bool {
        self.bits.load(Relaxed) & (LOADING | FAILING) != 0
    }

    /// Says whether it follows another server.
    pub fn set_read_only(&self, on: bool) {
        self.set(READ_ONLY, on);
    }

    /// Whether it follows another server: nothing changes or expires here but by that one's log.
    #[inline]
    pub fn is_read_only(&self) -> bool {
        self.bits.load(Relaxed) & READ_ONLY != 0
    }

    /// Says why the log can't be written, or that it can again.
    pub fn set_failing(&self, why: Option<String>) {
        let failing = why.is_some();
        *self.failure.write().unwrap_or_else(PoisonError::into_inner) = why.map(Into::into);
        self.set(FAILING, failing);
    }

    /// Why the log can't be written.
    pub fn failure(&self) -> Option<Arc<str>> {
        self.failure.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a command may run.
    ///
    /// # Errors
    /// What is in its way.
    #[cold]
    pub fn check(&self, command: &Command) -> Result<(), Error> {
        let bits = self.bits.load(Relaxed);
        // A sync that does not come to its end must not keep a replica from following somebody else.
        let leaves = bits & READ_ONLY != 0 && command.executes() == CommandId::Replicaof;
        if bits & LOADING != 0 && !runs_while_loading(command) && !leaves {
            return Err(IS_LOADING);
        }
        self.check_write(command)
    }

    /// The same for a command within a script or a transaction that has begun.
    ///
    /// # Errors
    /// It writes, and nothing may be written.
    pub fn check_write(&self, command: &Command) -> Result<(), Error> {
        let bits = self.bits.load(Relaxed);
        if !command.flags.contains(Flags::WRITE) {
            return Ok(());
        }
        if bits & READ_ONLY != 0 {
            return Err(IS_READ_ONLY);
        }
        match self.failure().filter(|_| bits & FAILING != 0) {
            Some(why) => Err(cannot_log(&why)),
            None => Ok(()),
        }
    }
}

/// The refusal of a write that could not be made to last.
pub fn cannot_log(why: &str) -> Error {
    Error::new(format!(
        "MISCONF Errors writing to the log: {why}. Writes are refused until it can be written again, reads go on"
    ))
}

fn runs_while_loading(command: &Command) -> bool {
    command.flags.contains(Flags::LOADING) || command.executes() == CommandId::Ping
}
