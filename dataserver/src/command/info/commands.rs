//! INFO commandstats, errorstats and latencystats.

use super::{About, Text};
use crate::stats::Told;
use crate::ticks;
use ringtail_protocol::command::{COMMANDS, Command};
use std::sync::atomic::Ordering::Relaxed;

/// The commands that there is something to tell of.
fn told(about: &About<'_, '_>) -> impl Iterator<Item = (&'static Command, Told)> {
    COMMANDS
        .iter()
        .map(|command| (command, about.server.stats.told(command)))
        .filter(|(_, told)| !told.is_empty())
}

pub(super) fn command_stats(text: &mut Text, about: &mut About<'_, '_>) {
    for (command, told) in told(about) {
        let each = if told.calls == 0 { 0.0 } else { told.micros as f64 / told.calls as f64 };
        text.put(
            &format!("cmdstat_{}", command.full_name),
            format_args!(
                "calls={},usec={},usec_per_call={each:.2},rejected_calls={},failed_calls={}",
                told.calls, told.micros, told.rejected, told.failed
            ),
        );
    }
}

pub(super) fn error_stats(text: &mut Text, about: &mut About<'_, '_>) {
    for (code, count) in about.server.stats.errors() {
        text.put(&format!("errorstat_{code}"), format_args!("count={count}"));
    }
}

pub(super) fn latency_stats(text: &mut Text, about: &mut About<'_, '_>) {
    if !about.server.stats.tracking.load(Relaxed) {
        return;
    }
    let percentiles = about.server.settings.percentiles();
    for (command, told) in told(about).filter(|(_, told)| told.durations.total() > 0) {
        let values: Vec<String> = percentiles
            .iter()
            .map(|&percent| {
                let nanos = told.durations.percentile(percent) as f64 * ticks::scale();
                format!("p{percent}={:.3}", nanos / 1000.0)
            })
            .collect();
        text.put(&format!("latency_percentiles_usec_{}", command.full_name), values.join(","));
    }
}
