//! What a server has on disk: loaded at its start, written while it runs.

use crate::backup::files::{self, Place};
use crate::backup::load::{self, How};
use crate::backup::save::Progress;
use crate::log::compact;
use crate::log::files::{Files, History, OpenError, Options as FileOptions, RealDisk, Recovery};
use crate::log::history;
use crate::log::keeper::{Keeper, Policy, Running};
use crate::log::replay;
use crate::replication::role;
use crate::replication::steward::{Book, Part, Steward};
use crate::server::Server;
use ringtail_backup::Error;
use ringtail_net::Problem;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// What of it was told at start.
#[derive(Clone, Debug, Default)]
pub struct Durability {
    /// The directory of the log.
    pub dir: Option<PathBuf>,
    /// When what was written is brought to disk.
    pub policy: Policy,
    /// What is damaged is left out.
    pub recover: bool,
    /// Where backups go.
    pub place: Place,
    /// Whom it follows.
    pub primary: Option<String>,
}

/// All that runs for it.
pub struct Durable {
    server: Arc<Server>,
    place: Place,
    keeper: Arc<Mutex<Option<Running>>>,
    loader: JoinHandle<()>,
    failed: Arc<AtomicBool>,
    stopping: Arc<AtomicBool>,
    timer: Option<JoinHandle<()>>,
    steward: Arc<Mutex<Option<Steward>>>,
}

/// Begins to load what there is, and then to write. Until it is loaded the server says LOADING; once what is on disk is, `loaded` is told.
///
/// # Errors
/// What is there can't be opened, or is another server's.
pub fn begin(
    server: &Arc<Server>,
    told: Durability,
    book: Option<Book>,
    loaded: oneshot::Sender<()>,
) -> Result<Durable, Problem> {
    server.backups.set_place(told.place.clone());
    let recovery = match (&told.dir, told.policy) {
        (None, _) | (_, Policy::Off) => None,
        (Some(dir), _) => Some(open(dir, told.recover)?),
    };
    if let Some(dir) = told.dir.as_deref().filter(|_| recovery.is_some()) {
        let backup = told.place.file.as_deref();
        server.loading.expect(bytes_of(dir) + backup.map_or(0, bytes_of));
    } else if let Some(file) = &told.place.file {
        server.loading.expect(bytes_of(file));
    }
    // With nothing to load and nobody to follow it serves from its first moment on.
    let part = book.as_ref().map(Book::part);
    let follows = told.primary.is_some() || matches!(part, Some(Part::Replica(..)));
    let loads = recovery.is_some() || told.place.file.is_some() || follows || part.is_some();
    let asks = matches!(part, Some(Part::Primary(_)));
    server.replication.is_undecided.store(follows || asks, Relaxed);
    server.log.stance.set_loading(loads);
    if follows || asks {
        server.log.begin_backlog();
    }
    let (keeper, failed, stopping) = <(Arc<Mutex<_>>, Arc<AtomicBool>, Arc<AtomicBool>)>::default();
    let steward = Arc::<Mutex<Option<Steward>>>::default();
    let timer = told.place.interval.and_then(|interval| every(server, interval, &stopping));
    let place = told.place.clone();
    let (own, running, lost) = (Arc::clone(server), Arc::clone(&keeper), Arc::clone(&failed));
    let stewards = Arc::clone(&steward);
    let loader = std::thread::Builder::new().name("load".to_owned()).spawn(move || {
        match restore(&own, &told, part.as_ref(), recovery) {
            Ok(keeper) => {
                *running.lock().unwrap_or_else(PoisonError::into_inner) = keeper;
                go_on(&own, &told, part.as_ref());
                // Nobody listens any more if it was told to end meanwhile.
                let _ = loaded.send(());
                let begun = book.zip(part).map(|(book, part)| Steward::start(&own, book, part));
                match begun.transpose() {
                    Ok(begun) => *stewards.lock().unwrap_or_else(PoisonError::into_inner) = begun,
                    Err(error) => tracing::error!("servers.json is not looked after: {error}"),
                }
            }
            Err(problem) => {
                tracing::error!("{problem}");
                lost.store(true, Relaxed);
                own.shutdown.trigger();
            }
        }
    });
    let loader = loader.map_err(|error| {
        Problem::new(format!("no thread to load with ({error})"), "see the system's limits on threads")
    })?;
    Ok(Durable { server: Arc::clone(server), place, keeper, loader, failed, stopping, timer, steward })
}

/// All is loaded: from here on it leads, or follows.
fn go_on(server: &Arc<Server>, told: &Durability, part: Option<&Part>) {
    let primary = told.primary.as_ref().or(match part {
        Some(Part::Replica(primary, _)) => Some(primary),
        _ => None,
    });
    // Others may lead already, or have more: the steward asks them first.
    let asks = matches!(part, Some(Part::Primary(_)));
    if role::begin(server, primary.is_none() && !asks) {
        server.log.stance.set_loading(asks);
        if let Some(primary) = primary
            && let Err(error) = role::follow(server, primary)
        {
            tracing::error!("can't follow {primary}: {error}");
        }
    }
    server.replication.is_undecided.store(false, Relaxed);
}

fn open(dir: &Path, recover: bool) -> Result<Recovery<RealDisk>, Problem> {
    let history = History::new(&history::fresh(history::FIRST))
        .ok_or_else(|| Problem::new("no history", "report this"))?;
    let options = FileOptions { recover, ..FileOptions::new(history) };
    Files::open(RealDisk, dir, &options).map_err(|error| {
        let remedy = match &error {
            OpenError::Locked { holder, .. } if !holder.is_empty() => {
                format!("stop the process {holder}, or name another directory")
            }
            OpenError::Locked { .. } => "stop that one, or name another directory".to_owned(),
            OpenError::System(_) => "mend it, or name another directory".to_owned(),
            OpenError::Manifest { .. } | OpenError::Damaged(_) => {
                "copy the directory first, then start once with --recover".to_owned()
            }
        };
        Problem::new(format!("--dir: {error}"), remedy)
    })
}

/// What is wrong with the log, and what can be done about it.
fn with_remedy(error: OpenError) -> String {
    match error {
        OpenError::Damaged(damaged) => format!("{damaged}; copy the directory first, then --recover does so"),
        other => other.to_string(),
    }
}

fn restore(
    server: &Arc<Server>,
    told: &Durability,
    part: Option<&Part>,
    recovery: Option<Recovery<RealDisk>>,
) -> Result<Option<Running>, String> {
    let leads = told.primary.is_none() && matches!(part, None | Some(Part::Nothing));
    let from_backup = |file: &PathBuf| load_backup(server, file, told.recover, leads);
    let Some(recovery) = recovery else {
        let backup = told.place.file.as_ref().map(from_backup).transpose()?.unwrap_or_default();
        server.replication.led.store(backup.led, Relaxed);
        if let Some((history, offset)) = backup.position {
            server.log.restart(&history, offset);
        }
        return keep(server).map(Some);
    };
    let is_new = recovery.base().is_none();
    let Replayed { files, groups, has_lost } = replay(server, recovery, told.recover)?;
    let backup = told.place.file.as_ref();
    let backup = backup.filter(|file| (is_new && groups == 0) || passed_over(file));
    let is_from_backup = backup.is_some();
    let backup = backup.map(from_backup).transpose()?.unwrap_or_default();
    // A replica that has lost some is none of that log either: it gets all keys.
    let mut files = if leads || has_lost { rename(files, has_lost)? } else { files };
    if leads || backup.led {
        files.set_led(true).map_err(|failure| failure.to_string())?;
    }
    server.replication.led.store(files.led(), Relaxed);
    server.replication.load_promise(files.promise().cloned());
    server.replication.has_leftovers.store(has_lost, Relaxed);
    server.log.write_to(files);
    if let Some((history, offset)) = backup.position {
        server.log.restart(&history, offset);
        compact::begin_again_here(server).map_err(|error| error.to_string())?;
        return keep(server).map(Some);
    }
    let running = keep(server)?;
    // What was loaded is not in the log: it becomes its base. Damaged files are needed no more once there is one.
    if has_lost || (is_from_backup && !server.store.is_empty()) {
        compact::compact_here(server).map_err(|error| error.to_string())?;
    }
    Ok(Some(running))
}

/// Has the log go on under another name: replicas may have had more of it than was on disk, and must not take what comes now for what
/// follows that. What has lost some has nothing that could be compared with theirs.
fn rename(mut files: Files<RealDisk>, has_lost: bool) -> Result<Files<RealDisk>, String> {
    let old = files.history().as_str();
    let epoch = history::epoch_of(old);
    let name = if has_lost { history::fresh(epoch) } else { history::next(old, epoch) };
    let history = History::new(&name).ok_or("no history")?;
    files.begin_history(history).map_err(|failure| failure.to_string())?;
    Ok(files)
}

/// Starts the log's thread.
fn keep(server: &Arc<Server>) -> Result<Running, String> {
    let own = Arc::downgrade(server);
    let on_growth = Box::new(move |bytes| {
        let Some(server) = own.upgrade() else { return };
        if server.compaction.is_due(bytes) {
            compact::compact_behind(&server);
        }
        compact::begin_again_behind(&server);
    });
    Keeper::start(&server.log, on_growth).map_err(|error| error.to_string())
}

/// Says that a backup is not loaded, if there is one.
fn passed_over(file: &Path) -> bool {
    if file.exists() {
        tracing::info!(path = %file.display(), "the log counts, not the backup: an empty --dir begins with the backup");
    }
    false
}

/// Bytes of a file, or of all files of a directory.
fn bytes_of(path: &Path) -> u64 {
    let of = |path: PathBuf| std::fs::metadata(path).map_or(0, |meta| meta.len());
    match std::fs::read_dir(path) {
        Ok(files) => files.flatten().map(|file| of(file.path())).sum(),
        Err(_) => of(path.to_owned()),
    }
}

fn threads(server: &Server) -> usize {
    server.counters.len()
}

/// What a backup was of.
#[derive(Default)]
struct FromBackup {
    /// It may have what no other server has.
    led: bool,
    /// What the log is called from here on, and where it goes on, if that is known.
    position: Option<(String, u64)>,
}

/// The log that a backup is the state of goes on, if it has all of that. One that leads by itself takes another name for that, under which it is
/// nobody's to go on from: others may have had more of it, and keys whose time was over were left out.
fn position_of(loaded: &load::Summary, leads: bool) -> Option<(String, u64)> {
    let known = loaded.damage.is_empty() && loaded.offset > 0 && History::new(&loaded.history).is_some();
    let name = || match leads {
        true => history::next(&loaded.history, history::epoch_of(&loaded.history)),
        false => loaded.history.clone(),
    };
    known.then(|| (name(), loaded.offset))
}

/// Loads it, if it is there.
fn load_backup(server: &Server, file: &Path, recover: bool, leads: bool) -> Result<FromBackup, String> {
    let input = match File::open(file) {
        Ok(input) => input,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            tracing::info!(path = %file.display(), "there is no backup yet");
            return Ok(FromBackup::default());
        }
        Err(error) => return Err(format!("--backup {}: {error}", file.display())),
    };
    let (begun, how) = (Instant::now(), How { recover, without_expired: leads, threads: threads(server) });
    let loaded = load::load(server, server.loading.counted(input), how, &Progress::default())
        .map_err(|error| format!("--backup {}: {}", file.display(), with_help(&error, recover)))?;
    if !loaded.damage.is_empty() {
        set_aside(file)?;
    }
    loaded.damage.iter().for_each(|damage| tracing::error!(path = %file.display(), "lost: {damage}"));
    let (keys, expired, damaged) = (loaded.keys, loaded.expired, loaded.damage.len());
    tracing::info!(path = %file.display(), keys, expired, damaged, "backup loaded in {} ms", begun.elapsed().as_millis());
    Ok(FromBackup { led: loaded.led, position: position_of(&loaded, leads) })
}

/// What is wrong with a backup, and what can be done about it.
fn with_help(error: &Error, recover: bool) -> String {
    match error {
        Error::Damaged(_) if recover => {
            format!("{error}; --recover can read nothing of it either: take another backup")
        }
        Error::Damaged(_) => format!("{error}; copy the file first, then --recover loads what can be read"),
        Error::NoBackup => format!("{error}; `ringtail convert` makes one of a Redis RDB file"),
        _ => error.to_string(),
    }
}

/// The next backup takes the damaged one's name, which may have more than was loaded of it.
fn set_aside(file: &Path) -> Result<(), String> {
    let kept = files::kept_name(file);
    files::keep_as(file, &kept, files::BY_LINK).map_err(|error| {
        format!("--backup {}: it can't be kept as {}: {error}", file.display(), kept.display())
    })?;
    tracing::warn!(
        "some of {} is damaged and was left out: the file is kept as {}",
        file.display(),
        kept.display()
    );
    Ok(())
}

/// What a log came to.
struct Replayed {
    files: Files<RealDisk>,
    groups: u64,
    /// Something of it could not be read, and was left out.
    has_lost: bool,
}

/// Loads the base and does again what the log says.
fn replay(server: &Arc<Server>, mut recovery: Recovery<RealDisk>, recover: bool) -> Result<Replayed, String> {
    let begun = Instant::now();
    let mut has_lost = false;
    let base = recovery.base().map(|(path, offset)| (path.to_owned(), offset));
    if let Some((path, offset)) = base {
        let input = File::open(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let how = How { recover, without_expired: false, threads: threads(server) };
        server.compaction.base.store(bytes_of(&path), Relaxed);
        let loaded = load::load(server, server.loading.counted(input), how, &Progress::default())
            .map_err(|error| format!("{}: {}", path.display(), with_help(&error, recover)))?;
        if loaded.offset != offset && loaded.damage.is_empty() {
            return Err(format!("{} is of offset {} and not of {offset}", path.display(), loaded.offset));
        }
        has_lost = !loaded.damage.is_empty();
        loaded.damage.iter().for_each(|damage| tracing::error!(path = %path.display(), "lost: {damage}"));
    }
    let done = replay::replay(server, recover, || {
        let chunk = recovery.next_chunk().map_err(with_remedy)?;
        if let Some(chunk) = &chunk {
            server.loading.add(chunk.bytes.len() as u64);
            server.log.loaded(chunk.offset, &chunk.bytes);
        }
        Ok::<_, String>(chunk)
    })?;
    let groups = done.groups;
    for (offset, refused) in done.refused {
        if !recover {
            return Err(format!("the log at offset {offset}: {refused}"));
        }
        has_lost = true;
        tracing::error!(offset, "left out: {refused}");
    }
    let (files, found) = recovery.finish().map_err(with_remedy)?;
    if let Some(torn) = &found.torn {
        let kept = torn.kept.as_ref().map(|file| format!(", and kept in {file}")).unwrap_or_default();
        tracing::warn!(
            file = torn.file,
            offset = torn.offset,
            bytes = torn.bytes,
            whole_groups_behind = torn.groups,
            "the end of the log was not written whole when the server ended: cut off{kept}"
        );
    }
    found.lost.iter().for_each(|lost| tracing::error!("lost: {lost}"));
    let (keys, offset) = (server.store.len(), found.end);
    tracing::info!(keys, groups, offset, "log loaded in {} ms", begun.elapsed().as_millis());
    has_lost |= !found.lost.is_empty();
    Ok(Replayed { files, groups, has_lost })
}

/// From one look to the next whether all is loaded.
const LOADED: Duration = Duration::from_secs(1);

/// How long it is until a backup is to be written, `passed` after the last; it is to be written now if that is nothing.
fn until_backup(passed: Duration, interval: Duration, is_loading: bool) -> Duration {
    match interval.saturating_sub(passed) {
        // A server that nobody leads may say for hours that it loads.
        Duration::ZERO if is_loading => LOADED,
        left => left,
    }
}

/// Writes a backup again and again.
fn every(server: &Arc<Server>, interval: Duration, stopping: &Arc<AtomicBool>) -> Option<JoinHandle<()>> {
    let (server, stopping) = (Arc::clone(server), Arc::clone(stopping));
    let timer = std::thread::Builder::new().name("backups".to_owned()).spawn(move || {
        let mut last = Instant::now();
        while !stopping.load(Relaxed) {
            let left = until_backup(last.elapsed(), interval, server.log.stance.is_loading());
            if !left.is_zero() {
                std::thread::park_timeout(left);
                continue;
            }
            last = Instant::now();
            if let Ok(path) = server.backups.path(None) {
                let _ = files::save_behind(&server, path, None);
            }
        }
    });
    timer.inspect_err(|error| tracing::error!("no thread for --backup-interval: {error}")).ok()
}

impl Durable {
    /// Ends all of it, once no client is served any more; whether all went well.
    pub fn stop(self) -> bool {
        self.stopping.store(true, Relaxed);
        if let Some(timer) = self.timer {
            timer.thread().unpark();
            let _ = timer.join();
        }
        let _ = self.loader.join();
        if let Some(steward) = self.steward.lock().unwrap_or_else(PoisonError::into_inner).take() {
            steward.stop(&self.server);
        }
        let mut well = !self.failed.load(Relaxed);
        let is_partial = self.server.replication.is_partial();
        if is_partial {
            tracing::warn!("no backup is written: the sync from the primary has not brought all keys yet");
        }
        if let (Some(file), true, false) = (&self.place.file, well, is_partial) {
            well &= files::save_here(&self.server, file).is_ok();
        }
        if let Some(keeper) = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take() {
            well &= keeper.stop();
        }
        well
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_that_is_due_while_it_loads_is_waited_for() {
        let [none, second, minute] = [0, 1, 60].map(Duration::from_secs);
        assert_eq!(until_backup(second, minute, false), minute - second);
        assert_eq!(until_backup(second, minute, true), minute - second);
        assert_eq!(until_backup(minute, minute, false), none);
        assert_eq!(until_backup(minute + second, minute, true), LOADED);
    }
}
