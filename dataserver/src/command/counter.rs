//! Strings that are numbers.

use super::arguments::int;
use super::{Call, Done};
use crate::event;
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::long_double::LongDouble;
use ringtail_protocol::number::parse_i64;

/// INCR key
pub(super) fn incr(c: &mut Call<'_, '_>) -> Done {
    add(c, 1)
}

/// DECR key
pub(super) fn decr(c: &mut Call<'_, '_>) -> Done {
    add(c, -1)
}

/// INCRBY key increment
pub(super) fn incr_by(c: &mut Call<'_, '_>) -> Done {
    let by = int(&c.args[2])?;
    add(c, by)
}

/// DECRBY key decrement
pub(super) fn decr_by(c: &mut Call<'_, '_>) -> Done {
    let by = int(&c.args[2])?.checked_neg().ok_or(errors::DECR_OVERFLOW)?;
    add(c, by)
}

/// Adds to the number under the key, which keeps its expiry.
fn add(c: &mut Call<'_, '_>, by: i64) -> Done {
    let Some(entry) = c.view.write(&c.keys[0]) else {
        put_new(c, itoa::Buffer::new().format(by).as_bytes());
        c.changed(0, event::INCRBY);
        c.reply.int(by);
        return Ok(());
    };
    let old = parse_i64(entry.bytes().ok_or(errors::WRONG_TYPE)?).ok_or(errors::NOT_AN_INTEGER)?;
    let new = old.checked_add(by).ok_or(errors::OVERFLOW)?;
    entry.set_bytes(itoa::Buffer::new().format(new).as_bytes());
    c.changed(0, event::INCRBY);
    c.reply.int(new);
    Ok(())
}

fn put_new(c: &mut Call<'_, '_>, value: &[u8]) {
    let expiry = c.default_expiry();
    c.view.set_bytes(&c.keys[0], value, expiry);
}

/// INCRBYFLOAT key increment
pub(super) fn incr_by_float(c: &mut Call<'_, '_>) -> Done {
    let sum = match c.view.write(&c.keys[0]) {
        None => sum(b"0", &c.args[2])?,
        Some(entry) => {
            let sum = sum(entry.bytes().ok_or(errors::WRONG_TYPE)?, &c.args[2])?;
            entry.set_bytes(sum.as_bytes());
            c.changed(0, event::INCRBYFLOAT);
            c.reply.bulk(sum.as_bytes());
            return Ok(());
        }
    };
    put_new(c, sum.as_bytes());
    c.changed(0, event::INCRBYFLOAT);
    c.reply.bulk(sum.as_bytes());
    Ok(())
}

fn sum(value: &[u8], by: &[u8]) -> Result<String, Error> {
    let (value, by) = (LongDouble::parse(value), LongDouble::parse(by));
    let (value, by) = value.zip(by).ok_or(errors::NOT_A_FLOAT)?;
    value.plus(by).map(LongDouble::text).ok_or(errors::NAN_OR_INFINITY)
}
