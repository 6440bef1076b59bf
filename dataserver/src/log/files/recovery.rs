//! Reading the log's files at the start: what was on disk is there exactly, what a crash left behind it up to the first gap.

use super::disk::{Boot, Disk, DiskFile};
use super::errors::{Damaged, Failure, Lost, OpenError};
use super::manifest::{Base, Manifest};
use super::names;
use super::reader::{Bad, Chunk, Next, Reader};
use super::segment::{HEADER, Header};
use std::io;
use std::path::{Path, PathBuf};

/// What a crash left behind the last group that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The file's name in the directory.
    pub file: String,
    /// Where in the log it begins; the log goes on from here.
    pub offset: u64,
    /// How many bytes are not used, without the zeros behind them.
    pub bytes: u64,
    /// Whole groups among them, which were not on disk for certain: a group before them is missing.
    pub groups: u64,
    /// The file that they are kept in, unless they are the beginning of one group.
    pub kept: Option<String>,
}

/// What came out of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Where the log ends.
    pub end: u64,
    /// Groups that were read.
    pub groups: u64,
    /// Whether something was cut off.
    pub torn: Option<Torn>,
    /// What is lost. With any of this, a new base is to be made at once: until then the files stay as damaged as they are.
    pub lost: Vec<Lost>,
}

/// A segment as its name says it, up to where the next begins.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Span {
    start: u64,
    /// None: it is the last one.
    end: Option<u64>,
}

/// The segment that is being read.
struct Open<F> {
    span: Span,
    reader: Reader<F>,
    /// What is before it was on disk.
    durable: u64,
    /// The machine has been running since all of it was written: all that was is there, but for the end of the last write.
    is_of_this_run: bool,
}

enum Event {
    Chunk(Chunk),
    Lost(Lost),
    Torn(Torn),
}

/// Reads the directory's files: first the base is to be loaded, if there is one, then each chunk of groups.
pub(super) struct Walk<D: Disk> {
    disk: D,
    dir: PathBuf,
    manifest: Manifest,
    /// Segments to come, the next one last.
    coming: Vec<Span>,
    open: Option<Open<D::File>>,
    /// The offset of the next group.
    at: u64,
    /// The last segment, and up to where it is known to be on disk.
    last: Option<(u64, u64)>,
    /// The directory has no segment at all, which is not said yet.
    empty: bool,
    recover: bool,
    boot: Option<Boot>,
    found: Found,
    /// What it stopped at: nothing comes behind that.
    damaged: Option<Damaged>,
}

impl<D: Disk> Walk<D> {
    /// `starts` are those of all segments, sorted.
    pub(super) fn new(disk: D, dir: &Path, manifest: &Manifest, starts: &[u64], recover: bool) -> Self {
        let at = manifest.base.as_ref().map_or(manifest.first, |base| base.offset);
        let ends = starts.iter().skip(1).map(|&end| Some(end)).chain([None]);
        let spans = starts.iter().zip(ends).map(|(&start, end)| Span { start, end });
        let mut coming: Vec<_> = spans.filter(|span| span.end.is_none_or(|end| end > at)).collect();
        coming.reverse();
        let (manifest, empty) = (manifest.clone(), coming.is_empty());
        let (dir, found, boot) = (dir.to_owned(), Found::default(), disk.boot());
        let (open, last, damaged) = (None, None, None);
        Self { disk, dir, manifest, coming, open, at, last, empty, recover, boot, found, damaged }
    }

    pub(super) fn next(&mut self) -> Result<Option<Chunk>, OpenError> {
        if let Some(damaged) = &self.damaged {
            return Err(OpenError::Damaged(damaged.clone()));
        }
        loop {
            match self.event()? {
                Some(Event::Chunk(chunk)) => {
                    self.found.groups += chunk.groups as u64;
                    return Ok(Some(chunk));
                }
                Some(Event::Lost(lost)) => self.lose(lost)?,
                Some(Event::Torn(torn)) => self.found.torn = Some(torn),
                None => {
                    self.found.end = self.at;
                    return Ok(None);
                }
            }
        }
    }

    /// Where the log ends, once `next` has said so, and the last segment with what of it is known to be on disk.
    pub(super) fn end(self) -> (Found, Option<(u64, u64)>) {
        (self.found, self.last)
    }

    pub(super) fn lose_base(&mut self, base: &Base) -> Result<(), OpenError> {
        let Base { file, offset } = base.clone();
        let why = "the base is missing".to_owned();
        self.lose(Lost { file, position: 0, offset: 0, bytes: Some(offset), why })
    }

    /// Notes it, or stops with all that is to be said of it.
    fn lose(&mut self, lost: Lost) -> Result<(), OpenError> {
        self.found.lost.push(lost);
        if self.recover {
            return Ok(());
        }
        let (mut groups_behind, mut bytes_behind) = (0, 0);
        while let Some(event) = self.event()? {
            match event {
                Event::Chunk(chunk) => {
                    groups_behind += chunk.groups as u64;
                    bytes_behind += chunk.bytes.len() as u64;
                }
                Event::Lost(lost) => self.found.lost.push(lost),
                Event::Torn(_) => {}
            }
        }
        let damaged = Damaged { lost: self.found.lost.clone(), groups_behind, bytes_behind };
        self.damaged = Some(damaged.clone());
        Err(OpenError::Damaged(damaged))
    }

    fn event(&mut self) -> Result<Option<Event>, OpenError> {
        if std::mem::take(&mut self.empty) {
            return Ok(Some(Event::Lost(Lost { bytes: None, ..self.missing(self.at) })));
        }
        loop {
            let Some(mut open) = self.open.take() else {
                match self.coming.pop() {
                    Some(span) => {
                        if let Some(lost) = self.begin(span)? {
                            return Ok(Some(Event::Lost(lost)));
                        }
                        continue;
                    }
                    None => return Ok(None),
                }
            };
            let path = self.dir.join(names::segment(open.span.start));
            let event = self.step(&mut open).map_err(Failure::of("read", &path))?;
            if event.is_some() {
                self.open = Some(open);
                return Ok(event);
            }
        }
    }

    /// Begins with a segment, or says what is missing before it or wrong with it.
    fn begin(&mut self, span: Span) -> Result<Option<Lost>, OpenError> {
        if span.start > self.at {
            // Said once; then the segment is come to again.
            self.coming.push(span);
            return Ok(Some(self.missing(span.start)));
        }
        let path = self.dir.join(names::segment(span.start));
        let file = self.disk.open(&path).map_err(Failure::of("open", &path))?;
        let header = Header::read(&file).map_err(Failure::of("read", &path))?;
        let wrong = match &header {
            None => Some("its header is damaged".to_owned()),
            Some(header) if !self.manifest.has(&header.history, span.start) => {
                Some(format!("it is of the history {}", header.history))
            }
            Some(header) if header.start != span.start => {
                Some(format!("it begins at the offset {}", header.start))
            }
            Some(_) => None,
        };
        let reader = Reader::new(file, span.start, self.at, span.end.unwrap_or(u64::MAX))
            .map_err(Failure::of("read", &path))?;
        // Of a segment with a damaged header all that can be read is taken; another history's is not the log.
        let (durable, foreign) = match &header {
            // What the base covers was on disk before the base was.
            Some(header) => (span.end.unwrap_or(header.mark.max(self.at)), wrong.is_some()),
            None => (span.end.unwrap_or(reader.limit), false),
        };
        let boot = header.and_then(|header| header.boot);
        let lost = wrong.map(|why| {
            let bytes = if foreign { durable.max(reader.limit).saturating_sub(self.at) } else { 0 };
            Lost { file: names::segment(span.start), position: 0, offset: self.at, bytes: Some(bytes), why }
        });
        if foreign {
            self.at = self.at.max(durable).max(reader.limit);
            return Ok(lost);
        }
        if span.end.is_none() {
            self.last = Some((span.start, durable));
        }
        let is_of_this_run = boot.is_some() && boot == self.boot;
        self.open = Some(Open { span, reader, durable, is_of_this_run });
        Ok(lost)
    }

    /// What the segment has next; nothing at its end.
    fn step(&mut self, open: &mut Open<D::File>) -> io::Result<Option<Event>> {
        let event = match open.reader.next()? {
            Next::Chunk(chunk) => Some(Event::Chunk(chunk)),
            Next::End if open.reader.at < open.durable => Some(Event::Lost(self.short(open))),
            Next::End => None,
            Next::Bad(bad) if open.reader.at >= open.durable => self.doubtful(open, bad)?,
            Next::Bad(bad) => {
                let next = open.reader.search()?;
                Some(Event::Lost(damaged(open, bad, next)))
            }
        };
        self.at = open.reader.at;
        Ok(event)
    }

    /// What is no group, and was not known to be on disk. A crash leaves the beginning of the last write, and one of the machine sectors that never
    /// came, with later ones that did. With whole groups behind what neither leaves, it is damage; and who recovers wants them in any case.
    fn doubtful(&self, open: &mut Open<D::File>, bad: Bad) -> io::Result<Option<Event>> {
        let used = open.reader.used()?;
        if used == open.reader.at {
            open.reader.limit = used;
            return Ok(None);
        }
        let next = open.reader.search()?;
        let is_torn = match next {
            Some(_) if self.recover || open.is_of_this_run => false,
            Some(next) => open.reader.may_lack_sectors(next)?,
            None => true,
        };
        Ok(Some(if is_torn { Event::Torn(torn(open, used)?) } else { Event::Lost(damaged(open, bad, next)) }))
    }

    /// The log goes on only in a later segment.
    fn missing(&mut self, to: u64) -> Lost {
        let (offset, bytes) = (self.at, to - self.at);
        self.at = to;
        Lost {
            file: names::segment(offset),
            position: 0,
            offset,
            bytes: Some(bytes),
            why: "the file is missing".to_owned(),
        }
    }

    /// The file ends before what was on disk once.
    fn short(&self, open: &mut Open<D::File>) -> Lost {
        let at = open.reader.at;
        open.reader.skip_to(open.durable);
        let why = match open.span.end {
            Some(next) => format!(
                "the file ends, and the next begins at the offset {next}: one is missing, or this one's end"
            ),
            None => format!("the file ends, and its groups were on disk up to the offset {}", open.durable),
        };
        lost(open.span, at, open.durable - at, why)
    }
}

fn lost(span: Span, offset: u64, bytes: u64, why: String) -> Lost {
    Lost {
        file: names::segment(span.start),
        position: HEADER + offset - span.start,
        offset,
        bytes: Some(bytes),
        why,
    }
}

/// Goes on behind damage, at the next group that is whole (`next`) or else at the end.
fn damaged<F: DiskFile>(open: &mut Open<F>, bad: Bad, next: Option<u64>) -> Lost {
    let at = open.reader.at;
    let next = next.unwrap_or(open.reader.limit.max(open.durable));
    open.reader.skip_to(next);
    lost(open.span, at, next - at, bad.to_string())
}

/// Ends the segment where no group is any more; what is behind is only told.
fn torn<F: DiskFile>(open: &mut Open<F>, used: u64) -> io::Result<Torn> {
    let offset = open.reader.at;
    let is_unfinished = open.reader.is_unfinished(used)?;
    let mut groups = 0;
    while let Some(next) = open.reader.search()? {
        open.reader.skip_to(next);
        while let Next::Chunk(chunk) = open.reader.next()? {
            groups += chunk.groups as u64;
        }
    }
    open.reader.limit = offset;
    open.reader.skip_to(offset);
    let kept = (groups > 0 || !is_unfinished).then(|| names::cut(offset, 0));
    Ok(Torn { file: names::segment(open.span.start), offset, bytes: used - offset, groups, kept })
}
