//! WAIT and WAITAOF: until what was written is at replicas, and on disks.

use super::blocking::{Timeout, Waits};
use super::pause::timeout;
use super::{Call, Done};
use crate::log::waiting::Awaited;
use crate::replication::leads;
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
    refuse_on_replica(c)?;
    wait_for(c, timeout, false, replicas, false)
}

fn refuse_on_replica(c: &Call<'_, '_>) -> Done {
    match leads(c.server) {
        false => Err(Error::new(format!(
            "ERR {} cannot be used with replica instances. Please also note that writes to replicas are just local and are not propagated.",
            c.command.full_name.to_uppercase()
        ))),
        true => Ok(()),
    }
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
    refuse_on_replica(c)?;
    wait_for(c, timeout, local > 0, replicas, true)
}

/// Answers once what was committed by now is where it is to be: all clients' writes so far, this one's among them.
fn wait_for(c: &mut Call<'_, '_>, millis: u64, disk: bool, others: i64, only_disks: bool) -> Done {
    let (ticket, others) = (c.server.store.intake.end(), usize::try_from(others).unwrap_or(0));
    let reached = &c.server.log.reached;
    let here = reached.is_on_disk(ticket) && c.server.log.on_disk.written.load(Relaxed);
    let there = if only_disks { reached.on_disks(ticket) } else { reached.copies(ticket) };
    let write = |reply: &mut Reply<'_>| {
        if only_disks {
            reply.array(2);
            reply.int(i64::from(here));
        }
        reply.int(there as i64);
    };
    if there >= others && (here || !disk) {
        write(&mut c.reply);
        return Ok(());
    }
    c.block(Waits::on("", Timeout::millis(millis)), write)?;
    if let Wait::Blocked(blocked) = &c.session.wait {
        let waiter = Arc::clone(&blocked.waiter);
        c.server.log.wait_for(Awaited { waiter, ticket, disk, others, only_disks });
    }
    Ok(())
}
