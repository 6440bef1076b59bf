//! What a setting becomes while its program runs.

use std::fmt;

/// How a setting changes while the program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Live {
    /// It is what it was at the start.
    No,
    /// `CONFIG SET` of this name.
    Set(&'static str),
    /// Its file is read again when it changes, and at SIGHUP.
    File,
}

impl fmt::Display for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::No => f.write_str("no"),
            Self::Set(name) => write!(f, "`CONFIG SET {name}`"),
            Self::File => f.write_str("with its file"),
        }
    }
}

/// Settings of a program that can say how each of them changes.
pub trait Changes {
    /// How the setting of this flag does.
    fn live(flag: &str) -> Live;
}
