//! REPLICAOF, ROLE and FAILOVER.

use super::arguments::is;
use super::{Call, Done, Mode};
use crate::replication::status::Link;
use crate::replication::{leads, promise, role, switch};
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::number::parse_i64;
use std::fmt::Display;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// REPLICAOF host port, REPLICAOF NO ONE
pub(super) fn replica_of(c: &mut Call<'_, '_>) -> Done {
    if c.mode != Mode::Direct {
        // It waits for the thread that applies the log, which waits for the locks of a transaction.
        return Err(Error::fixed("ERR REPLICAOF is not allowed in a transaction"));
    }
    let server = c.server.itself()?;
    if is(&c.args[1], "NO") && is(&c.args[2], "ONE") {
        if server.replication.is_named.load(Relaxed) && !leads(&server) {
            // It may lack what the others have acknowledged, and they would follow it.
            return Err(NAMED);
        }
        role::become_primary(&server);
        c.reply.ok();
        return Ok(());
    }
    let port = parse_i64(&c.args[2]).and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
    let port = port.ok_or(Error::fixed("ERR Invalid master port"))?;
    let host = std::str::from_utf8(&c.args[1]).map_err(|_| errors::SYNTAX)?;
    let address = address(host, port);
    if server.replication.followed().as_ref().is_some_and(|followed| followed.address == address) {
        c.reply.simple("OK Already connected to specified master");
        return Ok(());
    }
    // An operator's word is not held back by a vote.
    promise::set(&server, None);
    role::follow(&server, &address).map_err(|error| Error::new(format!("ERR {error}")))?;
    tracing::info!(client = %c.session.client.peer, primary = address, "REPLICAOF");
    c.reply.ok();
    Ok(())
}

const NAMED: Error = Error::fixed(
    "ERR servers.json says who leads this server's member: edit it, or send FAILOVER to the primary",
);

/// As servers say theirs: of one in IPv6 it is told where it ends.
fn address(host: &str, port: impl Display) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// ROLE
pub(super) fn role(c: &mut Call<'_, '_>) -> Done {
    let (_, offset) = c.server.log.position();
    if !leads(c.server) {
        let followed = c.server.replication.followed();
        let of = followed.as_ref().map(|followed| (&*followed.address, followed.state.link()));
        // One that was replaced, or has just been started, may not know whom to follow yet.
        let (address, link) = of.unwrap_or(("?:0", Link::Down));
        let (host, port) = address.rsplit_once(':').unwrap_or((address, "0"));
        c.reply.array(5);
        c.reply.bulk(b"slave");
        c.reply.bulk(host.as_bytes());
        c.reply.int(port.parse().unwrap_or(0));
        c.reply.bulk(match link {
            Link::Down => b"connect",
            Link::Syncing => b"sync",
            Link::Up => b"connected",
        });
        c.reply.int(offset as i64);
        return Ok(());
    }
    let replicas = c.server.replication.replicas.list();
    c.reply.array(3);
    c.reply.bulk(b"master");
    c.reply.int(offset as i64);
    c.reply.array(replicas.len());
    for replica in replicas {
        let (host, port) = replica.address.rsplit_once(':').unwrap_or((&replica.address, "0"));
        c.reply.array(3);
        c.reply.bulk(host.as_bytes());
        c.reply.bulk(port.as_bytes());
        c.reply.bulk(replica.acked.load(Relaxed).to_string().as_bytes());
    }
    Ok(())
}

/// FAILOVER [TO host port] [TIMEOUT milliseconds], FAILOVER ABORT
pub(super) fn failover(c: &mut Call<'_, '_>) -> Done {
    if c.args.len() == 2 && is(&c.args[1], "ABORT") {
        switch::abort(&*c.server.itself()?)?;
        c.reply.ok();
        return Ok(());
    }
    let (mut to, mut patience, mut i) = (None, switch::PATIENCE, 1);
    while let Some(word) = c.args.get(i) {
        let text = |at: usize| c.args.get(at).map(|word| String::from_utf8_lossy(word).into_owned());
        if is(word, "TO") && to.is_none() {
            let (host, port) = text(i + 1).zip(text(i + 2)).ok_or(errors::SYNTAX)?;
            to = Some(address(&host, port));
            i += 3;
        } else if is(word, "TIMEOUT") {
            patience = failover_timeout(c.args.get(i + 1).and_then(parse_i64))?;
            i += 2;
        } else {
            return Err(errors::SYNTAX);
        }
    }
    switch::hand_over(&c.server.itself()?, to.as_deref(), patience)?;
    c.reply.ok();
    Ok(())
}

/// # Errors
/// It is no time that writes may be kept back for.
fn failover_timeout(millis: Option<i64>) -> Result<Duration, Error> {
    let millis = millis.and_then(|millis| u64::try_from(millis).ok()).filter(|millis| *millis > 0);
    let patience = millis.map(Duration::from_millis);
    let patience = patience.ok_or(Error::fixed("ERR FAILOVER timeout must be greater than 0"))?;
    match patience <= switch::MOST {
        true => Ok(patience),
        false => {
            Err(Error::fixed("ERR FAILOVER timeout must be at most 3600000, writes are held back meanwhile"))
        }
    }
}
