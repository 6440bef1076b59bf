//! LATENCY DOCTOR: the events in words, with what may help.

use std::fmt::Write;

use crate::reply::Reply;
use crate::stats::{self, Event, Latency};

const OFF: &str = "I'm sorry, Dave, I can't do that. Latency monitoring is disabled in this Redis instance. You may use \"CONFIG SET latency-monitor-threshold <milliseconds>.\" in order to enable it.\n";
const NOTHING: &str = "Dave, no latency spike was observed during the lifetime of this Redis instance, not in the slightest bit. I honestly think you ought to sit down calmly, take a stress pill, and think things over.\n";

/// LATENCY DOCTOR
pub(super) fn doctor(latency: &Latency, reply: &mut Reply<'_>) {
    let (threshold, events) = (latency.threshold(), latency.all());
    if events.is_empty() {
        return reply.verbatim(if threshold == 0 { OFF } else { NOTHING });
    }
    let mut text = "Dave, I have observed latency spikes in this Redis instance.\n\n".to_owned();
    for (number, (name, event)) in events.iter().enumerate() {
        let _ = writeln!(text, "{}. {name}: {}", number + 1, summary(event));
    }
    text.push_str("\nWhat may help:\n\n");
    for advice in events.keys().flat_map(|name| advice(name)) {
        let _ = writeln!(text, "- {advice}");
    }
    reply.verbatim(&text);
}

fn summary(event: &Event) -> String {
    let (count, times) = (event.samples.len() as u64, event.samples.iter().map(|sample| sample.millis));
    let average = times.sum::<u64>() / count.max(1);
    let span = match (event.samples.first(), event.samples.last()) {
        (Some(first), Some(last)) if count > 1 => (last.at - first.at) / (count - 1),
        _ => 0,
    };
    format!(
        "{count} latency spikes (average {average}ms, period {span} sec). Worst all time event {}ms.",
        event.worst
    )
}

fn advice(event: &str) -> &'static [&'static str] {
    match event {
        stats::COMMAND => &[
            "SLOWLOG GET shows which commands were slow (CONFIG SET slowlog-log-slower-than <microseconds> says from when on).",
            "Ask for large keys piece by piece: SCAN, HSCAN, SSCAN, ZSCAN instead of KEYS, HGETALL, SMEMBERS, ZRANGE.",
        ],
        stats::FAST_COMMAND => &[
            "Commands of constant cost were slow: look for a busy machine, swapping, or a virtual machine that was paused.",
        ],
        stats::EXPIRE_CYCLE => &["Many keys expire at once: spread their lifetimes by a random part."],
        stats::EVICTION_CYCLE => {
            &["Making room took long: give the server more memory (maxmemory), or smaller values."]
        }
        _ => &[],
    }
}
