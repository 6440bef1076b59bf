//! Passwords, from a file and never from the command line, where every user of the machine could read them.

use std::fmt;
use std::fs::File;
use std::hint::black_box;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::limits;
use crate::problem::Problem;

/// Bytes that are never shown, compared in constant time, and overwritten at the end.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes the bytes over.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes, to be sent.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Whether `guess` is the secret. Takes as long for a guess that is nearly right as for one that is all
    /// wrong: the time depends on the guess's length alone.
    pub fn matches(&self, guess: &[u8]) -> bool {
        let mut difference = self.0.len() ^ guess.len();
        for (at, byte) in guess.iter().enumerate() {
            let own = self.0.get(at % self.0.len().max(1)).copied().unwrap_or_default();
            difference |= black_box(usize::from(own ^ byte));
        }
        black_box(difference) == 0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.fill(0);
        // Keeps the compiler from leaving out a write that nobody reads.
        black_box(&self.0);
    }
}

/// The file's content without one line end after it. Warns when everyone may read the file.
///
/// # Errors
/// The file cannot be read, is empty, or longer than [`limits::SECRET`].
pub fn read_secret(path: &Path) -> Result<Secret, Problem> {
    let name = path.display();
    let unreadable = |error| {
        Problem::new(format!("cannot read the password file {name} ({error})"), "check its path and mode")
    };
    let file = File::open(path).map_err(unreadable)?;
    warn_if_open(&file, path);
    let mut bytes = Vec::new();
    file.take(limits::SECRET + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > limits::SECRET {
        return Err(Problem::new(
            format!("the password file {name} is longer than {} bytes", limits::SECRET),
            "put the password alone in it",
        ));
    }
    let secret = Secret::new(without_line_end(bytes));
    if secret.0.is_empty() {
        return Err(Problem::new(format!("the password file {name} is empty"), "put the password in it"));
    }
    Ok(secret)
}

fn without_line_end(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.ends_with(b"\n") {
        bytes.pop();
        if bytes.ends_with(b"\r") {
            bytes.pop();
        }
    }
    bytes
}

/// A secret that everyone on the machine can read deserves a warning, not a refusal: containers mount them so.
pub(crate) fn warn_if_open(file: &File, path: &Path) {
    let mode = file.metadata().map_or(0, |meta| meta.permissions().mode());
    if mode & 0o004 != 0 {
        tracing::warn!("{} can be read by every user: chmod 600 it", path.display());
    }
}

#[cfg(test)]
mod tests;
