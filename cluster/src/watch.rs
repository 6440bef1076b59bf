//! The watcher of `servers.json`: its own thread, woken by file system events, by a slow poll, and on demand.
//!
//! However it was woken, it does the same: watch the folders anew ([`folders`]), then read the file and take
//! or refuse what is in it ([`reload`]). Whatever happens to the file before the read is read; whatever
//! happens after it raises an event in a folder that is watched by then. So nothing depends on what an event
//! says, on all events arriving, or on the order of an editor's steps; and where there are no events at all
//! (NFS), the poll remains.

mod folders;
mod reload;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::refusal::Refusal;
use crate::topologies::Topologies;
use folders::Folders;
use reload::Reloader;

#[cfg(test)]
mod tests;

/// A folder in which something is always being written is not waited for beyond this many quiet times.
const LONGEST_SETTLING: u32 = 8;

/// When the watcher looks.
#[derive(Debug, Clone, Copy)]
pub struct WatchOptions {
    /// How long a folder must be quiet after an event before the file is read: an edit is several steps.
    pub quiet: Duration,
    /// How often the file is read without any event.
    pub poll: Duration,
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self { quiet: Duration::from_millis(100), poll: Duration::from_secs(5) }
    }
}

/// What became of the file since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WatchStatus {
    /// How many times a new content was taken, or the same one read on demand.
    pub reloads: u64,
    /// How many times a new content was refused, or the same one refused again on demand.
    pub refused: u64,
    /// Why the present content is refused; none if it is the current topology.
    pub refusal: Option<Refusal>,
}

/// Keeps [`Topologies`] as the file has them, until dropped.
#[derive(Debug)]
pub struct Watcher {
    topologies: Topologies,
    shared: Arc<Shared>,
}

/// What the handle and the thread both hold.
#[derive(Debug)]
struct Shared {
    /// Has room for one: a wake that waits already is as good as two.
    wake: SyncSender<()>,
    stop: AtomicBool,
    asked: AtomicBool,
    status: Mutex<WatchStatus>,
}

impl Watcher {
    /// Reads the file and begins to watch it.
    ///
    /// # Errors
    /// The file is refused, or the thread can't be started. (That events can't be had is logged; the poll
    /// remains.)
    pub fn start(file: impl Into<PathBuf>, options: WatchOptions) -> Result<Self, Refusal> {
        let (wake, woken) = sync_channel(1);
        let file = file.into();
        let mut folders = Folders::new(wake.clone());
        folders.watch_anew(&file);
        let (reloader, topologies) = Reloader::start(file.clone())?;
        let shared = Arc::new(Shared {
            wake,
            stop: AtomicBool::new(false),
            asked: AtomicBool::new(false),
            status: Mutex::default(),
        });
        let worker =
            Worker { file: file.clone(), options, folders, reloader, woken, shared: Arc::clone(&shared) };
        let started = thread::Builder::new().name("servers-watch".into()).spawn(move || worker.run());
        let unable = |error| Refusal { file, place: None, reason: format!("can't be watched: {error}") };
        started.map(|_| Self { topologies, shared }).map_err(unable)
    }

    /// Where the current topology is.
    #[must_use]
    pub fn topologies(&self) -> &Topologies {
        &self.topologies
    }

    /// Has the file read now (SIGHUP). What comes of it is logged, even if it is nothing new.
    pub fn reload(&self) {
        self.shared.asked.store(true, Ordering::Release);
        self.shared.wake();
    }

    /// What became of the file so far.
    #[must_use]
    pub fn status(&self) -> WatchStatus {
        self.shared.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The thread ends by itself. It is not waited for: a file system that hangs must not hold up a shutdown.
impl Drop for Watcher {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.wake();
    }
}

impl Shared {
    fn wake(&self) {
        // An error says that a wake is waiting already, or that the thread has ended.
        let _ = self.wake.try_send(());
    }

    /// Whether the file is wanted now, without waiting for anything to settle.
    fn is_urgent(&self) -> bool {
        self.stop.load(Ordering::Acquire) || self.asked.load(Ordering::Acquire)
    }
}

struct Worker {
    file: PathBuf,
    options: WatchOptions,
    folders: Folders,
    reloader: Reloader,
    woken: Receiver<()>,
    shared: Arc<Shared>,
}

impl Worker {
    fn run(mut self) {
        loop {
            self.wait();
            if self.shared.stop.load(Ordering::Acquire) {
                return;
            }
            let asked = self.shared.asked.swap(false, Ordering::AcqRel);
            self.folders.watch_anew(&self.file);
            let status = self.reloader.reload(asked);
            *self.shared.status.lock().unwrap_or_else(PoisonError::into_inner) = status;
        }
    }

    /// Until the poll is due, or something happened and the folders are quiet again.
    fn wait(&self) {
        if self.woken.recv_timeout(self.options.poll).is_ok() {
            self.settle();
        }
    }

    fn settle(&self) {
        let deadline = Instant::now() + self.options.quiet * LONGEST_SETTLING;
        while !self.shared.is_urgent() && Instant::now() < deadline {
            if let Err(RecvTimeoutError::Timeout) = self.woken.recv_timeout(self.options.quiet) {
                return;
            }
        }
    }
}
