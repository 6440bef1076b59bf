//! Layered settings: flag over environment over file over default, from one declaration.
//!
//! A program declares one struct, all of whose fields are optional, and applies its defaults where it uses them:
//!
//! ```
//! use ringtail_net::config::{Changes, Live};
//! use ringtail_net::units::ByteSize;
//! use serde::{Deserialize, Serialize};
//!
//! /// What the program can be told.
//! #[derive(Debug, Default, clap::Args, Serialize, Deserialize)]
//! #[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
//! struct Settings {
//!     /// Address to listen on
//!     #[arg(long, value_name = "HOST:PORT", env = "RINGTAIL_ADDR")]
//!     addr: Option<String>,
//!     /// Most memory to use
//!     #[arg(long, value_name = "SIZE", env = "RINGTAIL_MAXMEMORY")]
//!     maxmemory: Option<ByteSize>,
//!     /// A switch: alone it means true
//!     #[arg(long, env = "RINGTAIL_INSECURE", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
//!     insecure: Option<bool>,
//! }
//!
//! impl Changes for Settings {
//!     fn live(_: &str) -> Live {
//!         Live::No
//!     }
//! }
//!
//! let loaded = ringtail_net::config::load_from::<Settings, _>("ringtail-demo", "A demo", ["demo", "--maxmemory", "1gb"]);
//! assert_eq!(loaded.unwrap().settings.maxmemory, Some(ByteSize(1 << 30)));
//! ```

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser};
use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::Table;

use crate::exit;
use crate::limits;
use crate::problem::Problem;

mod explain;
mod in_force;
mod live;
mod page;

pub use in_force::in_force;
pub use live::{Changes, Live};
pub use page::page;

/// The program's own flags beside those that every program has.
#[derive(Debug, Parser)]
struct CommandLine<T: Args> {
    /// Read settings from this TOML file; flags and RINGTAIL_… variables override it
    #[arg(long, value_name = "FILE", env = "RINGTAIL_CONFIG")]
    config: Option<PathBuf>,
    /// Check the settings and the files they name, then exit: 0 if all is well, 2 if not
    #[arg(long)]
    check_config: bool,
    /// Print every setting in force and where it came from, as a configuration file, then exit
    #[arg(long)]
    print_config: bool,
    /// Print the reference of all settings, as Markdown
    #[arg(long, hide = true)]
    configuration_page: bool,
    #[command(flatten)]
    settings: T,
}

/// The settings as merged, and what else the command line said.
#[derive(Debug)]
pub struct Loaded<T> {
    /// Flag over environment over file; what none of them gave is `None`.
    pub settings: T,
    /// The configuration file, if one was named.
    pub file: Option<PathBuf>,
    /// `--check-config`: validate everything, then return [`exit::checked`].
    pub check_only: bool,
}

/// Why there are no settings.
#[derive(Debug)]
pub enum Stop {
    /// `--help` or `--version` was asked for; the text has been made for a terminal.
    Shown(clap::Error),
    /// What `--print-config` and `--configuration-page` show.
    Printed(String),
    /// A flag, variable or file is bad.
    Bad(Problem),
}

/// Reads the process's command line, environment and configuration file. `Err` is what `main` returns: help
/// was shown, or one line about the bad setting.
pub fn load<T>(program: &'static str, about: &'static str) -> Result<Loaded<T>, ExitCode>
where
    T: Args + Changes + Serialize + DeserializeOwned,
{
    load_from(program, about, std::env::args_os()).map_err(|stop| end(program, stop))
}

/// Reads the command line of a program without a configuration file. `Err` is what `main` returns.
pub fn parse<P: Parser>(program: &str) -> Result<P, ExitCode> {
    P::try_parse().map_err(|error| end(program, explain::command_line(error)))
}

fn end(program: &str, stop: Stop) -> ExitCode {
    match stop {
        Stop::Shown(text) => {
            // A closed stdout (`--help | head -1`) is no failure.
            let _ = text.print();
            ExitCode::SUCCESS
        }
        Stop::Printed(text) => {
            let _ = std::io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Stop::Bad(problem) => exit::fail(program, exit::USAGE, &problem),
    }
}

/// [`load`] with the command line given, program name first.
///
/// # Errors
/// As [`Stop`] says.
pub fn load_from<T, A>(program: &'static str, about: &'static str, args: A) -> Result<Loaded<T>, Stop>
where
    T: Args + Changes + Serialize + DeserializeOwned,
    A: IntoIterator<Item: Into<OsString> + Clone>,
{
    let command = command::<T>(program, about);
    let matches = command.clone().try_get_matches_from(args).map_err(explain::command_line)?;
    let given = CommandLine::<T>::from_arg_matches(&matches).map_err(explain::command_line)?;
    if given.configuration_page {
        return Err(Stop::Printed(page(&command, true, T::live)));
    }
    let settings = match &given.config {
        Some(path) => merge(path, &given.settings).map_err(Stop::Bad)?,
        None => given.settings,
    };
    if given.print_config {
        let merged = Table::try_from(&settings).unwrap_or_default();
        return Err(Stop::Printed(in_force::text(&command, &matches, &merged, given.config.as_deref())));
    }
    Ok(Loaded { settings, file: given.config, check_only: given.check_config })
}

/// The command line's definition, for help texts and completions.
pub fn command<T: Args>(program: &'static str, about: &'static str) -> clap::Command {
    CommandLine::<T>::command()
        .name(program)
        .bin_name(program)
        .about(about)
        .version(env!("CARGO_PKG_VERSION"))
}

/// Every setting by the name of its flag, in the flags' order: what was given for it, or the default that its help names. For programs
/// that show their settings.
pub fn shown<T: Args + Serialize>(settings: &T) -> Vec<(String, String)> {
    let given = Table::try_from(settings).unwrap_or_default();
    let flags = T::augment_args(clap::Command::new(""));
    let one = |flag: &clap::Arg| {
        let name = flag.get_long()?.to_owned();
        let value = given.get(&name).map_or_else(|| default_of(flag), as_text);
        Some((name, value))
    };
    flags.get_arguments().filter_map(one).collect()
}

/// What its help says behind `[default:`.
fn default_of(flag: &clap::Arg) -> String {
    let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
    let named = help.rsplit_once("[default: ").and_then(|(_, default)| default.split_once(']'));
    named.map(|(default, _)| default.to_owned()).unwrap_or_default()
}

fn as_text(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Boolean(on) => if *on { "yes" } else { "no" }.to_owned(),
        toml::Value::Array(values) => values.iter().map(as_text).collect::<Vec<_>>().join(" "),
        toml::Value::Integer(number) => number.to_string(),
        toml::Value::Float(number) => number.to_string(),
        toml::Value::Datetime(_) | toml::Value::Table(_) => String::new(),
    }
}

/// The file's settings with what was given by flag or environment laid over them.
fn merge<T: Args + Serialize + DeserializeOwned>(path: &Path, given: &T) -> Result<T, Problem> {
    let text = read(path)?;
    // First by itself: only this parse knows lines and columns.
    let at_place = |error: toml::de::Error| explain::file(path, &text, &error, &names::<T>());
    toml::from_str::<T>(&text).map_err(at_place)?;
    let mut merged: Table = toml::from_str(&text).map_err(at_place)?;
    let over = Table::try_from(given).map_err(|error| not_mergeable(path, &error))?;
    merged.extend(over);
    merged.try_into().map_err(|error| not_mergeable(path, &error))
}

/// The keys that are flags, too.
fn names<T: Args>() -> Vec<String> {
    let flags = T::augment_args(clap::Command::new(""));
    flags.get_arguments().filter_map(|flag| flag.get_long().map(str::to_owned)).collect()
}

fn not_mergeable(path: &Path, error: &dyn std::fmt::Display) -> Problem {
    Problem::new(
        format!("the flags cannot be laid over {} ({error})", path.display()),
        "use the file or the flags alone",
    )
}

fn read(path: &Path) -> Result<String, Problem> {
    let unreadable = |why: &dyn std::fmt::Display| {
        Problem::new(
            format!("cannot read the configuration file {} ({why})", path.display()),
            "check --config",
        )
    };
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    let mut text = String::new();
    file.take(limits::CONFIG_FILE + 1).read_to_string(&mut text).map_err(|error| unreadable(&error))?;
    match text.len() as u64 > limits::CONFIG_FILE {
        true => Err(unreadable(&format_args!("longer than {} bytes", limits::CONFIG_FILE))),
        false => Ok(text),
    }
}

#[cfg(test)]
mod tests;
