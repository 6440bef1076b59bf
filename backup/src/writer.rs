//! A file that is being written.

use crate::block::{Block, compressed};
use crate::format::{COMPRESSED, Header, kind, preamble};
use crate::number::{put, put_bytes};
use crate::schema::{self, COUNTED, id};
use std::io::{self, Write};

/// What a file says of itself first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// When it was begun, in milliseconds since 1970.
    pub time: u64,
    /// The program that wrote it, with its version.
    pub program: String,
}

/// What a file says of itself last, when that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Footer {
    /// When it was finished, in milliseconds since 1970: the time of the state that it has.
    pub time: u64,
    /// The log whose state it is; empty for none.
    pub history: Vec<u8>,
    /// Where in that log.
    pub offset: u64,
    /// Clients' writes were taken by the server whose state it is: it may have what no other server has.
    pub led: bool,
}

/// How much was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Blocks.
    pub blocks: u32,
    /// Bytes of the file.
    pub bytes: u64,
    /// Bytes of the records before they were compressed.
    pub raw: u64,
    /// Records.
    pub records: u64,
    pub(crate) counts: [u64; COUNTED],
}

/// Writes a file: what it is, then blocks, then the footer.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    compress: bool,
    written: Written,
}

impl<W: Write> Writer<W> {
    /// Begins a file. What is written goes to `out` a block at a time, so that needs no buffer of its own but for small blocks.
    ///
    /// # Errors
    /// Those of `out`, here and below.
    pub fn new(mut out: W, meta: &Meta) -> io::Result<Self> {
        let preamble = preamble();
        out.write_all(&preamble)?;
        let written = Written { bytes: preamble.len() as u64, ..Written::default() };
        let mut writer = Self { out, compress: true, written };
        let mut schema = Vec::new();
        schema::write(&mut schema);
        writer.special(kind::SCHEMA, 0, &schema)?;
        writer.record(kind::META, id::META, |raw| {
            put(raw, meta.time);
            put_bytes(raw, meta.program.as_bytes());
        })?;
        Ok(writer)
    }

    /// Whether blocks are compressed where that makes them smaller; they are unless this says no.
    pub fn compress(mut self, yes: bool) -> Self {
        self.compress = yes;
        self
    }

    /// Writes a block, and empties it.
    ///
    /// # Errors
    /// Those of what is written to; or a value in it is longer than 4 GiB.
    pub fn block(&mut self, block: &mut Block) -> io::Result<()> {
        block.seal(self.compress);
        let stored = block.write(&mut self.out, self.written.blocks)?;
        self.written.blocks += stored.blocks;
        self.written.bytes += stored.bytes;
        self.written.records += stored.records;
        self.written.raw += block.len() as u64;
        for (sum, count) in self.written.counts.iter_mut().zip(block.counts) {
            *sum += count;
        }
        block.clear();
        Ok(())
    }

    /// How much was written until now.
    pub fn written(&self) -> &Written {
        &self.written
    }

    /// Writes the footer, and gives back what was written to, flushed.
    ///
    /// # Errors
    /// Those of what is written to.
    pub fn finish(mut self, footer: &Footer) -> io::Result<W> {
        let written = self.written.clone();
        self.record(kind::FOOTER, id::FOOTER, |raw| {
            put(raw, footer.time);
            put_bytes(raw, &footer.history);
            put(raw, footer.offset);
            put(raw, written.blocks.into());
            put(raw, written.records);
            put(raw, written.raw);
            put_counts(&written.counts, raw);
            put(raw, footer.led.into());
        })?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn record(&mut self, kind: u8, id: u8, fill: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let mut raw = vec![id, 0, 0, 0, 0];
        fill(&mut raw);
        let length = (raw.len() - 5) as u32;
        raw[1..5].copy_from_slice(&length.to_le_bytes());
        self.special(kind, 1, &raw)
    }

    /// A block of what is no key.
    fn special(&mut self, kind: u8, records: u32, raw: &[u8]) -> io::Result<()> {
        let mut packed = Vec::new();
        let (body, flags) = match compressed(raw, &mut packed) {
            Some(at) if self.compress => (&packed[at], COMPRESSED),
            _ => (raw, 0),
        };
        let header = Header {
            kind,
            flags,
            slot: 0,
            stored: body.len() as u32,
            raw: raw.len() as u32,
            records,
            number: self.written.blocks,
            crc: crc32fast::hash(body),
        };
        let header = header.to_bytes();
        self.out.write_all(&header)?;
        self.out.write_all(body)?;
        self.written.blocks += 1;
        self.written.bytes += (header.len() + body.len()) as u64;
        Ok(())
    }
}

/// Records by the names of their types, as rows.
fn put_counts(counts: &[u64; COUNTED], raw: &mut Vec<u8>) {
    let mut rows = Vec::new();
    let known = counts.iter().enumerate().filter(|(_, count)| **count > 0);
    let many = known.clone().count() as u32;
    for (id, &count) in known {
        put_bytes(&mut rows, schema::name(id as u8).as_bytes());
        put(&mut rows, count);
    }
    raw.extend_from_slice(&(rows.len() as u32 + 4).to_le_bytes());
    raw.extend_from_slice(&many.to_le_bytes());
    raw.extend_from_slice(&rows);
}
