//! Taking over what another consumer has pending: XCLAIM and XAUTOCLAIM.

use super::super::arguments::is;
use super::super::{Call, Done};
use super::{ids, now, replying, shown};
use crate::event;
use crate::value::stream::{Group, Id, Log, Number, Pending, Stream};
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::number::parse_i64;
use ringtail_protocol::reply::Reply;

const BAD_IDLE: Error = Error::fixed("ERR Invalid IDLE option argument for XCLAIM");
const BAD_TIME: Error = Error::fixed("ERR Invalid TIME option argument for XCLAIM");
const BAD_RETRY_COUNT: Error = Error::fixed("ERR Invalid RETRYCOUNT option argument for XCLAIM");
const BAD_MIN_IDLE: Error = Error::fixed("ERR Invalid min-idle-time argument for XCLAIM");
const BAD_AUTO_MIN_IDLE: Error = Error::fixed("ERR Invalid min-idle-time argument for XAUTOCLAIM");
const BAD_COUNT: Error = Error::fixed("ERR COUNT must be > 0");

/// Pending entries that XAUTOCLAIM looks at for each one that it may return.
const ATTEMPTS: usize = 10;
/// The largest COUNT, as in Redis.
const MOST: i64 = i64::MAX / 16;
/// COUNT unless it is given.
const USUAL: usize = 100;

/// `NOGROUP` where the key may be what is missing.
pub(super) fn no_key_or_group(key: &[u8], group: &[u8]) -> Error {
    Error::new(format!("NOGROUP No such key '{}' or consumer group '{}'", shown(key), shown(group)))
}

/// How entries are claimed.
struct Claim {
    consumer: Number,
    /// Only what was not touched for this long, in milliseconds.
    min_idle: i64,
    /// The time of delivery that is noted, in milliseconds since 1970.
    time: i64,
    /// The number of deliveries that is noted; none: one more, unless only ids are wanted.
    count: Option<i64>,
    only_ids: bool,
}

impl Claim {
    /// Whether an entry was left alone long enough.
    fn takes(&self, pending: &Pending, now: i64) -> bool {
        self.min_idle == 0 || now.wrapping_sub(pending.time) >= self.min_idle
    }

    /// Makes an entry the consumer's, and answers it.
    fn take(&self, group: &mut Group, log: &Log, id: Id, old: i64, now: i64, reply: &mut Reply<'_>) {
        let count = self.count.unwrap_or_else(|| old.saturating_add(i64::from(!self.only_ids)));
        group.give(id, Pending { time: self.time, count, consumer: self.consumer });
        if let Some(consumer) = group.consumer_mut(self.consumer) {
            consumer.active = now;
        }
        match log.get(id) {
            Some(entry) if !self.only_ids => replying::entry(reply, entry),
            _ => replying::id(reply, id),
        }
    }
}

/// XCLAIM's options.
#[derive(Default)]
struct Options {
    time: Option<i64>,
    count: Option<i64>,
    force: bool,
    only_ids: bool,
    last: Id,
}

/// The options from argument `i` on.
fn options(c: &Call<'_, '_>, mut i: usize) -> Result<Options, Error> {
    let (mut options, now) = (Options::default(), now(c));
    while let Some(option) = c.args.get(i) {
        let next = c.args.get(i + 1);
        let number = |error| parse_i64(next.unwrap_or_default()).ok_or(error);
        i += 1;
        if is(option, "FORCE") {
            options.force = true;
            continue;
        } else if is(option, "JUSTID") {
            options.only_ids = true;
            continue;
        }
        match next {
            Some(_) if is(option, "IDLE") => options.time = Some(now.wrapping_sub(number(BAD_IDLE)?)),
            Some(_) if is(option, "TIME") => options.time = Some(number(BAD_TIME)?),
            Some(_) if is(option, "RETRYCOUNT") => {
                options.count = Some(number(BAD_RETRY_COUNT)?).filter(|&count| count >= 0);
            }
            Some(id) if is(option, "LASTID") => options.last = ids::strict(id, 0)?,
            _ => return Err(Error::new(format!("ERR Unrecognized XCLAIM option '{}'", shown(option)))),
        }
        i += 1;
    }
    // A time that makes no sense is taken for now: clients reckon it with clocks of their own.
    options.time = options.time.filter(|time| (0..=now).contains(time));
    Ok(options)
}

/// The consumer of this name, who is there now, and whether it is new.
pub(super) fn seen(group: &mut Group, name: &[u8], now: i64) -> (Number, bool) {
    match group.find(name) {
        Some(number) => {
            if let Some(consumer) = group.consumer_mut(number) {
                consumer.seen = now;
            }
            (number, false)
        }
        None => (group.add(name, now), true),
    }
}

/// XCLAIM key group consumer min-idle-time id [id ...] [IDLE ms] [TIME unix-time-milliseconds] [RETRYCOUNT count] [FORCE]
/// [JUSTID] [LASTID lastid]
pub(in super::super) fn claim(c: &mut Call<'_, '_>) -> Done {
    let (args, now) = (c.args, now(c));
    let missing = || no_key_or_group(&args[1], &args[2]);
    if !c.view.write_as::<Stream>(&c.keys[0])?.is_some_and(|stream| stream.groups.contains_key(&args[2])) {
        return Err(missing());
    }
    let min_idle = parse_i64(&args[4]).ok_or(BAD_MIN_IDLE)?.max(0);
    let ids: Vec<Id> = args.from(5).iter().map_while(|text| ids::strict(text, 0).ok()).collect();
    let options = options(c, 5 + ids.len())?;
    let stream = c.view.write_as::<Stream>(&c.keys[0])?;
    let Stream { log, groups } = stream.ok_or_else(missing)?;
    let group = groups.get_mut(&args[2]).ok_or_else(missing)?;
    group.last = group.last.max(options.last);
    let (consumer, is_new) = seen(group, &args[3], now);
    let (time, count, only_ids) = (options.time.unwrap_or(now), options.count, options.only_ids);
    let claim = Claim { consumer, min_idle, time, count, only_ids };
    let (open, mut claimed) = (c.reply.open(), 0);
    for id in ids {
        let old = group.pending(id).copied();
        if log.get(id).is_none() {
            group.acknowledge(id);
            continue;
        }
        let old = match old {
            Some(old) if claim.takes(&old, now) => old.count,
            // One that is made by force counts as delivered once before.
            None if options.force => 1,
            _ => continue,
        };
        claim.take(group, log, id, old, now, &mut c.reply);
        claimed += 1;
    }
    c.reply.close_array(open, claimed);
    // That the consumer was seen is a change, too.
    c.view.altered(&c.keys[0]);
    if is_new {
        c.view.notify(&c.keys[0], event::XGROUP_CREATECONSUMER);
    }
    Ok(())
}

/// XAUTOCLAIM's options: COUNT, and whether JUSTID is there.
fn auto_options(c: &Call<'_, '_>) -> Result<(usize, bool), Error> {
    let (mut count, mut only_ids, mut i) = (USUAL, false, 6);
    while let Some(option) = c.args.get(i) {
        match c.args.get(i + 1) {
            Some(number) if is(option, "COUNT") => {
                let number = parse_i64(number).filter(|number| (1..=MOST).contains(number));
                count = number.ok_or(BAD_COUNT)? as usize;
                i += 1;
            }
            _ if is(option, "JUSTID") => only_ids = true,
            _ => return Err(errors::SYNTAX),
        }
        i += 1;
    }
    Ok((count, only_ids))
}

/// XAUTOCLAIM key group consumer min-idle-time start [COUNT count] [JUSTID]
pub(in super::super) fn auto_claim(c: &mut Call<'_, '_>) -> Done {
    let (args, now) = (c.args, now(c));
    let min_idle = parse_i64(&args[4]).ok_or(BAD_AUTO_MIN_IDLE)?.max(0);
    let start = ids::start(&args[5])?;
    let (count, only_ids) = auto_options(c)?;
    let missing = || no_key_or_group(&args[1], &args[2]);
    let Stream { log, groups } = c.view.write_as::<Stream>(&c.keys[0])?.ok_or_else(missing)?;
    let group = groups.get_mut(&args[2]).ok_or_else(missing)?;
    let (consumer, is_new) = seen(group, &args[3], now);
    let claim = Claim { consumer, min_idle, time: now, count: None, only_ids };
    // The cursor stands first, and is known last.
    let mut taken = Vec::new();
    let swept = sweep(&claim, group, log, start, count, now, &mut Reply::new(&mut taken, c.reply.resp()));
    c.reply.array(3);
    replying::id(&mut c.reply, swept.next);
    c.reply.array(swept.taken.len());
    c.reply.raw(&taken);
    replying::ids(&mut c.reply, &swept.gone);
    c.view.altered(&c.keys[0]);
    say_claims(c, &swept, only_ids);
    if is_new {
        c.view.notify(&c.keys[0], event::XGROUP_CREATECONSUMER);
    }
    Ok(())
}

/// Says to the log which entries XAUTOCLAIM has found: XCLAIM forgets those of them that are gone, too.
fn say_claims(c: &mut Call<'_, '_>, swept: &Swept, only_ids: bool) {
    if !c.view.is_logged() {
        return;
    }
    let (key, args) = (&c.keys[0], c.args);
    let mut words: Vec<String> = swept.taken.iter().chain(&swept.gone).map(Id::to_string).collect();
    if words.is_empty() {
        // No entry has this id: only the consumer is noted to have been seen.
        words.push(Id::MIN.to_string());
    }
    if only_ids {
        words.push("JUSTID".to_owned());
    }
    let head = [b"XCLAIM", key.bytes, &args[2], &args[3], b"0"];
    c.view.say_with(key, &head, words.iter().map(String::as_bytes));
}

/// What XAUTOCLAIM did.
struct Swept {
    /// Where the next call goes on; 0-0 at the end.
    next: Id,
    /// Entries that were claimed.
    taken: Vec<Id>,
    /// Entries that were pending and are no longer in the stream.
    gone: Vec<Id>,
}

/// Claims pending entries from `start` on, until `count` of them are answered or found gone.
fn sweep(
    claim: &Claim,
    group: &mut Group,
    log: &Log,
    start: Id,
    count: usize,
    now: i64,
    reply: &mut Reply<'_>,
) -> Swept {
    let mut swept = Swept { next: start, taken: Vec::new(), gone: Vec::new() };
    let mut at = Some(start);
    for _ in 0..count.saturating_mul(ATTEMPTS) {
        let Some((id, old)) = at.and_then(|at| group.pending_from(at).next()) else { break };
        let old = *old;
        if log.get(id).is_none() {
            group.acknowledge(id);
            swept.gone.push(id);
        } else if claim.takes(&old, now) {
            claim.take(group, log, id, old.count, now, reply);
            swept.taken.push(id);
        }
        at = id.next();
        if swept.taken.len() + swept.gone.len() == count || reply.is_too_long() {
            break;
        }
    }
    swept.next = at.and_then(|at| group.pending_from(at).next()).map_or(Id::MIN, |(id, _)| id);
    swept
}
