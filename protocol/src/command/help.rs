//! The `HELP` subcommands: one text for all, made from the rows.

use super::syntax::arg_syntax;
use super::{Command, CommandId};
use crate::reply::Reply;

/// What `CLIENT HELP` and its like answer for `command`: a line that says how to use it, then each
/// subcommand's syntax and, indented below it, what it does.
pub(super) fn help(command: &Command, reply: &mut Reply<'_>) {
    let alone = command.id == CommandId::Command;
    reply.array(1 + 2 * (command.subcommands().len() + usize::from(alone)));
    reply.simple(&format!(
        "{} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        command.name().to_uppercase()
    ));
    if alone {
        topic("(no subcommand)", command.summary, reply);
    }
    for sub in command.subcommands() {
        topic(&usage(sub), sub.summary, reply);
    }
}

fn topic(usage: &str, does: &str, reply: &mut Reply<'_>) {
    reply.simple(usage);
    reply.simple(&format!("    {does}"));
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
