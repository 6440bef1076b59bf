//! Bases: the state at one offset, after which the log before it is needed no longer.

use super::disk::{Disk, DiskFile};
use super::errors::Failure;
use super::manifest::{Base, Earlier, History, Manifest};
use super::{Files, names};
use crate::replication::promise::Promise;
use std::io;
use std::path::{Path, PathBuf};

impl<D: Disk> Files<D> {
    /// Where the next base is to be written before it is installed. What is left of it is removed at the next start.
    pub fn draft(&self) -> PathBuf {
        self.dir.join(names::DRAFT)
    }

    /// Makes a file of the same file system the base: the state at an offset that the log has reached. Then the segments and bases that
    /// it replaces are deleted. Killed at any step, the directory has the old base with all that follows it, or the new one.
    ///
    /// # Errors
    /// The old base stays, or the new one is in force and is taken for the old one until the next start; the log
    /// is as well as it was.
    pub fn install_base(&mut self, file: &Path, offset: u64) -> Result<(), Failure> {
        self.sync()?;
        let oldest = self.base().map_or(self.manifest.first, |base| base.offset);
        if !(oldest..=self.synced).contains(&offset) {
            let why = format!("the offset {offset} is not between {oldest} and {}", self.synced);
            return Err(Failure::new("install", file, &io::Error::new(io::ErrorKind::InvalidInput, why)));
        }
        let base = Base { file: names::base(offset), offset };
        self.name_base(file, &base.file).map_err(Failure::of("install", file))?;
        let first = self.starts.iter().copied().filter(|&start| start <= offset).max();
        let mut manifest = Manifest::new(self.manifest.history.clone(), Some(base), first.unwrap_or(offset));
        (manifest.replaced, manifest.led) = (self.manifest.replaced, self.manifest.led);
        manifest.promise.clone_from(&self.manifest.promise);
        manifest.earlier.clone_from(&self.manifest.earlier);
        manifest.earlier.retain(|earlier| earlier.until >= manifest.first);
        self.write_manifest(&manifest)?;
        self.manifest = manifest;
        self.starts.retain(|&start| start >= self.manifest.first);
        self.sweep();
        Ok(())
    }

    /// Puts another history in the place of this one: its state at an offset, in a file of the same file system, where the log then goes on. For
    /// a replica's first sync. Killed at any step, the directory has all of the one or of the other. `led` and `promise` are as of [`Self::set_led`] and [`Self::set_promise`].
    ///
    /// # Errors
    /// If [`Self::history`] is the old one, all is as it was. If it is the new one, [`Self::heal`] goes on with it.
    pub fn replace(
        &mut self,
        file: &Path,
        offset: u64,
        history: History,
        (led, promise): (bool, Option<Promise>),
    ) -> Result<(), Failure> {
        self.ready()?;
        let base = Base { file: names::base_of(&history, offset), offset };
        self.name_base(file, &base.file).map_err(Failure::of("install", file))?;
        self.manifest = Manifest::new(history, Some(base), offset);
        (self.manifest.replaced, self.manifest.led, self.manifest.promise) = (true, led, promise);
        self.manifest_due = true;
        self.starts.clear();
        self.pending.clear();
        self.synced = offset;
        let begun = self.begin_segment();
        self.check("write", begun)?;
        self.sweep();
        Ok(())
    }

    /// Notes whether clients' writes may be here that no other server has, so that it is known at the next start.
    ///
    /// # Errors
    /// It is not on disk: [`Self::heal`] brings it there.
    pub fn set_led(&mut self, led: bool) -> Result<(), Failure> {
        if self.manifest.led == led {
            return Ok(());
        }
        self.manifest.led = led;
        self.note_manifest()
    }

    /// Notes for whom this server has voted, so that it is known at the next start.
    ///
    /// # Errors
    /// As [`Self::set_led`].
    pub fn set_promise(&mut self, promise: Option<Promise>) -> Result<(), Failure> {
        self.manifest.promise = promise;
        self.note_manifest()
    }

    fn note_manifest(&mut self) -> Result<(), Failure> {
        if self.manifest_due {
            return Ok(());
        }
        let written = self.manifest.write(&self.disk, &self.dir);
        self.manifest_due = written.is_err();
        self.check("write", written)
    }

    /// Gives the log another name from here on, when this server begins to lead: what others call by the old name is the same up to here.
    ///
    /// # Errors
    /// It may have either name, and is to be given it again.
    pub fn begin_history(&mut self, history: History) -> Result<(), Failure> {
        self.sync()?;
        let mut manifest = self.manifest.clone();
        let before = std::mem::replace(&mut manifest.history, history);
        manifest.earlier.push(Earlier { history: before, until: self.synced });
        self.write_manifest(&manifest)?;
        self.manifest = manifest;
        if self.segment.start == self.synced {
            // It says the old name, and has nothing yet.
            let begun = self.begin_segment();
            self.check("write", begun)?;
        }
        self.forget_empty_histories()
    }

    /// A server that is started again and again and writes nothing would have more and more of them. No segment says their names.
    fn forget_empty_histories(&mut self) -> Result<(), Failure> {
        let mut manifest = self.manifest.clone();
        manifest.earlier.dedup_by_key(|earlier| earlier.until);
        if manifest != self.manifest {
            self.write_manifest(&manifest)?;
            self.manifest = manifest;
        }
        Ok(())
    }

    fn write_manifest(&self, manifest: &Manifest) -> Result<(), Failure> {
        let path = self.dir.join(names::MANIFEST);
        manifest.write(&self.disk, &self.dir).map_err(Failure::of("write", &path))
    }

    /// On disk under its name before the manifest speaks of it.
    fn name_base(&self, file: &Path, name: &str) -> io::Result<()> {
        self.disk.open(file)?.sync_data()?;
        self.disk.rename(file, &self.dir.join(name))?;
        self.disk.sync_dir(&self.dir)
    }

    /// Removes what does not count. What can't be removed is tried again the next time.
    pub(super) fn sweep(&self) {
        let Ok(found) = self.disk.list(&self.dir) else { return };
        for name in found.iter().filter(|name| self.is_left_over(name)) {
            if let Err(error) = self.disk.remove(&self.dir.join(name)) {
                tracing::warn!("can't remove {name} from {}: {error}", self.dir.display());
            }
        }
    }

    fn is_left_over(&self, name: &str) -> bool {
        let old = names::segment_start(name).is_some_and(|start| !self.starts.contains(&start));
        let replaced = names::is_base(name) && self.base().is_none_or(|base| base.file != name);
        let is_prepared = name == names::PREPARED && (self.prepares || self.prepared.is_some());
        old || replaced || (names::is_temporary(name) && !is_prepared)
    }
}
