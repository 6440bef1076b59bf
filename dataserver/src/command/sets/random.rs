//! SPOP and SRANDMEMBER.

use super::super::arguments::{at_least, drawable, signed};
use super::super::{Call, Done};
use super::{at_most, write_item};
use crate::event;
use crate::value::members::{Chosen, Item, Members};
use ringtail_protocol::errors;
use ringtail_protocol::reply::Reply;
use std::collections::HashSet;

/// Of at least this many times as many members as are wanted, random ones are drawn until enough differ.
const SPARSE: usize = 3;

/// SPOP key [count]
pub(in super::super) fn pop(c: &mut Call<'_, '_>) -> Done {
    at_most(c, 3)?;
    let count = c.args.get(2).map(|text| at_least(0, text, errors::OUT_OF_RANGE_POSITIVE)).transpose()?;
    let (key, hasher, logged) = (&c.keys[0], c.view.hasher(), c.view.is_logged());
    let (reply, mut chosen) = (&mut c.reply, Vec::new());
    let Some(set) = c.view.write_as::<Members>(key)? else {
        if count.is_some() {
            reply.set(0);
        } else {
            reply.null();
        }
        return Ok(());
    };
    let taken = count.unwrap_or(1).min(set.len());
    if count.is_some() {
        reply.set(taken);
    }
    let all = taken == set.len();
    // What is left to be freed goes with the key, off the path.
    let rest = if all {
        set.for_each(|item| write_item(reply, item));
        None
    } else {
        set.take_random(taken, hasher, &mut fastrand::Rng::new(), |item| {
            write_item(reply, item);
            if logged {
                chosen.push(item.bytes(&mut itoa::Buffer::new()).to_vec());
            }
        })
    };
    c.discard(rest);
    if taken > 0 {
        c.view.changed(key, event::SPOP);
    }
    if all {
        c.view.delete(key);
    } else if !chosen.is_empty() {
        c.view.say_with(key, &[b"SREM", key.bytes], chosen.iter().map(Vec::as_slice));
    }
    Ok(())
}

/// SRANDMEMBER key [count]
pub(in super::super) fn random_members(c: &mut Call<'_, '_>) -> Done {
    at_most(c, 3)?;
    let count = c.args.get(2).map(signed).transpose()?;
    let set = c.view.read_as::<Members>(&c.keys[0])?;
    let (reply, mut random) = (&mut c.reply, fastrand::Rng::new());
    match (set, count) {
        (None, None) => reply.null(),
        (None, Some(_)) | (Some(_), Some(0)) => reply.array(0),
        (Some(set), None) => set.random(&mut random).into_iter().for_each(|item| write_item(reply, item)),
        (Some(set), Some(count)) if count < 0 => {
            return repeated(set, drawable(count.unsigned_abs() as usize)?, &mut random, reply);
        }
        (Some(set), Some(count)) => distinct(set, count as usize, &mut random, reply),
    }
    Ok(())
}

/// Members that may be the same. How many is for the client to say, but not beyond any bound.
fn repeated(set: &Members, count: usize, random: &mut fastrand::Rng, reply: &mut Reply<'_>) -> Done {
    reply.array(count);
    // Of a packed set, each draw would walk from its start.
    let packed: Vec<Item<'_>> =
        if matches!(set, Members::Small(_)) { set.iter().collect() } else { Vec::new() };
    for _ in 0..count {
        let item = random.choice(&packed).copied().or_else(|| set.random(random));
        item.into_iter().for_each(|item| write_item(reply, item));
        if reply.is_too_long() {
            return Err(errors::REPLY_TOO_LONG);
        }
    }
    Ok(())
}

/// Up to `count` different members.
fn distinct(set: &Members, count: usize, random: &mut fastrand::Rng, reply: &mut Reply<'_>) {
    let count = count.min(set.len());
    reply.array(count);
    if matches!(set, Members::Small(_)) || count >= set.len() / SPARSE {
        let mut chosen = Chosen::of(count, set.len());
        set.for_each(|item| {
            if chosen.next(random) {
                write_item(reply, item);
            }
        });
        return;
    }
    let mut seen = HashSet::with_capacity(count);
    while seen.len() < count {
        if let Some(item) = set.random(random)
            && seen.insert(item)
        {
            write_item(reply, item);
        }
    }
}
