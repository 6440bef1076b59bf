//! Which lines are remembered, and where.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::words::split;

/// Lines that are kept.
pub(crate) const LINES: usize = 1000;

/// Settings whose values are passwords.
const SECRET_SETTINGS: [&str; 6] = [
    "requirepass",
    "masterauth",
    "primaryauth",
    "tls-key-file-pass",
    "tls-client-key-file-pass",
    "sentinel-pass",
];

/// The history's file, if the environment says where a home is: `RINGTAIL_HISTORY`, or `ringtail/history` in the
/// user's directory of state.
pub(crate) fn file() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable("RINGTAIL_HISTORY").or_else(|| {
        let state = variable("XDG_STATE_HOME").filter(|path| path.is_absolute());
        let state = state.or_else(|| Some(variable("HOME")?.join(".local/state")))?;
        Some(state.join("ringtail").join("history"))
    })
}

/// Makes the file, for its owner's eyes only, before anything is written to it.
pub(crate) fn prepare(path: &Path) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    OpenOptions::new().append(true).create(true).mode(0o600).open(path).map(drop)
}

/// False for lines that may hold a password.
pub(crate) fn may_keep(line: &str) -> bool {
    match split(line.as_bytes()) {
        Ok(words) => {
            let words: Vec<String> =
                words.iter().map(|word| String::from_utf8_lossy(word).to_ascii_lowercase()).collect();
            !is_secret(&words)
        }
        // Quotes that don't fit: look at every word, since nobody can say which of them are the command's.
        Err(_) => {
            let line = line.to_ascii_lowercase();
            !["auth", "setuser", "hello", "pass"].iter().any(|word| line.contains(word))
        }
    }
}

fn is_secret(words: &[String]) -> bool {
    let Some((command, args)) = words.split_first() else { return false };
    let has = |wanted: &[&str]| args.iter().any(|word| wanted.contains(&word.as_str()));
    match command.as_str() {
        "auth" => true,
        "hello" | "migrate" => has(&["auth", "auth2"]),
        "config" => has(&["set"]) && has(&SECRET_SETTINGS),
        "acl" => has(&["setuser"]),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn passwords_are_never_kept() {
        for line in [
            "AUTH secret",
            "  auth user secret",
            "hello 3 AUTH u secret setname x",
            "config set maxmemory 1gb requirepass secret",
            "ACL SETUSER ann on >secret ~*",
            "migrate host 6379 k 0 1000 AUTH2 u secret",
            r#""au\x74h" secret"#,
            "'AUTH' secret",
            "auth \"sec\"ret",
            "config set requirepass \"open",
        ] {
            assert!(!may_keep(line), "{line}");
        }
    }

    #[test]
    fn other_lines_are() {
        for line in
            ["get auth", "set requirepass x", "hello 3", "config get requirepass", "acl list", "get \"a\"b"]
        {
            assert!(may_keep(line), "{line}");
        }
    }

    #[test]
    fn the_file_is_for_its_owner_alone() {
        let directory = std::env::temp_dir().join(format!("ringtail-history-{}", std::process::id()));
        let path = directory.join("state").join("history");
        prepare(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        std::fs::remove_dir_all(&directory).unwrap();
        assert_eq!(mode & 0o777, 0o600);
    }
}
