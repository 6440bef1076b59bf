//! ZRANGE and its relatives.

use super::super::arguments::{int, is};
use super::super::{Call, Done};
use super::bounds::Bounds;
use super::{add_member, limit, start_members};
use crate::event;
use crate::value::zset::SortedSet;
use ringtail_protocol::errors::{self, Error};
use std::ops::Range;

pub(in super::super) use super::bounds::By;

/// In which direction a range goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Order {
    /// From the lowest score up.
    Up,
    /// From the highest score down.
    Down,
}

/// What a range command was asked.
struct Wanted<'a> {
    bounds: Bounds<'a>,
    down: bool,
    with_scores: bool,
    /// Members to pass over, and the most to take; all when it is negative.
    offset: i64,
    most: i64,
}

impl<'a> Wanted<'a> {
    /// The part of a set that is wanted, as ranks.
    fn part(&self, set: &SortedSet) -> Range<usize> {
        let Range { start, end } = self.bounds.ranks(set);
        let (start, end) = if let Bounds::Ranks(..) = self.bounds
            && self.down
        {
            // Ranks were counted from the other end.
            (set.len() - end, set.len() - start)
        } else {
            (start, end)
        };
        let Ok(offset) = usize::try_from(self.offset) else { return 0..0 };
        let most = usize::try_from(self.most).unwrap_or(usize::MAX);
        let left = (end - start).saturating_sub(offset).min(most);
        if left == 0 {
            0..0
        } else if self.down {
            end - offset - left..end - offset
        } else {
            start + offset..start + offset + left
        }
    }

    /// Reads the arguments from the first bound on. `by` and `order` are `None` where options say them.
    fn read(
        c: &Call<'a, '_>,
        at: usize,
        by: Option<By>,
        order: Option<Order>,
        store: bool,
    ) -> Result<Self, Error> {
        let (mut read_by, mut down) = (by, order == Some(Order::Down));
        let (mut with_scores, mut offset, mut most, mut i) = (false, 0, -1, at + 2);
        while let Some(option) = c.args.get(i) {
            match () {
                () if !store && is(option, "WITHSCORES") => with_scores = true,
                () if is(option, "LIMIT") && i + 2 < c.args.len() => {
                    (offset, most) = (int(&c.args[i + 1])?, int(&c.args[i + 2])?);
                    i += 2;
                }
                () if order.is_none() && is(option, "REV") => down = true,
                () if read_by.is_none() && is(option, "BYLEX") => read_by = Some(By::Name),
                () if read_by.is_none() && is(option, "BYSCORE") => read_by = Some(By::Score),
                () => return Err(errors::SYNTAX),
            }
            i += 1;
        }
        let by = read_by.unwrap_or(By::Rank);
        if most != -1 && by == By::Rank {
            return Err(Error::fixed(
                "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
            ));
        }
        if with_scores && by == By::Name {
            return Err(Error::fixed("ERR syntax error, WITHSCORES not supported in combination with BYLEX"));
        }
        let (min, max) = if down && by != By::Rank { (at + 1, at) } else { (at, at + 1) };
        let (args, offset) = (c.args, if by == By::Rank { 0 } else { offset });
        let bounds = Bounds::read(by, args.get(min).unwrap_or_default(), args.get(max).unwrap_or_default())?;
        Ok(Self { bounds, down, with_scores, offset, most })
    }
}

/// ZRANGE key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]
pub(in super::super) fn range(c: &mut Call<'_, '_>) -> Done {
    let wanted = Wanted::read(c, 2, None, None, false)?;
    answer(c, &wanted)
}

/// ZREVRANGE, ZRANGEBYSCORE, ZREVRANGEBYSCORE, ZRANGEBYLEX and ZREVRANGEBYLEX
pub(in super::super) fn range_by(c: &mut Call<'_, '_>, by: By, order: Order) -> Done {
    let wanted = Wanted::read(c, 2, Some(by), Some(order), false)?;
    answer(c, &wanted)
}

fn answer(c: &mut Call<'_, '_>, wanted: &Wanted<'_>) -> Done {
    let Some(set) = c.view.read_as::<SortedSet>(&c.keys[0])? else {
        c.reply.array(0);
        return Ok(());
    };
    let part = wanted.part(set);
    start_members(&mut c.reply, part.len(), wanted.with_scores);
    set.each(part, wanted.down, |key| add_member(&mut c.reply, key, wanted.with_scores));
    Ok(())
}

/// ZRANGESTORE dst src min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]
pub(in super::super) fn store_range(c: &mut Call<'_, '_>) -> Done {
    let wanted = Wanted::read(c, 3, None, None, true)?;
    let (limit, hasher) = (limit(c), c.view.hasher());
    let mut result = SortedSet::default();
    if let Some(set) = c.view.read_as::<SortedSet>(&c.keys[1])? {
        set.each(wanted.part(set), false, |(score, member)| {
            result.update(member, hasher, limit, |_| Some(score));
        });
    }
    c.store_sorted_set(&c.keys[0], result, event::ZRANGESTORE);
    Ok(())
}

/// ZCOUNT key min max
pub(in super::super) fn count(c: &mut Call<'_, '_>) -> Done {
    count_in(c, By::Score)
}

/// ZLEXCOUNT key min max
pub(in super::super) fn count_names(c: &mut Call<'_, '_>) -> Done {
    count_in(c, By::Name)
}

fn count_in(c: &mut Call<'_, '_>, by: By) -> Done {
    let args = c.args;
    let bounds = Bounds::read(by, &args[2], &args[3])?;
    let count = c.view.read_as::<SortedSet>(&c.keys[0])?.map_or(0, |set| bounds.ranks(set).len());
    c.reply.count(count);
    Ok(())
}
