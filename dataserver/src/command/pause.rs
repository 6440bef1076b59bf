//! CLIENT PAUSE and UNPAUSE.

use super::arguments::is;
use super::{Call, Done};
use crate::pause::Paused;
use crate::server::unix_millis;
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::number::parse_i64;

/// CLIENT PAUSE timeout [WRITE | ALL]
pub(super) fn pause(c: &mut Call<'_, '_>) -> Done {
    let what = match (c.args.len(), c.args.get(3)) {
        (3, _) => Paused::All,
        (4, Some(word)) if is(word, "WRITE") => Paused::Writes,
        (4, Some(word)) if is(word, "ALL") => Paused::All,
        (4, _) => return Err(Error::fixed("ERR CLIENT PAUSE mode must be WRITE or ALL")),
        _ => return Err(errors::SYNTAX),
    };
    let millis = timeout(&c.args[2])?;
    let until = unix_millis().checked_add(millis).filter(|&until| until <= i64::MAX as u64);
    let until = until.ok_or(errors::TIMEOUT_OUT_OF_RANGE)?;
    c.server.pause.begin(until, what);
    c.reply.ok();
    Ok(())
}

/// Milliseconds.
pub(super) fn timeout(text: &[u8]) -> Result<u64, Error> {
    let millis = parse_i64(text).ok_or(Error::fixed("ERR timeout is not an integer or out of range"))?;
    u64::try_from(millis).map_err(|_| errors::TIMEOUT_NEGATIVE)
}

/// CLIENT UNPAUSE
pub(super) fn unpause(c: &mut Call<'_, '_>) -> Done {
    c.server.pause.end();
    c.server.clients.list().iter().for_each(|client| client.unpark());
    c.reply.ok();
    Ok(())
}
