//! XADD.

use super::super::{Call, Done};
use super::ids::Wanted;
use super::replying;
use super::trimming::{options, say_trim};
use crate::event;
use crate::value::stream::{Id, Limit, Log, Stream};
use ringtail_protocol::errors::{self, Error};
use std::sync::atomic::Ordering::Relaxed;

const ZERO: Error = Error::fixed("ERR The ID specified in XADD must be greater than 0-0");
const EXHAUSTED: Error =
    Error::fixed("ERR The stream has exhausted the last possible ID, unable to add more items");
const TOO_SMALL: Error =
    Error::fixed("ERR The ID specified in XADD is equal or smaller than the target stream top item");

#[inline]
fn limit(c: &Call<'_, '_>) -> Limit {
    let shapes = &c.server.settings.shapes;
    Limit { bytes: shapes.stream_bytes.load(Relaxed), entries: shapes.stream_entries.load(Relaxed) }
}

/// XADD key [NOMKSTREAM] [MAXLEN|MINID [= | ~] threshold [LIMIT count]] *|id field value [field value ...]
pub(in super::super) fn add(c: &mut Call<'_, '_>) -> Done {
    let options = options(c, true)?;
    let pairs = c.args.from(options.at + 1);
    if options.at >= c.args.len() || pairs.len() == 0 || pairs.len() % 2 == 1 {
        return Err(errors::wrong_arity(c.command.full_name));
    }
    if matches!(options.id, Some(Wanted::Whole(Id::MIN))) {
        return Err(ZERO);
    }
    let (limit, now) = (limit(c), c.view.now);
    if options.no_stream && c.view.write_as::<Stream>(&c.keys[0])?.is_none() {
        c.reply.null();
        return Ok(());
    }
    let log = &mut c.made::<Stream>(0)?.log;
    let id = new_id(log, options.id, now)?;
    log.push(id, pairs.iter(), limit);
    let trimmed = options.trim.is_some_and(|trim| trim.apply(log) > 0);
    let (left, key) = (log.len(), &c.keys[0]);
    c.view.changed(key, event::XADD);
    id.with_text(|id| c.view.say_with(key, &[b"XADD", key.bytes, id], pairs.iter()));
    if trimmed {
        c.view.notify(key, event::XTRIM);
        say_trim(c, left);
    }
    replying::id(&mut c.reply, id);
    Ok(())
}

/// The id of an entry that is added now. A new stream has one for everything but 0-0.
fn new_id(log: &Log, wanted: Option<Wanted>, now: u64) -> Result<Id, Error> {
    if log.last == Id::MAX {
        return Err(EXHAUSTED);
    }
    let id = match wanted {
        None => log.next_id(now),
        Some(Wanted::Whole(id)) => Some(id),
        Some(Wanted::Millis(ms)) if ms == log.last.ms => {
            log.last.seq.checked_add(1).map(|seq| Id::new(ms, seq))
        }
        Some(Wanted::Millis(ms)) => Some(Id::new(ms, 0)),
    };
    id.filter(|&id| id > log.last).ok_or(TOO_SMALL)
}
