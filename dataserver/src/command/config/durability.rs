//! Parameters of what is on disk, under Redis's names.

use super::{Refusal, number, yes_or_no};
use crate::log::keeper::Policy;
use crate::server::Server;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;

/// `appendonly`
pub(super) fn is_on(server: &Server) -> String {
    yes_or_no(server.log.on_disk.written.load(Relaxed))
}

/// Programs set it to what it is; a log needs a directory from the start on.
pub(super) fn set_on(server: &Server, value: &str) -> Result<(), Refusal> {
    match (super::flag(value)?, server.log.on_disk.written.load(Relaxed)) {
        (wanted, is) if wanted == is => Ok(()),
        (true, _) => Err("the log is begun at the start, by --dir".to_owned()),
        (false, _) => Err("the log can't be ended while the server runs: start it without --dir".to_owned()),
    }
}

/// `appendfsync`
pub(super) fn when(server: &Server) -> String {
    let policy = server.log.policy();
    let named = Policy::WRITTEN.into_iter().find(|(_, known)| *known == policy);
    named.map_or("no", |(name, _)| name).to_owned()
}

pub(super) fn set_when(server: &Server, value: &str) -> Result<(), Refusal> {
    let named = Policy::WRITTEN.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(value));
    let (_, policy) = named.ok_or("argument(s) must be one of the following: everysec, always, no")?;
    server.log.set_policy(policy);
    Ok(())
}

/// `auto-aof-rewrite-percentage`
pub(super) fn growth(server: &Server) -> String {
    server.compaction.growth.load(Relaxed).to_string()
}

pub(super) fn set_growth(server: &Server, value: &str) -> Result<(), Refusal> {
    server.compaction.growth.store(number(value, 0, u32::MAX.into())? as u64, Relaxed);
    Ok(())
}

/// `dir`: where backups without a place of their own go.
pub(super) fn dir(server: &Server) -> String {
    server.backups.dir().map(|dir| dir.display().to_string()).unwrap_or_default()
}

/// `dbfilename`: the backup file's name.
pub(super) fn file(server: &Server) -> String {
    let path = server.backups.path(None).ok();
    let name = path.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_default()
}

/// `save`: how often a backup is written, as seconds and the least number of changes.
pub(super) fn save(server: &Server) -> String {
    server.backups.interval().map(|interval| format!("{} 1", interval.as_secs().max(1))).unwrap_or_default()
}

/// Programs set it to what it is; the interval is told at the start.
pub(super) fn set_save(server: &Server, value: &str) -> Result<(), Refusal> {
    if value == save(server) {
        Ok(())
    } else {
        Err("it is told at the start, by --backup-interval".to_owned())
    }
}
