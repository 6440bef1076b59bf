//! How a program ends: one line on stderr and an exit code that says which kind of end it was.

use std::io::Write;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};

use crate::logging;
use crate::problem::Problem;

/// It ran, and then something failed.
pub const RUNTIME: u8 = 1;
/// It never ran: a bad flag, configuration, certificate or port.
pub const USAGE: u8 = 2;
/// A second SIGINT or SIGTERM.
pub const INTERRUPTED: i32 = 130;

/// Prints `PROGRAM: error: what is wrong: what to do` as one line on stderr and gives `code` to return from `main`.
pub fn fail(program: &str, code: u8, problem: &Problem) -> ExitCode {
    let style = match logging::stderr_has_colours() {
        true => Style::new().bold().fg_color(Some(AnsiColor::Red.into())),
        false => Style::new(),
    };
    eprintln!("{program}: {style}error{style:#}: {}", one_line(&problem.to_string()));
    ExitCode::from(code)
}

/// The end of `--check-config` when all is well.
pub fn checked(program: &str) -> ExitCode {
    // A closed stdout is no reason to call the configuration bad.
    let _ = writeln!(std::io::stdout(), "{program}: the configuration is good");
    ExitCode::SUCCESS
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}
