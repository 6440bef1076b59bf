//! One worker thread: its connections, and its share of what is to be done besides requests.

use crate::connection::{Connection, Scratch};
use crate::counters::PanicCount;
use crate::execute::Executor;
use crate::log::waiting::stamp;
use crate::server::{Server, unix_millis};
use crate::session::wake::{Home, Turn};
use crate::session::{Client, Session};
use crate::sweep::Sweep;
use ringtail_net::{Accepted, Entry, RateLimited, Refused, Stream, WorkerContext};
use ringtail_protocol::errors;
use ringtail_protocol::reply::{Reply, Resp};
use ringtail_protocol::stats;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// How often expired keys are looked for, and idle clients.
const TICK: Duration = Duration::from_millis(100);
/// Time that one tick gives to expiry before it lets requests run.
const EXPIRE_BUDGET: Duration = Duration::from_millis(2);
/// When that was not enough, the next tick comes after this time: expiry then has half of the thread, so that a million keys
/// that expire together are gone within a second or so.
const EXPIRE_PAUSE: Duration = Duration::from_millis(2);
/// A request that makes no progress for this long ends its connection.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Runs a worker until the server stops.
pub async fn work(context: WorkerContext, server: Arc<Server>, entry: Entry) {
    let worker = context.index;
    let scratch = Rc::new(Scratch::new(Executor::new(Arc::clone(&server), worker)));
    let ticking = tokio::task::spawn_local(keep_ticking(Arc::clone(&server), worker, Rc::clone(&scratch)));
    let waking = tokio::task::spawn_local(Home::settle().serve());
    let serve = |accepted: Accepted| {
        let (server, entry, scratch) = (Arc::clone(&server), entry.clone(), Rc::clone(&scratch));
        async move { admit(accepted, &server, worker, &entry, &scratch).await }
    };
    context.serve(server.life().drain_timeout, serve).await;
    ticking.abort();
    waking.abort();
}

/// Lets a client in, unless there are too many, and serves it.
async fn admit(
    accepted: Accepted,
    server: &Arc<Server>,
    worker: usize,
    entry: &Entry,
    scratch: &RefCell<Scratch>,
) {
    static FAILED: RateLimited = RateLimited::new();
    let too_many = accepted.live_connections() > server.settings.max_clients.load(Relaxed);
    let (mut stream, peer) = match entry.admit(accepted).await {
        Ok(admitted) => admitted,
        Err(Refused { peer, error }) => {
            server.counters[worker].handshakes_failed.add(1);
            return FAILED.log(|suppressed| tracing::warn!(%peer, suppressed, "no connection: {error}"));
        }
    };
    server.counters[worker].handshakes.add(stream.is_tls().into());
    if too_many {
        return refuse(&mut stream, server, worker).await;
    }
    server.counters[worker].connections.add(1);
    let local = stream.local_addr().unwrap_or(server.address);
    let registered = Registered { server, client: server.clients.register(peer, local, stream.raw_fd()) };
    let session = Session::new(Arc::clone(&registered.client), &server.access);
    let _count = PanicCount(&server.counters[worker]);
    Connection::new(stream, session).serve(server, worker, scratch).await;
}

async fn refuse(stream: &mut Stream, server: &Server, worker: usize) {
    server.counters[worker].rejected.add(1);
    let mut out = Vec::new();
    Reply::new(&mut out, Resp::V2).error(&errors::MAX_CLIENTS);
    if stream.write_all(&out).await.is_ok() {
        stream.shutdown().await;
    }
}

/// A client in the list, for as long as its task lives, however that ends.
struct Registered<'s> {
    server: &'s Server,
    client: Arc<Client>,
}

/// Ticks until the server stops. A panic is counted, and logged by what logs all; what it kept from being done is done by the next one.
async fn keep_ticking(server: Arc<Server>, worker: usize, scratch: Rc<RefCell<Scratch>>) {
    loop {
        let mut ticking = tokio::task::JoinSet::new();
        ticking.spawn_local(tick(Arc::clone(&server), worker, Rc::clone(&scratch)));
        if ticking.join_next().await.is_none_or(|ended| ended.is_ok()) {
            return;
        }
        tokio::time::sleep(TICK).await;
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.server.clients.remove(self.client.id);
    }
}

/// What a worker does besides requests.
async fn tick(server: Arc<Server>, worker: usize, scratch: Rc<RefCell<Scratch>>) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut sweep = Sweep::new(worker, server.counters.len());
    let _count = PanicCount(&server.counters[worker]);
    for turn in 0_u32.. {
        interval.tick().await;
        let keeps = server.pause.keeps_expired() || server.log.stance.keeps_expired() || server.store.keeps();
        if server.expires.load(Relaxed) && !keeps {
            let (start, _turn) = (Instant::now(), Turn::begin());
            if !sweep.run(&server, unix_millis(), || start.elapsed() < EXPIRE_BUDGET) {
                server.counters[worker].expire_capped.add(1);
                interval.reset_after(EXPIRE_PAUSE);
            }
            let micros = start.elapsed().as_micros() as u64;
            server.counters[worker].expire_micros.add(micros);
            server.latency.note(stats::EXPIRE_CYCLE, unix_millis(), micros);
        }
        if scratch.borrow_mut().executor.run_orphans() {
            interval.reset_after(EXPIRE_PAUSE);
        }
        server.store.memory.publish();
        if server.shutdown.is_triggered() {
            // Between requests: who is in the middle of one gets its reply first.
            server.clients.list().iter().for_each(|client| client.ask_to_leave());
        }
        if worker == 0 {
            server.rates.sample(unix_millis(), &server.counters);
        }
        if server.log.lateness.is_due(stamp()) {
            server.log.watch_disk();
        }
        if worker == 0 && turn % 10 == 0 {
            close_idle(&server);
        }
    }
}

/// Closes clients whose request makes no progress, that don't take what they subscribed to, and idle ones when `timeout` is set.
fn close_idle(server: &Server) {
    static SLOW: RateLimited = RateLimited::new();
    let (now, idle) = (unix_millis(), server.settings.idle_timeout.load(Relaxed) * 1000);
    for client in server.clients.list() {
        client.check_output();
        let since = client.mid_request.load(Relaxed);
        let stuck = since > 0 && now.saturating_sub(since) > REQUEST_TIMEOUT.as_millis() as u64;
        if stuck {
            let peer = client.peer;
            SLOW.log(|suppressed| tracing::warn!(%peer, suppressed, "closed: its request made no progress"));
        }
        let waits = client.waiter().is_some();
        if stuck || (idle > 0 && !waits && now.saturating_sub(client.active.load(Relaxed)) > idle) {
            client.kill();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringtail_net::Shutdown;
    use std::net::{Ipv4Addr, SocketAddr};

    /// The first may be in the middle of a command that takes long.
    #[test]
    fn every_worker_looks_whether_the_disk_keeps_up() {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = Server::new(address, 2, Shutdown::new());
        server.log.on_disk.written.store(true, Relaxed);
        server.store.intake.commit(&[]);
        let scratch = Rc::new(Scratch::new(Executor::new(Arc::clone(&server), 1)));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let ticks = tick(Arc::clone(&server), 1, scratch);
        runtime.block_on(async { tokio::time::timeout(5 * TICK, ticks).await.unwrap_err() });
        assert!(server.log.lateness.is_late());
    }

    #[test]
    fn a_request_without_progress_ends_its_connection_and_no_other() {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = Server::new(address, 1, Shutdown::new());
        let [stuck, slow, idle] =
            std::array::from_fn(|fd| server.clients.register(address, address, fd as i32));
        let timeout = REQUEST_TIMEOUT.as_millis() as u64;
        stuck.mid_request.store(unix_millis() - timeout - 1000, Relaxed);
        slow.mid_request.store(unix_millis() - timeout + 10_000, Relaxed);
        idle.active.store(1, Relaxed);
        close_idle(&server);
        assert_eq!([&stuck, &slow, &idle].map(|client| client.is_killed()), [true, false, false]);
        server.settings.idle_timeout.store(10, Relaxed);
        close_idle(&server);
        assert_eq!([&slow, &idle].map(|client| client.is_killed()), [false, true]);
    }
}
