//! One kind of file as the other.

use std::io;
use std::process::ExitCode;
use std::time::SystemTime;

use ringtail_backup::rdb::{FileWriter, WriteError};
use ringtail_backup::{ANY_SLOT, Block, Footer, Meta, Writer};
use ringtail_net::Problem;
use ringtail_net::exit::RUNTIME;

use super::output::Output;
use super::source::{About, Entry, Item, Reading, Seen};
use super::{ConvertTask, FileKind, text};

/// Bytes of keys that make a block.
const BLOCK: usize = 1 << 20;

const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(super) fn run(task: &ConvertTask, kind: FileKind) -> Result<ExitCode, Problem> {
    let output = Output::create(&task.output, task.overwrite)?;
    let reading = Reading { path: &task.input, recover: task.recover, what: "converting" };
    let (keys, seen, output) = match kind {
        FileKind::Backup => to_backup(&reading, output)?,
        FileKind::Rdb => to_rdb(&reading, output, task.rdb_version)?,
    };
    let bytes = output.finish()?;
    for lost in &seen.lost {
        eprintln!("ringtail: left out: {lost}");
    }
    eprintln!("{} in {}, {}", text::keys(keys), task.output.display(), text::size(bytes));
    Ok(ExitCode::from(if seen.lost.is_empty() { 0 } else { RUNTIME }))
}

/// What to write. The error is one of usage.
pub(super) fn kind(task: &ConvertTask) -> Result<FileKind, Problem> {
    let by_name = match task.output.extension().and_then(|extension| extension.to_str()) {
        Some("rdb") => Some(FileKind::Rdb),
        // The server's own end in .rtb.
        Some("backup" | "rtb") => Some(FileKind::Backup),
        _ => None,
    };
    task.to.or(by_name).ok_or_else(|| {
        let message = format!("the name {} does not say what to write", task.output.display());
        Problem::new(message, "let it end in .rdb, .backup or .rtb, or give --to")
    })
}

pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}

/// What is said of a value that is no value.
pub(super) fn corrupt(entry: &Entry<'_>) -> Problem {
    let message = format!("the value of {} in database {} is damaged", text::key(entry.key), entry.db);
    Problem::new(message, "take another backup")
}

type Converted = (u64, Seen, Output);

fn to_backup(reading: &Reading<'_>, output: Output) -> Result<Converted, Problem> {
    let path = output.path().to_owned();
    let unwritable = |error: &io::Error| {
        Problem::new(
            format!("{} can't be written: {error}", path.display()),
            "make room, or name another disk",
        )
    };
    let meta = Meta { time: now(), program: format!("ringtail {VERSION}") };
    let mut writer = Writer::new(output, &meta).map_err(|error| unwritable(&error))?;
    let (mut block, mut keys) = (Block::new(ANY_SLOT), 0);
    let seen = reading.each(|item| {
        match item {
            Item::Library(code) => block.library(code),
            Item::Entry(entry) => {
                let told = entry.tell(&mut block.entry(entry.db, entry.key, entry.expiry));
                told.map_err(|_| corrupt(&entry))?;
                keys += 1;
            }
        }
        if block.len() >= BLOCK {
            writer.block(&mut block).map_err(|error| unwritable(&error))
        } else {
            Ok(())
        }
    })?;
    writer.block(&mut block).map_err(|error| unwritable(&error))?;
    let footer = match &seen.about {
        About::Backup { footer: Some(footer), .. } => footer.clone(),
        _ => Footer { time: meta.time, ..Footer::default() },
    };
    let output = writer.finish(&footer).map_err(|error| unwritable(&error))?;
    Ok((keys, seen, output))
}

fn to_rdb(reading: &Reading<'_>, output: Output, version: u16) -> Result<Converted, Problem> {
    let path = output.path().to_owned();
    let unwritable = |error: &io::Error| {
        Problem::new(
            format!("{} can't be written: {error}", path.display()),
            "make room, or name another disk",
        )
    };
    let mut writer = FileWriter::new(output, version, VERSION).map_err(|error| unwritable(&error))?;
    let mut keys = 0;
    let seen = reading.each(|item| {
        let entry = match item {
            Item::Library(code) => return writer.library(code).map_err(|error| unwritable(&error)),
            Item::Entry(entry) => entry,
        };
        keys += 1;
        let written = writer.entry(entry.db, entry.key, entry.expiry, |saver| entry.tell(saver));
        written.map_err(|error| match error {
            WriteError::Io(error) => unwritable(&error),
            WriteError::Refused if entry.type_name == "hash" && version < 12 => too_old(&entry, version),
            WriteError::Refused => corrupt(&entry),
        })
    })?;
    let output = writer.finish().map_err(|error| unwritable(&error))?;
    Ok((keys, seen, output))
}

fn too_old(entry: &Entry<'_>, version: u16) -> Problem {
    let key = text::key(entry.key);
    let message = format!("fields of the hash {key} expire, which RDB version {version} can't say");
    Problem::new(message, "give --rdb-version 12, which Redis 7.4 and later read")
}
