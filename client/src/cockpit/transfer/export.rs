//! Keys into a file: SCAN, and DUMP and PTTL of every key that it names.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write, stdout};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ringtail::{Client, Value};
use ringtail_backup::{Collected, rdb};
use ringtail_net::Problem;
use ringtail_net::exit::RUNTIME;
use serde::{Deserialize, Serialize};

use super::runs::Runs;
use super::source::MAX_LINE;
use super::state::{StateFile, with_ending};
use super::{Entry, ExportTool, FileFormat, csv, is_stream, jsonl, now};
use crate::cockpit::Context;
use crate::cockpit::walk::{Page, Walk};
use crate::files::progress::Progress;
use crate::files::text::{key, keys};

/// Keys, and bytes of their values, that are on their way at once, about.
const BATCH: usize = 128;
const BATCH_BYTES: usize = 8 << 20;
/// Keys that could not be written which are named; the others are counted.
const SHOWN: usize = 5;

/// How far an export came.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    server: String,
    /// The processes that the cursor is of.
    runs: Runs,
    database: u32,
    pattern: Option<String>,
    kind: Option<String>,
    csv: bool,
    cursor: String,
    /// Bytes of the file up to there.
    bytes: u64,
    keys: u64,
    left_out: u64,
    /// Keys that CSV can't have.
    #[serde(default)]
    others: u64,
}

pub(in crate::cockpit) async fn run(tool: &ExportTool, context: &Context<'_>) -> Result<ExitCode, Problem> {
    let format = FileFormat::of(tool.format, &tool.file);
    let begun = State {
        server: context.addr().into(),
        runs: Runs::default(),
        database: context.database,
        pattern: tool.pattern.clone(),
        kind: tool.kind.clone(),
        csv: format == FileFormat::Csv,
        ..State::default()
    };
    if begun.csv && begun.kind.as_deref().is_some_and(|kind| kind != "string") {
        return Err(Problem::new("CSV has strings alone", "leave --type away, or export JSON lines"));
    }
    let client = context.client().await?;
    let begun = State { runs: Runs::ask(&client, context).await, ..begun };
    let (target, state) = Target::open(tool, begun)?;
    let mut export = Export { context, client, target, state, format, batch: 1 };
    export.all().await?;
    let now = Runs::ask(&export.client, context).await;
    if let Some(restarted) = export.state.runs.other(&now) {
        return Err(restarted_problem(restarted));
    }
    export.end(tool)
}

struct Export<'c> {
    context: &'c Context<'c>,
    client: Client,
    target: Target,
    state: State,
    format: FileFormat,
    /// Keys that are asked for next: one at first, more while they are small.
    batch: usize,
}

impl Export<'_> {
    async fn all(&mut self) -> Result<(), Problem> {
        let filtered = self.state.pattern.is_some() || self.state.kind.is_some();
        let total =
            if filtered { None } else { self.client.cmd(["DBSIZE"]).await.ok().and_then(|n| n.as_int()) };
        let progress = Progress::of_keys("exporting", total.and_then(|n| u64::try_from(n).ok()));
        if self.state.csv && self.state.bytes == 0 {
            self.write(csv::HEAD)?;
        }
        let mut walk =
            Walk::new(self.client.clone(), self.state.pattern.as_deref(), self.state.kind.as_deref());
        walk.cursor.clone_from(&self.state.cursor);
        while let Some(page) = walk.next().await.map_err(|error| self.context.problem(&error))? {
            self.page(page, &progress).await?;
            self.state.cursor.clone_from(&walk.cursor);
            self.target.note(&self.state)?;
        }
        progress.end();
        Ok(())
    }

    async fn page(&mut self, page: Page, progress: &Progress) -> Result<(), Problem> {
        // SCAN may name a key twice; within a page that is plain to see.
        let mut seen = HashSet::new();
        let names: Vec<Vec<u8>> = page.keys.into_iter().filter(|key| seen.insert(key.clone())).collect();
        let names =
            if self.state.csv && self.state.kind.is_none() { self.strings(names).await? } else { names };
        let mut rest = &names[..];
        while !rest.is_empty() {
            let (names, more) = rest.split_at(self.batch.min(rest.len()));
            rest = more;
            self.batch(names).await?;
            progress.set(self.state.keys + self.state.others);
        }
        Ok(())
    }

    /// Those that CSV can have; the others are counted, so that nobody takes the file for all of the database.
    async fn strings(&mut self, names: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, Problem> {
        let mut pipeline = self.client.pipeline();
        for name in &names {
            pipeline.try_cmd([&b"TYPE"[..], name]).map_err(|error| self.context.problem(&error))?;
        }
        let replies = pipeline.run().await.map_err(|error| self.context.problem(&error))?;
        let mut strings = Vec::new();
        for (name, reply) in names.into_iter().zip(&replies) {
            if let Some(text) = reply.error() {
                let error = ringtail::Error::Reply(String::from_utf8_lossy(text).into_owned());
                return Err(self.context.problem(&error));
            }
            match reply.as_str() {
                Some("string") => strings.push(name),
                // It has gone since SCAN named it.
                Some("none") => {}
                _ => self.state.others += 1,
            }
        }
        Ok(strings)
    }

    async fn batch(&mut self, names: &[Vec<u8>]) -> Result<(), Problem> {
        let mut pipeline = self.client.pipeline();
        for name in names {
            for command in [&b"DUMP"[..], b"PTTL"] {
                pipeline.try_cmd([command, name]).map_err(|error| self.context.problem(&error))?;
            }
        }
        let replies = pipeline.run().await.map_err(|error| self.context.problem(&error))?;
        let bytes = replies.iter().filter_map(Value::as_bytes).map(<[u8]>::len).sum();
        self.batch = next_batch(self.batch, names.len(), bytes);
        for (name, replies) in names.iter().zip(replies.chunks_exact(2)) {
            self.key(name, &replies[0], &replies[1])?;
        }
        Ok(())
    }

    fn key(&mut self, name: &[u8], dump: &Value, ttl: &Value) -> Result<(), Problem> {
        if let Some(text) = dump.error().or(ttl.error()) {
            let error = ringtail::Error::Reply(String::from_utf8_lossy(text).into_owned());
            return Err(self.context.problem(&error));
        }
        // It has gone since SCAN named it.
        let (Some(dump), Some(ttl @ (-1 | 1..))) = (dump.as_bytes(), ttl.as_int()) else { return Ok(()) };
        match line(name, dump, u64::try_from(ttl).ok(), self.format) {
            Ok(line) if line.len() > MAX_LINE => {
                self.leave_out(name, "its line would be longer than an import takes (1 GiB)");
            }
            Ok(line) => {
                self.write(&line)?;
                self.state.keys += 1;
            }
            Err(why) => self.leave_out(name, &why),
        }
        Ok(())
    }

    fn leave_out(&mut self, name: &[u8], why: &str) {
        self.state.left_out += 1;
        if self.state.left_out <= SHOWN as u64 {
            eprintln!("ringtail: left out: {}: {why}", key(name));
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        self.target.out.write_all(bytes).map_err(|error| self.target.unwritable(&error))?;
        self.state.bytes += bytes.len() as u64;
        Ok(())
    }

    fn end(mut self, tool: &ExportTool) -> Result<ExitCode, Problem> {
        self.target.finish()?;
        let place = if is_stream(&tool.file) { "stdout".into() } else { tool.file.display().to_string() };
        eprintln!("{} in {place}", keys(self.state.keys));
        if self.state.left_out > 0 {
            eprintln!("ringtail: {} left out", keys(self.state.left_out));
        }
        if self.state.others > 0 {
            eprintln!(
                "ringtail: {} of other types not in it: CSV has strings alone; --type string if only they are wanted",
                keys(self.state.others)
            );
        }
        Ok(ExitCode::from(if self.state.left_out + self.state.others > 0 { RUNTIME } else { 0 }))
    }
}

/// How many keys to ask for next, after so many of `asked` had so many bytes.
fn next_batch(last: usize, asked: usize, bytes: usize) -> usize {
    let average = (bytes / asked.max(1)).max(1);
    (BATCH_BYTES / average).min(2 * last).clamp(1, BATCH)
}

fn line(name: &[u8], dump: &[u8], ttl: Option<u64>, format: FileFormat) -> Result<Vec<u8>, String> {
    let mut collected = Collected::default();
    rdb::restore(dump, &mut collected).map_err(|_| "a value of a kind that is not known here")?;
    let value = collected.take().ok_or("a value without an end")?;
    let entry = Entry { key: name.to_vec(), value, ttl };
    match format {
        FileFormat::Csv => csv::line(&entry).ok_or_else(|| "it is no string any more".into()),
        FileFormat::Jsonl => jsonl::line(&entry, now()),
    }
}

/// Where lines go.
struct Target {
    out: Box<dyn Write>,
    /// The file's name, what it is called until it is whole, and a handle to put it on the disk.
    file: Option<(PathBuf, PathBuf, File)>,
    notes: Option<StateFile>,
}

impl Target {
    /// Begins the file, or goes on with what an earlier export has left.
    fn open(tool: &ExportTool, begun: State) -> Result<(Self, State), Problem> {
        if is_stream(&tool.file) {
            let out = Box::new(BufWriter::new(stdout()));
            return Ok((Self { out, file: None, notes: None }, begun));
        }
        if tool.file.exists() && !tool.overwrite {
            let message = format!("{} is there already", tool.file.display());
            return Err(Problem::new(message, "give another name, or --overwrite"));
        }
        let (notes, partial) = (StateFile::beside(&tool.file), with_ending(&tool.file, ".partial"));
        let left: Option<State> = if tool.overwrite { None } else { notes.read()? };
        let state = match (left, tool.resume) {
            (Some(_), false) => {
                let message = format!("an export to {} was stopped", tool.file.display());
                return Err(Problem::new(message, "go on with --resume, or begin again with --overwrite"));
            }
            (None, true) => {
                let message = format!("there is no {} to go on from", notes.path().display());
                return Err(Problem::new(message, "begin without --resume"));
            }
            (Some(left), true) => same(left, &begun)?,
            (None, false) => begun,
        };
        let file = begin(&partial, state.bytes).map_err(|error| unwritable(&partial, &error))?;
        let handle = file.try_clone().map_err(|error| unwritable(&partial, &error))?;
        let out = Box::new(BufWriter::with_capacity(1 << 18, file));
        Ok((Self { out, file: Some((tool.file.clone(), partial, handle)), notes: Some(notes) }, state))
    }

    /// Notes how far it came, once the file has that.
    fn note(&mut self, state: &State) -> Result<(), Problem> {
        self.out.flush().map_err(|error| self.unwritable(&error))?;
        self.notes.as_ref().map_or(Ok(()), |notes| notes.write(state))
    }

    fn finish(&mut self) -> Result<(), Problem> {
        self.out.flush().map_err(|error| self.unwritable(&error))?;
        if let Some((name, partial, handle)) = &self.file {
            let renamed = handle.sync_all().and_then(|()| fs::rename(partial, name));
            renamed.map_err(|error| unwritable(name, &error))?;
        }
        if let Some(notes) = &self.notes {
            notes.remove();
        }
        Ok(())
    }

    fn unwritable(&self, error: &io::Error) -> Problem {
        unwritable(self.file.as_ref().map_or(Path::new("stdout"), |(_, partial, _)| partial), error)
    }
}

/// The state that was left, if it is of the same export.
fn same(left: State, begun: &State) -> Result<State, Problem> {
    let about = |state: &State| {
        let State { server, database, pattern, kind, csv, .. } = state;
        format!("{server} {database} {pattern:?} {kind:?} {csv}")
    };
    if about(&left) == about(begun) {
        if let Some(restarted) = left.runs.other(&begun.runs) {
            return Err(restarted_problem(restarted));
        }
        for name in left.runs.unknown(&begun.runs) {
            eprintln!(
                "ringtail: {name} can't be asked whether it was restarted since: if it was, begin again with --overwrite"
            );
        }
        return Ok(left);
    }
    let message = "the export that was stopped was of another server, database, --match, --type or --format";
    Err(Problem::new(message, "give the same, or begin again with --overwrite"))
}

fn restarted_problem(restarted: &str) -> Problem {
    let message = format!(
        "{restarted} was restarted, or another leads now: SCAN can't go on there, and would leave keys out"
    );
    Problem::new(message, "begin again with --overwrite")
}

/// Opens the file behind so many bytes that are good.
fn begin(partial: &Path, bytes: u64) -> io::Result<File> {
    let mut file = OpenOptions::new().create(true).write(true).truncate(false).mode(0o600).open(partial)?;
    if file.metadata()?.len() < bytes {
        return Err(io::Error::other("it is shorter than its state says"));
    }
    file.set_len(bytes)?;
    file.seek(SeekFrom::Start(bytes))?;
    Ok(file)
}

fn unwritable(path: &Path, error: &io::Error) -> Problem {
    Problem::new(
        format!("{} can't be written: {error}", path.display()),
        "name a file that may be written, with room for it",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_values_come_one_by_one_and_small_ones_together() {
        let (mut batch, mut small) = (1, Vec::new());
        for _ in 0..9 {
            small.push(batch);
            batch = next_batch(batch, batch, batch * 100);
        }
        assert_eq!(small, [1, 2, 4, 8, 16, 32, 64, 128, 128]);
        assert_eq!(next_batch(128, 128, 128 << 22), 2);
        assert_eq!(next_batch(2, 2, 200 << 20), 1);
        assert_eq!(next_batch(8, 0, 0), 16);
    }
}
