//! When thousands of clients connect at once: a bound on the handshakes in progress, and established clients' work first.
//!
//! A handshake costs as much CPU as a hundred requests. So of all that are ready, only a few take a step in each turn of the event loop; what
//! established clients sent is run in between.

#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ringtail_net::{self as net, Accepted, Entry, RateLimited, Refused, Stream, TlsServer};
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::reply::{Reply, Resp};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::limits;
use crate::seats::Seat;
use crate::shared::Counters;
use crate::turn::Turn;
use crate::worker::Worker;

/// One worker's door.
#[derive(Debug)]
pub(crate) struct Door {
    /// Handshakes that may be in progress.
    places: Semaphore,
    /// Steps that handshakes may still take in this turn.
    steps: Cell<usize>,
    queue: RefCell<VecDeque<Waker>>,
}

impl Door {
    pub(crate) fn new(handshakes: usize) -> Self {
        Self {
            places: Semaphore::new(handshakes),
            steps: Cell::new(limits::HANDSHAKE_STEPS),
            queue: RefCell::default(),
        }
    }

    /// Whether a handshake may take a step now; if not, its task is woken in another turn.
    fn admits(&self, turn: &Turn, cx: &Context<'_>) -> bool {
        turn.wake();
        let Some(left) = self.steps.get().checked_sub(1) else {
            self.queue.borrow_mut().push_back(cx.waker().clone());
            return false;
        };
        self.steps.set(left);
        true
    }

    /// A new turn begins.
    pub(crate) fn end_turn(&self, turn: &Turn) {
        self.steps.set(limits::HANDSHAKE_STEPS);
        let mut queue = self.queue.borrow_mut();
        let next = queue.len().min(limits::HANDSHAKE_STEPS);
        queue.drain(..next).for_each(Waker::wake);
        if !queue.is_empty() {
            turn.again();
        }
    }
}

/// Why a connection is not served.
struct Refusal {
    error: Error,
    flag: &'static str,
}

/// A place for a connection, unless there are too many.
fn place(worker: &Worker, live_connections: usize, ip: IpAddr) -> Result<Seat<IpAddr>, Refusal> {
    let (shared, counters) = (&worker.shared, &worker.counters);
    let live = &shared.settings.live;
    if live_connections > live.max_clients.load(Relaxed) {
        Counters::add(&counters.rejected, 1);
        return Err(Refusal { error: errors::MAX_CLIENTS, flag: "--maxclients" });
    }
    let most = live.max_clients_per_addr.load(Relaxed);
    shared.by_addr.take(ip.to_canonical(), most).ok_or_else(|| {
        Counters::add(&counters.rejected_per_addr, 1);
        Refusal {
            error: Error::fixed("ERR max number of clients of this address reached"),
            flag: "--maxclients-per-addr",
        }
    })
}

/// The stream of a connection that may be served, its client, and its place until its end; `None` if it may not, or its handshake failed.
pub(crate) async fn admit(
    worker: &Worker,
    accepted: Accepted,
    entry: &Entry,
) -> Option<(Stream, SocketAddr, Seat<IpAddr>)> {
    // First of all, since bounds are by the client's own address.
    let accepted = match entry.identify(accepted).await {
        Ok(accepted) => accepted,
        Err(Refused { peer, error }) => {
            say_failed(worker, peer, &error);
            return None;
        }
    };
    let (peer, door) = (accepted.peer, accepted.door);
    let place = place(worker, accepted.live_connections(), peer.ip());
    let shaken = shake(worker, accepted, entry.tls.as_ref(), place.is_ok()).await;
    let is_tls = shaken.as_ref().is_ok_and(Stream::is_tls);
    Counters::add(&worker.counters.handshakes, is_tls.into());
    match (shaken, place) {
        (Ok(stream), Ok(place)) => Some((stream, peer, place)),
        (Ok(stream), Err(refusal)) => {
            say_refused(peer, &refusal);
            refuse(stream, door, &refusal.error).await;
            None
        }
        (Err(error), _) => {
            say_failed(worker, peer, &error);
            None
        }
    }
}

async fn refuse(mut stream: Stream, door: net::Door, error: &Error) {
    let mut out = Vec::new();
    match door {
        net::Door::Main => Reply::new(&mut out, Resp::V2).error(error),
        net::Door::Side => out = ringtail_http::refusal(error.text()),
    }
    // Not `try_write`, which says `WouldBlock` until the socket has once been seen to be writable.
    if stream.write_all(&out).await.is_ok() {
        stream.shutdown().await;
    }
}

fn say_refused(peer: SocketAddr, refusal: &Refusal) {
    static REFUSALS: RateLimited = RateLimited::new();
    let flag = refusal.flag;
    REFUSALS
        .log(|suppressed| tracing::warn!(%peer, suppressed, "a connection is refused: {flag} is reached"));
}

fn say_failed(worker: &Worker, peer: SocketAddr, error: &io::Error) {
    static FAILURES: RateLimited = RateLimited::new();
    Counters::add(&worker.counters.handshakes_failed, 1);
    FAILURES.log(|suppressed| tracing::warn!(%peer, suppressed, "a connection failed: {error}"));
}

/// The handshake, once there is a place for it. Who is to be refused anyway does not wait for one.
async fn shake(
    worker: &Worker,
    accepted: Accepted,
    tls: Option<&TlsServer>,
    waits: bool,
) -> io::Result<Stream> {
    if tls.is_none() {
        return Stream::accept(accepted, tls).await;
    }
    let door = &worker.door;
    let time = if waits { limits::HANDSHAKE_WAIT } else { Duration::ZERO };
    let Ok(Ok(_place)) = timeout(time, door.places.acquire()).await else {
        Counters::add(&worker.counters.handshakes_refused, 1);
        return Err(io::Error::other("too many handshakes at once (--handshakes)"));
    };
    let mut shaken = pin!(Stream::accept(accepted, tls));
    poll_fn(|cx| match door.admits(&worker.turn, cx) {
        true => shaken.as_mut().poll(cx),
        false => Poll::Pending,
    })
    .await
}
