//! The settings of this program: what is in force, and the page that lists them.

use std::env::var_os;

use clap::{ArgMatches, Command};
use ringtail_net::config::{Live, in_force, page};

/// Variables that no flag stands for, with what they are, and whether their values may be seen.
pub(crate) const VARIABLES: [(&str, &str, bool); 4] = [
    (
        "RINGTAIL_PASSWORD",
        "The password, where neither `--password-file` nor `--ask-password` is given",
        false,
    ),
    ("RINGTAIL_HISTORY", "The file of the REPL's history; empty = none", true),
    (
        "XDG_STATE_HOME",
        "The directory of ringtail/history, where `RINGTAIL_HISTORY` is not set; else ~/.local/state",
        true,
    ),
    ("NO_COLOR", "Anything but nothing: no colours", true),
];

/// What is in force, by the command line and the environment.
pub(crate) fn shown(command: &Command, matches: &ArgMatches) -> String {
    let mut out = in_force(command, matches);
    for (name, _, is_open) in VARIABLES {
        out.push_str(&match var_os(name) {
            None => format!("# {name} is not set\n"),
            Some(_) if !is_open => format!("# {name} is set, and not shown\n"),
            Some(value) => format!("# {name} is {value:?}\n"),
        });
    }
    out
}

/// The part about this program of docs/configuration.md.
pub(crate) fn reference(command: &Command) -> String {
    let mut out = page(command, false, |_| Live::No);
    out.push_str("\n| environment | what it is |\n| --- | --- |\n");
    for (name, what, _) in VARIABLES {
        out.push_str(&format!("| `{name}` | {what} |\n"));
    }
    out
}
