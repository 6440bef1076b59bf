//! What both programs count of commands, under the families that each has for it.

use ringtail_protocol::command::COMMANDS;
use ringtail_protocol::stats::Stats;

use crate::family::Family;
use crate::metrics::{Buckets, Metrics};

/// Upper bounds of the buckets of commands' durations, in seconds: from a look-up in memory to what clients give up on.
pub const BOUNDS: &[f64] = &[
    0.000_001,
    0.000_002_5,
    0.000_005,
    0.000_01,
    0.000_025,
    0.000_05,
    0.000_1,
    0.000_25,
    0.000_5,
    0.001,
    0.002_5,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    10.0,
];

/// The families of one program.
#[derive(Clone, Copy, Debug)]
pub struct Families {
    /// Calls, by `command`.
    pub calls: &'static Family,
    /// Calls that ended in an error, by `command` and `kind`.
    pub failures: &'static Family,
    /// Error replies, by `code`.
    pub errors: &'static Family,
    /// Durations, by `class`.
    pub durations: &'static Family,
}

/// Writes them; of commands only those that somebody has used.
pub fn write(out: &mut Metrics, stats: &Stats, families: &Families) {
    let used = COMMANDS.iter().filter(|command| stats.is_used(command));
    let told = used.map(|command| (command.full_name, stats.told(command)));
    let told: Vec<_> = told.filter(|(_, told)| !told.is_empty()).collect();
    for (name, told) in &told {
        out.with(families.calls, &[name], told.calls);
    }
    for (name, told) in &told {
        out.with(families.failures, &[name, "failed"], told.failed);
        out.with(families.failures, &[name, "rejected"], told.rejected);
    }
    for (code, count) in stats.errors() {
        out.with(families.errors, &[&code], count);
    }
    for (class, durations) in stats.durations_by_class() {
        out.histogram(families.durations, &[class.name()], &Buckets::of(&durations, stats.scale(), BOUNDS));
    }
}
