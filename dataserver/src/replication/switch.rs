//! FAILOVER: a replica takes over, without a lost write.
//!
//! Writes are kept back, the replica catches up to the last offset and is told to lead, and this server follows it. Who was kept back is
//! told then that this is a replica.

use super::follow;
use super::status::Replica;
use crate::pause::Paused;
use crate::rest::rest;
use crate::server::{Server, unix_millis};
use crate::store::view::View;
use ringtail_protocol::errors::Error;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// From one look to the next how far the replica is.
const LOOK: Duration = Duration::from_millis(1);

/// How long the replica may take unless told otherwise.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Begins to hand over, on a thread of its own.
///
/// # Errors
/// There is nobody to hand over to, or it is being done already.
pub fn hand_over(server: &Arc<Server>, to: Option<&str>, patience: Duration) -> Result<(), Error> {
    if server.replication.followed().is_some() {
        return Err(Error::fixed("ERR FAILOVER is not valid when server is a replica."));
    }
    let replica = chosen(server, to)?;
    if server.replication.switching.swap(true, Relaxed) {
        return Err(Error::fixed("ERR FAILOVER already in progress."));
    }
    // From before the answer on: what comes after it waits.
    server.pause.begin(unix_millis() + patience.as_millis() as u64 + 1000, Paused::Writes);
    let own = Arc::clone(server);
    let spawned = std::thread::Builder::new().name("failover".to_owned()).spawn(move || {
        match catch_up(&own, &replica, patience) {
            Ok(()) => tracing::info!(primary = replica.address, "it leads from here on"),
            Err(why) => tracing::error!(
                replica = replica.address,
                "FAILOVER was given up, this server leads on: {why}"
            ),
        }
        own.replication.switching.store(false, Relaxed);
        own.pause.end();
        own.clients.list().iter().for_each(|client| client.unpark());
    });
    spawned.map(drop).map_err(|error| {
        server.replication.switching.store(false, Relaxed);
        server.pause.end();
        Error::new(format!("ERR no thread for it: {error}"))
    })
}

/// The replica of this address, or the one that is furthest.
fn chosen(server: &Server, to: Option<&str>) -> Result<Arc<Replica>, Error> {
    let online =
        server.replication.replicas.list().into_iter().filter(|replica| replica.online.load(Relaxed));
    match to {
        None => online
            .max_by_key(|replica| replica.acked.load(Relaxed))
            .ok_or(Error::fixed("ERR FAILOVER requires connected replicas.")),
        Some(to) => online
            .into_iter()
            .find(|replica| replica.address == to)
            .ok_or(Error::fixed("ERR FAILOVER target HOST and PORT is not a replica.")),
    }
}

fn catch_up(server: &Arc<Server>, replica: &Arc<Replica>, patience: Duration) -> Result<(), &'static str> {
    let until = Instant::now() + patience;
    loop {
        // Under all locks nothing is on its way: this is where the log ends.
        let end = {
            let mut view = View::lock(&server.store, &server.counters[0], unix_millis(), 0, false, &[]);
            view.lock_all();
            let end = server.log.cut().1;
            let script = server.scripts.running.any_wrote();
            if !script && replica.acked.load(Relaxed) == end {
                server.log.stance.set_read_only(true);
                break;
            }
            end
        };
        while replica.acked.load(Relaxed) < end {
            if Instant::now() >= until {
                return Err("the replica did not catch up in time");
            }
            rest(LOOK);
        }
        if Instant::now() >= until {
            return Err("a script did not end in time");
        }
        rest(LOOK);
    }
    replica.lead.notify_one();
    while replica.online.load(Relaxed) && Instant::now() < until {
        rest(LOOK);
    }
    follow::follow(server, &replica.address).map_err(|_| "no thread to follow with")
}
