//! `COMMAND DOCS`'s description of a command.

use super::{Arg, ArgFlags, Command, info};
use crate::reply::Reply;

/// A map from the name of each of `commands` to its description.
pub(super) fn write_all<'c>(commands: impl Iterator<Item = &'c Command> + Clone, reply: &mut Reply<'_>) {
    reply.map(commands.clone().count());
    for command in commands {
        reply.bulk(command.full_name.as_bytes());
        write(command, reply);
    }
}

/// The value of one field of a description.
enum Value<'c> {
    Text(&'c str),
    Number(u8),
    Deprecated,
    Flags(ArgFlags),
    History(&'c [(&'c str, &'c str)]),
    Args(&'c [Arg]),
    Subcommands(&'c [Command]),
}

fn write(command: &Command, reply: &mut Reply<'_>) {
    let (since, instead) = command.replaced_by.unzip();
    write_fields(
        [
            ("summary", Some(Value::Text(command.summary))),
            ("since", Some(Value::Text(command.since))),
            ("group", Some(Value::Text(command.group.name()))),
            ("complexity", Some(command.complexity).filter(|text| !text.is_empty()).map(Value::Text)),
            ("doc_flags", since.map(|_| Value::Deprecated)),
            ("deprecated_since", since.map(Value::Text)),
            ("replaced_by", instead.map(Value::Text)),
            ("history", unless_empty(command.history).map(Value::History)),
            ("arguments", unless_empty(command.args).map(Value::Args)),
            ("subcommands", unless_empty(command.subcommands()).map(Value::Subcommands)),
        ],
        reply,
    );
}

fn write_arg(arg: &Arg, reply: &mut Reply<'_>) {
    write_fields(
        [
            ("name", Some(Value::Text(arg.name))),
            ("type", Some(Value::Text(arg.kind.name()))),
            ("key_spec_index", arg.is_key().then_some(Value::Number(arg.key_spec))),
            ("token", arg.token.map(Value::Text)),
            ("since", arg.since.map(Value::Text)),
            ("deprecated_since", arg.deprecated_since.map(Value::Text)),
            ("flags", Some(arg.flags).filter(|flags| !flags.is_empty()).map(Value::Flags)),
            ("arguments", unless_empty(arg.args).map(Value::Args)),
        ],
        reply,
    );
}

fn unless_empty<T>(items: &[T]) -> Option<&[T]> {
    Some(items).filter(|items| !items.is_empty())
}

/// A map of the fields that have a value.
fn write_fields<const N: usize>(fields: [(&str, Option<Value<'_>>); N], reply: &mut Reply<'_>) {
    reply.map(fields.iter().filter(|(_, value)| value.is_some()).count());
    for (name, value) in fields {
        if let Some(value) = value {
            reply.bulk(name.as_bytes());
            write_value(value, reply);
        }
    }
}

fn write_value(value: Value<'_>, reply: &mut Reply<'_>) {
    match value {
        Value::Text(text) => reply.bulk(text.as_bytes()),
        Value::Number(number) => reply.int(i64::from(number)),
        Value::Flags(flags) => info::names(flags, reply),
        Value::Subcommands(subcommands) => write_all(subcommands.iter(), reply),
        Value::Deprecated => {
            reply.set(1);
            reply.simple("deprecated");
        }
        Value::History(changes) => {
            reply.set(changes.len());
            changes.iter().for_each(|change| write_change(change, reply));
        }
        Value::Args(args) => {
            reply.array(args.len());
            args.iter().for_each(|arg| write_arg(arg, reply));
        }
    }
}

fn write_change((version, change): &(&str, &str), reply: &mut Reply<'_>) {
    reply.array(2);
    reply.bulk(version.as_bytes());
    reply.bulk(change.as_bytes());
}
