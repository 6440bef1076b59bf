//! WAIT and WAITAOF: nothing is acknowledged by replicas, and by this server once it is on disk.

use super::blocking::{Timeout, Waits};
use super::pause::timeout;
use super::{Call, Done};
use crate::log::waiting::Awaited;
use crate::session::Wait;
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::number::parse_i64;
use ringtail_protocol::reply::Reply;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

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
    let log = &c.server.log;
    if local > 0 && !log.on_disk.written.load(Relaxed) {
        return Err(Error::fixed(
            "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
        ));
    }
    // All clients' writes so far: this one's are among them.
    let is_there = log.on_disk.written.load(Relaxed) && log.is_all_on_disk();
    let there = i64::from(is_there);
    answer(c, replicas == 0 && local <= there, timeout, |reply| acknowledged(reply, there))?;
    if replicas == 0 {
        serve_from_disk(c);
    }
    Ok(())
}

/// By this server, and by replicas.
fn acknowledged(reply: &mut Reply<'_>, here: i64) {
    reply.array(2);
    reply.int(here);
    reply.int(0);
}

/// Has a command that has begun to wait answered once what is written by now is on disk.
fn serve_from_disk(c: &mut Call<'_, '_>) {
    if let Wait::Blocked(blocked) = &c.session.wait {
        let mut reply = Vec::new();
        acknowledged(&mut Reply::new(&mut reply, c.session.resp), 1);
        c.server.log.await_disk(Awaited { waiter: Arc::clone(&blocked.waiter), reply });
    }
}

fn answer(c: &mut Call<'_, '_>, at_once: bool, millis: u64, none: impl FnOnce(&mut Reply<'_>)) -> Done {
    if at_once {
        none(&mut c.reply);
        return Ok(());
    }
    c.block(Waits::on("", Timeout::millis(millis)), none)
}
