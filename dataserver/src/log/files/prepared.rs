//! A file of zeros for the next segment. To write over what a file has costs a sync less than to make it longer (108 against 165 µs where it
//! was measured), since the file system has nothing else to bring to disk: that is what one waits for who writes with `always`.

use super::disk::{Disk, DiskFile};
use super::{Files, names};
use std::io;
use std::path::PathBuf;

/// Bytes of groups that there is room for.
pub(super) const SIZE: u64 = if cfg!(test) { 2000 } else { 32 << 20 };
/// Groups that are larger than this, together, go to disk as well in a file that grows.
const MANY: u64 = SIZE / 4;
/// Zeros that are written at once.
const PIECE: usize = 1 << 20;
/// Where less than so many times its size is free, none is made.
const FREE: u64 = 16;

/// A file on its way, which any thread may make.
#[must_use = "it is to be run, and given back"]
pub struct Preparing<D> {
    disk: D,
    dir: PathBuf,
}

impl<D: Disk> Preparing<D> {
    /// Makes the file, on disk when it returns.
    ///
    /// # Errors
    /// There is no room for it, or the system's.
    pub fn run(self) -> io::Result<D::File> {
        let (size, path) = (super::segment::HEADER + SIZE, self.dir.join(names::PREPARED));
        if self.disk.free(&self.dir)? / FREE < size {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let made = self.disk.create(&path).and_then(|file| {
            let zeros = vec![0; PIECE];
            for at in (0..size).step_by(PIECE) {
                file.write_at(&zeros[..(size - at).min(PIECE as u64) as usize], at)?;
            }
            file.sync_data()?;
            Ok(file)
        });
        if made.is_err() {
            let _ = self.disk.remove(&path);
        }
        made
    }
}

impl<D: Disk> Files<D> {
    /// A file to be made for the next segment, when that is near and has none; what came of it is to be [given back](Self::set_prepared).
    pub fn prepare(&mut self) -> Option<Preparing<D>> {
        let is_near = self.segment.room() < SIZE / 2;
        if !is_near || self.prepares || self.prepared.is_some() || self.failure.is_some() {
            return None;
        }
        self.prepares = true;
        Some(Preparing { disk: self.disk.clone(), dir: self.dir.clone() })
    }

    /// What came of it.
    pub fn set_prepared(&mut self, made: io::Result<D::File>) {
        self.prepares = false;
        self.prepared = made.ok();
    }

    /// Whether the next segment is better begun now, for so many bytes.
    pub(super) fn has_room_elsewhere(&self, more: u64) -> bool {
        self.prepared.is_some() && more <= MANY && self.segment.room() < more
    }

    /// The room may be needed for something else.
    pub(super) fn give_up_prepared(&mut self) {
        if self.prepared.take().is_some() {
            let _ = self.disk.remove(&self.dir.join(names::PREPARED));
        }
    }
}
