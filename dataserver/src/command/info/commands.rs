//! INFO commandstats, errorstats and latencystats.

use super::{About, Text};
use ringtail_protocol::stats;

pub(super) fn command_stats(text: &mut Text, about: &mut About<'_, '_>) {
    stats::command_stats(&about.server.stats, &mut |field, value| text.put(field, value));
}

pub(super) fn error_stats(text: &mut Text, about: &mut About<'_, '_>) {
    stats::error_stats(&about.server.stats, &mut |field, value| text.put(field, value));
}

pub(super) fn latency_stats(text: &mut Text, about: &mut About<'_, '_>) {
    let percentiles = about.server.settings.percentiles();
    stats::latency_stats(&about.server.stats, &percentiles, &mut |field, value| text.put(field, value));
}
