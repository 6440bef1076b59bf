//! The reference of a program's settings: one row for each flag, from the flags' own declaration.

use clap::{Arg, Command};

use super::{Live, default_of};

/// What is not a setting: it has the program do something else than run.
const NO_SETTINGS: [&str; 7] =
    ["help", "version", "check-config", "print-config", "configuration-page", "config", "completions"];

/// A Markdown table of the settings of `command`. `has_file`: each is a key of a configuration file too.
pub fn page(command: &Command, has_file: bool, live: impl Fn(&str) -> Live) -> String {
    let file = if has_file { " file key |" } else { "" };
    let rule = if has_file { " --- |" } else { "" };
    let mut out = format!(
        "| flag | environment |{file} default | live | what it is |\n| --- | --- |{rule} --- | --- | --- |\n"
    );
    for flag in settings(command) {
        let name = flag.get_long().unwrap_or_default();
        let key = if has_file { format!(" `{name}` |") } else { String::new() };
        let (default, help) = (cell(default(flag)), text(flag));
        let (env, live) = (env(flag), live(name));
        out.push_str(&format!("| {} | {env} |{key} {default} | {live} | {help} |\n", usage(flag)));
    }
    out
}

/// The flags that are settings, in their order.
pub(super) fn settings(command: &Command) -> impl Iterator<Item = &Arg> {
    let is_one = |flag: &&Arg| flag.get_long().is_some_and(|name| !NO_SETTINGS.contains(&name));
    command.get_arguments().filter(is_one).filter(|flag| !flag.is_hide_set())
}

fn usage(flag: &Arg) -> String {
    let long = flag.get_long().unwrap_or_default();
    let names: Vec<String> =
        flag.get_value_names().unwrap_or_default().iter().map(ToString::to_string).collect();
    let takes_value = flag.get_action().takes_values();
    match (takes_value, names.first()) {
        // A switch, which may be told what it is by `=false`.
        _ if flag.is_require_equals_set() => format!("`--{long}`"),
        (true, Some(name)) => format!("`--{long} {name}`"),
        _ => format!("`--{long}`"),
    }
}

pub(super) fn env(flag: &Arg) -> String {
    flag.get_env().map_or_else(String::new, |name| format!("`{}`", name.to_string_lossy()))
}

/// What it is where nobody says: clap's own default, or the one that its help names.
pub(super) fn default(flag: &Arg) -> String {
    let declared = flag.get_default_values().iter().map(|value| value.to_string_lossy().into_owned());
    let declared = declared.collect::<Vec<_>>().join(" ");
    if declared.is_empty() { default_of(flag) } else { declared }
}

/// Its help without the default, which stands in a column of its own.
fn text(flag: &Arg) -> String {
    let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
    let text = match (help.find("[default: "), help.rfind(']')) {
        (Some(begin), Some(end)) => format!("{}{}", help[..begin].trim_end(), &help[end + 1..]),
        _ => help,
    };
    let values = flag.get_possible_values();
    let named: Vec<&str> = values.iter().filter(|value| !value.is_hide_set()).map(|v| v.get_name()).collect();
    let is_choice = flag.get_action().takes_values() && named.len() > 1 && named != ["true", "false"];
    cell(if is_choice { format!("{text}: {}", named.join(", ")) } else { text })
}

fn cell(text: String) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
