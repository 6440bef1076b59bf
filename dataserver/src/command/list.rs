//! Lists.

mod moving;
mod searching;

use super::arguments::{at_least, int};
use super::{Call, Done};
use crate::event::{self, Event};
use crate::store::Key;
use crate::value::Object;
use crate::value::list::{End, Limit, List};
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::reply::Reply;
use std::ops::Range;
use std::sync::atomic::Ordering::Relaxed;

pub(super) use moving::{r#move, move_one, multi_pop, multi_pop_from, pop_name, pop_push, side};
pub(super) use searching::{insert, positions, remove};

#[inline]
pub(super) fn limit(c: &Call<'_, '_>) -> Limit {
    Limit::new(c.server.settings.shapes.list_size.load(Relaxed))
}

/// LPUSH key element [element ...], and RPUSH
pub(super) fn push(c: &mut Call<'_, '_>, end: End) -> Done {
    let (limit, args) = (limit(c), c.args);
    let list = c.made::<List>(0)?;
    let len = push_all(list, args.from(2).iter(), end, limit);
    c.changed(0, pushed(end));
    c.reply.count(len);
    Ok(())
}

/// LPUSHX key element [element ...], and RPUSHX
pub(super) fn push_if_there(c: &mut Call<'_, '_>, end: End) -> Done {
    let limit = limit(c);
    let len = match c.view.write_as::<List>(&c.keys[0])? {
        Some(list) => push_all(list, c.args.from(2).iter(), end, limit),
        None => 0,
    };
    if len > 0 {
        c.changed(0, pushed(end));
    }
    c.reply.count(len);
    Ok(())
}

#[inline]
fn push_all<'a>(list: &mut List, values: impl Iterator<Item = &'a [u8]>, end: End, limit: Limit) -> usize {
    values.for_each(|value| list.push(end, value, limit));
    list.len()
}

/// LPOP key [count], and RPOP
pub(super) fn pop(c: &mut Call<'_, '_>, end: End) -> Done {
    if c.args.len() > 3 {
        return Err(errors::wrong_arity(c.command.full_name));
    }
    let count = c.args.get(2).map(|text| at_least(0, text, errors::OUT_OF_RANGE_POSITIVE)).transpose()?;
    let limit = limit(c);
    let Some(list) = c.view.write_as::<List>(&c.keys[0])? else {
        if count.is_some() {
            c.reply.null_array()
        } else {
            c.reply.null()
        }
        return Ok(());
    };
    let taken = count.unwrap_or(1).min(list.len());
    if count.is_some() {
        c.reply.array(taken);
    }
    let emptied = take(list, taken, end, limit, &mut c.reply);
    if taken > 0 {
        popped(c, &c.keys[0], end, emptied);
    }
    Ok(())
}

/// What is said of a push at an end.
fn pushed(end: End) -> Event {
    if end == End::Head { event::LPUSH } else { event::RPUSH }
}

/// Says that elements were taken from an end, and deletes the list if they were its last.
pub(super) fn popped(c: &mut Call<'_, '_>, key: &Key<'_>, end: End, emptied: bool) {
    c.view.changed(key, if end == End::Head { event::LPOP } else { event::RPOP });
    if emptied {
        c.view.delete(key);
    }
}

/// Takes elements from an end and replies with them. Whether none is left: then the list is as it was, to be deleted.
pub(super) fn take(list: &mut List, count: usize, end: End, limit: Limit, reply: &mut Reply<'_>) -> bool {
    if count == list.len() {
        match end {
            End::Head => list.iter().for_each(|element| reply.bulk(element)),
            End::Tail => list.iter().rev().for_each(|element| reply.bulk(element)),
        }
        return true;
    }
    for _ in 0..count {
        reply.bulk(list.peek(end).unwrap_or_default());
        list.drop_end(end, limit);
    }
    false
}

/// LLEN key
pub(super) fn len(c: &mut Call<'_, '_>) -> Done {
    let len = c.view.read_as::<List>(&c.keys[0])?.map_or(0, List::len);
    c.reply.count(len);
    Ok(())
}

/// An index that may count from the end.
#[inline]
fn nth(index: i64, len: usize) -> Option<usize> {
    usize::try_from(if index < 0 { index + len as i64 } else { index }).ok()
}

/// LINDEX key index
pub(super) fn index(c: &mut Call<'_, '_>) -> Done {
    let Some(list) = c.view.read_as::<List>(&c.keys[0])? else {
        c.reply.null();
        return Ok(());
    };
    let index = nth(int(&c.args[2])?, list.len());
    c.reply.bulk_or_null(index.and_then(|index| list.get(index)));
    Ok(())
}

/// LSET key index element
pub(super) fn set(c: &mut Call<'_, '_>) -> Done {
    let limit = limit(c);
    let list = c.view.write_as::<List>(&c.keys[0])?.ok_or(errors::NO_SUCH_KEY)?;
    let index = nth(int(&c.args[2])?, list.len()).ok_or(errors::INDEX_OUT_OF_RANGE)?;
    if !list.set(index, &c.args[3], limit) {
        return Err(errors::INDEX_OUT_OF_RANGE);
    }
    c.changed(0, event::LSET);
    c.reply.ok();
    Ok(())
}

/// The start and stop that a command was given.
fn bounds(c: &Call<'_, '_>) -> Result<(i64, i64), Error> {
    Ok((int(&c.args[2])?, int(&c.args[3])?))
}

/// The part of a list that start and stop mean; both may count from the end, and stop is part of it.
fn part((start, stop): (i64, i64), len: usize) -> Range<usize> {
    let start = nth(start, len).unwrap_or(0);
    let end = nth(stop, len).map_or(0, |stop| stop.saturating_add(1).min(len));
    if start < end { start..end } else { 0..0 }
}

/// LRANGE key start stop
pub(super) fn range(c: &mut Call<'_, '_>) -> Done {
    let bounds = bounds(c)?;
    let Some(list) = c.view.read_as::<List>(&c.keys[0])? else {
        c.reply.array(0);
        return Ok(());
    };
    let part = part(bounds, list.len());
    c.reply.array(part.len());
    list.iter_from(part.start).take(part.len()).for_each(|element| c.reply.bulk(element));
    Ok(())
}

/// LTRIM key start stop
pub(super) fn trim(c: &mut Call<'_, '_>) -> Done {
    let (bounds, limit) = (bounds(c)?, limit(c));
    if let Some(list) = c.view.write_as::<List>(&c.keys[0])? {
        let part = part(bounds, list.len());
        let emptied = part.is_empty();
        if !emptied && part.len() < list.len() {
            let cut = list.trim(part.start, part.end, limit);
            if !cut.is_empty() {
                c.view.discard_object(Object::List(cut));
            }
        }
        c.changed(0, event::LTRIM);
        if emptied {
            c.view.delete(&c.keys[0]);
        }
    }
    c.reply.ok();
    Ok(())
}
