//! SET with all its options, and GETEX, whose options are of the same kind.

use super::arguments::{Unit, int, is};
use super::{Call, Done, string};
use crate::event;
use ringtail_protocol::errors::{self, Error};

/// What becomes of the key's expiry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lifetime<'a> {
    /// Nothing was said: SET takes the default, GETEX leaves it.
    Unsaid,
    /// KEEPTTL
    Keep,
    /// PERSIST
    Persist,
    /// EX, PX, EXAT or PXAT and the number.
    Until(Unit, &'a [u8]),
}

/// SET's condition.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Always,
    Missing,
    There,
}

struct Options<'a> {
    lifetime: Lifetime<'a>,
    when: When,
    get: bool,
}

/// SET key value [NX | XX] [GET] [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL], and `SET key value seconds`
pub(super) fn set(c: &mut Call<'_, '_>) -> Done {
    if c.args.len() > 3 {
        return set_with_options(c);
    }
    string::put(c, 0, 2);
    c.reply.ok();
    Ok(())
}

/// SETNX key value
pub(super) fn set_nx(c: &mut Call<'_, '_>) -> Done {
    let free = c.view.peek(&c.keys[0]).is_none();
    if free {
        string::put(c, 0, 2);
    }
    c.reply.flag(free);
    Ok(())
}

#[inline(never)]
fn set_with_options(c: &mut Call<'_, '_>) -> Done {
    let options = set_options(c)?;
    let until = until(c, options.lifetime)?;
    if options.get {
        string::get(c)?;
    }
    let there = c.view.peek(&c.keys[0]).map(|entry| entry.expiry());
    let refused = match options.when {
        When::Always => false,
        When::Missing => there.is_some(),
        When::There => there.is_none(),
    };
    if !refused {
        let expiry = match (options.lifetime, there) {
            (Lifetime::Keep, Some(kept)) => kept,
            _ => until.or_else(|| c.default_expiry()),
        };
        c.view.set_bytes(&c.keys[0], &c.args[2], expiry);
        c.changed(0, event::SET);
        if matches!(options.lifetime, Lifetime::Until(..)) {
            c.view.notify(&c.keys[0], event::EXPIRE);
        }
    }
    match (options.get, refused) {
        (true, _) => {}
        (false, true) => c.reply.null(),
        (false, false) => c.reply.ok(),
    }
    Ok(())
}

/// When the key is to expire, if a number says so.
fn until(c: &Call<'_, '_>, lifetime: Lifetime<'_>) -> Result<Option<u64>, Error> {
    match lifetime {
        Lifetime::Until(unit, number) => unit.set_at(number, c.view.now, c.command.full_name).map(Some),
        _ => Ok(None),
    }
}

fn set_options<'a>(c: &Call<'a, '_>) -> Result<Options<'a>, Error> {
    let mut options = Options { lifetime: Lifetime::Unsaid, when: When::Always, get: false };
    let mut i = 3;
    while let Some(option) = c.args.get(i) {
        i += match (is(option, "NX"), is(option, "XX")) {
            (true, _) if options.when != When::There => {
                options.when = When::Missing;
                1
            }
            (_, true) if options.when != When::Missing => {
                options.when = When::There;
                1
            }
            _ if is(option, "GET") => {
                options.get = true;
                1
            }
            _ => lifetime_option(c, i, "KEEPTTL", Lifetime::Keep, &mut options.lifetime)?,
        };
    }
    Ok(options)
}

/// Reads the option at `i`: `word`, which means `meaning`, or a unit and its number. How many arguments it took.
fn lifetime_option<'a>(
    c: &Call<'a, '_>,
    i: usize,
    word: &str,
    meaning: Lifetime<'a>,
    lifetime: &mut Lifetime<'a>,
) -> Result<usize, Error> {
    let (Some(option), number) = (c.args.get(i), c.args.get(i + 1)) else { return Err(errors::SYNTAX) };
    let said = *lifetime;
    if is(option, word) && (said == Lifetime::Unsaid || said == meaning) {
        *lifetime = meaning;
        return Ok(1);
    }
    match (Unit::of_option(option), number) {
        // The same unit twice is no error in Redis: the last number counts.
        (Some(unit), Some(number))
            if matches!(said, Lifetime::Unsaid) || matches!(said, Lifetime::Until(u, _) if u == unit) =>
        {
            *lifetime = Lifetime::Until(unit, number);
            Ok(2)
        }
        // The ancestors' form: a bare number of seconds, last.
        (None, None) if meaning == Lifetime::Keep && said == Lifetime::Unsaid && int(option).is_ok() => {
            *lifetime = Lifetime::Until(Unit::Seconds, option);
            Ok(1)
        }
        _ => Err(errors::SYNTAX),
    }
}

/// GETEX key [EX s | PX ms | EXAT s | PXAT ms | PERSIST]
pub(super) fn get_ex(c: &mut Call<'_, '_>) -> Done {
    let (mut lifetime, mut i) = (Lifetime::Unsaid, 2);
    while i < c.args.len() {
        i += lifetime_option(c, i, "PERSIST", Lifetime::Persist, &mut lifetime)?;
    }
    let Some(value) = c.view.read_bytes(&c.keys[0])? else {
        c.reply.null();
        return Ok(());
    };
    c.reply.bulk(value);
    match until(c, lifetime)? {
        Some(at) if at <= c.view.now => {
            c.view.delete(&c.keys[0]);
        }
        Some(at) => {
            c.view.set_expiry(&c.keys[0], Some(at));
            c.changed(0, event::EXPIRE);
        }
        None if lifetime == Lifetime::Persist
            && c.view.peek(&c.keys[0]).is_some_and(|entry| entry.expiry().is_some()) =>
        {
            c.view.set_expiry(&c.keys[0], None);
            c.changed(0, event::PERSIST);
        }
        None => {}
    }
    Ok(())
}
