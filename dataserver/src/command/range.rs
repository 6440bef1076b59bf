//! Strings changed in place: APPEND and SETRANGE, and what bitmaps need for the same.

use super::arguments::int;
use super::{Call, Done};
use crate::event::{self, Event};
use crate::store::entry::{Entry, INLINE_MAX, make_room};
use crate::value::Object;
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::limits::MAX_BULK;

static ZEROS: [u8; INLINE_MAX] = [0; INLINE_MAX];

/// APPEND key value
pub(super) fn append(c: &mut Call<'_, '_>) -> Done {
    let args = c.args;
    let value = &args[2];
    let length = match c.view.write(&c.keys[0]) {
        None => {
            let expiry = c.default_expiry();
            c.view.set_bytes(&c.keys[0], value, expiry);
            value.len()
        }
        Some(entry) => {
            let old = entry.bytes().ok_or(errors::WRONG_TYPE)?.len();
            end_of(old as u64, value.len())?;
            entry.append(value).ok_or(errors::WRONG_TYPE)?
        }
    };
    c.changed(0, event::APPEND);
    c.reply.count(length);
    Ok(())
}

/// Where `len` bytes at `offset` end, if a string may be that long.
fn end_of(offset: u64, len: usize) -> Result<usize, Error> {
    match usize::try_from(offset.saturating_add(len as u64)) {
        Ok(end) if end <= MAX_BULK => Ok(end),
        _ => Err(errors::STRING_TOO_LONG),
    }
}

/// SETRANGE key offset value
pub(super) fn set_range(c: &mut Call<'_, '_>) -> Done {
    let offset = u64::try_from(int(&c.args[2])?).map_err(|_| errors::OFFSET_OUT_OF_RANGE)?;
    let args = c.args;
    let value = &args[3];
    let old = c.view.write(&c.keys[0]).map(|entry| entry.bytes().map(<[u8]>::len).ok_or(errors::WRONG_TYPE));
    let old = old.transpose()?;
    if value.is_empty() {
        c.reply.count(old.unwrap_or(0));
        return Ok(());
    }
    let end = end_of(offset, value.len())?;
    edit(c, end, event::SETRANGE, |bytes, _| {
        bytes[end - value.len()..end].copy_from_slice(value);
        ((), true)
    })?;
    c.reply.count(old.unwrap_or(0).max(end));
    Ok(())
}

/// Changes the string under the command's first key in place, after it was made `length` bytes long (a missing one too)
/// with zeros behind what it was, if it was shorter. `change` is told whether it was, and returns whether anything
/// changed, after its result; the event is then `event`.
///
/// # Errors
/// The key holds something else.
pub(super) fn edit<T>(
    c: &mut Call<'_, '_>,
    length: usize,
    event: Event,
    change: impl FnOnce(&mut [u8], bool) -> (T, bool),
) -> Result<T, Error> {
    let key = &c.keys[0];
    if c.view.write(key).is_none() {
        let expiry = c.default_expiry();
        c.view.set_bytes(key, b"", expiry);
    }
    let entry = c.view.peek(key).ok_or(errors::WRONG_TYPE)?;
    let old = entry.bytes().ok_or(errors::WRONG_TYPE)?.len();
    lengthen(entry, length);
    entry.set_raw();
    let (result, changed) = change(entry.bytes_mut().unwrap_or_default(), length > old);
    if changed {
        c.view.changed(key, event);
    }
    Ok(result)
}

/// Makes the string at least `length` bytes long.
fn lengthen(entry: &mut Entry, length: usize) {
    let Some(old) = entry.bytes().map(<[u8]>::len) else { return };
    if length <= old {
        return;
    }
    match entry.object_mut() {
        Some(Object::Bytes(bytes)) => {
            make_room(bytes, length - old);
            bytes.resize(length, 0);
        }
        _ if length > INLINE_MAX => {
            let mut bytes = vec![0; length];
            bytes[..old].copy_from_slice(entry.bytes().unwrap_or_default());
            entry.set_object(Object::Bytes(bytes));
        }
        _ => {
            entry.append(&ZEROS[..length - old]);
        }
    }
}
