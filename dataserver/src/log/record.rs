//! A group of effects as bytes, the same in memory, on disk and on the way to replicas: what one command, transaction or script did.
//!
//! ```text
//! len u32, of what follows the checksum | crc32 u32, of the same | time u64, in milliseconds | effects
//! effect: database u8 | arguments varint | for each argument: length varint, bytes
//! ```
//! Numbers are little endian; a varint has seven bits a byte, the lowest first.

/// Bytes before a group's time.
pub const HEAD: usize = 8;

/// Bytes of the time.
const TIME: usize = 8;

/// Begins a group at the end of `out`.
pub fn begin(out: &mut Vec<u8>, time: u64) {
    out.extend_from_slice(&[0; HEAD]);
    out.extend_from_slice(&time.to_le_bytes());
}

/// Adds an effect to the group that is being made at the end of `out`.
pub fn effect<'a>(out: &mut Vec<u8>, db: u8, args: impl ExactSizeIterator<Item = &'a [u8]>) {
    out.push(db);
    varint(out, args.len() as u64);
    for arg in args {
        varint(out, arg.len() as u64);
        out.extend_from_slice(arg);
    }
}

/// Ends the group that begins at `start`.
pub fn finish(out: &mut [u8], start: usize) {
    let (head, body) = out[start..].split_at_mut(HEAD);
    head[..4].copy_from_slice(&(body.len() as u32).to_le_bytes());
    head[4..].copy_from_slice(&crc32fast::hash(body).to_le_bytes());
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Bytes of the group at the start of `bytes`, by its own word.
pub fn length(bytes: &[u8]) -> Option<usize> {
    let len = bytes.first_chunk::<4>()?;
    Some(HEAD + u32::from_le_bytes(*len) as usize)
}

/// The bytes are no effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damaged;

/// One group, whose checksum was looked at.
#[derive(Clone, Copy, Debug)]
pub struct Group<'a> {
    /// When it was done, in milliseconds since 1970.
    pub time: u64,
    effects: &'a [u8],
}

impl<'a> Group<'a> {
    /// The group at the start of `bytes`, which has all of it, and its length.
    ///
    /// # Errors
    /// It is not whole, or its checksum is another.
    pub fn read(bytes: &'a [u8]) -> Result<(Self, usize), Damaged> {
        let end = length(bytes).ok_or(Damaged)?;
        let (crc, body) = bytes.get(4..end).and_then(|rest| rest.split_first_chunk::<4>()).ok_or(Damaged)?;
        if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
            return Err(Damaged);
        }
        let (time, effects) = body.split_first_chunk::<TIME>().ok_or(Damaged)?;
        Ok((Self { time: u64::from_le_bytes(*time), effects }, end))
    }

    /// Its effects: the database of each, and its arguments.
    pub fn effects(&self) -> Effects<'a> {
        Effects { rest: self.effects }
    }
}

/// The effects of a group.
pub struct Effects<'a> {
    rest: &'a [u8],
}

impl<'a> Effects<'a> {
    fn read(&mut self) -> Result<(u8, Vec<&'a [u8]>), Damaged> {
        let (&db, rest) = self.rest.split_first().ok_or(Damaged)?;
        self.rest = rest;
        let count = self.number()?;
        // Each argument takes a byte at least, so this bounds what is allocated.
        if count == 0 || count > self.rest.len() {
            return Err(Damaged);
        }
        let mut args = Vec::with_capacity(count);
        for _ in 0..count {
            let len = self.number()?;
            let (arg, rest) = self.rest.split_at_checked(len).ok_or(Damaged)?;
            self.rest = rest;
            args.push(arg);
        }
        Ok((db, args))
    }

    fn number(&mut self) -> Result<usize, Damaged> {
        let mut number = 0;
        for shift in (0..63).step_by(7) {
            let (&byte, rest) = self.rest.split_first().ok_or(Damaged)?;
            self.rest = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return usize::try_from(number).map_err(|_| Damaged);
            }
        }
        Err(Damaged)
    }
}

impl<'a> Iterator for Effects<'a> {
    type Item = Result<(u8, Vec<&'a [u8]>), Damaged>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let read = self.read();
        if read.is_err() {
            self.rest = &[];
        }
        Some(read)
    }
}
