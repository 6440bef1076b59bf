//! What is in a file.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io::{self, BufWriter, Write, stdout};
use std::process::ExitCode;

use ringtail_net::Problem;
use ringtail_net::exit::RUNTIME;
use serde_json::{Value, json};

use super::convert::now;
use super::source::{About, Entry, Item, Reading, Seen};
use super::{InspectTask, text};

/// What is counted.
#[derive(Default)]
struct Counted {
    keys: u64,
    libraries: u64,
    expiring: u64,
    expired: u64,
    /// The next and the last expiry that is to come.
    expiries: Option<(u64, u64)>,
    /// Keys and bytes, by database and type.
    databases: BTreeMap<u32, BTreeMap<&'static str, (u64, u64)>>,
    /// The smallest of the biggest first.
    biggest: BinaryHeap<Reverse<Big>>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Big {
    size: u64,
    db: u32,
    type_name: &'static str,
    key: Vec<u8>,
}

/// `json`: by the task's own flag or the program's.
pub(super) fn run(task: &InspectTask, json: bool) -> Result<ExitCode, Problem> {
    let reading = Reading { path: &task.file, recover: task.recover, what: "reading" };
    let (mut counted, now) = (Counted::default(), now());
    let mut out = BufWriter::new(stdout().lock());
    let mut listed = Ok(());
    let seen = reading.each(|item| {
        match item {
            Item::Library(_) => counted.libraries += 1,
            Item::Entry(entry) if task.keys && listed.is_ok() => listed = list(&entry, json, &mut out),
            Item::Entry(entry) => counted.add(&entry, now, task.biggest),
        }
        Ok(())
    })?;
    let printed = match (task.keys, json) {
        (true, _) => Ok(()),
        (false, true) => writeln!(out, "{}", counted.json(&seen)),
        (false, false) => counted.print(&seen, &mut out),
    };
    for lost in &seen.lost {
        eprintln!("ringtail: left out: {lost}");
    }
    // Whoever read the list may have closed the pipe.
    let whole = listed.and(printed).and(out.flush()).is_ok() && seen.lost.is_empty();
    Ok(ExitCode::from(if whole { 0 } else { RUNTIME }))
}

/// A key on a line: database, type, when it expires, bytes, and the key, which may have anything but an end of line in it.
fn list(entry: &Entry<'_>, as_json: bool, out: &mut impl Write) -> io::Result<()> {
    let Entry { db, key, expiry, size, type_name, .. } = entry;
    if as_json {
        let key = key.escape_ascii().to_string();
        let line = json!({ "db": db, "key": key, "type": type_name, "expires": expiry, "bytes": size });
        return writeln!(out, "{line}");
    }
    let expires = expiry.map_or("-".into(), text::time);
    writeln!(out, "{db}\t{type_name}\t{expires}\t{size}\t{}", key.escape_ascii())
}

impl Counted {
    fn add(&mut self, entry: &Entry<'_>, now: u64, biggest: usize) {
        self.keys += 1;
        if let Some(at) = entry.expiry {
            self.expiring += 1;
            if at <= now {
                self.expired += 1;
            } else {
                let (first, last) = self.expiries.unwrap_or((at, at));
                self.expiries = Some((first.min(at), last.max(at)));
            }
        }
        let types = self.databases.entry(entry.db).or_default();
        let (keys, bytes) = types.entry(entry.type_name).or_default();
        (*keys, *bytes) = (*keys + 1, *bytes + entry.size);
        let is_big = self.biggest.len() < biggest
            || self.biggest.peek().is_some_and(|Reverse(least)| least.size < entry.size);
        if is_big && biggest > 0 {
            let Entry { size, db, type_name, key, .. } = *entry;
            self.biggest.push(Reverse(Big { size, db, type_name, key: key.to_vec() }));
            if self.biggest.len() > biggest {
                self.biggest.pop();
            }
        }
    }

    fn biggest(&self) -> Vec<&Big> {
        let mut all: Vec<&Big> = self.biggest.iter().map(|Reverse(big)| big).collect();
        all.sort_by(|a, b| b.cmp(a));
        all
    }

    fn print(&self, seen: &Seen, out: &mut impl Write) -> io::Result<()> {
        match &seen.about {
            About::Backup { meta, footer, raw } => {
                writeln!(
                    out,
                    "a backup of Ringtail's, version {}, by {}",
                    ringtail_backup::VERSION,
                    text::printable(&meta.program)
                )?;
                writeln!(out, "begun      {}", text::time(meta.time))?;
                if let Some(footer) = footer {
                    writeln!(out, "state of   {}", text::time(footer.time))?;
                    if !footer.history.is_empty() {
                        writeln!(out, "log        {} at {}", footer.history.escape_ascii(), footer.offset)?;
                    }
                }
                writeln!(out, "size       {} ({} of records)", text::size(seen.bytes), text::size(*raw))?;
            }
            About::Rdb { version, aux } => {
                writeln!(out, "an RDB file of version {version}")?;
                writeln!(out, "size       {}", text::size(seen.bytes))?;
                for (name, value) in aux {
                    writeln!(out, "{:<10} {}", name.escape_ascii(), value.escape_ascii())?;
                }
            }
        }
        self.print_keys(out)
    }

    fn print_keys(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "keys       {}", text::count(self.keys))?;
        for (db, types) in &self.databases {
            for (name, (keys, bytes)) in types {
                let bytes = text::size(*bytes);
                writeln!(out, "  database {db:<3} {name:<7} {:>15} {bytes:>12}", text::count(*keys))?;
            }
        }
        let (expiring, expired) = (text::count(self.expiring), text::count(self.expired));
        writeln!(out, "expiring   {expiring}, of which {expired} have expired")?;
        if let Some((first, last)) = self.expiries {
            writeln!(out, "           the others from {} to {}", text::time(first), text::time(last))?;
        }
        writeln!(out, "libraries  {}", self.libraries)?;
        if !self.biggest.is_empty() {
            writeln!(out, "biggest")?;
        }
        for Big { size, db, type_name, key } in self.biggest() {
            writeln!(out, "  {:>12} {type_name:<7} database {db:<3} {}", text::size(*size), text::key(key))?;
        }
        Ok(())
    }

    fn json(&self, seen: &Seen) -> Value {
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        let about = match &seen.about {
            About::Backup { meta, footer, raw } => json!({
                "kind": "backup",
                "version": ringtail_backup::VERSION,
                "program": meta.program,
                "begun": meta.time,
                "time": footer.as_ref().map(|footer| footer.time),
                "log": footer.as_ref().map(|footer| text(&footer.history)),
                "offset": footer.as_ref().map(|footer| footer.offset),
                "raw_bytes": raw,
            }),
            About::Rdb { version, aux } => {
                let aux = aux.iter().map(|(name, value)| (text(name), Value::from(text(value))));
                json!({ "kind": "rdb", "version": version, "aux": Value::Object(aux.collect()) })
            }
        };
        let databases = self.databases.iter().map(|(db, types)| {
            let types = types
                .iter()
                .map(|(name, (keys, bytes))| (name.to_string(), json!({ "keys": keys, "bytes": bytes })));
            (db.to_string(), Value::Object(types.collect()))
        });
        let biggest = self.biggest().into_iter().map(
            |big| json!({ "bytes": big.size, "db": big.db, "type": big.type_name, "key": text(&big.key) }),
        );
        json!({
            "file": about,
            "bytes": seen.bytes,
            "keys": self.keys,
            "expiring": self.expiring,
            "expired": self.expired,
            "libraries": self.libraries,
            "databases": Value::Object(databases.collect()),
            "biggest": biggest.collect::<Vec<_>>(),
            "lost": seen.lost,
        })
    }
}
