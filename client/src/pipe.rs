//! Commands from a pipe, one a line: pipelined, replies in order, a summary of what failed.

use std::collections::VecDeque;
use std::io::{self, BufRead, Write, stdin, stdout};
use std::process::ExitCode;

use ringtail::{Client, Error, Value};
use ringtail_net::Problem;
use ringtail_net::exit::{RUNTIME, fail};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::args::Settings;
use crate::format::Style;
use crate::{PROGRAM, explain, words};

/// Lines that are sent in one piece.
const BATCH: usize = 256;
/// Batches on their way at once.
const BATCHES: usize = 4;
/// Longest line, in bytes.
const MAX_LINE: u64 = 64 << 20;

/// A line's number, from 1, and the line, or why it can't be used.
type Line = (u64, Result<Vec<u8>, &'static str>);

/// A command with its reply, or why it was not sent.
struct Done {
    line: u64,
    command: Vec<Vec<u8>>,
    outcome: Result<Value, String>,
}

/// Runs the commands until the pipe ends, or the connection does.
pub(crate) async fn run(settings: &Settings) -> ExitCode {
    let client = match Client::connect(settings.options.clone()).await {
        Ok(client) => client,
        Err(error) => return explain::end(&error, settings),
    };
    let mut summary = Summary::default();
    match exchange(&client, settings.style, &mut summary).await {
        Ok(()) => summary.end(),
        Err(Stop::Connection(error)) => {
            let mut problem = explain::problem(&error, settings);
            problem.message = format!("stopped after {} commands: {}", summary.commands, problem.message);
            fail(PROGRAM, RUNTIME, &problem)
        }
        // Whoever read the replies has gone: nobody is left to tell.
        Err(Stop::Output) => ExitCode::from(RUNTIME),
    }
}

enum Stop {
    Connection(Error),
    Output,
}

async fn exchange(client: &Client, style: Style, summary: &mut Summary) -> Result<(), Stop> {
    let mut lines = read_lines();
    let mut running: VecDeque<JoinHandle<Result<Vec<Done>, Error>>> = VecDeque::new();
    let mut open = true;
    while open || !running.is_empty() {
        let mut batch = Vec::new();
        tokio::select! {
            count = lines.recv_many(&mut batch, BATCH), if open && running.len() < BATCHES => match count {
                0 => open = false,
                _ => running.push_back(tokio::spawn(send(client.clone(), batch))),
            },
            done = first(&mut running), if !running.is_empty() => {
                running.pop_front();
                print(done.map_err(Stop::Connection)?, style, summary).map_err(|_| Stop::Output)?;
            }
        }
    }
    Ok(())
}

/// The end of the oldest batch.
async fn first(running: &mut VecDeque<JoinHandle<Result<Vec<Done>, Error>>>) -> Result<Vec<Done>, Error> {
    match running.front_mut() {
        Some(batch) => batch.await.unwrap_or_else(|_| Ok(Vec::new())),
        None => Ok(Vec::new()),
    }
}

/// The lines of stdin, read by a thread of their own because reading blocks.
fn read_lines() -> mpsc::Receiver<Line> {
    let (sender, receiver) = mpsc::channel(2 * BATCH);
    std::thread::spawn(move || {
        let mut input = stdin().lock();
        for number in 1.. {
            let line = next_line(&mut input);
            let last = line.is_err();
            if line.as_ref().is_ok_and(|line| line.is_empty() || is_quit(line)) {
                return;
            }
            if sender.blocking_send((number, line)).is_err() || last {
                return;
            }
        }
    });
    receiver
}

/// A line with its end; empty at the end of the input.
fn next_line(input: impl BufRead) -> Result<Vec<u8>, &'static str> {
    let mut line = Vec::new();
    match input.take(MAX_LINE).read_until(b'\n', &mut line) {
        Err(_) => Err("stdin cannot be read any further"),
        // Half a command must not run as if it were whole.
        Ok(read) if read as u64 == MAX_LINE && !line.ends_with(b"\n") => {
            Err("the line is longer than any may be")
        }
        Ok(_) => Ok(line),
    }
}

fn is_quit(line: &[u8]) -> bool {
    let word = line.trim_ascii();
    word.eq_ignore_ascii_case(b"quit") || word.eq_ignore_ascii_case(b"exit")
}

/// Sends what can be sent of a batch, and puts the replies beside what cannot.
async fn send(client: Client, batch: Vec<Line>) -> Result<Vec<Done>, Error> {
    let mut pipeline = client.pipeline();
    let mut all = Vec::with_capacity(batch.len());
    for (line, bytes) in batch {
        let command = bytes.and_then(|bytes| words::split(&bytes).map_err(words::BadQuotes::text));
        let (command, outcome) = match command {
            Ok(command) if command.is_empty() => continue,
            Ok(command) => {
                let added = pipeline.try_cmd(&command).map_err(|error| error.to_string());
                (command, added.map(|()| Value::Null))
            }
            Err(fault) => (Vec::new(), Err(fault.to_owned())),
        };
        all.push(Done { line, command, outcome });
    }
    let mut replies = pipeline.run().await?.into_iter();
    for done in all.iter_mut().filter(|done| done.outcome.is_ok()) {
        done.outcome = Ok(replies.next().unwrap_or(Value::Null));
    }
    Ok(all)
}

fn print(batch: Vec<Done>, style: Style, summary: &mut Summary) -> io::Result<()> {
    let mut out = Vec::new();
    for done in batch {
        summary.count(&done);
        if let Ok(value) = &done.outcome {
            out.extend_from_slice(&style.render(&done.command, value));
        }
    }
    let mut stdout = stdout().lock();
    stdout.write_all(&out)?;
    stdout.flush()
}

#[derive(Default)]
struct Summary {
    commands: u64,
    failed: u64,
    first: Option<String>,
}

impl Summary {
    fn count(&mut self, done: &Done) {
        self.commands += 1;
        let text = match &done.outcome {
            Ok(value) => match value.error() {
                Some(text) => String::from_utf8_lossy(text).into_owned(),
                None => return,
            },
            Err(fault) => fault.clone(),
        };
        self.failed += 1;
        self.first.get_or_insert_with(|| format!("line {}: {text}", done.line));
    }

    fn end(self) -> ExitCode {
        let Some(first) = self.first else { return ExitCode::SUCCESS };
        let message = format!("{} of {} commands failed", self.failed, self.commands);
        fail(PROGRAM, RUNTIME, &Problem::new(message, format!("the first was {first}")))
    }
}
