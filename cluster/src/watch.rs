//! The watcher of `servers.json`: whenever the file may have changed, its content is taken or refused ([`reload`]).

mod reload;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use ringtail_watch::{Watch, WatchOptions};

use crate::refusal::Refusal;
use crate::topologies::Topologies;
use reload::Reloader;

#[cfg(test)]
mod tests;

/// What became of the file since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WatchStatus {
    /// How many times a new content was taken, or the same one read on demand.
    pub reloads: u64,
    /// How many times a new content was refused, or the same one refused again on demand.
    pub refused: u64,
    /// Why the present content is refused; none if it is the current topology.
    pub refusal: Option<Refusal>,
}

/// Keeps [`Topologies`] as the file has them, until dropped.
#[derive(Debug)]
pub struct Watcher {
    topologies: Topologies,
    status: Arc<Mutex<WatchStatus>>,
    watch: Watch,
}

impl Watcher {
    /// Reads the file and begins to watch it.
    ///
    /// # Errors
    /// The file is refused, or the thread can't be started. (That events can't be had is logged; the poll
    /// remains.)
    pub fn start(file: impl Into<PathBuf>, options: WatchOptions) -> Result<Self, Refusal> {
        let file = file.into();
        let (mut reloader, topologies) = Reloader::start(file.clone())?;
        let status = Arc::<Mutex<WatchStatus>>::default();
        let known = Arc::clone(&status);
        let look = move |asked| {
            let status = reloader.reload(asked);
            *known.lock().unwrap_or_else(PoisonError::into_inner) = status;
        };
        let unable =
            |error| Refusal { file: file.clone(), place: None, reason: format!("can't be watched: {error}") };
        let watch = Watch::start("servers-watch", vec![file.clone()], options, look).map_err(unable)?;
        Ok(Self { topologies, status, watch })
    }

    /// Where the current topology is.
    #[must_use]
    pub fn topologies(&self) -> &Topologies {
        &self.topologies
    }

    /// Has the file read now (SIGHUP). What comes of it is logged, even if it is nothing new.
    pub fn reload(&self) {
        self.watch.look_now();
    }

    /// What became of the file so far.
    #[must_use]
    pub fn status(&self) -> WatchStatus {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
