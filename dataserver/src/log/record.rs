//! Groups: what one command, transaction or script did, as one piece of bytes, in files and to replicas.
//!
//! ```text
//! | bytes behind the checksum, u32 | their CRC-32, u32 | time, u64 | effect | …      little endian
//! effect: | database, u8 | arguments, varint | length, varint | bytes | …           varint: LEB128
//! ```

#[cfg(test)]
pub(crate) mod tests;

use ringtail_protocol::request::Span;
use std::fmt;

/// What stands before the bytes that a group's length counts.
pub const HEADER: usize = 8;
const TIME: usize = 8;
/// The shortest effect: a database, one argument, and that one empty.
const LEAST_EFFECT: usize = 3;

/// Most bytes that a group's length may count: a script's or transaction's effects together.
pub const GROUP_MOST: usize = u32::MAX as usize;

/// Longest varint: of a length below 4 GiB.
const VARINT_MOST: u32 = 5;

/// Bytes that are no group, however many more of them would come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// It claims more than is allowed, or less than any group has.
    Length(u32),
    /// Its bytes are not those that were written.
    Checksum,
    /// The bytes are those that were written, but they are no effects.
    Form,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(bytes) => write!(f, "a group of {bytes} bytes, which can't be"),
            Self::Checksum => f.write_str("a group whose checksum is wrong"),
            Self::Form => f.write_str("a group without well-formed effects"),
        }
    }
}

impl std::error::Error for Damage {}

/// What was done at one time, and is applied as one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group<'b> {
    /// The command's time, in milliseconds since 1970.
    pub time: u64,
    /// Known to be well-formed effects, at least one.
    effects: &'b [u8],
}

impl<'b> Group<'b> {
    /// Its effects in order, at least one.
    pub fn effects(&self) -> Effects<'b> {
        Effects(self.effects)
    }

    /// Its bytes, which all arguments stand in.
    pub(super) fn bytes(&self) -> &'b [u8] {
        self.effects
    }

    /// Where an argument stands in its bytes.
    pub(super) fn span(&self, arg: &'b [u8]) -> Span {
        let start = arg.as_ptr().addr() - self.effects.as_ptr().addr();
        // A group is shorter than 4 GiB.
        Span { start: start as u32, len: arg.len() as u32 }
    }
}

/// The effects of a group.
#[derive(Clone, Debug)]
pub struct Effects<'b>(&'b [u8]);

impl<'b> Iterator for Effects<'b> {
    type Item = Effect<'b>;

    fn next(&mut self) -> Option<Self::Item> {
        let (effect, rest) = effect(self.0)?;
        self.0 = rest;
        Some(effect)
    }
}

/// A command in its canonical form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effect<'b> {
    /// The number of the database it is on.
    pub db: u8,
    args: Args<'b>,
}

impl<'b> Effect<'b> {
    /// Its arguments, the command's name first.
    pub fn args(&self) -> Args<'b> {
        self.args
    }
}

/// The arguments of an effect, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Args<'b> {
    left: usize,
    rest: &'b [u8],
}

impl<'b> Iterator for Args<'b> {
    type Item = &'b [u8];

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let (arg, rest) = argument(self.rest)?;
        self.rest = rest;
        Some(arg)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Args<'_> {}

/// The group at the start of the bytes and how many of them it has, or none when more bytes are needed.
///
/// # Errors
/// What is there is no group.
pub fn next_group(bytes: &[u8]) -> Result<Option<(Group<'_>, usize)>, Damage> {
    let Some(size) = claimed(bytes, GROUP_MOST)? else { return Ok(None) };
    let Some(whole) = bytes.get(..size) else { return Ok(None) };
    let (header, body) = whole.split_at(HEADER);
    if crc32fast::hash(body) != word(&header[4..]) {
        return Err(Damage::Checksum);
    }
    let group = group(body).ok_or(Damage::Form)?;
    Ok(Some((group, size)))
}

/// How many bytes the group at the start claims to have in all, or none when not even that can be told. To be asked before memory is
/// set aside for it.
///
/// # Errors
/// It claims to have more than `most` behind its checksum, or fewer than any group has.
pub fn claimed(bytes: &[u8], most: usize) -> Result<Option<usize>, Damage> {
    if bytes.len() < HEADER {
        return Ok(None);
    }
    let claim = word(bytes);
    let body = claim as usize;
    if body < TIME + LEAST_EFFECT || body > most {
        return Err(Damage::Length(claim));
    }
    Ok(Some(HEADER + body))
}

/// Whether bytes that begin like this may be a group whose header claims `size`: cheaper than its checksum, and wrong for all but few
/// bytes that are none.
pub(super) fn may_begin(bytes: &[u8], size: usize) -> bool {
    let Some((time, body)) = bytes.get(HEADER..).and_then(|body| body.split_first_chunk::<TIME>()) else {
        return false;
    };
    // Times beyond the year 6400 are none.
    let first = || varint(body.get(1..)?);
    let room = size - HEADER - TIME;
    u64::from_le_bytes(*time) >> 47 == 0 && first().is_some_and(|(args, _)| args > 0 && args < room)
}

/// What the bytes behind a right checksum are, if they are all well-formed.
pub(super) fn group(body: &[u8]) -> Option<Group<'_>> {
    let (time, effects) = body.split_first_chunk::<TIME>()?;
    let (_, mut rest) = effect(effects)?;
    while !rest.is_empty() {
        (_, rest) = effect(rest)?;
    }
    Some(Group { time: u64::from_le_bytes(*time), effects })
}

fn effect(bytes: &[u8]) -> Option<(Effect<'_>, &[u8])> {
    let (&db, bytes) = bytes.split_first()?;
    let (left, rest) = varint(bytes)?;
    // Each takes a byte at least: so what is walked is bounded by what is there.
    if left == 0 || left > rest.len() {
        return None;
    }
    let mut behind = rest;
    for _ in 0..left {
        (_, behind) = argument(behind)?;
    }
    Some((Effect { db, args: Args { left, rest: &rest[..rest.len() - behind.len()] } }, behind))
}

fn argument(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = varint(bytes)?;
    rest.split_at_checked(len)
}

/// A varint and what is behind it.
fn varint(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, mut rest) = bytes.split_first()?;
    let (mut value, mut byte, mut shift) = (u64::from(first & 0x7f), first, 0);
    while byte & 0x80 != 0 {
        shift += 7;
        if shift == 7 * VARINT_MOST {
            return None;
        }
        (byte, rest) = rest.split_first().map(|(&byte, rest)| (byte, rest))?;
        value |= u64::from(byte & 0x7f) << shift;
    }
    let value = u32::try_from(value).ok()?;
    Some((value as usize, rest))
}

/// The number that the bytes begin with.
fn word(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

/// More effects than one group can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "more than {GROUP_MOST} bytes of effects in one group")
    }
}

impl std::error::Error for TooLarge {}

/// Begins a group of what is done at a time (in milliseconds since 1970), behind what is in the buffer.
pub fn begin(out: &mut Vec<u8>, time: u64) {
    out.extend_from_slice(&[0; HEADER]);
    out.extend_from_slice(&time.to_le_bytes());
}

/// Adds an effect to the group that was begun last. Its arguments are at least one, the command's name first; each is shorter than 4 GiB.
pub fn add<'a>(out: &mut Vec<u8>, db: u8, args: impl ExactSizeIterator<Item = &'a [u8]>) {
    out.push(db);
    push_varint(out, args.len());
    for arg in args {
        push_varint(out, arg.len());
        out.extend_from_slice(arg);
    }
}

/// Writes length and checksum of the group that was begun at `start`, and has an effect. Returns how many bytes it has.
///
/// # Errors
/// It is too large for one group; nothing of it stays in the buffer.
pub fn finish(out: &mut Vec<u8>, start: usize) -> Result<usize, TooLarge> {
    let body = &out[start + HEADER..];
    let Ok(len) = u32::try_from(body.len()) else {
        out.truncate(start);
        return Err(TooLarge);
    };
    let (crc, size) = (crc32fast::hash(body), HEADER + body.len());
    let header = &mut out[start..start + HEADER];
    header[..4].copy_from_slice(&len.to_le_bytes());
    header[4..].copy_from_slice(&crc.to_le_bytes());
    Ok(size)
}

fn push_varint(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
