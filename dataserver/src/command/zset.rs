//! Sorted sets.

mod algebra;
mod bounds;
mod popping;
mod random;
mod ranges;
mod removing;
mod walking;

use super::arguments::{float, is};
use super::{Call, Done};
use crate::event;
use crate::store::Key;
use crate::value::Object;
use crate::value::fields::Limit;
use crate::value::zset::SortedSet;
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::reply::{Reply, Resp};
use std::sync::atomic::Ordering::Relaxed;

pub(super) use algebra::{Operation, combine, combine_and_store, count_common};
pub(super) use popping::{Side, multi_pop, multi_pop_or_wait, pop, pop_or_wait};
pub(super) use random::random_members;
pub(super) use ranges::{By, Order, count, count_names, range, range_by, store_range};
pub(super) use removing::{remove, remove_range};
pub(super) use walking::scan;

const NOT_A_NUMBER: Error = Error::fixed("ERR resulting score is not a number (NaN)");

#[inline]
pub(super) fn limit(c: &Call<'_, '_>) -> Limit {
    let shapes = &c.server.settings.shapes;
    Limit { entries: shapes.zset_entries.load(Relaxed), value: shapes.zset_value.load(Relaxed) }
}

/// What ZADD was told about members that are there, and those that are not.
#[derive(Clone, Copy, Default)]
pub(super) struct Rules {
    pub(super) nx: bool,
    pub(super) xx: bool,
    gt: bool,
    lt: bool,
    pub(super) changed: bool,
    increment: bool,
}

impl Rules {
    /// Reads one option. Whether it is one.
    #[inline]
    fn read(&mut self, option: &[u8]) -> bool {
        match option.len() {
            2 if is(option, "NX") => self.nx = true,
            2 if is(option, "XX") => self.xx = true,
            2 if is(option, "GT") => self.gt = true,
            2 if is(option, "LT") => self.lt = true,
            2 if is(option, "CH") => self.changed = true,
            4 if is(option, "INCR") => self.increment = true,
            _ => return false,
        }
        true
    }

    fn check(self, pairs: usize) -> Done {
        if self.nx && self.xx {
            return Err(Error::fixed("ERR XX and NX options at the same time are not compatible"));
        }
        if [self.gt, self.lt, self.nx].into_iter().filter(|given| *given).count() > 1 {
            return Err(Error::fixed("ERR GT, LT, and/or NX options at the same time are not compatible"));
        }
        if self.increment && pairs > 1 {
            return Err(Error::fixed("ERR INCR option supports a single increment-element pair"));
        }
        Ok(())
    }

    /// The score that a member gets, or `None` to leave it as it is.
    #[inline]
    fn decide(self, old: Option<f64>, score: f64) -> Option<f64> {
        let Some(old) = old else { return (!self.xx).then_some(score) };
        let new = if self.increment { old + score } else { score };
        let refused = self.nx || (self.gt && new <= old) || (self.lt && new >= old);
        (!refused).then_some(new)
    }
}

/// ZADD key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]
pub(super) fn add(c: &mut Call<'_, '_>) -> Done {
    add_by(c, Rules::default())
}

/// ZINCRBY key increment member
pub(super) fn increase(c: &mut Call<'_, '_>) -> Done {
    add_by(c, Rules { increment: true, ..Rules::default() })
}

fn add_by(c: &mut Call<'_, '_>, mut rules: Rules) -> Done {
    let mut first = 2;
    while c.args.get(first).is_some_and(|option| rules.read(option)) {
        first += 1;
    }
    let pairs = c.args.from(first);
    if pairs.len() == 0 || !pairs.len().is_multiple_of(2) {
        return Err(errors::SYNTAX);
    }
    rules.check(pairs.len() / 2)?;
    // All scores are read before any change; they are kept only where there is one.
    let only = float(&pairs[0])?;
    for i in (2..pairs.len()).step_by(2) {
        float(&pairs[i])?;
    }
    let score = |i: usize| if i == 0 { only } else { float(&pairs[2 * i]).unwrap_or_default() };
    add_all(c, rules, pairs.len() / 2, |i| (score(i), pairs.get(2 * i + 1).unwrap_or_default()))
}

/// Adds `count` keys, each of which `key` tells, as ZADD does.
#[inline]
pub(super) fn add_all<'k>(
    c: &mut Call<'_, '_>,
    rules: Rules,
    count: usize,
    key: impl Fn(usize) -> (f64, &'k [u8]),
) -> Done {
    let (limit, hasher) = (limit(c), c.view.hasher());
    let set =
        if rules.xx { c.view.write_as::<SortedSet>(&c.keys[0])? } else { Some(c.made::<SortedSet>(0)?) };
    let Some(set) = set else {
        answer(&mut c.reply, rules, 0, 0, None);
        return Ok(());
    };
    let (mut added, mut updated, mut last, mut nan) = (0, 0, None, false);
    for (score, member) in (0..count).map(key) {
        let (old, new) = set.update(member, hasher, limit, |old| {
            let new = rules.decide(old, score);
            // The sum of two infinities: the member's score stays.
            nan = new.is_some_and(f64::is_nan);
            new.filter(|_| !nan)
        });
        last = new;
        added += usize::from(old.is_none() && new.is_some());
        updated += usize::from(old.is_some() && new.is_some() && old != new);
    }
    if nan {
        return Err(NOT_A_NUMBER);
    }
    if added + updated > 0 {
        c.view.changed(&c.keys[0], if rules.increment { event::ZINCR } else { event::ZADD });
    }
    answer(&mut c.reply, rules, added, updated, last);
    Ok(())
}

fn answer(reply: &mut Reply<'_>, rules: Rules, added: usize, updated: usize, last: Option<f64>) {
    match last {
        _ if !rules.increment => reply.count(if rules.changed { added + updated } else { added }),
        Some(score) => reply.double(score),
        None => reply.null(),
    }
}

/// ZCARD key
pub(super) fn len(c: &mut Call<'_, '_>) -> Done {
    let len = c.view.read_as::<SortedSet>(&c.keys[0])?.map_or(0, SortedSet::len);
    c.reply.count(len);
    Ok(())
}

fn score_or_null(reply: &mut Reply<'_>, score: Option<f64>) {
    match score {
        Some(score) => reply.double(score),
        None => reply.null(),
    }
}

/// ZSCORE key member
pub(super) fn score(c: &mut Call<'_, '_>) -> Done {
    let hasher = c.view.hasher();
    let set = c.view.read_as::<SortedSet>(&c.keys[0])?;
    score_or_null(&mut c.reply, set.and_then(|set| set.score(&c.args[2], hasher)));
    Ok(())
}

/// ZMSCORE key member [member ...]
pub(super) fn scores(c: &mut Call<'_, '_>) -> Done {
    let (hasher, members) = (c.view.hasher(), c.args.from(2));
    let set = c.view.read_as::<SortedSet>(&c.keys[0])?;
    c.reply.array(members.len());
    for member in members.iter() {
        score_or_null(&mut c.reply, set.and_then(|set| set.score(member, hasher)));
    }
    Ok(())
}

/// ZRANK key member [WITHSCORE], and ZREVRANK
pub(super) fn rank(c: &mut Call<'_, '_>, back: bool) -> Done {
    let with_score = match c.args.get(3) {
        None => false,
        Some(_) if c.args.len() > 4 => return Err(errors::wrong_arity(c.command.full_name)),
        Some(word) if is(word, "WITHSCORE") => true,
        Some(_) => return Err(errors::SYNTAX),
    };
    let hasher = c.view.hasher();
    let set = c.view.read_as::<SortedSet>(&c.keys[0])?;
    let found = set.and_then(|set| set.rank(&c.args[2], hasher).map(|found| (set.len(), found)));
    let Some((len, (rank, score))) = found else {
        if with_score {
            c.reply.null_array();
        } else {
            c.reply.null();
        }
        return Ok(());
    };
    if with_score {
        c.reply.array(2);
    }
    c.reply.count(if back { len - 1 - rank } else { rank });
    if with_score {
        c.reply.double(score);
    }
    Ok(())
}

/// The header of `count` members, with or without scores: pairs in RESP3, flat in RESP2.
fn start_members(reply: &mut Reply<'_>, count: usize, with_scores: bool) {
    let flat = with_scores && reply.resp() == Resp::V2;
    reply.array(if flat { 2 * count } else { count });
}

/// One of them.
#[inline]
fn add_member(reply: &mut Reply<'_>, (score, member): crate::value::zset::Key<'_>, with_scores: bool) {
    if with_scores && reply.resp() == Resp::V3 {
        reply.array(2);
    }
    reply.bulk(member);
    if with_scores {
        reply.double(score);
    }
}

impl Call<'_, '_> {
    /// Puts a sorted set under a key in place of what was there, and replies with its length; an empty one deletes the key.
    pub(super) fn store_sorted_set(&mut self, key: &Key<'_>, set: SortedSet, event: event::Event) {
        let len = set.len();
        if len > 0 {
            let expiry = self.default_expiry();
            self.view.put(key, Object::SortedSet(set), expiry);
            self.view.changed(key, event);
        } else {
            self.view.delete(key);
        }
        self.reply.count(len);
    }

    /// Deletes the key of a sorted set that has no members any more.
    fn delete_emptied(&mut self, key: &Key<'_>) {
        self.view.delete(key);
    }
}
