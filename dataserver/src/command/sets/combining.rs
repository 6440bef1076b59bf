//! Intersections, unions and differences.

use super::super::arguments::{at_least, is};
use super::super::{Call, Done};
use super::{limit, write_item};
use crate::event::{self, Event};
use crate::store::Key;
use crate::store::hasher::Hasher;
use crate::store::view::View;
use crate::value::members::{Item, Limit, Members};
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::reply::Reply;

const NO_KEYS: Error = Error::fixed("ERR numkeys should be greater than 0");
const TOO_MANY_KEYS: Error = Error::fixed("ERR Number of keys can't be greater than number of args");
const NEGATIVE_LIMIT: Error = Error::fixed("ERR LIMIT can't be negative");

/// The sets under keys, none for a missing key.
///
/// # Errors
/// One of them, be it the last, holds something else.
fn under<'v>(view: &'v mut View<'_>, keys: &[Key<'_>]) -> Result<Vec<Option<&'v Members>>, Error> {
    for key in keys {
        view.read_as::<Members>(key)?;
    }
    let view = &*view;
    Ok(keys.iter().map(|key| view.beside(key)).collect())
}

/// SINTER key [key ...]
pub(in super::super) fn intersection(c: &mut Call<'_, '_>) -> Done {
    let hasher = c.view.hasher();
    let sets = under(c.view, c.keys)?;
    let (open, mut count, reply) = (c.reply.open(), 0, &mut c.reply);
    intersect(sets, hasher, |item| {
        write_item(reply, item);
        count += 1;
        true
    });
    c.reply.close_set(open, count);
    Ok(())
}

/// SINTERSTORE destination key [key ...]
pub(in super::super) fn store_intersection(c: &mut Call<'_, '_>) -> Done {
    let (hasher, limit) = (c.view.hasher(), limit(c));
    let mut made = Made::new(hasher, limit);
    intersect(under(c.view, &c.keys[1..])?, hasher, |item| {
        made.add(item);
        true
    });
    made.store(c, event::SINTERSTORE)
}

/// SINTERCARD numkeys key [key ...] [LIMIT limit]
pub(in super::super) fn intersection_len(c: &mut Call<'_, '_>) -> Done {
    let count = at_least(1, &c.args[1], NO_KEYS)?;
    if count > c.args.len() - 2 {
        return Err(TOO_MANY_KEYS);
    }
    let mut most = 0;
    let mut i = count + 2;
    while let Some(option) = c.args.get(i) {
        match c.args.get(i + 1) {
            Some(number) if is(option, "LIMIT") => most = at_least(0, number, NEGATIVE_LIMIT)?,
            _ => return Err(errors::SYNTAX),
        }
        i += 2;
    }
    let hasher = c.view.hasher();
    let mut found = 0;
    intersect(under(c.view, c.keys)?, hasher, |_| {
        found += 1;
        found != most
    });
    c.reply.count(found);
    Ok(())
}

/// Visits the members that all sets have until `visit` says no: those of the smallest set that the others, the next
/// smallest first, have too.
fn intersect(sets: Vec<Option<&Members>>, hasher: Hasher, mut visit: impl FnMut(Item<'_>) -> bool) {
    let Some(mut sets) = sets.into_iter().collect::<Option<Vec<_>>>() else { return };
    sets.sort_by_key(|set| set.len());
    let Some((smallest, others)) = sets.split_first() else { return };
    for item in smallest.iter() {
        let in_all = others.iter().all(|set| set.has(item, hasher));
        if in_all && !visit(item) {
            return;
        }
    }
}

/// SUNION key [key ...]
pub(in super::super) fn union(c: &mut Call<'_, '_>) -> Done {
    let made = Made::new(c.view.hasher(), for_a_reply(c));
    let sets = under(c.view, c.keys)?;
    match sets[..] {
        [Some(one)] => answer(one, &mut c.reply),
        _ => answer(&united(&sets, made).0, &mut c.reply),
    }
    Ok(())
}

/// SUNIONSTORE destination key [key ...]
pub(in super::super) fn store_union(c: &mut Call<'_, '_>) -> Done {
    let made = Made::new(c.view.hasher(), limit(c));
    let made = united(&under(c.view, &c.keys[1..])?, made);
    made.store(c, event::SUNIONSTORE)
}

fn united(sets: &[Option<&Members>], mut made: Made) -> Made {
    for set in sets.iter().flatten() {
        set.for_each(|item| made.add(item));
    }
    made
}

/// SDIFF key [key ...]
pub(in super::super) fn difference(c: &mut Call<'_, '_>) -> Done {
    let made = Made::new(c.view.hasher(), for_a_reply(c));
    let sets = under(c.view, c.keys)?;
    match sets[..] {
        [Some(one)] => answer(one, &mut c.reply),
        _ => answer(&differing(&sets, made).0, &mut c.reply),
    }
    Ok(())
}

/// SDIFFSTORE destination key [key ...]
pub(in super::super) fn store_difference(c: &mut Call<'_, '_>) -> Done {
    let made = Made::new(c.view.hasher(), limit(c));
    let made = differing(&under(c.view, &c.keys[1..])?, made);
    made.store(c, event::SDIFFSTORE)
}

/// By Redis's two ways: looking the members of the first set up in all others (and mostly finding them in one of the first), or
/// taking the members of all others away from it, whichever is less work.
fn differing(sets: &[Option<&Members>], mut made: Made) -> Made {
    let [Some(first), others @ ..] = sets else { return made };
    let mut others: Vec<&Members> = others.iter().flatten().copied().collect();
    if others.iter().any(|other| std::ptr::eq(*other, *first)) {
        return made;
    }
    let looking_up = first.len() * sets.len() / 2;
    let taking_away = first.len() + others.iter().map(|set| set.len()).sum::<usize>();
    if looking_up <= taking_away {
        others.sort_by_key(|set| std::cmp::Reverse(set.len()));
        first.for_each(|item| {
            if !others.iter().any(|set| set.has(item, made.1)) {
                made.add(item);
            }
        });
        return made;
    }
    first.for_each(|item| made.add(item));
    for set in others {
        if made.0.is_empty() {
            break;
        }
        set.for_each(|item| made.remove(item));
    }
    made
}

/// A set that is only answered is of integers, or a table that finds every member at once.
fn for_a_reply(c: &Call<'_, '_>) -> Limit {
    Limit { entries: 0, ..limit(c) }
}

fn answer(set: &Members, reply: &mut Reply<'_>) {
    reply.set(set.len());
    set.for_each(|item| write_item(reply, item));
}

/// A set that is being made.
struct Made(Members, Hasher, Limit);

impl Made {
    fn new(hasher: Hasher, limit: Limit) -> Self {
        Self(Members::default(), hasher, limit)
    }

    fn add(&mut self, item: Item<'_>) {
        self.0.add(item.bytes(&mut itoa::Buffer::new()), self.1, self.2);
    }

    fn remove(&mut self, item: Item<'_>) {
        self.0.remove(item.bytes(&mut itoa::Buffer::new()), self.1);
    }

    /// Puts it under the first key and answers its size.
    fn store(self, c: &mut Call<'_, '_>, event: Event) -> Done {
        let set = self.0;
        c.reply.count(set.len());
        c.stored(0, Some(set).filter(|set| !set.is_empty()), event);
        Ok(())
    }
}
