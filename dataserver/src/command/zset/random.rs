//! ZRANDMEMBER.

use super::super::arguments::{drawable, is, signed};
use super::super::{Call, Done};
use super::{add_member, start_members};
use crate::value::zset::SortedSet;
use ringtail_protocol::errors::{self, Error};
use std::collections::HashSet;

/// Of at least this many times as many members as are wanted, random ones are drawn until enough differ.
const SPARSE: usize = 3;

const OUT_OF_RANGE: Error = Error::fixed("ERR value is out of range");

/// ZRANDMEMBER key [count [WITHSCORES]]
pub(in super::super) fn random_members(c: &mut Call<'_, '_>) -> Done {
    let Some(count) = c.args.get(2) else { return one(c) };
    let count = signed(count)?;
    let with_scores = match c.args.get(3) {
        None => false,
        Some(word) if c.args.len() == 4 && is(word, "WITHSCORES") => true,
        Some(_) => return Err(errors::SYNTAX),
    };
    if with_scores && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(OUT_OF_RANGE);
    }
    let Some(set) = c.view.read_as::<SortedSet>(&c.keys[0])? else {
        c.reply.array(0);
        return Ok(());
    };
    let mut random = fastrand::Rng::new();
    if count >= 0 {
        let ranks = distinct(set.len(), count as usize, &mut random);
        start_members(&mut c.reply, ranks.len(), with_scores);
        ranks
            .into_iter()
            .filter_map(|rank| set.at(rank))
            .for_each(|key| add_member(&mut c.reply, key, with_scores));
        return Ok(());
    }
    // Members that may be the same. How many is for the client to say, but not beyond any bound.
    let count = drawable(count.unsigned_abs() as usize)?;
    start_members(&mut c.reply, count, with_scores);
    for _ in 0..count {
        set.at(random.usize(..set.len()))
            .into_iter()
            .for_each(|key| add_member(&mut c.reply, key, with_scores));
        if c.reply.is_too_long() {
            return Err(errors::REPLY_TOO_LONG);
        }
    }
    Ok(())
}

fn one(c: &mut Call<'_, '_>) -> Done {
    let set = c.view.read_as::<SortedSet>(&c.keys[0])?;
    let key = set.and_then(|set| set.at(fastrand::usize(..set.len().max(1))));
    c.reply.bulk_or_null(key.map(|(_, member)| member));
    Ok(())
}

/// Up to `count` different ranks below `len`.
fn distinct(len: usize, count: usize, random: &mut fastrand::Rng) -> Vec<usize> {
    if count >= len {
        return (0..len).collect();
    }
    if count >= len / SPARSE {
        let mut all: Vec<usize> = (0..len).collect();
        (0..count).for_each(|i| all.swap(i, random.usize(i..len)));
        all.truncate(count);
        return all;
    }
    let (mut ranks, mut seen) = (Vec::with_capacity(count), HashSet::with_capacity(count));
    while ranks.len() < count {
        let rank = random.usize(..len);
        if seen.insert(rank) {
            ranks.push(rank);
        }
    }
    ranks
}
