//! XREAD and XREADGROUP.

use super::super::arguments::is;
use super::super::blocking::{Timeout, Waits};
use super::super::{Call, Done};
use super::claiming::seen;
use super::{ALL, ids, now, replying, shown};
use crate::event;
use crate::value::stream::{Group, Id, Log, Number, Pending, Stream};
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::number::parse_i64;
use ringtail_protocol::reply::{Reply, Resp};
use ringtail_protocol::request::{Args, OwnedRequest};

const GROUP_OF_READ: Error =
    Error::fixed("ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.");
const NOACK_OF_READ: Error =
    Error::fixed("ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.");
const NO_GROUP: Error = Error::fixed("ERR Missing GROUP option for XREADGROUP");
const NEW_OF_READ: Error = Error::fixed(
    "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.",
);
const NOT_AN_INTEGER: Error = Error::fixed("ERR timeout is not an integer or out of range");

fn sign_of_group(sign: char) -> Error {
    Error::new(format!(
        "ERR The {sign} ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The {sign} ID would just return an empty result set."
    ))
}

/// What is asked for.
struct Asked<'a> {
    /// How long to wait, in milliseconds, if at all; 0 = for ever.
    block: Option<u64>,
    count: usize,
    /// The first key's argument.
    keys: usize,
    /// Names of the group and of the consumer.
    group: Option<(&'a [u8], &'a [u8])>,
    no_ack: bool,
}

/// Where reading begins in one stream.
#[derive(Clone, Copy)]
enum Start {
    /// After this entry: with a group, the consumer's own pending ones.
    After(Id),
    /// After the last that the group has read.
    New,
}

/// XREAD [COUNT count] [BLOCK milliseconds] STREAMS key [key ...] id [id ...]
pub(in super::super) fn read(c: &mut Call<'_, '_>) -> Done {
    read_any(c, false)
}

/// XREADGROUP GROUP group consumer [COUNT count] [BLOCK milliseconds] [NOACK] STREAMS key [key ...] id [id ...]
pub(in super::super) fn read_group(c: &mut Call<'_, '_>) -> Done {
    read_any(c, true)
}

fn read_any(c: &mut Call<'_, '_>, groups: bool) -> Done {
    let asked = asked(c, groups)?;
    let starts: Vec<Start> = (0..c.keys.len()).map(|i| start(c, &asked, i)).collect::<Result<_, _>>()?;
    let (open, mut served) = (c.reply.open(), 0);
    for (i, &start) in starts.iter().enumerate() {
        served += usize::from(match asked.group {
            Some(names) => serve_group(c, &asked, names, i, start)?,
            None => serve(c, &asked, i, start)?,
        });
    }
    match asked.block {
        _ if served > 0 => c.reply.close_map_of_pairs(open, served),
        None => c.reply.null_array(),
        Some(millis) => return wait(c, &asked, &starts, millis),
    }
    Ok(())
}

/// Waits until one of the streams has something, or the group is gone.
fn wait(c: &mut Call<'_, '_>, asked: &Asked<'_>, starts: &[Start], millis: u64) -> Done {
    let request = resolved(c.args, asked, starts);
    let even_missing = asked.group.is_some();
    let waits = Waits { even_missing, request, ..Waits::on("stream", Timeout::millis(millis)) };
    c.block(waits, |reply| reply.null_array())
}

/// The request with the id that `$` means now, if it has one: what is added from now on is wanted whenever it is looked
/// at again.
fn resolved(args: Args<'_>, asked: &Asked<'_>, starts: &[Start]) -> Option<OwnedRequest> {
    let first = args.len() - starts.len();
    if asked.group.is_some() || !args.from(first).iter().any(|id| id == b"$") {
        return None;
    }
    let mut words: Vec<Vec<u8>> = args.iter().map(<[u8]>::to_vec).collect();
    for (word, start) in words[first..].iter_mut().zip(starts) {
        if let Start::After(id) = start {
            *word = id.to_string().into_bytes();
        }
    }
    Some(OwnedRequest::new(words.iter().map(Vec::as_slice)))
}

fn asked<'a>(c: &Call<'a, '_>, groups: bool) -> Result<Asked<'a>, Error> {
    let args = c.args;
    let mut asked = Asked { block: None, count: ALL, keys: 0, group: None, no_ack: false };
    let mut i = 1;
    while let Some(option) = args.get(i) {
        let mut step = 2;
        match (args.get(i + 1), args.get(i + 2)) {
            (Some(number), _) if is(option, "BLOCK") => asked.block = Some(timeout(number, c.view.now)?),
            (Some(number), _) if is(option, "COUNT") => {
                let number = parse_i64(number).ok_or(errors::NOT_AN_INTEGER)?;
                asked.count = usize::try_from(number).ok().filter(|&n| n > 0).unwrap_or(ALL);
            }
            (Some(_), _) if is(option, "STREAMS") => {
                asked.keys = i + 1;
                break;
            }
            (Some(group), Some(consumer)) if is(option, "GROUP") => {
                if !groups {
                    return Err(GROUP_OF_READ);
                }
                asked.group = Some((group, consumer));
                step = 3;
            }
            _ if is(option, "NOACK") => {
                if !groups {
                    return Err(NOACK_OF_READ);
                }
                asked.no_ack = true;
                step = 1;
            }
            _ => return Err(errors::SYNTAX),
        }
        i += step;
    }
    match asked.keys {
        0 => Err(errors::SYNTAX),
        keys if (args.len() - keys) % 2 == 1 => Err(unbalanced(c, groups)),
        _ if groups && asked.group.is_none() => Err(NO_GROUP),
        _ => Ok(asked),
    }
}

fn unbalanced(c: &Call<'_, '_>, groups: bool) -> Error {
    let sign = if groups { '>' } else { '$' };
    Error::new(format!(
        "ERR Unbalanced '{}' list of streams: for each stream key an ID or '{sign}' must be specified.",
        c.command.full_name
    ))
}

fn timeout(text: &[u8], now: u64) -> Result<u64, Error> {
    let timeout =
        u64::try_from(parse_i64(text).ok_or(NOT_AN_INTEGER)?).map_err(|_| errors::TIMEOUT_NEGATIVE)?;
    if timeout > i64::MAX as u64 - now { Err(errors::TIMEOUT_OUT_OF_RANGE) } else { Ok(timeout) }
}

/// Where reading the stream of key `i` begins. Its type and its group are looked at before its id, as in Redis.
fn start(c: &mut Call<'_, '_>, asked: &Asked<'_>, i: usize) -> Result<Start, Error> {
    let text = &c.args[asked.keys + c.keys.len() + i];
    let stream = c.view.read_as::<Stream>(&c.keys[i])?;
    if let Some((group, _)) = asked.group {
        if !stream.is_some_and(|stream| stream.groups.contains_key(group)) {
            return Err(group_is_gone(c.keys[i].bytes, group));
        }
        return match text {
            b"$" => Err(sign_of_group('$')),
            b"+" => Err(sign_of_group('+')),
            b">" => Ok(Start::New),
            // The largest id is how Redis keeps `>`.
            _ => ids::strict(text, 0).map(|id| if id == Id::MAX { Start::New } else { Start::After(id) }),
        };
    }
    let last = stream.map_or(Id::MIN, |stream| stream.log.last);
    match text {
        b"$" => Ok(Start::After(last)),
        // Before the last entry that is there, so that it is returned.
        b"+" => Ok(Start::After(stream.and_then(|s| s.log.last_entry_id()?.previous()).unwrap_or(last))),
        b">" => Err(NEW_OF_READ),
        _ => ids::strict(text, 0).map(Start::After),
    }
}

fn group_is_gone(key: &[u8], group: &[u8]) -> Error {
    Error::new(format!(
        "NOGROUP No such key '{}' or consumer group '{}' in XREADGROUP with GROUP option",
        shown(key),
        shown(group)
    ))
}

/// What stands before a stream's entries.
fn head(reply: &mut Reply<'_>, key: &[u8]) {
    if reply.resp() == Resp::V2 {
        reply.array(2);
    }
    reply.bulk(key);
}

/// Answers what a stream has for XREAD, if anything.
fn serve(c: &mut Call<'_, '_>, asked: &Asked<'_>, i: usize, start: Start) -> Result<bool, Error> {
    let Start::After(after) = start else { return Ok(false) };
    let stream = c.view.read_as::<Stream>(&c.keys[i])?.filter(|stream| stream.log.has_after(after));
    let (Some(stream), Some(from)) = (stream, after.next()) else { return Ok(false) };
    head(&mut c.reply, c.keys[i].bytes);
    replying::entries(&mut c.reply, stream.log.range(from, Id::MAX).take(asked.count));
    Ok(true)
}

/// Answers what a stream has for a consumer, if anything.
fn serve_group(
    c: &mut Call<'_, '_>,
    asked: &Asked<'_>,
    (name, consumer): (&[u8], &[u8]),
    i: usize,
    start: Start,
) -> Result<bool, Error> {
    let now = now(c);
    let Some(Stream { log, groups }) = c.view.write_as::<Stream>(&c.keys[i])? else { return Ok(false) };
    let Some(group) = groups.get_mut(name) else { return Ok(false) };
    let (number, is_new) = seen(group, consumer, now);
    let served = match start {
        Start::New => log.has_after(group.last),
        Start::After(_) => true,
    };
    let mut count = 0;
    if served {
        head(&mut c.reply, c.keys[i].bytes);
        let reader = Reader { log, group, number, now };
        count = match start {
            Start::New => reader.deliver(asked, &mut c.reply),
            Start::After(after) => reader.repeat(after, asked.count, &mut c.reply),
        };
    }
    // That the consumer was seen is a change, too.
    c.view.altered(&c.keys[i]);
    say_read(c, asked, (name, consumer), i, (start, count));
    if is_new {
        c.view.notify(&c.keys[i], event::XGROUP_CREATECONSUMER);
    }
    Ok(served)
}

/// Says to the log what was delivered: as many entries as went into the reply.
fn say_read(
    c: &mut Call<'_, '_>,
    asked: &Asked<'_>,
    (group, consumer): (&[u8], &[u8]),
    i: usize,
    (start, count): (Start, usize),
) {
    if !c.view.is_logged() {
        return;
    }
    let (key, mut digits) = (&c.keys[i], itoa::Buffer::new());
    let id = match start {
        Start::New => ">".to_owned(),
        Start::After(id) => id.to_string(),
    };
    // With no entry there is none where the log is read, either, and 0 would stand for all.
    let count = digits.format(count.max(1)).as_bytes();
    let head = [b"XREADGROUP", &b"GROUP"[..], group, consumer, b"COUNT", count];
    let tail = [b"NOACK", &b"STREAMS"[..], key.bytes, id.as_bytes()];
    let skipped = usize::from(!asked.no_ack);
    c.view.say_with(key, &head, tail[skipped..].iter().copied());
}

/// A consumer that gets entries.
struct Reader<'s> {
    log: &'s Log,
    group: &'s mut Group,
    number: Number,
    now: i64,
}

impl Reader<'_> {
    /// New entries, which become the consumer's unless it need not acknowledge them. How many.
    fn deliver(self, asked: &Asked<'_>, reply: &mut Reply<'_>) -> usize {
        let Self { log, group, number, now } = self;
        let from = group.last.next().unwrap_or(Id::MAX);
        let entries = log.range(from, Id::MAX).take(asked.count).inspect(|entry| {
            group.read = log.count_after(group.last, group.read, entry.id);
            group.last = entry.id;
            if !asked.no_ack {
                group.give(entry.id, Pending { time: now, count: 1, consumer: number });
            }
        });
        let count = replying::entries(reply, entries);
        if let Some(consumer) = group.consumer_mut(number).filter(|_| !asked.no_ack) {
            consumer.active = now;
        }
        count
    }

    /// Entries that the consumer has pending after an id, once more. Those that were deleted are null. How many.
    fn repeat(self, after: Id, count: usize, reply: &mut Reply<'_>) -> usize {
        let Self { log, group, number, now } = self;
        let pending = group.consumer(number).zip(after.next());
        let ids: Vec<Id> =
            pending.into_iter().flat_map(|(consumer, from)| consumer.ids_from(from)).take(count).collect();
        let count = ids.len();
        reply.array(count);
        for id in ids {
            let Some(entry) = log.get(id) else {
                reply.array(2);
                replying::id(reply, id);
                reply.null_array();
                continue;
            };
            replying::entry(reply, entry);
            if let Some(pending) = group.pending_mut(id) {
                (pending.time, pending.count) = (now, pending.count.saturating_add(1));
            }
        }
        count
    }
}
