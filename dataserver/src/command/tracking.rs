//! CLIENT TRACKING and what belongs to it: the server's part of client-side caching.

use super::{Call, Done};
use crate::session::Tracking;
use ringtail_protocol::tracking::{Info, Wishes, check_caching, write_info};

/// CLIENT TRACKING ON | OFF [REDIRECT client-id] [PREFIX prefix …] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]
pub(super) fn tracking(c: &mut Call<'_, '_>) -> Done {
    let words: Vec<&[u8]> = c.args.from(2).iter().collect();
    let wishes = Wishes::parse(&words, |id| c.server.clients.get(id).is_some())?;
    if wishes.on {
        let now = c.session.tracking.as_ref().map(|tracking| (tracking.mode(), tracking.prefixes()));
        wishes.check(now)?;
        turn_on(c, &wishes);
    } else {
        c.session.stop_tracking();
    }
    c.reply.ok();
    Ok(())
}

fn turn_on(c: &mut Call<'_, '_>, wishes: &Wishes<'_>) {
    let new = || Box::new(Tracking::new(&c.server.listeners, &c.server.store, &c.session.client));
    let mut tracking = c.session.tracking.take().unwrap_or_else(new);
    let redirect = wishes.redirect.and_then(|id| c.server.clients.get(id));
    tracking.set(wishes.mode, redirect, &wishes.prefixes());
    c.session.start_tracking(tracking);
}

/// CLIENT CACHING YES | NO
pub(super) fn caching(c: &mut Call<'_, '_>) -> Done {
    check_caching(c.session.tracking.as_ref().map(|tracking| tracking.mode()), &c.args[2])?;
    if let Some(tracking) = &mut c.session.tracking {
        tracking.caching = true;
    }
    c.reply.ok();
    Ok(())
}

/// CLIENT GETREDIR
pub(super) fn get_redirection(c: &mut Call<'_, '_>) -> Done {
    c.reply.int(c.session.client.redirection());
    Ok(())
}

/// CLIENT TRACKINGINFO
pub(super) fn info(c: &mut Call<'_, '_>) -> Done {
    let info = c.session.tracking.as_deref().map(|tracking| Info {
        mode: tracking.mode(),
        caching: tracking.caching,
        redirect: c.session.client.redirection(),
        prefixes: tracking.prefixes(),
    });
    write_info(&mut c.reply, info.as_ref());
    Ok(())
}
