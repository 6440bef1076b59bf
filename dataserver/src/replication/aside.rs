//! What a primary that was replaced has alone: it goes to a file before the new primary's keys come in its place.
//!
//! If it is known from where on both differ and the log still has that, the file has these writes as commands, to be read or sent again
//! (by redis-cli in its pipe mode). Else it is a backup of all keys.

use crate::backup::files;
use crate::log::effects::EXPIRE_FIELDS;
use crate::log::history::epoch_of;
use crate::log::record::{Effect, next_group};
use crate::server::{Server, unix_millis};
use ringtail_protocol::reply::write_request;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Bytes of the log that are looked at in one go.
const PIECE: usize = 1 << 20;

/// Writes the file, if there is anything. `common` is the offset up to which the new primary has the same.
///
/// # Errors
/// It can't be written.
pub fn set_aside(server: &Server, common: Option<u64>) -> io::Result<()> {
    let (history, end) = server.log.position();
    let alone = common.map(|common| end.saturating_sub(common));
    if alone == Some(0) || (alone.is_none() && server.store.is_empty()) {
        return Ok(());
    }
    let Some(dir) = server.backups.dir() else {
        tracing::error!(
            bytes = alone,
            keys = server.store.len(),
            "this server was replaced, and drops what it has alone: there is neither --dir nor --backup to set it aside"
        );
        return Ok(());
    };
    let name = format!("aside-{}-{}", epoch_of(&history), unix_millis());
    if let Some(from) = common {
        let path = dir.join(format!("{name}.resp"));
        if let Some(commands) = write_commands(server, from, end, &path)? {
            tracing::error!(path = %path.display(), commands, from, to = end, "what this server has alone is set aside");
            return Ok(());
        }
    }
    let path = dir.join(format!("{name}.rtb"));
    files::save_here(server, &path).map_err(|error| io::Error::other(error.to_string()))?;
    tracing::error!(path = %path.display(), keys = server.store.len(), "all that this server has is set aside");
    Ok(())
}

/// The log from an offset on as commands; how many, unless the log in memory does not go back so far.
fn write_commands(server: &Server, from: u64, end: u64, path: &Path) -> io::Result<Option<u64>> {
    let era = server.log.era();
    if server.log.read(era, from, 0, &mut Vec::new()).is_err() {
        return Ok(None);
    }
    let temporary = path.with_extension("tmp");
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    let mut out = io::BufWriter::new(file);
    let (mut at, mut unread, mut db, mut commands) = (from, Vec::new(), None, 0);
    while at < end {
        let before = unread.len();
        if server.log.read(era, at, PIECE, &mut unread).is_err() {
            fs::remove_file(&temporary)?;
            return Ok(None);
        }
        at += (unread.len() - before) as u64;
        let taken = write_groups(&unread, &mut db, &mut commands, &mut out)?;
        unread.drain(..taken);
    }
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        fs::File::open(dir)?.sync_all()?;
    }
    Ok(Some(commands))
}

/// Writes the groups that are whole; how many bytes they have.
fn write_groups(
    bytes: &[u8],
    db: &mut Option<u8>,
    commands: &mut u64,
    out: &mut impl Write,
) -> io::Result<usize> {
    let (mut at, mut text) = (0, Vec::new());
    while let Some((group, length)) = next_group(&bytes[at..]).map_err(io::Error::other)? {
        // That a field's time was over needs no command: it says so itself.
        let own = |effect: &Effect<'_>| effect.args().next() == Some(EXPIRE_FIELDS);
        for effect in group.effects().filter(|effect| !own(effect)) {
            if *db != Some(effect.db) {
                *db = Some(effect.db);
                write_request(&mut text, [&b"SELECT"[..], effect.db.to_string().as_bytes()].into_iter());
            }
            write_request(&mut text, effect.args());
            *commands += 1;
        }
        at += length;
    }
    out.write_all(&text)?;
    Ok(at)
}
