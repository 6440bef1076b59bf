//! Whole databases: their size, emptying and swapping them.

use super::arguments::{index, is, within};
use super::{Call, Done};
use crate::store::GROUPS;
use ringtail_protocol::errors::{self, Error};
use std::sync::atomic::Ordering::Relaxed;

/// DBSIZE
pub(super) fn db_size(c: &mut Call<'_, '_>) -> Done {
    let (db, mut keys) = (c.view.db, 0);
    c.view.each_group(|_, slots| keys += slots.counts(db).0);
    c.reply.int(keys as i64);
    Ok(())
}

/// FLUSHALL [ASYNC | SYNC]
pub(super) fn flush_all(c: &mut Call<'_, '_>) -> Done {
    flush(c, None)
}

/// FLUSHDB [ASYNC | SYNC]
pub(super) fn flush_db(c: &mut Call<'_, '_>) -> Done {
    let db = c.view.db;
    flush(c, Some(db))
}

/// Takes out what each group holds, one lock at a time: a key that another client sets meanwhile may stay, as if it had
/// been set afterwards. The memory is freed off the path of requests unless SYNC is asked for.
fn flush(c: &mut Call<'_, '_>, db: Option<u8>) -> Done {
    let here = frees_here(c)?;
    if c.view.store().is_observed() {
        // Who logs or walks sees one moment at which all keys are gone: between the locks somebody could log a change of a key that is
        // gone already, or not yet.
        c.view.lock_all();
        c.view.store().walks.void();
        c.view.effect_on_all(&[if db.is_some() { b"FLUSHDB" } else { b"FLUSHALL" }]);
    }
    let (store, hasher) = (c.view.store(), c.view.hasher());
    let mut dropped = Vec::with_capacity(GROUPS);
    c.view.each_group(|_, slots| {
        slots.all_change(db, hasher);
        dropped.extend(slots.clear(db, hasher));
    });
    if here {
        drop(dropped);
    } else {
        store.lazy.slots(dropped, &store.memory);
    }
    invalidate_copies(c);
    // Who waits to read for a group is told that it is gone.
    c.view.serve_all_later(db);
    c.reply.ok();
    Ok(())
}

/// Tells clients that have copies of keys to forget them all, whatever their databases.
fn invalidate_copies(c: &mut Call<'_, '_>) {
    if c.view.store().tracked.keys.load(Relaxed) > 0 {
        c.view.forget_tracked();
    }
    c.server.listeners.invalidate_all();
}

fn frees_here(c: &Call<'_, '_>) -> Result<bool, Error> {
    match (c.args.len(), c.args.get(1)) {
        (1, _) => Ok(false),
        (2, Some(option)) if is(option, "SYNC") => Ok(true),
        (2, Some(option)) if is(option, "ASYNC") => Ok(false),
        _ => Err(errors::SYNTAX),
    }
}

/// SWAPDB index1 index2, under the locks of all groups, so that nobody sees the one half swapped.
pub(super) fn swap_db(c: &mut Call<'_, '_>) -> Done {
    let a = index(&c.args[1], errors::INVALID_FIRST_DB)?;
    let b = index(&c.args[2], errors::INVALID_SECOND_DB)?;
    let (a, b) = (within(a)?, within(b)?);
    if a != b {
        let hasher = c.view.hasher();
        c.view.lock_all();
        c.view.store().walks.void();
        c.view.each_group(|_, slots| {
            slots.all_change(Some(a), hasher);
            slots.all_change(Some(b), hasher);
            slots.swap(a, b);
            // What was missing before may be there now.
            slots.all_change(Some(a), hasher);
            slots.all_change(Some(b), hasher);
        });
        c.view.effect_on_all(&[b"SWAPDB", &c.args[1], &c.args[2]]);
        invalidate_copies(c);
        c.view.serve_all_later(Some(a));
        c.view.serve_all_later(Some(b));
    }
    c.reply.ok();
    Ok(())
}
