//! Reading strings, and those commands that set one without a condition or an option.

use super::arguments::{Unit, int};
use super::{Call, Done};
use crate::event;
use ringtail_protocol::errors;

/// GET key
pub(super) fn get(c: &mut Call<'_, '_>) -> Done {
    let value = c.view.read_bytes(&c.keys[0])?;
    c.reply.bulk_or_null(value);
    Ok(())
}

/// GETDEL key
pub(super) fn get_del(c: &mut Call<'_, '_>) -> Done {
    get(c)?;
    c.view.delete(&c.keys[0]);
    Ok(())
}

/// GETSET key value
pub(super) fn get_set(c: &mut Call<'_, '_>) -> Done {
    get(c)?;
    put(c, 0, 2);
    Ok(())
}

/// STRLEN key
pub(super) fn strlen(c: &mut Call<'_, '_>) -> Done {
    let length = c.view.read_bytes(&c.keys[0])?.map_or(0, <[u8]>::len);
    c.reply.count(length);
    Ok(())
}

/// MGET key …: null where there is no string.
pub(super) fn mget(c: &mut Call<'_, '_>) -> Done {
    c.reply.array(c.keys.len());
    for key in c.keys {
        let value = c.view.read(key).and_then(|entry| entry.bytes());
        c.reply.bulk_or_null(value);
    }
    Ok(())
}

/// MSET key value …
pub(super) fn mset(c: &mut Call<'_, '_>) -> Done {
    put_pairs(c)?;
    c.reply.ok();
    Ok(())
}

/// MSETNX key value …: all, or none if one of the keys is there.
pub(super) fn mset_nx(c: &mut Call<'_, '_>) -> Done {
    check_pairs(c)?;
    let free = c.keys.iter().all(|key| c.view.peek(key).is_none());
    if free {
        put_pairs(c)?;
    }
    c.reply.flag(free);
    Ok(())
}

fn check_pairs(c: &Call<'_, '_>) -> Done {
    if c.args.len() % 2 == 1 { Ok(()) } else { Err(errors::wrong_arity(c.command.full_name)) }
}

fn put_pairs(c: &mut Call<'_, '_>) -> Done {
    check_pairs(c)?;
    for i in 0..c.keys.len() {
        put(c, i, 2 * i + 2);
    }
    Ok(())
}

/// Sets key `i` to the argument at `value`, with the server's default lifetime.
#[inline]
pub(super) fn put(c: &mut Call<'_, '_>, i: usize, value: usize) {
    let expiry = c.default_expiry();
    c.view.set_bytes(&c.keys[i], &c.args[value], expiry);
    c.changed(i, event::SET);
}

/// SETEX key seconds value
pub(super) fn set_ex(c: &mut Call<'_, '_>) -> Done {
    set_for(c, Unit::Seconds)
}

/// PSETEX key milliseconds value
pub(super) fn pset_ex(c: &mut Call<'_, '_>) -> Done {
    set_for(c, Unit::Millis)
}

fn set_for(c: &mut Call<'_, '_>, unit: Unit) -> Done {
    let at = unit.set_at(&c.args[2], c.view.now, c.command.full_name)?;
    c.view.set_bytes(&c.keys[0], &c.args[3], Some(at));
    c.changed(0, event::SET);
    c.view.notify(&c.keys[0], event::EXPIRE);
    c.reply.ok();
    Ok(())
}

/// GETRANGE key start end, SUBSTR
pub(super) fn get_range(c: &mut Call<'_, '_>) -> Done {
    let (start, end) = (int(&c.args[2])?, int(&c.args[3])?);
    let value = c.view.read_bytes(&c.keys[0])?.unwrap_or_default();
    c.reply.bulk(slice(value, start, end));
    Ok(())
}

/// The bytes from `start` to `end`, both included; negative ones count from the end.
fn slice(value: &[u8], start: i64, end: i64) -> &[u8] {
    let length = value.len() as i64;
    if start < 0 && end < 0 && start > end {
        return &[];
    }
    let from_start = |at: i64| if at < 0 { (at + length).max(0) } else { at };
    let (first, last) = (from_start(start), from_start(end).min(length - 1));
    if first > last { &[] } else { &value[first as usize..=last as usize] }
}
