//! `ringtail bigkeys`: which keys take the memory, by type.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::process::ExitCode;

use clap::Args;
use ringtail::{Client, Error, Value};
use ringtail_net::Problem;
use serde_json::json;

use super::table::Table;
use super::walk::Walk;
use super::{Context, print};
use crate::files::progress::Progress;
use crate::files::text::{count, key, size};

pub(super) const EXAMPLES: &str = "\
Examples:
  ringtail bigkeys                      all keys of the database: types, sums, the biggest
  ringtail bigkeys --match 'user:*' --top 20
  ringtail bigkeys --json
  ringtail bigkeys --cursor 1234        goes on behind what an earlier one has seen

Bytes are MEMORY USAGE's; elements are what STRLEN, LLEN, SCARD, ZCARD, HLEN or XLEN says. Ctrl-C shows what was seen so far and \
the cursor to go on from. (`ringtail RINGTAIL BIGKEYS` asks a proxy for what it has seen go by, at once.)

Exit codes: 0 all is well, 1 an error, 2 wrong usage.";

/// Keys that are asked about at once.
const BATCH: usize = 256;

#[derive(Debug, Args)]
pub(crate) struct BigkeysTool {
    /// Only keys like this
    #[arg(long = "match", value_name = "PATTERN")]
    pattern: Option<String>,
    /// Only keys of this type: string, list, set, zset, hash, stream
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// How many of the biggest to show
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    top: u16,
    /// Elements of a value that its size is estimated from; 0 = all
    #[arg(long, value_name = "N", default_value_t = 5)]
    samples: u32,
    /// Go on where an earlier one was stopped
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(tool: &BigkeysTool, context: &Context<'_>) -> Result<ExitCode, Problem> {
    let client = context.client().await?;
    let total = client.cmd(["DBSIZE"]).await.ok().and_then(|n| u64::try_from(n.as_int()?).ok());
    let progress = Progress::of_keys("looking", total);
    let mut seen = Seen::new(usize::from(tool.top));
    let mut walk =
        Walk::new(client.clone(), tool.pattern.as_deref(), tool.kind.as_deref()).from(tool.cursor.as_deref());
    let ended = tokio::select! {
        ended = look(&client, &mut walk, tool.samples, &mut seen, &progress, total) => Some(ended),
        _ = tokio::signal::ctrl_c() => None,
    };
    progress.end();
    if let Some(Err(error)) = &ended {
        let mut problem = context.problem(error);
        problem.message += &format!(" (after {} keys; --cursor {} goes on)", count(seen.keys), at(&walk));
        return Err(problem);
    }
    let cursor = ended.is_none().then(|| at(&walk).to_owned());
    let text = match context.wants_json(tool.json) {
        true => format!("{}\n", seen.json(cursor.as_deref())),
        false => seen.text(),
    };
    print(text)?;
    if let Some(cursor) = cursor {
        eprintln!("stopped: --cursor {cursor} goes on");
    }
    Ok(ExitCode::SUCCESS)
}

fn at(walk: &Walk) -> &str {
    if walk.begun.is_empty() { "0" } else { &walk.begun }
}

async fn look(
    client: &Client,
    walk: &mut Walk,
    samples: u32,
    seen: &mut Seen,
    progress: &Progress,
    total: Option<u64>,
) -> Result<(), Error> {
    while let Some(page) = walk.next().await? {
        for names in page.keys.chunks(BATCH) {
            measure(client, names, samples, seen).await?;
        }
        progress.set(walk.visited.min(total.unwrap_or(u64::MAX)));
    }
    Ok(())
}

/// Asks for type and bytes of these keys, then for their elements.
async fn measure(client: &Client, names: &[Vec<u8>], samples: u32, seen: &mut Seen) -> Result<(), Error> {
    let samples = samples.to_string();
    let mut pipeline = client.pipeline();
    for name in names {
        pipeline.try_cmd([b"TYPE", &name[..]])?;
        pipeline.try_cmd([&b"MEMORY"[..], b"USAGE", &name[..], b"SAMPLES", samples.as_bytes()])?;
    }
    let replies = pipeline.run().await?;
    let mut found = Vec::new();
    let mut pipeline = client.pipeline();
    for (name, replies) in names.iter().zip(replies.chunks_exact(2)) {
        if let Some(text) = replies.iter().find_map(Value::error) {
            return Err(Error::Reply(String::from_utf8_lossy(text).into_owned()));
        }
        // It has gone since SCAN named it.
        let (Some(kind), Some(bytes)) = (replies[0].as_str(), replies[1].as_int()) else { continue };
        let length = length_command(kind);
        pipeline.try_cmd([length.as_bytes(), name])?;
        found.push((kind.to_owned(), name, u64::try_from(bytes).unwrap_or(0)));
    }
    for ((kind, name, bytes), length) in found.into_iter().zip(pipeline.run().await?) {
        let elements = length.as_int().and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
        seen.add(&kind, Big { bytes, elements, key: name.clone(), kind: kind.clone() });
    }
    Ok(())
}

/// What says how many elements a value has; EXISTS for types of modules.
fn length_command(kind: &str) -> &'static str {
    match kind {
        "string" => "STRLEN",
        "list" => "LLEN",
        "set" => "SCARD",
        "zset" => "ZCARD",
        "hash" => "HLEN",
        "stream" => "XLEN",
        _ => "EXISTS",
    }
}

/// A key by its size.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Big {
    bytes: u64,
    elements: u64,
    key: Vec<u8>,
    kind: String,
}

/// All keys of a type.
#[derive(Debug, Default)]
struct Kind {
    keys: u64,
    bytes: u64,
    elements: u64,
    /// The key with the most elements.
    longest: Option<(u64, Vec<u8>)>,
}

struct Seen {
    keys: u64,
    bytes: u64,
    kinds: BTreeMap<String, Kind>,
    /// The biggest, of which the smallest goes first.
    biggest: BinaryHeap<Reverse<Big>>,
    top: usize,
}

impl Seen {
    fn new(top: usize) -> Self {
        Self { keys: 0, bytes: 0, kinds: BTreeMap::new(), biggest: BinaryHeap::new(), top }
    }

    fn add(&mut self, kind: &str, big: Big) {
        let kind = self.kinds.entry(kind.to_owned()).or_default();
        (self.keys, kind.keys) = (self.keys + 1, kind.keys + 1);
        (self.bytes, kind.bytes) = (self.bytes + big.bytes, kind.bytes + big.bytes);
        kind.elements += big.elements;
        if kind.longest.as_ref().is_none_or(|(most, _)| *most < big.elements) {
            kind.longest = Some((big.elements, big.key.clone()));
        }
        let small =
            self.biggest.len() >= self.top && self.biggest.peek().is_some_and(|Reverse(least)| big <= *least);
        // SCAN may name a key twice.
        if small || self.biggest.iter().any(|Reverse(known)| known.key == big.key) {
            return;
        }
        self.biggest.push(Reverse(big));
        if self.biggest.len() > self.top {
            self.biggest.pop();
        }
    }

    fn sorted(&self) -> Vec<&Big> {
        let mut sorted: Vec<_> = self.biggest.iter().map(|Reverse(big)| big).collect();
        sorted.sort_by_key(|big| Reverse(big.bytes));
        sorted
    }

    fn text(&self) -> String {
        let mut kinds =
            Table::new(&["<type", "keys", "bytes", "share", "average", "elements", "<most elements"]);
        for (name, kind) in &self.kinds {
            let share = kind.bytes as f64 * 100.0 / self.bytes.max(1) as f64;
            let longest = kind
                .longest
                .as_ref()
                .map_or(String::new(), |(n, name)| format!("{} in {}", count(*n), key(name)));
            kinds.row(vec![
                name.clone(),
                count(kind.keys),
                size(kind.bytes),
                format!("{share:.1} %"),
                size(kind.bytes / kind.keys.max(1)),
                count(kind.elements),
                longest,
            ]);
        }
        kinds.row(vec!["all".into(), count(self.keys), size(self.bytes)]);
        let mut biggest = Table::new(&["bytes", "elements", "<type", "<key"]);
        for big in self.sorted() {
            biggest.row(vec![size(big.bytes), count(big.elements), big.kind.clone(), key(&big.key)]);
        }
        if self.biggest.is_empty() { kinds.to_string() } else { format!("{kinds}\n{biggest}") }
    }

    /// `cursor` is where it was stopped.
    fn json(&self, cursor: Option<&str>) -> serde_json::Value {
        let kinds = self.kinds.iter().map(|(name, kind)| {
            let about = json!({ "keys": kind.keys, "bytes": kind.bytes, "elements": kind.elements });
            (name.clone(), about)
        });
        let biggest = self.sorted().into_iter().map(|big| {
            let key = String::from_utf8_lossy(&big.key);
            json!({ "key": key, "type": big.kind, "bytes": big.bytes, "elements": big.elements })
        });
        json!({
            "keys": self.keys, "bytes": self.bytes, "cursor": cursor,
            "types": kinds.collect::<serde_json::Map<_, _>>(),
            "biggest": biggest.collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_biggest_are_kept_and_all_are_counted() {
        let mut seen = Seen::new(2);
        for (name, bytes, elements) in [("a", 10, 3), ("b", 30, 1), ("c", 20, 9), ("b", 30, 1)] {
            seen.add("list", Big { bytes, elements, key: name.into(), kind: "list".into() });
        }
        let names: Vec<_> = seen.sorted().iter().map(|big| big.key.clone()).collect();
        assert_eq!(names, [b"b".to_vec(), b"c".to_vec()]);
        assert_eq!((seen.keys, seen.bytes), (4, 90));
        let json = seen.json(Some("7"));
        assert_eq!(json["types"]["list"]["elements"], 14);
        assert_eq!(json["cursor"], "7");
        assert!(seen.text().contains("9 in \"c\""), "{}", seen.text());
    }
}
