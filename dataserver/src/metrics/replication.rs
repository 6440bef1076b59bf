//! Who leads, who follows, and how far behind.

use crate::log::history::epoch_of;
use crate::log::waiting::stamp;
use crate::replication::leads;
use crate::replication::status::{Link, Replica};
use crate::server::Server;
use ringtail_admin::{Metrics, families};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

families! {
    /// All of this part.
    pub static FAMILIES;
    LEADS = Gauge "ringtail_server_primary" []: "1 if clients' writes are taken here, 0 on a replica.";
    EPOCH = Gauge "ringtail_server_replication_epoch" []: "How often the member's primary has changed, and 1: the epoch of the log.";
    REPLICAS = Gauge "ringtail_server_replicas" ["state"]: "Servers that follow this one: online, or still in their first sync.";
    REPLICA_LAG = Gauge "ringtail_server_replica_lag_bytes" ["replica"]: "Bytes of the log that a replica has not applied yet, once its first sync is over.";
    REPLICA_SILENCE = Gauge "ringtail_server_replica_silence_seconds" ["replica"]: "How long ago a replica said how far it is.";
    SYNCS = Counter "ringtail_server_replica_syncs" ["kind"]: "How replicas began to follow: full (they were sent all keys), resumed (where they had been), too_old (they could not resume).";
    LINK = Gauge "ringtail_server_primary_link_up" []: "On a replica 1 while it follows its primary's log; 1 on a primary.";
    LAG = Gauge "ringtail_server_primary_lag_bytes" []: "On a replica, bytes of its primary's log that it has not applied yet.";
    SILENCE = Gauge "ringtail_server_primary_silence_seconds" []: "On a replica, how long ago its primary was heard; 0 on a primary, and before it was heard at all.";
}

pub(super) fn write(server: &Server, out: &mut Metrics) {
    let (history, end) = server.log.position();
    out.one(&LEADS, leads(server));
    out.one(&EPOCH, u64::from(epoch_of(&history)));
    replicas(server, end, out);
    primary(server, end, out);
}

fn replicas(server: &Server, end: u64, out: &mut Metrics) {
    let (all, now) = (server.replication.replicas.list(), stamp());
    let online = all.iter().filter(|replica| replica.online.load(Relaxed)).count();
    out.with(&REPLICAS, &["online"], online);
    out.with(&REPLICAS, &["syncing"], all.len() - online);
    for (address, replica) in by_address(&all).into_iter().filter(|(_, replica)| replica.online.load(Relaxed))
    {
        out.with(&REPLICA_LAG, &[address], end.saturating_sub(replica.acked.load(Relaxed)));
    }
    for (address, replica) in by_address(&all) {
        let silence = now.saturating_sub(replica.heard.load(Relaxed));
        out.with(&REPLICA_SILENCE, &[address], silence as f64 / 1e3);
    }
    let replicas = &server.replication.replicas;
    out.with(&SYNCS, &["full"], replicas.full.load(Relaxed));
    out.with(&SYNCS, &["resumed"], replicas.resumed.load(Relaxed));
    out.with(&SYNCS, &["too_old"], replicas.too_old.load(Relaxed));
}

/// One for each address, the one that was heard last: a replica that has come back is there twice until its old connection is found dead.
fn by_address(all: &[Arc<Replica>]) -> BTreeMap<&str, &Replica> {
    let mut replicas: Vec<&Arc<Replica>> = all.iter().collect();
    replicas.sort_by_key(|replica| replica.heard.load(Relaxed));
    replicas.into_iter().map(|replica| (&*replica.address, &**replica)).collect()
}

fn primary(server: &Server, end: u64, out: &mut Metrics) {
    let followed = server.replication.followed();
    let state = followed.as_ref().map(|followed| &*followed.state);
    let heard = state.map_or(0, |state| state.heard.load(Relaxed));
    let silence = if heard > 0 { stamp().saturating_sub(heard) } else { 0 };
    out.one(&LINK, state.map_or(leads(server), |state| state.link() == Link::Up));
    out.one(&LAG, state.map_or(0, |state| state.primary_end.load(Relaxed).saturating_sub(end)));
    out.one(&SILENCE, silence as f64 / 1e3);
}
