//! A file's bytes as they come, and which of them are one value: values do not say how long they are, their kinds tell what they
//! consist of.

use super::crc64;
use super::file::FileError;
use super::kind;
use std::io::{self, BufRead, BufReader, Read};

/// What a module's value consists of: pieces behind their kinds.
mod piece {
    pub(super) const END: u64 = 0;
    pub(super) const SIGNED: u64 = 1;
    pub(super) const UNSIGNED: u64 = 2;
    pub(super) const FLOAT: u64 = 3;
    pub(super) const DOUBLE: u64 = 4;
    pub(super) const STRING: u64 = 5;
}

/// The file, from where it was read to.
#[derive(Debug)]
pub(super) struct Input<R> {
    source: BufReader<R>,
    pub(super) position: u64,
    /// Of all bytes that were read.
    pub(super) crc: u64,
}

type Taken<T> = Result<T, FileError>;

impl<R: Read> Input<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source: BufReader::with_capacity(1 << 16, source), position: 0, crc: 0 }
    }

    /// Appends so many bytes. Room is made as they come: a length is but a claim.
    pub(super) fn take(&mut self, count: u64, out: &mut Vec<u8>) -> Taken<()> {
        let before = out.len();
        let buffered = self.source.buffer();
        match usize::try_from(count).ok().and_then(|count| buffered.get(..count)) {
            Some(bytes) => {
                out.extend_from_slice(bytes);
                self.source.consume(count as usize);
            }
            None => drop((&mut self.source).take(count).read_to_end(out)?),
        }
        let taken = &out[before..];
        self.position += taken.len() as u64;
        self.crc = crc64::update(self.crc, taken);
        if taken.len() as u64 == count { Ok(()) } else { Err(FileError::Cut { position: self.position }) }
    }

    /// Bytes of their own.
    pub(super) fn array<const N: usize>(&mut self) -> Taken<[u8; N]> {
        let mut bytes = [0; N];
        self.source.read_exact(&mut bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => FileError::Cut { position: self.position },
            _ => error.into(),
        })?;
        self.position += N as u64;
        self.crc = crc64::update(self.crc, &bytes);
        Ok(bytes)
    }

    pub(super) fn corrupt(&self) -> FileError {
        FileError::Corrupt { position: self.position }
    }

    fn byte(&mut self, out: &mut Vec<u8>) -> Taken<u8> {
        let [byte] = self.array()?;
        out.push(byte);
        Ok(byte)
    }

    fn big_endian<const N: usize>(&mut self, out: &mut Vec<u8>) -> Taken<u64> {
        let bytes: [u8; N] = self.array()?;
        out.extend_from_slice(&bytes);
        Ok(bytes.iter().fold(0, |n, &byte| n << 8 | u64::from(byte)))
    }

    /// A length, or the six bits that say how a string without one is written.
    fn head(&mut self, out: &mut Vec<u8>) -> Taken<Result<u64, u8>> {
        let first = self.byte(out)?;
        Ok(match first {
            0..0x40 => Ok(first.into()),
            0x40..0x80 => Ok(u64::from(first & 63) << 8 | u64::from(self.byte(out)?)),
            0x80 => Ok(self.big_endian::<4>(out)?),
            0x81 => Ok(self.big_endian::<8>(out)?),
            0x82..0xc0 => return Err(self.corrupt()),
            0xc0.. => Err(first & 63),
        })
    }

    /// Appends a number that is written as lengths are.
    pub(super) fn number(&mut self, out: &mut Vec<u8>) -> Taken<u64> {
        self.head(out)?.map_err(|_| self.corrupt())
    }

    /// Appends a string as it is written.
    pub(super) fn string(&mut self, out: &mut Vec<u8>) -> Taken<()> {
        let length = match self.head(out)? {
            Ok(length) => length,
            Err(width @ 0..=2) => 1 << width,
            Err(3) => {
                let stored = self.number(out)?;
                self.number(out)?;
                stored
            }
            Err(_) => return Err(self.corrupt()),
        };
        self.take(length, out)
    }

    fn strings(&mut self, count: u64, out: &mut Vec<u8>) -> Taken<()> {
        (0..count).try_for_each(|_| self.string(out))
    }

    /// Appends a value of this kind as it is written.
    pub(super) fn value(&mut self, kind: u8, out: &mut Vec<u8>) -> Taken<()> {
        match kind {
            kind::STRING
            | kind::HASH_ZIPMAP
            | kind::LIST_ZIPLIST
            | kind::SET_INTSET
            | kind::ZSET_ZIPLIST
            | kind::HASH_ZIPLIST
            | kind::HASH_LISTPACK
            | kind::ZSET_LISTPACK
            | kind::SET_LISTPACK
            | kind::HASH_LISTPACK_TIMES_EARLY => self.string(out),
            kind::HASH_LISTPACK_TIMES => {
                self.take(8, out)?;
                self.string(out)
            }
            kind::STREAM_LISTPACKS | kind::STREAM_LISTPACKS_2 | kind::STREAM_LISTPACKS_3 => {
                self.stream(kind, out)
            }
            _ => self.collection(kind, out),
        }
    }

    fn collection(&mut self, kind: u8, out: &mut Vec<u8>) -> Taken<()> {
        if kind == kind::HASH_TIMES {
            self.take(8, out)?;
        }
        let count = self.number(out)?;
        for _ in 0..count {
            match kind {
                kind::LIST | kind::SET | kind::LIST_QUICKLIST => self.string(out)?,
                kind::LIST_QUICKLIST_2 => {
                    self.number(out)?;
                    self.string(out)?;
                }
                kind::HASH => self.strings(2, out)?,
                kind::HASH_TIMES | kind::HASH_TIMES_EARLY => {
                    self.number(out)?;
                    self.strings(2, out)?;
                }
                kind::HASH_TIMES_VALKEY => {
                    self.strings(2, out)?;
                    self.take(8, out)?;
                }
                kind::ZSET_2 => {
                    self.string(out)?;
                    self.take(8, out)?;
                }
                kind::ZSET => {
                    self.string(out)?;
                    // From 253 on it is no length: not a number, and the infinities.
                    let length = self.byte(out)?;
                    self.take(if length < 253 { length.into() } else { 0 }, out)?;
                }
                _ => return Err(self.corrupt()),
            }
        }
        Ok(())
    }

    fn stream(&mut self, kind: u8, out: &mut Vec<u8>) -> Taken<()> {
        let packs = self.number(out)?;
        for _ in 0..packs {
            self.strings(2, out)?;
        }
        let is_first = kind == kind::STREAM_LISTPACKS;
        // The length and the last id; and the first, the last that was deleted, and how many were added.
        self.numbers(if is_first { 3 } else { 8 }, out)?;
        let groups = self.number(out)?;
        for _ in 0..groups {
            self.string(out)?;
            self.numbers(if is_first { 2 } else { 3 }, out)?;
            let pending = self.number(out)?;
            for _ in 0..pending {
                self.take(16 + 8, out)?;
                self.number(out)?;
            }
            let consumers = self.number(out)?;
            for _ in 0..consumers {
                self.string(out)?;
                self.take(if kind == kind::STREAM_LISTPACKS_3 { 16 } else { 8 }, out)?;
                let ids = self.number(out)?;
                for _ in 0..ids {
                    self.take(16, out)?;
                }
            }
        }
        Ok(())
    }

    fn numbers(&mut self, count: usize, out: &mut Vec<u8>) -> Taken<()> {
        (0..count).try_for_each(|_| self.number(out).map(drop))
    }

    /// Passes over a module's value, or what a module keeps beside its values, and returns the module's number.
    pub(super) fn module(&mut self) -> Taken<u64> {
        let mut passed = Vec::new();
        let module = self.number(&mut passed)?;
        loop {
            passed.clear();
            match self.number(&mut passed)? {
                piece::END => return Ok(module),
                piece::SIGNED | piece::UNSIGNED => drop(self.number(&mut passed)?),
                piece::FLOAT => self.take(4, &mut passed)?,
                piece::DOUBLE => self.take(8, &mut passed)?,
                piece::STRING => self.string(&mut passed)?,
                _ => return Err(self.corrupt()),
            }
        }
    }
}
