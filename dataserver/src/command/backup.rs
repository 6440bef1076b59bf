//! BACKUP, SAVE, BGSAVE, LASTSAVE.

use super::blocking::{Timeout, Waits};
use super::{Call, Done, Mode};
use crate::backup::files::save_behind;
use crate::log::compact::compact_behind;
use crate::session::Wait;
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::reply::Reply;
use std::sync::Arc;

/// BACKUP [file], SAVE: answered once the backup is on disk. Nobody but the client waits for that.
pub(super) fn backup(c: &mut Call<'_, '_>) -> Done {
    let path = c.server.backups.path(c.args.get(1))?;
    if c.mode != Mode::Direct {
        return Err(Error::fixed(
            "ERR a backup can't be waited for in a transaction or script: BGSAVE begins one",
        ));
    }
    let server = c.server.itself()?;
    c.block(Waits::on("", Timeout::millis(0)), |reply: &mut Reply<'_>| reply.ok())?;
    let waiter = match &c.session.wait {
        Wait::Blocked(blocked) => Some(Arc::clone(&blocked.waiter)),
        _ => None,
    };
    save_behind(&server, path, waiter.clone())
        .inspect_err(|error| {
            let mut reply = Vec::new();
            Reply::new(&mut reply, c.session.resp).error(error);
            if let Some(waiter) = &waiter {
                waiter.end(Some(reply));
            }
        })
        .or(Ok(()))
}

/// BGSAVE [SCHEDULE]
pub(super) fn background(c: &mut Call<'_, '_>) -> Done {
    match c.args.get(1) {
        None => {}
        Some(option) if super::arguments::is(option, "SCHEDULE") && c.args.len() == 2 => {}
        _ => return Err(errors::SYNTAX),
    }
    let path = c.server.backups.path(None)?;
    save_behind(&c.server.itself()?, path, None)?;
    c.reply.simple("Background saving started");
    Ok(())
}

/// LASTSAVE
pub(super) fn last(c: &mut Call<'_, '_>) -> Done {
    let time = c.server.backups.last().time;
    c.reply.int(if time > 0 { time } else { c.server.started / 1000 } as i64);
    Ok(())
}

/// BGREWRITEAOF
pub(super) fn rewrite(c: &mut Call<'_, '_>) -> Done {
    if c.server.log.files().is_none() {
        return Err(Error::fixed("ERR this server has no log: start it with --dir"));
    }
    if !compact_behind(&c.server.itself()?) {
        return Err(Error::fixed("ERR Background append only file rewriting already in progress"));
    }
    c.reply.simple("Background append only file rewriting started");
    Ok(())
}
