//! MULTI, DISCARD, WATCH, UNWATCH. EXEC is in `execute/exec.rs`, because it takes the locks of other commands' keys.

use super::{Call, Done};
use crate::transaction::Transaction;
use ringtail_protocol::errors;

/// MULTI
pub(super) fn multi(c: &mut Call<'_, '_>) -> Done {
    if c.session.transaction.is_some() {
        return Err(errors::NESTED_MULTI);
    }
    c.session.set_transaction(Transaction::default());
    c.reply.ok();
    Ok(())
}

/// DISCARD
pub(super) fn discard(c: &mut Call<'_, '_>) -> Done {
    c.session.take_transaction().ok_or(errors::DISCARD_WITHOUT_MULTI)?;
    c.session.watches.clear(c.view);
    c.reply.ok();
    Ok(())
}

/// WATCH key [key ...]
pub(super) fn watch(c: &mut Call<'_, '_>) -> Done {
    if c.session.transaction.is_some() {
        return Err(errors::WATCH_IN_MULTI);
    }
    for key in c.keys {
        c.session.watches.add(c.view, key.bytes);
    }
    c.reply.ok();
    Ok(())
}

/// UNWATCH
pub(super) fn unwatch(c: &mut Call<'_, '_>) -> Done {
    c.session.watches.clear(c.view);
    c.reply.ok();
    Ok(())
}
