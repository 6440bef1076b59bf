//! The keys of a file, whatever kind of file it is.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

use ringtail_backup::rdb::{FileEntry, FileError, FileItem, FileReader};
use ringtail_backup::{
    Collected, Contents, Error, Footer, Live, MAGIC, Meta, Opened, Reader, Record, Sink, Taken, Value,
};
use ringtail_net::Problem;

use super::progress::Progress;

/// What to do about damage that --recover can't go on behind.
const NOTHING_LEFT: &str = "--recover can read nothing of it either: take another backup";

/// What a file has, one after another.
pub(super) enum Item<'f> {
    Entry(Entry<'f>),
    /// The text of a library of functions.
    Library(&'f [u8]),
}

/// A key with its value.
pub(super) struct Entry<'f> {
    pub(super) db: u32,
    pub(super) key: &'f [u8],
    /// In milliseconds since 1970.
    pub(super) expiry: Option<u64>,
    /// Bytes in the file, before they were compressed.
    pub(super) size: u64,
    pub(super) type_name: &'static str,
    whole: Whole<'f>,
}

enum Whole<'f> {
    Record(&'f Record<'f>),
    Value(&'f Value),
    Rdb(&'f FileEntry<'f>),
}

impl Entry<'_> {
    /// Tells the value to a sink.
    pub(super) fn tell(&self, sink: &mut impl Sink) -> Taken {
        match self.whole {
            Whole::Record(record) => record.tell(sink),
            Whole::Value(value) => value.tell(sink),
            Whole::Rdb(entry) => entry.tell(sink),
        }
    }
}

/// What a file says of itself.
pub(super) enum About {
    Backup { meta: Meta, footer: Option<Footer>, raw: u64 },
    Rdb { version: u16, aux: Vec<(Vec<u8>, Vec<u8>)> },
}

/// What was read.
pub(super) struct Seen {
    pub(super) about: About,
    /// Bytes of the file.
    pub(super) bytes: u64,
    /// What was left out, because it was damaged or nobody can read it.
    pub(super) lost: Vec<String>,
}

/// How a file is read.
pub(super) struct Reading<'r> {
    pub(super) path: &'r Path,
    /// Whether to go on behind what is damaged.
    pub(super) recover: bool,
    pub(super) what: &'static str,
}

impl Reading<'_> {
    /// Visits all that the file has and that counts: the last value of each key.
    pub(super) fn each(
        &self,
        mut visit: impl FnMut(Item<'_>) -> Result<(), Problem>,
    ) -> Result<Seen, Problem> {
        let mut file = File::open(self.path).map_err(|error| self.unreadable(&error))?;
        let bytes = file.metadata().map_err(|error| self.unreadable(&error))?.len();
        let mut magic = Vec::new();
        let begun = (&mut file).take(MAGIC.len() as u64).read_to_end(&mut magic);
        begun.and_then(|_| file.rewind()).map_err(|error| self.unreadable(&error))?;
        let progress = Progress::new(self.what, Some(bytes));
        let seen = if magic == MAGIC {
            self.backup(file, bytes, &progress, &mut visit)
        } else {
            self.rdb(file, bytes, &progress, &mut visit)
        };
        progress.end();
        seen
    }

    fn backup(
        &self,
        file: File,
        bytes: u64,
        progress: &Progress,
        visit: &mut impl FnMut(Item<'_>) -> Result<(), Problem>,
    ) -> Result<Seen, Problem> {
        let open = |file| Reader::open(BufReader::with_capacity(1 << 18, file));
        let bad = |error: &Error| self.bad_backup(error);
        let first = file.try_clone().map_err(|error| self.unreadable(&error))?;
        let live =
            Live::of(open(first).map_err(|error| bad(&error))?, self.recover).map_err(|error| bad(&error))?;
        let mut file = file;
        file.rewind().map_err(|error| self.unreadable(&error))?;
        let mut reader = open(file).map_err(|error| bad(&error))?;
        let mut walk = Walk { live, joined: Joined::default(), lost: Vec::new(), raw: 0 };
        loop {
            progress.set(reader.position());
            let damage = match reader.next() {
                Ok(None) => break,
                Ok(Some(sealed)) => match sealed.open() {
                    Ok(opened) => match walk.block(&opened, visit)? {
                        Ok(()) => continue,
                        Err(damage) => damage,
                    },
                    Err(damage) => damage,
                },
                Err(Error::Damaged(damage)) => {
                    reader.skip_damaged().map_err(|error| self.unreadable(&error))?;
                    damage
                }
                Err(error) => return Err(bad(&error)),
            };
            if !self.recover {
                return Err(bad(&Error::Damaged(damage)));
            }
            walk.joined = Joined::default();
            walk.lost.push(damage.to_string());
        }
        let about =
            About::Backup { meta: reader.meta().clone(), footer: reader.footer().cloned(), raw: walk.raw };
        Ok(Seen { about, bytes, lost: walk.lost })
    }

    fn rdb(
        &self,
        file: File,
        bytes: u64,
        progress: &Progress,
        visit: &mut impl FnMut(Item<'_>) -> Result<(), Problem>,
    ) -> Result<Seen, Problem> {
        let mut reader = FileReader::open(file).map_err(|error| self.bad_rdb(&error))?;
        let mut lost = Vec::new();
        loop {
            progress.set(reader.position());
            match reader.next() {
                Ok(None) => break,
                Ok(Some(FileItem::Library(code))) => visit(Item::Library(&code))?,
                Ok(Some(FileItem::Entry(entry))) => visit(Item::Entry(of_rdb(&entry)))?,
                // Behind damage nothing says where the next key begins.
                Err(error) if self.recover => {
                    lost.push(error.to_string());
                    if !matches!(error, FileError::Module { .. }) {
                        break;
                    }
                }
                Err(error) => return Err(self.bad_rdb(&error)),
            }
        }
        let about = About::Rdb { version: reader.version(), aux: reader.aux().to_vec() };
        Ok(Seen { about, bytes, lost })
    }

    fn unreadable(&self, error: &io::Error) -> Problem {
        let hint = match error.kind() {
            io::ErrorKind::NotFound => "check its name",
            _ => "name a file that may be read",
        };
        Problem::new(format!("{} can't be read: {error}", self.path.display()), hint)
    }

    fn bad_backup(&self, error: &Error) -> Problem {
        let hint = match error {
            Error::Damaged(_) if self.recover => NOTHING_LEFT,
            Error::Damaged(_) => "give --recover to leave that out, or take another backup",
            Error::TooNew { .. } => "use the ringtail of the version that wrote it",
            Error::Io(_) | Error::NoBackup => "check the file and its disk",
        };
        Problem::new(format!("{} can't be read: {error}", self.path.display()), hint)
    }

    fn bad_rdb(&self, error: &FileError) -> Problem {
        let hint = match error {
            FileError::NoRdb => "name a backup of Ringtail's, or an RDB file",
            FileError::Version(_) => "write it with another version of the server",
            FileError::Module { .. } => "give --recover to leave such keys out",
            FileError::Io(_) => "check the file and its disk",
            _ if self.recover => NOTHING_LEFT,
            _ => "give --recover to take the keys before that, or take another backup",
        };
        let error = match error {
            FileError::NoRdb => "it is neither a backup nor an RDB file".to_string(),
            other => other.to_string(),
        };
        Problem::new(format!("{} can't be read: {error}", self.path.display()), hint)
    }
}

fn of_rdb<'f>(entry: &'f FileEntry<'f>) -> Entry<'f> {
    Entry {
        db: entry.db,
        key: entry.key,
        expiry: entry.expiry,
        size: (entry.key.len() + entry.len()) as u64,
        type_name: entry.type_name(),
        whole: Whole::Rdb(entry),
    }
}

/// A value of which some records were read.
#[derive(Default)]
struct Joined {
    value: Collected,
    size: u64,
    open: bool,
}

struct Walk {
    live: Live,
    joined: Joined,
    lost: Vec<String>,
    raw: u64,
}

impl Walk {
    /// Visits a block's records. The inner error is damage, the outer one ends it all.
    fn block(
        &mut self,
        block: &Opened,
        visit: &mut impl FnMut(Item<'_>) -> Result<(), Problem>,
    ) -> Result<Result<(), ringtail_backup::Damage>, Problem> {
        for (at, record) in block.records().enumerate() {
            let record = match record {
                Ok(record) => record,
                Err(damage) => return Ok(Err(damage)),
            };
            self.raw += record.size as u64;
            if let Contents::Library(code) = record.contents {
                visit(Item::Library(code))?;
            } else if self.live.keeps(&record, block.number(), at)
                && !matches!(record.contents, Contents::Gone)
                && self.record(&record, visit)?.is_err()
            {
                return Ok(Err(block.corrupt()));
            }
        }
        Ok(Ok(()))
    }

    fn record(
        &mut self,
        record: &Record<'_>,
        visit: &mut impl FnMut(Item<'_>) -> Result<(), Problem>,
    ) -> Result<Taken, Problem> {
        let (mut size, collected);
        let whole = if record.continues || record.more {
            // What continues a value whose beginning was lost is lost, too.
            let Joined { value, size: sum, open } = &mut self.joined;
            if record.continues && !std::mem::replace(open, record.more) {
                return Ok(Ok(()));
            }
            *open = record.more;
            if let Err(corrupt) = record.tell(value) {
                return Ok(Err(corrupt));
            }
            *sum += record.size as u64;
            size = *sum;
            let Some(value) = value.take() else { return Ok(Ok(())) };
            *sum = 0;
            collected = value;
            Whole::Value(&collected)
        } else {
            size = record.size as u64;
            Whole::Record(record)
        };
        size = size.max(1);
        let Record { db, key, expiry, .. } = *record;
        let entry = Entry { db, key, expiry, size, type_name: record.type_name(), whole };
        visit(Item::Entry(entry)).map(Ok)
    }
}
