//! SLOWLOG: commands that took long.

use crate::command::Arguments;
use crate::errors::Error;
use crate::number::parse_i64;
use crate::reply::Reply;
use crate::stats::{Entry, Slowlog};

/// Entries that GET answers unless told otherwise.
const DEFAULT_COUNT: usize = 10;

const BAD_COUNT: Error = Error::fixed("ERR count should be greater than or equal to -1");

const TOO_MANY: Error =
    Error::fixed("ERR unknown subcommand or wrong number of arguments for 'get'. Try SLOWLOG HELP.");

/// SLOWLOG GET [count]; -1 = all.
pub(super) fn get<A: Arguments + ?Sized>(
    log: &Slowlog,
    request: &A,
    reply: &mut Reply<'_>,
) -> Result<(), Error> {
    let count = match (request.count(), request.argument(2)) {
        (_, None) => DEFAULT_COUNT,
        (3, Some(count)) => match parse_i64(count).ok_or(BAD_COUNT)? {
            -1 => usize::MAX,
            count => usize::try_from(count).map_err(|_| BAD_COUNT)?,
        },
        _ => return Err(TOO_MANY),
    };
    let entries = log.newest(count);
    reply.array(entries.len());
    entries.iter().for_each(|entry| write(entry, reply));
    Ok(())
}

fn write(entry: &Entry, reply: &mut Reply<'_>) {
    reply.array(6);
    for number in [entry.id, entry.at, entry.micros] {
        reply.int(number as i64);
    }
    reply.array(entry.args.len());
    entry.args.iter().for_each(|arg| reply.bulk(arg));
    reply.bulk(entry.peer.as_bytes());
    reply.bulk(entry.name.as_bytes());
}
