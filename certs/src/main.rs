//! `ringtail-certs`: makes a development CA and the certificates it signs, where they are missing or expired.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use ringtail_net::{Problem, config, exit};

mod files;
mod make;
mod plan;
mod read;
#[cfg(test)]
mod tests;

use plan::Made;

const PROGRAM: &str = "ringtail-certs";

/// Make the development certificates: a CA, and a server and a client certificate that it signs.
///
/// What is there and valid is left alone, so running it again does no harm.
#[derive(Debug, Parser)]
#[command(name = PROGRAM, version)]
struct Flags {
    /// Directory to put them in
    #[arg(long, value_name = "DIR", default_value = "certs")]
    out: PathBuf,
    /// Make all of them anew, the CA too: what was signed by the old one stops working
    #[arg(long)]
    force: bool,
    /// Days that the server and client certificates are valid
    #[arg(long, value_name = "N", default_value_t = 397, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,
    /// Another DNS name or IP address of the servers, beside localhost, 127.0.0.1 and ::1; may be repeated
    #[arg(long = "name", value_name = "DNS|IP", value_parser = make::parse_name)]
    names: Vec<String>,
}

fn main() -> ExitCode {
    let flags = match config::parse::<Flags>(PROGRAM) {
        Ok(flags) => flags,
        Err(code) => return code,
    };
    match run(&flags) {
        Ok(made) => report(&flags.out, &made),
        Err(problem) => exit::fail(PROGRAM, exit::RUNTIME, &problem),
    }
}

/// What was made, in order; nothing if all was well.
fn run(flags: &Flags) -> Result<Vec<Made>, Problem> {
    let names = make::server_names(&flags.names);
    plan::bring_about(&flags.out, &names, flags.days, flags.force)
}

fn report(out: &Path, made: &[Made]) -> ExitCode {
    let mut lines: Vec<String> =
        made.iter().map(|made| format!("made {} ({})", made.files, made.why)).collect();
    if lines.is_empty() {
        lines.push(format!("all certificates in {} are there and valid", out.display()));
    }
    for line in lines {
        // A closed stdout changes nothing about the files.
        let _ = writeln!(std::io::stdout(), "{PROGRAM}: {line}");
    }
    ExitCode::SUCCESS
}
