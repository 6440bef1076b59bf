//! Verbs and forms that Redis has not, rewritten before they are sent: the servers may be stock Redis.

use std::rc::Rc;

use ringtail_protocol::command::CommandId;
use ringtail_protocol::number::parse_i64;
use ringtail_protocol::request::{Args, Span};

use crate::route::{self, Request};
use crate::session::{Hold, Session, State};
use crate::worker::Worker;

#[cfg(test)]
mod tests;

/// Whether the request is spelled as Redis does not spell it.
#[inline]
pub(crate) fn is_meant(request: &Request<'_>) -> bool {
    let (command, args) = (request.command, request.args);
    match command.executes() {
        _ if command.alias_of.is_some() => true,
        CommandId::Set => args.len() == 4 && is_seconds(&args[3]),
        CommandId::Ttl => args.len() == 3,
        CommandId::Keys => args.len() == 1,
        _ => false,
    }
}

/// A bare number of seconds, as in `SET key value 60`.
fn is_seconds(arg: &[u8]) -> bool {
    parse_i64(arg).is_some_and(|seconds| seconds > 0)
}

/// Runs what is meant.
#[cold]
pub(crate) fn route(
    worker: &Rc<Worker>,
    session: &Rc<Session>,
    state: &mut State,
    request: Request<'_>,
) -> Result<(), Hold> {
    let (id, words) = meaning(&request);
    let (buf, spans) = packed(&words);
    let meant = Request { command: id.command(), args: Args::new(&buf, &spans), raw: None };
    route::route_spelled(worker, session, state, meant)
}

/// The request in Redis's words.
pub(crate) fn meaning<'a>(request: &Request<'a>) -> (CommandId, Vec<&'a [u8]>) {
    let (id, args) = (request.command.executes(), request.args);
    // Of a subcommand the first argument says which.
    let name = id.command().full_name.split('|').next().unwrap_or_default();
    let mut words: Vec<&[u8]> = vec![name.as_bytes()];
    words.extend(args.from(1).iter());
    match (id, args.len()) {
        (CommandId::Set, 4) if is_seconds(&args[3]) => words.insert(3, b"EX"),
        (CommandId::Keys, 1) => words.push(b"*"),
        (CommandId::Ttl, 3) if args.get(2) == Some(b"0") => {
            return (CommandId::Persist, vec![b"persist", words[1]]);
        }
        (CommandId::Ttl, 3) => {
            words[0] = b"expire";
            return (CommandId::Expire, words);
        }
        _ => {}
    }
    (id, words)
}

fn packed(words: &[&[u8]]) -> (Vec<u8>, Vec<Span>) {
    let mut buf = Vec::new();
    let spans = words
        .iter()
        .map(|word| {
            buf.extend_from_slice(word);
            Span { start: (buf.len() - word.len()) as u32, len: word.len() as u32 }
        })
        .collect();
    (buf, spans)
}
