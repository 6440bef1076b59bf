//! Streams.

mod adding;
mod claiming;
mod groups;
mod ids;
mod info;
mod pending;
mod reading;
mod replying;
mod trimming;

use super::arguments::{int, is};
use super::{Call, Done};
use crate::event;
use crate::value::stream::{Id, Stream};
use ringtail_protocol::errors::{self, Error, printable};

pub(super) use adding::add;
pub(super) use claiming::{auto_claim, claim};
pub(super) use groups::{
    acknowledge, create, create_consumer, delete_consumer, destroy, set_id as set_group_id,
};
pub(super) use info::{consumers, groups, stream};
pub(super) use pending::pending;
pub(super) use reading::{read, read_group};
pub(super) use trimming::trim;

/// What XRANGE is asked for with no COUNT, and others with a COUNT of 0.
const ALL: usize = usize::MAX;

/// The clock, as times in groups are kept.
fn now(c: &Call<'_, '_>) -> i64 {
    c.view.now as i64
}

/// A name as error texts have it.
fn shown(name: &[u8]) -> String {
    printable(name, usize::MAX)
}

/// XLEN key
pub(super) fn len(c: &mut Call<'_, '_>) -> Done {
    let len = c.view.read_as::<Stream>(&c.keys[0])?.map_or(0, |stream| stream.log.len());
    c.reply.count(len);
    Ok(())
}

/// XRANGE key start end [COUNT count]
pub(super) fn range(c: &mut Call<'_, '_>) -> Done {
    range_between(c, 2, 3, false)
}

/// XREVRANGE key end start [COUNT count]
pub(super) fn range_back(c: &mut Call<'_, '_>) -> Done {
    range_between(c, 3, 2, true)
}

fn range_between(c: &mut Call<'_, '_>, start: usize, end: usize, back: bool) -> Done {
    let (from, to) = (ids::start(&c.args[start])?, ids::end(&c.args[end])?);
    let count = range_count(c)?;
    let Some(stream) = c.view.read_as::<Stream>(&c.keys[0])? else {
        c.reply.array(0);
        return Ok(());
    };
    match (count, back) {
        (0, _) => c.reply.null_array(),
        (_, false) => drop(replying::entries(&mut c.reply, stream.log.range(from, to).take(count))),
        (_, true) => drop(replying::entries(&mut c.reply, stream.log.range_back(from, to).take(count))),
    }
    Ok(())
}

/// The number behind the last COUNT.
fn range_count(c: &Call<'_, '_>) -> Result<usize, Error> {
    let (mut count, mut i) = (ALL, 4);
    while let Some(option) = c.args.get(i) {
        match c.args.get(i + 1) {
            Some(number) if is(option, "COUNT") => count = usize::try_from(int(number)?).unwrap_or(0),
            _ => return Err(errors::SYNTAX),
        }
        i += 2;
    }
    Ok(count)
}

/// XDEL key id [id ...]
pub(super) fn delete(c: &mut Call<'_, '_>) -> Done {
    let args = c.args.from(2);
    let Some(stream) = c.view.write_as::<Stream>(&c.keys[0])? else {
        c.reply.int(0);
        return Ok(());
    };
    for text in args.iter() {
        ids::strict(text, 0)?;
    }
    let mut deleted = 0;
    for text in args.iter() {
        deleted += usize::from(stream.log.remove(ids::strict(text, 0)?));
    }
    if deleted > 0 {
        c.view.changed(&c.keys[0], event::XDEL);
    }
    c.reply.count(deleted);
    Ok(())
}

const BELOW_DELETED: Error =
    Error::fixed("ERR The ID specified in XSETID is smaller than current max_deleted_entry_id");
const BELOW_TOP: Error =
    Error::fixed("ERR The ID specified in XSETID is smaller than the target stream top item");
const BELOW_LENGTH: Error =
    Error::fixed("ERR The entries_added specified in XSETID is smaller than the target stream length");
const NEGATIVE_ADDED: Error = Error::fixed("ERR entries_added must be positive");
const BELOW_GIVEN: Error =
    Error::fixed("ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id");

/// XSETID key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]
pub(super) fn set_id(c: &mut Call<'_, '_>) -> Done {
    let last = ids::strict(&c.args[2], 0)?;
    let (added, deleted) = counters(c, last)?;
    let log = &mut c.view.write_as::<Stream>(&c.keys[0])?.ok_or(errors::NO_SUCH_KEY)?.log;
    if last < log.max_deleted {
        return Err(BELOW_DELETED);
    }
    if let Some(top) = log.last_entry_id() {
        if last < top {
            return Err(BELOW_TOP);
        }
        if added.is_some_and(|added| added < log.len() as u64) {
            return Err(BELOW_LENGTH);
        }
    }
    log.last = last;
    log.added = added.unwrap_or(log.added);
    if deleted != Id::MIN {
        log.max_deleted = deleted;
    }
    c.view.altered(&c.keys[0]);
    c.view.notify(&c.keys[0], event::XSETID);
    c.reply.ok();
    Ok(())
}

/// XSETID's options.
fn counters(c: &Call<'_, '_>, last: Id) -> Result<(Option<u64>, Id), Error> {
    let (mut added, mut deleted, mut i) = (None, Id::MIN, 3);
    while let Some(option) = c.args.get(i) {
        match c.args.get(i + 1) {
            Some(number) if is(option, "ENTRIESADDED") => {
                added = Some(u64::try_from(int(number)?).map_err(|_| NEGATIVE_ADDED)?);
            }
            Some(id) if is(option, "MAXDELETEDID") => {
                deleted = ids::strict(id, 0)?;
                if last < deleted {
                    return Err(BELOW_GIVEN);
                }
            }
            _ => return Err(errors::SYNTAX),
        }
        i += 2;
    }
    Ok((added, deleted))
}
