//! HRANDFIELD.

use super::super::arguments::{drawable, is, signed};
use super::super::{Call, Done};
use crate::value::fields::Fields;
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::reply::{Reply, Resp};
use std::collections::HashSet;

/// Of at least this many times as many fields as are wanted, random ones are drawn until enough differ.
const SPARSE: usize = 3;

const OUT_OF_RANGE: Error = Error::fixed("ERR value is out of range");
/// HRANDFIELD key [count [WITHVALUES]]
pub(in super::super) fn random_fields(c: &mut Call<'_, '_>) -> Done {
    let Some(count) = c.args.get(2) else { return one(c) };
    let count = signed(count)?;
    let with_values = match c.args.get(3) {
        None => false,
        Some(word) if c.args.len() == 4 && is(word, "WITHVALUES") => true,
        Some(_) => return Err(errors::SYNTAX),
    };
    if with_values && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(OUT_OF_RANGE);
    }
    let hash = c.view.read_as::<Fields>(&c.keys[0])?;
    let mut answer = Answer { reply: &mut c.reply, with_values };
    match hash {
        None => answer.start(0),
        Some(hash) if count < 0 => {
            return repeated(hash, drawable(count.unsigned_abs() as usize)?, &mut answer);
        }
        Some(hash) => distinct(hash, count as usize, &mut answer),
    }
    Ok(())
}

fn one(c: &mut Call<'_, '_>) -> Done {
    let hash = c.view.read_as::<Fields>(&c.keys[0])?;
    let field = hash.and_then(|hash| hash.random(&mut fastrand::Rng::new()));
    c.reply.bulk_or_null(field.map(|(field, _)| field));
    Ok(())
}

/// The reply, with or without values: pairs in RESP3, flat in RESP2.
struct Answer<'r, 'o> {
    reply: &'r mut Reply<'o>,
    with_values: bool,
}

impl Answer<'_, '_> {
    fn start(&mut self, fields: usize) {
        let flat = self.with_values && self.reply.resp() == Resp::V2;
        self.reply.array(if flat { 2 * fields } else { fields });
    }

    fn add(&mut self, (field, value): (&[u8], &[u8])) {
        if self.with_values && self.reply.resp() == Resp::V3 {
            self.reply.array(2);
        }
        self.reply.bulk(field);
        if self.with_values {
            self.reply.bulk(value);
        }
    }
}

/// Fields that may be the same. How many is for the client to say, but not beyond any bound.
fn repeated(hash: &Fields, count: usize, answer: &mut Answer<'_, '_>) -> Done {
    answer.start(count);
    let mut random = fastrand::Rng::new();
    // Of a packed hash, each draw would walk from its start.
    let packed = if hash.is_packed() { hash.all() } else { Vec::new() };
    for _ in 0..count {
        let pair = random.choice(&packed).copied().or_else(|| hash.random(&mut random));
        pair.into_iter().for_each(|pair| answer.add(pair));
        if answer.reply.is_too_long() {
            return Err(errors::REPLY_TOO_LONG);
        }
    }
    Ok(())
}

/// Up to `count` different fields.
fn distinct(hash: &Fields, count: usize, answer: &mut Answer<'_, '_>) {
    let (mut random, count) = (fastrand::Rng::new(), count.min(hash.len()));
    answer.start(count);
    if hash.is_packed() || count >= hash.len() / SPARSE {
        let mut all = hash.all();
        for i in 0..count {
            // All of them keep their order, as in Redis.
            if count < all.len() {
                all.swap(i, random.usize(i..hash.len()));
            }
            answer.add(all[i]);
        }
        return;
    }
    let mut seen = HashSet::with_capacity(count);
    while seen.len() < count {
        if let Some(pair) = hash.random(&mut random)
            && seen.insert(pair.0)
        {
            answer.add(pair);
        }
    }
}
