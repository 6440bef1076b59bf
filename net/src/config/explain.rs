//! What clap and the TOML parser have to say, made into one line with a remedy.

use std::path::Path;

use clap::error::ErrorKind;

use super::Stop;
use crate::problem::Problem;

/// clap's several lines as one problem; help and version pass.
pub(super) fn command_line(error: clap::Error) -> Stop {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return Stop::Shown(error);
    }
    let text = error.render().to_string();
    let useful =
        text.lines().map(str::trim).take_while(|line| !is_usage(line)).filter(|line| !line.is_empty());
    let (tips, what): (Vec<&str>, Vec<&str>) = useful.partition(|line| line.starts_with("tip: "));
    let what = what.join(" ");
    let message = what.strip_prefix("error: ").unwrap_or(&what);
    let hint = tips.first().and_then(|tip| tip.strip_prefix("tip: ")).unwrap_or("see --help");
    Stop::Bad(Problem::new(message, hint))
}

fn is_usage(line: &str) -> bool {
    line.starts_with("Usage:") || line.starts_with("For more information")
}

/// `FILE:LINE:COLUMN: key: what is wrong`, with the nearest known key for an unknown one. Values are told of `settings` only: the other
/// keys are lists of users, with their passwords.
pub(super) fn file(path: &Path, text: &str, error: &toml::de::Error, settings: &[String]) -> Problem {
    let at = error.span().map_or(0, |span| span.start.min(text.len()));
    let (line, column) = line_and_column(text, at);
    let place = format!("{}:{line}:{column}", path.display());
    match unknown_key(error.message()) {
        Some((key, known)) => Problem::new(format!("{place}: unknown key '{key}'"), suggest(key, &known)),
        None => Problem::new(
            format!("{place}: {}", wrong(text, line, error.message(), settings)),
            "correct the file",
        ),
    }
}

/// `key: what is wrong`
fn wrong(text: &str, line: usize, message: &str, settings: &[String]) -> String {
    let message = message.trim().replace('\n', " ");
    match key_of_line(text, line) {
        Some(key) if settings.contains(&key) => format!("{key}: {message}"),
        Some(key) => format!("{key}: {}", without_value(&message)),
        None => without_value(&message),
    }
}

/// "invalid type: string "…", expected a sequence" without the string.
fn without_value(message: &str) -> String {
    match (message.find('"'), message.rfind('"')) {
        (Some(begin), Some(end)) if begin < end => {
            format!("{}{}", message[..begin].trim_end(), &message[end + 1..])
        }
        _ => message.to_owned(),
    }
}

fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// The key that the line sets. What else stands before a `=` may be part of a value.
fn key_of_line(text: &str, line: usize) -> Option<String> {
    let (key, _) = text.lines().nth(line - 1)?.split_once('=')?;
    let is_key =
        |key: &str| !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    Some(key.trim().to_owned()).filter(|key| is_key(key))
}

/// Takes serde's "unknown field `x`, expected one of `a`, `b`" apart.
fn unknown_key(message: &str) -> Option<(&str, Vec<&str>)> {
    let rest = message.strip_prefix("unknown field `")?;
    let (key, rest) = rest.split_once('`')?;
    Some((key, rest.split('`').skip(1).step_by(2).collect()))
}

fn suggest(key: &str, known: &[&str]) -> String {
    let nearest = known.iter().min_by_key(|candidate| distance(key, candidate));
    match nearest {
        Some(nearest) if distance(key, nearest) <= key.len() / 3 + 1 => format!("did you mean '{nearest}'?"),
        _ => format!("known keys: {}", known.join(", ")),
    }
}

/// Levenshtein's distance, `-` and `_` being the same.
fn distance(one: &str, other: &str) -> usize {
    let normal = |text: &str| text.replace('_', "-").to_ascii_lowercase().into_bytes();
    let (one, other) = (normal(one), normal(other));
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, a) in one.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (column, b) in other.iter().enumerate() {
            let substituted = diagonal + usize::from(a != b);
            diagonal = row[column + 1];
            row[column + 1] = substituted.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}
