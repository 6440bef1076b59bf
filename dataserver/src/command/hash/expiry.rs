//! When fields expire: HEXPIRE and its like, HTTL and its like, HPERSIST.

use super::super::arguments::{Unit, int, is};
use super::super::{Call, Done};
use crate::event;
use crate::store::hasher::Hasher;
use crate::value::fields::Fields;
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::number::parse_i64;
use ringtail_protocol::request::Args;

/// The latest time that a field may expire at, in milliseconds since 1970, as in Redis.
const LATEST: u64 = (1 << 46) - 1;

const NEGATIVE: Error = Error::fixed("ERR invalid expire time, must be >= 0");
const NO_FIELDS: Error =
    Error::fixed("ERR Mandatory argument FIELDS is missing or not at the right position");
const NOT_MATCHING: Error = Error::fixed("ERR The `numfields` parameter must match the number of arguments");
const NOT_ABOVE_ZERO: Error = Error::fixed("ERR Parameter `numFields` should be greater than 0");
pub(super) const NOT_POSITIVE: Error = Error::fixed("ERR Number of fields must be a positive integer");

/// What is answered for a field that is not there.
const MISSING: i64 = -2;

/// The fields after `FIELDS number` at an argument.
pub(super) fn fields<'a>(args: Args<'a>, at: usize, bad_number: Error) -> Result<Args<'a>, Error> {
    if !args.get(at).is_some_and(|word| is(word, "FIELDS")) {
        return Err(NO_FIELDS);
    }
    let number = args.get(at + 1).and_then(parse_i64).filter(|&n| n >= 1).ok_or(bad_number)?;
    let fields = args.from((at + 2).min(args.len()));
    if usize::try_from(number) == Ok(fields.len()) { Ok(fields) } else { Err(NOT_MATCHING) }
}

/// The time that a number of a unit means, in milliseconds since 1970; it may be over already.
pub(super) fn time(text: &[u8], unit: Unit, now: u64, command: &str) -> Result<u64, Error> {
    let number = int(text)?;
    if number < 0 {
        return Err(NEGATIVE);
    }
    let at = u64::try_from(unit.at(number, now, command)?).ok().filter(|&at| at <= LATEST);
    at.ok_or_else(|| errors::invalid_expire(command))
}

/// On which fields the time is set.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    Any,
    Without,
    With,
    Later,
    Earlier,
}

impl Condition {
    fn named(word: &[u8]) -> Self {
        let words = [("NX", Self::Without), ("XX", Self::With), ("GT", Self::Later), ("LT", Self::Earlier)];
        words.into_iter().find(|(name, _)| is(word, name)).map_or(Self::Any, |(_, condition)| condition)
    }

    /// Whether a time may replace `old`; a field without one counts as staying for ever.
    fn allows(self, old: Option<u64>, at: u64) -> bool {
        match self {
            Self::Any => true,
            Self::Without => old.is_none(),
            Self::With => old.is_some(),
            Self::Later => old.is_some_and(|old| at > old),
            Self::Earlier => old.is_none_or(|old| at < old),
        }
    }
}

/// What became of a field whose time was to be set.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Missing = MISSING as isize,
    Refused = 0,
    Set = 1,
    Deleted = 2,
}

/// Sets when a field expires; when that is over already, the field goes.
pub(super) fn expire_field(hash: &mut Fields, field: &[u8], at: u64, now: u64, hasher: Hasher) -> Outcome {
    set_if(hash, field, at, Condition::Any, now, hasher)
}

fn set_if(
    hash: &mut Fields,
    field: &[u8],
    at: u64,
    condition: Condition,
    now: u64,
    hasher: Hasher,
) -> Outcome {
    let Some(old) = hash.time(field, hasher) else { return Outcome::Missing };
    if !condition.allows(old, at) {
        return Outcome::Refused;
    }
    // By the clock of another thread it may be over already: then it would not be seen, and never go.
    if at <= now || hash.is_over(at) {
        hash.remove(field, hasher);
        return Outcome::Deleted;
    }
    hash.set_time(field, Some(at), hasher);
    Outcome::Set
}

/// Fields whose time was set, or who went for it, for the log.
#[derive(Default)]
pub(super) struct Changed<'a> {
    logged: bool,
    set: Vec<&'a [u8]>,
    deleted: Vec<&'a [u8]>,
}

impl<'a> Changed<'a> {
    pub(super) fn new(c: &Call<'_, '_>) -> Self {
        Self { logged: c.view.is_logged(), ..Self::default() }
    }

    #[inline]
    pub(super) fn note(&mut self, field: &'a [u8], outcome: Outcome) {
        match outcome {
            Outcome::Set if self.logged => self.set.push(field),
            Outcome::Deleted if self.logged => self.deleted.push(field),
            _ => {}
        }
    }

    /// Says to the log that these have no time any more.
    pub(super) fn say_persist(&self, c: &mut Call<'_, '_>) {
        if !self.set.is_empty() {
            let (key, mut count) = (&c.keys[0], itoa::Buffer::new());
            let head = [b"HPERSIST", key.bytes, b"FIELDS", count.format(self.set.len()).as_bytes()];
            c.view.say_with(key, &head, self.set.iter().copied());
        }
    }

    /// Says to the log that these have got the time `at`.
    pub(super) fn say(&self, c: &mut Call<'_, '_>, at: u64) {
        let (key, mut digits, mut count) = (&c.keys[0], itoa::Buffer::new(), itoa::Buffer::new());
        if !self.deleted.is_empty() {
            c.view.say_with(key, &[b"HDEL", key.bytes], self.deleted.iter().copied());
        }
        if !self.set.is_empty() {
            let (at, count) = (digits.format(at).as_bytes(), count.format(self.set.len()).as_bytes());
            let head = [b"HPEXPIREAT", key.bytes, at, b"FIELDS", count];
            c.view.say_with(key, &head, self.set.iter().copied());
        }
    }
}

/// HEXPIRE key seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]
pub(in super::super) fn expire(c: &mut Call<'_, '_>) -> Done {
    set(c, Unit::Seconds)
}

/// HPEXPIRE key milliseconds …
pub(in super::super) fn pexpire(c: &mut Call<'_, '_>) -> Done {
    set(c, Unit::Millis)
}

/// HEXPIREAT key unix-seconds …
pub(in super::super) fn expire_at(c: &mut Call<'_, '_>) -> Done {
    set(c, Unit::UnixSeconds)
}

/// HPEXPIREAT key unix-milliseconds …
pub(in super::super) fn pexpire_at(c: &mut Call<'_, '_>) -> Done {
    set(c, Unit::UnixMillis)
}

fn set(c: &mut Call<'_, '_>, unit: Unit) -> Done {
    let (args, now, hasher) = (c.args, c.view.now, c.view.hasher());
    c.view.write_as::<Fields>(&c.keys[0])?;
    let at = time(&args[2], unit, now, c.command.full_name)?;
    let condition = Condition::named(&args[3]);
    let wanted = fields(args, if condition == Condition::Any { 3 } else { 4 }, NOT_ABOVE_ZERO)?;
    let mut changed = Changed::new(c);
    let hash = c.view.write_as::<Fields>(&c.keys[0])?;
    c.reply.array(wanted.len());
    let Some(hash) = hash else {
        wanted.iter().for_each(|_| c.reply.int(MISSING));
        return Ok(());
    };
    let (mut set, mut deleted) = (false, false);
    for field in wanted.iter() {
        let outcome = set_if(hash, field, at, condition, now, hasher);
        set |= outcome == Outcome::Set;
        deleted |= outcome == Outcome::Deleted;
        changed.note(field, outcome);
        c.reply.int(outcome as i64);
    }
    if set || deleted {
        c.view.changed(&c.keys[0], if deleted { event::HDEL } else { event::HEXPIRE });
    }
    settle(c)?;
    changed.say(c, at);
    Ok(())
}

/// After times of fields were changed: a hash without fields goes, another is looked at when its next field expires.
pub(super) fn settle(c: &mut Call<'_, '_>) -> Done {
    let key = &c.keys[0];
    if c.view.write_as::<Fields>(key)?.is_some_and(|hash| hash.is_empty()) {
        c.view.delete(key);
    } else {
        c.view.schedule_fields(key);
    }
    Ok(())
}

/// HTTL key FIELDS numfields field [field ...]
pub(in super::super) fn ttl(c: &mut Call<'_, '_>) -> Done {
    let now = c.view.now;
    tell(c, |at| at.saturating_sub(now).div_ceil(1000))
}

/// HPTTL key FIELDS …
pub(in super::super) fn pttl(c: &mut Call<'_, '_>) -> Done {
    let now = c.view.now;
    tell(c, |at| at.saturating_sub(now))
}

/// HEXPIRETIME key FIELDS …
pub(in super::super) fn expire_time(c: &mut Call<'_, '_>) -> Done {
    tell(c, |at| at.div_ceil(1000))
}

/// HPEXPIRETIME key FIELDS …
pub(in super::super) fn pexpire_time(c: &mut Call<'_, '_>) -> Done {
    tell(c, |at| at)
}

/// Replies what `number` makes of each field's time; -1 where it stays, -2 where there is no field.
fn tell(c: &mut Call<'_, '_>, number: impl Fn(u64) -> u64) -> Done {
    let hasher = c.view.hasher();
    let hash = c.view.read_as::<Fields>(&c.keys[0])?;
    let wanted = fields(c.args, 2, NOT_POSITIVE)?;
    c.reply.array(wanted.len());
    for field in wanted.iter() {
        c.reply.int(match hash.and_then(|hash| hash.time(field, hasher)) {
            None => MISSING,
            Some(None) => -1,
            Some(Some(at)) => number(at) as i64,
        });
    }
    Ok(())
}

/// HPERSIST key FIELDS numfields field [field ...]
pub(in super::super) fn persist(c: &mut Call<'_, '_>) -> Done {
    let (args, hasher) = (c.args, c.view.hasher());
    let hash = c.view.write_as::<Fields>(&c.keys[0])?;
    let wanted = fields(args, 2, NOT_POSITIVE)?;
    c.reply.array(wanted.len());
    let Some(hash) = hash else {
        wanted.iter().for_each(|_| c.reply.int(MISSING));
        return Ok(());
    };
    let mut changed = false;
    for field in wanted.iter() {
        c.reply.int(match hash.time(field, hasher) {
            None => MISSING,
            Some(None) => -1,
            Some(Some(_)) => {
                hash.set_time(field, None, hasher);
                changed = true;
                1
            }
        });
    }
    if changed {
        c.view.changed(&c.keys[0], event::HPERSIST);
    }
    Ok(())
}
