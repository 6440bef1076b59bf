//! `COMMAND` and the `HELP` subcommands, answered from the table alone, so that data server and proxy share
//! them.

use super::help::help;
use super::info;
use super::{Acl, Arguments, Command, CommandId, Found, KeyFlags, KeySpec, docs, find, keys, lookup};
use crate::errors::{Error, SYNTAX};
use crate::glob;
use crate::reply::Reply;

const INVALID_COMMAND: Error = Error::fixed("ERR Invalid command specified");
const INVALID_COUNT: Error = Error::fixed("ERR Invalid number of arguments specified for command");
const INVALID_ARGUMENTS: Error = Error::fixed("ERR Invalid arguments specified for command");
const NO_KEYS: Error = Error::fixed("ERR The command has no key arguments");

/// Answers a request for `command` if it is `COMMAND`, one of its subcommands, or any command's `HELP`.
/// The number of arguments must have been checked ([`Command::arity_ok`]).
///
/// Returns whether it was one of these; if not, nothing was written.
///
/// # Errors
/// Those of `COMMAND LIST` and `COMMAND GETKEYS`, in Redis's words; nothing was written then.
pub fn introspect<A: Arguments + ?Sized>(
    command: &Command,
    request: &A,
    reply: &mut Reply<'_>,
) -> Result<bool, Error> {
    match command.id {
        CommandId::Command => info::all(reply),
        CommandId::CommandCount => reply.count(top_level().count()),
        CommandId::CommandInfo => command_info(request, reply),
        CommandId::CommandDocs => command_docs(request, reply),
        CommandId::CommandList => command_list(request, reply)?,
        CommandId::CommandGetkeys => getkeys(request, reply, false)?,
        CommandId::CommandGetkeysandflags => getkeys(request, reply, true)?,
        _ => match command.parent {
            Some(parent) if command.name() == "help" => help(parent.command(), reply),
            _ => return Ok(false),
        },
    }
    Ok(true)
}

/// Every command that is no subcommand.
pub(super) fn top_level() -> impl Iterator<Item = &'static Command> + Clone {
    super::COMMANDS.iter().filter(|command| command.parent.is_none())
}

/// The row of `get` or `client|id`, in any case.
pub(crate) fn named(name: &[u8]) -> Option<&'static Command> {
    match name.iter().position(|&byte| byte == b'|') {
        Some(bar) => lookup(&name[..bar])?.subcommand(&name[bar + 1..]),
        None => lookup(name),
    }
}

/// The arguments from `from` on.
fn rest<A: Arguments + ?Sized>(request: &A, from: usize) -> impl Iterator<Item = &[u8]> + Clone {
    (from..request.count()).filter_map(|i| request.argument(i))
}

fn command_info<A: Arguments + ?Sized>(request: &A, reply: &mut Reply<'_>) {
    if request.count() == 2 {
        return info::all(reply);
    }
    reply.array(request.count() - 2);
    for name in rest(request, 2) {
        match named(name) {
            Some(command) => info::write(command, reply),
            None => reply.null(),
        }
    }
}

fn command_docs<A: Arguments + ?Sized>(request: &A, reply: &mut Reply<'_>) {
    if request.count() == 2 {
        return docs::write_all(top_level(), reply);
    }
    docs::write_all(rest(request, 2).filter_map(named), reply);
}

fn command_list<A: Arguments + ?Sized>(request: &A, reply: &mut Reply<'_>) -> Result<(), Error> {
    let word =
        |i, wanted: &str| request.argument(i).is_some_and(|arg| arg.eq_ignore_ascii_case(wanted.as_bytes()));
    if request.count() == 2 {
        list_if(|_| true, reply);
        return Ok(());
    }
    let (Some(wanted), 5, true) = (request.argument(4), request.count(), word(2, "filterby")) else {
        return Err(SYNTAX);
    };
    if word(3, "module") {
        list_if(|_| false, reply);
    } else if word(3, "aclcat") {
        let category = Acl::named(wanted).unwrap_or(Acl::empty());
        list_if(|command| command.acl.intersects(category), reply);
    } else if word(3, "pattern") {
        list_if(|command| glob::matches(&wanted.to_ascii_lowercase(), command.full_name.as_bytes()), reply);
    } else {
        return Err(SYNTAX);
    }
    Ok(())
}

/// The names of the commands and subcommands that `wanted` accepts.
fn list_if(wanted: impl Fn(&Command) -> bool, reply: &mut Reply<'_>) {
    let listed = || super::COMMANDS.iter().filter(|command| wanted(command));
    reply.array(listed().count());
    listed().for_each(|command| reply.bulk(command.full_name.as_bytes()));
}

/// A request inside another one: its arguments from the third on.
struct Inner<'r, A: ?Sized>(&'r A);

impl<A: Arguments + ?Sized> Arguments for Inner<'_, A> {
    fn count(&self) -> usize {
        self.0.count().saturating_sub(2)
    }

    fn argument(&self, index: usize) -> Option<&[u8]> {
        self.0.argument(index.checked_add(2)?)
    }
}

fn getkeys<A: Arguments + ?Sized>(request: &A, reply: &mut Reply<'_>, flags: bool) -> Result<(), Error> {
    let inner = Inner(request);
    let command = with_keys(&inner)?;
    let found = keys(command, &inner);
    if found.is_empty() {
        return Err(INVALID_ARGUMENTS);
    }
    reply.array(found.count());
    for spec in command.key_specs {
        let told = flags.then(|| key_flags(command, spec, &inner));
        for index in spec.indices(&inner) {
            key(inner.argument(index).unwrap_or_default(), told, reply);
        }
    }
    Ok(())
}

/// The command of a request whose keys are asked for.
fn with_keys<A: Arguments + ?Sized>(request: &A) -> Result<&'static Command, Error> {
    match find(request) {
        Found::Command(command) if command.key_specs.is_empty() => Err(NO_KEYS),
        Found::Command(command) if command.arity_ok(request.count()) => Ok(command),
        Found::Command(_) => Err(INVALID_COUNT),
        Found::NoCommand | Found::NoSubcommand(_) => Err(INVALID_COMMAND),
    }
}

/// One key, with what happens to it if that is to be told.
fn key(key: &[u8], flags: Option<KeyFlags>, reply: &mut Reply<'_>) {
    if flags.is_some() {
        reply.array(2);
    }
    reply.bulk(key);
    if let Some(flags) = flags {
        info::names(flags, reply);
    }
}

/// What a request does with the keys that one of its command's specs finds: for most what the spec says.
pub(crate) fn key_flags<A: Arguments + ?Sized>(command: &Command, spec: &KeySpec, request: &A) -> KeyFlags {
    if !spec.flags.contains(KeyFlags::VARIABLE_FLAGS) {
        return spec.flags;
    }
    let is_get = |arg: &[u8]| arg.eq_ignore_ascii_case(b"get");
    match command.full_name {
        "set" if !rest(request, 3).any(is_get) => KeyFlags::OW | KeyFlags::UPDATE,
        "bitfield" if only_gets(request) => KeyFlags::RO | KeyFlags::ACCESS,
        _ => spec.flags - KeyFlags::VARIABLE_FLAGS,
    }
}

/// Whether BITFIELD's operations change nothing.
fn only_gets<A: Arguments + ?Sized>(request: &A) -> bool {
    let mut at = 2;
    while let Some(word) = request.argument(at) {
        at += match &word.to_ascii_lowercase()[..] {
            b"get" => 3,
            b"overflow" => 2,
            _ => return false,
        };
    }
    true
}
