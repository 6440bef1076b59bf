//! One worker: everything that its connections share, on one thread and without a lock.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ringtail_cluster::Topology;
use ringtail_net::{Accepted, Door, Entry, Shutdown, WorkerContext};
use ringtail_protocol::reply::Resp;
use ringtail_protocol::request::Batch;
use tokio::sync::Notify;
use tokio::task::{JoinSet, spawn_local};
use tokio::time::{Instant, sleep_until};

use crate::admission;
use crate::held::Held;
use crate::http;
use crate::lane::Lane;
use crate::large::Sizes;
use crate::leader::{Leader, servers};
use crate::limits;
use crate::member::Member;
use crate::otel::Traces;
use crate::pass_through::{Login, Logins};
use crate::pubsub::Hub;
use crate::see::Eyes;
use crate::session;
use crate::shared::{Counters, Shared};
use crate::tracking::Tracked;
use crate::turn::{Turn, flush_turns};

/// The buffers that one session's turn works in.
#[derive(Default)]
pub(crate) struct Desk {
    pub(crate) requests: Vec<u8>,
    pub(crate) batch: Batch,
}

/// The state of one worker thread.
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) turn: Turn,
    /// What it sees of the requests with.
    pub(crate) eyes: Eyes,
    /// What it traces some of them with.
    pub(crate) traces: Traces,
    pub(crate) desk: RefCell<Desk>,
    /// What a lane reads into.
    pub(crate) answers: RefCell<Vec<u8>>,
    /// Who is subscribed to what.
    pub(crate) hub: Hub,
    /// What its sessions and lanes hold.
    pub(crate) held: Rc<Held>,
    pub(crate) door: admission::Door,
    /// The sessions that track keys, by their clients' numbers.
    pub(crate) trackers: RefCell<BTreeMap<u64, Rc<Tracked>>>,
    pool: RefCell<Pool>,
    spare: RefCell<Vec<Vec<u8>>>,
    /// Whose answers were large.
    pub(crate) sizes: Arc<Sizes>,
    free_lane: Cell<Option<usize>>,
    /// A session has asked to read from replicas.
    pub(crate) reads_replicas: Cell<bool>,
    /// Replicas are to be looked at now.
    pub(crate) replicas_wanted: Notify,
    /// Wakes the task that looks after deadlines.
    pub(crate) sweep: Notify,
    /// Tells that another topology was adopted.
    pub(crate) adopted: Notify,
    /// The program ends.
    pub(crate) stopping: Rc<Cell<bool>>,
    /// Whose connections its are; the proxy's own without one.
    pub(crate) login: Option<Login>,
    /// Sessions that have moved here.
    pub(crate) sessions: Cell<usize>,
    /// The users' workers of this thread.
    pub(crate) logins: Rc<Logins>,
    index: usize,
}

/// The topology and its members, by their index in it.
struct Pool {
    topology: Arc<Topology>,
    members: Vec<Rc<Member>>,
}

/// A worker thread's work, until shutdown.
pub(crate) async fn work(
    context: WorkerContext,
    shared: Arc<Shared>,
    entry: Entry,
    http: Option<ringtail_http::Door>,
) {
    let drain = shared.settings.life.drain_timeout;
    let (worker, mut tasks) = Worker::start(shared, context.index);
    spawn_local(Rc::clone(&worker).stop_at(context.shutdown.clone()));
    let stopping = context.shutdown.clone();
    let serving = context.serve(drain, move |accepted| {
        let worker = Rc::clone(&worker);
        let served: Pin<Box<dyn Future<Output = ()>>> = match (accepted.door, &http) {
            (Door::Side, Some(http)) => {
                Box::pin(http::welcome(http.clone(), worker, accepted, entry.clone(), stopping.clone()))
            }
            _ => Box::pin(welcome(worker, accepted, entry.clone())),
        };
        served
    });
    tokio::select! {
        () = serving => {}
        // They run for ever. Without one of them every client would wait for ever, so the program ends instead.
        ended = tasks.join_next() => tracing::error!("a task of the worker's own ended: {ended:?}"),
    }
}

/// One client, from accept to its end.
async fn welcome(worker: Rc<Worker>, accepted: Accepted, entry: Entry) {
    // Boxed, so that it takes no room in every session's task for as long as that lives.
    if let Some((stream, peer, place)) = Box::pin(admission::admit(&worker, accepted, &entry)).await {
        session::serve(worker, stream, peer).await;
        drop(place);
    }
}

impl Worker {
    /// A worker and its own tasks, on the thread's runtime.
    pub(crate) fn start(shared: Arc<Shared>, index: usize) -> (Rc<Self>, JoinSet<()>) {
        Self::begin(Self::new(shared, index))
    }

    /// One for a user of its own, the thread's so-many-eth; it has what the thread's sessions share.
    pub(crate) fn start_for(&self, login: Login, number: usize) -> (Rc<Self>, JoinSet<()>) {
        let threads = self.shared.settings.threads;
        let mut worker = Self::new(Arc::clone(&self.shared), self.index % threads + threads * number);
        worker.login = Some(login);
        worker.stopping = Rc::clone(&self.stopping);
        worker.logins = Rc::clone(&self.logins);
        let (worker, tasks) = Self::begin(worker);
        // Its first request is there already.
        worker.adopt(self.shared.topologies.current());
        (worker, tasks)
    }

    fn begin(worker: Self) -> (Rc<Self>, JoinSet<()>) {
        let (worker, mut tasks) = (Rc::new(worker), JoinSet::new());
        tasks.spawn_local(flush_turns(Rc::clone(&worker)));
        tasks.spawn_local(Rc::clone(&worker).sweep_deadlines());
        tasks.spawn_local(Rc::clone(&worker).follow_topology());
        let (shared, counters) = (Arc::clone(&worker.shared), Arc::clone(&worker.counters));
        tasks.spawn_local(Rc::clone(&worker.held).relieve(shared, counters));
        tasks.spawn_local(Rc::clone(&worker).watch_replicas());
        (worker, tasks)
    }

    fn new(shared: Arc<Shared>, index: usize) -> Self {
        let topology = shared.topologies.current();
        Self {
            counters: shared.counters(index),
            held: Held::new(&shared.settings.live.in_flight),
            door: admission::Door::new(shared.settings.handshakes),
            turn: Turn::new(shared.started),
            eyes: Eyes::new(index, &shared.seen),
            traces: Traces::new(&shared.settings.traces),
            sizes: Arc::clone(&shared.sizes),
            shared,
            desk: RefCell::default(),
            answers: RefCell::default(),
            hub: Hub::default(),
            trackers: RefCell::default(),
            pool: RefCell::new(Pool { members: Vec::new(), topology }),
            spare: RefCell::default(),
            free_lane: Cell::new(None),
            reads_replicas: Cell::new(false),
            replicas_wanted: Notify::new(),
            sweep: Notify::new(),
            adopted: Notify::new(),
            stopping: Rc::default(),
            login: None,
            sessions: Cell::new(0),
            logins: Rc::default(),
            index,
        }
    }

    /// At shutdown, clients leave as soon as nothing of theirs is on its way.
    async fn stop_at(self: Rc<Self>, shutdown: Shutdown) {
        shutdown.wait().await;
        self.stopping.set(true);
        self.shared.clients.list().iter().for_each(|client| client.wake());
    }

    /// Takes each new topology as soon as it is there. Requests that are on their way end on the lanes they began on.
    async fn follow_topology(self: Rc<Self>) {
        let mut changes = self.shared.topologies.changes();
        loop {
            changes.borrow_and_update();
            self.adopt(self.shared.topologies.current());
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Replaces the topology. A member of the same name keeps its lanes, if who leads it still may; those of others end when
    /// nobody waits for them any more.
    pub(crate) fn adopt(self: &Rc<Self>, topology: Arc<Topology>) {
        let mut old = std::mem::take(&mut self.pool.borrow_mut().members);
        let members: Vec<Rc<Member>> = topology
            .members()
            .iter()
            .map(|member| {
                let all = servers(&member.addr, &member.replicas);
                let stays = |old: &Rc<Member>| old.name == member.name && old.leader.stays_in(&all);
                match old.iter().position(stays) {
                    Some(at) => old.swap_remove(at).with_servers(all),
                    None => Member::start(self, &member.name, &Leader::of(&member.name, all)),
                }
            })
            .collect();
        members.iter().for_each(|member| member.set_replicas(self));
        *self.pool.borrow_mut() = Pool { topology, members: members.clone() };
        self.tell_sights();
        old.iter().for_each(|member| member.retire());
        self.hub.move_to(self);
        self.adopted.notify_waiters();
        let trackers: Vec<Rc<Tracked>> = self.trackers.borrow().values().cloned().collect();
        trackers.iter().for_each(|tracked| tracked.slots_moved(self));
        if self.login.is_none() && self.shared.settings.pass_through {
            return;
        }
        // Opened before they are needed, so that it is known which members are up.
        members.iter().for_each(|member| drop(member.lane(self, Resp::V2, 0)));
    }

    /// Has INFO know the servers of its members.
    pub(crate) fn tell_sights(&self) {
        let servers = self.members().into_iter().flat_map(|member| member.servers());
        self.shared.set_sights(self.index, servers.map(|server| Arc::clone(&server.sight)).collect());
    }

    /// Lets its connections end: nobody uses it any more.
    pub(crate) fn end(&self) {
        let members = std::mem::take(&mut self.pool.borrow_mut().members);
        members.iter().for_each(|member| member.retire());
        self.shared.set_sights(self.index, Vec::new());
    }

    /// The lane that takes requests on `slot`.
    #[inline]
    pub(crate) fn lane_of(self: &Rc<Self>, slot: u16, resp: Resp, index: usize) -> Option<Rc<Lane>> {
        let pool = self.pool.borrow();
        let member = pool.members.get(pool.topology.owner_index(slot))?;
        Some(member.lane(self, resp, index))
    }

    /// The member that owns `slot`.
    pub(crate) fn owner(&self, slot: u16) -> Option<Rc<Member>> {
        let pool = self.pool.borrow();
        pool.members.get(pool.topology.owner_index(slot)).cloned()
    }

    /// The topology that requests are routed by now.
    pub(crate) fn topology(&self) -> Arc<Topology> {
        Arc::clone(&self.pool.borrow().topology)
    }

    /// All members, in the topology's order.
    pub(crate) fn members(&self) -> Vec<Rc<Member>> {
        self.pool.borrow().members.clone()
    }

    /// The first lane that is not busy anywhere: few lanes mean full reads and writes. A session of another
    /// database begins to look elsewhere, so that lanes seldom have to be switched.
    #[inline]
    pub(crate) fn choose_lane(&self, resp: Resp, db: u8) -> usize {
        if db == 0
            && resp == Resp::V2
            && let Some(free) = self.free_lane.get()
        {
            return free;
        }
        let found = self.look_for_lane(resp, db);
        if db == 0 && resp == Resp::V2 {
            self.free_lane.set(Some(found));
        }
        found
    }

    fn look_for_lane(&self, resp: Resp, db: u8) -> usize {
        let (pool, lanes) = (self.pool.borrow(), self.shared.settings.conns);
        let from = usize::from(db) % lanes;
        let free = |index: &usize| !pool.members.iter().any(|member| member.is_busy(resp, *index));
        (from..lanes).chain(0..from).find(free).unwrap_or_else(|| fastrand::usize(..lanes))
    }

    /// Whether it is the one that does what need be done only once.
    pub(crate) fn is_first(&self) -> bool {
        self.index == 0
    }

    /// How long a member may take.
    #[inline]
    pub(crate) fn timeout(&self) -> Duration {
        self.shared.settings.live.timeout()
    }

    /// From how many bytes on a request or an answer is passed through by itself.
    #[inline]
    pub(crate) fn large(&self) -> usize {
        self.shared.settings.large
    }

    /// How often a read is sent again.
    #[inline]
    pub(crate) fn retries(&self) -> u32 {
        self.shared.settings.retry_reads
    }

    /// The lane that is chosen last.
    pub(crate) fn last_lane(&self) -> usize {
        self.shared.settings.conns - 1
    }

    /// An empty buffer with memory, most of the time.
    #[inline]
    pub(crate) fn take_buffer(&self) -> Vec<u8> {
        self.spare.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes an empty buffer back.
    #[inline]
    pub(crate) fn keep_buffer(&self, mut buffer: Vec<u8>) {
        let mut spare = self.spare.borrow_mut();
        if (1..=limits::KEEP_BUFFER).contains(&buffer.capacity()) && spare.len() < limits::SPARE_BUFFERS {
            buffer.clear();
            spare.push(buffer);
        }
    }

    /// After all that was touched in a turn is written.
    pub(crate) fn end_turn(&self) {
        self.free_lane.set(None);
        self.door.end_turn(&self.turn);
    }

    /// Looks after the deadlines of all lanes: one task of each worker, one timer.
    async fn sweep_deadlines(self: Rc<Self>) {
        loop {
            match self.expire(Instant::now()) {
                None => self.sweep.notified().await,
                Some(next) => tokio::select! {
                    () = sleep_until(next) => {}
                    () = self.sweep.notified() => {}
                },
            }
        }
    }

    fn expire(&self, now: Instant) -> Option<Instant> {
        let mut next: Option<Instant> = None;
        for member in self.members().iter().flat_map(|member| member.servers()) {
            member.each_lane(|lane| next = next.into_iter().chain(lane.expire(self, now)).min());
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_output<A, B, C, F>(_: fn(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_connection_that_says_nothing_needs_little() {
        let size = size_of_output(welcome);
        assert!(size <= 1024, "each connection's task has {size} bytes: box what is rare");
    }
}
