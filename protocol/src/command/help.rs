//! The `HELP` subcommands: in Redis's words where it has the subcommand, else made from the row.

use super::syntax::arg_syntax;
use super::{Command, CommandId};
use crate::reply::Reply;

/// Redis's texts: below `== name` a line of syntax for each subcommand, then indented what it does.
const TEXTS: &str = include_str!("help.txt");

/// What `CLIENT HELP` and its like answer for `command`: a line that says how to use it, then each
/// subcommand's syntax and, indented below it, what it does.
pub(super) fn help(command: &Command, reply: &mut Reply<'_>) {
    let mut lines = known(command);
    for sub in command.subcommands() {
        if sub.name() != "help" && !lines.iter().any(|line| is_about(line, sub)) {
            lines.push(usage(sub));
            lines.push(format!("    {}", sub.summary));
        }
    }
    lines.extend(["HELP".to_owned(), "    Prints this help.".to_owned()]);
    reply.array(1 + lines.len());
    let name = command.name().to_uppercase();
    reply.simple(&format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    lines.iter().for_each(|line| reply.simple(line));
}

/// Redis's lines about the subcommands that there are.
fn known(command: &Command) -> Vec<String> {
    let title = format!("== {}", command.full_name);
    let section = TEXTS.lines().skip_while(|line| *line != title).skip(1);
    let (mut lines, mut here) = (Vec::new(), false);
    for line in section.take_while(|line| !line.starts_with("== ")) {
        if !line.starts_with(' ') {
            here = command.subcommands().iter().any(|sub| is_about(line, sub))
                || (command.id == CommandId::Command && line.starts_with('('));
        }
        if here {
            lines.push(line.to_owned());
        }
    }
    lines
}

/// Whether a line is the syntax of this subcommand.
fn is_about(line: &str, sub: &Command) -> bool {
    line.split(' ').next().is_some_and(|word| word.eq_ignore_ascii_case(sub.name()))
}

/// A subcommand's syntax without its parent's name: `SETNAME connection-name`.
fn usage(sub: &Command) -> String {
    let mut usage = sub.name().to_uppercase();
    for arg in sub.args {
        usage.push(' ');
        usage.push_str(&arg_syntax(arg));
    }
    usage
}
