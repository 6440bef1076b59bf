//! `ringtail export FILE` and `ringtail import FILE`: keys as lines of text.

mod csv;
mod export;
mod import;
mod jsonl;
mod runs;
mod source;
mod state;
mod strict;
mod text;

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, ValueEnum};
use ringtail_backup::Value;

pub(super) use export::run as export;
pub(super) use import::run as import;

pub(super) const EXPORT_EXAMPLES: &str = "\
Examples:
  ringtail export all.jsonl                      every key of the database, through a proxy too
  ringtail export --match 'user:*' users.jsonl   some keys
  ringtail export sessions.csv --type string     CSV has strings alone: key,value,ttl
  ringtail export - | jq .key                    to stdout
  ringtail export --resume all.jsonl             goes on where the last one was stopped

A line of JSON: {\"key\":\"k\",\"type\":\"string\",\"ttl\":59.5,\"value\":\"v\"}. Bytes that are no UTF-8 are {\"base64\":\"…\"}; ttl is in \
seconds from now. In CSV values stand as they are, in quotes where they need them; keys \
of other types are left out and counted, unless --type string says that only strings are wanted. The file is FILE.partial until it is whole; \
with FILE.state beside it an export that was stopped goes on. Keys that change meanwhile may be there as they were or as they \
are; for the state of one moment take a backup.

Exit codes: 0 the file is there, 1 it is not, or keys were left out, 2 wrong usage.";

pub(super) const IMPORT_EXAMPLES: &str = "\
Examples:
  ringtail import all.jsonl               keys that are there stay, and count as errors
  ringtail import --replace all.jsonl     keys that are there are replaced
  ringtail import sessions.csv            key,value,ttl: the first line names the columns
  ringtail import --resume all.jsonl      goes on where the last one was stopped
  ringtail import --check all.jsonl       looks whether the file is good, without a server
  zcat all.jsonl.gz | ringtail import -

A key is set whole or not at all. What is wrong in the file ends the import with its line; what stands before it was imported. \
FILE.state says how far an import came that did not end.

Exit codes: 0 all keys are there, 1 some are not, 2 wrong usage.";

#[derive(Debug, Args)]
pub(crate) struct ExportTool {
    /// The file to write; `-` is stdout
    file: PathBuf,
    /// Only keys like this: user:*
    #[arg(long = "match", value_name = "PATTERN")]
    pattern: Option<String>,
    /// Only keys of this type: string, list, set, zset, hash, stream
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// What to write [default: by the name of FILE: .csv, else JSON lines]
    #[arg(long, value_name = "FORMAT")]
    format: Option<FileFormat>,
    /// Go on where an export to this file was stopped
    #[arg(long, conflicts_with = "overwrite")]
    resume: bool,
    /// Replace the file if it is there
    #[arg(long)]
    overwrite: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ImportTool {
    /// The file to load; `-` is stdin
    file: PathBuf,
    /// Replace keys that are there
    #[arg(long)]
    replace: bool,
    /// What it is [default: by the name of FILE: .csv, else JSON lines]
    #[arg(long, value_name = "FORMAT")]
    format: Option<FileFormat>,
    /// Go on where an import of this file was stopped
    #[arg(long)]
    resume: bool,
    /// Read the whole file, and send nothing
    #[arg(long, conflicts_with = "resume")]
    check: bool,
}

impl ExportTool {
    /// Whether one that is stopped can go on.
    pub(super) fn resumable(&self) -> bool {
        !is_stream(&self.file)
    }
}

impl ImportTool {
    /// Whether a read of it may wait for somebody who writes: stdin, or a pipe with a name.
    pub(super) fn may_wait(&self) -> bool {
        is_stream(&self.file) || self.file.metadata().is_ok_and(|about| !about.is_file() && !about.is_dir())
    }
}

/// How keys are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FileFormat {
    /// One object of JSON a line; all types
    Jsonl,
    /// key,value,ttl; strings alone
    Csv,
}

impl FileFormat {
    fn of(wanted: Option<Self>, file: &Path) -> Self {
        let csv = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
        wanted.unwrap_or(if csv { Self::Csv } else { Self::Jsonl })
    }
}

/// A key with its value.
#[derive(Debug, PartialEq)]
struct Entry {
    key: Vec<u8>,
    value: Value,
    /// In milliseconds from now.
    ttl: Option<u64>,
}

/// Whether the file is stdin or stdout.
fn is_stream(file: &Path) -> bool {
    file == Path::new("-")
}

/// Milliseconds since 1970.
fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// A time to live in seconds, from text or JSON, as milliseconds.
fn milliseconds(seconds: f64) -> Result<u64, String> {
    // Redis takes no time behind what fits 63 bits of milliseconds since 1970.
    const MOST: f64 = 9e15;
    let ms = (seconds * 1000.0).round();
    if (1.0..=MOST).contains(&ms) {
        Ok(ms as u64)
    } else {
        Err("ttl must be a number of seconds above 0".into())
    }
}

/// The same the other way round, without a fraction that says nothing.
fn seconds(ms: u64) -> String {
    let (whole, rest) = (ms / 1000, ms % 1000);
    if rest == 0 { whole.to_string() } else { format!("{whole}.{rest:03}").trim_end_matches('0').to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back() {
        for (ms, text) in [(1, "0.001"), (1000, "1"), (59_500, "59.5"), (1_234_567_890_123, "1234567890.123")]
        {
            assert_eq!(seconds(ms), text);
            assert_eq!(milliseconds(text.parse().unwrap()), Ok(ms));
        }
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300] {
            assert!(milliseconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_name_says_what_it_is() {
        assert_eq!(FileFormat::of(None, Path::new("a.CSV")), FileFormat::Csv);
        assert_eq!(FileFormat::of(None, Path::new("a.jsonl")), FileFormat::Jsonl);
        assert_eq!(FileFormat::of(Some(FileFormat::Csv), Path::new("-")), FileFormat::Csv);
    }
}
