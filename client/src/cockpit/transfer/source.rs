//! A file of keys, line by line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, stdin};
use std::path::Path;

use ringtail_net::Problem;

use super::{Entry, FileFormat, csv, is_stream, jsonl, now};

/// Longest line of JSON, or record of CSV, in bytes: as long as a reply may be.
pub(super) const MAX_LINE: usize = 1 << 30;

/// Where a file is read.
pub(super) struct Source {
    name: String,
    input: Box<dyn BufRead>,
    format: FileFormat,
    /// The number of the line that comes next, from 1.
    pub(super) line: u64,
    /// How many bytes stand before it.
    pub(super) offset: u64,
    /// How many bytes stand before the record that was read last.
    pub(super) started: u64,
    /// Bytes of the file, if that can be known.
    pub(super) length: Option<u64>,
}

/// What is wrong with a file, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) line: u64,
    pub(super) text: String,
}

impl Source {
    pub(super) fn open(file: &Path, format: FileFormat) -> Result<Self, Problem> {
        if is_stream(file) {
            return Self::begun("stdin".into(), Box::new(stdin().lock()), format, None);
        }
        let (opened, length) = open(file).map_err(|error| unreadable(file, &error))?;
        let input = Box::new(BufReader::with_capacity(1 << 18, opened));
        Self::begun(file.display().to_string(), input, format, Some(length).filter(|length| *length > 0))
    }

    /// Goes on behind what was read before.
    pub(super) fn open_at(file: &Path, format: FileFormat, offset: u64, line: u64) -> Result<Self, Problem> {
        let (mut opened, length) = open(file).map_err(|error| unreadable(file, &error))?;
        if offset > length {
            let message = format!("{} is shorter than what was imported of it", file.display());
            return Err(Problem::new(message, "begin again without --resume"));
        }
        opened.seek(SeekFrom::Start(offset)).map_err(|error| unreadable(file, &error))?;
        let input = Box::new(BufReader::with_capacity(1 << 18, opened));
        Ok(Self {
            name: file.display().to_string(),
            input,
            format,
            line,
            offset,
            started: offset,
            length: Some(length),
        })
    }

    fn begun(
        name: String,
        input: Box<dyn BufRead>,
        format: FileFormat,
        length: Option<u64>,
    ) -> Result<Self, Problem> {
        let mut source = Self { name, input, format, line: 1, offset: 0, started: 0, length };
        if format == FileFormat::Csv {
            source.head().map_err(|fault| source.problem(&fault))?;
        }
        Ok(source)
    }

    /// The first line of CSV names the columns.
    fn head(&mut self) -> Result<(), Fault> {
        let mut line = Vec::new();
        self.read_line(&mut line)?;
        let columns = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line).trim_ascii_end();
        if columns == csv::HEAD.trim_ascii_end() {
            return Ok(());
        }
        Err(Fault { line: 1, text: "the first line must be key,value,ttl".into() })
    }

    /// The next key with the number of its line; `None` at the end. Empty lines are none.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Entry)>, Fault> {
        loop {
            let first = self.line;
            self.started = self.offset;
            let mut record = Vec::new();
            if !self.read_line(&mut record)? {
                return Ok(None);
            }
            if record.trim_ascii().is_empty() {
                continue;
            }
            if self.format == FileFormat::Csv {
                self.close_quotes(&mut record, first)?;
            }
            let parsed = match self.format {
                FileFormat::Csv => csv::entry(&record),
                FileFormat::Jsonl => jsonl::entry(record.trim_ascii_end(), now()),
            };
            return parsed.map(|entry| Some((first, entry))).map_err(|text| Fault { line: first, text });
        }
    }

    /// Reads on while a quote is open. Each line is looked at once, however many there are.
    fn close_quotes(&mut self, record: &mut Vec<u8>, first: u64) -> Result<(), Fault> {
        let mut open = csv::is_open(false, record);
        while open {
            let before = record.len();
            if !self.read_line(record)? {
                return Err(Fault { line: first, text: "a quote is not closed".into() });
            }
            open = csv::is_open(open, &record[before..]);
        }
        Ok(())
    }

    /// Appends a line with its end; false when there is none.
    fn read_line(&mut self, line: &mut Vec<u8>) -> Result<bool, Fault> {
        let before = line.len();
        let room = (MAX_LINE - before) as u64;
        let fault = |text: String| Fault { line: self.line, text };
        let read = (&mut self.input).take(room).read_until(b'\n', line);
        let read = read.map_err(|error| fault(format!("can't be read: {error}")))?;
        if read as u64 == room && !line.ends_with(b"\n") {
            return Err(fault("the line is longer than any may be (1 GiB)".into()));
        }
        self.offset += read as u64;
        self.line += u64::from(read > 0);
        Ok(read > 0)
    }

    /// The fault with the file's name.
    pub(super) fn problem(&self, fault: &Fault) -> Problem {
        Problem::new(format!("{}:{}: {}", self.name, fault.line, fault.text), "correct the line")
    }
}

fn open(file: &Path) -> io::Result<(File, u64)> {
    let opened = File::open(file)?;
    let about = opened.metadata()?;
    if about.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok((opened, about.len()))
}

fn unreadable(file: &Path, error: &io::Error) -> Problem {
    Problem::new(format!("{} can't be read: {error}", file.display()), "name a file that may be read")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &'static str, format: FileFormat) -> Result<Source, Problem> {
        Source::begun("test".into(), Box::new(text.as_bytes()), format, None)
    }

    #[test]
    fn records_have_the_number_of_their_first_line() {
        let mut source = source("key,value,ttl\r\na,\"1\n2\",\n\nb,3,4\n", FileFormat::Csv).unwrap();
        let (line, entry) = source.next().unwrap().unwrap();
        assert_eq!((line, entry.key.as_slice()), (2, &b"a"[..]));
        let (line, entry) = source.next().unwrap().unwrap();
        assert_eq!((line, entry.ttl), (5, Some(4000)));
        assert_eq!(source.next(), Ok(None));
        assert_eq!((source.line, source.offset), (6, 31));
    }

    #[test]
    fn faults_have_their_line() {
        let text = "{\"key\":\"k\",\"type\":\"string\",\"value\":\"v\"}\nnonsense\n";
        let mut lines = source(text, FileFormat::Jsonl).unwrap();
        assert!(lines.next().is_ok());
        assert_eq!(lines.next().unwrap_err().line, 2);
        let mut open = source("key,value,ttl\na,b,\nc,\"open\n\n", FileFormat::Csv).unwrap();
        assert!(open.next().is_ok());
        assert_eq!(open.next().unwrap_err(), Fault { line: 3, text: "a quote is not closed".into() });
        assert!(source("a,b,c\n", FileFormat::Csv).is_err());
        assert!(source("", FileFormat::Csv).is_err());
    }
}
