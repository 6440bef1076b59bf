//! Files on disk: keys are never readable by others, not even for a moment, and never half written.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use ringtail_net::Problem;

const PRIVATE: u32 = 0o600;
const PUBLIC: u32 = 0o644;

pub(crate) fn create_directory(dir: &Path) -> Result<(), Problem> {
    fs::create_dir_all(dir).map_err(|error| failed("create", dir, &error))
}

/// Whether `NAME.crt` or `NAME.key` is there.
pub(crate) fn exists(dir: &Path, name: &str) -> bool {
    ["crt", "key"].iter().any(|kind| dir.join(format!("{name}.{kind}")).exists())
}

/// The file's text, empty if there is no such file.
pub(crate) fn read_if_there(path: &Path) -> Result<String, Problem> {
    match fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(failed("read", path, &error)),
    }
}

/// Writes both, the key first. A stop in between leaves two that do not match, which the next run notices.
pub(crate) fn write_pair(dir: &Path, name: &str, cert: &str, key: &str) -> Result<(), Problem> {
    replace(&dir.join(format!("{name}.key")), key, PRIVATE)?;
    replace(&dir.join(format!("{name}.crt")), cert, PUBLIC)
}

/// Written beside and renamed over: whoever reads it meanwhile sees the old file or the new one.
fn replace(path: &Path, text: &str, mode: u32) -> Result<(), Problem> {
    let beside = path.with_extension(format!("new-{}", std::process::id()));
    let written = write_new(&beside, text, mode).and_then(|()| fs::rename(&beside, path));
    written.map_err(|error| {
        // What is left of the attempt is of no use to anyone.
        let _ = fs::remove_file(&beside);
        failed("write", path, &error)
    })
}

/// Exclusively: a file or link that somebody else has put there is not followed.
fn write_new(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn failed(verb: &str, path: &Path, error: &io::Error) -> Problem {
    Problem::new(
        format!("cannot {verb} {} ({error})", path.display()),
        "check the directory's owner and mode, or give another --out",
    )
}
