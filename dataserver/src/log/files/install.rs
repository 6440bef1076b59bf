//! Bases: the state at one offset, after which the log before it is needed no longer.

use super::disk::{Disk, DiskFile};
use super::errors::Failure;
use super::manifest::{Base, Manifest};
use super::{Files, names};
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
        let named = self.name_base(file, &base.file);
        self.io("install", file, named)?;
        let first = self.starts.iter().copied().filter(|&start| start <= offset).max();
        let manifest = Manifest::new(self.manifest.history.clone(), Some(base), first.unwrap_or(offset));
        let written = manifest.write(&self.disk, &self.dir);
        self.io("write", &self.dir.join(names::MANIFEST), written)?;
        self.manifest = manifest;
        self.starts.retain(|&start| start >= self.manifest.first);
        self.sweep();
        Ok(())
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
        let old = names::segment_start(name).is_some_and(|start| start < self.manifest.first);
        let replaced = names::is_base(name) && self.base().is_none_or(|base| base.file != name);
        old || replaced || names::is_temporary(name)
    }
}
