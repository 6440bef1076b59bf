//! INFO keyspace.

use super::{About, Text};
use crate::store::view::View;
use crate::store::{DATABASES, SLOTS_PER_GROUP};

/// How many expiries are looked at in each group.
const SAMPLE: usize = 4;

/// A database's keys, those that expire, and their time to live on average, in milliseconds.
type Total = (u64, u64, u64);

pub(super) fn keyspace(text: &mut Text, about: &mut About<'_, '_>) {
    let mut totals: [Total; DATABASES as usize] = Default::default();
    about.view.each_group(|_, slots| {
        for (db, total) in totals.iter_mut().enumerate() {
            let (keys, expiring) = slots.counts(db as u8);
            total.0 += keys;
            total.1 += expiring;
        }
    });
    if totals.iter().any(|total| total.1 > 0) {
        sample_ttls(about.view, &mut totals);
    }
    for (db, (keys, expires, ttl)) in totals.iter().enumerate().filter(|(_, total)| total.0 > 0) {
        text.put(&format!("db{db}"), format_args!("keys={keys},expires={expires},avg_ttl={ttl}"));
    }
}

/// The average time to live of each database, by a sample of each group.
fn sample_ttls(view: &mut View<'_>, totals: &mut [Total]) {
    let (now, mut sums) = (view.now, vec![(0_u64, 0_u64); totals.len()]);
    view.each_group(|group, slots| {
        let first = (group * SLOTS_PER_GROUP) as u16;
        for (slot, hash) in slots.sample_expiring(0, SAMPLE) {
            if let Some(entry) = slots.dict(first + slot).find_by(hash, |e| e.expiry().is_some()) {
                let sum = &mut sums[usize::from(slots.db_of(entry))];
                sum.0 = sum.0.saturating_add(entry.expiry().unwrap_or(now).saturating_sub(now));
                sum.1 += 1;
            }
        }
    });
    for (total, (sum, count)) in totals.iter_mut().zip(sums) {
        total.2 = sum / count.max(1);
    }
}
