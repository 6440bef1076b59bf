//! Strings.

use super::{Call, Done};

/// GET key
pub(super) fn get(c: &mut Call<'_, '_>) -> Done {
    let value = c.view.read_bytes(&c.keys[0])?;
    c.reply.bulk_or_null(value);
    Ok(())
}

/// SET
pub(super) fn set(c: &mut Call<'_, '_>) -> Done {
    let expiry = c.server.settings.default_expiry(c.view.now);
    c.view.set_bytes(&c.keys[0], &c.args[2], expiry);
    c.reply.ok();
    Ok(())
}
