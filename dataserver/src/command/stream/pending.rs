//! XPENDING.

use super::super::arguments::{int, is};
use super::super::{Call, Done};
use super::claiming::no_key_or_group;
use super::{ids, now, replying};
use crate::value::stream::{Group, Id, Number, Pending, Stream};
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::reply::Reply;

/// Which pending entries are asked for.
struct Wanted<'a> {
    from: Id,
    to: Id,
    count: usize,
    /// Not touched for this long, in milliseconds.
    idle: i64,
    consumer: Option<&'a [u8]>,
}

/// XPENDING key group [[IDLE min-idle-time] start end count [consumer]]
pub(in super::super) fn pending(c: &mut Call<'_, '_>) -> Done {
    let (args, now) = (c.args, now(c));
    let wanted = match args.len() {
        3 => None,
        6..=9 => Some(wanted(c)?),
        _ => return Err(errors::SYNTAX),
    };
    let stream = c.view.read_as::<Stream>(&c.keys[0])?;
    let group = stream.and_then(|stream| stream.groups.get(&args[2]));
    let group = group.ok_or_else(|| no_key_or_group(&args[1], &args[2]))?;
    match wanted {
        None => summary(&mut c.reply, group),
        Some(wanted) => list(&mut c.reply, group, &wanted, now),
    }
    Ok(())
}

fn wanted<'a>(c: &Call<'a, '_>) -> Result<Wanted<'a>, Error> {
    let args = c.args;
    let (mut idle, mut at) = (0, 3);
    if is(&args[3], "IDLE") {
        idle = int(&args[4])?;
        if args.len() < 8 {
            return Err(errors::SYNTAX);
        }
        at = 5;
    }
    let count = usize::try_from(int(&args[at + 2])?).unwrap_or(0);
    Ok(Wanted {
        from: ids::start(&args[at])?,
        to: ids::end(&args[at + 1])?,
        count,
        idle,
        consumer: args.get(at + 3),
    })
}

/// How many are pending, the first and the last, and how many each consumer has.
fn summary(reply: &mut Reply<'_>, group: &Group) {
    reply.array(4);
    reply.count(group.pending_len());
    let Some((first, last)) = group.pending_ends() else {
        reply.null();
        reply.null();
        return reply.null_array();
    };
    replying::id(reply, first);
    replying::id(reply, last);
    let busy = || group.consumers().filter(|consumer| consumer.pending() > 0);
    reply.array(busy().count());
    for consumer in busy() {
        reply.array(2);
        reply.bulk(&consumer.name);
        reply.bulk_int(consumer.pending() as i64);
    }
}

fn list(reply: &mut Reply<'_>, group: &Group, wanted: &Wanted<'_>, now: i64) {
    let (open, mut count) = (reply.open(), 0);
    let mut write = |id, pending: &Pending| {
        one(reply, group, id, pending, now);
        count += 1;
    };
    let is_wanted = |pending: &Pending| wanted.idle == 0 || now.wrapping_sub(pending.time) >= wanted.idle;
    match wanted.consumer.map(|name| group.find(name)) {
        Some(None) => {}
        Some(Some(number)) => {
            let found = of_consumer(group, number, wanted.from).take_while(|(id, _)| *id <= wanted.to);
            let found = found.filter(|(_, pending)| is_wanted(pending));
            found.take(wanted.count).for_each(|(id, pending)| write(id, pending));
        }
        None => {
            let found = group.pending_from(wanted.from).take_while(|(id, _)| *id <= wanted.to);
            let found = found.filter(|(_, pending)| is_wanted(pending));
            found.take(wanted.count).for_each(|(id, pending)| write(id, pending));
        }
    }
    reply.close_array(open, count);
}

fn of_consumer(group: &Group, number: Number, from: Id) -> impl Iterator<Item = (Id, &Pending)> {
    let ids = group.consumer(number).into_iter().flat_map(move |consumer| consumer.ids_from(from));
    ids.filter_map(|id| Some((id, group.pending(id)?)))
}

/// Id, consumer, milliseconds since it was delivered, times that it was.
fn one(reply: &mut Reply<'_>, group: &Group, id: Id, pending: &Pending, now: i64) {
    reply.array(4);
    replying::id(reply, id);
    reply.bulk(group.consumer(pending.consumer).map_or(b"", |consumer| &consumer.name));
    reply.int(now.wrapping_sub(pending.time).max(0));
    reply.int(pending.count);
}
