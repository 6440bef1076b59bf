//! Commands that go through all fields.

use super::super::scan::{cursor, element_options};
use super::super::{Call, Done};
use crate::value::fields::Fields;
use ringtail_protocol::glob;
use ringtail_protocol::reply::Reply;

/// HGETALL key
pub(in super::super) fn get_all(c: &mut Call<'_, '_>) -> Done {
    let hash = c.view.read_as::<Fields>(&c.keys[0])?;
    c.reply.map(hash.map_or(0, Fields::len));
    if let Some(hash) = hash {
        hash.for_each(|field, value| {
            c.reply.bulk(field);
            c.reply.bulk(value);
        });
    }
    Ok(())
}

/// HKEYS key
pub(in super::super) fn fields(c: &mut Call<'_, '_>) -> Done {
    each(c, |field, _| field)
}

/// HVALS key
pub(in super::super) fn values(c: &mut Call<'_, '_>) -> Done {
    each(c, |_, value| value)
}

fn each(c: &mut Call<'_, '_>, part: impl for<'f> Fn(&'f [u8], &'f [u8]) -> &'f [u8]) -> Done {
    let hash = c.view.read_as::<Fields>(&c.keys[0])?;
    c.reply.array(hash.map_or(0, Fields::len));
    if let Some(hash) = hash {
        hash.for_each(|field, value| c.reply.bulk(part(field, value)));
    }
    Ok(())
}

/// HSCAN key cursor [MATCH pattern] [COUNT count]
pub(in super::super) fn scan(c: &mut Call<'_, '_>) -> Done {
    let from = cursor(&c.args[2])?;
    let hash = c.view.read_as::<Fields>(&c.keys[0])?;
    c.reply.array(2);
    let Some(hash) = hash else {
        // As in Redis, options are not looked at.
        c.reply.bulk(b"0");
        c.reply.array(0);
        return Ok(());
    };
    let (most, pattern) = element_options(c.args)?;
    let (mut items, mut found) = (Vec::new(), 0);
    let mut reply = Reply::new(&mut items, c.reply.resp());
    let next = hash.scan(from, most, |field, value| {
        if pattern.is_none_or(|pattern| glob::matches(pattern, field)) {
            reply.bulk(field);
            reply.bulk(value);
            found += 2;
        }
    });
    c.reply.bulk_int(next as i64);
    c.reply.array(found);
    c.reply.raw(&items);
    Ok(())
}
