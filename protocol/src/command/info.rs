//! `COMMAND INFO`'s description of a command.

use super::introspect::top_level;
use super::{BeginSearch, Command, FindKeys, KeySpec};
use crate::reply::Reply;

/// All commands; subcommands stand inside theirs.
pub(super) fn all(reply: &mut Reply<'_>) {
    reply.array(top_level().count());
    top_level().for_each(|command| write(command, reply));
}

/// One command, with its subcommands.
pub(super) fn write(command: &Command, reply: &mut Reply<'_>) {
    reply.array(10);
    reply.bulk(command.full_name.as_bytes());
    reply.int(i64::from(command.arity));
    names(command.flags, reply);
    for place in [command.range.first, command.range.last, command.range.step] {
        reply.int(i64::from(place));
    }
    categories(command, reply);
    tips(command, reply);
    reply.set(command.key_specs.len());
    command.key_specs.iter().for_each(|spec| key_spec(spec, reply));
    match command.subcommands() {
        [] => reply.set(0),
        subcommands => {
            reply.array(subcommands.len());
            subcommands.iter().for_each(|sub| write(sub, reply));
        }
    }
}

/// The names of the flags that are set, as Redis writes them: `readonly`, but `RO`.
pub(super) fn names<F: bitflags::Flags + Copy>(flags: F, reply: &mut Reply<'_>) {
    reply.set(flags.iter_names().count());
    for (name, _) in flags.iter_names() {
        if name.len() == 2 {
            reply.simple(name);
        } else {
            reply.simple(&name.to_ascii_lowercase());
        }
    }
}

fn categories(command: &Command, reply: &mut Reply<'_>) {
    reply.set(command.acl.iter_names().count());
    for (name, _) in command.acl.iter_names() {
        reply.simple(&format!("@{}", name.to_ascii_lowercase()));
    }
}

fn tips(command: &Command, reply: &mut Reply<'_>) {
    let policies = command.pool.policies();
    reply.set(policies.len() + command.tips.len());
    for tip in policies.iter().chain(command.tips) {
        reply.bulk(tip.as_bytes());
    }
}

fn key_spec(spec: &KeySpec, reply: &mut Reply<'_>) {
    reply.map(3 + usize::from(spec.notes.is_some()));
    if let Some(notes) = spec.notes {
        reply.bulk(b"notes");
        reply.bulk(notes.as_bytes());
    }
    reply.bulk(b"flags");
    names(spec.flags, reply);
    reply.bulk(b"begin_search");
    begin_search(spec.begin, reply);
    reply.bulk(b"find_keys");
    find_keys(spec.find, reply);
}

fn begin_search(begin: BeginSearch, reply: &mut Reply<'_>) {
    match begin {
        BeginSearch::Index(at) => {
            typed("index", 1, reply);
            number("index", i64::from(at), reply);
        }
        BeginSearch::Keyword { word, from } => {
            typed("keyword", 2, reply);
            reply.bulk(b"keyword");
            reply.bulk(word.as_bytes());
            number("startfrom", i64::from(from), reply);
        }
        BeginSearch::Unknown | BeginSearch::SortStore => typed("unknown", 0, reply),
    }
}

fn find_keys(find: FindKeys, reply: &mut Reply<'_>) {
    match find {
        FindKeys::Range { last, step, limit } => {
            typed("range", 3, reply);
            number("lastkey", i64::from(last), reply);
            number("keystep", i64::from(step), reply);
            number("limit", i64::from(limit), reply);
        }
        FindKeys::KeyNum { count, first, step } => {
            typed("keynum", 3, reply);
            number("keynumidx", i64::from(count), reply);
            number("firstkey", i64::from(first), reply);
            number("keystep", i64::from(step), reply);
        }
        FindKeys::Unknown => typed("unknown", 0, reply),
    }
}

/// The type of a search, and the header of its `fields` parameters.
fn typed(name: &str, fields: usize, reply: &mut Reply<'_>) {
    reply.map(2);
    reply.bulk(b"type");
    reply.bulk(name.as_bytes());
    reply.bulk(b"spec");
    reply.map(fields);
}

fn number(name: &str, value: i64, reply: &mut Reply<'_>) {
    reply.bulk(name.as_bytes());
    reply.int(value);
}
