//! The reference page of all commands, made from the table: `docs/commands.md`.

use std::fmt::Write;

use super::introspect::top_level;
use super::{COMMANDS, Command, Flags, Group, Join, PoolRule, syntax};

const HEAD: &str = "\
# Commands

Made from the command table; do not edit. To make it again:
`cargo run -p ringtail-protocol --example reference > docs/commands.md`.

Each command does what it does in Redis 7.2, with the same options, replies and errors. *Since* is the version
of Redis that had it first. *Pool* is what the proxy does with it, so that a pool of servers answers as one.
";

/// The whole page, in Markdown.
pub fn markdown() -> String {
    let mut page = HEAD.to_owned();
    for group in Group::ALL {
        section(group, &mut page);
    }
    page
}

/// Adds a group's heading and all its commands, aliases at their original.
fn section(group: Group, page: &mut String) {
    let listed = |command: &&Command| command.group == group && command.alias_of.is_none();
    if top_level().any(|command| listed(&command)) {
        heading(2, group.title(), page);
    }
    for command in top_level().filter(listed) {
        entry(command, 3, page);
        for sub in command.subcommands() {
            entry(sub, 4, page);
        }
    }
}

fn entry(command: &Command, level: usize, page: &mut String) {
    heading(level, &command.full_name.replace('|', " ").to_uppercase(), page);
    put(page, format_args!("\n```text\n{}\n```\n\n{}\n", syntax(command), command.summary));
    if command.subcommands().is_empty() || command.arity == -1 {
        put(page, format_args!("\n- Cost: {}\n- Pool: {}\n", cost(command), pool(command)));
        put(page, format_args!("- Since: {}{}\n", command.since, changes(command)));
    }
    if let Some((since, instead)) = command.replaced_by {
        put(page, format_args!("- Deprecated since {since} in favor of {}\n", instead.replace('!', "")));
    }
    if let Some((form, means)) = command.also {
        put(page, format_args!("- Also: `{form}` for `{means}`\n"));
    }
    for alias in COMMANDS.iter().filter(|alias| alias.alias_of == Some(command.id)) {
        put(page, format_args!("- Also: `{}`\n", alias.full_name.to_uppercase()));
    }
}

fn heading(level: usize, title: &str, page: &mut String) {
    put(page, format_args!("\n{} {title}\n", "#".repeat(level)));
}

/// Writing to a string cannot fail.
fn put(page: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = page.write_fmt(text);
}

fn cost(command: &Command) -> &str {
    if command.complexity.is_empty() { "O(1)" } else { command.complexity }
}

/// `. Added in 6.2.0: A count.`
fn changes(command: &Command) -> String {
    command
        .history
        .iter()
        .map(|(version, what)| format!(". Added in {version}: {}", what.trim_end_matches('.')))
        .collect()
}

impl Group {
    const fn title(self) -> &'static str {
        match self {
            Self::Generic => "Keys of any type",
            Self::String => "Strings",
            Self::List => "Lists",
            Self::Hash => "Hashes",
            Self::Set => "Sets",
            Self::SortedSet => "Sorted sets",
            Self::Stream => "Streams",
            Self::Bitmap => "Bitmaps",
            Self::HyperLogLog => "HyperLogLog",
            Self::Geo => "Geospatial indices",
            Self::PubSub => "Publish and subscribe",
            Self::Transactions => "Transactions",
            Self::Scripting => "Scripts and functions",
            Self::Connection => "Connection and clients",
            Self::Server => "Server",
            Self::Cluster => "Cluster",
        }
    }
}

/// What a proxy does, in words.
fn pool(command: &Command) -> &'static str {
    match command.pool {
        PoolRule::Keys if command.has_one_key() => "sent to the key's owner",
        PoolRule::Keys => {
            "sent to the keys' owner; keys of several members are brought to one, under slot locks"
        }
        PoolRule::Options if command.flags.contains(Flags::BLOCKING) => {
            "sent to the keys' owner, with `BLOCK` on a connection of its own; keys of several members are brought to one, under slot locks"
        }
        PoolRule::Options => {
            "sent to the keys' owner; patterns that may name keys of other slots are refused"
        }
        PoolRule::Waits => {
            "sent to the keys' owner on a connection of its own; keys of several members are looked at again and again"
        }
        PoolRule::Script => {
            "sent to the keys' owner on a connection of its own; keys must be of one member, by a `{tag}` or `--colocate`"
        }
        PoolRule::Session => "kept by the proxy until EXEC; keys may be of several members",
        PoolRule::Split(Join::Sum) => "split by owner of the keys, the counts are added",
        PoolRule::Split(Join::InOrder) => "split by owner of the keys, the values come in the keys' order",
        PoolRule::Split(_) => "split by owner of the keys, not atomic across members",
        PoolRule::Everywhere(Join::Sum) => "sent to every member, the counts are added",
        PoolRule::Everywhere(Join::Concat) => "sent to every member, the lists are joined",
        PoolRule::Everywhere(_) => "sent to every member, not atomic across members",
        PoolRule::Channel => "sent to the owner of the channel's name",
        PoolRule::Own => "answered for the pool by the proxy, which asks the members",
        PoolRule::Local => "answered by the proxy itself",
        PoolRule::Refused => "refused by the proxy",
    }
}
