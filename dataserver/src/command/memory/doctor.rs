//! MEMORY DOCTOR: what about the memory may be wrong, in words.

use super::Usage;
use crate::command::{Call, Done};
use std::fmt::Write;

/// With less than this nothing can be said, in bytes.
const LITTLE: u64 = 5 * 1024 * 1024;
/// A peak beyond this ratio to what is used now.
const HIGH_PEAK: f64 = 1.5;
/// Pages beyond this ratio to what is in them, and at least so many bytes.
const FRAGMENTED: f64 = 1.4;
const FRAGMENTED_BYTES: u64 = 10 << 20;
/// Buffers of a client that are large, in bytes.
const LARGE_BUFFERS: u64 = 200 * 1024;

const EMPTY: &str = "Hi Sam, this instance is empty or is using very little memory, my issue detector can't be used in these conditions. Please, leave for your mission on Earth and fill it with some data. The new Sam and I will be back to our programming as soon as I finished rebooting.\n";
const HEALTHY: &str = "Hi Sam, I can't find any memory issue in your instance. I can only account for what occurs on this base.\n";

/// MEMORY DOCTOR
pub(in crate::command) fn doctor(c: &mut Call<'_, '_>) -> Done {
    let usage = Usage::now(c.server, c.view);
    let found = issues(&usage, c.server.clients.count() as u64);
    let text = match (usage.used < LITTLE, found.is_empty()) {
        (true, _) => EMPTY.to_owned(),
        (false, true) => HEALTHY.to_owned(),
        (false, false) => told(&found),
    };
    c.reply.verbatim(&text);
    Ok(())
}

fn told(found: &[(&str, &str)]) -> String {
    let mut text = "Sam, I detected a few issues in this Redis instance memory implants:\n\n".to_owned();
    for (name, advice) in found {
        let _ = writeln!(text, " * {name}: {advice}\n");
    }
    text.push_str("I'm here to keep you safe, Sam. I want to help you.\n");
    text
}

fn issues(usage: &Usage, clients: u64) -> Vec<(&'static str, &'static str)> {
    let wasted = |larger: u64, smaller: u64| {
        larger as f64 > FRAGMENTED * smaller as f64 && larger - smaller > FRAGMENTED_BYTES
    };
    let mut found = Vec::new();
    if usage.peak as f64 > HIGH_PEAK * usage.used as f64 {
        found.push(("Peak memory", "once this instance used more than one and a half times the memory that it uses now. The allocator may keep some of those pages, which shows as fragmentation until they are filled or given back: MEMORY PURGE gives them back at once."));
    }
    if wasted(usage.active, usage.allocated) {
        found.push(("High allocator fragmentation", "pages hold much less than they could. It comes from deleting many keys of one size and is used up by new ones of that size; a restart starts afresh."));
    }
    if wasted(usage.resident, usage.active) {
        found.push((
            "High allocator RSS overhead",
            "the allocator holds many pages that are empty: MEMORY PURGE gives them back to the system.",
        ));
    }
    if wasted(usage.rss, usage.resident) {
        found.push((
            "High process RSS overhead",
            "the process holds much memory that is not the allocator's, such as its threads' stacks.",
        ));
    }
    if clients > 0 && usage.clients / clients > LARGE_BUFFERS {
        found.push(("Big client buffers", "clients hold more than 200 KiB each on average: they send huge requests, or do not take their replies. CLIENT LIST shows them by qbuf and omem."));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_issue_is_found() {
        let healthy = Usage {
            used: 100 << 20,
            peak: 120 << 20,
            allocated: 100 << 20,
            active: 110 << 20,
            resident: 120 << 20,
            rss: 125 << 20,
            ..Usage::default()
        };
        assert!(issues(&healthy, 1).is_empty());
        let sick = Usage {
            used: 100 << 20,
            peak: 200 << 20,
            allocated: 100 << 20,
            active: 150 << 20,
            resident: 300 << 20,
            rss: 500 << 20,
            clients: 1 << 20,
            ..Usage::default()
        };
        assert_eq!(issues(&sick, 5).len(), 5);
        assert!(told(&issues(&sick, 1)).contains(" * Peak memory: "));
    }
}
