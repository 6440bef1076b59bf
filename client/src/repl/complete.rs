//! Completion of commands, subcommands and options from the command table.

use ringtail_protocol::command::{Arg, ArgKind, COMMANDS, Command, lookup};

use super::hint::{command_of, expected};
use crate::cockpit;
use crate::words::split;

/// Commands of the REPL itself.
const OWN: [&str; 4] = ["clear", "exit", "help", "quit"];

/// Where the last word of the line starts, and what it may become. Names come in the case in which the word was begun.
pub(crate) fn completions(line: &str) -> (usize, Vec<String>) {
    let start = line.rfind([' ', '\t', '\n']).map_or(0, |space| space + 1);
    let begun = &line[start..];
    let Ok(before) = split(&line.as_bytes()[..start]) else { return (start, Vec::new()) };
    if let Some(flags) = cockpit::flags(&before) {
        return (start, flags.into_iter().filter(|flag| flag.starts_with(begun)).collect());
    }
    let mut found: Vec<String> = candidates(&before)
        .filter(|name| name.len() >= begun.len() && name[..begun.len()].eq_ignore_ascii_case(begun))
        .map(|name| in_case_of(begun, name))
        .collect();
    found.sort();
    found.dedup();
    (start, found)
}

fn candidates(before: &[Vec<u8>]) -> Box<dyn Iterator<Item = &'static str>> {
    let Some(first) = before.first() else { return Box::new(commands().chain(OWN).chain(cockpit::names())) };
    if first.eq_ignore_ascii_case(b"help") {
        return match before.get(1).and_then(|name| lookup(name)) {
            Some(command) => Box::new(subcommands(command)),
            None => Box::new(commands()),
        };
    }
    let Some((command, args)) = command_of(before) else { return Box::new(std::iter::empty()) };
    if args.is_empty() && !command.subcommands().is_empty() {
        return Box::new(subcommands(command));
    }
    Box::new(expected(command.args, args).into_iter().flat_map(|next| tokens(next.arg())))
}

fn commands() -> impl Iterator<Item = &'static str> {
    COMMANDS.iter().filter(|command| command.parent.is_none()).map(Command::name)
}

fn subcommands(command: &'static Command) -> impl Iterator<Item = &'static str> {
    command.subcommands().iter().map(Command::name)
}

/// The words that may begin the argument.
fn tokens(arg: &'static Arg) -> Vec<&'static str> {
    match (arg.token, arg.kind) {
        (Some(token), _) => vec![token],
        (None, ArgKind::OneOf) => arg.args.iter().flat_map(tokens).collect(),
        (None, ArgKind::Block) => arg.args.first().map(tokens).unwrap_or_default(),
        (None, _) => Vec::new(),
    }
}

fn in_case_of(begun: &str, name: &str) -> String {
    if begun.bytes().any(|b| b.is_ascii_lowercase()) {
        name.to_ascii_lowercase()
    } else {
        name.to_ascii_uppercase()
    }
}

#[cfg(test)]
mod tests {
    use super::completions;

    fn found(line: &str) -> Vec<String> {
        completions(line).1
    }

    #[test]
    fn commands_in_the_case_they_were_begun() {
        assert_eq!(found("getd"), ["getdel"]);
        assert_eq!(found("GETD"), ["GETDEL"]);
        assert_eq!(found("ex").iter().filter(|name| *name == "exit" || *name == "exists").count(), 2);
        assert!(found("nosuch").is_empty());
        assert!(found("").len() > 50);
    }

    #[test]
    fn subcommands_and_options() {
        assert_eq!(completions("client set"), (7, vec!["setinfo".into(), "setname".into()]));
        assert!(found("set k v ").contains(&"EX".to_string()));
        assert_eq!(found("set k v kee"), ["keepttl"]);
        assert!(!found("set k v NX ").contains(&"NX".to_string()));
        assert_eq!(found("help getd"), ["getdel"]);
        assert_eq!(found("plan --j"), ["--json"]);
        assert_eq!(found("topo"), ["topology"]);
        assert!(found("scan 0 ma").contains(&"match".to_string()));
        assert!(found("get k ").is_empty());
        assert!(found("set k \"open ").is_empty());
    }
}
