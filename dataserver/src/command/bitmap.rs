//! Bitmaps: strings whose bits are set, counted and found.

mod field;
mod operation;

use super::arguments::{int, is};
use super::range::edit;
use super::{Call, Done};
use crate::event;
use crate::value::bits;
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::limits::MAX_BULK;
use ringtail_protocol::number::parse_i64;

pub(super) use field::{field, field_read_only};
pub(super) use operation::operation;

const BAD_OFFSET: Error = Error::fixed("ERR bit offset is not an integer or out of range");
const BAD_BIT: Error = Error::fixed("ERR bit is not an integer or out of range");
const NEITHER_BIT: Error = Error::fixed("ERR The bit argument must be 1 or 0.");

/// A bit that may be in a string of the longest length.
fn offset(number: Option<i64>) -> Result<u64, Error> {
    let offset = number.and_then(|n| u64::try_from(n).ok());
    offset.filter(|offset| offset / 8 < MAX_BULK as u64).ok_or(BAD_OFFSET)
}

/// SETBIT key offset value
pub(super) fn set_bit(c: &mut Call<'_, '_>) -> Done {
    let at = offset(parse_i64(&c.args[2]))?;
    let on = match &c.args[3] {
        b"0" => false,
        b"1" => true,
        _ => return Err(BAD_BIT),
    };
    let was = edit(c, (at / 8) as usize + 1, event::SETBIT, |bytes, grew| {
        let was = bits::get(bytes, at);
        bits::set(bytes, at, on);
        (was, grew || was != on)
    })?;
    c.reply.flag(was);
    Ok(())
}

/// GETBIT key offset
pub(super) fn get_bit(c: &mut Call<'_, '_>) -> Done {
    let at = offset(parse_i64(&c.args[2]))?;
    let on = c.view.read_bytes(&c.keys[0])?.is_some_and(|bytes| bits::get(bytes, at));
    c.reply.flag(on);
    Ok(())
}

/// Whether a range counts bits, by its last argument.
fn counts_bits(unit: Option<&[u8]>) -> Result<bool, Error> {
    match unit {
        Some(word) if is(word, "BIT") => Ok(true),
        Some(word) if !is(word, "BYTE") => Err(errors::SYNTAX),
        _ => Ok(false),
    }
}

/// The first and the last bit of a range from `start` to `end`, both included and, when negative, from the end of a
/// string of `length` bytes; or none.
fn range(start: i64, end: i64, length: usize, of_bits: bool) -> Option<(u64, u64)> {
    let total = if of_bits { length as i64 * 8 } else { length as i64 };
    let from_start = |at: i64| if at < 0 { (at + total).max(0) } else { at };
    let (first, last) = (from_start(start), from_start(end).min(total - 1));
    if first > last {
        return None;
    }
    let (first, last) = (first as u64, last as u64);
    Some(if of_bits { (first, last) } else { (first * 8, last * 8 + 7) })
}

/// BITCOUNT key [start end [BYTE | BIT]]
pub(super) fn count(c: &mut Call<'_, '_>) -> Done {
    let args = c.args;
    let Some(bytes) = c.view.read_bytes(&c.keys[0])? else {
        // As in Redis 7.2, options of a missing key are not looked at.
        c.reply.int(0);
        return Ok(());
    };
    let within = match args.len() {
        2 => range(0, -1, bytes.len(), false),
        4 | 5 => {
            let (start, end) = (int(&args[2])?, int(&args[3])?);
            let empty = start < 0 && end < 0 && start > end;
            if empty { None } else { range(start, end, bytes.len(), counts_bits(args.get(4))?) }
        }
        _ => return Err(errors::SYNTAX),
    };
    c.reply.int(within.map_or(0, |(first, last)| bits::count_between(bytes, first, last)) as i64);
    Ok(())
}

/// BITPOS key bit [start [end [BYTE | BIT]]]
pub(super) fn position(c: &mut Call<'_, '_>) -> Done {
    let args = c.args;
    let set = match int(&args[2])? {
        0 => false,
        1 => true,
        _ => return Err(NEITHER_BIT),
    };
    let Some(bytes) = c.view.read_bytes(&c.keys[0])? else {
        c.reply.int(if set { -1 } else { 0 });
        return Ok(());
    };
    if args.len() > 6 {
        return Err(errors::SYNTAX);
    }
    let start = args.get(3).map_or(Ok(0), int)?;
    let of_bits = counts_bits(args.get(5))?;
    let end = args.get(4).map_or(Ok(-1), int)?;
    let position = match range(start, end, bytes.len(), of_bits) {
        None => None,
        Some((first, last)) => match bits::find(bytes, set, first, last) {
            // Without an end, the string goes on with zeros.
            None if !set && args.len() < 5 => Some(bytes.len() as u64 * 8),
            found => found,
        },
    };
    c.reply.int(position.map_or(-1, |at| at as i64));
    Ok(())
}
