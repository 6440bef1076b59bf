//! SLOWLOG: commands that took long.

use super::arguments::int;
use super::{Call, Done};
use crate::slowlog::Entry;
use ringtail_protocol::errors::Error;
use ringtail_protocol::reply::Reply;

/// Entries that GET answers unless told otherwise.
const DEFAULT_COUNT: usize = 10;

const BAD_COUNT: Error = Error::fixed("ERR count should be greater than or equal to -1");

const TOO_MANY: Error =
    Error::fixed("ERR unknown subcommand or wrong number of arguments for 'get'. Try SLOWLOG HELP.");

/// SLOWLOG GET [count]; -1 = all.
pub(super) fn get(c: &mut Call<'_, '_>) -> Done {
    let count = match (c.args.len(), c.args.get(2)) {
        (_, None) => DEFAULT_COUNT,
        (3, Some(count)) => match int(count).map_err(|_| BAD_COUNT)? {
            -1 => usize::MAX,
            count => usize::try_from(count).map_err(|_| BAD_COUNT)?,
        },
        _ => return Err(TOO_MANY),
    };
    let entries = c.server.slowlog.newest(count);
    c.reply.array(entries.len());
    entries.iter().for_each(|entry| write(entry, &mut c.reply));
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

/// SLOWLOG LEN
pub(super) fn len(c: &mut Call<'_, '_>) -> Done {
    c.reply.count(c.server.slowlog.len());
    Ok(())
}

/// SLOWLOG RESET
pub(super) fn reset(c: &mut Call<'_, '_>) -> Done {
    c.server.slowlog.reset();
    c.reply.ok();
    Ok(())
}
