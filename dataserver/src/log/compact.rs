//! Makes the log shorter: the state at one offset takes the place of all that led there.

use super::files::History;
use crate::backup::save::{Failed, Progress, save_again, save_again_with};
use crate::server::Server;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Instant;

/// Bytes of the log below which nothing is done.
pub const LEAST: u64 = 64 << 20;

/// Who compacts, and when.
#[derive(Debug, Default)]
pub struct Compaction {
    running: AtomicBool,
    /// Bytes of the last base.
    base: AtomicU64,
    /// The log may grow by so many percent of the base; 0 = for ever.
    pub growth: AtomicU64,
}

impl Compaction {
    /// Whether it is time, with a log of so many bytes since its base.
    pub fn is_due(&self, bytes: u64) -> bool {
        let (base, growth) = (self.base.load(Relaxed), self.growth.load(Relaxed));
        growth > 0 && bytes >= LEAST.max(base / 100 * growth) && !self.running.load(Relaxed)
    }
}

/// Begins to compact on a thread of its own, unless somebody does. Whether it began.
pub fn compact_behind(server: &Arc<Server>) -> bool {
    if server.compaction.running.swap(true, Relaxed) {
        return false;
    }
    let own = Arc::clone(server);
    let spawned = std::thread::Builder::new().name("compact".to_owned()).spawn(move || {
        if let Err(error) = compact(&own) {
            tracing::error!("the log could not be made shorter: {error}");
        }
        own.compaction.running.store(false, Relaxed);
    });
    if spawned.is_err() {
        server.compaction.running.store(false, Relaxed);
    }
    spawned.is_ok()
}

/// Writes the state, and has it take the place of the log before it.
///
/// # Errors
/// It can't be written.
pub fn compact(server: &Server) -> io::Result<()> {
    let begun = Instant::now();
    let draft = server.log.files().as_ref().map(|files| files.draft());
    let Some(draft) = draft else { return Ok(()) };
    let saved = save_again(server, || create(&draft), &Progress::default());
    let (out, saved) = saved.map_err(|failed| match failed {
        Failed::Io(error) => error,
        failed => io::Error::other(failed.to_string()),
    })?;
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    // The state may be later than what the thread has written: that has to be in the files first.
    loop {
        server.log.settle_at(saved.offset)?;
        let mut files = server.log.files();
        // A sync may have begun in between.
        let Some(files) = files.as_mut().filter(|files| !files.is_syncing()) else { continue };
        files.install_base(&draft, saved.offset).map_err(|failure| io::Error::other(failure.to_string()))?;
        break;
    }
    server.compaction.base.store(saved.written.bytes, Relaxed);
    let (bytes, offset) = (saved.written.bytes, saved.offset);
    tracing::info!(bytes, offset, "the log was made shorter in {} ms", begun.elapsed().as_millis());
    Ok(())
}

/// Puts the state that is here now, of another log, in the place of what the files have: after a replica's first sync. Until that is
/// done the files are those of before.
///
/// # Errors
/// It can't be written.
pub fn begin_again(server: &Server) -> io::Result<()> {
    let Some(draft) = server.log.files().as_ref().map(|files| files.draft()) else { return Ok(()) };
    let saved =
        save_again_with(server, || create(&draft), &Progress::default(), &|| server.log.hold_for_files());
    let (out, saved) = saved.map_err(|failed| match failed {
        Failed::Io(error) => error,
        failed => io::Error::other(failed.to_string()),
    })?;
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    let history = History::new(&saved.history).ok_or_else(|| io::Error::other("the log has no name"))?;
    loop {
        server.log.settle_at(0)?;
        let mut files = server.log.files();
        // A sync may have begun in between.
        let Some(files) = files.as_mut().filter(|files| !files.is_syncing()) else { continue };
        let replaced = files.replace(&draft, saved.offset, history);
        replaced.map_err(|failure| io::Error::other(failure.to_string()))?;
        break;
    }
    server.log.go_on_in_files();
    let offset = saved.offset;
    tracing::info!(offset, "the log of the primary goes on in this server's files");
    Ok(())
}

fn create(path: &Path) -> io::Result<BufWriter<File>> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    Ok(BufWriter::with_capacity(1 << 20, file))
}
