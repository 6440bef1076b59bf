//! The log on disk. A directory holds
//!
//! ```text
//! LOCK                            locked by the one server that has the directory
//! manifest.json                   which of the other files count
//! log-00000000000000000000.rtl    segments of the log, named by the offset that they begin at
//! base-00000000000000000000.rtb   the state at one offset, which the log is replayed on
//! ```
//!
//! A segment ends where the next begins; what a file has beyond that does not count. So whatever is in doubt, after a failed sync or a crash, is
//! settled in one way: a new segment that begins at the last offset that is known to be on disk, with all that came
//! after it written again. Nothing is cut off in place, and nothing that a failed sync may have dropped is believed.
//!
//! One owner calls all of this; only [`Syncing::run`] and [`Preparing::run`] may run on other threads.

mod cut;
mod disk;
mod errors;
#[cfg(test)]
mod faulty;
mod install;
mod manifest;
mod names;
mod open;
mod pending;
mod prepared;
mod reader;
mod recovery;
mod segment;
#[cfg(test)]
mod tests;

pub use disk::{Boot, Disk, DiskFile, RealDisk};
pub use errors::{Damaged, Failure, Lost, OpenError};
pub use manifest::{Base, Earlier, History};
pub use names::{has_log, is_taken};
pub use open::{Options, Recovery};
pub use prepared::Preparing;
pub use reader::Chunk;
pub use recovery::{Found, Torn};

use crate::replication::promise::Promise;
use manifest::Manifest;
use pending::Pending;
use segment::{Draft, Segment};
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// The log's directory, open for writing.
pub struct Files<D: Disk> {
    disk: D,
    dir: PathBuf,
    _lock: D::Lock,
    manifest: Manifest,
    /// The manifest is not on disk yet.
    manifest_due: bool,
    segment_size: u64,
    /// Where each segment begins, the last being written to.
    starts: Vec<u64>,
    segment: Segment<D::File>,
    /// What is before it is on disk.
    synced: u64,
    /// What was appended since: to be written again should writing or syncing fail.
    pending: Pending,
    /// A sync has begun and not ended.
    syncing: bool,
    /// A file for the next segment is being made, ...
    prepares: bool,
    /// ... or is there.
    prepared: Option<D::File>,
    failure: Option<Failure>,
}

impl<D: Disk> Files<D> {
    /// Appends whole groups and has them written, not synced. They are kept in memory until a sync has succeeded, which the caller bounds
    /// ([`Self::unsynced`]): so the buffer is taken, and an empty one left for it.
    ///
    /// # Errors
    /// They could not be written, or something failed before and was not healed yet. They are part of the log all the same: [`Self::heal`]
    /// writes them.
    pub fn append(&mut self, groups: &mut Vec<u8>) -> Result<(), Failure> {
        let appended = self.rotate_if_full(groups.len() as u64).and_then(|()| match &self.failure {
            Some(failure) => Err(failure.clone()),
            None => {
                let written = self.segment.append(groups);
                self.check("write", written)
            }
        });
        self.pending.push(groups);
        appended
    }

    /// Brings all that was appended to disk.
    ///
    /// # Errors
    /// Nothing since the last sync that succeeded is on disk for certain; [`Self::heal`] is to be tried.
    pub fn sync(&mut self) -> Result<(), Failure> {
        let synced = self.begin_sync()?.run();
        self.end_sync(synced)
    }

    /// Begins a sync that another thread may run, while this one appends. It must be ended, and no other sync, base or healing
    /// goes ahead before.
    ///
    /// # Errors
    /// Something failed before and was not healed yet, or a sync has not ended.
    pub fn begin_sync(&mut self) -> Result<Syncing<D::File>, Failure> {
        self.ready()?;
        self.syncing = true;
        let (file, until, done) = (self.segment.file.clone(), self.end_offset(), self.segment.release());
        Ok(Syncing { file, until, done })
    }

    /// Ends a sync: with its success [`Self::synced_offset`] is where the log ended as it began.
    ///
    /// # Errors
    /// As of [`Self::sync`].
    pub fn end_sync(&mut self, synced: Synced) -> Result<(), Failure> {
        self.syncing = false;
        if synced.result.is_err() {
            // What it dropped may be read as if it had never been written. If this can't be written either, a start says that the log is damaged.
            let _ = self.segment.set_boot(None);
        }
        self.check("sync", synced.result)?;
        self.forget_pending(synced.until);
        if self.failure.is_some() {
            return Ok(());
        }
        let marked = self.segment.mark(self.synced);
        self.check("write", marked)
    }

    /// Notes in the files how far they are on disk, for the next start. That takes a write and no sync: after most syncs it is done anyway, with every so
    /// many bytes, and here for those whose syncs are seldom.
    ///
    /// # Errors
    /// As of [`Self::append`].
    pub fn mark(&mut self) -> Result<(), Failure> {
        if self.failure.is_some() || self.segment.is_marked(self.synced) {
            return Ok(());
        }
        let marked = self.segment.mark_now(self.synced);
        self.check("write", marked)
    }

    /// Tries to get well after a failure: all that is not known to be on disk is written again, into a new segment. Does nothing when all
    /// is well. To be tried about once a second.
    ///
    /// # Errors
    /// It failed again.
    pub fn heal(&mut self) -> Result<(), Failure> {
        let Some(failure) = &self.failure else { return Ok(()) };
        if self.syncing {
            return Err(failure.clone());
        }
        self.give_up_prepared();
        if !self.manifest_due {
            // On a full disk the room may be needed; if it can't be had, writing will tell.
            let _ = self.segment.cut(self.synced);
        }
        let healed = self.begin_segment();
        self.failure = None;
        self.check("write", healed)
    }

    /// Brings everything to disk and notes that, so that the next start finds nothing in doubt.
    ///
    /// # Errors
    /// As of [`Self::sync`].
    pub fn close(mut self) -> Result<(), Failure> {
        self.sync()?;
        if self.segment.is_marked(self.synced) {
            return Ok(());
        }
        let marked = self.segment.mark_now(self.synced).and_then(|()| self.segment.sync());
        self.check("sync", marked)
    }

    /// What failed and was not healed yet.
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// Whether a sync has begun and not ended.
    pub fn is_syncing(&self) -> bool {
        self.syncing
    }

    /// The name of the sequence of changes that this is.
    pub fn history(&self) -> &History {
        &self.manifest.history
    }

    /// Whether clients' writes may be here that no other server has ([`Self::set_led`]).
    pub fn led(&self) -> bool {
        self.manifest.led
    }

    /// For whom this server has voted ([`Self::set_promise`]).
    pub fn promise(&self) -> Option<&Promise> {
        self.manifest.promise.as_ref()
    }

    /// The histories that this one goes on from, the oldest first.
    pub fn earlier(&self) -> &[Earlier] {
        &self.manifest.earlier
    }

    /// The state that the log is replayed on; none when it begins with nothing.
    pub fn base(&self) -> Option<&Base> {
        self.manifest.base.as_ref()
    }

    /// Where the next group goes.
    pub fn end_offset(&self) -> u64 {
        self.synced + self.pending.len() as u64
    }

    /// What is before this is on disk.
    pub fn synced_offset(&self) -> u64 {
        self.synced
    }

    /// Bytes that were appended since, which are held in memory.
    pub fn unsynced(&self) -> usize {
        self.pending.len()
    }

    /// Bytes of memory for them.
    pub fn held(&self) -> usize {
        self.pending.held()
    }

    /// Bytes of the log that a restart replays on the base.
    pub fn size_since_base(&self) -> u64 {
        self.end_offset() - self.base().map_or(self.manifest.first, |base| base.offset)
    }

    /// The offset of the first byte that the files have.
    pub fn first_offset(&self) -> u64 {
        self.starts.first().copied().unwrap_or(self.segment.start)
    }

    /// A full segment is put on disk, and the next one begun, before so many bytes more. While a sync runs it goes on growing.
    fn rotate_if_full(&mut self, more: u64) -> Result<(), Failure> {
        let is_full = self.segment.size() >= self.segment_size || self.has_room_elsewhere(more);
        if !is_full || self.syncing || self.failure.is_some() {
            return Ok(());
        }
        self.sync()?;
        let begun = self.begin_segment();
        self.check("write", begun)
    }

    /// Goes on in a new segment, which begins with what was not synced and has it on disk.
    fn begin_segment(&mut self) -> io::Result<()> {
        if self.manifest_due {
            self.manifest.write(&self.disk, &self.dir)?;
            self.manifest_due = false;
        }
        let mut draft = match self.prepared.take() {
            Some(file) => {
                Draft::in_prepared(&self.disk, &self.dir, &self.manifest.history, self.synced, file)
            }
            None => Draft::new(&self.disk, &self.dir, &self.manifest.history, self.synced)?,
        };
        self.pending.pieces().try_for_each(|piece| draft.append(piece))?;
        self.segment = draft.install()?;
        self.starts.retain(|&start| start < self.segment.start);
        self.starts.push(self.segment.start);
        self.forget_pending(self.end_offset());
        Ok(())
    }

    fn forget_pending(&mut self, synced: u64) {
        self.pending.forget((synced - self.synced) as usize);
        self.synced = synced;
    }

    fn ready(&self) -> Result<(), Failure> {
        match &self.failure {
            Some(failure) => Err(failure.clone()),
            None if self.syncing => {
                Err(Failure::new("sync", &self.path(), &io::Error::other("a sync has not ended")))
            }
            None => Ok(()),
        }
    }

    /// Notes a failure: from then on nothing is written until it is healed.
    fn check<T>(&mut self, doing: &'static str, result: io::Result<T>) -> Result<T, Failure> {
        result.map_err(|error| {
            let failure = Failure::new(doing, &self.path(), &error);
            self.failure = Some(failure.clone());
            failure
        })
    }

    fn path(&self) -> PathBuf {
        self.dir.join(names::segment(self.segment.start))
    }
}

/// A sync that has begun.
#[must_use = "it is to be run and ended"]
pub struct Syncing<F> {
    file: Arc<F>,
    until: u64,
    /// Bytes of the file that nobody reads any more once they are there.
    done: Option<Range<u64>>,
}

impl<F: DiskFile> Syncing<F> {
    /// Waits for the disk.
    pub fn run(self) -> Synced {
        let begun = std::time::Instant::now();
        let result = self.file.sync_data();
        let took = begun.elapsed();
        if let (Ok(()), Some(done)) = (&result, self.done) {
            self.file.release(done);
        }
        Synced { result, until: self.until, took }
    }
}

/// What came of a sync, for [`Files::end_sync`].
#[must_use = "it is to be ended"]
pub struct Synced {
    result: io::Result<()>,
    until: u64,
    took: std::time::Duration,
}

impl Synced {
    /// How long the disk took.
    pub fn took(&self) -> std::time::Duration {
        self.took
    }
}
