//! When keys expire.

use super::arguments::{Unit, int, is};
use super::{Call, Done};
use crate::event;
use ringtail_protocol::errors::Error;

const NX_AND_OTHERS: Error =
    Error::fixed("ERR NX and XX, GT or LT options at the same time are not compatible");
const GT_AND_LT: Error = Error::fixed("ERR GT and LT options at the same time are not compatible");

const READ_ONLY: Error = Error::fixed("READONLY You can't write against a read only replica.");

/// EXPIRE's conditions.
#[derive(Clone, Copy, Default)]
struct Conditions {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
}

impl Conditions {
    fn read(c: &Call<'_, '_>) -> Result<Self, Error> {
        let mut said = Self::default();
        for option in c.args.from(3).iter() {
            let flag = match () {
                () if is(option, "NX") => &mut said.nx,
                () if is(option, "XX") => &mut said.xx,
                () if is(option, "GT") => &mut said.gt,
                () if is(option, "LT") => &mut said.lt,
                () => return Err(unsupported(option)),
            };
            *flag = true;
        }
        if said.nx && (said.xx || said.gt || said.lt) {
            return Err(NX_AND_OTHERS);
        }
        if said.gt && said.lt { Err(GT_AND_LT) } else { Ok(said) }
    }

    /// Whether an expiry at `at` may replace `old`; a key without one counts as living for ever.
    fn allow(self, old: Option<u64>, at: i64) -> bool {
        let later = |old| at > i64::try_from(old).unwrap_or(i64::MAX);
        let earlier = |old| at < i64::try_from(old).unwrap_or(i64::MAX);
        !(self.nx && old.is_some()
            || self.xx && old.is_none()
            || self.gt && !old.is_some_and(later)
            || self.lt && !old.is_none_or(earlier))
    }
}

fn unsupported(option: &[u8]) -> Error {
    Error::new(format!("ERR Unsupported option {}", String::from_utf8_lossy(option)))
}

/// EXPIRE key seconds [NX | XX | GT | LT]
pub(super) fn expire(c: &mut Call<'_, '_>) -> Done {
    set(c, Unit::Seconds)
}

/// PEXPIRE key milliseconds …
pub(super) fn pexpire(c: &mut Call<'_, '_>) -> Done {
    set(c, Unit::Millis)
}

/// EXPIREAT key unix-seconds …
pub(super) fn expire_at(c: &mut Call<'_, '_>) -> Done {
    set(c, Unit::UnixSeconds)
}

/// PEXPIREAT key unix-milliseconds …
pub(super) fn pexpire_at(c: &mut Call<'_, '_>) -> Done {
    set(c, Unit::UnixMillis)
}

fn set(c: &mut Call<'_, '_>, unit: Unit) -> Done {
    let conditions = Conditions::read(c)?;
    let at = unit.at(int(&c.args[2])?, c.view.now, c.command.full_name)?;
    let key = &c.keys[0];
    let old = c.view.write(key).map(|entry| entry.expiry());
    let sets = old.is_some_and(|old| conditions.allow(old, at));
    if sets {
        match u64::try_from(at) {
            Ok(at) if at > c.view.now => {
                c.view.set_expiry(key, Some(at));
                c.view.changed(key, event::EXPIRE);
            }
            _ => {
                c.view.delete(key);
            }
        }
    }
    c.reply.flag(sets);
    Ok(())
}

/// PERSIST key
pub(super) fn persist(c: &mut Call<'_, '_>) -> Done {
    let key = &c.keys[0];
    let expires = c.view.write(key).is_some_and(|entry| entry.expiry().is_some());
    if expires {
        c.view.set_expiry(key, None);
        c.view.changed(key, event::PERSIST);
    }
    c.reply.flag(expires);
    Ok(())
}

/// TTL key, and the ancestors' `TTL key seconds`, where 0 means to persist.
pub(super) fn ttl(c: &mut Call<'_, '_>) -> Done {
    // Its row says that it reads, as all do who know it: the other form is not kept back before it comes here.
    if c.args.len() > 2 && c.view.keeps() {
        return Err(READ_ONLY);
    }
    match c.args.get(2) {
        None => tell(c, |at, now| (at.saturating_sub(now) + 500) / 1000),
        Some(b"0") => persist(c),
        Some(_) => expire(c),
    }
}

/// PTTL key
pub(super) fn pttl(c: &mut Call<'_, '_>) -> Done {
    tell(c, |at, now| at.saturating_sub(now))
}

/// EXPIRETIME key
pub(super) fn expire_time(c: &mut Call<'_, '_>) -> Done {
    tell(c, |at, _| (at + 500) / 1000)
}

/// PEXPIRETIME key
pub(super) fn pexpire_time(c: &mut Call<'_, '_>) -> Done {
    tell(c, |at, _| at)
}

/// Replies what `number` makes of the key's expiry and the time; -1 when it has none, -2 when there is no key.
fn tell(c: &mut Call<'_, '_>, number: impl Fn(u64, u64) -> u64) -> Done {
    let now = c.view.now;
    let reply = match c.view.look(&c.keys[0]).map(|entry| entry.expiry()) {
        None => -2,
        Some(None) => -1,
        Some(Some(at)) => number(at, now) as i64,
    };
    c.reply.int(reply);
    Ok(())
}
