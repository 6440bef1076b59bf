//! What can be wrong with the log's files, in words for whoever runs the server.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// What the system refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The file or directory.
    pub path: PathBuf,
    /// What was tried: "write", "sync".
    pub doing: &'static str,
    /// Of the system's error.
    pub kind: io::ErrorKind,
    /// The system's error in words.
    pub error: String,
}

impl Failure {
    pub(super) fn new(doing: &'static str, path: &Path, error: &io::Error) -> Self {
        Self { path: path.to_owned(), doing, kind: error.kind(), error: error.to_string() }
    }

    /// For `map_err`.
    pub(super) fn of(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::new(doing, path, &error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "can't {} {}: {}", self.doing, self.path.display(), self.error)
    }
}

impl std::error::Error for Failure {}

/// A stretch of the log that can't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The file's name in the directory.
    pub file: String,
    /// Where in the file, in bytes from its start.
    pub position: u64,
    /// Where in the log.
    pub offset: u64,
    /// How much of the log; nothing if nobody knows.
    pub bytes: Option<u64>,
    /// What is there instead.
    pub why: String,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, position, offset, bytes, why } = self;
        write!(f, "{file} at byte {position} (offset {offset}): {why}; ")?;
        match bytes {
            Some(bytes) => write!(f, "{bytes} bytes of the log can't be read"),
            None => f.write_str("nobody knows how much of the log was there"),
        }
    }
}

/// Damage that is no crash's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// All that is damaged, in order, at least one.
    pub lost: Vec<Lost>,
    /// Whole groups behind the first of them.
    pub groups_behind: u64,
    /// Their bytes.
    pub bytes_behind: u64,
}

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lost, groups_behind, bytes_behind } = self;
        let bytes: Option<u64> = lost.iter().map(|lost| lost.bytes).sum();
        f.write_str("the log is damaged: ")?;
        if let Some(first) = lost.first() {
            first.fmt(f)?;
        }
        if lost.len() > 1 {
            write!(f, ", and {} more places", lost.len() - 1)?;
        }
        write!(f, ". Behind it are {groups_behind} whole groups of {bytes_behind} bytes: ")?;
        match bytes {
            Some(bytes) => write!(f, "to recover them is to lose {bytes} bytes"),
            None => f.write_str(
                "to go on with them alone is to lose all that was written since the base, if there is one",
            ),
        }
    }
}

/// Why a directory can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// The system refused something.
    System(Failure),
    /// Another process has it: what it wrote of itself, usually its process id.
    Locked {
        /// The directory.
        dir: PathBuf,
        /// The other's process id, or nothing.
        holder: String,
    },
    /// Its manifest is missing or can't be read.
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Files are damaged or missing.
    Damaged(Damaged),
}

impl From<Failure> for OpenError {
    fn from(failure: Failure) -> Self {
        Self::System(failure)
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System(failure) => failure.fmt(f),
            Self::Locked { dir, holder } if holder.is_empty() => {
                write!(f, "another server has {}", dir.display())
            }
            Self::Locked { dir, holder } => {
                write!(f, "another server has {}: the process {holder}", dir.display())
            }
            Self::Manifest { path, why } => {
                write!(f, "{}: {why}; what the other files say of themselves may do", path.display())
            }
            Self::Damaged(damaged) => damaged.fmt(f),
        }
    }
}

impl std::error::Error for OpenError {}
