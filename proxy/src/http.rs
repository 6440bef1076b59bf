//! The proxy behind the HTTP door: connections come in like all others, and what they ask is done by sessions like all others.

use std::rc::Rc;
use std::sync::Arc;

use ringtail_cluster::slot_of;
use ringtail_http::{Door, Host};
use ringtail_net::{Accepted, Ends, Entry, Shutdown};

use crate::admission;
use crate::options::Options;
use crate::session;
use crate::shared::{Counters, Shared};
use crate::worker::Worker;

/// What `CLIENT LIST` shows as the library of sessions that are asked for HTTP clients.
pub(crate) const LIBRARY: &str = "http";

/// What the door asks of the proxy.
struct Proxy(Arc<Shared>);

impl Host for Proxy {
    fn owner(&self, key: &[u8]) -> String {
        let topology = self.0.topologies.current();
        let member = topology.members().get(topology.owner_index(slot_of(key)));
        member.map(|member| member.name.to_string()).unwrap_or_default()
    }

    fn has_user(&self, name: &[u8]) -> bool {
        // With --acl-pass-through the servers alone know.
        self.0.settings.pass_through || self.0.access.users().get(name).is_some()
    }

    fn is_open(&self) -> bool {
        !self.0.settings.pass_through && self.0.access.users().default_user().is_open()
    }

    fn hold(&self, bytes: usize) -> bool {
        self.0.settings.live.in_flight.hold_beside(bytes)
    }

    fn release(&self, bytes: usize) {
        self.0.settings.live.in_flight.release_beside(bytes);
    }
}

/// The door, as the options say.
pub(crate) fn door(shared: &Arc<Shared>, options: &Options) -> Door {
    let max_body = options.http_max_body.map_or(ringtail_http::limits::BODY, |size| size.0 as usize);
    Door::new(Arc::new(Proxy(Arc::clone(shared))), max_body, options.http_host.clone().unwrap_or_default())
}

/// One HTTP client, from accept to its end.
pub(crate) async fn welcome(
    door: Door,
    worker: Rc<Worker>,
    accepted: Accepted,
    entry: Entry,
    shutdown: Shutdown,
) {
    let Some((stream, peer, place)) = Box::pin(admission::admit(&worker, accepted, &entry)).await else {
        return;
    };
    Counters::add(&worker.counters.connections, 1);
    let local = stream.local_addr().unwrap_or(worker.shared.settings.addr);
    let ends = Ends { peer, local, fd: stream.raw_fd() };
    let open = |stream| session::serve(Rc::clone(&worker), stream, peer);
    let counting = Rc::clone(&worker);
    let count = move |read: usize, written: usize| {
        Counters::add(&counting.counters.bytes_in, read as u64);
        Counters::add(&counting.counters.bytes_out, written as u64);
    };
    door.serve(stream, ends, shutdown.wait(), open, count).await;
    drop(place);
}
