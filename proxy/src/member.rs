//! A member as one worker sees it: its lanes, its dedicated connections, and what is known of it.

mod sight;
mod turning;

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{Pool, PoolError, TimeoutType};
use ringtail_net::units::Time;
use ringtail_protocol::reply::Resp;
use tokio::task::spawn_local;
use tokio::time::{Instant, timeout};

use crate::breaker::{Breaker, State};
use crate::fault::{self, Fault};
use crate::lane::{Lane, Refusal};
use crate::leader::Leader;
use crate::limits;
use crate::link::Dialer;
use crate::own::Held;
use crate::pubsub::{Audience, Feed};
use crate::tracking::Tracked;
use crate::worker::Worker;

pub(crate) use sight::Sight;
pub(crate) use turning::until_led;

/// An answer, and how long it took to get it.
pub(crate) struct Asked {
    pub(crate) answer: Vec<u8>,
    /// Until there was a connection.
    pub(crate) connection: Duration,
    /// From the request to the answer.
    pub(crate) away: Duration,
    /// How much of that the network takes, as far as the system knows.
    pub(crate) network: Option<Duration>,
}

/// One member of the topology, in one worker.
pub(crate) struct Member {
    pub(crate) name: String,
    /// Where its primary is.
    pub(crate) leader: Arc<Leader>,
    /// By version of the protocol, because a server's answers depend on it.
    lanes: [RefCell<Vec<Rc<Lane>>>; 2],
    /// Those that one session each has for itself.
    tracked_lanes: RefCell<Vec<Rc<Lane>>>,
    /// For the proxy's own questions, which may take long.
    links: Option<Pool<Dialer>>,
    /// For sessions that need a connection of their own, by version of the protocol.
    dedicated: [Option<Pool<Dialer>>; 2],
    /// The worker's subscriptions at this member, once there was one.
    feed: RefCell<Option<Rc<Feed>>>,
    /// How many more get a message than this member counts.
    pub(crate) audience: Arc<Audience>,
    /// For what is passed through because it is large, by version of the protocol.
    large: [Option<Pool<Dialer>>; 2],
    pub(crate) timeout: Duration,
    /// It knows no other database.
    pub(crate) only_db_0: Cell<bool>,
    /// It has left the topology: its lanes end when nobody waits for them.
    pub(crate) retired: Cell<bool>,
    pub(crate) breaker: Breaker,
    pub(crate) replicas: RefCell<Vec<Rc<Self>>>,
    /// A replica in step with its primary.
    pub(crate) usable: Cell<bool>,
    /// Which of its servers answers soonest: 0 is the primary.
    pub(crate) nearest: Cell<usize>,
    pub(crate) latency: Cell<Option<Duration>>,
    /// A probe was not answered since the breaker opened.
    unreachable: Cell<bool>,
    pub(crate) sight: Arc<Sight>,
}

impl Member {
    /// A member, or a server of one to read from, and the tasks of its own.
    pub(crate) fn start(worker: &Rc<Worker>, name: &str, leader: &Arc<Leader>) -> Rc<Self> {
        let member = Self::new(worker, name, leader);
        spawn_local(Rc::clone(&member).guard(Rc::clone(worker)));
        if !leader.is_replica() {
            spawn_local(Rc::clone(&member).follow(Rc::clone(worker)));
        }
        member
    }

    /// Runs the breaker until the member leaves.
    async fn guard(self: Rc<Self>, worker: Rc<Worker>) {
        let wanted = || !self.retired.get();
        let probe = async || {
            let asked = self.leader.open(&worker.shared, worker.login.as_ref(), Resp::V2);
            timeout(self.timeout, asked).await.is_ok_and(|answered| answered.is_ok())
        };
        self.breaker.run(wanted, probe, |state| self.entered(&worker, state)).await;
    }

    fn entered(&self, worker: &Rc<Worker>, state: State) {
        let before = self.sight.breaker();
        self.sight.breaker.store(state as u8, Relaxed);
        match (before, state) {
            (State::Closed, State::Open) => self.give_up(worker),
            (State::Probation, State::Open) => self.unreachable.set(true),
            (State::Probation, State::Closed) => self.recover(),
            _ => {}
        }
    }

    /// Who waits for a lane to be opened, or for room in one, hears at once what is wrong.
    fn give_up(&self, worker: &Rc<Worker>) {
        let why = self.breaker.why();
        self.sight.opened.fetch_add(1, Relaxed);
        if self.note(&why) {
            tracing::warn!(member = self.label(), "member is not asked until it answers a probe: {why}");
        }
        self.each_lane(|lane| lane.refuse_unsent(worker, &Fault::Open(Arc::clone(&why))));
    }

    fn recover(&self) {
        tracing::info!(member = self.label(), "member answers again");
        self.note("");
        if self.unreachable.take() {
            self.each_lane(|lane| lane.renew());
        }
    }

    fn new(worker: &Worker, name: &str, leader: &Arc<Leader>) -> Rc<Self> {
        let shared = &worker.shared;
        let (conns, dedicated) = (shared.settings.conns, shared.settings.dedicated);
        let limit = shared.settings.timeout;
        Rc::new(Self {
            name: name.to_owned(),
            leader: Arc::clone(leader),
            audience: shared.audience(name),
            lanes: Default::default(),
            tracked_lanes: RefCell::default(),
            links: links(worker, leader, Resp::V2, conns, limit),
            dedicated: [Resp::V2, Resp::V3].map(|resp| links(worker, leader, resp, dedicated, limit)),
            large: [Resp::V2, Resp::V3].map(|resp| links(worker, leader, resp, conns, limits::LARGE_WAIT)),
            feed: RefCell::default(),
            timeout: shared.settings.timeout,
            only_db_0: Cell::new(false),
            retired: Cell::new(false),
            breaker: Breaker::default(),
            replicas: RefCell::default(),
            usable: Cell::new(false),
            nearest: Cell::new(0),
            latency: Cell::new(None),
            unreachable: Cell::new(false),
            sight: Sight::new(name, leader),
        })
    }

    /// How errors call it: the name, with the address where it is another.
    pub(crate) fn label(&self) -> String {
        let addr = self.leader.now();
        if *addr == *self.name { self.name.clone() } else { format!("{} ({addr})", self.name) }
    }

    /// The lane at `index` for that version of the protocol, started if it is the first use of it.
    #[inline]
    pub(crate) fn lane(self: &Rc<Self>, worker: &Rc<Worker>, resp: Resp, index: usize) -> Rc<Lane> {
        if let Some(lane) = self.lanes[resp as usize].borrow().get(index) {
            return Rc::clone(lane);
        }
        self.more_lanes(worker, resp, index)
    }

    #[cold]
    fn more_lanes(self: &Rc<Self>, worker: &Rc<Worker>, resp: Resp, index: usize) -> Rc<Lane> {
        let mut lanes = self.lanes[resp as usize].borrow_mut();
        while lanes.len() <= index {
            self.sight.lanes.fetch_add(1, Relaxed);
            lanes.push(Lane::start(worker, self, resp, None));
        }
        Rc::clone(&lanes[index])
    }

    /// A lane for one session's tracking alone.
    pub(crate) fn tracked_lane(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        resp: Resp,
        tracked: &Rc<Tracked>,
    ) -> Rc<Lane> {
        self.sight.lanes.fetch_add(1, Relaxed);
        let lane = Lane::start(worker, self, resp, Some(tracked));
        self.tracked_lanes.borrow_mut().push(Rc::clone(&lane));
        lane
    }

    /// A session's own lane has ended.
    pub(crate) fn forget_tracked(&self, lane: &Rc<Lane>) {
        self.sight.lanes.fetch_sub(1, Relaxed);
        self.tracked_lanes.borrow_mut().retain(|other| !Rc::ptr_eq(other, lane));
    }

    /// The worker's subscriptions at this member.
    pub(crate) fn feed(self: &Rc<Self>, worker: &Rc<Worker>) -> Rc<Feed> {
        let mut feed = self.feed.borrow_mut();
        Rc::clone(feed.get_or_insert_with(|| {
            self.leader.look();
            Feed::start(worker, self)
        }))
    }

    /// The feed has ended.
    pub(crate) fn forget_feed(&self) {
        self.feed.take();
    }

    /// Itself and its replicas.
    pub(crate) fn servers(self: &Rc<Self>) -> Vec<Rc<Self>> {
        std::iter::once(Rc::clone(self)).chain(self.replicas.borrow().iter().cloned()).collect()
    }

    /// Whether a session that is free to choose should rather not take this lane.
    pub(crate) fn is_busy(&self, resp: Resp, index: usize) -> bool {
        self.lanes[resp as usize].borrow().get(index).is_some_and(|lane| lane.is_busy())
    }

    /// Runs `each` on every lane.
    pub(crate) fn each_lane(&self, mut each: impl FnMut(&Rc<Lane>)) {
        for lanes in self.lanes.iter().chain([&self.tracked_lanes]) {
            let lanes = lanes.borrow().clone();
            lanes.iter().for_each(&mut each);
        }
    }

    /// Lets the lanes end when nobody waits for them any more, and the other connections when they come back.
    pub(crate) fn retire(&self) {
        self.retired.set(true);
        self.replicas.borrow().iter().for_each(|replica| replica.retire());
        self.each_lane(|lane| lane.look());
        if let Some(feed) = &*self.feed.borrow() {
            feed.look();
        }
        let own = self.dedicated.iter().chain(&self.large).flatten();
        self.links.iter().chain(own).for_each(|links| links.close());
        self.breaker.look();
        self.leader.look();
    }

    /// Asks on a dedicated connection: what may take long must not stand before others' requests in a lane.
    pub(crate) async fn ask(&self, db: u8, request: &[&[u8]]) -> Result<Vec<u8>, Fault> {
        self.ask_timed(db, request).await.map(|asked| asked.answer)
    }

    /// A connection that the caller has for itself, with `db` selected.
    pub(crate) async fn dedicated(&self, db: u8, resp: Resp) -> Result<Held, Fault> {
        self.take(&self.dedicated[resp as usize], db).await
    }

    /// The same for what is passed through. Waits for one for longer than a deadline: that many large requests at once
    /// are slow, and no fault.
    pub(crate) async fn large(&self, db: u8, resp: Resp) -> Result<Held, Fault> {
        self.take(&self.large[resp as usize], db).await
    }

    async fn take(&self, links: &Option<Pool<Dialer>>, db: u8) -> Result<Held, Fault> {
        self.is_there(db)?;
        let links = links.as_ref().ok_or_else(|| Fault::Down("no pool".into()))?;
        let mut link = Held::new(links.get().await.map_err(|error| self.not_connected(error))?);
        match timeout(self.timeout, link.select(db)).await {
            Err(_) => Err(Fault::Late(self.timeout)),
            Ok(Err(error)) => Err(Fault::broken(&error)),
            Ok(Ok(())) => Ok(link),
        }
    }

    /// What the lanes know: nobody waits for a member that is down.
    fn is_there(&self, db: u8) -> Result<(), Fault> {
        match self.lanes[0].borrow().first().map(|lane| lane.admits(db)) {
            Some(Err(Refusal::Fault(fault))) => Err(fault),
            _ => Ok(()),
        }
    }

    /// The same, and where the time went.
    pub(crate) async fn ask_timed(&self, db: u8, request: &[&[u8]]) -> Result<Asked, Fault> {
        until_led(self.timeout, async || self.ask_once(db, request).await).await
    }

    async fn ask_once(&self, db: u8, request: &[&[u8]]) -> Result<Asked, Fault> {
        // What ends the script that holds the member up must reach it, though the breaker is open for that.
        if !ends_scripts(request) {
            self.is_there(db)?;
        }
        let begun = Instant::now();
        let links = self.links.as_ref().ok_or_else(|| Fault::Down("no pool".into()))?;
        let mut link = links.get().await.map_err(|error| self.not_connected(error))?;
        let connected = Instant::now();
        let answer = match timeout(self.timeout, link.ask_in(db, request)).await {
            Err(_) => return Err(Fault::Late(self.timeout)),
            Ok(Err(error)) => return Err(Fault::broken(&error)),
            Ok(Ok(answer)) => answer,
        };
        let (connection, away) = (connected - begun, connected.elapsed());
        Ok(Asked { answer, connection, away, network: link.round_trip() })
    }

    /// Requests were not answered in time.
    pub(crate) fn is_late(&self, now: Instant) {
        self.breaker.late(now, self.timeout, || format!("no answer within {}", Time(self.timeout)));
    }

    fn not_connected(&self, error: PoolError<io::Error>) -> Fault {
        match error {
            PoolError::Timeout(TimeoutType::Wait) => Fault::Busy(self.timeout),
            PoolError::Backend(error) => Fault::Down(self.without_addr(&error).into()),
            PoolError::Closed => Fault::Down("it has left the topology".into()),
            _ => Fault::Down("it does not answer".into()),
        }
    }

    /// The error reply for a fault of this member.
    #[cold]
    pub(crate) fn fault(&self, fault: &Fault) -> Vec<u8> {
        self.sight.faults.fetch_add(1, Relaxed);
        match fault {
            Fault::Late(_) => _ = self.sight.timeouts.fetch_add(1, Relaxed),
            Fault::Open(_) => _ = self.sight.refused.fetch_add(1, Relaxed),
            _ => {}
        }
        fault::line(&fault.text(&self.name, &self.leader.now()))
    }

    /// An error's text without the address that the label says already.
    pub(crate) fn without_addr(&self, error: &io::Error) -> String {
        let text = error.to_string();
        let short = text.strip_prefix(&*self.leader.now()).and_then(|rest| rest.strip_prefix(": "));
        let short = short.unwrap_or(&text);
        // "Connection refused (os error 111)": the number says nothing more.
        short.split(" (os error ").next().unwrap_or(short).to_owned()
    }

    /// Whether it is the first that is up.
    pub(crate) fn lane_up(&self) -> bool {
        let is_first = self.sight.lanes_up.fetch_add(1, Relaxed) == 0;
        if is_first {
            tracing::info!(member = self.label(), "member is up");
            self.note("");
        }
        is_first
    }

    pub(crate) fn lane_broke(&self, error: &io::Error) {
        self.sight.lanes_up.fetch_sub(1, Relaxed);
        if !self.retired.get() {
            tracing::warn!(member = self.label(), "a connection to the member broke: {error}");
            self.broke();
            self.note(&error.to_string());
            // One that was given up by ourselves has been counted when it was late.
            if error.kind() != io::ErrorKind::TimedOut {
                self.breaker.failed(Instant::now(), || error.to_string());
            }
        }
    }

    /// A connection was given up because it is not needed.
    pub(crate) fn lane_closed(&self) {
        self.sight.lanes_up.fetch_sub(1, Relaxed);
    }

    /// Said once, not at each retry.
    pub(crate) fn lane_down(&self, why: &str) {
        self.broke();
        if self.retired.get() {
            return;
        }
        if self.note(why) {
            tracing::warn!(member = self.label(), "member is down: {why}");
        }
        self.breaker.failed(Instant::now(), || why.to_owned());
    }

    /// Who answers next may have been restarted, and be a replica that has no data yet.
    fn broke(&self) {
        self.sight.breaks.fetch_add(1, Relaxed);
        self.usable.set(false);
    }

    /// Keeps the last error; whether it is another than before.
    fn note(&self, error: &str) -> bool {
        let mut last = self.sight.last_error.lock().unwrap_or_else(PoisonError::into_inner);
        let new = *last != error;
        error.clone_into(&mut last);
        new
    }
}

fn ends_scripts(request: &[&[u8]]) -> bool {
    matches!(request, [name, sub] if sub.eq_ignore_ascii_case(b"KILL")
        && (name.eq_ignore_ascii_case(b"SCRIPT") || name.eq_ignore_ascii_case(b"FUNCTION")))
}

/// None only if deadpool refuses its own defaults.
fn links(
    worker: &Worker,
    leader: &Arc<Leader>,
    resp: Resp,
    most: usize,
    wait: Duration,
) -> Option<Pool<Dialer>> {
    let shared = &worker.shared;
    let limit = Some(shared.settings.timeout);
    let (leader, shared, login) = (Arc::clone(leader), Arc::clone(shared), worker.login.clone());
    let dialer = Dialer { leader, resp, shared, login };
    let builder = Pool::builder(dialer).max_size(most).runtime(Runtime::Tokio1);
    builder.wait_timeout(Some(wait)).create_timeout(limit).recycle_timeout(limit).build().ok()
}
