//! Reading one segment's groups, a chunk at a time, and finding the next ones behind damage.

use super::disk::DiskFile;
use super::segment::{HEADER, SECTOR};
use crate::log::record::{self, Damage, GROUP_MOST, Group, may_begin, next_group};
use std::fmt;
use std::io;

/// What is read at once: the groups of a chunk have so many bytes, or it is one larger group.
const CHUNK: usize = 1 << 20;

/// Of a group, as much as is looked at before it is read whole: its header, time, database and number of arguments.
const GLANCE: usize = 32;

/// Bytes whose checksums a search computes at most. What looks like a group at first sight is rare, but it can be made on purpose.
const SEARCH_MOST: u64 = 8 << 30;

/// Some groups as they follow each other in the log, all whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Of the first of them.
    pub offset: u64,
    /// Their bytes.
    pub bytes: Vec<u8>,
    /// How many there are, at least one.
    pub groups: usize,
}

impl Chunk {
    /// The offset behind the last of them.
    pub fn end(&self) -> u64 {
        self.offset + self.bytes.len() as u64
    }

    /// The groups in order.
    pub fn groups(&self) -> impl Iterator<Item = Group<'_>> {
        let mut rest = &self.bytes[..];
        std::iter::from_fn(move || {
            let size = record::claimed(rest, GROUP_MOST).ok()??;
            let (whole, behind) = rest.split_at_checked(size)?;
            rest = behind;
            // Its checksum was right when it was read.
            record::group(&whole[record::HEADER..])
        })
    }
}

/// What a segment has next.
#[derive(Debug)]
pub(super) enum Next {
    Chunk(Chunk),
    /// Nothing, exactly.
    End,
    Bad(Bad),
}

/// Why there is no group where one should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bad {
    /// The bytes end before the group does.
    Cut,
    Damaged(Damage),
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut => f.write_str("a group that is longer than what is left"),
            Self::Damaged(damage) => damage.fmt(f),
        }
    }
}

/// Reads a segment from an offset on.
#[derive(Debug)]
pub(super) struct Reader<F> {
    file: F,
    /// The offset of the segment.
    start: u64,
    /// The offset of the next group.
    pub(super) at: u64,
    /// Behind the last byte that counts.
    pub(super) limit: u64,
    /// What was read from `at` on.
    buffer: Vec<u8>,
}

impl<F: DiskFile> Reader<F> {
    /// `limit` may be beyond the file's end.
    pub(super) fn new(file: F, start: u64, at: u64, limit: u64) -> io::Result<Self> {
        let end = start + file.size()?.saturating_sub(HEADER);
        Ok(Self { file, start, at, limit: limit.min(end), buffer: Vec::new() })
    }

    /// Once it was bad it stays so, until `skip_to`.
    pub(super) fn next(&mut self) -> io::Result<Next> {
        loop {
            if self.at >= self.limit {
                return Ok(Next::End);
            }
            let (size, groups, damage) = leading(&self.buffer);
            if groups > 0 {
                return Ok(Next::Chunk(self.take(size, groups)));
            }
            if let Some(damage) = damage {
                return Ok(Next::Bad(Bad::Damaged(damage)));
            }
            let need = record::claimed(&self.buffer, GROUP_MOST).ok().flatten().unwrap_or(record::HEADER);
            // What isn't there is never made room for.
            if need as u64 > self.limit - self.at || !self.fill(need)? {
                return Ok(Next::Bad(Bad::Cut));
            }
        }
    }

    /// The offset behind the last byte that is not zero, `at` if there is none: zeros are what was prepared and not used.
    pub(super) fn used(&self) -> io::Result<u64> {
        let mut bytes = vec![0; CHUNK];
        let (mut at, mut used) = (self.at, self.at);
        while at < self.limit {
            let want = (self.limit - at).min(CHUNK as u64) as usize;
            let read = self.file.read_at(&mut bytes[..want], self.position(at))?;
            if let Some(last) = bytes[..read].iter().rposition(|byte| *byte != 0) {
                used = at + last as u64 + 1;
            }
            if read < want {
                break;
            }
            at += read as u64;
        }
        Ok(used)
    }

    /// Whether the group at `at` claims to go on behind the last byte that was used.
    pub(super) fn is_unfinished(&self, used: u64) -> io::Result<bool> {
        let mut head = [0; record::HEADER];
        let read = self.file.read_at(&mut head, self.position(self.at))?;
        let size = match record::claimed(&head[..read], GROUP_MOST) {
            Ok(Some(size)) => size,
            _ => record::HEADER,
        };
        Ok(self.at + size as u64 > used)
    }

    /// Whether sectors between `at` and `to` may never have come to the disk. A segment is written from its start to its end, into nothing or into zeros: so a
    /// sector that was not written, or not to its end, ends in a zero.
    pub(super) fn may_lack_sectors(&self, to: u64) -> io::Result<bool> {
        let sector = SECTOR as u64;
        let mut at = self.position(self.at) / sector * sector;
        let end = self.position(to).next_multiple_of(sector);
        while at < end {
            // What the file has not is zeros.
            let mut bytes = vec![0; (end - at).min(CHUNK as u64) as usize];
            self.file.read_at(&mut bytes, at)?;
            if bytes.iter().skip(SECTOR - 1).step_by(SECTOR).any(|last| *last == 0) {
                return Ok(true);
            }
            at += bytes.len() as u64;
        }
        Ok(false)
    }

    /// Where an offset is in the file.
    fn position(&self, offset: u64) -> u64 {
        HEADER + offset - self.start
    }

    pub(super) fn skip_to(&mut self, at: u64) {
        self.at = at;
        self.buffer.clear();
    }

    /// Where a group is behind the one at `at` that is none: the next that is whole.
    ///
    /// Where the bad group says that it ends is looked at first: if only its inside is damaged, that is right, and what its values
    /// hold is not searched. Only when its length is damaged too is every place tried. A place that is no group passes for one if a number
    /// of 32 bits happens to fit, behind a length, a time and counts that fit as well: for a segment of 256 MiB that is less likely than a
    /// damage that the checksum does not see. What was made to pass is another matter: a client can store the bytes of groups as a value. To have
    /// them taken for the log's it would need that very group's length damaged. That is why only what is known to be damaged
    /// is searched, and only the operator's word (`recover`) lets anything be loaded that was found so.
    pub(super) fn search(&mut self) -> io::Result<Option<u64>> {
        let from = self.at;
        let mut window = Window { reader: self, start: from, bytes: Vec::new(), left: SEARCH_MOST };
        let head = window.from(from, record::HEADER)?;
        if let Ok(Some(size)) = record::claimed(head, GROUP_MOST) {
            let behind = from + size as u64;
            if window.is_group(behind)? {
                return Ok(Some(behind));
            }
        }
        window.first_group(from + 1)
    }

    fn take(&mut self, size: usize, groups: usize) -> Chunk {
        let rest = self.buffer.split_off(size);
        let bytes = std::mem::replace(&mut self.buffer, rest);
        let offset = self.at;
        self.at += size as u64;
        Chunk { offset, bytes, groups }
    }

    /// Reads on until so many bytes are there; false if the file has fewer.
    fn fill(&mut self, need: usize) -> io::Result<bool> {
        let (have, most) = (self.buffer.len(), self.limit - self.at);
        let want = (need.max(CHUNK) as u64).min(most) as usize;
        self.buffer.resize(want.max(have), 0);
        let read =
            self.file.read_at(&mut self.buffer[have..], HEADER + self.at - self.start + have as u64)?;
        self.buffer.truncate(have + read);
        Ok(self.buffer.len() >= need)
    }
}

/// Bytes and number of the whole groups at the start, and what is wrong with the next one.
fn leading(bytes: &[u8]) -> (usize, usize, Option<Damage>) {
    let (mut size, mut groups) = (0, 0);
    loop {
        match next_group(&bytes[size..]) {
            Ok(Some((_, group))) => {
                size += group;
                groups += 1;
            }
            Ok(None) => return (size, groups, None),
            Err(damage) => return (size, groups, Some(damage)),
        }
    }
}

/// The part of a segment that a search looks at.
struct Window<'r, F> {
    reader: &'r Reader<F>,
    /// The offset of its bytes.
    start: u64,
    bytes: Vec<u8>,
    /// What may yet be read and summed.
    left: u64,
}

impl<F: DiskFile> Window<'_, F> {
    fn first_group(&mut self, from: u64) -> io::Result<Option<u64>> {
        for at in from..self.reader.limit {
            if self.is_group(at)? {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    fn is_group(&mut self, at: u64) -> io::Result<bool> {
        let limit = self.reader.limit;
        let glance = self.from(at, GLANCE)?;
        let Ok(Some(size)) = record::claimed(glance, GROUP_MOST) else { return Ok(false) };
        if size as u64 > limit - at || !may_begin(glance, size) || size as u64 > self.left {
            return Ok(false);
        }
        self.left -= size as u64;
        Ok(matches!(next_group(self.from(at, size)?), Ok(Some(_))))
    }

    /// So many bytes from an offset on, or as many as there are.
    fn from(&mut self, at: u64, size: usize) -> io::Result<&[u8]> {
        let end = (at + size as u64).min(self.reader.limit);
        if at >= end {
            return Ok(&[]);
        }
        if at < self.start || end > self.start + self.bytes.len() as u64 {
            let want = (size.max(CHUNK) as u64).min(self.reader.limit - at) as usize;
            self.bytes.resize(want, 0);
            let read = self.reader.file.read_at(&mut self.bytes, HEADER + at - self.reader.start)?;
            self.bytes.truncate(read);
            self.start = at;
        }
        let from = (at - self.start) as usize;
        let end = ((end - self.start) as usize).min(self.bytes.len());
        Ok(&self.bytes[from.min(end)..end])
    }
}
