//! What was read from files, read again whenever they change. A new content that is not good is refused: what there was stays, and
//! the files are tried again at each look, since the second half of a pair (a key after its certificate) is often still to come.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ringtail_watch::{Watch, WatchOptions};
use tokio::sync::watch;

use crate::limits;
use crate::problem::Problem;
use crate::read::read_bounded;

/// Some files, and what was in them at some time.
#[derive(Debug, Clone)]
pub struct Files {
    paths: Vec<PathBuf>,
    seen: u64,
}

impl Files {
    /// The files as they are now: to be called before they are read, so that no change in between is missed.
    pub fn now<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Self {
        let paths: Vec<PathBuf> = paths.into_iter().map(Path::to_path_buf).collect();
        let seen = fingerprint(&paths);
        Self { paths, seen }
    }

    /// Whether there is something else in them than before.
    fn have_changed(&mut self) -> bool {
        let before = std::mem::replace(&mut self.seen, fingerprint(&self.paths));
        before != self.seen
    }
}

/// Of the files' contents, or of why they can't be read.
fn fingerprint(paths: &[PathBuf]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for path in paths {
        read_bounded(path, limits::WATCHED_FILE).map_err(|error| error.kind()).hash(&mut hasher);
    }
    hasher.finish()
}

/// What became of the files since the start, for INFO.
#[derive(Debug, Default)]
pub struct ReloadStatus {
    taken: AtomicU64,
    refused: AtomicU64,
    /// Why something is not as its files have it.
    refusals: Mutex<BTreeMap<&'static str, String>>,
}

impl ReloadStatus {
    /// How many times a new content was taken, or the same one on demand.
    pub fn taken(&self) -> u64 {
        self.taken.load(Relaxed)
    }

    /// How many times a new content was refused, or the same one again on demand.
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// Why what is in the files now is not in use, in one line; empty if all is.
    pub fn refusal(&self) -> String {
        let refusals: Vec<String> = self.refusals().values().cloned().collect();
        refusals.join("; ").replace(['\r', '\n'], " ")
    }

    fn refusals(&self) -> MutexGuard<'_, BTreeMap<&'static str, String>> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Load = Box<dyn FnMut() -> Result<(), Problem> + Send>;

/// What is to be kept as its files have it.
struct Part {
    what: &'static str,
    files: Files,
    load: Load,
    is_refused: bool,
}

impl Part {
    fn look(&mut self, asked: bool, status: &ReloadStatus) {
        let is_news = self.files.have_changed() || asked;
        if !is_news && !self.is_refused {
            return;
        }
        let was_refused = self.is_refused;
        let result = (self.load)();
        self.is_refused = result.is_err();
        match result {
            Ok(()) => self.take(status),
            // The same refusal again is no news.
            Err(problem) if is_news || !was_refused => self.refuse(&problem, status),
            Err(_) => {}
        }
    }

    fn take(&self, status: &ReloadStatus) {
        status.taken.fetch_add(1, Relaxed);
        status.refusals().remove(self.what);
        tracing::info!("{}: read again, in use from now on", self.what);
    }

    fn refuse(&self, problem: &Problem, status: &ReloadStatus) {
        status.refused.fetch_add(1, Relaxed);
        status.refusals().insert(self.what, problem.message.clone());
        tracing::error!("{}: {problem} (refused; the old one stays, new files are tried again)", self.what);
    }
}

/// What is to be watched, before it is.
#[derive(Default)]
pub struct Reloads {
    parts: Vec<Part>,
    status: Arc<ReloadStatus>,
}

impl Reloads {
    /// Nothing yet; what will happen is counted in `status`.
    pub fn new(status: Arc<ReloadStatus>) -> Self {
        Self { parts: Vec::new(), status }
    }

    /// Calls `load`, on a thread of its own, whenever something else is in `files` than at the time they are of. It takes the new content
    /// or leaves everything as it was. `what` is what logs call it.
    pub fn add(
        &mut self,
        what: &'static str,
        files: Files,
        load: impl FnMut() -> Result<(), Problem> + Send + 'static,
    ) {
        self.parts.push(Part { what, files, load: Box::new(load), is_refused: false });
    }

    /// Begins to watch.
    ///
    /// # Errors
    /// The thread can't be started.
    pub fn start(self, options: WatchOptions) -> io::Result<Reloader> {
        let Self { mut parts, status } = self;
        let (finished, done) = watch::channel(());
        let files: Vec<PathBuf> = parts.iter().flat_map(|part| part.files.paths.clone()).collect();
        if files.is_empty() {
            return Ok(Reloader { watch: None, done });
        }
        let look = move |asked| {
            parts.iter_mut().for_each(|part| part.look(asked, &status));
            if asked {
                finished.send_replace(());
            }
        };
        let watch = Some(Watch::start("files-watch", files, options, look)?);
        Ok(Reloader { watch, done })
    }
}

/// Files that are being watched, until dropped.
#[derive(Debug)]
pub struct Reloader {
    /// None where there is no file to watch.
    watch: Option<Watch>,
    done: watch::Receiver<()>,
}

impl Reloader {
    /// Reads all files again, changed or not, and waits until that is done.
    pub async fn read_again(&self) {
        let Some(watch) = &self.watch else { return };
        let mut done = self.done.clone();
        done.mark_unchanged();
        watch.look_now();
        // An error says that the thread is gone, and with it what it watched.
        let _ = done.changed().await;
    }
}

#[cfg(test)]
mod tests;
