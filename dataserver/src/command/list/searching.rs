//! Commands that look for elements by value.

use super::super::arguments::{at_least, is, signed};
use super::super::{Call, Done};
use super::limit;
use crate::event;
use crate::value::list::{End, List};
use ringtail_protocol::errors::{self, Error};

/// LINSERT key BEFORE|AFTER pivot element
pub(in super::super) fn insert(c: &mut Call<'_, '_>) -> Done {
    let side = match &c.args[2] {
        word if is(word, "BEFORE") => End::Head,
        word if is(word, "AFTER") => End::Tail,
        _ => return Err(errors::SYNTAX),
    };
    let limit = limit(c);
    let len = match c.view.write_as::<List>(&c.keys[0])? {
        None => 0,
        Some(list) => {
            let inserted = list.insert(&c.args[3], side, &c.args[4], limit);
            if inserted { list.len() as i64 } else { -1 }
        }
    };
    if len > 0 {
        c.changed(0, event::LINSERT);
    }
    c.reply.int(len);
    Ok(())
}

/// LREM key count element
pub(in super::super) fn remove(c: &mut Call<'_, '_>) -> Done {
    let (count, limit) = (signed(&c.args[2])?, limit(c));
    let from = if count < 0 { End::Tail } else { End::Head };
    let most = if count == 0 { usize::MAX } else { count.unsigned_abs() as usize };
    let mut removed = 0;
    if let Some(list) = c.view.write_as::<List>(&c.keys[0])? {
        removed = list.remove_equal(&c.args[3], most, from, limit);
        let emptied = list.is_empty();
        if removed > 0 {
            c.changed(0, event::LREM);
        }
        if emptied {
            c.view.delete(&c.keys[0]);
        }
    }
    c.reply.count(removed);
    Ok(())
}

/// What LPOS looks for.
struct Wanted {
    from: End,
    /// Matches that are passed over.
    skipped: usize,
    /// Matches that are returned, at most; `None` = one, not in an array.
    count: Option<usize>,
    /// Elements that are looked at, at most.
    most: usize,
}

const RANK_ZERO: Error = Error::fixed(
    "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list",
);

fn wanted(c: &Call<'_, '_>) -> Result<Wanted, Error> {
    let (mut rank, mut count, mut most, mut i) = (1, None, 0, 3);
    while let Some(option) = c.args.get(i) {
        let Some(value) = c.args.get(i + 1) else { return Err(errors::SYNTAX) };
        match () {
            () if is(option, "RANK") => {
                rank = signed(value).and_then(|n| if n == 0 { Err(RANK_ZERO) } else { Ok(n) })?
            }
            () if is(option, "COUNT") => {
                count = Some(at_least(0, value, Error::fixed("ERR COUNT can't be negative"))?);
            }
            () if is(option, "MAXLEN") => {
                most = at_least(0, value, Error::fixed("ERR MAXLEN can't be negative"))?
            }
            () => return Err(errors::SYNTAX),
        }
        i += 2;
    }
    let all_of_zero = |n| if n == 0 { usize::MAX } else { n };
    Ok(Wanted {
        from: if rank < 0 { End::Tail } else { End::Head },
        skipped: rank.unsigned_abs() as usize - 1,
        count: count.map(all_of_zero),
        most: all_of_zero(most),
    })
}

/// LPOS key element [RANK rank] [COUNT num-matches] [MAXLEN len]
pub(in super::super) fn positions(c: &mut Call<'_, '_>) -> Done {
    let wanted = wanted(c)?;
    let found = match c.view.read_as::<List>(&c.keys[0])? {
        Some(list) => find(list, &c.args[2], &wanted),
        None => Vec::new(),
    };
    match wanted.count {
        Some(_) => {
            c.reply.array(found.len());
            found.iter().for_each(|&index| c.reply.count(index));
        }
        None => match found.first() {
            Some(&index) => c.reply.count(index),
            None => c.reply.null(),
        },
    }
    Ok(())
}

fn find(list: &List, element: &[u8], wanted: &Wanted) -> Vec<usize> {
    let (len, count) = (list.len(), wanted.count.unwrap_or(1));
    let is_match = |(i, e): (usize, &[u8])| (e == element).then_some(i);
    match wanted.from {
        End::Head => {
            let looked = list.iter().take(wanted.most).enumerate();
            looked.filter_map(is_match).skip(wanted.skipped).take(count).collect()
        }
        End::Tail => {
            let looked = list.iter().rev().take(wanted.most).enumerate();
            looked.filter_map(is_match).map(|i| len - 1 - i).skip(wanted.skipped).take(count).collect()
        }
    }
}
