//! RDB files that are being read, one key at a time.

use super::input::Input;
use super::load::load;
use super::payload::is_known;
use super::reader::Reader;
use super::version::VALKEY;
use super::{kind, libraries};
use crate::Corrupt;
use crate::sink::{Sink, Taken};
use std::fmt;
use std::io::{self, Read};

/// What stands where a key's kind would, and is something else.
pub(super) mod opcode {
    pub(in super::super) const SLOT_IMPORT: u8 = 243;
    pub(in super::super) const SLOT_INFO: u8 = 244;
    pub(in super::super) const FUNCTION: u8 = super::libraries::LIBRARY;
    pub(in super::super) const MODULE_AUX: u8 = 247;
    pub(in super::super) const IDLE: u8 = 248;
    pub(in super::super) const FREQUENCY: u8 = 249;
    pub(in super::super) const AUX: u8 = 250;
    pub(in super::super) const RESIZE: u8 = 251;
    pub(in super::super) const EXPIRY_MS: u8 = 252;
    pub(in super::super) const EXPIRY: u8 = 253;
    pub(in super::super) const SELECT: u8 = 254;
    pub(in super::super) const END: u8 = 255;
}

/// The oldest version whose files are read: that of Redis 2.6.
const OLDEST: u16 = 6;
/// What is said about a file is kept up to so many pairs.
const MOST_AUX: usize = 64;

/// Why a file can't be read.
#[derive(Debug)]
pub enum FileError {
    /// The disk says no.
    Io(io::Error),
    /// It does not begin as RDB files do.
    NoRdb,
    /// It is of a version that is not known here.
    Version(u16),
    /// It ends too early.
    Cut {
        /// Where, in bytes from its first.
        position: u64,
    },
    /// Some of it is not what was written.
    Corrupt {
        /// Where, or a little before.
        position: u64,
    },
    /// Its checksum is not that of its bytes.
    Checksum,
    /// A key's value is of a module. Reading goes on behind it.
    Module {
        /// The number of its database.
        db: u32,
        /// The key.
        key: Vec<u8>,
        /// The module's name for the type.
        name: String,
    },
}

/// Reads a file. One value at a time is in memory.
#[derive(Debug)]
pub struct FileReader<R> {
    input: Input<R>,
    version: u16,
    aux: Vec<(Vec<u8>, Vec<u8>)>,
    db: u32,
    key: Vec<u8>,
    body: Vec<u8>,
    done: bool,
}

/// What a file has next.
#[derive(Debug)]
pub enum FileItem<'r> {
    /// A key with its value.
    Entry(FileEntry<'r>),
    /// The text of a library of functions.
    Library(Vec<u8>),
}

/// A key with its value, as it stands in the file.
#[derive(Debug)]
pub struct FileEntry<'r> {
    /// The number of its database.
    pub db: u32,
    /// The key.
    pub key: &'r [u8],
    /// When it expires, in milliseconds since 1970.
    pub expiry: Option<u64>,
    kind: u8,
    body: &'r [u8],
}

impl<R: Read> FileReader<R> {
    /// Reads what a file begins with.
    ///
    /// # Errors
    /// It is no RDB file, or of a version that is not known.
    pub fn open(source: R) -> Result<Self, FileError> {
        let mut input = Input::new(source);
        let magic: [u8; 9] = input.array().map_err(|error| match error {
            FileError::Cut { .. } => FileError::NoRdb,
            other => other,
        })?;
        let digits = magic.strip_prefix(b"REDIS").or_else(|| magic.strip_prefix(b"VALKEY"));
        let version = digits
            .and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok())
            .ok_or(FileError::NoRdb)?;
        if !is_known(version) || version < OLDEST {
            return Err(FileError::Version(version));
        }
        let (aux, key, body) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { input, version, aux, db: 0, key, body, done: false })
    }

    /// The version of the format.
    pub fn version(&self) -> u16 {
        self.version
    }

    /// Whether Valkey wrote it, which counts versions on its own.
    pub fn is_valkey(&self) -> bool {
        self.version >= VALKEY
    }

    /// What the file says of itself as far as it was read: names and values.
    pub fn aux(&self) -> &[(Vec<u8>, Vec<u8>)] {
        &self.aux
    }

    /// Bytes that were read.
    pub fn position(&self) -> u64 {
        self.input.position
    }

    /// What comes next; nothing at the end.
    ///
    /// # Errors
    /// The file can't be read any further; after [`FileError::Module`] it can.
    #[expect(clippy::should_implement_trait, reason = "what it gives is borrowed")]
    pub fn next(&mut self) -> Result<Option<FileItem<'_>>, FileError> {
        let mut expiry = None;
        while !self.done {
            match self.input.array::<1>()? {
                [opcode::END] => self.end()?,
                [opcode::FUNCTION] => return self.string().map(|code| Some(FileItem::Library(code))),
                [opcode::EXPIRY] => {
                    let seconds = i32::from_le_bytes(self.input.array()?);
                    expiry = Some(u64::try_from(seconds).unwrap_or(0) * 1000);
                }
                [opcode::EXPIRY_MS] => {
                    let ms = i64::from_le_bytes(self.input.array()?);
                    expiry = Some(u64::try_from(ms).unwrap_or(0));
                }
                [other @ opcode::SLOT_IMPORT..=u8::MAX] => self.other(other)?,
                [number] => return self.entry(kind::of(number, self.version), expiry).map(Some),
            }
        }
        Ok(None)
    }

    fn other(&mut self, opcode: u8) -> Result<(), FileError> {
        match opcode {
            opcode::SELECT => {
                self.db = u32::try_from(self.number()?).map_err(|_| self.input.corrupt())?;
            }
            opcode::RESIZE => self.pass_numbers(2)?,
            opcode::SLOT_INFO => self.pass_numbers(3)?,
            opcode::SLOT_IMPORT => {
                self.string()?;
                let ranges = self.number()?;
                self.pass_numbers(ranges.saturating_mul(2))?;
            }
            opcode::IDLE => self.pass_numbers(1)?,
            opcode::FREQUENCY => drop(self.input.array::<1>()?),
            opcode::MODULE_AUX => drop(self.input.module()?),
            opcode::AUX => {
                let pair = (self.string()?, self.string()?);
                if self.aux.len() < MOST_AUX {
                    self.aux.push(pair);
                }
            }
            _ => return Err(self.input.corrupt()),
        }
        Ok(())
    }

    fn entry(&mut self, kind: u8, expiry: Option<u64>) -> Result<FileItem<'_>, FileError> {
        self.key = self.string()?;
        self.body.clear();
        if kind == kind::MODULE_2 {
            let module = self.input.module()?;
            return Err(FileError::Module { db: self.db, key: self.key.clone(), name: module_name(module) });
        }
        self.input.value(kind, &mut self.body)?;
        Ok(FileItem::Entry(FileEntry { db: self.db, key: &self.key, expiry, kind, body: &self.body }))
    }

    fn number(&mut self) -> Result<u64, FileError> {
        self.body.clear();
        self.input.number(&mut self.body)
    }

    fn pass_numbers(&mut self, count: u64) -> Result<(), FileError> {
        (0..count).try_for_each(|_| self.number().map(drop))
    }

    fn string(&mut self) -> Result<Vec<u8>, FileError> {
        self.body.clear();
        self.input.string(&mut self.body)?;
        let string = Reader(&self.body).string().map_err(|Corrupt| self.input.corrupt())?;
        Ok(string.into_owned())
    }

    /// The checksum; 0 stands for none.
    fn end(&mut self) -> Result<(), FileError> {
        self.done = true;
        let wanted = self.input.crc;
        let checksum = u64::from_le_bytes(self.input.array()?);
        if checksum == 0 || checksum == wanted { Ok(()) } else { Err(FileError::Checksum) }
    }
}

/// The name in a module type's number: nine characters of six bits each, above ten bits of a version.
fn module_name(number: u64) -> String {
    const CHARACTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    (0..9).map(|at| char::from(CHARACTERS[(number >> (58 - 6 * at)) as usize & 63])).collect()
}

impl FileEntry<'_> {
    /// Redis's name of the value's type.
    pub fn type_name(&self) -> &'static str {
        match self.kind {
            kind::STRING => "string",
            kind::LIST | kind::LIST_ZIPLIST | kind::LIST_QUICKLIST | kind::LIST_QUICKLIST_2 => "list",
            kind::SET | kind::SET_INTSET | kind::SET_LISTPACK => "set",
            kind::ZSET | kind::ZSET_2 | kind::ZSET_ZIPLIST | kind::ZSET_LISTPACK => "zset",
            kind::STREAM_LISTPACKS | kind::STREAM_LISTPACKS_2 | kind::STREAM_LISTPACKS_3 => "stream",
            _ => "hash",
        }
    }

    /// Bytes of the value in the file.
    #[expect(clippy::len_without_is_empty, reason = "a value is never without bytes")]
    pub fn len(&self) -> usize {
        self.body.len()
    }

    /// Tells the value to a sink.
    ///
    /// # Errors
    /// It is no value of its kind, or the sink refuses it.
    pub fn tell(&self, sink: &mut impl Sink) -> Taken {
        load(self.kind, self.body, sink).map(drop)
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::NoRdb => f.write_str("it is no RDB file: it does not begin with REDIS and a version"),
            Self::Version(version) => {
                write!(f, "it is of RDB version {version}; versions 6 to 12 and Valkey's 80 are known here")
            }
            Self::Cut { position } => write!(f, "it ends at byte {position}, in the middle: it was cut off"),
            Self::Corrupt { position } => write!(f, "it is damaged at byte {position} or a little before"),
            Self::Checksum => f.write_str("it is damaged: its checksum is not that of its bytes"),
            Self::Module { db, key, name } => {
                let key = key.escape_ascii();
                write!(f, "the key \"{key}\" of database {db} is of the module type {name}")
            }
        }
    }
}

impl std::error::Error for FileError {}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
