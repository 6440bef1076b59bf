//! Scripts that run so long that others run in between: who may see and kill them.

use ringtail_protocol::errors::{self, Error};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// A script that runs long.
pub(crate) struct Flag {
    /// The function's name, or the script's.
    pub name: String,
    /// The command that runs it, with its arguments.
    pub command: Vec<Vec<u8>>,
    /// It is a function.
    pub is_function: bool,
    /// When it began, or nearly so.
    pub since: Instant,
    wrote: AtomicBool,
    killed: AtomicBool,
}

impl Flag {
    pub(crate) fn new(name: String, command: Vec<Vec<u8>>, is_function: bool) -> Arc<Self> {
        let (wrote, killed) = (AtomicBool::new(false), AtomicBool::new(false));
        Arc::new(Self { name, command, is_function, since: Instant::now(), wrote, killed })
    }

    /// It has changed something, and can be killed no more.
    pub(crate) fn note_write(&self) {
        self.wrote.store(true, Relaxed);
    }

    pub(crate) fn is_killed(&self) -> bool {
        self.killed.load(Relaxed)
    }

    /// The error for those who wait for what it holds.
    pub(crate) fn busy(&self) -> Error {
        errors::busy(self.is_function)
    }
}

/// All that run long.
#[derive(Default)]
pub(crate) struct Running(Mutex<Vec<Arc<Flag>>>);

impl Running {
    fn all(&self) -> MutexGuard<'_, Vec<Arc<Flag>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, flag: Arc<Flag>) {
        self.all().push(flag);
    }

    pub(crate) fn remove(&self, flag: &Arc<Flag>) {
        self.all().retain(|other| !Arc::ptr_eq(other, flag));
    }

    /// Whether one has changed something that is not logged yet.
    pub(crate) fn any_wrote(&self) -> bool {
        self.all().iter().any(|flag| flag.wrote.load(Relaxed))
    }

    /// The one that has run for longest.
    pub(crate) fn longest(&self) -> Option<Arc<Flag>> {
        self.all().first().cloned()
    }

    /// Has all scripts end that changed nothing, or all functions.
    ///
    /// # Errors
    /// None was there, or none that can be killed in this way.
    pub(crate) fn kill(&self, functions: bool) -> Result<(), Error> {
        let all = self.all();
        let (mut killed, mut refusal) = (false, errors::NOT_BUSY);
        for flag in all.iter() {
            if flag.wrote.load(Relaxed) {
                refusal = errors::UNKILLABLE;
            } else if flag.is_function != functions {
                refusal = flag.busy();
            } else {
                flag.killed.store(true, Relaxed);
                killed = true;
            }
        }
        if killed { Ok(()) } else { Err(refusal) }
    }
}
