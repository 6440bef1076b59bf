//! RDB files that are being written.

use super::crc64;
use super::file::opcode;
use super::save::Saver;
use super::version::COMMON;
use super::writer::Writer;
use crate::sink::Taken;
use std::fmt;
use std::io::{self, Write};

/// Why something can't be written.
#[derive(Debug)]
pub enum WriteError {
    /// The disk says no.
    Io(io::Error),
    /// The value has what this version of the format does not, as times of a hash's fields; or what was told is no value.
    Refused,
}

/// Writes a file that servers from the version on read.
#[derive(Debug)]
pub struct FileWriter<W> {
    out: W,
    version: u16,
    db: Option<u32>,
    crc: u64,
    bytes: u64,
}

impl<W: Write> FileWriter<W> {
    /// Begins a file of a version of the format, 10 to 12, and says what wrote it.
    ///
    /// # Errors
    /// Those of what is written to, here and below.
    pub fn new(out: W, version: u16, program: &str) -> io::Result<Self> {
        let version = version.max(COMMON);
        let mut writer = Self { out, version, db: None, crc: 0, bytes: 0 };
        let mut head = Writer::default();
        head.raw(format!("REDIS{version:04}").as_bytes());
        head.raw(&[opcode::AUX]);
        head.string(b"ringtail-ver");
        head.string(program.as_bytes());
        writer.put(&head.0)?;
        Ok(writer)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.crc = crc64::update(self.crc, bytes);
        self.bytes += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    /// Bytes that were written.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes the text of a library of functions.
    ///
    /// # Errors
    /// Those of what is written to.
    pub fn library(&mut self, code: &[u8]) -> io::Result<()> {
        let mut library = Writer::default();
        library.raw(&[opcode::FUNCTION]);
        library.string(code);
        self.put(&library.0)
    }

    /// Writes a key that no other entry has, when it expires in milliseconds since 1970, and what `tell` tells of its value.
    ///
    /// # Errors
    /// Nothing is written of a value that is refused.
    pub fn entry(
        &mut self,
        db: u32,
        key: &[u8],
        expiry: Option<u64>,
        tell: impl FnOnce(&mut Saver) -> Taken,
    ) -> Result<(), WriteError> {
        let mut saver = Saver::up_to(self.version);
        tell(&mut saver).map_err(|_| WriteError::Refused)?;
        let (value, _) = saver.finish();
        let (&kind, body) = value.split_first().ok_or(WriteError::Refused)?;
        let mut head = Writer::default();
        if self.db.replace(db) != Some(db) {
            head.raw(&[opcode::SELECT]);
            head.number(db.into());
        }
        if let Some(at) = expiry {
            head.raw(&[opcode::EXPIRY_MS]);
            // Redis has times with a sign.
            head.raw(&at.min(i64::MAX as u64).to_le_bytes());
        }
        head.raw(&[kind]);
        head.string(key);
        self.put(&head.0)?;
        Ok(self.put(body)?)
    }

    /// Ends the file with its checksum, and gives back what was written to, flushed.
    ///
    /// # Errors
    /// Those of what is written to.
    pub fn finish(mut self) -> io::Result<W> {
        self.put(&[opcode::END])?;
        let checksum = self.crc;
        self.put(&checksum.to_le_bytes())?;
        self.out.flush()?;
        Ok(self.out)
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Refused => f.write_str("this version of RDB files can't have the value"),
        }
    }
}

impl std::error::Error for WriteError {}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
