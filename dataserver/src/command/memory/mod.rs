//! MEMORY STATS, DOCTOR, MALLOC-STATS and PURGE. MEMORY USAGE is with OBJECT.

mod doctor;
mod usage;

pub(super) use doctor::doctor;
pub(crate) use usage::Usage;
pub(super) use usage::client_memory;

use super::{Call, Done};
use crate::store::DATABASES;

/// MEMORY MALLOC-STATS
pub(super) fn malloc_stats(c: &mut Call<'_, '_>) -> Done {
    c.reply.verbatim(&ringtail_allocator::report());
    Ok(())
}

/// MEMORY PURGE: gives pages that nothing is on back to the system.
pub(super) fn purge(c: &mut Call<'_, '_>) -> Done {
    ringtail_allocator::purge();
    c.reply.ok();
    Ok(())
}

/// A number as MEMORY STATS answers it.
enum Number {
    Whole(u64),
    Difference(i64),
    Ratio(f64),
}

/// MEMORY STATS
pub(super) fn stats(c: &mut Call<'_, '_>) -> Done {
    let usage = Usage::now(c.server, c.view);
    let dbs: Vec<(u8, usize)> =
        (0..DATABASES).map(|db| (db, usage.tables_of(db))).filter(|(_, bytes)| *bytes > 0).collect();
    let (before, after) = (fields_before(&usage), fields_after(&usage));
    c.reply.map(before.len() + dbs.len() + after.len());
    write(c, &before);
    for (db, tables) in dbs {
        c.reply.bulk(format!("db.{db}").as_bytes());
        c.reply.map(2);
        for (name, bytes) in [("overhead.hashtable.main", tables), ("overhead.hashtable.expires", 0)] {
            c.reply.bulk(name.as_bytes());
            c.reply.count(bytes);
        }
    }
    write(c, &after);
    Ok(())
}

fn write(c: &mut Call<'_, '_>, fields: &[(&str, Number)]) {
    for (name, number) in fields {
        c.reply.bulk(name.as_bytes());
        match *number {
            Number::Whole(n) => c.reply.int(n as i64),
            Number::Difference(n) => c.reply.int(n),
            Number::Ratio(n) => c.reply.double(n),
        }
    }
}

fn fields_before(usage: &Usage) -> Vec<(&'static str, Number)> {
    use Number::Whole;
    vec![
        ("peak.allocated", Whole(usage.peak)),
        ("total.allocated", Whole(usage.used)),
        ("startup.allocated", Whole(usage.startup)),
        ("replication.backlog", Whole(0)),
        ("clients.slaves", Whole(0)),
        ("clients.normal", Whole(usage.clients)),
        ("cluster.links", Whole(0)),
        ("aof.buffer", Whole(0)),
        ("lua.caches", Whole(0)),
        ("functions.caches", Whole(0)),
    ]
}

fn fields_after(usage: &Usage) -> Vec<(&'static str, Number)> {
    use Number::{Difference, Ratio, Whole};
    let own = usage.used.saturating_sub(usage.startup);
    let percent = |part: u64, whole: u64| Ratio(part as f64 * 100.0 / whole.max(1) as f64);
    let ratio = |a: u64, b: u64| Ratio(a as f64 / b.max(1) as f64);
    let more = |a: u64, b: u64| Difference(a as i64 - b as i64);
    vec![
        ("overhead.total", Whole(usage.overhead())),
        ("keys.count", Whole(usage.keys)),
        ("keys.bytes-per-key", Whole(own.checked_div(usage.keys).unwrap_or(0))),
        ("dataset.bytes", Whole(usage.dataset())),
        ("dataset.percentage", percent(usage.dataset(), own)),
        ("peak.percentage", percent(usage.used, usage.peak)),
        ("allocator.allocated", Whole(usage.allocated)),
        ("allocator.active", Whole(usage.active)),
        ("allocator.resident", Whole(usage.resident)),
        ("allocator-fragmentation.ratio", ratio(usage.active, usage.allocated)),
        ("allocator-fragmentation.bytes", more(usage.active, usage.allocated)),
        ("allocator-rss.ratio", ratio(usage.resident, usage.active)),
        ("allocator-rss.bytes", more(usage.resident, usage.active)),
        ("rss-overhead.ratio", ratio(usage.rss, usage.resident)),
        ("rss-overhead.bytes", more(usage.rss, usage.resident)),
        ("fragmentation", ratio(usage.rss, usage.used)),
        ("fragmentation.bytes", more(usage.rss, usage.used)),
    ]
}
