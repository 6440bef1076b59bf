//! Popping members of the lowest or highest scores.

use super::super::arguments::{at_least, is};
use super::super::blocking::{Waits, seconds};
use super::super::{Call, Done};
use crate::event;
use crate::store::Key;
use crate::value::zset::SortedSet;
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::reply::Resp;

/// The end that members are popped from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Side {
    /// The lowest scores.
    Min,
    /// The highest scores.
    Max,
}

/// How what is popped is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Members and scores, one after the other.
    Flat,
    /// Pairs of a member and a score.
    Pairs,
    /// The key, then a member and its score.
    KeyThenFlat,
    /// The key and an array of pairs.
    KeyAndPairs,
}

/// ZPOPMIN key [count], and ZPOPMAX
pub(in super::super) fn pop(c: &mut Call<'_, '_>, side: Side) -> Done {
    if c.args.len() > 3 {
        return Err(errors::SYNTAX);
    }
    let count = c.args.get(2).map(|text| at_least(0, text, errors::OUT_OF_RANGE_POSITIVE)).transpose()?;
    let shape = if count.is_some() && c.reply.resp() == Resp::V3 { Shape::Pairs } else { Shape::Flat };
    if !take(c, &c.keys[0], side, count.unwrap_or(1), shape)? {
        c.reply.array(0);
    }
    Ok(())
}

/// BZPOPMIN key [key ...] timeout, and BZPOPMAX
pub(in super::super) fn pop_or_wait(c: &mut Call<'_, '_>, side: Side) -> Done {
    let timeout = seconds(&c.args[c.args.len() - 1])?;
    if pop_first(c, side, 1, Shape::KeyThenFlat)? {
        return Ok(());
    }
    c.block(Waits::on("zset", timeout), |reply| reply.null_array())
}

/// BZMPOP timeout numkeys key [key ...] MIN|MAX [COUNT count]
pub(in super::super) fn multi_pop_or_wait(c: &mut Call<'_, '_>) -> Done {
    let timeout = seconds(&c.args[1])?;
    let (side, count) = multi_pop_options(c, 2)?;
    if pop_first(c, side, count, Shape::KeyAndPairs)? {
        return Ok(());
    }
    c.block(Waits::on("zset", timeout), |reply| reply.null_array())
}

/// Pops from the first of the call's keys that has members, and that nobody else waits for, and replies with them. Whether
/// there is one.
fn pop_first(c: &mut Call<'_, '_>, side: Side, count: usize, shape: Shape) -> Result<bool, Error> {
    for i in 0..c.keys.len() {
        let key = c.keys[i];
        if c.view.write_as::<SortedSet>(&key)?.is_none() || c.must_queue(i) {
            continue;
        }
        return take(c, &key, side, count, shape);
    }
    Ok(false)
}

/// Pops up to `count` members and replies with them. Whether there is such a key.
fn take(c: &mut Call<'_, '_>, key: &Key<'_>, side: Side, count: usize, shape: Shape) -> Result<bool, Error> {
    let hasher = c.view.hasher();
    let Some(set) = c.view.write_as::<SortedSet>(key)? else { return Ok(false) };
    let (len, down) = (set.len(), side == Side::Max);
    let taken = count.min(len);
    let reply = &mut c.reply;
    match shape {
        Shape::Flat => reply.array(2 * taken),
        Shape::Pairs => reply.array(taken),
        Shape::KeyThenFlat => {
            reply.array(2 * taken + 1);
            reply.bulk(key.bytes);
        }
        Shape::KeyAndPairs => {
            reply.array(2);
            reply.bulk(key.bytes);
            reply.array(taken);
        }
    }
    let ranks = if down { len - taken..len } else { 0..taken };
    set.each(ranks.clone(), down, |(score, member)| {
        if matches!(shape, Shape::Pairs | Shape::KeyAndPairs) {
            reply.array(2);
        }
        reply.bulk(member);
        reply.double(score);
    });
    let rest = if taken < len { set.remove_ranks(ranks, hasher) } else { None };
    c.discard(rest);
    if taken > 0 {
        c.view.changed(key, if down { event::ZPOPMAX } else { event::ZPOPMIN });
    }
    if taken == len {
        c.delete_emptied(key);
    }
    if taken > 0 {
        let name: &[u8] = if down { b"ZPOPMAX" } else { b"ZPOPMIN" };
        c.view.say(key, &[name, key.bytes, itoa::Buffer::new().format(taken).as_bytes()]);
    }
    Ok(true)
}

/// ZMPOP numkeys key [key ...] MIN|MAX [COUNT count]
pub(in super::super) fn multi_pop(c: &mut Call<'_, '_>) -> Done {
    let (side, count) = multi_pop_options(c, 1)?;
    if !pop_first(c, side, count, Shape::KeyAndPairs)? {
        c.reply.null_array();
    }
    Ok(())
}

/// What stands behind the keys of ZMPOP and BZMPOP, whose number is the argument `at`.
fn multi_pop_options(c: &Call<'_, '_>, at: usize) -> Result<(Side, usize), Error> {
    let keys = at_least(1, &c.args[at], Error::fixed("ERR numkeys should be greater than 0"))?;
    let at = keys.saturating_add(at + 1);
    let side = match c.args.get(at) {
        Some(word) if is(word, "MIN") => Side::Min,
        Some(word) if is(word, "MAX") => Side::Max,
        _ => return Err(errors::SYNTAX),
    };
    let count = match (c.args.get(at + 1), c.args.get(at + 2)) {
        (None, _) => 1,
        (Some(word), Some(count)) if is(word, "COUNT") => {
            at_least(1, count, Error::fixed("ERR count should be greater than 0"))?
        }
        _ => return Err(errors::SYNTAX),
    };
    if c.args.len() > at + 3 { Err(errors::SYNTAX) } else { Ok((side, count)) }
}
