//! Moving elements between lists, and popping from several.

use super::super::arguments::{at_least, is};
use super::super::{Call, Done};
use super::{limit, popped, push_all, pushed, take};
use crate::value::list::{End, List};
use ringtail_protocol::errors::{self, Error};

pub(in super::super) fn side(text: &[u8]) -> Result<End, Error> {
    match text {
        _ if is(text, "LEFT") => Ok(End::Head),
        _ if is(text, "RIGHT") => Ok(End::Tail),
        _ => Err(errors::SYNTAX),
    }
}

fn side_name(end: End) -> &'static [u8] {
    if end == End::Head { b"LEFT" } else { b"RIGHT" }
}

/// The command that takes from an end.
pub(in super::super) fn pop_name(end: End) -> &'static [u8] {
    if end == End::Head { b"LPOP" } else { b"RPOP" }
}

fn push_name(end: End) -> &'static [u8] {
    if end == End::Head { b"LPUSH" } else { b"RPUSH" }
}

/// LMOVE source destination LEFT|RIGHT LEFT|RIGHT
pub(in super::super) fn r#move(c: &mut Call<'_, '_>) -> Done {
    let (from, to) = (side(&c.args[3])?, side(&c.args[4])?);
    move_or_null(c, from, to)
}

/// RPOPLPUSH source destination
pub(in super::super) fn pop_push(c: &mut Call<'_, '_>) -> Done {
    move_or_null(c, End::Tail, End::Head)
}

fn move_or_null(c: &mut Call<'_, '_>, from: End, to: End) -> Done {
    if !move_one(c, from, to)? {
        c.reply.null();
    }
    Ok(())
}

/// Moves an element and replies with it. Whether there was one.
pub(in super::super) fn move_one(c: &mut Call<'_, '_>, from: End, to: End) -> Result<bool, Error> {
    let limit = limit(c);
    let [source, destination] = [c.keys[0], c.keys[1]];
    let Some(list) = c.view.write_as::<List>(&source)? else { return Ok(false) };
    let element = list.peek(from).unwrap_or_default().to_vec();
    let value = std::iter::once(&element[..]);
    if source.bytes == destination.bytes {
        list.drop_end(from, limit);
        push_all(list, value, to, limit);
        c.view.changed(&destination, pushed(to));
        popped(c, &source, from, false);
        // In one step: the list is never empty, and keeps its lifetime.
        c.view.say(&source, &[b"LMOVE", source.bytes, source.bytes, side_name(from), side_name(to)]);
    } else {
        // Of the wrong type, it is an error before anything has changed.
        push_all(c.made::<List>(1)?, value, to, limit);
        c.view.changed(&destination, pushed(to));
        if let Some(list) = c.view.write_as::<List>(&source)? {
            list.drop_end(from, limit);
            let emptied = list.is_empty();
            popped(c, &source, from, emptied);
        }
        c.view.say(&source, &[pop_name(from), source.bytes]);
        c.view.say(&destination, &[push_name(to), destination.bytes, &element]);
    }
    c.reply.bulk(&element);
    Ok(true)
}

/// LMPOP numkeys key [key ...] LEFT|RIGHT [COUNT count]
pub(in super::super) fn multi_pop(c: &mut Call<'_, '_>) -> Done {
    if !multi_pop_from(c, 1)? {
        c.reply.null_array();
    }
    Ok(())
}

/// Pops from the first list that has any; `numkeys` is the argument that says how many there are. Whether there was one.
pub(in super::super) fn multi_pop_from(c: &mut Call<'_, '_>, numkeys: usize) -> Result<bool, Error> {
    let keys = at_least(1, &c.args[numkeys], Error::fixed("ERR numkeys should be greater than 0"))?;
    let at = keys.saturating_add(numkeys + 1);
    let end = side(c.args.get(at).ok_or(errors::SYNTAX)?)?;
    let count = count(c, at + 1)?;
    let limit = limit(c);
    for i in 0..c.keys.len() {
        let key = c.keys[i];
        if c.view.write_as::<List>(&key)?.is_none() || c.must_queue(i) {
            continue;
        }
        let Some(list) = c.view.write_as::<List>(&key)? else { continue };
        let taken = count.min(list.len());
        c.reply.array(2);
        c.reply.bulk(key.bytes);
        c.reply.array(taken);
        let emptied = take(list, taken, end, limit, &mut c.reply);
        popped(c, &key, end, emptied);
        c.view.say(&key, &[pop_name(end), key.bytes, itoa::Buffer::new().format(taken).as_bytes()]);
        return Ok(true);
    }
    Ok(false)
}

/// The COUNT that may end the arguments.
fn count(c: &Call<'_, '_>, at: usize) -> Result<usize, Error> {
    match (c.args.get(at), c.args.get(at + 1)) {
        (None, _) => Ok(1),
        (Some(word), Some(count)) if is(word, "COUNT") => {
            let count = at_least(1, count, Error::fixed("ERR count should be greater than 0"))?;
            if c.args.len() > at + 2 { Err(errors::SYNTAX) } else { Ok(count) }
        }
        _ => Err(errors::SYNTAX),
    }
}
