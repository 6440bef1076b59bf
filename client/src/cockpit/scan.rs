//! `ringtail scan [PATTERN]`: keys, one a line.

use std::process::ExitCode;

use clap::Args;
use ringtail_net::Problem;
use ringtail_net::exit::INTERRUPTED;

use super::walk::Walk;
use super::{Context, print};
use crate::files::progress::Progress;
use crate::files::text::keys;
use crate::format::{Format, quote};

pub(super) const EXAMPLES: &str = "\
Examples:
  ringtail scan                          all keys of the database, one a line
  ringtail scan 'user:*' --type hash     some of them
  ringtail scan 'user:*' --total         how many
  ringtail scan --limit 10               some ten keys
  ringtail --json scan | jq length       each a string of JSON

Keys that are there throughout come once at least. What is stopped, by Ctrl-C or --limit, says on stderr the --cursor to go on \
from, which may show some keys again. On a terminal, and in JSON, a key is quoted. (With a number, as in \
`ringtail scan 0`, it is the server's SCAN.)

Exit codes: 0 all is well, 1 an error, 2 wrong usage.";

#[derive(Debug, Args)]
pub(crate) struct ScanTool {
    /// Only keys like this
    pattern: Option<String>,
    /// Only keys of this type: string, list, set, zset, hash, stream
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// About how many keys the server looks at in one go
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    count: u32,
    /// End after so many keys
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Say only how many there are
    #[arg(long)]
    total: bool,
    /// Go on where an earlier scan was stopped
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

pub(super) async fn run(tool: &ScanTool, context: &Context<'_>) -> Result<ExitCode, Problem> {
    let client = context.client().await?;
    let total = client.cmd(["DBSIZE"]).await.ok().and_then(|n| u64::try_from(n.as_int()?).ok());
    let progress = Progress::of_keys("scanning", total);
    let mut walk = Walk::new(client, tool.pattern.as_deref(), tool.kind.as_deref())
        .by(tool.page())
        .from(tool.cursor.as_deref());
    let (mut found, mut pages, mut whole) = (0, 0, true);
    let most = tool.limit.unwrap_or(u64::MAX);
    while found < most {
        let page = tokio::select! {
            page = walk.next() => page.map_err(|error| context.problem(&error))?,
            _ = tokio::signal::ctrl_c() => return Ok(stopped(found, &walk, &progress)),
        };
        let Some(page) = page else { break };
        let left = usize::try_from(most - found).unwrap_or(usize::MAX);
        let shown = &page.keys[..page.keys.len().min(left)];
        (found, pages) = (found + shown.len() as u64, pages + 1);
        whole = shown.len() == page.keys.len();
        progress.set(walk.visited.min(total.unwrap_or(u64::MAX)));
        if !tool.total {
            progress.hidden(|| print(lines(shown, context.settings.style.format)))?;
        }
    }
    progress.end();
    if tool.total {
        print(format!("{found}\n"))?;
    }
    match walk.resume(whole) {
        // Its own cursor would show the same keys again.
        _ if !whole && pages == 1 => {
            eprintln!(
                "there are more keys than --limit before the next cursor: a smaller --count, or a larger --limit, gets on"
            );
        }
        Some(cursor) => eprintln!("--cursor {cursor} goes on"),
        None => {}
    }
    Ok(ExitCode::SUCCESS)
}

impl ScanTool {
    /// Keys to look at in one go: where each is shown no more than are wanted, so that little is shown again by who goes on.
    fn page(&self) -> u32 {
        let all = self.pattern.is_none() && self.kind.is_none();
        let most = self.limit.filter(|_| all).and_then(|most| u32::try_from(most).ok());
        most.map_or(self.count, |most| most.clamp(1, self.count))
    }
}

fn lines(keys: &[Vec<u8>], format: Format) -> Vec<u8> {
    let mut out = Vec::with_capacity(keys.iter().map(|key| key.len() + 3).sum());
    for key in keys {
        match format {
            Format::Raw => out.extend_from_slice(key),
            Format::Json => {
                out.extend_from_slice(serde_json::json!(String::from_utf8_lossy(key)).to_string().as_bytes())
            }
            Format::Typed | Format::Csv => quote(&mut out, key),
        }
        out.push(b'\n');
    }
    out
}

fn stopped(found: u64, walk: &Walk, progress: &Progress) -> ExitCode {
    progress.end();
    let cursor = if walk.cursor.is_empty() { "0" } else { &walk.cursor };
    eprintln!(
        "stopped after {} of about {} seen; --cursor {cursor} goes on",
        keys(found),
        keys(walk.visited)
    );
    ExitCode::from(u8::try_from(INTERRUPTED).unwrap_or(1))
}
