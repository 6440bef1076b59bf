//! Sets.

mod combining;
mod random;

use super::scan::{cursor, element_options};
use super::{Call, Done};
use crate::event;
use crate::value::members::{Item, Limit, Members};
use ringtail_protocol::errors;
use ringtail_protocol::glob;
use ringtail_protocol::reply::Reply;
use std::sync::atomic::Ordering::Relaxed;

pub(super) use combining::{
    difference, intersection, intersection_len, store_difference, store_intersection, store_union, union,
};
pub(super) use random::{pop, random_members};

#[inline]
fn limit(c: &Call<'_, '_>) -> Limit {
    let shapes = &c.server.settings.shapes;
    Limit {
        ints: shapes.set_ints.load(Relaxed),
        entries: shapes.set_entries.load(Relaxed),
        value: shapes.set_value.load(Relaxed),
    }
}

#[inline]
fn write_item(reply: &mut Reply<'_>, item: Item<'_>) {
    match item {
        Item::Int(n) => reply.bulk_int(n),
        Item::Bytes(bytes) => reply.bulk(bytes),
    }
}

/// SADD key member [member ...]
pub(super) fn add(c: &mut Call<'_, '_>) -> Done {
    let (limit, hasher, members) = (limit(c), c.view.hasher(), c.args.from(2));
    let set = c.made::<Members>(0)?;
    if members.len() > 1 {
        set.expect(&members[0], members.len(), hasher, limit);
    }
    let added = members.iter().filter(|member| set.add(member, hasher, limit)).count();
    if added > 0 {
        c.view.changed(&c.keys[0], event::SADD);
    }
    c.reply.count(added);
    Ok(())
}

/// SREM key member [member ...]
pub(super) fn remove(c: &mut Call<'_, '_>) -> Done {
    let (hasher, key) = (c.view.hasher(), &c.keys[0]);
    let mut removed = 0;
    if let Some(set) = c.view.write_as::<Members>(key)? {
        removed = c.args.from(2).iter().filter(|member| set.remove(member, hasher)).count();
        let empty = set.is_empty();
        if removed > 0 {
            c.view.changed(key, event::SREM);
        }
        if empty {
            c.view.delete(key);
        }
    }
    c.reply.count(removed);
    Ok(())
}

/// SISMEMBER key member
pub(super) fn contains(c: &mut Call<'_, '_>) -> Done {
    let hasher = c.view.hasher();
    let set = c.view.read_as::<Members>(&c.keys[0])?;
    c.reply.flag(set.is_some_and(|set| set.contains(&c.args[2], hasher)));
    Ok(())
}

/// SMISMEMBER key member [member ...]
pub(super) fn contains_each(c: &mut Call<'_, '_>) -> Done {
    let (hasher, wanted) = (c.view.hasher(), c.args.from(2));
    let set = c.view.read_as::<Members>(&c.keys[0])?;
    c.reply.array(wanted.len());
    for member in wanted.iter() {
        c.reply.flag(set.is_some_and(|set| set.contains(member, hasher)));
    }
    Ok(())
}

/// SCARD key
pub(super) fn len(c: &mut Call<'_, '_>) -> Done {
    let len = c.view.read_as::<Members>(&c.keys[0])?.map_or(0, Members::len);
    c.reply.count(len);
    Ok(())
}

/// SMEMBERS key
pub(super) fn all(c: &mut Call<'_, '_>) -> Done {
    let set = c.view.read_as::<Members>(&c.keys[0])?;
    c.reply.set(set.map_or(0, Members::len));
    if let Some(set) = set {
        set.for_each(|item| write_item(&mut c.reply, item));
    }
    Ok(())
}

/// SMOVE source destination member
pub(super) fn r#move(c: &mut Call<'_, '_>) -> Done {
    let (limit, hasher, args) = (limit(c), c.view.hasher(), c.args);
    let member = &args[3];
    let [source, destination] = [&c.keys[0], &c.keys[1]];
    let is_there = c.view.write_as::<Members>(source)?.map(|set| set.contains(member, hasher));
    if is_there.is_none() {
        // As in Redis, the destination may be of any type then.
        c.reply.flag(false);
        return Ok(());
    }
    c.view.write_as::<Members>(destination)?;
    let moves = is_there == Some(true);
    if moves && source.bytes != destination.bytes {
        take(c, member);
        if c.made::<Members>(1)?.add(member, hasher, limit) {
            c.view.changed(destination, event::SADD);
            c.view.say(destination, &[b"SADD", destination.bytes, member]);
        }
    }
    c.reply.flag(moves);
    Ok(())
}

/// Takes a member out of the set under the first key.
fn take(c: &mut Call<'_, '_>, member: &[u8]) {
    let (hasher, source) = (c.view.hasher(), &c.keys[0]);
    let Ok(Some(set)) = c.view.write_as::<Members>(source) else { return };
    set.remove(member, hasher);
    let empty = set.is_empty();
    c.view.changed(source, event::SREM);
    if empty {
        c.view.delete(source);
    }
    c.view.say(source, &[b"SREM", source.bytes, member]);
}

/// SSCAN key cursor [MATCH pattern] [COUNT count]
pub(super) fn scan(c: &mut Call<'_, '_>) -> Done {
    let from = cursor(&c.args[2])?;
    let set = c.view.read_as::<Members>(&c.keys[0])?;
    c.reply.array(2);
    let Some(set) = set else {
        // As in Redis, options are not looked at.
        c.reply.bulk(b"0");
        c.reply.array(0);
        return Ok(());
    };
    let (most, pattern) = element_options(c.args)?;
    let (mut items, mut found, mut digits) = (Vec::new(), 0, itoa::Buffer::new());
    let mut reply = Reply::new(&mut items, c.reply.resp());
    let next = set.scan(from, most, |item| {
        let member = item.bytes(&mut digits);
        if pattern.is_none_or(|pattern| glob::matches(pattern, member)) {
            reply.bulk(member);
            found += 1;
        }
    });
    c.reply.bulk_int(next as i64);
    c.reply.array(found);
    c.reply.raw(&items);
    Ok(())
}

/// For a command that takes one argument more at most.
fn at_most(c: &Call<'_, '_>, args: usize) -> Done {
    if c.args.len() > args { Err(errors::SYNTAX) } else { Ok(()) }
}
