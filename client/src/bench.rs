//! `ringtail bench`: loads servers of Redis's protocol and says what they do under it.
//!
//! `flags` → `plan` (what is asked for, checked) → `run` (rounds over the targets) → `worker` (a thread with its connections) → `lane`
//! (one connection), which takes its requests from a `feed` (a `source` of requests with a schedule) and counts in a `tally`; then
//! `summary` (medians and ratios) → `json`, or `table` and `chart`.

mod chart;
mod feed;
mod flags;
mod json;
mod keys;
mod lane;
mod mix;
mod plan;
mod preload;
mod progress;
mod run;
mod sizes;
mod source;
mod summary;
mod table;
mod tally;
mod target;
mod template;
mod trace;
mod worker;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Command, CommandFactory};
use ringtail_net::Problem;

use crate::args::Args;
use crate::own;
pub(crate) use flags::Flags;
use flags::Program;

/// Whether the command's words are for us and not for a server.
pub(crate) fn is_bench(words: &[OsString]) -> bool {
    words.first().is_some_and(|word| word == "bench")
}

/// The flags among these words. Ends the program on `--help` and wrong usage.
pub(crate) fn of_words(words: &[OsString]) -> Box<Flags> {
    let Program::Bench(flags) = own::parsed(words).unwrap_or_else(|error| error.exit());
    flags
}

/// What shells are to complete.
pub(crate) fn command() -> Command {
    Program::command()
}

/// Runs it. The error is one of usage: nothing was tried yet.
pub(crate) async fn run(flags: &Flags, args: &Args) -> Result<ExitCode, Problem> {
    let plan = plan::Plan::new(flags, args)?;
    Ok(run::run(plan).await)
}
