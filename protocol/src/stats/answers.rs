//! SLOWLOG, LATENCY, and the sections of INFO about commands.

mod doctor;
mod graph;
mod histogram;
mod slowlog;

use std::sync::atomic::Ordering::Relaxed;

use super::{Latency, Slowlog, Stats, Told};
use crate::command::{Arguments, COMMANDS, Command, CommandId};
use crate::errors::Error;
use crate::reply::Reply;

/// What is asked about.
#[derive(Clone, Copy)]
pub struct Observed<'a> {
    /// What commands did.
    pub stats: &'a Stats,
    /// What was slow.
    pub slowlog: &'a Slowlog,
    /// What clients may have noticed.
    pub latency: &'a Latency,
}

/// Runs a subcommand of SLOWLOG or LATENCY, at `now` in milliseconds since 1970. Whether it was one of these; if not, nothing was done.
///
/// # Errors
/// Redis's.
pub fn answer<A: Arguments + ?Sized>(
    id: CommandId,
    observed: Observed<'_>,
    request: &A,
    now: u64,
    reply: &mut Reply<'_>,
) -> Result<bool, Error> {
    let Observed { stats, slowlog, latency } = observed;
    match id {
        CommandId::LatencyDoctor => doctor::doctor(latency, reply),
        CommandId::LatencyGraph => {
            graph::graph(latency, request.argument(2).unwrap_or_default(), now / 1000, reply)?;
        }
        CommandId::LatencyHistogram => histogram::histogram(stats, request, reply),
        CommandId::LatencyHistory => history(latency, request.argument(2).unwrap_or_default(), reply),
        CommandId::LatencyLatest => latest(latency, reply),
        CommandId::LatencyReset => reset(latency, request, reply),
        CommandId::SlowlogGet => slowlog::get(slowlog, request, reply)?,
        CommandId::SlowlogLen => reply.count(slowlog.len()),
        CommandId::SlowlogReset => {
            slowlog.reset();
            reply.ok();
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// LATENCY LATEST
fn latest(latency: &Latency, reply: &mut Reply<'_>) {
    let events = latency.all();
    reply.array(events.len());
    for (name, event) in events {
        let last = event.samples.last().map_or((0, 0), |sample| (sample.at, sample.millis));
        reply.array(4);
        reply.bulk(name.as_bytes());
        for number in [last.0, last.1, event.worst] {
            reply.int(number as i64);
        }
    }
}

/// LATENCY HISTORY event
fn history(latency: &Latency, name: &[u8], reply: &mut Reply<'_>) {
    let samples = latency.event(name).map(|event| event.samples).unwrap_or_default();
    reply.array(samples.len());
    for sample in samples {
        reply.array(2);
        reply.int(sample.at as i64);
        reply.int(sample.millis as i64);
    }
}

/// LATENCY RESET [event …]
fn reset<A: Arguments + ?Sized>(latency: &Latency, request: &A, reply: &mut Reply<'_>) {
    let named = (2..request.count()).filter_map(|at| request.argument(at));
    let count = latency.reset(|event| {
        request.count() == 2 || named.clone().any(|name| name.eq_ignore_ascii_case(event.as_bytes()))
    });
    reply.count(count);
}

/// The commands that there is something to tell of.
fn told(stats: &Stats) -> impl Iterator<Item = (&'static Command, Told)> {
    COMMANDS.iter().map(|command| (command, stats.told(command))).filter(|(_, told)| !told.is_empty())
}

/// INFO commandstats: a field and its value for each command.
pub fn command_stats(stats: &Stats, put: &mut dyn FnMut(&str, String)) {
    for (command, told) in told(stats) {
        let each = if told.calls == 0 { 0.0 } else { told.micros as f64 / told.calls as f64 };
        let Told { calls, micros, rejected, failed, .. } = told;
        put(
            &format!("cmdstat_{}", command.full_name),
            format!(
                "calls={calls},usec={micros},usec_per_call={each:.2},rejected_calls={rejected},failed_calls={failed}"
            ),
        );
    }
}

/// INFO errorstats: a field and its value for each code of an error.
pub fn error_stats(stats: &Stats, put: &mut dyn FnMut(&str, String)) {
    for (code, count) in stats.errors() {
        put(&format!("errorstat_{code}"), format!("count={count}"));
    }
}

/// INFO latencystats: what these percents of each command's calls did not exceed.
pub fn latency_stats(stats: &Stats, percents: &[f64], put: &mut dyn FnMut(&str, String)) {
    if !stats.tracking.load(Relaxed) {
        return;
    }
    for (command, told) in told(stats).filter(|(_, told)| told.durations.total() > 0) {
        let value = |percent: &f64| {
            format!("p{percent}={:.3}", stats.nanos(told.durations.percentile(*percent)) / 1000.0)
        };
        let values: Vec<String> = percents.iter().map(value).collect();
        put(&format!("latency_percentiles_usec_{}", command.full_name), values.join(","));
    }
}

/// The value of `latency-tracking-info-percentiles`: numbers from 0 to 100 with spaces between them; none at all is right, too.
///
/// # Errors
/// What is wrong with it.
pub fn percentiles(value: &str) -> Result<Vec<f64>, String> {
    const MOST: usize = 64;
    let one = |word: &str| word.parse().ok().filter(|percent| (0.0..=100.0).contains(percent));
    let parsed: Option<Vec<f64>> = value.split_whitespace().map(one).collect();
    match parsed.ok_or("Invalid latency-tracking-info-percentiles parameters")? {
        parsed if parsed.len() > MOST => Err(format!("at most {MOST} percentiles")),
        parsed => Ok(parsed),
    }
}
