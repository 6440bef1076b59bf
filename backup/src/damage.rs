//! What can be wrong with a file, in words.

use std::fmt;
use std::io;

/// Why a file can't be read.
#[derive(Debug)]
pub enum Error {
    /// The disk or the connection says no.
    Io(io::Error),
    /// It does not begin as a backup does.
    NoBackup,
    /// A later program wrote it.
    TooNew {
        /// The file's version.
        version: u16,
    },
    /// Some of it is not what was written. What comes after it may be good.
    Damaged(Damage),
}

/// Where a file is damaged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The number of the block, from 0.
    pub block: u32,
    /// Where the block's header begins, in bytes from the file's first.
    pub position: u64,
    /// Records that are lost with the block, if its header is good.
    pub records: Option<u32>,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The file ends before its footer.
    Cut,
    /// There is no header, or its checksum is not right.
    Header,
    /// The checksum of its bytes is not right.
    Checksum,
    /// Its bytes don't decompress to what the header says.
    Compression,
    /// What is in it is not what the schema says.
    Contents,
    /// Blocks before it are not there.
    Missing {
        /// How many.
        blocks: u32,
    },
    /// The footer counts other records than there are.
    Count,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cut => "the file ends there, before its footer: it was cut off",
            Self::Header => "there is no block's header",
            Self::Checksum => "its checksum is not that of its bytes",
            Self::Compression => "its bytes don't decompress",
            Self::Contents => "its records are not what the schema says",
            Self::Missing { blocks } => return write!(f, "{blocks} blocks before it are missing"),
            Self::Count => "the footer counts other records than there are",
        })
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "block {} at byte {}: {}", self.block, self.position, self.fault)?;
        match self.records {
            Some(records) => write!(f, " ({records} records)"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::NoBackup => f.write_str("it is no backup: it does not begin with RINGTAIL"),
            Self::TooNew { version } => {
                write!(
                    f,
                    "it is of version {version}, and version {} is the newest known here",
                    crate::VERSION
                )
            }
            Self::Damaged(damage) => write!(f, "it is damaged: {damage}"),
        }
    }
}

impl std::error::Error for Error {}
impl std::error::Error for Damage {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Damage> for Error {
    fn from(damage: Damage) -> Self {
        Self::Damaged(damage)
    }
}
