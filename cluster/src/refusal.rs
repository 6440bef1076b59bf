//! Why a `servers.json` was not taken, and where in it.

use std::fmt;
use std::path::{Path, PathBuf};

/// A file that was refused whole, as one line: `cluster/servers.json:3:14: weight must be …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The file as it was named to us.
    pub file: PathBuf,
    /// Where in the file; none when the file could not be read at all.
    pub place: Option<Place>,
    /// What is wrong, and what to write instead.
    pub reason: String,
}

/// A line and a column, both from 1; columns count bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The byte of the line, from 1.
    pub column: usize,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some(Place { line, column }) = self.place {
            write!(f, "{line}:{column}:")?;
        }
        write!(f, " {}", self.reason)
    }
}

impl std::error::Error for Refusal {}

/// A reason and its place, of a file that only the caller knows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) place: Option<Place>,
    pub(crate) reason: String,
}

impl Fault {
    pub(crate) fn of(self, file: &Path) -> Refusal {
        Refusal { file: file.to_owned(), place: self.place, reason: self.reason }
    }
}
