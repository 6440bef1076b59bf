//! `ringtail`: the REPL, one command and its reply, commands from a pipe, backup files, or a load.

mod args;
mod bench;
mod cockpit;
mod config;
mod explain;
mod files;
mod format;
mod help;
mod man;
mod oneshot;
mod own;
mod pipe;
mod repl;
mod words;

use std::io::{IsTerminal, Write, stdin, stdout};
use std::process::ExitCode;

use ringtail_net::Problem;
use ringtail_net::exit::{RUNTIME, USAGE, fail};

use crate::args::Args;
use crate::cockpit::Context;

const PROGRAM: &str = "ringtail";

fn main() -> ExitCode {
    let args = Args::from_command_line();
    if let Some(shell) = args.completions {
        return args::print_completions(shell);
    }
    if let Some(text) = args.about_settings() {
        // Whoever asked may have closed the pipe.
        let _ = stdout().write_all(text.as_bytes());
        return ExitCode::SUCCESS;
    }
    if let Some(directory) = &args.man {
        return man::write(directory);
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return fail(PROGRAM, RUNTIME, &Problem::new(error.to_string(), "free some descriptors"));
        }
    };
    runtime.block_on(run(&args)).unwrap_or_else(|problem| fail(PROGRAM, USAGE, &problem))
}

/// The error is one of usage: nothing was tried yet.
async fn run(args: &Args) -> Result<ExitCode, Problem> {
    match args.help_page() {
        Some(Ok(page)) => {
            // Whoever asked may have closed the pipe.
            let _ = writeln!(stdout(), "{page}");
            return Ok(ExitCode::SUCCESS);
        }
        Some(Err(problem)) => return Ok(fail(PROGRAM, RUNTIME, &problem)),
        None => {}
    }
    if let Some(flags) = args.bench() {
        return bench::run(&flags, args).await;
    }
    if let Some(task) = args.task() {
        return files::run(task, args).await;
    }
    if let Some(tool) = args.tool() {
        let settings = args.settings()?;
        tool.check(settings.style.format)?;
        return Ok(tool.run(&Context::new(&settings)).await);
    }
    let settings = args.settings()?;
    if !settings.command.is_empty() {
        return Ok(oneshot::run(&settings).await);
    }
    if stdin().is_terminal() { repl::run(settings).await } else { Ok(pipe::run(&settings).await) }
}
