//! A file that is being read: one thread finds the blocks, and any threads open them.

use crate::damage::{Damage, Error, Fault};
use crate::format::{AGAIN, COMPRESSED, CONTINUES, HEADER, Header, MAGIC, MARKER, PREAMBLE, VERSION, kind};
use crate::record::{self, Record};
use crate::schema::Schema;
use crate::writer::{Footer, Meta};
use std::io::{self, Read};
use std::sync::Arc;

/// Bytes that are looked through at once for the next header.
const WINDOW: u64 = 64 << 10;
/// Bytes made room for before they are seen to be there.
const FIRST_ROOM: usize = 1 << 20;

/// Reads a file block by block. It asks for no byte behind the footer, so that a connection can go on with something else.
#[derive(Debug)]
pub struct Reader<R> {
    source: Source<R>,
    schema: Arc<Schema>,
    meta: Meta,
    footer: Option<Footer>,
    counts: Vec<(String, u64)>,
    /// The number that the next block must have.
    expected: u32,
    /// A header that was read before its turn.
    held: Option<(Header, u64)>,
    records: u64,
    /// Something was lost, so what the footer counts is more.
    lossy: bool,
    /// Where there was no header.
    lost: Option<u64>,
    closed: bool,
}

/// Bytes to be read, some of them for the second time.
#[derive(Debug)]
struct Source<R> {
    inner: R,
    ahead: Vec<u8>,
    position: u64,
}

/// A block as it is in the file, to be opened by any thread.
#[derive(Debug)]
pub struct Sealed {
    header: Header,
    position: u64,
    stored: Vec<u8>,
    schema: Arc<Schema>,
}

/// A block whose bytes are good.
#[derive(Debug)]
pub struct Opened {
    header: Header,
    position: u64,
    raw: Vec<u8>,
    schema: Arc<Schema>,
}

impl<R: Read> Source<R> {
    /// Fills the buffer as far as there are bytes. How many there are.
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let from_ahead = self.ahead.len().min(buffer.len());
        buffer[..from_ahead].copy_from_slice(&self.ahead[..from_ahead]);
        self.ahead.drain(..from_ahead);
        let mut filled = from_ahead;
        while filled < buffer.len() {
            match self.inner.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.position += filled as u64;
        Ok(filled)
    }

    /// Appends so many bytes, or those that there are; room is made as they come.
    fn take(&mut self, count: u64, out: &mut Vec<u8>) -> io::Result<()> {
        let from_ahead = self.ahead.len().min(usize::try_from(count).unwrap_or(usize::MAX));
        out.extend(self.ahead.drain(..from_ahead));
        let before = out.len();
        (&mut self.inner).take(count - from_ahead as u64).read_to_end(out)?;
        self.position += (from_ahead + out.len() - before) as u64;
        Ok(())
    }

    /// Reads so many bytes for nothing. How many there are.
    fn pass(&mut self, count: u64) -> io::Result<u64> {
        let from_ahead = self.ahead.len().min(usize::try_from(count).unwrap_or(usize::MAX));
        self.ahead.drain(..from_ahead);
        let rest = io::copy(&mut (&mut self.inner).take(count - from_ahead as u64), &mut io::sink())?;
        self.position += from_ahead as u64 + rest;
        Ok(from_ahead as u64 + rest)
    }

    /// Bytes that are to be read again.
    fn unread(&mut self, bytes: &[u8]) {
        self.position -= bytes.len() as u64;
        self.ahead.splice(0..0, bytes.iter().copied());
    }
}

impl<R: Read> Reader<R> {
    /// Reads what a file begins with. Reading is in blocks but for their headers: give it a buffer if that is dear.
    ///
    /// # Errors
    /// It is no backup, or a later one, or damaged before its first key.
    pub fn open(inner: R) -> Result<Self, Error> {
        let mut source = Source { inner, ahead: Vec::new(), position: 0 };
        let mut preamble = [0; PREAMBLE];
        let there = source.fill(&mut preamble)?;
        if there < PREAMBLE || preamble[..MAGIC.len()] != MAGIC {
            return Err(Error::NoBackup);
        }
        let version = u16::from_le_bytes([preamble[8], preamble[9]]);
        if version > VERSION {
            return Err(Error::TooNew { version });
        }
        let schema = Arc::new(Schema::read(&[0]).unwrap_or_else(|_| unreachable!("an empty schema is one")));
        let mut reader = Self {
            source,
            schema,
            meta: Meta::default(),
            footer: None,
            counts: Vec::new(),
            expected: 0,
            held: None,
            records: 0,
            lossy: false,
            lost: None,
            closed: false,
        };
        let opened = reader.special(kind::SCHEMA)?;
        reader.schema = Arc::new(Schema::read(&opened.raw).map_err(|_| opened.damage(Fault::Contents))?);
        let opened = reader.special(kind::META)?;
        reader.meta =
            record::meta(&opened.raw, &reader.schema).map_err(|_| opened.damage(Fault::Contents))?;
        Ok(reader)
    }

    /// The next block, which must be one of this kind.
    fn special(&mut self, wanted: u8) -> Result<Opened, Error> {
        let (header, position) = self.header()?;
        if header.kind != wanted {
            return Err(damage(header, position, Fault::Header).into());
        }
        Ok(self.body(header, position)?.open()?)
    }

    /// The next block of records; nothing after the footer.
    ///
    /// # Errors
    /// After [`Error::Damaged`] one may go on with [`skip_damaged`](Self::skip_damaged).
    #[expect(clippy::should_implement_trait, reason = "after an error it may go on")]
    pub fn next(&mut self) -> Result<Option<Sealed>, Error> {
        while !self.closed {
            let (header, position) = self.header()?;
            match header.kind {
                kind::RECORDS => {
                    let sealed = self.body(header, position)?;
                    self.records += u64::from(header.records);
                    return Ok(Some(sealed));
                }
                kind::FOOTER => self.close(header, position)?,
                _ if self.source.pass(header.stored.into())? < header.stored.into() => {
                    return Err(damage(header, position, Fault::Cut).into());
                }
                _ => {}
            }
        }
        Ok(None)
    }

    fn header(&mut self) -> Result<(Header, u64), Error> {
        if let Some(held) = self.held.take() {
            self.expected = held.0.number + 1;
            return Ok(held);
        }
        let (mut bytes, position) = ([0; HEADER], self.source.position);
        let there = self.source.fill(&mut bytes)?;
        let fault = match Header::of(&bytes) {
            _ if there < HEADER => Fault::Cut,
            Ok(header) if header.number == self.expected => {
                self.expected = header.number.checked_add(1).ok_or(Error::NoBackup)?;
                return Ok((header, position));
            }
            Ok(header) if header.number > self.expected && header.number < u32::MAX => {
                self.held = Some((header, position));
                Fault::Missing { blocks: header.number - self.expected }
            }
            _ => Fault::Header,
        };
        self.lossy = true;
        if fault == Fault::Header {
            self.lost = Some(position);
            self.source.unread(&bytes[1..]);
        } else if fault == Fault::Cut {
            self.closed = true;
        }
        Err(Damage { block: self.expected, position, records: None, fault }.into())
    }

    fn body(&mut self, header: Header, position: u64) -> Result<Sealed, Error> {
        let mut stored = Vec::with_capacity(FIRST_ROOM.min(header.stored as usize));
        self.source.take(header.stored.into(), &mut stored)?;
        if stored.len() < header.stored as usize {
            (self.lossy, self.closed) = (true, true);
            return Err(damage(header, position, Fault::Cut).into());
        }
        Ok(Sealed { header, position, stored, schema: self.schema.clone() })
    }

    fn close(&mut self, header: Header, position: u64) -> Result<(), Error> {
        self.closed = true;
        let opened = self.body(header, position)?.open()?;
        let (footer, records, counts) =
            record::footer(&opened.raw, &self.schema).map_err(|_| opened.damage(Fault::Contents))?;
        self.footer = Some(footer);
        self.counts = counts;
        if records != self.records && !self.lossy {
            return Err(opened.damage(Fault::Count).into());
        }
        Ok(())
    }

    /// Goes on behind what [`next`](Self::next) could not read: to the next header that is one. How many bytes were left out.
    ///
    /// # Errors
    /// Those of what is read from.
    pub fn skip_damaged(&mut self) -> io::Result<u64> {
        let Some(start) = self.lost.take() else { return Ok(0) };
        while !self.find_header()? {}
        Ok(self.source.position - start)
    }

    /// Looks through a window for a header, and goes to it. Whether it was there, or the file is at its end.
    fn find_header(&mut self) -> io::Result<bool> {
        let mut window = Vec::new();
        self.source.take(WINDOW, &mut window)?;
        let at_end = (window.len() as u64) < WINDOW;
        let found = window.windows(HEADER).position(|bytes| {
            bytes.starts_with(&MARKER)
                && bytes
                    .first_chunk()
                    .is_some_and(|bytes| Header::of(bytes).is_ok_and(|header| header.number >= self.expected))
        });
        match found {
            Some(at) => self.source.unread(&window[at..]),
            // A header may begin in the last bytes.
            None if !at_end => self.source.unread(&window[window.len() - HEADER + 1..]),
            None => self.closed = true,
        }
        Ok(found.is_some() || at_end)
    }

    /// What the file says of itself.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// What the file says at its end, once that was read.
    pub fn footer(&self) -> Option<&Footer> {
        self.footer.as_ref()
    }

    /// Values by the names of their types, as the footer counts them.
    pub fn counts(&self) -> &[(String, u64)] {
        &self.counts
    }

    /// Bytes that were read.
    pub fn position(&self) -> u64 {
        self.source.position
    }

    /// What is read from; bytes behind the footer are still in it.
    pub fn into_inner(self) -> R {
        self.source.inner
    }
}

fn damage(header: Header, position: u64, fault: Fault) -> Damage {
    let records = Some(header.records).filter(|_| header.kind == kind::RECORDS);
    Damage { block: header.number, position, records, fault }
}

impl Sealed {
    /// The slot of its keys.
    pub fn slot(&self) -> u16 {
        self.header.slot
    }

    /// Whether its keys may be in earlier blocks, too.
    pub fn is_again(&self) -> bool {
        self.header.has(AGAIN)
    }

    /// Whether its first record continues the value that the block before ends with: so whoever has that one must have it.
    pub fn continues(&self) -> bool {
        self.header.has(CONTINUES)
    }

    /// Its place in the file.
    pub fn number(&self) -> u32 {
        self.header.number
    }

    /// Records in it.
    pub fn records(&self) -> u32 {
        self.header.records
    }

    /// Bytes in the file.
    pub fn stored(&self) -> usize {
        self.stored.len()
    }

    /// Bytes of its records.
    pub fn raw(&self) -> usize {
        self.header.raw as usize
    }

    /// Checks and decompresses it.
    ///
    /// # Errors
    /// It is not what was written.
    pub fn open(self) -> Result<Opened, Damage> {
        let Self { header, position, stored, schema } = self;
        if crc32fast::hash(&stored) != header.crc {
            return Err(damage(header, position, Fault::Checksum));
        }
        let raw = if header.has(COMPRESSED) {
            lz4_flex::block::decompress(&stored, header.raw as usize)
                .ok()
                .filter(|raw| raw.len() == header.raw as usize)
                .ok_or_else(|| damage(header, position, Fault::Compression))?
        } else {
            stored
        };
        Ok(Opened { header, position, raw, schema })
    }
}

impl Opened {
    /// The slot of its keys.
    pub fn slot(&self) -> u16 {
        self.header.slot
    }

    /// Whether its keys may be in earlier blocks, too.
    pub fn is_again(&self) -> bool {
        self.header.has(AGAIN)
    }

    /// Its place in the file.
    pub fn number(&self) -> u32 {
        self.header.number
    }

    /// Its records; after an error there are no more.
    pub fn records(&self) -> impl Iterator<Item = Result<Record<'_>, Damage>> {
        let mut rest = &self.raw[..];
        std::iter::from_fn(move || {
            let next = record::next(&mut rest, &self.schema)?;
            if next.is_err() {
                rest = &[];
            }
            Some(next.map_err(|_| self.damage(Fault::Contents)))
        })
    }

    /// What to say if a record's value is not what its type is.
    pub fn corrupt(&self) -> Damage {
        self.damage(Fault::Contents)
    }

    fn damage(&self, fault: Fault) -> Damage {
        damage(self.header, self.position, fault)
    }
}
