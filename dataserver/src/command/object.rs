//! How values are kept: OBJECT and MEMORY USAGE.

use super::arguments::{int, is};
use super::{Call, Done};
use crate::store::entry::{Entry, Value};
use crate::value::Object;
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::number::parse_i64;

const NOT_LFU: Error = Error::fixed(
    "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.",
);
const NOT_LRU: Error = Error::fixed(
    "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.",
);

/// Redis keeps strings up to this length beside their object, and calls that `embstr`.
const EMBEDDED: usize = 44;

/// What the sorted list of expiries takes for one key, about: 16 bytes in nodes that are two thirds full.
const EXPIRY_SHARE: usize = 26;

/// OBJECT ENCODING key
pub(super) fn encoding(c: &mut Call<'_, '_>) -> Done {
    let name = c.view.look_quietly(&c.keys[0]).map(encoding_of);
    c.reply.bulk_or_null(name.map(str::as_bytes));
    Ok(())
}

pub(super) fn encoding_of(entry: &Entry) -> &'static str {
    match entry.value() {
        Value::Bytes(_) | Value::Object(Object::Bytes(_)) => string_encoding(entry),
        Value::Object(object) => object.encoding(),
    }
}

fn string_encoding(entry: &Entry) -> &'static str {
    let bytes = entry.bytes().unwrap_or_default();
    match bytes.len() {
        _ if entry.is_raw() => "raw",
        _ if parse_i64(bytes).is_some() => "int",
        0..=EMBEDDED => "embstr",
        _ => "raw",
    }
}

/// OBJECT IDLETIME key
pub(super) fn idle_time(c: &mut Call<'_, '_>) -> Done {
    let now = c.view.now as u32;
    let Some(used) = c.view.look_quietly(&c.keys[0]).map(Entry::used) else {
        c.reply.null();
        return Ok(());
    };
    if c.server.store.memory.policy().is_lfu() {
        return Err(NOT_LRU);
    }
    c.reply.int(i64::from(now.wrapping_sub(used) / 1000));
    Ok(())
}

/// Redis has one object for each of the numbers from 0 up to here, and shares it among all keys.
const SHARED: std::ops::Range<i64> = 0..10_000;

/// OBJECT REFCOUNT key: values are never shared; of small numbers it is said that they are, as in Redis without a limit to its memory.
pub(super) fn ref_count(c: &mut Call<'_, '_>) -> Done {
    let is_shared = |entry: &Entry| {
        let number = entry.bytes().filter(|_| encoding_of(entry) == "int").and_then(parse_i64);
        number.is_some_and(|n| SHARED.contains(&n))
    };
    match c.view.look_quietly(&c.keys[0]).map(is_shared) {
        Some(true) => c.reply.int(i32::MAX.into()),
        Some(false) => c.reply.int(1),
        None => c.reply.null(),
    }
    Ok(())
}

/// OBJECT FREQ key
pub(super) fn freq(c: &mut Call<'_, '_>) -> Done {
    let (memory, now) = (&c.server.store.memory, c.view.now);
    let Some(used) = c.view.look_quietly(&c.keys[0]).map(Entry::used) else {
        c.reply.null();
        return Ok(());
    };
    if !memory.policy().is_lfu() {
        return Err(NOT_LFU);
    }
    c.reply.int(memory.lfu().counter(used, now).into());
    Ok(())
}

/// MEMORY USAGE key [SAMPLES n]: bytes that the allocator gave for the key, and its share of the tables.
pub(super) fn memory_usage(c: &mut Call<'_, '_>) -> Done {
    check_samples(c)?;
    let key = &c.keys[0];
    let Some(own) = c.view.peek(key).map(|entry| own_size(entry)) else {
        c.reply.null();
        return Ok(());
    };
    let dict = c.view.dict(key);
    c.reply.count(own + dict.table_bytes().div_ceil(dict.len().max(1)));
    Ok(())
}

pub(super) fn own_size(entry: &Entry) -> usize {
    entry.full_size() + entry.expiry().map_or(0, |_| EXPIRY_SHARE)
}

/// SAMPLES is read and not needed: sizes of collections are kept or sampled by themselves.
fn check_samples(c: &Call<'_, '_>) -> Done {
    let mut i = 3;
    while let Some(option) = c.args.get(i) {
        match c.args.get(i + 1) {
            Some(number) if is(option, "SAMPLES") && int(number)? >= 0 => i += 2,
            _ => return Err(errors::SYNTAX),
        }
    }
    Ok(())
}
