//! A command's syntax in one line, as Redis's documentation writes it.

use super::{Arg, ArgFlags, ArgKind, Command};

/// `SET key value [NX | XX] [GET] [EX seconds | PX milliseconds | …]`.
pub fn syntax(command: &Command) -> String {
    let mut line = command.full_name.replace('|', " ").to_uppercase();
    if command.args.is_empty() && !command.subcommands().is_empty() && command.arity < -1 {
        line.push_str(" subcommand [argument ...]");
    }
    for arg in command.args {
        line.push(' ');
        line.push_str(&arg_syntax(arg));
    }
    line
}

/// One argument with its brackets: `[EX seconds | KEEPTTL]`, `key [key ...]`, `<LEFT | RIGHT>`.
pub fn arg_syntax(arg: &Arg) -> String {
    let whole = with_repeats(arg);
    if arg.flags.contains(ArgFlags::OPTIONAL) { format!("[{whole}]") } else { whole }
}

/// `LIMIT count`, and how it goes on when it may be repeated.
fn with_repeats(arg: &Arg) -> String {
    let value = value(arg);
    let token = arg.token.filter(|_| arg.kind != ArgKind::PureToken);
    let first = token.map_or_else(|| value.clone(), |token| format!("{token} {value}"));
    let again = if arg.flags.contains(ArgFlags::MULTIPLE_TOKEN) { &first } else { &value };
    if arg.flags.contains(ArgFlags::MULTIPLE) { format!("{first} [{again} ...]") } else { first }
}

/// The argument itself, without token, brackets of optionality or repetition.
fn value(arg: &Arg) -> String {
    match arg.kind {
        ArgKind::PureToken => arg.token.unwrap_or(arg.name).to_owned(),
        ArgKind::Block => joined(arg, " "),
        ArgKind::OneOf if stands_alone(arg) => joined(arg, " | "),
        ArgKind::OneOf => format!("<{}>", joined(arg, " | ")),
        _ => arg.name.to_owned(),
    }
}

/// A choice right inside the brackets of an optional argument needs none of its own.
fn stands_alone(arg: &Arg) -> bool {
    arg.flags == ArgFlags::OPTIONAL && arg.token.is_none()
}

fn joined(arg: &Arg, between: &str) -> String {
    arg.args.iter().map(arg_syntax).collect::<Vec<_>>().join(between)
}
