//! HyperLogLogs.

mod debug;

use super::{Call, Done};
use crate::event;
use crate::store::Key;
use crate::store::view::View;
use crate::value::hll::{self, Corrupt, REGISTERS, Registers};
use ringtail_protocol::errors::{self, Error};
use std::borrow::Cow;
use std::sync::atomic::Ordering::Relaxed;

pub(super) use debug::{debug, self_test};

const NOT_A_SKETCH: Error = Error::fixed("WRONGTYPE Key is not a valid HyperLogLog string value.");
const CORRUPT: Error = Error::fixed("INVALIDOBJ Corrupted HLL object detected");

impl From<Corrupt> for Error {
    fn from(_: Corrupt) -> Self {
        CORRUPT
    }
}

/// What a string holds, if it is a sketch.
fn sketch(bytes: Option<&[u8]>) -> Result<&[u8], Error> {
    bytes
        .ok_or(errors::WRONG_TYPE)
        .and_then(|bytes| if hll::is_sketch(bytes) { Ok(bytes) } else { Err(NOT_A_SKETCH) })
}

/// The longest that a sparse sketch may be, in bytes. What a log says is done as it was where it was logged.
fn most(c: &Call<'_, '_>) -> usize {
    if c.view.replays {
        return usize::MAX;
    }
    c.server.settings.shapes.hll_sparse.load(Relaxed)
}

/// PFADD key [element ...]
pub(super) fn add(c: &mut Call<'_, '_>) -> Done {
    let (most, elements) = (most(c), c.args.from(2));
    let key = &c.keys[0];
    // The setting that bounds a sparse sketch has made it a dense one.
    let mut grew = false;
    let changed = match c.view.write(key) {
        None => {
            let mut new = Cow::Owned(hll::empty());
            for element in elements.iter() {
                hll::add(&mut new, element, most)?;
            }
            grew = hll::is_dense(&new);
            put(c, new.into_owned());
            true
        }
        Some(entry) => {
            let old = sketch(entry.bytes())?;
            if hll::is_dense(old) {
                let sketch = entry.bytes_mut().unwrap_or_default();
                elements.iter().filter(|element| hll::add_dense(sketch, element)).count() > 0
            } else {
                let (mut new, mut changed) = (Cow::Borrowed(old), false);
                for element in elements.iter() {
                    changed |= hll::add(&mut new, element, most)?;
                }
                grew = hll::is_dense(&new);
                if let Cow::Owned(new) = new {
                    entry.set_bytes(&new);
                    entry.set_raw();
                }
                changed
            }
        }
    };
    if changed {
        c.view.changed(key, event::PFADD);
    }
    if grew {
        c.view.say_state(key);
    }
    c.reply.flag(changed);
    Ok(())
}

/// Sets the first key to a sketch; the lifetime of one that is there stays.
fn put(c: &mut Call<'_, '_>, sketch: Vec<u8>) {
    let key = &c.keys[0];
    let expiry = match c.view.peek(key) {
        Some(entry) => entry.expiry(),
        None => c.default_expiry(),
    };
    c.view.set_bytes_owned(key, sketch, expiry);
    if let Some(entry) = c.view.peek(key) {
        entry.set_raw();
    }
}

/// PFCOUNT key [key ...]
pub(super) fn count(c: &mut Call<'_, '_>) -> Done {
    let count = match c.keys {
        [key] => count_one(c.view, key)?,
        keys => hll::count_registers(&union(c.view, keys)?.registers),
    };
    c.reply.int(count as i64);
    Ok(())
}

/// The count of one sketch, which is cached in it.
fn count_one(view: &mut View<'_>, key: &Key<'_>) -> Result<u64, Error> {
    let Some(entry) = view.read(key) else { return Ok(0) };
    let bytes = sketch(entry.bytes())?;
    if let Some(count) = hll::cached(bytes) {
        return Ok(count);
    }
    let count = hll::count(bytes)?;
    if view.keeps() {
        // What is cached comes by the log.
        return Ok(count);
    }
    if let Some(bytes) = view.peek(key).and_then(|entry| entry.bytes_mut()) {
        hll::cache(bytes, count);
    }
    view.touched(key);
    view.say(key, &[b"SETRANGE", key.bytes, hll::CACHE_AT.as_bytes(), &count.to_le_bytes()]);
    Ok(count)
}

/// The union of several sets.
struct Union {
    registers: Box<Registers>,
    /// Whether one of the sketches is dense.
    dense: bool,
}

fn union(view: &mut View<'_>, keys: &[Key<'_>]) -> Result<Union, Error> {
    let mut union = Union { registers: Box::new([0; REGISTERS]), dense: false };
    for key in keys {
        if let Some(entry) = view.read(key) {
            let sketch = sketch(entry.bytes())?;
            union.dense |= hll::is_dense(sketch);
            hll::merge(&mut union.registers, sketch)?;
        }
    }
    Ok(union)
}

/// PFMERGE destkey [sourcekey ...]
pub(super) fn merge(c: &mut Call<'_, '_>) -> Done {
    let union = union(c.view, c.keys)?;
    let merged = hll::of_registers(&union.registers, !union.dense, most(c));
    put(c, merged);
    c.view.changed(&c.keys[0], event::PFADD);
    c.reply.ok();
    Ok(())
}
