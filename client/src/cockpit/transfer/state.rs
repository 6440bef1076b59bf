//! How far a transfer came, in a file beside its own, so that it can go on.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ringtail_net::Problem;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// FILE.state.
pub(super) struct StateFile(PathBuf);

impl StateFile {
    pub(super) fn beside(file: &Path) -> Self {
        Self(with_ending(file, ".state"))
    }

    /// What was noted; `None` if nothing was.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<Option<T>, Problem> {
        let bytes = match fs::read(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            read => read.map_err(|error| self.problem("can't be read", &error))?,
        };
        let state =
            serde_json::from_slice(&bytes).map_err(|error| self.problem("is none of ours", &error))?;
        Ok(Some(state))
    }

    /// Notes it, in the place of what was noted before.
    pub(super) fn write<T: Serialize>(&self, state: &T) -> Result<(), Problem> {
        let new = with_ending(&self.0, ".new");
        let bytes = serde_json::to_vec(state).unwrap_or_default();
        // It names keys' places, and stands beside a file of keys: nobody else needs it.
        let written = fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&new);
        written
            .and_then(|mut file| file.write_all(&bytes))
            .and_then(|()| fs::rename(&new, &self.0))
            .map_err(|error| self.problem("can't be written", &error))
    }

    /// Nothing is left to be done.
    pub(super) fn remove(&self) {
        // It may never have been there.
        let _ = fs::remove_file(&self.0);
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    fn problem(&self, what: &str, error: &dyn std::fmt::Display) -> Problem {
        Problem::new(format!("{} {what}: {error}", self.0.display()), "begin again without --resume")
    }
}

/// The file's name with something behind it.
pub(super) fn with_ending(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_os_string();
    name.push(ending);
    PathBuf::from(name)
}
