//! BITFIELD: numbers of any width, at any bit.

use super::super::arguments::{int, is};
use super::super::range::edit;
use super::super::{Call, Done};
use super::{BAD_OFFSET, offset};
use crate::event;
use crate::value::bits;
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::number::parse_i64;
use ringtail_protocol::reply::Reply;
use ringtail_protocol::request::Args;

const BAD_TYPE: Error = Error::fixed(
    "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
);
const BAD_OVERFLOW: Error = Error::fixed("ERR Invalid OVERFLOW type specified");
const ONLY_GET: Error = Error::fixed("ERR BITFIELD_RO only supports the GET subcommand");

/// How wide a number is, and whether it has a sign.
#[derive(Clone, Copy)]
struct Width {
    signed: bool,
    bits: u32,
}

impl Width {
    fn named(text: &[u8]) -> Result<Self, Error> {
        let (signed, digits) = match text.split_first() {
            Some((b'i', digits)) => (true, digits),
            Some((b'u', digits)) => (false, digits),
            _ => return Err(BAD_TYPE),
        };
        let most = if signed { 64 } else { 63 };
        let bits = parse_i64(digits).filter(|bits| (1..=most).contains(bits)).ok_or(BAD_TYPE)?;
        Ok(Self { signed, bits: bits as u32 })
    }

    fn read(self, bytes: &[u8], at: u64) -> i64 {
        self.wrapped(bits::read(bytes, at, self.bits))
    }

    /// What the lower bits of a number stand for.
    fn wrapped(self, number: u64) -> i64 {
        let left = 64 - self.bits;
        if self.signed { (number << left) as i64 >> left } else { (number << left >> left) as i64 }
    }

    /// The number as it is stored, or `None` when it doesn't fit and is not to be stored then.
    fn fit(self, number: i128, overflow: Overflow) -> Option<i64> {
        let top = 1_i128 << (self.bits - u32::from(self.signed));
        let (least, most) = (if self.signed { -top } else { 0 }, top - 1);
        match overflow {
            _ if (least..=most).contains(&number) => Some(number as i64),
            Overflow::Wrap => Some(self.wrapped(number as u64)),
            Overflow::Saturate => Some(number.clamp(least, most) as i64),
            Overflow::Fail => None,
        }
    }
}

/// What happens to a number that does not fit.
#[derive(Clone, Copy)]
enum Overflow {
    Wrap,
    Saturate,
    Fail,
}

#[derive(Clone, Copy)]
enum Verb {
    Get,
    Set(i64),
    Add(i64),
}

/// One of the things to do.
#[derive(Clone, Copy)]
struct Step {
    verb: Verb,
    width: Width,
    at: u64,
    overflow: Overflow,
}

impl Step {
    /// Changes the number. Whether it is another one now.
    fn write(self, bytes: &mut [u8], reply: &mut Reply<'_>) -> bool {
        let old = self.width.read(bytes, self.at);
        let wanted = match self.verb {
            Verb::Get => {
                reply.int(old);
                return false;
            }
            // A negative number is a large one where there are no signs.
            Verb::Set(n) if !self.width.signed => i128::from(n as u64),
            Verb::Set(n) => i128::from(n),
            Verb::Add(n) => i128::from(old) + i128::from(n),
        };
        let Some(new) = self.width.fit(wanted, self.overflow) else {
            reply.null();
            return false;
        };
        bits::write(bytes, self.at, self.width.bits, new as u64);
        reply.int(if matches!(self.verb, Verb::Set(_)) { old } else { new });
        old != new
    }

    /// Bytes that a string must have for it.
    fn end(self) -> usize {
        ((self.at + u64::from(self.width.bits)).div_ceil(8)) as usize
    }
}

fn steps(args: Args<'_>) -> Result<Vec<Step>, Error> {
    let (mut steps, mut overflow, mut i) = (Vec::new(), Overflow::Wrap, 2);
    while let Some(word) = args.get(i) {
        let left = args.len() - i - 1;
        let values = match () {
            () if is(word, "GET") && left >= 2 => 2,
            () if (is(word, "SET") || is(word, "INCRBY")) && left >= 3 => 3,
            () if is(word, "OVERFLOW") && left >= 1 => {
                overflow = overflow_named(&args[i + 1])?;
                i += 2;
                continue;
            }
            () => return Err(errors::SYNTAX),
        };
        let width = Width::named(&args[i + 1])?;
        let at = place(&args[i + 2], width)?;
        let verb = match () {
            () if values == 2 => Verb::Get,
            () if is(word, "SET") => Verb::Set(int(&args[i + 3])?),
            () => Verb::Add(int(&args[i + 3])?),
        };
        steps.push(Step { verb, width, at, overflow });
        i += values + 1;
    }
    Ok(steps)
}

fn overflow_named(word: &[u8]) -> Result<Overflow, Error> {
    match () {
        () if is(word, "WRAP") => Ok(Overflow::Wrap),
        () if is(word, "SAT") => Ok(Overflow::Saturate),
        () if is(word, "FAIL") => Ok(Overflow::Fail),
        () => Err(BAD_OVERFLOW),
    }
}

/// A bit, or after `#` a number's place in a row of them.
fn place(text: &[u8], width: Width) -> Result<u64, Error> {
    match text.strip_prefix(b"#") {
        None => offset(parse_i64(text)),
        Some(text) => {
            let index = parse_i64(text).ok_or(BAD_OFFSET)?;
            offset(index.checked_mul(i64::from(width.bits)))
        }
    }
}

/// BITFIELD key [GET type offset | [OVERFLOW how] SET type offset value | [OVERFLOW how] INCRBY type offset by] …
pub(in super::super) fn field(c: &mut Call<'_, '_>) -> Done {
    let steps = steps(c.args)?;
    let Some(end) = written(&steps) else { return read_all(c, &steps) };
    let mut items = Vec::new();
    let mut reply = Reply::new(&mut items, c.reply.resp());
    edit(c, end, event::SETBIT, |bytes, grew| {
        let changed = steps.iter().filter(|step| step.write(bytes, &mut reply)).count();
        ((), grew || changed > 0)
    })?;
    c.reply.array(steps.len());
    c.reply.raw(&items);
    Ok(())
}

/// BITFIELD_RO key [GET type offset] …
pub(in super::super) fn field_read_only(c: &mut Call<'_, '_>) -> Done {
    let steps = steps(c.args)?;
    if written(&steps).is_some() {
        return Err(ONLY_GET);
    }
    read_all(c, &steps)
}

/// How long the string must be for what is written, if anything is.
fn written(steps: &[Step]) -> Option<usize> {
    steps.iter().filter(|step| !matches!(step.verb, Verb::Get)).map(|step| step.end()).max()
}

fn read_all(c: &mut Call<'_, '_>, steps: &[Step]) -> Done {
    let bytes = c.view.read_bytes(&c.keys[0])?.unwrap_or_default();
    c.reply.array(steps.len());
    for step in steps {
        c.reply.int(step.width.read(bytes, step.at));
    }
    Ok(())
}
