//! Which folders raise an event when the content of a file changes, and the watches on them.
//!
//! A watch on the file itself would stay with the file that an editor or a ConfigMap has just replaced. What
//! is watched are folders: the one the file is in, the one each symbolic link on the way to it is in, and
//! while a part of the way is missing, the one that part would appear in.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::sync::mpsc::SyncSender;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _, recommended_watcher};

/// As many links in a row as Linux follows; then it is a circle.
const MAX_LINKS: usize = 40;

/// The way may change while it is being watched: it is followed again until it stays, at most this often.
const MAX_ROUNDS: usize = 4;

#[cfg(test)]
mod tests;

/// The watches of some files.
pub(super) struct Folders {
    /// None where the system has no events to give.
    events: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
    /// What could not be watched was said, once.
    said: bool,
}

impl Folders {
    /// Each event that may concern a file sends to `wake`.
    pub(super) fn new(wake: SyncSender<()>) -> Self {
        let handler = move |event: notify::Result<Event>| {
            if may_be_a_change(&event) {
                // An error says that a wake is waiting already, or that nobody waits any more.
                let _ = wake.try_send(());
            }
        };
        let mut folders = Self { events: None, watched: BTreeSet::new(), said: false };
        match recommended_watcher(handler) {
            Ok(events) => folders.events = Some(events),
            Err(error) => folders.say(&error),
        }
        folders
    }

    /// Watches the folders on the way to `files` as it is now. All of them anew, because a watch ends with its
    /// folder, and a folder of the same name (and even the same number) may have taken its place.
    pub(super) fn watch_anew(&mut self, files: &[PathBuf]) {
        self.unwatch_all();
        for _ in 0..MAX_ROUNDS {
            let wanted: BTreeSet<_> = files.iter().flat_map(|file| on_the_way(file)).collect();
            let missing: Vec<_> = wanted.difference(&self.watched).cloned().collect();
            if missing.is_empty() {
                return;
            }
            missing.into_iter().for_each(|folder| self.watch(folder));
        }
    }

    fn unwatch_all(&mut self) {
        let Some(events) = &mut self.events else { return };
        for folder in std::mem::take(&mut self.watched) {
            // An error says that the watch ended with its folder.
            let _ = events.unwatch(&folder);
        }
    }

    /// A folder that has just gone is no fault: the next round, or the next event, finds what there is
    /// instead.
    fn watch(&mut self, folder: PathBuf) {
        let Some(events) = &mut self.events else { return };
        match events.watch(&folder, RecursiveMode::NonRecursive) {
            Ok(()) => drop(self.watched.insert(folder)),
            Err(error) if folder.is_dir() => self.say(&error),
            Err(_) => {}
        }
    }

    fn say(&mut self, error: &notify::Error) {
        if !std::mem::replace(&mut self.said, true) {
            tracing::warn!(
                "no file system events for the files that are watched, they are polled alone: {error}"
            );
        }
    }
}

/// All but mere reading, ours included, which would wake us for ever. An error may stand for events that were
/// lost.
fn may_be_a_change(event: &notify::Result<Event>) -> bool {
    match event.as_ref().map(|event| event.kind) {
        Ok(EventKind::Access(AccessKind::Close(AccessMode::Write))) => true,
        Ok(EventKind::Access(_)) => false,
        Ok(_) | Err(_) => true,
    }
}

/// The real folders in which something would happen if the content of `file` changed.
fn on_the_way(file: &Path) -> BTreeSet<PathBuf> {
    let mut way = Way::to(file);
    while let Some(part) = way.ahead.pop() {
        way.go(part);
    }
    way.folders
}

/// A walk along a path, part by part, into each symbolic link.
struct Way {
    /// Without symbolic links.
    here: PathBuf,
    /// The next part is the last of the list.
    ahead: Vec<OsString>,
    links: usize,
    folders: BTreeSet<PathBuf>,
}

impl Way {
    fn to(file: &Path) -> Self {
        let mut way = Self { here: PathBuf::new(), ahead: Vec::new(), links: 0, folders: BTreeSet::new() };
        way.turn_to(&std::path::absolute(file).unwrap_or_else(|_| file.to_owned()));
        way
    }

    fn turn_to(&mut self, path: &Path) {
        self.ahead.extend(path.components().rev().map(|part| part.as_os_str().to_owned()));
    }

    fn go(&mut self, part: OsString) {
        match Path::new(&part).components().next() {
            Some(Component::ParentDir) => drop(self.here.pop()),
            Some(Component::Normal(_)) => self.enter(self.here.join(&part)),
            Some(Component::RootDir | Component::Prefix(_)) => self.here.push(part),
            Some(Component::CurDir) | None => {}
        }
    }

    /// The folder that `next` is in matters if `next` is a link, or missing, or the file itself.
    fn enter(&mut self, next: PathBuf) {
        let link = std::fs::read_link(&next).ok().filter(|_| self.links < MAX_LINKS);
        if link.is_some() || self.ahead.is_empty() || !next.is_dir() {
            self.folders.insert(self.here.clone());
        }
        match link {
            Some(target) => self.follow(&target),
            None if next.is_dir() => self.here = next,
            None => self.ahead.clear(),
        }
    }

    fn follow(&mut self, target: &Path) {
        self.links += 1;
        self.turn_to(target);
    }
}
