//! What a start cuts off the log's end is kept in a file beside it, in the form of a segment: alone in a directory, under a segment's name, a server with
//! `--recover` loads what can be read of it.

use super::disk::{Disk, DiskFile};
use super::manifest::Manifest;
use super::names;
use super::recovery::Torn;
use super::segment::{Draft, HEADER};
use std::io;
use std::path::Path;

/// What is copied at once.
const PIECE: u64 = 1 << 20;

/// Keeps it, on disk when this returns, and says in which file.
pub(super) fn keep<D: Disk>(disk: &D, dir: &Path, manifest: &Manifest, torn: &Torn) -> io::Result<String> {
    let name = free_name(disk, dir, torn.offset)?;
    let from = disk.open(&dir.join(&torn.file))?;
    let start = names::segment_start(&torn.file).unwrap_or(torn.offset);
    let mut draft = Draft::new(disk, dir, manifest.name_at(torn.offset), torn.offset)?;
    let mut left = torn.bytes;
    while left > 0 {
        let mut piece = vec![0; left.min(PIECE) as usize];
        let read = from.read_at(&mut piece, HEADER + torn.offset - start + torn.bytes - left)?;
        if read == 0 {
            break;
        }
        draft.append(&piece[..read])?;
        left -= read as u64;
    }
    draft.install_as(&name)?;
    Ok(name)
}

/// An earlier start may have cut something off at the same place.
fn free_name<D: Disk>(disk: &D, dir: &Path, offset: u64) -> io::Result<String> {
    let there = disk.list(dir)?;
    let mut names = (0..).map(|n| names::cut(offset, n));
    names.find(|name| !there.contains(name)).ok_or(io::ErrorKind::AlreadyExists.into())
}
