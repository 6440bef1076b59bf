//! What INFO tells of commands and users, and of each member's latency.

use std::fmt::Write;

use ringtail_protocol::stats::{self, Sum};

use super::Seen;

/// The percentiles that are told of members and users.
const PERCENTILES: [f64; 3] = [50.0, 99.0, 99.9];

impl Seen {
    pub(crate) fn command_stats(&self, text: &mut String) {
        stats::command_stats(&self.stats, &mut |field, value| line(text, field, &value));
    }

    pub(crate) fn error_stats(&self, text: &mut String) {
        stats::error_stats(&self.stats, &mut |field, value| line(text, field, &value));
    }

    pub(crate) fn latency_stats(&self, text: &mut String) {
        let percentiles = self.percentiles();
        stats::latency_stats(&self.stats, &percentiles, &mut |field, value| line(text, field, &value));
    }

    pub(crate) fn user_stats(&self, text: &mut String) {
        for (index, user) in self.users.told().into_iter().enumerate() {
            let value = format!(
                "name={},calls={},usec={},failed_calls={},{}",
                user.name,
                user.durations.total(),
                user.micros,
                user.failed,
                percentiles(&user.durations)
            );
            line(text, &format!("user{index}"), &value);
        }
    }
}

fn line(text: &mut String, field: &str, value: &str) {
    let _ = write!(text, "{field}:{value}\r\n");
}

/// `p50_usec=85,p99_usec=210,p99.9_usec=400`: durations that so many percent do not exceed.
pub(crate) fn percentiles(durations: &Sum) -> String {
    let one = |percent: &f64| format!("p{percent}_usec={}", durations.percentile(*percent));
    PERCENTILES.iter().map(one).collect::<Vec<_>>().join(",")
}
