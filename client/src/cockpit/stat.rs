//! `ringtail stat`: a line a second.

use std::collections::BTreeSet;
use std::process::ExitCode;

use clap::Args;
use ringtail_net::Problem;
use ringtail_net::units::Time;
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval};

use super::members::MemberFlags;
use super::sample::{Known, Sample, Watcher, grown, hit_percent, rate};
use super::{Context, interval_of, print};
use crate::files::text::{printable, size};

pub(super) const EXAMPLES: &str = "\
Examples:
  ringtail stat                      a line a second until Ctrl-C
  ringtail stat --interval 10s --times 6
  ringtail --json stat > stat.jsonl

Rates are for a second. Of a pool, hits, misses, evicted keys and memory are its members' sums, so they must be reachable from here; \
with --member-tls and its like if they are spoken to in another way than the proxy. Who can't be asked is named on stderr: sums that \
lack somebody begin with ≥, and are ? where nobody can be asked (in JSON: `silent` has the names).

Exit codes: 0 all is well, 1 an error, 2 wrong usage.";

/// Lines between two heads.
const LINES: u64 = 20;
const HEAD: &str = "     keys    memory  clients  blocked     cmds/s   errors/s     hits/s   misses/s   hit %       in/s      out/s  evicted/s\n";

#[derive(Debug, Args)]
pub(crate) struct StatTool {
    /// How long to wait between two lines, 100ms at least: 1s, 500ms
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = interval_of)]
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
    let mut ticks = interval(tool.interval.0);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    let mut before = watcher.look().await.map_err(|error| context.problem(&error))?;
    let mut told = BTreeSet::new();
    tell_silent(&before, &mut told);
    let json = context.wants_json(false);
    for number in 0..tool.times.unwrap_or(u64::MAX) {
        ticks.tick().await;
        let now = watcher.look().await.map_err(|error| context.problem(&error))?;
        tell_silent(&now, &mut told);
        let head = if !json && number % LINES == 0 { HEAD } else { "" };
        let line = Line::between(&before, &now);
        print(format!("{head}{}\n", if json { line.json().to_string() } else { line.text() }))?;
        before = now;
    }
    Ok(())
}

/// Names members that can't be asked, each once until it can be asked again.
fn tell_silent(sample: &Sample, told: &mut BTreeSet<String>) {
    for (name, why) in sample.silent.iter().filter(|(name, _)| !told.contains(*name)) {
        eprintln!("ringtail: member {name} can't be asked: {}; sums are without it", printable(why));
    }
    *told = sample.silent.keys().cloned().collect();
}

struct Line {
    silent: Vec<String>,
    known: Known,
    known_keys: Known,
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
            silent: now.silent.keys().cloned().collect(),
            known: now.known(),
            known_keys: now.known_keys(),
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
        let (received, sent) = (size(received as u64), size(sent as u64));
        let sum = |text| self.known.mark(text);
        let (memory, keys) = (sum(size(self.memory)), self.known_keys.mark(self.keys.to_string()));
        let [hits, misses, evicted] = [hits, misses, evicted].map(|rate| sum(format!("{rate:.0}")));
        let Self { clients, blocked, .. } = self;
        format!(
            "{keys:>9} {memory:>9} {clients:>8} {blocked:>8} {commands:>10.0} {errors:>10.0} {hits:>10} {misses:>10} {hit:>7} {received:>10} {sent:>10} {evicted:>10}"
        )
    }

    fn json(&self) -> serde_json::Value {
        let [commands, errors, hits, misses, received, sent, evicted, expired] = self.rates.map(f64::round);
        json!({
            "keys": self.keys, "memory-bytes": self.memory, "clients": self.clients, "blocked": self.blocked,
            "commands-per-second": commands, "errors-per-second": errors, "hits-per-second": hits,
            "misses-per-second": misses, "hit-percent": self.hit, "received-bytes-per-second": received,
            "sent-bytes-per-second": sent, "evicted-per-second": evicted, "expired-per-second": expired,
            "silent": self.silent,
        })
    }
}
