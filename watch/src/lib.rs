//! Files that are looked at again whenever they may have changed: a thread of its own, woken by file system events, by a slow
//! poll, and on demand.
//!
//! However it was woken, it does the same: watch the folders anew, then look at the files. Whatever happens to
//! a file before the look is seen; whatever happens after it raises an event in a folder that is watched by then. So
//! nothing depends on what an event says, on all events arriving, or on the order of an editor's steps; and where there
//! are no events at all (NFS), the poll remains.

mod folders;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use folders::Folders;

/// A folder in which something is always being written is not waited for beyond this many quiet times.
const LONGEST_SETTLING: u32 = 8;

/// When the thread looks.
#[derive(Debug, Clone, Copy)]
pub struct WatchOptions {
    /// How long a folder must be quiet after an event before the files are looked at: an edit is several steps.
    pub quiet: Duration,
    /// How often the files are looked at without any event.
    pub poll: Duration,
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self { quiet: Duration::from_millis(100), poll: Duration::from_secs(5) }
    }
}

/// A running watch; dropping it ends it.
#[derive(Debug)]
pub struct Watch {
    shared: Arc<Shared>,
}

/// What the handle and the thread both hold.
#[derive(Debug)]
struct Shared {
    /// Has room for one: a wake that waits already is as good as two.
    wake: SyncSender<()>,
    stop: AtomicBool,
    asked: AtomicBool,
}

impl Watch {
    /// Starts a thread of that name, which calls `look` at once and then whenever one of `files` may have changed; with `true` if
    /// somebody asked for it.
    ///
    /// # Errors
    /// The thread can't be started. (That events can't be had is logged; the poll remains.)
    pub fn start(
        name: &str,
        files: Vec<PathBuf>,
        options: WatchOptions,
        look: impl FnMut(bool) + Send + 'static,
    ) -> io::Result<Self> {
        let (wake, woken) = sync_channel(1);
        let folders = Folders::new(wake.clone());
        let shared = Arc::new(Shared { wake, stop: AtomicBool::new(false), asked: AtomicBool::new(false) });
        let worker = Worker { files, options, folders, woken, shared: Arc::clone(&shared) };
        thread::Builder::new().name(name.into()).spawn(move || worker.run(look))?;
        Ok(Self { shared })
    }

    /// Has the files looked at now.
    pub fn look_now(&self) {
        self.shared.asked.store(true, Ordering::Release);
        self.shared.wake();
    }
}

/// The thread ends by itself. It is not waited for: a file system that hangs must not hold up a shutdown.
impl Drop for Watch {
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

    /// Whether the files are wanted now, without waiting for anything to settle.
    fn is_urgent(&self) -> bool {
        self.stop.load(Ordering::Acquire) || self.asked.load(Ordering::Acquire)
    }
}

struct Worker {
    files: Vec<PathBuf>,
    options: WatchOptions,
    folders: Folders,
    woken: Receiver<()>,
    shared: Arc<Shared>,
}

impl Worker {
    fn run(mut self, mut look: impl FnMut(bool)) {
        while !self.shared.stop.load(Ordering::Acquire) {
            let asked = self.shared.asked.swap(false, Ordering::AcqRel);
            self.folders.watch_anew(&self.files);
            look(asked);
            self.wait();
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
