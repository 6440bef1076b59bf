//! XINFO.

use super::super::arguments::{int, is};
use super::super::{Call, Done};
use super::groups::{no_group, no_such_form};
use super::{ALL, now, replying};
use crate::value::stream::{Consumer, Entry, Group, Id, Log, Pending, Stream};
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::reply::Reply;
use ringtail_protocol::request::Args;

/// Entries that FULL returns of each list unless COUNT says otherwise.
const USUAL: usize = 10;

/// XINFO STREAM key [FULL [COUNT count]]
pub(in super::super) fn stream(c: &mut Call<'_, '_>) -> Done {
    let stream = c.view.read_as::<Stream>(&c.keys[0])?.ok_or(errors::NO_SUCH_KEY)?;
    let (full, reply) = (full(c.args)?, &mut c.reply);
    reply.map(if full.is_some() { 9 } else { 10 });
    counters(reply, &stream.log);
    match full {
        None => ends(reply, stream),
        Some(count) => contents(reply, stream, count),
    }
    Ok(())
}

/// How many of each are wanted with FULL; none without.
fn full(args: Args<'_>) -> Result<Option<usize>, Error> {
    let is_full = |i| args.get(i).is_some_and(|word| is(word, "FULL"));
    match args.len() {
        3 => Ok(None),
        4 if is_full(3) => Ok(Some(USUAL)),
        6 if is_full(3) && is(&args[4], "COUNT") => Ok(Some(match int(&args[5])? {
            0 => ALL,
            count => usize::try_from(count).unwrap_or(USUAL),
        })),
        _ => Err(no_such_form(args)),
    }
}

fn count(reply: &mut Reply<'_>, name: &str, n: usize) {
    reply.bulk(name.as_bytes());
    reply.count(n);
}

fn id(reply: &mut Reply<'_>, name: &str, id: Id) {
    reply.bulk(name.as_bytes());
    replying::id(reply, id);
}

fn int_or_null(reply: &mut Reply<'_>, name: &str, n: Option<i64>) {
    reply.bulk(name.as_bytes());
    match n {
        Some(n) => reply.int(n),
        None => reply.null(),
    }
}

fn counters(reply: &mut Reply<'_>, log: &Log) {
    count(reply, "length", log.len());
    count(reply, "radix-tree-keys", log.blocks());
    // There is no radix tree: a root, and a node for each block.
    count(reply, "radix-tree-nodes", log.blocks() + 1);
    id(reply, "last-generated-id", log.last);
    id(reply, "max-deleted-entry-id", log.max_deleted);
    int_or_null(reply, "entries-added", Some(log.added as i64));
    id(reply, "recorded-first-entry-id", log.first_id());
}

/// The number of groups, the first entry and the last.
fn ends(reply: &mut Reply<'_>, stream: &Stream) {
    fn end(reply: &mut Reply<'_>, name: &str, entry: Option<Entry<'_>>) {
        reply.bulk(name.as_bytes());
        match entry {
            Some(entry) => replying::entry(reply, entry),
            None => reply.null(),
        }
    }
    count(reply, "groups", stream.groups.len());
    end(reply, "first-entry", stream.log.range(Id::MIN, Id::MAX).next());
    end(reply, "last-entry", stream.log.range_back(Id::MIN, Id::MAX).next());
}

/// Entries and groups, `most` of what each list has.
fn contents(reply: &mut Reply<'_>, stream: &Stream, most: usize) {
    reply.bulk(b"entries");
    replying::entries(reply, stream.log.range(Id::MIN, Id::MAX).take(most));
    reply.bulk(b"groups");
    reply.array(stream.groups.len());
    for (name, group) in &stream.groups {
        reply.map(7);
        reply.bulk(b"name");
        reply.bulk(name);
        progress(reply, &stream.log, group);
        count(reply, "pel-count", group.pending_len());
        reply.bulk(b"pending");
        reply.array(group.pending_len().min(most));
        for (id, pending) in group.pending_from(Id::MIN).take(most) {
            let owner = group.consumer(pending.consumer).map_or(&b""[..], |consumer| &consumer.name);
            delivery(reply, id, Some(owner), pending);
        }
        reply.bulk(b"consumers");
        reply.array(group.consumer_count());
        group.consumers().for_each(|consumer| full_consumer(reply, group, consumer, most));
    }
}

fn full_consumer(reply: &mut Reply<'_>, group: &Group, consumer: &Consumer, most: usize) {
    reply.map(5);
    reply.bulk(b"name");
    reply.bulk(&consumer.name);
    int_or_null(reply, "seen-time", Some(consumer.seen));
    int_or_null(reply, "active-time", Some(consumer.active));
    count(reply, "pel-count", consumer.pending());
    reply.bulk(b"pending");
    reply.array(consumer.pending().min(most));
    for id in consumer.ids_from(Id::MIN).take(most) {
        if let Some(pending) = group.pending(id) {
            delivery(reply, id, None, pending);
        }
    }
}

/// A pending entry: its id, its owner's name if wanted, when it was delivered, and how many times.
fn delivery(reply: &mut Reply<'_>, id: Id, owner: Option<&[u8]>, pending: &Pending) {
    reply.array(3 + usize::from(owner.is_some()));
    replying::id(reply, id);
    if let Some(owner) = owner {
        reply.bulk(owner);
    }
    reply.int(pending.time);
    reply.int(pending.count);
}

/// How far a group has read.
fn progress(reply: &mut Reply<'_>, log: &Log, group: &Group) {
    id(reply, "last-delivered-id", group.last);
    int_or_null(reply, "entries-read", group.read);
    int_or_null(reply, "lag", log.lag(group));
}

/// XINFO GROUPS key
pub(in super::super) fn groups(c: &mut Call<'_, '_>) -> Done {
    let stream = c.view.read_as::<Stream>(&c.keys[0])?.ok_or(errors::NO_SUCH_KEY)?;
    let reply = &mut c.reply;
    reply.array(stream.groups.len());
    for (name, group) in &stream.groups {
        reply.map(6);
        reply.bulk(b"name");
        reply.bulk(name);
        count(reply, "consumers", group.consumer_count());
        count(reply, "pending", group.pending_len());
        progress(reply, &stream.log, group);
    }
    Ok(())
}

/// XINFO CONSUMERS key group
pub(in super::super) fn consumers(c: &mut Call<'_, '_>) -> Done {
    let now = now(c);
    let stream = c.view.read_as::<Stream>(&c.keys[0])?.ok_or(errors::NO_SUCH_KEY)?;
    let group = stream.groups.get(&c.args[3]).ok_or_else(|| no_group(&c.args[3], &c.args[2]))?;
    let reply = &mut c.reply;
    reply.array(group.consumer_count());
    for consumer in group.consumers() {
        reply.map(4);
        reply.bulk(b"name");
        reply.bulk(&consumer.name);
        count(reply, "pending", consumer.pending());
        int_or_null(reply, "idle", Some(now.wrapping_sub(consumer.seen).max(0)));
        let inactive = if consumer.active == -1 { -1 } else { now.wrapping_sub(consumer.active) };
        int_or_null(reply, "inactive", Some(inactive));
    }
    Ok(())
}
