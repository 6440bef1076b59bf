//! ZSCAN.

use super::super::scan::{cursor, element_options};
use super::super::{Call, Done};
use crate::value::zset::SortedSet;
use ringtail_protocol::glob;
use ringtail_protocol::number::{write_f64, write_f64_in_17_digits};
use ringtail_protocol::reply::Reply;

/// ZSCAN key cursor [MATCH pattern] [COUNT count]
pub(in super::super) fn scan(c: &mut Call<'_, '_>) -> Done {
    let (from, hasher) = (cursor(&c.args[2])?, c.view.hasher());
    let set = c.view.read_as::<SortedSet>(&c.keys[0])?;
    c.reply.array(2);
    let Some(set) = set else {
        // As in Redis, options are not looked at.
        c.reply.bulk(b"0");
        c.reply.array(0);
        return Ok(());
    };
    let (most, pattern) = element_options(c.args)?;
    // Redis shows the scores of the two forms differently here, and nowhere else.
    let write = match set {
        SortedSet::Small(_) => write_f64,
        SortedSet::Large(_) => write_f64_in_17_digits,
    };
    let (mut items, mut found, mut text) = (Vec::new(), 0, Vec::new());
    let mut reply = Reply::new(&mut items, c.reply.resp());
    let next = set.scan(from, most, hasher, |(score, member)| {
        if pattern.is_none_or(|pattern| glob::matches(pattern, member)) {
            text.clear();
            write(&mut text, score);
            reply.bulk(member);
            reply.bulk(&text);
            found += 2;
        }
    });
    c.reply.bulk(itoa::Buffer::new().format(next).as_bytes());
    c.reply.array(found);
    c.reply.raw(&items);
    Ok(())
}
