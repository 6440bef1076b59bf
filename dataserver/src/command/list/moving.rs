//! Moving elements between lists, and popping from several.

use super::super::arguments::{at_least, is};
use super::super::{Call, Done};
use super::{limit, push_all, take};
use crate::value::list::{End, List};
use ringtail_protocol::errors::{self, Error};

fn side(text: &[u8]) -> Result<End, Error> {
    match text {
        _ if is(text, "LEFT") => Ok(End::Head),
        _ if is(text, "RIGHT") => Ok(End::Tail),
        _ => Err(errors::SYNTAX),
    }
}

/// LMOVE source destination LEFT|RIGHT LEFT|RIGHT
pub(in super::super) fn r#move(c: &mut Call<'_, '_>) -> Done {
    let (from, to) = (side(&c.args[3])?, side(&c.args[4])?);
    move_one(c, from, to)
}

/// RPOPLPUSH source destination
pub(in super::super) fn pop_push(c: &mut Call<'_, '_>) -> Done {
    move_one(c, End::Tail, End::Head)
}

fn move_one(c: &mut Call<'_, '_>, from: End, to: End) -> Done {
    let limit = limit(c);
    let [source, destination] = [c.keys[0], c.keys[1]];
    let Some(list) = c.view.write_as::<List>(&source)? else {
        c.reply.null();
        return Ok(());
    };
    let element = list.peek(from).unwrap_or_default().to_vec();
    let value = std::iter::once(&element[..]);
    if source.bytes == destination.bytes {
        list.drop_end(from, limit);
        push_all(list, value, to, limit);
    } else {
        // Of the wrong type, it is an error before anything has changed.
        push_all(c.made::<List>(1)?, value, to, limit);
        if let Some(list) = c.view.write_as::<List>(&source)? {
            list.drop_end(from, limit);
            if list.is_empty() {
                c.view.delete(&source);
            }
        }
    }
    c.reply.bulk(&element);
    Ok(())
}

/// LMPOP numkeys key [key ...] LEFT|RIGHT [COUNT count]
pub(in super::super) fn multi_pop(c: &mut Call<'_, '_>) -> Done {
    let keys = at_least(1, &c.args[1], Error::fixed("ERR numkeys should be greater than 0"))?;
    let at = keys.saturating_add(2);
    let end = side(c.args.get(at).ok_or(errors::SYNTAX)?)?;
    let count = count(c, at + 1)?;
    let limit = limit(c);
    for key in c.keys {
        let Some(list) = c.view.write_as::<List>(key)? else { continue };
        let taken = count.min(list.len());
        c.reply.array(2);
        c.reply.bulk(key.bytes);
        c.reply.array(taken);
        if take(list, taken, end, limit, &mut c.reply) {
            c.view.delete(key);
        }
        return Ok(());
    }
    c.reply.null_array();
    Ok(())
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
