//! `ringtail stat`: a line a second.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use ringtail_net::Problem;
use ringtail_net::units::Time;
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval};

use super::members::MemberFlags;
use super::sample::{Sample, Watcher, grown, hit_percent, rate};
use super::{Context, print};
use crate::files::text::size;

pub(super) const EXAMPLES: &str = "\
Examples:
  ringtail stat                      a line a second until Ctrl-C
  ringtail stat --interval 10s --times 6
  ringtail --json stat > stat.jsonl

Rates are for a second. Of a pool, hits, misses, evicted keys and memory are its members' sums, so they must be reachable from here; \
with --member-tls and its like if they are spoken to in another way than the proxy.

Exit codes: 0 all is well, 1 an error, 2 wrong usage.";

/// Lines between two heads.
const LINES: u64 = 20;
const HEAD: &str = "     keys    memory  clients  blocked     cmds/s   errors/s     hits/s   misses/s   hit %       in/s      out/s  evicted/s\n";

#[derive(Debug, Args)]
pub(crate) struct StatTool {
    /// How long to wait between two lines: 1s, 500ms
    #[arg(long, value_name = "TIME", default_value = "1s")]
    interval: Time,
    /// End after so many lines
    #[arg(long, value_name = "N")]
    times: Option<u64>,
    #[command(flatten)]
    members: MemberFlags,
}

pub(super) async fn run(tool: &StatTool, context: &Context<'_>) -> Result<ExitCode, Problem> {
    tokio::select! {
        ended = lines(tool, context) => ended?,
        _ = tokio::signal::ctrl_c() => {}
    }
    Ok(ExitCode::SUCCESS)
}

async fn lines(tool: &StatTool, context: &Context<'_>) -> Result<(), Problem> {
    let mut watcher = Watcher::new(context.client().await?, tool.members.options(context)?);
    let mut ticks = interval(tool.interval.0.max(Duration::from_millis(10)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    let mut before = watcher.look().await.map_err(|error| context.problem(&error))?;
    if before.silent() > 0 {
        eprintln!(
            "ringtail: {} of the members can't be asked from here: see --help on --member-tls",
            before.silent()
        );
    }
    let json = context.wants_json(false);
    for number in 0..tool.times.unwrap_or(u64::MAX) {
        ticks.tick().await;
        let now = watcher.look().await.map_err(|error| context.problem(&error))?;
        let head = if !json && number % LINES == 0 { HEAD } else { "" };
        let line = Line::between(&before, &now);
        print(format!("{head}{}\n", if json { line.json().to_string() } else { line.text() }))?;
        before = now;
    }
    Ok(())
}

struct Line {
    keys: u64,
    memory: u64,
    clients: u64,
    blocked: u64,
    hit: Option<f64>,
    /// commands, errors, hits, misses, received, sent, evicted, expired
    rates: [f64; 8],
}

impl Line {
    fn between(before: &Sample, now: &Sample) -> Self {
        let seconds = (now.at - before.at).as_secs_f64();
        let (is, more) = (now.whole(), grown(before, now));
        let counts = [
            more.commands,
            more.errors,
            more.hits,
            more.misses,
            more.received,
            more.sent,
            more.evicted,
            more.expired,
        ];
        Self {
            keys: is.keys,
            memory: is.memory,
            clients: is.clients,
            blocked: is.blocked,
            hit: hit_percent(&more),
            rates: counts.map(|count| rate(0, count, seconds)),
        }
    }

    fn text(&self) -> String {
        let [commands, errors, hits, misses, received, sent, evicted, _] = self.rates;
        let hit = self.hit.map_or("-".into(), |hit| format!("{hit:.1}"));
        let (memory, received, sent) = (size(self.memory), size(received as u64), size(sent as u64));
        let Self { keys, clients, blocked, .. } = self;
        format!(
            "{keys:>9} {memory:>9} {clients:>8} {blocked:>8} {commands:>10.0} {errors:>10.0} {hits:>10.0} {misses:>10.0} {hit:>7} {received:>10} {sent:>10} {evicted:>10.0}"
        )
    }

    fn json(&self) -> serde_json::Value {
        let [commands, errors, hits, misses, received, sent, evicted, expired] = self.rates.map(f64::round);
        json!({
            "keys": self.keys, "memory-bytes": self.memory, "clients": self.clients, "blocked": self.blocked,
            "commands-per-second": commands, "errors-per-second": errors, "hits-per-second": hits,
            "misses-per-second": misses, "hit-percent": self.hit, "received-bytes-per-second": received,
            "sent-bytes-per-second": sent, "evicted-per-second": evicted, "expired-per-second": expired,
        })
    }
}
