//! HGETEX, HSETEX and HGETDEL: fields read or set together with the time at which they expire.

use super::super::arguments::{Unit, is};
use super::super::{Call, Done};
use super::expiry::{Changed, NOT_POSITIVE, Outcome, expire_field, fields, settle, time};
use super::limit;
use crate::event;
use crate::value::fields::Fields;
use ringtail_protocol::errors::{self, Error, printable};
use ringtail_protocol::number::parse_i64;
use ringtail_protocol::request::Args;

const BAD_NUMBER: Error = Error::fixed("ERR invalid number of fields");
const NO_TIME: Error = Error::fixed("ERR missing expire time");
const FXX_AND_FNX: Error = Error::fixed("ERR Only one of FXX or FNX arguments can be specified");
const ONE_TIME: Error =
    Error::fixed("ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified");

/// HGETDEL key FIELDS numfields field [field ...]
pub(in super::super) fn get_del(c: &mut Call<'_, '_>) -> Done {
    let (args, hasher) = (c.args, c.view.hasher());
    let mut hash = c.view.write_as::<Fields>(&c.keys[0])?;
    let wanted = fields(args, 2, NOT_POSITIVE)?;
    c.reply.array(wanted.len());
    let mut deleted = false;
    for field in wanted.iter() {
        c.reply.bulk_or_null(hash.as_ref().and_then(|hash| hash.get(field, hasher)));
        deleted |= hash.as_mut().is_some_and(|hash| hash.remove(field, hasher));
    }
    if !deleted {
        return Ok(());
    }
    c.view.changed(&c.keys[0], event::HDEL);
    settle(c)
}

/// What HGETEX does with the time.
#[derive(Clone, Copy)]
enum Change {
    None,
    Persist,
    At(u64),
}

/// HGETEX key [EX seconds | PX milliseconds | EXAT unix-seconds | PXAT unix-milliseconds | PERSIST] FIELDS numfields field …
pub(in super::super) fn get_ex(c: &mut Call<'_, '_>) -> Done {
    let (args, now, hasher) = (c.args, c.view.now, c.view.hasher());
    c.view.write_as::<Fields>(&c.keys[0])?;
    let (change, at) = match Unit::of_option(&args[2]) {
        Some(unit) => (Change::At(time(&args[3], unit, now, c.command.full_name)?), 4),
        None if is(&args[2], "PERSIST") => (Change::Persist, 3),
        None => (Change::None, 2),
    };
    let wanted = fields(args, at, NOT_POSITIVE)?;
    let mut changed = Changed::new(c);
    let Some(hash) = c.view.write_as::<Fields>(&c.keys[0])? else {
        c.reply.array(wanted.len());
        wanted.iter().for_each(|_| c.reply.null());
        return Ok(());
    };
    c.reply.array(wanted.len());
    let (mut set, mut deleted) = (false, false);
    for field in wanted.iter() {
        c.reply.bulk_or_null(hash.get(field, hasher));
        match change {
            Change::None => {}
            Change::Persist => {
                if hash.time(field, hasher).flatten().is_some() {
                    hash.set_time(field, None, hasher);
                    set = true;
                    changed.note(field, Outcome::Set);
                }
            }
            Change::At(at) => {
                let outcome = expire_field(hash, field, at, now, hasher);
                set |= outcome == Outcome::Set;
                deleted |= outcome == Outcome::Deleted;
                changed.note(field, outcome);
            }
        }
    }
    let event = match change {
        Change::Persist => event::HPERSIST,
        _ if set => event::HEXPIRE,
        _ => event::HDEL,
    };
    if set || deleted {
        c.view.changed(&c.keys[0], event);
        settle(c)?;
    }
    match change {
        Change::At(at) => changed.say(c, at),
        Change::Persist => changed.say_persist(c),
        Change::None => {}
    }
    Ok(())
}

/// HSETEX's options.
#[derive(Default)]
struct Options<'a> {
    /// All fields must be there, or none of them.
    exist: Option<bool>,
    at: Option<u64>,
    keep: bool,
    /// Fields and values in turn.
    pairs: Option<Args<'a>>,
}

impl<'a> Options<'a> {
    fn read(c: &Call<'a, '_>) -> Result<Self, Error> {
        let (args, command) = (c.args, c.command.full_name);
        let (mut options, mut i) = (Self::default(), 2);
        while let Some(word) = args.get(i) {
            match Unit::of_option(word) {
                _ if is(word, "FIELDS") => {
                    options.pairs = Some(pairs(args, i, command)?);
                    return Ok(options);
                }
                Some(unit) => {
                    options.check_one_time()?;
                    i += 1;
                    options.at = Some(time(args.get(i).ok_or(NO_TIME)?, unit, c.view.now, command)?);
                }
                None if is(word, "KEEPTTL") => {
                    options.check_one_time()?;
                    options.keep = true;
                }
                None if is(word, "FXX") || is(word, "FNX") => {
                    if options.exist.is_some() {
                        return Err(FXX_AND_FNX);
                    }
                    options.exist = Some(is(word, "FXX"));
                }
                None => return Err(Error::new(format!("ERR unknown argument: {}", printable(word, 128)))),
            }
            i += 1;
        }
        Err(errors::wrong_arity(command))
    }

    fn check_one_time(&self) -> Done {
        if self.keep || self.at.is_some() { Err(ONE_TIME) } else { Ok(()) }
    }
}

/// The fields and values after `FIELDS number`.
fn pairs<'a>(args: Args<'a>, at: usize, command: &str) -> Result<Args<'a>, Error> {
    let arity = || errors::wrong_arity(command);
    if at + 3 >= args.len() {
        return Err(arity());
    }
    let number =
        parse_i64(&args[at + 1]).filter(|n| (1..=i64::from(i32::MAX)).contains(n)).ok_or(BAD_NUMBER)?;
    let pairs = args.from(at + 2);
    if number * 2 == pairs.len() as i64 { Ok(pairs) } else { Err(arity()) }
}

/// HSETEX key [FNX | FXX] [EX … | PX … | EXAT … | PXAT … | KEEPTTL] FIELDS numfields field value [field value ...]
pub(in super::super) fn set_ex(c: &mut Call<'_, '_>) -> Done {
    let options = Options::read(c)?;
    let Some(pairs) = options.pairs else { return Err(errors::wrong_arity(c.command.full_name)) };
    let (now, hasher, limit) = (c.view.now, c.view.hasher(), limit(c));
    let old = c.view.write_as::<Fields>(&c.keys[0])?;
    if let Some(exist) = options.exist {
        let there = |field| old.as_ref().is_some_and(|hash| hash.get(field, hasher).is_some());
        if (0..pairs.len()).step_by(2).any(|i| there(&pairs[i]) != exist) {
            c.reply.flag(false);
            return Ok(());
        }
    }
    let hash = c.made::<Fields>(0)?;
    let (mut set, mut deleted) = (false, false);
    for i in (0..pairs.len()).step_by(2) {
        let (field, value) = (&pairs[i], &pairs[i + 1]);
        hash.set_keeping(field, value, hasher, limit);
        match options.at {
            None if options.keep => {}
            None => hash.set_time(field, None, hasher),
            Some(at) => {
                let outcome = expire_field(hash, field, at, now, hasher);
                set |= outcome == Outcome::Set;
                deleted |= outcome == Outcome::Deleted;
            }
        }
    }
    c.reply.flag(true);
    c.view.changed(&c.keys[0], event::HSET);
    if set || deleted {
        c.view.changed(&c.keys[0], if deleted { event::HDEL } else { event::HEXPIRE });
    }
    settle(c)?;
    say_set_ex(c, options.at.map(|at| if deleted { now } else { at }), options.keep, pairs);
    Ok(())
}

/// Says to the log what HSETEX did. All fields have got one time; if it was over, they have it again where the log is read.
fn say_set_ex(c: &mut Call<'_, '_>, at: Option<u64>, keep: bool, pairs: Args<'_>) {
    let (key, mut digits, mut count) = (&c.keys[0], itoa::Buffer::new(), itoa::Buffer::new());
    let count = count.format(pairs.len() / 2).as_bytes();
    match at {
        Some(at) => {
            let at = digits.format(at).as_bytes();
            c.view.say_with(key, &[b"HSETEX", key.bytes, b"PXAT", at, b"FIELDS", count], pairs.iter());
        }
        None if keep => {
            c.view.say_with(key, &[b"HSETEX", key.bytes, b"KEEPTTL", b"FIELDS", count], pairs.iter());
        }
        None => c.view.say_with(key, &[b"HSET", key.bytes], pairs.iter()),
    }
}
