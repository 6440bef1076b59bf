//! The words of the program's own commands, which follow the program's flags.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Error, Parser};

use crate::PROGRAM;
use crate::args::Args;

/// What these words, the command's name first, ask for.
///
/// # Errors
/// Wrong usage, or a page of `--help`.
pub(crate) fn parsed<P: Parser>(words: &[OsString]) -> Result<P, Error> {
    // What EXPLAIN runs is no flag.
    if let [name, flag, ..] = words
        && name == "explain"
        && let Some(flag) = flag.to_str().filter(|flag| is_program_s(flag))
    {
        return Err(misplaced(flag, words));
    }
    P::try_parse_from([OsString::from(PROGRAM)].iter().chain(words)).map_err(|error| match unknown(&error) {
        Some(flag) if is_program_s(flag) => misplaced(flag, words),
        _ => error,
    })
}

fn unknown(error: &Error) -> Option<&str> {
    match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(flag)) if error.kind() == ErrorKind::UnknownArgument => Some(flag),
        _ => None,
    }
}

/// Whether the program has this flag.
fn is_program_s(flag: &str) -> bool {
    let command = Args::command();
    let name = flag.split_once('=').map_or(flag, |(name, _)| name);
    let mut flags = command.get_arguments();
    match (name.strip_prefix("--"), name.strip_prefix('-')) {
        (Some(long), _) => flags.any(|arg| arg.get_long() == Some(long)),
        (None, Some(short)) => flags.any(|arg| arg.get_short().is_some_and(|it| short.starts_with(it))),
        (None, None) => false,
    }
}

fn misplaced(flag: &str, words: &[OsString]) -> Error {
    let name = words.first().map(|name| String::from_utf8_lossy(name.as_bytes())).unwrap_or_default();
    let text =
        format!("'{flag}' is a flag of the program, and stands before the command: {PROGRAM} {flag} {name}");
    Args::command().error(ErrorKind::UnknownArgument, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cockpit::Tool;
    use crate::files::Task;

    fn said<P: Parser + std::fmt::Debug>(line: &str) -> Option<String> {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        parsed::<P>(&words).err().map(|error| error.to_string())
    }

    #[test]
    fn a_flag_of_the_program_is_told_where_it_stands() {
        for (line, right) in [
            ("topology --json", "ringtail --json topology"),
            ("stat --plaintext", "ringtail --plaintext stat"),
            ("scan user:* --addr=h:1", "ringtail --addr scan"),
            ("explain --json get a", "ringtail --json explain"),
            ("hotkeys -n 3", "ringtail -n hotkeys"),
        ] {
            assert!(
                said::<Tool>(line).is_some_and(|text| text.contains(right)),
                "{line}: {:?}",
                said::<Tool>(line)
            );
        }
        assert!(
            said::<Task>("backup f --cacert ca")
                .is_some_and(|text| text.contains("ringtail --cacert backup"))
        );
    }

    #[test]
    fn other_words_are_as_they_were() {
        for line in ["plan f --json", "explain get --json", "topology"] {
            assert_eq!(said::<Tool>(line), None, "{line}");
        }
        assert!(said::<Tool>("topology --nosuch").is_some_and(|text| !text.contains("stands before")));
    }
}
