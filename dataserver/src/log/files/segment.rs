//! Segments: files with a stretch of the log each.
//!
//! ```text
//! |      0: magic, version u32, history (40 digits), start offset u64, CRC-32 of these
//! |    512: mark, one of two: an offset u64 and a CRC-32
//! |   1024: mark, the other
//! |   1536: which run of the machine writes to it, 16 bytes and a CRC-32
//! |   4096: groups
//! ```
//!
//! A mark says up to which offset the log is known to be on disk. It is written after the sync that it speaks of, so it gets there with a
//! later one and always speaks the truth, though not the newest. With it, a group that can't be read is told apart: before
//! the mark it was on disk and is damaged; behind the mark a crash of the machine may have left anything, whole later groups too, since a disk writes in
//! any order. One of the process leaves all that was written, which is why a segment says in which run of the machine that was.
//! A file that was [prepared](super::prepared) ends in zeros, which are nothing.

use super::disk::{Boot, Disk, DiskFile};
use super::manifest::{DIGITS, History};
use super::{names, prepared};
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

const MAGIC: [u8; 8] = *b"RTLLOG\r\n";
const VERSION: u32 = 1;
/// Before the groups: a page, so that no write of groups touches it.
pub(super) const HEADER: u64 = 4096;
/// What a disk writes as one piece.
pub(super) const SECTOR: usize = 512;
const MARKS: [usize; 2] = [SECTOR, 2 * SECTOR];
const BOOT: usize = 3 * SECTOR;

/// A sync is marked when so many bytes came since the last that was: a mark costs a write of its own.
const MARK_EVERY: u64 = if cfg!(test) { 700 } else { 64 << 10 };

/// From so many bytes on that were synced, the system is told that it need not keep them.
const RELEASED: u64 = 1 << 20;

/// What a segment says of itself.
#[derive(Debug, PartialEq)]
pub(super) struct Header {
    pub(super) history: History,
    pub(super) start: u64,
    /// Up to here the segment was on disk once.
    pub(super) mark: u64,
    /// In which run of the machine all was written that came behind that, if it is known.
    pub(super) boot: Option<Boot>,
}

impl Header {
    /// A file's, if it has one that is whole.
    pub(super) fn read(file: &impl DiskFile) -> io::Result<Option<Self>> {
        let mut bytes = [0; HEADER as usize];
        let len = file.read_at(&mut bytes, 0)?;
        Ok(if len == bytes.len() { Self::parse(&bytes) } else { None })
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk::<8>()?;
        let (version, rest) = rest.split_first_chunk::<4>()?;
        let (history, rest) = rest.split_first_chunk::<DIGITS>()?;
        let (start, rest) = rest.split_first_chunk::<8>()?;
        let known = *magic == MAGIC && u32::from_le_bytes(*version) == VERSION;
        let whole =
            crc32fast::hash(&bytes[..bytes.len() - rest.len()]).to_le_bytes() == *rest.first_chunk::<4>()?;
        if !known || !whole {
            return None;
        }
        let start = u64::from_le_bytes(*start);
        let mark = MARKS.iter().filter_map(|&at| parse_mark(bytes.get(at..)?, start)).max()?;
        let boot = parse_boot(bytes.get(BOOT..)?, start);
        Some(Self { history: History::new(std::str::from_utf8(history).ok()?)?, start, mark, boot })
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER as usize);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(self.history.as_str().as_bytes());
        bytes.extend(self.start.to_le_bytes());
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        for at in MARKS {
            bytes.resize(at, 0);
            bytes.extend(mark_bytes(self.mark, self.start));
        }
        bytes.resize(BOOT, 0);
        bytes.extend(boot_bytes(self.boot, self.start));
        bytes.resize(HEADER as usize, 0);
        bytes
    }
}

/// The start goes into the checksum, so that no other segment's mark is taken for this one's.
fn mark_bytes(mark: u64, start: u64) -> [u8; 12] {
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&mark.to_le_bytes());
    bytes[8..].copy_from_slice(&mark_crc(mark, start).to_le_bytes());
    bytes
}

fn mark_crc(mark: u64, start: u64) -> u32 {
    crc32fast::hash([mark.to_le_bytes(), start.to_le_bytes()].as_flattened())
}

fn parse_mark(bytes: &[u8], start: u64) -> Option<u64> {
    let (mark, rest) = bytes.split_first_chunk()?;
    let mark = u64::from_le_bytes(*mark);
    (mark >= start && mark_crc(mark, start).to_le_bytes() == *rest.first_chunk::<4>()?).then_some(mark)
}

/// Zeros are no run's: their checksum is not zero.
fn boot_bytes(boot: Option<Boot>, start: u64) -> [u8; 20] {
    let mut bytes = [0; 20];
    if let Some(boot) = boot {
        bytes[..16].copy_from_slice(&boot);
        bytes[16..].copy_from_slice(&boot_crc(&boot, start).to_le_bytes());
    }
    bytes
}

fn boot_crc(boot: &Boot, start: u64) -> u32 {
    crc32fast::hash(&[&boot[..], &start.to_le_bytes()].concat())
}

fn parse_boot(bytes: &[u8], start: u64) -> Option<Boot> {
    let (boot, rest) = bytes.split_first_chunk()?;
    (boot_crc(boot, start).to_le_bytes() == *rest.first_chunk::<4>()?).then_some(*boot)
}

/// The segment that is written to.
#[derive(Debug)]
pub(super) struct Segment<F> {
    /// Shared with who syncs it.
    pub(super) file: Arc<F>,
    pub(super) start: u64,
    /// Where the next group goes.
    end: u64,
    marked: u64,
    /// Marks so far: they take turns, so that the last stays whole while the next is written.
    marks: usize,
    /// Up to this offset the system need not keep it in memory.
    released: u64,
    /// Bytes of groups that the file had, as zeros, when it was begun.
    prepared: u64,
}

impl<F: DiskFile> Segment<F> {
    /// One that is on disk to its end.
    pub(super) fn reopened(file: F, start: u64, end: u64) -> Self {
        Self { file: Arc::new(file), start, end, marked: end, marks: 0, released: end, prepared: 0 }
    }

    pub(super) fn size(&self) -> u64 {
        self.end - self.start
    }

    /// Bytes that it takes without growing.
    pub(super) fn room(&self) -> u64 {
        self.prepared.saturating_sub(self.size())
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(bytes, HEADER + self.size())?;
        self.end += bytes.len() as u64;
        Ok(())
    }

    /// Where in the file that is which need not be kept in memory once all is synced: the log is not read again while the server runs, and memory
    /// that is used again costs less than new one.
    pub(super) fn release(&mut self) -> Option<Range<u64>> {
        let from = std::mem::replace(&mut self.released, self.end);
        if self.end - from < RELEASED {
            self.released = from;
            return None;
        }
        // The system keeps pieces that reach across an end: the last one is told again.
        let from = from.saturating_sub(RELEASED).max(self.start);
        Some(HEADER + from - self.start..HEADER + self.size())
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// To be told what is on disk.
    pub(super) fn mark(&mut self, synced: u64) -> io::Result<()> {
        if synced < self.marked + MARK_EVERY { Ok(()) } else { self.mark_now(synced) }
    }

    pub(super) fn is_marked(&self, synced: u64) -> bool {
        self.marked == synced
    }

    pub(super) fn mark_now(&mut self, synced: u64) -> io::Result<()> {
        let at = MARKS[self.marks % MARKS.len()];
        self.file.write_at(&mark_bytes(synced, self.start), at as u64)?;
        self.marks += 1;
        self.marked = synced;
        Ok(())
    }

    /// Says in which run of the machine all is written from here on; none when what was written need not be what is read.
    pub(super) fn set_boot(&self, boot: Option<Boot>) -> io::Result<()> {
        self.file.write_at(&boot_bytes(boot, self.start), BOOT as u64)
    }

    /// Gives back the room of what counts no longer.
    pub(super) fn cut(&self, end: u64) -> io::Result<()> {
        self.file.set_len(HEADER + end.saturating_sub(self.start))
    }
}

/// A segment that does not count yet: it gets its name once all of it is on disk, so none is ever found half made.
pub(super) struct Draft<'d, D: Disk> {
    disk: &'d D,
    dir: &'d Path,
    /// What it is called until then.
    name: String,
    header: Header,
    segment: Segment<D::File>,
}

impl<'d, D: Disk> Draft<'d, D> {
    pub(super) fn new(disk: &'d D, dir: &'d Path, history: &History, start: u64) -> io::Result<Self> {
        let name = names::temporary(&names::segment(start));
        let file = disk.create(&dir.join(&name))?;
        let header = Header { history: history.clone(), start, mark: start, boot: disk.boot() };
        Ok(Self { disk, dir, name, header, segment: Segment::reopened(file, start, start) })
    }

    /// In a file of zeros that is there.
    pub(super) fn in_prepared(
        disk: &'d D,
        dir: &'d Path,
        history: &History,
        start: u64,
        file: D::File,
    ) -> Self {
        let header = Header { history: history.clone(), start, mark: start, boot: disk.boot() };
        let segment = Segment { prepared: prepared::SIZE, ..Segment::reopened(file, start, start) };
        Self { disk, dir, name: names::PREPARED.to_owned(), header, segment }
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.segment.append(bytes)
    }

    /// On disk, and in the place of one with this start that may have been there, when this returns. After an error either may be.
    pub(super) fn install(self) -> io::Result<Segment<D::File>> {
        let name = names::segment(self.header.start);
        self.install_as(&name)
    }

    /// The same under a name that is no segment's.
    pub(super) fn install_as(mut self, name: &str) -> io::Result<Segment<D::File>> {
        // Nobody sees the mark before the sync that it speaks of.
        self.header.mark = self.segment.end;
        self.segment.marked = self.segment.end;
        self.segment.file.write_at(&self.header.bytes(), 0)?;
        self.segment.sync()?;
        self.disk.rename(&self.dir.join(self.name), &self.dir.join(name))?;
        self.disk.sync_dir(self.dir)?;
        Ok(self.segment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_flip_of_a_header_goes_unseen() {
        let history = History::new(&"0123456789".repeat(4)).unwrap();
        let header = Header { history, start: 77, mark: 99, boot: Some([7; 16]) };
        let bytes = header.bytes();
        assert_eq!(Header::parse(&bytes).as_ref(), Some(&header));
        for at in BOOT..BOOT + 20 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 4;
            assert_eq!(Header::parse(&flipped).unwrap().boot, None, "{at}");
        }
        assert_eq!(parse_boot(&boot_bytes(None, 77), 77), None);
        assert_eq!(parse_boot(&boot_bytes(Some([7; 16]), 78), 77), None);
        for at in (0..64).chain(MARKS[0]..MARKS[0] + 12) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 4;
            // One of two marks is enough.
            assert_eq!(Header::parse(&flipped).is_some(), at >= 64, "{at}");
            assert!(Header::parse(&flipped).is_none_or(|read| read == header));
        }
        assert_eq!(parse_mark(&mark_bytes(99, 78), 77), None);
    }
}
