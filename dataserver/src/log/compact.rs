//! Makes the log shorter: the state at one offset takes the place of all that led there.

use super::files::History;
use crate::backup::files::create;
use crate::backup::save::{Failed, Progress, Saved, save_again, save_again_with};
use crate::replication::promise;
use crate::rest::rest;
use crate::server::Server;
use crate::unkept::Unkept;
use std::fs;
use std::io::{self, BufWriter};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bytes of the log below which nothing is done.
pub const LEAST: u64 = 256 << 20;

/// After one that failed, how long nobody tries again unasked: what is in the way (a full disk) is not gone at once, and each try reads
/// all keys.
const RETRY: Duration = Duration::from_secs(30);

/// From one look to the next whether somebody else is done.
const TURN: Duration = Duration::from_millis(10);

/// From one try to begin the files again to the next, at least and at most: else as long as the last one took.
const AGAIN: Duration = Duration::from_secs(1);
const AGAIN_MOST: Duration = Duration::from_secs(30);

/// What became of the last one.
#[derive(Clone, Debug, Default)]
pub struct Last {
    /// How many there were.
    pub count: u64,
    /// How many failed since one went well.
    pub failures: u64,
    /// Why it failed, if it did.
    pub failure: Option<String>,
    /// When it ended.
    pub ended: Option<Instant>,
    /// How long it took.
    pub took: Duration,
}

/// Who compacts, and when.
#[derive(Debug, Default)]
pub struct Compaction {
    running: Mutex<Option<Instant>>,
    last: Mutex<Last>,
    /// The files are being begun again, until they are the log.
    begins_again: AtomicBool,
    /// Bytes of the last base.
    pub base: AtomicU64,
    /// The log may grow by so many percent of the base; 0 = for ever.
    pub growth: AtomicU64,
}

impl Compaction {
    /// Whether it is time, with a log of so many bytes since its base.
    pub fn is_due(&self, bytes: u64) -> bool {
        let (base, growth) = (self.base.load(Relaxed), self.growth.load(Relaxed));
        let grown = growth > 0 && bytes >= LEAST.max(base / 100 * growth);
        grown && self.began().is_none() && !self.has_just_failed()
    }

    fn has_just_failed(&self) -> bool {
        let last = self.last();
        last.failure.is_some() && last.ended.is_some_and(|ended| ended.elapsed() < RETRY)
    }

    /// When the one that runs began.
    pub fn began(&self) -> Option<Instant> {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What became of the last one.
    pub fn last(&self) -> Last {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn begin(&self) -> bool {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let begins = running.is_none();
        running.get_or_insert_with(Instant::now);
        begins
    }

    fn end(&self, ended: &io::Result<()>) {
        let began = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.count += 1;
        last.failures = if ended.is_ok() { 0 } else { last.failures + 1 };
        last.failure = ended.as_ref().err().map(io::Error::to_string);
        last.ended = Some(Instant::now());
        last.took = began.map_or(Duration::ZERO, |began| began.elapsed());
    }
}

/// Begins to compact on a thread of its own, unless somebody does. Whether it began.
pub fn compact_behind(server: &Arc<Server>) -> bool {
    if !server.compaction.begin() {
        return false;
    }
    let own = Arc::clone(server);
    let spawned = std::thread::Builder::new().name("compact".to_owned()).spawn(move || {
        let _counted = own.store.memory.counted();
        let ended = compact(&own);
        if let Err(error) = &ended {
            tracing::error!("the log could not be made shorter: {error}");
        }
        own.compaction.end(&ended);
    });
    spawned.map_err(|error| server.compaction.end(&Err(error))).is_ok()
}

/// The same here and now, once nobody else does.
///
/// # Errors
/// It can't be written.
pub fn compact_here(server: &Server) -> io::Result<()> {
    while !server.compaction.begin() {
        rest(TURN);
    }
    let ended = compact(server);
    server.compaction.end(&ended);
    ended
}

/// Writes the state, and has it take the place of the log before it.
fn compact(server: &Server) -> io::Result<()> {
    let begun = Instant::now();
    let draft = server.log.files().as_ref().map(|files| files.draft());
    let Some(draft) = draft else { return Ok(()) };
    let saved = write(server, &draft).inspect_err(|_| {
        // What is left of it would keep a full disk full.
        let _ = fs::remove_file(&draft);
    })?;
    server.compaction.base.store(saved.written.bytes, Relaxed);
    let (bytes, offset) = (saved.written.bytes, saved.offset);
    tracing::info!(bytes, offset, "the log was made shorter in {} ms", begun.elapsed().as_millis());
    Ok(())
}

fn write(server: &Server, draft: &Path) -> io::Result<Saved> {
    let saved = save_again(server, || create(draft), &Progress::default());
    let saved = on_disk(saved)?;
    // The state may be later than what the thread has written: that has to be in the files first.
    server.log.settled(saved.offset, |files| {
        let installed = files.install_base(draft, saved.offset);
        installed.map_err(|failure| io::Error::other(failure.to_string()))
    })?;
    Ok(saved)
}

fn on_disk(saved: Result<(BufWriter<Unkept>, Saved), Failed>) -> io::Result<Saved> {
    let (out, saved) = saved.map_err(|failed| match failed {
        Failed::Io(error) => error,
        failed => io::Error::other(failed.to_string()),
    })?;
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync()?;
    Ok(saved)
}

/// Has the files begin with what is here, where they are not the log that is here: on a thread of its own, again and again until it is done.
pub fn begin_again_behind(server: &Arc<Server>) {
    if !server.log.wants_files() || server.compaction.begins_again.swap(true, Relaxed) {
        return;
    }
    let own = Arc::clone(server);
    let spawned = std::thread::Builder::new().name("compact".to_owned()).spawn(move || {
        let _counted = own.store.memory.counted();
        begin_again_until_done(&own);
        own.compaction.begins_again.store(false, Relaxed);
    });
    if let Err(error) = spawned {
        server.compaction.begins_again.store(false, Relaxed);
        tracing::error!("this server's files do not follow: {error}");
    }
}

fn begin_again_until_done(server: &Server) {
    while server.log.wants_files() && !server.shutdown.is_triggered() {
        let begun = Instant::now();
        // The keys of a sync that has not ended are no state of any log.
        if !server.replication.is_partial() {
            match begin_again(server) {
                Ok(()) => continue,
                Err(_) if server.replication.is_partial() => {}
                Err(error) => tracing::error!(
                    "this server's files do not follow: {error}; they have what they had, and it is tried again"
                ),
            }
        }
        rest(begun.elapsed().clamp(AGAIN, AGAIN_MOST));
    }
}

/// The same here and now, before the server serves anybody.
///
/// # Errors
/// It can't be written.
pub fn begin_again_here(server: &Server) -> io::Result<()> {
    begin_again(server)
}

/// Puts the state that is here now in the place of what the files have: after a replica's first sync, or when they had to be left. Until that is
/// done the files are those of before.
///
/// # Errors
/// It can't be written.
fn begin_again(server: &Server) -> io::Result<()> {
    while !server.compaction.begin() {
        rest(TURN);
    }
    let ended = replace(server);
    if let Err(error) = &ended {
        // What is held for them would only become more.
        server.log.leave_files(format!("the files are not this log: {error}"));
    }
    server.compaction.end(&ended);
    ended
}

fn replace(server: &Server) -> io::Result<()> {
    let draft = match &*server.log.files() {
        None => return Err(io::Error::other("the log is closed")),
        // All keys would be written in vain.
        Some(files) if let Some(failure) = files.failure() => {
            return Err(io::Error::other(failure.to_string()));
        }
        Some(files) => files.draft(),
    };
    let replaced = save_and_hold(server, &draft).and_then(|saved| put_in_place(server, &draft, &saved));
    replaced.inspect_err(|_| {
        // What is left of it would keep a full disk full.
        let _ = fs::remove_file(&draft);
    })
}

/// Writes the state; what comes behind it is held for the files.
fn save_and_hold(server: &Server, draft: &Path) -> io::Result<Saved> {
    let hold = || server.log.hold_for_files();
    on_disk(save_again_with(server, || create(draft), &Progress::default(), &hold))
}

fn put_in_place(server: &Server, draft: &Path, saved: &Saved) -> io::Result<()> {
    let history = named(&saved.history)?;
    server.log.settled(0, |files| {
        let noted = (server.replication.led.load(Relaxed), promise::of(server));
        let replaced = files.replace(draft, saved.offset, history.clone(), noted);
        replaced.map_err(|failure| io::Error::other(failure.to_string()))?;
        server.log.go_on_in(files)
    })?;
    let offset = saved.offset;
    tracing::info!(offset, "the log of the primary goes on in this server's files");
    Ok(())
}

fn named(history: &str) -> io::Result<History> {
    History::new(history).ok_or_else(|| io::Error::other("the log has no name"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::testing::Harness;
    use crate::log::files::{Files, Options, RealDisk};
    use crate::log::history::fresh;

    fn with_files() -> (Arc<Server>, tempfile::TempDir) {
        let (server, dir) = (Harness::new().server, tempfile::tempdir().unwrap());
        let options = Options::new(named(&fresh(1)).unwrap());
        let (files, _) = Files::open(RealDisk, dir.path(), &options).unwrap().finish().unwrap();
        server.log.write_to(files);
        (server, dir)
    }

    /// What its clients are told would be on no disk.
    #[test]
    fn who_leads_and_is_not_in_its_files_refuses_writes() {
        let (server, dir) = with_files();
        let log = &server.log;
        let refuses = || {
            log.watch_disk();
            log.failing().is_some()
        };
        log.restart(&fresh(5), 0);
        log.stance.set_read_only(true);
        // It breaks off in the middle.
        server.replication.set_partial(true);
        assert!(begin_again(&server).is_err() && log.wants_files() && !refuses());
        assert!(!dir.path().join("base.tmp").exists(), "what is left of it keeps a full disk full");
        server.replication.set_partial(false);
        log.stance.set_read_only(false);
        assert!(refuses());
        begin_again(&server).unwrap();
        assert!(!log.wants_files() && !refuses());
    }

    /// With the old one others would take what comes now for what follows it.
    #[test]
    fn files_that_cannot_be_given_the_new_name_are_left() {
        let (server, dir) = with_files();
        let in_the_way = dir.path().join("manifest.json.tmp");
        fs::create_dir(&in_the_way).unwrap();
        server.log.fork(0);
        assert!(server.log.wants_files());
        assert!(begin_again(&server).is_err() && server.log.wants_files());
        fs::remove_dir(&in_the_way).unwrap();
        server.log.files().as_mut().unwrap().heal().unwrap();
        begin_again(&server).unwrap();
        assert!(!server.log.wants_files());
        let history = server.log.position().0;
        assert_eq!(server.log.files().as_ref().unwrap().history().as_str(), history);
    }

    /// While the keys of its first sync are brought to disk a replica may be told to lead. Under the old name others would take what it writes
    /// then for their primary's.
    #[test]
    fn files_that_come_late_have_the_name_that_the_log_has_by_then() {
        let (server, _dir) = with_files();
        let draft = server.log.files().as_ref().unwrap().draft();
        let primarys = fresh(5);
        server.log.restart(&primarys, 0);
        let saved = save_and_hold(&server, &draft).unwrap();
        let before = server.log.files().as_ref().unwrap().history().clone();
        server.log.fork(0);
        // Whatever becomes of this, they are what they were.
        assert_eq!(*server.log.files().as_ref().unwrap().history(), before);
        put_in_place(&server, &draft, &saved).unwrap();
        let files = server.log.files();
        let files = files.as_ref().unwrap();
        assert_eq!(files.history().as_str(), server.log.position().0);
        assert_eq!(files.earlier()[0].history.as_str(), primarys);
    }
}
