//! `manifest.json`: which files of the directory count. It is replaced as one piece.

use super::disk::{Disk, DiskFile};
use super::names::{self, MANIFEST};
use crate::replication::promise::Promise;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;
use std::path::Path;

/// The form of the directory that this program writes, and the only one that it reads.
const VERSION: u32 = 1;

/// Longest manifest, in bytes: many times what one has.
const MOST: usize = 64 << 10;

/// Digits of a history's name.
pub(super) const DIGITS: usize = 40;

/// The name of one sequence of changes: 40 hex digits. Offsets mean something within one history only.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct History(String);

impl History {
    /// The one with these digits, if they are 40 of 0-9 and a-f.
    pub fn new(digits: &str) -> Option<Self> {
        (digits.len() == DIGITS && digits.bytes().all(names::is_hex)).then(|| Self(digits.to_owned()))
    }

    /// Its digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for History {
    type Error = &'static str;

    fn try_from(digits: String) -> Result<Self, Self::Error> {
        Self::new(&digits).ok_or("a history is named by 40 hex digits")
    }
}

impl From<History> for String {
    fn from(history: History) -> Self {
        history.0
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A base: the state at one offset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// Its name in the directory.
    pub file: String,
    /// The offset that it is exact at.
    pub offset: u64,
}

/// A history that this one goes on from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Earlier {
    /// Its name.
    pub history: History,
    /// Up to this offset they are the same.
    pub until: u64,
}

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    version: u32,
    pub(super) history: History,
    pub(super) base: Option<Base>,
    /// Where the first segment that counts begins.
    pub(super) first: u64,
    /// Those that the log's segments may be of, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) earlier: Vec<Earlier>,
    /// Segments of other histories are what this one has replaced, and nobody has removed yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) replaced: bool,
    /// Clients' writes were taken here since this server followed anybody: it may have what nobody else has.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) led: bool,
    /// For whom this server has voted, until that one leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) promise: Option<Promise>,
}

impl Manifest {
    pub(super) fn new(history: History, base: Option<Base>, first: u64) -> Self {
        let earlier = Vec::new();
        Self { version: VERSION, history, base, first, earlier, replaced: false, led: false, promise: None }
    }

    /// What the log was called that begins at an offset: not by a name under which nothing was written.
    pub(super) fn name_at(&self, start: u64) -> &History {
        let earlier = self.earlier.iter().find(|earlier| earlier.until > start);
        earlier.map_or(&self.history, |earlier| &earlier.history)
    }

    /// Whether a segment that begins there can be of that history.
    pub(super) fn has(&self, history: &History, start: u64) -> bool {
        let one = |earlier: &Earlier| earlier.history == *history && start <= earlier.until;
        self.history == *history || self.earlier.iter().any(one)
    }

    /// The directory's, if it has one; else what is wrong with it.
    pub(super) fn read<D: Disk>(disk: &D, dir: &Path) -> io::Result<Option<Result<Self, String>>> {
        let file = match disk.open(&dir.join(MANIFEST)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mut bytes = vec![0; MOST];
        let len = file.read_at(&mut bytes, 0)?;
        Ok(Some(Self::parse(&bytes[..len])))
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        /// Of any version.
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let found: Versioned = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if found.version != VERSION {
            return Err(format!(
                "its version is {}, and this program reads version {VERSION}",
                found.version
            ));
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        match &manifest.base {
            Some(base) if !names::is_base(&base.file) => {
                Err("it names a base that is no file of this directory".into())
            }
            Some(base) if base.offset < manifest.first => Err("its base is older than its log".into()),
            None if manifest.first > 0 => Err("its log does not begin at 0, and there is no base".into()),
            _ => Ok(manifest),
        }
    }

    /// Puts it in the place of the directory's; on disk when this returns. After an error either of them may be.
    pub(super) fn write<D: Disk>(&self, disk: &D, dir: &Path) -> io::Result<()> {
        let temporary = dir.join(names::temporary(MANIFEST));
        let file = disk.create(&temporary)?;
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        file.write_at(&text, 0)?;
        file.sync_data()?;
        disk.rename(&temporary, &dir.join(MANIFEST))?;
        disk.sync_dir(dir)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history() -> History {
        History::new(&"0123456789".repeat(4)).unwrap()
    }

    #[test]
    fn what_is_written_is_parsed() {
        let base = Base { file: names::base(7), offset: 7 };
        for manifest in [Manifest::new(history(), None, 0), Manifest::new(history(), Some(base), 5)] {
            assert_eq!(Manifest::parse(&serde_json::to_vec(&manifest).unwrap()), Ok(manifest));
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let good = serde_json::to_string(&Manifest::new(history(), None, 0)).unwrap();
        let refused = |text: &str| Manifest::parse(text.as_bytes()).unwrap_err();
        assert!(refused("").contains("EOF"));
        assert!(refused(&good.replace("\"version\":1", "\"version\":2")).contains("version is 2"));
        assert!(refused(&good.replace("0123", "012g")).contains("40 hex digits"));
        assert!(refused(&good.replace("\"first\":0", "\"first\":9")).contains("no base"));
        let outside = good.replace("null", r#"{"file":"../base-7.rtb","offset":7}"#);
        assert!(refused(&outside).contains("no file of this directory"));
        let old = good.replace("null", &format!(r#"{{"file":"{}","offset":7}}"#, names::base(7)));
        assert!(refused(&old.replace("\"first\":0", "\"first\":9")).contains("older"));
    }
}
