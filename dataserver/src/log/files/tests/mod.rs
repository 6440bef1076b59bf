//! Whatever is done to the log's files, what is read back is what was appended, up to what was synced at least.

mod chance;
mod damage;
mod faults;
mod histories;
mod real;

use super::faulty::{Faults, FaultyDisk};
use super::*;
use crate::log::record::tests::GroupBuilder;
use fastrand::Rng;
use std::path::Path;

const SEGMENT: u64 = 3000;

fn dir() -> &'static Path {
    Path::new("/log")
}

fn history() -> History {
    History::new(&"0123456789abcdef0123".repeat(2)).unwrap()
}

fn options() -> Options {
    Options { segment_size: SEGMENT, ..Options::new(history()) }
}

/// One group with its number in it, of about so many bytes.
fn group(number: u64, size: usize) -> Vec<u8> {
    let (mut out, digits, value) = (Vec::new(), number.to_string(), vec![number as u8; size]);
    let mut group = GroupBuilder::begin(&mut out, 1_800_000_000_000 + number);
    group.effect(0, [&b"SET"[..], digits.as_bytes(), &value]);
    group.finish().unwrap();
    out
}

/// A few groups.
fn some(rng: &mut Rng) -> Vec<Vec<u8>> {
    (0..rng.u64(1..5))
        .map(|_| group(rng.u64(..1000), if rng.u8(..20) == 0 { 5000 } else { rng.usize(..300) }))
        .collect()
}

/// What opening came to.
struct Opened {
    files: Files<FaultyDisk>,
    found: Found,
    base: Option<u64>,
    chunks: Vec<Chunk>,
}

fn open(disk: &FaultyDisk, options: &Options) -> Result<Opened, OpenError> {
    let mut recovery = Files::open(disk.clone(), dir(), options)?;
    let base = recovery.base().map(|(path, offset)| {
        let earlier = recovery.earlier().iter().map(|earlier| &earlier.history);
        let mut bases = earlier.chain([recovery.history()]).map(|history| base_bytes(history, offset));
        assert!(bases.any(|base| base == disk.bytes(path)), "the base is whole");
        offset
    });
    let mut chunks = Vec::new();
    while let Some(chunk) = recovery.next_chunk()? {
        assert_eq!(chunk.groups().count(), chunk.groups);
        chunks.push(chunk);
    }
    let (files, found) = recovery.finish()?;
    Ok(Opened { files, found, base, chunks })
}

impl Opened {
    /// The bytes from the base on, without a gap.
    fn log(&self) -> Vec<u8> {
        let (mut at, mut log) = (self.base.unwrap_or(0), Vec::new());
        for chunk in &self.chunks {
            assert_eq!(chunk.offset, at);
            at = chunk.end();
            log.extend(&chunk.bytes);
        }
        assert_eq!(at, self.found.end);
        assert_eq!(at, self.files.end_offset());
        log
    }
}

/// A state's file, which tells what it is of.
fn base_bytes(history: &History, offset: u64) -> Vec<u8> {
    [history.as_str().as_bytes(), &offset.to_le_bytes()].concat().repeat(30)
}

fn install(files: &mut Files<FaultyDisk>, disk: &FaultyDisk, offset: u64) -> Result<(), Failure> {
    let draft = files.draft();
    let written = disk.create(&draft).and_then(|file| file.write_at(&base_bytes(files.history(), offset), 0));
    written.map_err(Failure::of("write", &draft))?;
    files.install_base(&draft, offset)
}
