//! A trace to replay: rows of time, key, size, op and ttl, separated by commas. The file is read row by row, so its length doesn't
//! matter.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use super::sizes::MAX_VALUE;

/// Longest row, in bytes.
const MAX_ROW: u64 = 1 << 20;
/// The columns, in the order that they have without a header.
const COLUMNS: [&str; 5] = ["time", "key", "size", "op", "ttl"];
/// Longest life of a key, in seconds: a century.
const MAX_TTL: f64 = 3.2e9;

/// How fast a trace is replayed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Speed {
    Times(f64),
    /// Without any waiting.
    Max,
}

impl FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let times = text.parse().ok().filter(|n: &f64| n.is_finite() && *n > 0.0);
        match times {
            _ if text == "max" => Ok(Self::Max),
            Some(times) => Ok(Self::Times(times)),
            None => Err("write a number above 0, or max".into()),
        }
    }
}

/// What to do with a trace's rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) speed: Speed,
    /// Longest time without a row.
    pub(super) max_gap: Duration,
    /// Leave out what is wrong, instead of giving up.
    pub(super) skip_bad: bool,
}

/// What a row asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Get,
    Set,
    Del,
    Incr,
    Exists,
    Expire,
}

impl FromStr for Op {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "get" | "gets" | "read" => Ok(Self::Get),
            "set" | "add" | "replace" | "put" | "write" | "update" => Ok(Self::Set),
            "del" | "delete" | "unlink" => Ok(Self::Del),
            "incr" => Ok(Self::Incr),
            "exists" => Ok(Self::Exists),
            "expire" | "touch" => Ok(Self::Expire),
            _ => Err(format!("'{}' is no op: get, set, del, incr, exists or expire", shown(text))),
        }
    }
}

/// A row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    /// When it is due, since the first one.
    pub(super) at: Duration,
    pub(super) key: Vec<u8>,
    /// Bytes of its value; `None` if it doesn't say.
    pub(super) size: Option<usize>,
    pub(super) op: Op,
    pub(super) ttl_ms: Option<u64>,
}

/// What is in a trace.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Checked {
    pub(super) rows: u64,
    pub(super) skipped: u64,
    /// When the last row is due.
    pub(super) length: Duration,
}

/// Reads all of a trace, so that what is wrong with it is known before anything is sent.
pub(super) fn check(path: &Path, rules: Rules) -> Result<Checked, String> {
    let mut trace = Trace::open(path, rules)?;
    let mut checked = Checked::default();
    while let Some(row) = trace.next()? {
        checked = Checked { rows: checked.rows + 1, skipped: 0, length: row.at };
    }
    checked.skipped = trace.skipped;
    match checked.rows {
        0 => Err("no rows in it".into()),
        _ => Ok(checked),
    }
}

/// A trace that is being read.
pub(super) struct Trace<R = BufReader<File>> {
    input: R,
    rules: Rules,
    line: u64,
    /// For each of `COLUMNS` where it is in a row; empty before the first row.
    places: Vec<Option<usize>>,
    /// How many fields each row has.
    width: usize,
    /// The columns were named by a header, and not learnt from the first row.
    named: bool,
    /// The time that the last row says, and when that one was due, in seconds.
    last: Option<(f64, f64)>,
    skipped: u64,
}

impl Trace {
    pub(super) fn open(path: &Path, rules: Rules) -> Result<Self, String> {
        let file = File::open(path).map_err(|error| error.to_string())?;
        // It is read twice, or once for each thread.
        match file.metadata() {
            Ok(meta) if meta.is_file() => Ok(Self::new(BufReader::new(file), rules)),
            Ok(_) => Err("not a file".into()),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl<R: BufRead> Trace<R> {
    fn new(input: R, rules: Rules) -> Self {
        Self { input, rules, line: 0, places: Vec::new(), width: 0, named: false, last: None, skipped: 0 }
    }

    /// The next row; `None` at the end. The error begins with the line's number.
    pub(super) fn next(&mut self) -> Result<Option<Row>, String> {
        loop {
            let Some(line) = self.line()? else { return Ok(None) };
            match line.and_then(|line| self.row(line)) {
                Ok(Some(row)) => return Ok(Some(row)),
                Ok(None) => {}
                Err(_) if self.rules.skip_bad => self.skipped += 1,
                Err(why) => return Err(format!("line {}: {why}", self.line)),
            }
        }
    }

    /// The next line without its end, or why it is none. What is wrong in it is told when it is split.
    fn line(&mut self) -> Result<Option<Result<Vec<u8>, String>>, String> {
        let mut line = Vec::new();
        self.line += 1;
        let read = self.input.by_ref().take(MAX_ROW).read_until(b'\n', &mut line);
        let read = read.map_err(|error| format!("line {}: {error}", self.line))?;
        if read as u64 == MAX_ROW && !line.ends_with(b"\n") {
            self.skip_line().map_err(|error| format!("line {}: {error}", self.line))?;
            return Ok(Some(Err("it is longer than a megabyte".into())));
        }
        if line.ends_with(b"\n") {
            line.pop();
        }
        if line.ends_with(b"\r") {
            line.pop();
        }
        Ok((read > 0).then_some(Ok(line)))
    }

    /// Leaves out the rest of a line.
    fn skip_line(&mut self) -> io::Result<()> {
        let mut rest = Vec::new();
        while self.input.by_ref().take(MAX_ROW).read_until(b'\n', &mut rest)? > 0 && !rest.ends_with(b"\n") {
            rest.clear();
        }
        Ok(())
    }

    /// The row that the line is; `None` if it is the header.
    fn row(&mut self, line: Vec<u8>) -> Result<Option<Row>, String> {
        let fields = split(&line)?;
        let learnt = (self.places.clone(), self.width, self.last);
        if self.learns_from(&fields) && self.begin(&fields)? {
            return Ok(None);
        }
        let row = self.parsed(&line, &fields);
        if row.is_err() && !self.named {
            // Columns are learnt only from a row that is good.
            (self.places, self.width, self.last) = learnt;
        }
        row.map(Some)
    }

    /// Whether the columns are still to be learnt: from the first row, and where that may have been a cut one, from a wider one.
    fn learns_from(&self, fields: &[String]) -> bool {
        let wider = self.rules.skip_bad && !self.named && fields.len() > self.width;
        self.places.is_empty() || (wider && fields.len() <= COLUMNS.len())
    }

    fn parsed(&mut self, line: &[u8], fields: &[String]) -> Result<Row, String> {
        if fields.len() != self.width {
            return Err(match line {
                [] => "it is empty".into(),
                _ => format!("{} fields instead of {}", fields.len(), self.width),
            });
        }
        let field = |column: usize| self.places[column].map_or("", |place| fields[place].trim());
        let time = number(field(0)).map_err(|why| format!("time: {why}"))?;
        let op = match self.places[3] {
            Some(_) => field(3).parse()?,
            None => Op::Get,
        };
        let (size, ttl_ms) = (size(field(2))?, ttl(field(4))?);
        let key = self.places[1].map(|place| fields[place].as_bytes().to_vec()).unwrap_or_default();
        if key.is_empty() {
            return Err("it has no key".into());
        }
        if op == Op::Expire && ttl_ms.is_none() {
            return Err("expire needs a ttl".into());
        }
        let at = self.due(time)?;
        Ok(Row { at, key, size, op, ttl_ms })
    }

    /// Learns from the first line which column is where; whether it is a header.
    fn begin(&mut self, fields: &[String]) -> Result<bool, String> {
        let names: Vec<String> = fields.iter().map(|name| name.trim().to_ascii_lowercase()).collect();
        let is_header = self.places.is_empty() && names.iter().any(|name| name == "time" || name == "key");
        let place = |column: &&str| names.iter().position(|name| name == column);
        let places: Vec<_> = match is_header {
            true => COLUMNS.iter().map(place).collect(),
            false => (0..COLUMNS.len()).map(|at| Some(at).filter(|at| *at < fields.len())).collect(),
        };
        if is_header && (places[0].is_none() || places[1].is_none()) {
            return Err("a header needs the columns time and key".into());
        }
        if !is_header && !(2..=COLUMNS.len()).contains(&fields.len()) {
            return Err(format!("{} fields instead of time,key,size,op,ttl", fields.len()));
        }
        (self.places, self.width, self.named) = (places, fields.len(), is_header);
        // The time of a row that was cut says nothing of those that follow.
        self.last = self.last.map(|(_, due)| (f64::NAN, due));
        Ok(is_header)
    }

    /// When a row of this time is due.
    fn due(&mut self, time: f64) -> Result<Duration, String> {
        let (mut last, due) = self.last.unwrap_or((time, 0.0));
        // Of two rows that lie too far apart the later one was right if time goes on from it.
        if last.is_nan() || (self.rules.skip_bad && last - time > self.rules.max_gap.as_secs_f64()) {
            last = time;
        }
        if time < last {
            return Err(format!("its time {time} is before that of the row before it, {last}"));
        }
        let Speed::Times(speed) = self.rules.speed else {
            self.last = Some((time, 0.0));
            return Ok(Duration::ZERO);
        };
        let longest = self.rules.max_gap.as_secs_f64();
        let mut gap = (time - last) / speed;
        if gap > longest && !self.rules.skip_bad {
            return Err(format!(
                "{gap:.1} s without a row before it: allow such gaps with --max-gap, or cut them short with --skip-bad"
            ));
        }
        gap = gap.min(longest);
        self.last = Some((time, due + gap));
        Duration::try_from_secs_f64(due + gap).map_err(|error| error.to_string())
    }
}

fn number(text: &str) -> Result<f64, String> {
    if text.is_empty() {
        return Err("it is not there".into());
    }
    let number = text.parse().ok().filter(|n: &f64| n.is_finite() && (0.0..=1e15).contains(n));
    number.ok_or_else(|| format!("'{}' is no number of seconds", shown(text)))
}

fn size(text: &str) -> Result<Option<usize>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let bytes = text.parse().ok().filter(|bytes: &u64| *bytes <= MAX_VALUE);
    bytes
        .map(|bytes| Some(bytes as usize))
        .ok_or_else(|| format!("size: '{}' is not 0 to {MAX_VALUE}", shown(text)))
}

/// Nothing and 0 mean that the key stays.
fn ttl(text: &str) -> Result<Option<u64>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let seconds = number(text).ok().filter(|seconds| *seconds <= MAX_TTL);
    let seconds = seconds.ok_or_else(|| format!("ttl: '{}' is no number of seconds", shown(text)))?;
    Ok(Some((seconds * 1000.0).ceil() as u64).filter(|ms| *ms > 0))
}

/// What is quoted of a field.
fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}

/// The fields of a line, by RFC 4180: in quotes a comma is none, and two quotes are one.
fn split(line: &[u8]) -> Result<Vec<String>, String> {
    let line = std::str::from_utf8(line).map_err(|_| "it is not UTF-8".to_owned())?;
    let (mut fields, mut rest) = (Vec::new(), line);
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                if rest[..end].contains('"') {
                    return Err("a quote within a field that does not begin with one".into());
                }
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(more) => rest = more,
            None if after.is_empty() => return Ok(fields),
            None => return Err("something follows a closing quote".into()),
        }
    }
}

/// What is in quotes, of which the first was taken, and what follows them.
fn unquoted(mut rest: &str) -> Result<(String, &str), String> {
    let mut field = String::new();
    loop {
        let end = rest.find('"').ok_or("a quote is not closed")?;
        field.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(more) => {
                field.push('"');
                rest = more;
            }
            None => return Ok((field, rest)),
        }
    }
}

#[cfg(test)]
mod tests;
