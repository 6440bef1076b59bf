//! Strings changed in place: APPEND and SETRANGE.

use super::arguments::int;
use super::{Call, Done};
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
            super::string::put(c, 0, 2);
            value.len()
        }
        Some(entry) => {
            let old = entry.bytes().ok_or(errors::WRONG_TYPE)?.len();
            end_of(old as u64, value.len())?;
            entry.append(value).ok_or(errors::WRONG_TYPE)?
        }
    };
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
    let value = &c.args[3];
    let old = c.view.write(&c.keys[0]).map(|entry| entry.bytes().map(<[u8]>::len).ok_or(errors::WRONG_TYPE));
    let old = old.transpose()?;
    if value.is_empty() {
        c.reply.count(old.unwrap_or(0));
        return Ok(());
    }
    let end = end_of(offset, value.len())?;
    if old.is_none() {
        let expiry = c.server.settings.default_expiry(c.view.now);
        c.view.set_bytes(&c.keys[0], b"", expiry);
    }
    if let Some(entry) = c.view.write(&c.keys[0]) {
        write_at(entry, end - value.len(), value);
    }
    c.reply.count(old.unwrap_or(0).max(end));
    Ok(())
}

/// Writes over the string from `offset` on, after zeros if it ends before.
fn write_at(entry: &mut Entry, offset: usize, value: &[u8]) {
    lengthen(entry, offset + value.len());
    if let Some(bytes) = entry.bytes_mut() {
        bytes[offset..offset + value.len()].copy_from_slice(value);
    }
    entry.set_raw();
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
