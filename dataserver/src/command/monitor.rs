//! MONITOR.

use super::{Call, Done, Mode};
use ringtail_protocol::errors::Error;

/// MONITOR
pub(super) fn monitor(c: &mut Call<'_, '_>) -> Done {
    if c.mode != Mode::Direct {
        return Err(Error::fixed("ERR MONITOR isn't allowed for DENY BLOCKING client"));
    }
    if c.session.monitoring.is_none() {
        c.session.monitoring = Some(c.server.monitors.add(&c.session.client));
    }
    c.reply.ok();
    Ok(())
}
