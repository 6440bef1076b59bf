//! `--print-config`: what is in force, and where each value came from. The text is a configuration file that says the same.

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};
use std::path::Path;
use toml::{Table, Value};

use super::page;

/// Where the comments begin, where the values leave room.
const COLUMN: usize = 44;

/// The settings of a program without a configuration file, as `matches` gave them.
pub fn in_force(command: &Command, matches: &ArgMatches) -> String {
    let given = |flag: &&Arg| {
        let source = matches.value_source(flag.get_id().as_str());
        matches!(source, Some(ValueSource::CommandLine | ValueSource::EnvVariable))
    };
    let value = |flag: &Arg| {
        let words = matches.get_raw(flag.get_id().as_str())?;
        let text: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
        Some((flag.get_long()?.to_owned(), as_value(&text.join(" "))))
    };
    let merged: Table = page::settings(command).filter(given).filter_map(value).collect();
    text(command, matches, &merged, None)
}

/// The settings of `command` as `matches` and then the file gave them; `merged` has the values.
pub(super) fn text(command: &Command, matches: &ArgMatches, merged: &Table, file: Option<&Path>) -> String {
    let program = command.get_name();
    let mut out = format!("# The settings in force of {program}, and where each came from.\n");
    for flag in page::settings(command) {
        let name = flag.get_long().unwrap_or_default();
        match merged.get(name) {
            Some(value) => line(&mut out, &setting(name, value), &source(flag, matches, file)),
            None => unset(&mut out, name, &page::default(flag)),
        }
    }
    let is_flag = |name: &String| page::settings(command).any(|flag| flag.get_long() == Some(name));
    // Lists of users have passwords in them.
    for (name, value) in merged.iter().filter(|(name, _)| !is_flag(name)) {
        let count = value.as_array().map_or(1, Vec::len);
        // No value of it would do: whoever takes the text for a file is told so, instead of having none.
        let text = Value::String(format!("{count}, not shown: to be put here again"));
        line(&mut out, &setting(name, &text), &from_file(file));
    }
    out
}

fn unset(out: &mut String, name: &str, default: &str) {
    match default {
        "" => line(out, &format!("# {name} ="), "not set"),
        default => line(out, &format!("# {}", setting(name, &as_value(default))), "default"),
    }
}

/// As a file has it.
fn setting(name: &str, value: &Value) -> String {
    let table = Table::from_iter([(name.to_owned(), value.clone())]);
    toml::to_string(&table).unwrap_or_default().trim_end().to_owned()
}

/// A default is told as a text; `10` and `true` are none.
fn as_value(default: &str) -> Value {
    match (default.parse::<i64>(), default.parse::<bool>()) {
        (Ok(number), _) => Value::Integer(number),
        (_, Ok(on)) => Value::Boolean(on),
        _ => Value::String(default.to_owned()),
    }
}

fn line(out: &mut String, setting: &str, source: &str) {
    out.push_str(&format!("{setting:COLUMN$} # {source}\n"));
}

fn source(flag: &Arg, matches: &ArgMatches, file: Option<&Path>) -> String {
    match matches.value_source(flag.get_id().as_str()) {
        Some(ValueSource::CommandLine) => "flag".to_owned(),
        Some(ValueSource::EnvVariable) => {
            format!("environment, {}", flag.get_env().unwrap_or_default().to_string_lossy())
        }
        _ => from_file(file),
    }
}

fn from_file(file: Option<&Path>) -> String {
    file.map_or_else(|| "file".to_owned(), |path| format!("file {}", path.display()))
}
