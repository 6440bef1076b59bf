//! A server's keys as a file.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;
use std::process::ExitCode;

use ringtail::{Download, Error};
use ringtail_backup::Reader;
use ringtail_net::Problem;

use super::output::Output;
use super::progress::Progress;
use super::{BackupTask, text};
use crate::args::Settings;
use crate::explain;

pub(super) async fn run(task: &BackupTask, settings: &Settings) -> Result<ExitCode, Problem> {
    let mut output = Output::create(&task.file, task.overwrite)?;
    let progress = Progress::new("receiving", None);
    let received = receive(settings, &mut output, &progress).await;
    progress.end();
    received?;
    output.sync()?;
    let keys = verified(output.path())?;
    let bytes = output.finish()?;
    eprintln!("{} in {}, {}", text::keys(keys), task.file.display(), text::size(bytes));
    Ok(ExitCode::SUCCESS)
}

async fn receive(settings: &Settings, output: &mut Output, progress: &Progress) -> Result<(), Problem> {
    let failed = |error: Error| match &error {
        Error::Reply(text) => refused(text, settings.options.addr()),
        _ => explain::problem(&error, settings),
    };
    let mut download = Download::start(&settings.options, &["RINGTAIL", "SNAPSHOT"]).await.map_err(failed)?;
    let mut bytes = 0;
    while let Some(piece) = download.next().await.map_err(failed)? {
        output.write_all(&piece).map_err(|error| output.unwritable(&error))?;
        bytes += piece.len() as u64;
        progress.set(bytes);
    }
    Ok(())
}

fn refused(text: &str, addr: &str) -> Problem {
    let hint = match text.split(' ').next() {
        Some("NOPERM") => "log in as a user that may run RINGTAIL SNAPSHOT",
        Some("NOAUTH") => "give --user and --password-file",
        _ => "name a Ringtail data server with --addr, and look at its log",
    };
    Problem::new(format!("{addr} gives no backup: {text}"), hint)
}

/// Reads the whole file again, as whoever needs it will, and returns its records.
fn verified(path: &Path) -> Result<u64, Problem> {
    let bad = |error: String| {
        Problem::new(
            format!("what was received is no good backup: {error}"),
            "try again, and look at the server's log",
        )
    };
    let file = File::open(path).map_err(|error| bad(error.to_string()))?;
    let mut reader =
        Reader::open(BufReader::with_capacity(1 << 18, file)).map_err(|error| bad(error.to_string()))?;
    while let Some(sealed) = reader.next().map_err(|error| bad(error.to_string()))? {
        sealed.open().map_err(|damage| bad(damage.to_string()))?;
    }
    let keys = |(name, _): &&(String, u64)| name != "gone" && name != "library";
    Ok(reader.counts().iter().filter(keys).map(|(_, count)| count).sum())
}
