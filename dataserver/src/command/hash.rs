//! Hashes.

mod expiry;
mod extended;
mod random;
mod walking;

use super::arguments::int;
use super::{Call, Done};
use crate::event;
use crate::value::fields::{Fields, Limit};
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::long_double::LongDouble;
use ringtail_protocol::number::parse_i64;
use std::sync::atomic::Ordering::Relaxed;

pub(super) use expiry::{
    expire, expire_at, expire_time, persist, pexpire, pexpire_at, pexpire_time, pttl, ttl,
};
pub(super) use extended::{get_del, get_ex, set_ex};
pub(super) use random::random_fields;
pub(super) use walking::{fields, get_all, scan, values};

#[inline]
fn limit(c: &Call<'_, '_>) -> Limit {
    let shapes = &c.server.settings.shapes;
    Limit { entries: shapes.hash_entries.load(Relaxed), value: shapes.hash_value.load(Relaxed) }
}

/// HSET key field value [field value ...]
pub(super) fn set(c: &mut Call<'_, '_>) -> Done {
    let new = set_all(c)?;
    c.reply.count(new);
    Ok(())
}

/// HMSET key field value [field value ...]
pub(super) fn set_ok(c: &mut Call<'_, '_>) -> Done {
    set_all(c)?;
    c.reply.ok();
    Ok(())
}

/// How many fields are new.
#[inline]
fn set_all(c: &mut Call<'_, '_>) -> Result<usize, Error> {
    if c.args.len() % 2 == 1 {
        return Err(errors::wrong_arity(c.command.full_name));
    }
    let (limit, hasher, pairs) = (limit(c), c.view.hasher(), c.args.from(2));
    let hash = c.made::<Fields>(0)?;
    let set = |i: usize| hash.set(&pairs[i], &pairs[i + 1], hasher, limit);
    let new = (0..pairs.len()).step_by(2).map(set).filter(|&new| new).count();
    c.changed(0, event::HSET);
    Ok(new)
}

/// HSETNX key field value
pub(super) fn set_new(c: &mut Call<'_, '_>) -> Done {
    let (limit, hasher, args) = (limit(c), c.view.hasher(), c.args);
    let hash = c.made::<Fields>(0)?;
    let new = hash.get(&args[2], hasher).is_none();
    if new {
        hash.set(&args[2], &args[3], hasher, limit);
        c.changed(0, event::HSET);
    }
    c.reply.flag(new);
    Ok(())
}

/// HGET key field
pub(super) fn get(c: &mut Call<'_, '_>) -> Done {
    let hasher = c.view.hasher();
    let hash = c.view.read_as::<Fields>(&c.keys[0])?;
    c.reply.bulk_or_null(hash.and_then(|hash| hash.get(&c.args[2], hasher)));
    Ok(())
}

/// HMGET key field [field ...]
pub(super) fn get_many(c: &mut Call<'_, '_>) -> Done {
    let (hasher, wanted) = (c.view.hasher(), c.args.from(2));
    let hash = c.view.read_as::<Fields>(&c.keys[0])?;
    c.reply.array(wanted.len());
    for field in wanted.iter() {
        c.reply.bulk_or_null(hash.and_then(|hash| hash.get(field, hasher)));
    }
    Ok(())
}

/// HEXISTS key field
pub(super) fn exists(c: &mut Call<'_, '_>) -> Done {
    let hasher = c.view.hasher();
    let hash = c.view.read_as::<Fields>(&c.keys[0])?;
    c.reply.flag(hash.is_some_and(|hash| hash.get(&c.args[2], hasher).is_some()));
    Ok(())
}

/// HSTRLEN key field
pub(super) fn string_len(c: &mut Call<'_, '_>) -> Done {
    let hasher = c.view.hasher();
    let hash = c.view.read_as::<Fields>(&c.keys[0])?;
    c.reply.count(hash.and_then(|hash| hash.get(&c.args[2], hasher)).map_or(0, <[u8]>::len));
    Ok(())
}

/// HLEN key
pub(super) fn len(c: &mut Call<'_, '_>) -> Done {
    let len = c.view.read_as::<Fields>(&c.keys[0])?.map_or(0, Fields::len);
    c.reply.count(len);
    Ok(())
}

/// HDEL key field [field ...]
pub(super) fn delete(c: &mut Call<'_, '_>) -> Done {
    let hasher = c.view.hasher();
    let mut removed = 0;
    if let Some(hash) = c.view.write_as::<Fields>(&c.keys[0])? {
        removed = c.args.from(2).iter().filter(|field| hash.remove(field, hasher)).count();
        let emptied = hash.is_empty();
        if removed > 0 {
            c.changed(0, event::HDEL);
        }
        if emptied {
            c.view.delete(&c.keys[0]);
        }
    }
    c.reply.count(removed);
    Ok(())
}

/// HINCRBY key field increment
pub(super) fn increase(c: &mut Call<'_, '_>) -> Done {
    let increment = int(&c.args[3])?;
    let (limit, hasher, args) = (limit(c), c.view.hasher(), c.args);
    let hash = c.made::<Fields>(0)?;
    let old = match hash.get(&args[2], hasher) {
        Some(value) => parse_i64(value).ok_or(errors::HASH_VALUE_NOT_AN_INTEGER)?,
        None => 0,
    };
    let new = old.checked_add(increment).ok_or(errors::OVERFLOW)?;
    hash.set_keeping(&args[2], itoa::Buffer::new().format(new).as_bytes(), hasher, limit);
    c.changed(0, event::HINCRBY);
    c.reply.int(new);
    Ok(())
}

/// HINCRBYFLOAT key field increment
pub(super) fn increase_float(c: &mut Call<'_, '_>) -> Done {
    let increment = LongDouble::parse(&c.args[3]).ok_or(errors::NOT_A_FLOAT)?;
    if increment.is_infinite() {
        return Err(Error::fixed("ERR value is NaN or Infinity"));
    }
    let (limit, hasher, args) = (limit(c), c.view.hasher(), c.args);
    let hash = c.made::<Fields>(0)?;
    let old = hash.get(&args[2], hasher).unwrap_or(b"0");
    let old = LongDouble::parse(old).ok_or(errors::HASH_VALUE_NOT_A_FLOAT)?;
    let new = old.plus(increment).ok_or(errors::NAN_OR_INFINITY)?.text();
    hash.set_keeping(&args[2], new.as_bytes(), hasher, limit);
    c.changed(0, event::HINCRBYFLOAT);
    c.reply.bulk(new.as_bytes());
    Ok(())
}
