//! WAIT and WAITAOF: there are no replicas and no log on disk, so nothing will ever be acknowledged.

use super::blocking::{Timeout, Waits};
use super::pause::timeout;
use super::{Call, Done};
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::number::parse_i64;
use ringtail_protocol::reply::Reply;

/// WAIT numreplicas timeout
pub(super) fn wait(c: &mut Call<'_, '_>) -> Done {
    let replicas = parse_i64(&c.args[1]).ok_or(errors::NOT_AN_INTEGER)?;
    let timeout = timeout(&c.args[2])?;
    answer(c, replicas <= 0, timeout, |reply| reply.int(0))
}

/// WAITAOF numlocal numreplicas timeout
pub(super) fn wait_aof(c: &mut Call<'_, '_>) -> Done {
    let local = parse_i64(&c.args[1]).ok_or(errors::NOT_AN_INTEGER)?;
    if !(0..=1).contains(&local) {
        return Err(Error::fixed("ERR value is out of range, value must between 0 and 1"));
    }
    let replicas = parse_i64(&c.args[2]).ok_or(errors::NOT_AN_INTEGER)?;
    if replicas < 0 {
        return Err(errors::OUT_OF_RANGE_POSITIVE);
    }
    let timeout = timeout(&c.args[3])?;
    if local > 0 {
        return Err(Error::fixed(
            "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
        ));
    }
    answer(c, replicas == 0, timeout, |reply| {
        reply.array(2);
        reply.int(0);
        reply.int(0);
    })
}

fn answer(c: &mut Call<'_, '_>, at_once: bool, millis: u64, none: impl FnOnce(&mut Reply<'_>)) -> Done {
    if at_once {
        none(&mut c.reply);
        return Ok(());
    }
    c.block(Waits::on("", Timeout::millis(millis)), none)
}
