//! Backup files: where they are, and who writes one now.

use super::save::{Progress, Saved, save_again};
use crate::blocking::Waiter;
use crate::log::files::is_taken;
use crate::rest::rest;
use crate::server::{Server, unix_millis};
use crate::unkept::Unkept;
use ringtail_protocol::command::{COMMANDS, Flags};
use ringtail_protocol::errors::Error;
use ringtail_protocol::reply::{Reply, Resp};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Bytes that are written to the file at once.
const WRITE: usize = 1 << 20;

const RUNNING: Error = Error::fixed("ERR Background save already in progress");
const NO_PLACE: Error =
    Error::fixed("ERR this server has no place for backups: start it with --backup FILE, or with --dir");
const NO_NAME: Error = Error::fixed(
    "ERR a backup's name is one of the directory of --backup (or --dir): letters, digits, '.', '-' and '_', not a path",
);

/// Behind the name of a backup that is being written, ...
const PART: &str = ".part";
/// ... and of one that was damaged.
const DAMAGED: &str = ".damaged";

const TAKEN: Error = Error::fixed(
    "ERR a backup's name is not one of the log's (log-..., base-..., LOCK, manifest.json, ....tmp) or of other backups (....part, ....damaged, FILE.1)",
);

/// What was told at start.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// The file that is loaded at start and written again and again.
    pub file: Option<PathBuf>,
    /// Where other backups go.
    pub dir: Option<PathBuf>,
    /// Older ones that are kept, as `FILE.1` and so on.
    pub keep: usize,
    /// How often the file is written.
    pub interval: Option<Duration>,
}

impl Place {
    /// Whether a file of this name may be overwritten by another backup.
    fn takes(&self, name: &str) -> bool {
        let own = self.file.as_deref().and_then(Path::file_name).and_then(|own| own.to_str());
        let is_older = |own: &str| {
            let number = name.strip_prefix(own).and_then(|rest| rest.strip_prefix('.'));
            number.is_some_and(|number| number.parse::<usize>().is_ok())
        };
        name.ends_with(PART) || name.contains(DAMAGED) || is_older(own.unwrap_or("backup.rtb"))
    }
}

/// What became of the last one.
#[derive(Clone, Debug, Default)]
pub struct Last {
    /// When it was finished, in seconds since 1970; 0 = never.
    pub time: u64,
    /// Why it failed, if it did.
    pub failure: Option<String>,
    /// How long it took.
    pub took: Duration,
    /// Bytes of the file, and keys in it.
    pub bytes: u64,
    /// Records.
    pub records: u64,
    /// How many were written since the start.
    pub count: u64,
    /// How many failed.
    pub failures: u64,
    /// Commands that write had run so often when it was begun.
    writes: u64,
}

/// Backups of one server.
#[derive(Debug, Default)]
pub struct Backups {
    place: OnceLock<Place>,
    running: AtomicBool,
    /// How far the one that runs has come.
    pub progress: Progress,
    /// Keys at the beginning of that; 0 until they are counted.
    pub keys: AtomicU64,
    /// When that began, in milliseconds since 1970.
    pub began: AtomicU64,
    last: Mutex<Last>,
}

/// That one runs, until this is dropped.
struct Turn<'b>(&'b Backups);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.running.store(false, Relaxed);
    }
}

impl Backups {
    /// Says where they go; once, at start.
    pub fn set_place(&self, place: Place) {
        let _ = self.place.set(place);
    }

    /// How often one is written.
    pub fn interval(&self) -> Option<Duration> {
        self.place.get()?.interval
    }

    /// The directory that backups go to which are named by clients.
    pub fn dir(&self) -> Option<PathBuf> {
        let place = self.place.get()?;
        let beside = || Some(place.file.as_deref()?.parent().unwrap_or(Path::new("")).to_owned());
        place.dir.clone().or_else(beside)
    }

    /// Whether one is being written.
    pub fn is_running(&self) -> bool {
        self.running.load(Relaxed)
    }

    /// What became of the last one.
    pub fn last(&self) -> Last {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The file for a name that a client has said, or the usual one.
    ///
    /// # Errors
    /// There is no place for it, or the name is more than a name.
    pub fn path(&self, name: Option<&[u8]>) -> Result<PathBuf, Error> {
        let place = self.place.get().ok_or(NO_PLACE)?;
        let Some(name) = name else {
            let usual = || place.dir.as_ref().map(|dir| dir.join("backup.rtb"));
            return place.file.clone().or_else(usual).ok_or(NO_PLACE);
        };
        let plain = |b: &u8| b.is_ascii_alphanumeric() || b".-_".contains(b);
        let name = std::str::from_utf8(name).ok().filter(|name| !name.starts_with('.') && !name.is_empty());
        let name = name.filter(|name| name.bytes().all(|b| plain(&b)) && name.len() < 200).ok_or(NO_NAME)?;
        // The log's files are in the same directory.
        let name = Some(name).filter(|name| !is_taken(name) && !place.takes(name)).ok_or(TAKEN)?;
        Ok(self.dir().ok_or(NO_PLACE)?.join(name))
    }

    /// Commands that write which came after the last backup was begun.
    pub fn changes_since(&self, server: &Server) -> u64 {
        writes(server).saturating_sub(self.last().writes)
    }

    fn begin(&self) -> Result<Turn<'_>, Error> {
        if self.running.swap(true, Relaxed) {
            return Err(RUNNING);
        }
        self.progress.slots.store(0, Relaxed);
        self.progress.bytes.store(0, Relaxed);
        self.keys.store(0, Relaxed);
        self.began.store(unix_millis(), Relaxed);
        Ok(Turn(self))
    }
}

/// Writes a backup on a thread of its own, and lets who waits for it know.
///
/// # Errors
/// One is being written already, or the system has no thread for it.
pub fn save_behind(server: &Arc<Server>, path: PathBuf, waiter: Option<Arc<Waiter>>) -> Result<(), Error> {
    let turn = server.backups.begin()?;
    // The thread takes the turn over.
    std::mem::forget(turn);
    let own = Arc::clone(server);
    let spawned = std::thread::Builder::new().name("backup".to_owned()).spawn(move || {
        let _counted = own.store.memory.counted();
        let _turn = Turn(&own.backups);
        let saved = save_now(&own, &path);
        drop(_turn);
        if let Some(waiter) = waiter
            && waiter.claim()
        {
            let mut reply = Vec::new();
            match saved {
                Ok(_) => Reply::new(&mut reply, Resp::V2).ok(),
                Err(error) => {
                    Reply::new(&mut reply, Resp::V2).error(&Error::new(format!("ERR no backup: {error}")))
                }
            }
            let _ = waiter.finish(reply);
        }
    });
    if let Err(error) = spawned {
        server.backups.running.store(false, Relaxed);
        return Err(Error::new(format!("ERR no thread for it: {error}")));
    }
    Ok(())
}

/// Writes a backup here and now, once no other is being written.
///
/// # Errors
/// Why it could not be.
pub fn save_here(server: &Server, path: &Path) -> io::Result<Saved> {
    let _turn = loop {
        match server.backups.begin() {
            Ok(turn) => break turn,
            Err(_) => rest(Duration::from_millis(10)),
        }
    };
    save_now(server, path)
}

fn save_now(server: &Server, path: &Path) -> io::Result<Saved> {
    let (begun, keep) = (Instant::now(), server.backups.place.get().map_or(0, |place| place.keep));
    let writes = writes(server);
    // Here, and not by who asks: a walk over all groups holds up a worker for milliseconds.
    server.backups.keys.store(server.store.len(), Relaxed);
    let saved = write(server, path, keep);
    let took = begun.elapsed();
    told(path, &saved, took);
    // Workers look at it: what may block is done before.
    let mut last = server.backups.last.lock().unwrap_or_else(PoisonError::into_inner);
    match &saved {
        Ok(saved) => {
            let (bytes, records) = (saved.written.bytes, saved.written.records);
            let (time, count) = (unix_millis() / 1000, last.count + 1);
            let failures = last.failures;
            *last = Last { time, failure: None, took, bytes, records, count, failures, writes };
        }
        Err(error) => {
            last.failure = Some(error.to_string());
            last.failures += 1;
            last.took = took;
        }
    }
    saved
}

fn told(path: &Path, saved: &io::Result<Saved>, took: Duration) {
    let path = path.display();
    match saved {
        Ok(Saved { offset, written, .. }) => {
            let (bytes, records) = (written.bytes, written.records);
            tracing::info!(%path, bytes, records, offset, "backup written in {} ms", took.as_millis());
        }
        Err(error) => tracing::error!(%path, "no backup: {error}"),
    }
}

/// How often commands that write have run since the counts were begun.
fn writes(server: &Server) -> u64 {
    let writing = COMMANDS.iter().filter(|command| command.flags.contains(Flags::WRITE));
    writing.map(|command| server.stats.told(command).calls).sum()
}

/// To a temporary file, which then takes the name: whoever reads the name finds a whole backup, the old one or the new.
fn write(server: &Server, path: &Path, keep: usize) -> io::Result<Saved> {
    let temporary = with(path, PART);
    let written = save_again(server, || create(&temporary), &server.backups.progress)
        .map_err(|failed| match failed {
            super::save::Failed::Io(error) => error,
            failed => io::Error::other(failed.to_string()),
        })
        .and_then(|(out, saved)| {
            out.into_inner().map_err(|error| error.into_error())?.sync()?;
            rotate(path, keep, BY_LINK)?;
            fs::rename(&temporary, path)?;
            File::open(path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new(".")))?
                .sync_all()?;
            Ok(saved)
        });
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Makes a file to write at length.
pub(crate) fn create(path: &Path) -> io::Result<BufWriter<Unkept>> {
    // What clients stored is nobody else's business.
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    Ok(BufWriter::with_capacity(WRITE, Unkept::new(file)))
}

/// A name that nobody has, for a damaged backup of this name.
pub(crate) fn kept_name(path: &Path) -> PathBuf {
    let named = |n: u32| with(path, &format!("{DAMAGED}.{n}"));
    let first = with(path, DAMAGED);
    if first.exists() { (1..).map(named).find(|path| !path.exists()).unwrap_or(first) } else { first }
}

fn with(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// Gives older backups their next names. The newest keeps its own until another has it.
fn rotate(path: &Path, keep: usize, link: Link) -> io::Result<()> {
    if keep == 0 || !path.exists() {
        return Ok(());
    }
    let named = |n: usize| with(path, &format!(".{n}"));
    for n in (1..keep).rev() {
        if named(n).exists() {
            fs::rename(named(n), named(n + 1))?;
        }
    }
    let first = named(1);
    if first.exists() {
        fs::remove_file(&first)?;
    }
    keep_as(path, &first, link)
}

/// How a file gets another name beside its own.
type Link = fn(&Path, &Path) -> io::Result<()>;

/// By a link.
pub(crate) const BY_LINK: Link = |path, name| fs::hard_link(path, name);

/// Has a file under another name too; by a copy on file systems that have no links (exFAT, some network shares).
pub(crate) fn keep_as(path: &Path, name: &Path, link: Link) -> io::Result<()> {
    link(path, name).or_else(|_| {
        let part = with(name, PART);
        let copied = fs::copy(path, &part).and_then(|_| File::open(&part)?.sync_all());
        let named = copied.and_then(|()| fs::rename(&part, name));
        named.inspect_err(|_| _ = fs::remove_file(&part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_ones_are_kept_with_and_without_links() {
        for link in [BY_LINK, |_, _| Err(io::ErrorKind::Unsupported.into())] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("all.rtb");
            for generation in ["1", "2", "3", "4"] {
                rotate(&path, 2, link).unwrap();
                fs::write(dir.path().join("new"), generation).unwrap();
                fs::rename(dir.path().join("new"), &path).unwrap();
            }
            let names = ["", ".1", ".2"].map(|suffix| fs::read_to_string(with(&path, suffix)).unwrap());
            assert_eq!(names, ["4", "3", "2"]);
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
        }
    }
}
