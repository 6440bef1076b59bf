//! A file's keys into a server: a RESTORE for each, so that a key is there whole or not at all.

use std::io::{IsTerminal, stderr};
use std::process::ExitCode;

use ringtail::{Client, Value};
use ringtail_backup::rdb;
use ringtail_net::Problem;
use ringtail_net::exit::{RUNTIME, fail};
use serde::{Deserialize, Serialize};

use super::source::{Fault, Source};
use super::state::StateFile;
use super::{Entry, FileFormat, ImportTool};
use crate::PROGRAM;
use crate::cockpit::Context;
use crate::files::newest_version;
use crate::files::progress::Progress;
use crate::files::text::{count, key, keys, printable};

/// Keys, and bytes, that are sent in one piece.
const BATCH_KEYS: usize = 256;
const BATCH_BYTES: usize = 1 << 20;
/// Errors that are shown; the others are counted.
const SHOWN: u64 = 5;

/// How far an import came: everything before this line is done, and at most one batch behind it.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    server: String,
    database: u32,
    csv: bool,
    replace: bool,
    line: u64,
    offset: u64,
    /// The batch behind it may have been sent. It was not where a line was wrong.
    sent: bool,
    done: Done,
}

/// What became of the keys.
#[derive(Debug, Default, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Done {
    imported: u64,
    /// They were there, and stayed.
    stayed: u64,
}

/// A key on its way.
struct Step {
    line: u64,
    key: Vec<u8>,
    words: Vec<Vec<u8>>,
}

#[derive(Default)]
struct Batch {
    steps: Vec<Step>,
    bytes: usize,
    /// Why there is no more.
    fault: Option<Fault>,
    end: bool,
}

pub(in crate::cockpit) async fn run(tool: &ImportTool, context: &Context<'_>) -> Result<ExitCode, Problem> {
    let format = FileFormat::of(tool.format, &tool.file);
    if tool.check {
        return check(tool, format);
    }
    let notes = (!tool.may_wait()).then(|| StateFile::beside(&tool.file));
    let (source, done, sent) = begin(tool, format, notes.as_ref(), context)?;
    let client = context.client().await?;
    let newest = newest_version(&client).await;
    let progress = Progress::new("importing", source.length);
    let mut import = Import { context, client, source, newest, notes, done, format, replace: tool.replace };
    let (line, offset) = (import.source.line, import.source.offset);
    if let Err(problem) = import.note(line, offset, true) {
        eprintln!("ringtail: {}: this import can't go on if it is stopped", problem.message);
        import.notes = None;
    }
    let ended = import.all(sent, &progress).await;
    progress.end();
    Ok(import.report(ended))
}

fn check(tool: &ImportTool, format: FileFormat) -> Result<ExitCode, Problem> {
    let mut source = Source::open(&tool.file, format)?;
    let mut good = 0;
    loop {
        match source.next() {
            Ok(Some((line, entry))) => match payload(&entry, u16::MAX) {
                Ok(_) => good += 1,
                Err(text) => return Err(source.problem(&Fault { line, text })),
            },
            Ok(None) => break,
            Err(fault) => return Err(source.problem(&fault)),
        }
    }
    eprintln!("the file is good: {}", keys(good));
    Ok(ExitCode::SUCCESS)
}

/// The file at its beginning, or where an import of it was stopped; and whether what follows there may have been sent.
fn begin(
    tool: &ImportTool,
    format: FileFormat,
    notes: Option<&StateFile>,
    context: &Context<'_>,
) -> Result<(Source, Done, bool), Problem> {
    let Some(notes) = notes.filter(|_| tool.resume) else {
        if tool.resume {
            return Err(Problem::new("an import from a pipe can't go on", "name a file"));
        }
        return Ok((Source::open(&tool.file, format)?, Done::default(), false));
    };
    let state: Option<State> = notes.read()?;
    let state = state.ok_or_else(|| {
        let message = format!("there is no {} to go on from", notes.path().display());
        Problem::new(message, "begin without --resume")
    })?;
    // What was imported is in that server alone, and a rerun must do to the last batch what was done to it.
    let same = (state.server.as_str(), state.database, state.csv, state.replace)
        == (context.addr(), context.database, format == FileFormat::Csv, tool.replace);
    if !same {
        let message = format!(
            "the import that was stopped was into another server or database ({}, {}), or with another --format or --replace",
            state.server, state.database
        );
        return Err(Problem::new(message, "give the same, or begin again without --resume"));
    }
    let source = Source::open_at(&tool.file, format, state.offset, state.line)?;
    Ok((source, state.done, state.sent))
}

struct Import<'c> {
    context: &'c Context<'c>,
    client: Client,
    source: Source,
    newest: u16,
    notes: Option<StateFile>,
    done: Done,
    format: FileFormat,
    replace: bool,
}

impl Import<'_> {
    /// Sends all that the file has. `again` is whether the first batch may have been sent before.
    async fn all(&mut self, again: bool, progress: &Progress) -> Result<(), Problem> {
        let mut again = again;
        loop {
            let (line, offset) = (self.source.line, self.source.offset);
            self.note(line, offset, true)?;
            let batch = self.batch();
            if let Err(problem) = self.send(&batch.steps, again).await {
                // What was counted of this batch is counted again when it is sent again.
                self.note(line, offset, true)?;
                return Err(problem);
            }
            again = false;
            progress.set(self.source.offset);
            if let Some(fault) = &batch.fault {
                self.note_fault(fault)?;
                return Err(self.source.problem(fault));
            }
            if batch.end {
                return Ok(());
            }
        }
    }

    fn note(&self, line: u64, offset: u64, sent: bool) -> Result<(), Problem> {
        let Some(notes) = &self.notes else { return Ok(()) };
        let (server, database) = (self.context.addr().to_owned(), self.context.database);
        let (csv, replace) = (self.format == FileFormat::Csv, self.replace);
        notes.write(&State { server, database, csv, replace, line, offset, sent, done: self.done })
    }

    /// The file goes on with the line that was wrong.
    fn note_fault(&self, fault: &Fault) -> Result<(), Problem> {
        self.note(fault.line, self.source.started, false)
    }

    fn batch(&mut self) -> Batch {
        let mut batch = Batch::default();
        while batch.steps.len() < BATCH_KEYS && batch.bytes < BATCH_BYTES {
            match self.source.next().and_then(|next| self.step(next)) {
                Ok(Some(step)) => {
                    batch.bytes += step.words.iter().map(Vec::len).sum::<usize>();
                    batch.steps.push(step);
                }
                Ok(None) => {
                    batch.end = true;
                    break;
                }
                Err(fault) => {
                    batch.fault = Some(fault);
                    break;
                }
            }
        }
        batch
    }

    fn step(&self, next: Option<(u64, Entry)>) -> Result<Option<Step>, Fault> {
        let Some((line, entry)) = next else { return Ok(None) };
        let payload = payload(&entry, self.newest).map_err(|text| Fault { line, text })?;
        let ttl = entry.ttl.unwrap_or(0).to_string().into_bytes();
        let mut words = vec![b"RESTORE".to_vec(), entry.key.clone(), ttl, payload];
        if self.replace {
            words.push(b"REPLACE".to_vec());
        }
        Ok(Some(Step { line, key: entry.key, words }))
    }

    async fn send(&mut self, steps: &[Step], again: bool) -> Result<(), Problem> {
        let before = self.done;
        let mut pipeline = self.client.pipeline();
        for step in steps {
            pipeline.try_cmd(&step.words).map_err(|error| self.context.problem(&error))?;
        }
        let replies = pipeline.run().await.map_err(|error| self.context.problem(&error))?;
        for (step, reply) in steps.iter().zip(&replies) {
            if let Err(problem) = self.count(step, reply, again) {
                self.done = before;
                return Err(problem);
            }
        }
        Ok(())
    }

    fn count(&mut self, step: &Step, reply: &Value, again: bool) -> Result<(), Problem> {
        let there = reply.error_code() == Some(b"BUSYKEY");
        match reply.error() {
            None => self.done.imported += 1,
            // It was sent before the import was stopped, and nobody knows whether the answer was lost.
            Some(_) if there && again => self.done.imported += 1,
            Some(_) if there => {
                self.done.stayed += 1;
                // A file or another program takes all names; on a terminal they would push away what matters.
                if self.done.stayed <= SHOWN || !stderr().is_terminal() {
                    eprintln!("ringtail: line {}: {} is there already", step.line, key(&step.key));
                }
            }
            Some(text) => {
                let what = format!(
                    "line {}: {}: {}",
                    step.line,
                    key(&step.key),
                    printable(&String::from_utf8_lossy(text))
                );
                return Err(Problem::new(what, "look at what the server says"));
            }
        }
        Ok(())
    }

    fn report(self, ended: Result<(), Problem>) -> ExitCode {
        let Done { imported, stayed } = self.done;
        let so_far = format!("{} imported", keys(imported));
        if let Err(mut problem) = ended {
            problem.message = format!("stopped after {so_far}: {}", problem.message);
            if self.notes.is_some() {
                problem.hint += ", then go on with --resume";
            }
            return fail(PROGRAM, RUNTIME, &problem);
        }
        if let Some(notes) = &self.notes {
            notes.remove();
        }
        eprintln!("{so_far}");
        if stayed > 0 {
            eprintln!(
                "ringtail: {} were there and stayed as they are; --replace replaces them",
                count(stayed)
            );
        }
        ExitCode::from(if stayed > 0 { RUNTIME } else { 0 })
    }
}

/// The value as RESTORE takes it.
fn payload(entry: &Entry, newest: u16) -> Result<Vec<u8>, String> {
    rdb::dump_up_to(newest, |saver| entry.value.tell(saver)).map_err(|_| {
        "the server's version knows no such value (fields that expire need Redis 7.4 or Ringtail)".into()
    })
}
