//! Taking members out.

use super::super::{Call, Done};
use super::bounds::{Bounds, By};
use crate::event;
use crate::value::zset::SortedSet;

/// ZREM key member [member ...]
pub(in super::super) fn remove(c: &mut Call<'_, '_>) -> Done {
    let (hasher, key) = (c.view.hasher(), c.keys[0]);
    let (mut removed, mut is_empty) = (0, false);
    if let Some(set) = c.view.write_as::<SortedSet>(&key)? {
        removed = c.args.from(2).iter().filter(|member| set.remove(member, hasher)).count();
        is_empty = set.is_empty();
    }
    if removed > 0 {
        c.view.changed(&key, event::ZREM);
    }
    if is_empty {
        c.delete_emptied(&key);
    }
    c.reply.count(removed);
    Ok(())
}

/// ZREMRANGEBYRANK, ZREMRANGEBYSCORE and ZREMRANGEBYLEX
pub(in super::super) fn remove_range(c: &mut Call<'_, '_>, by: By) -> Done {
    let (args, hasher, key) = (c.args, c.view.hasher(), c.keys[0]);
    let bounds = Bounds::read(by, &args[2], &args[3])?;
    let Some(set) = c.view.write_as::<SortedSet>(&key)? else {
        c.reply.count(0);
        return Ok(());
    };
    let (ranks, len) = (bounds.ranks(set), set.len());
    let rest = if ranks.len() < len { set.remove_ranks(ranks.clone(), hasher) } else { None };
    c.discard(rest);
    if !ranks.is_empty() {
        c.view.changed(
            &key,
            match by {
                By::Rank => event::ZREMRANGEBYRANK,
                By::Score => event::ZREMRANGEBYSCORE,
                By::Name => event::ZREMRANGEBYLEX,
            },
        );
    }
    if ranks.len() == len {
        c.delete_emptied(&key);
    }
    if !ranks.is_empty() {
        // Where scores differ, what is between two names is a matter of the set's form.
        let (mut first, mut last) = (itoa::Buffer::new(), itoa::Buffer::new());
        let (first, last) = (first.format(ranks.start).as_bytes(), last.format(ranks.end - 1).as_bytes());
        c.view.say(&key, &[b"ZREMRANGEBYRANK", key.bytes, first, last]);
    }
    c.reply.count(ranks.len());
    Ok(())
}
