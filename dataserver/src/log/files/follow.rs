//! Reading the log again from an offset on, for a replica that has been away.

use super::disk::Disk;
use super::errors::{Failure, ReadError};
use super::reader::{Chunk, Next, Reader};
use super::{Files, names};
use std::io;
use std::path::PathBuf;

impl<D: Disk> Files<D> {
    /// Reads what is written now from an offset on, where a group begins. Of another history no offset means anything here: the caller asks
    /// that first.
    ///
    /// # Errors
    /// The files begin later, or the log ends before.
    pub fn read_from(&self, offset: u64) -> Result<Follower<D>, ReadError> {
        if offset < self.first_offset() {
            return Err(ReadError::Gone);
        }
        // After a failure what is in the file beyond is not known.
        let end = if self.failure().is_some() { self.synced_offset() } else { self.end_offset() };
        if offset > end {
            return Err(ReadError::NoGroup { why: format!("it ends at {end}") });
        }
        let ends = self.starts.iter().skip(1).copied().chain([end]);
        let mut coming: Vec<_> =
            self.starts.iter().copied().zip(ends).filter(|span| span.1 > offset).collect();
        coming.reverse();
        Ok(Follower { disk: self.disk.clone(), dir: self.dir.clone(), coming, reader: None, at: offset, end })
    }
}

/// Reads on its own what was in the log when it was made, on any thread.
pub struct Follower<D: Disk> {
    disk: D,
    dir: PathBuf,
    /// Beginnings and ends of segments to come, the next one last.
    coming: Vec<(u64, u64)>,
    reader: Option<Reader<D::File>>,
    at: u64,
    end: u64,
}

impl<D: Disk> Follower<D> {
    /// Where it ends.
    pub fn end_offset(&self) -> u64 {
        self.end
    }

    /// The next groups, or none at the end. Chunks are about a megabyte, or one group that is larger.
    ///
    /// # Errors
    /// They were deleted meanwhile, or can't be read.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>, ReadError> {
        loop {
            let Some(reader) = &mut self.reader else {
                let Some(span) = self.coming.pop() else { return Ok(None) };
                self.reader = Some(self.open(span)?);
                continue;
            };
            match reader.next().map_err(Failure::of("read", &self.dir))? {
                Next::Chunk(chunk) => {
                    self.at = chunk.end();
                    return Ok(Some(chunk));
                }
                Next::End => self.end_segment()?,
                Next::Bad(bad) => return Err(ReadError::NoGroup { why: bad.to_string() }),
            }
        }
    }

    /// The next segment begins where this one was to end, or bytes are missing.
    fn end_segment(&mut self) -> Result<(), ReadError> {
        self.reader = None;
        let next = self.coming.last().map_or(self.end, |&(start, _)| start);
        if next == self.at {
            Ok(())
        } else {
            Err(ReadError::NoGroup { why: format!("nothing is at {}", self.at) })
        }
    }

    fn open(&self, (start, end): (u64, u64)) -> Result<Reader<D::File>, ReadError> {
        let path = self.dir.join(names::segment(start));
        let file = self.disk.open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => ReadError::Gone,
            _ => Failure::new("open", &path, &error).into(),
        })?;
        Ok(Reader::new(file, start, self.at, end).map_err(Failure::of("read", &path))?)
    }
}
