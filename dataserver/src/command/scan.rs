//! Commands that look for keys: KEYS, SCAN, RANDOMKEY.

use super::arguments::{int, is};
use super::{Call, Done};
use crate::store::entry::Entry;
use crate::store::group::Slots;
use crate::store::{GROUPS, SLOTS_PER_GROUP};
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::glob;
use ringtail_protocol::reply::Reply;
use ringtail_protocol::request::Args;

/// Groups that RANDOMKEY tries at random before it goes through all of them.
const RANDOM_TRIES: usize = 64;
/// Entries that it looks at in each.
const RANDOM_LOOK: usize = 8;
/// Entries that SCAN and its like visit unless COUNT says otherwise, as in Redis.
const DEFAULT_COUNT: usize = 10;
/// A larger COUNT means all the same.
const MAX_COUNT: usize = u32::MAX as usize;

/// KEYS [pattern], one group's lock at a time: a key that comes or goes meanwhile may be there or not.
pub(super) fn keys(c: &mut Call<'_, '_>) -> Done {
    let pattern = c.args.get(1).unwrap_or(b"*");
    let (all, db, now) = (glob::is_all(pattern), c.view.db, c.view.now);
    let (open, mut found) = (c.reply.open(), 0);
    let reply = &mut c.reply;
    c.view.each_group(|group, slots| {
        for entry in in_db(group, slots, db) {
            if is_live(entry, now) && (all || glob::matches(pattern, entry.key())) {
                reply.bulk(entry.key());
                found += 1;
            }
        }
    });
    c.reply.close_array(open, found);
    Ok(())
}

fn is_live(entry: &Entry, now: u64) -> bool {
    entry.expiry().is_none_or(|at| at > now)
}

/// The entries of a group that are of this database.
fn in_db(group: usize, slots: &Slots, db: u8) -> impl Iterator<Item = &Entry> {
    let some = slots.counts(db).0 > 0;
    let first = group * SLOTS_PER_GROUP;
    let all = (first..first + SLOTS_PER_GROUP)
        .filter(move |_| some)
        .flat_map(|slot| slots.dict(slot as u16).iter());
    all.filter(move |entry| slots.is_in(entry, db))
}

/// RANDOMKEY: from a random place of a random slot; in a store that is almost empty, the first key found.
pub(super) fn random_key(c: &mut Call<'_, '_>) -> Done {
    let (db, now) = (c.view.db, c.view.now);
    let at_random = (0..RANDOM_TRIES).find_map(|_| {
        let (slot, random) = (fastrand::usize(..GROUPS * SLOTS_PER_GROUP), fastrand::u64(..));
        c.view.with_group(slot / SLOTS_PER_GROUP, |slots| {
            let mut some = slots.dict(slot as u16).sample(random, RANDOM_LOOK);
            some.find(|e| slots.is_in(e, db) && is_live(e, now)).map(|e| e.key().to_vec())
        })
    });
    let start = fastrand::usize(..GROUPS);
    let key = at_random.or_else(|| {
        (start..GROUPS).chain(0..start).find_map(|group| {
            c.view.with_group(group, |slots| {
                in_db(group, slots, db).find(|e| is_live(e, now)).map(|e| e.key().to_vec())
            })
        })
    });
    c.reply.bulk_or_null(key.as_deref());
    Ok(())
}

/// What SCAN looks for.
struct Wanted<'a> {
    pattern: Option<&'a [u8]>,
    type_name: Option<&'a [u8]>,
    count: usize,
}

/// SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]
///
/// A cursor is a slot and, in its lower 16 bits, a tag: where the walk goes on. Since a key's slot and tag never change,
/// a key that is there throughout is returned, however tables grow meanwhile.
pub(super) fn scan(c: &mut Call<'_, '_>) -> Done {
    let cursor = cursor(&c.args[1])?;
    let wanted = wanted(c)?;
    let mut items = Vec::new();
    let mut found = 0;
    let mut take = Reply::new(&mut items, c.reply.resp());
    let now = c.view.now;
    let next = walk(c, cursor, wanted.count, |entry| {
        if is_live(entry, now) && wanted.matches(entry) {
            take.bulk(entry.key());
            found += 1;
        }
    });
    c.reply.array(2);
    c.reply.bulk_int(next as i64);
    c.reply.array(found);
    c.reply.raw(&items);
    Ok(())
}

/// Looks at `count` entries or more from `cursor` on, if there are that many, each group under its lock, and visits those of the
/// database. Where to go on; 0 at the end. What it costs is bounded by `count` and the number of groups, since groups without a key of the database are passed over.
fn walk(c: &mut Call<'_, '_>, cursor: u64, count: usize, mut visit: impl FnMut(&Entry)) -> u64 {
    let (db, mut left) = (c.view.db, count);
    let (mut slot, mut tag) = ((cursor >> 16) as usize, cursor as u16);
    while slot < GROUPS * SLOTS_PER_GROUP {
        let end = (slot / SLOTS_PER_GROUP + 1) * SLOTS_PER_GROUP;
        (slot, tag) = c.view.with_group(slot / SLOTS_PER_GROUP, |slots| {
            if slots.counts(db).0 == 0 {
                return (end, 0);
            }
            let mut at = (slot, tag);
            while at.0 < end && left > 0 {
                at = walk_slot(slots, db, at, &mut left, &mut visit);
            }
            at
        });
        if left == 0 {
            break;
        }
    }
    if slot < GROUPS * SLOTS_PER_GROUP { (slot as u64) << 16 | u64::from(tag) } else { 0 }
}

/// Visits entries of one slot; where to go on.
fn walk_slot(
    slots: &Slots,
    db: u8,
    (slot, tag): (usize, u16),
    left: &mut usize,
    visit: &mut impl FnMut(&Entry),
) -> (usize, u16) {
    let next = slots.dict(slot as u16).walk(tag, *left, |entry| {
        *left = left.saturating_sub(1);
        if slots.is_in(entry, db) {
            visit(entry);
        }
    });
    next.map_or((slot + 1, 0), |tag| (slot, tag))
}

/// A cursor, as C's `strtoul` reads it. One that was never given is harmless: the walk starts there, or is at its end.
pub(super) fn cursor(text: &[u8]) -> Result<u64, Error> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if text.is_empty() {
        return Ok(0);
    }
    let plain = digits.iter().all(u8::is_ascii_digit);
    let number =
        std::str::from_utf8(digits).ok().filter(|_| plain).and_then(|digits| digits.parse::<u64>().ok());
    let number = number.ok_or(errors::INVALID_CURSOR)?;
    Ok(if negative { number.wrapping_neg() } else { number })
}

fn wanted<'a>(c: &Call<'a, '_>) -> Result<Wanted<'a>, Error> {
    let (mut wanted, mut i) = (Wanted { pattern: None, type_name: None, count: DEFAULT_COUNT }, 2);
    while let Some(option) = c.args.get(i) {
        let Some(value) = c.args.get(i + 1) else { return Err(errors::SYNTAX) };
        match () {
            () if is(option, "COUNT") => wanted.count = count(value)?,
            () if is(option, "MATCH") => {
                wanted.pattern = Some(value).filter(|pattern| !glob::is_all(pattern))
            }
            () if is(option, "TYPE") => wanted.type_name = Some(value),
            () => return Err(errors::SYNTAX),
        }
        i += 2;
    }
    Ok(wanted)
}

/// A COUNT: one or more.
pub(super) fn count(text: &[u8]) -> Result<usize, Error> {
    match usize::try_from(int(text)?) {
        Ok(count) if count > 0 => Ok(count.min(MAX_COUNT)),
        _ => Err(errors::SYNTAX),
    }
}

/// The COUNT and the MATCH pattern of a command that goes through one key's elements; its options are argument 3 and on.
pub(super) fn element_options<'a>(args: Args<'a>) -> Result<(usize, Option<&'a [u8]>), Error> {
    let (mut most, mut pattern, mut i) = (DEFAULT_COUNT, None, 3);
    while let Some(option) = args.get(i) {
        let Some(value) = args.get(i + 1) else { return Err(errors::SYNTAX) };
        match () {
            () if is(option, "COUNT") => most = count(value)?,
            () if is(option, "MATCH") => pattern = Some(value).filter(|pattern| !glob::is_all(pattern)),
            () => return Err(errors::SYNTAX),
        }
        i += 2;
    }
    Ok((most, pattern))
}

impl Wanted<'_> {
    fn matches(&self, entry: &Entry) -> bool {
        self.pattern.is_none_or(|pattern| glob::matches(pattern, entry.key()))
            && self.type_name.is_none_or(|name| is(name, entry.value().type_name()))
    }
}
