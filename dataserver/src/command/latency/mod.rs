//! LATENCY: how long commands took, and what took too long.

mod doctor;
mod graph;
mod histogram;

pub(super) use doctor::doctor;
pub(super) use graph::graph;
pub(super) use histogram::histogram;

use super::{Call, Done};

/// LATENCY LATEST
pub(super) fn latest(c: &mut Call<'_, '_>) -> Done {
    let events = c.server.latency.all();
    c.reply.array(events.len());
    for (name, event) in events {
        let last = event.samples.last().map_or((0, 0), |sample| (sample.at, sample.millis));
        c.reply.array(4);
        c.reply.bulk(name.as_bytes());
        for number in [last.0, last.1, event.worst] {
            c.reply.int(number as i64);
        }
    }
    Ok(())
}

/// LATENCY HISTORY event
pub(super) fn history(c: &mut Call<'_, '_>) -> Done {
    let samples = c.server.latency.event(&c.args[2]).map(|event| event.samples).unwrap_or_default();
    c.reply.array(samples.len());
    for sample in samples {
        c.reply.array(2);
        c.reply.int(sample.at as i64);
        c.reply.int(sample.millis as i64);
    }
    Ok(())
}

/// LATENCY RESET [event …]
pub(super) fn reset(c: &mut Call<'_, '_>) -> Done {
    let named = c.args.from(2);
    let count = c.server.latency.reset(|event| {
        named.len() == 0 || named.iter().any(|name| name.eq_ignore_ascii_case(event.as_bytes()))
    });
    c.reply.count(count);
    Ok(())
}
