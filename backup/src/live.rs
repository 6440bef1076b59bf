//! Which records of a file count: those of a key that no later record has.

use crate::damage::Error;
use crate::reader::{Opened, Reader};
use crate::record::Record;
use std::collections::HashMap;
use std::io::Read;

/// Where the last record of each key is that was written more than once: the block's number and the record's place in it. It
/// holds what changed while the file was written, not all its keys.
#[derive(Debug, Default)]
pub struct Live {
    last: HashMap<(u32, Vec<u8>), (u32, usize)>,
    keeps: bool,
}

impl Live {
    /// Reads a whole file for it, and leaves out what is damaged if `recover` says so.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn of<R: Read>(mut reader: Reader<R>, recover: bool) -> Result<Self, Error> {
        let mut live = Self::default();
        loop {
            match reader.next() {
                Ok(None) => return Ok(live),
                Ok(Some(sealed)) if !sealed.is_again() => {}
                Ok(Some(sealed)) => match sealed.open() {
                    Ok(opened) => live.note(&opened),
                    Err(damage) if !recover => return Err(damage.into()),
                    Err(_) => {}
                },
                Err(Error::Damaged(_)) if recover => drop(reader.skip_damaged()?),
                Err(error) => return Err(error),
            }
        }
    }

    fn note(&mut self, block: &Opened) {
        for (at, record) in block.records().flatten().enumerate() {
            if !record.continues {
                self.last.insert((record.db, record.key.to_vec()), (block.number(), at));
            }
        }
    }

    /// Whether this record, at its place in its block, counts. All records of a file are asked for, one after another.
    pub fn keeps(&mut self, record: &Record<'_>, block: u32, at: usize) -> bool {
        // The first record of a value decides for those that continue it.
        if !record.continues {
            self.keeps = self.last.is_empty()
                || self.last.get(&(record.db, record.key.to_vec())).is_none_or(|last| *last == (block, at));
        }
        self.keeps
    }
}
