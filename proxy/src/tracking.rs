//! CLIENT TRACKING through the proxy: client-side caching over a pool.
//!
//! A session that tracks has lanes of its own, one to each member that it asks. Each begins with the session's own `CLIENT TRACKING ON …`,
//! so members know its mode, its prefixes and what it changed itself, and what they push on such a lane is for this session alone: no
//! table of keys is kept here. An invalidation goes out behind the answers to all that was on its way when it came, so that
//! it is never overtaken by the value that it is about.
//!
//! ```text
//! CLIENT TRACKING  -> run -> State::track -> Tracked        what its lanes begin with, and whom to tell
//! GET key          -> State::lane_of -> Tracking::lane      [CLIENT CACHING YES] GET key
//! >invalidate      -> Lane -> Tracked::pushed -> Session::push_behind, or the outbox of the client that is told instead
//! a lane lost, slots moved -> Tracked::forget_all           `invalidate null`: nobody watches these copies any more
//! ```
//!
//! In RESP2 a session is told over another connection, and so is its lane: `receiver`.

mod receiver;
mod tracked;

#[cfg(test)]
mod tests;

use std::rc::Rc;
use std::sync::Arc;

use ringtail_protocol::errors::Error;
use ringtail_protocol::reply::{Reply, Resp};
use ringtail_protocol::tracking::{Info, Mode, NO_TRACKING, Prefixes, Wishes, check_caching, write_info};
use tokio::time::{Instant, timeout_at};

use crate::clients::Client;
use crate::lane::Lane;
use crate::limits;
use crate::member::Member;
use crate::pending::Target;
use crate::session::{Session, State};
use crate::whole::Question;
use crate::worker::Worker;

pub(crate) use tracked::{Tracked, open};

const TOO_MANY: Error = Error::fixed("ERR too many connections of this proxy track keys already");

/// What CLIENT CACHING said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caching {
    Unsaid,
    /// Of the next request.
    Next,
    /// Of the present one.
    Now,
}

/// A session's tracking.
pub(crate) struct Tracking {
    tracked: Rc<Tracked>,
    prefixes: Prefixes,
    caching: Caching,
    /// One for each member that it has asked.
    lanes: Vec<Rc<Lane>>,
}

impl Tracking {
    /// Whether there is anybody to tell, and so a reason for lanes of its own.
    fn has_listener(&self, resp: Resp) -> bool {
        resp == Resp::V3 || self.tracked.is_redirected()
    }

    fn lane(&mut self, worker: &Rc<Worker>, member: &Rc<Member>, resp: Resp) -> Rc<Lane> {
        if let Some(lane) = self.lanes.iter().find(|lane| Rc::ptr_eq(&lane.member, member)) {
            return Rc::clone(lane);
        }
        let lane = member.tracked_lane(worker, resp, &self.tracked);
        self.lanes.push(Rc::clone(&lane));
        lane
    }
}

impl State {
    /// The lane that takes the session's requests on `slot`.
    #[inline]
    pub(crate) fn lane_of(&mut self, worker: &Rc<Worker>, slot: u16) -> Option<Rc<Lane>> {
        if self.tracking.is_none() {
            return worker.lane_of(slot, self.resp, self.lane);
        }
        self.tracked_lane_of(worker, slot)
    }

    #[cold]
    fn tracked_lane_of(&mut self, worker: &Rc<Worker>, slot: u16) -> Option<Rc<Lane>> {
        match &mut self.tracking {
            Some(tracking) if tracking.has_listener(self.resp) => {
                Some(tracking.lane(worker, &worker.owner(slot)?, self.resp))
            }
            _ => worker.lane_of(slot, self.resp, self.lane),
        }
    }

    /// Tells the member what CLIENT CACHING said of the request that follows.
    #[inline]
    pub(crate) fn announce(&self, worker: &Worker, lane: &Rc<Lane>) {
        if let Some(tracking) = &self.tracking
            && tracking.caching == Caching::Now
            && tracking.has_listener(self.resp)
        {
            let yes = self.client.tracking().contains(Mode::OPTIN);
            let words = [&b"CLIENT"[..], b"CACHING", if yes { b"YES" } else { b"NO" }];
            lane.push(worker, self.db, Target::Caching(yes), |out| {
                ringtail_protocol::reply::write_request(out, words.into_iter());
            });
        }
    }

    /// A request begins: what CLIENT CACHING said is of this one.
    #[inline]
    pub(crate) fn begin_caching(&mut self) {
        self.turn_caching(Caching::Next, Caching::Now);
    }

    /// It ends.
    #[inline]
    pub(crate) fn end_caching(&mut self) {
        self.turn_caching(Caching::Now, Caching::Unsaid);
    }

    /// It was not run after all.
    #[inline]
    pub(crate) fn take_back_caching(&mut self) {
        self.turn_caching(Caching::Now, Caching::Next);
    }

    #[inline]
    fn turn_caching(&mut self, from: Caching, to: Caching) {
        if let Some(tracking) = &mut self.tracking
            && tracking.caching == from
        {
            tracking.caching = to;
        }
    }

    /// Ends tracking, if it is on.
    pub(crate) fn stop_tracking(&mut self, worker: &Worker) {
        if let Some(tracking) = self.tracking.take() {
            tracking.tracked.end();
            tracking.lanes.iter().for_each(|lane| lane.look());
            worker.trackers.borrow_mut().remove(&self.client.id);
            self.client.set_tracking(Mode::empty(), NO_TRACKING);
        }
    }

    /// Begins tracking, or changes how it goes on: with lanes that are new, so that what was read before is not watched any more.
    fn track(
        &mut self,
        worker: &Rc<Worker>,
        session: &Rc<Session>,
        wishes: &Wishes<'_>,
    ) -> Result<Rc<Tracked>, Error> {
        if self.tracking.is_none() && worker.trackers.borrow().len() >= limits::TRACKERS {
            return Err(TOO_MANY);
        }
        let mut prefixes = self.tracking.as_ref().map_or_else(Prefixes::new, |now| now.prefixes.clone());
        prefixes.extend(wishes.prefixes().into_iter().map(Box::from));
        let redirect = wishes.redirect.and_then(|id| worker.shared.clients.find(id));
        self.stop_tracking(worker);
        self.begin_tracking(worker, session, wishes.mode | Mode::ON, redirect, prefixes)
    }

    fn begin_tracking(
        &mut self,
        worker: &Rc<Worker>,
        session: &Rc<Session>,
        mode: Mode,
        redirect: Option<Arc<Client>>,
        prefixes: Prefixes,
    ) -> Result<Rc<Tracked>, Error> {
        self.client.set_tracking(mode, redirect.as_ref().map_or(0, |target| target.id as i64));
        let tracked = Tracked::new(session, mode, redirect, &prefixes);
        worker.trackers.borrow_mut().insert(self.client.id, Rc::clone(&tracked));
        let tracking =
            Tracking { tracked: Rc::clone(&tracked), prefixes, caching: Caching::Unsaid, lanes: Vec::new() };
        self.tracking = Some(Box::new(tracking));
        self.follow_members(worker);
        Ok(tracked)
    }

    /// Leaves the lanes of members that are gone, and has one to each where all tell.
    pub(crate) fn follow_members(&mut self, worker: &Rc<Worker>) {
        let Some(tracking) = &mut self.tracking else { return };
        tracking.lanes.retain(|lane| !lane.member.retired.get());
        if self.client.tracking().contains(Mode::BCAST) && tracking.has_listener(self.resp) {
            for member in worker.members() {
                tracking.lane(worker, &member, self.resp);
            }
        }
    }

    /// The version of the protocol is another: lanes of the old one are of no use.
    pub(crate) fn track_anew(&mut self, worker: &Rc<Worker>) {
        let Some(tracking) = self.tracking.take() else { return };
        let mode = self.client.tracking();
        let (session, redirect) = (tracking.tracked.session(), tracking.tracked.redirection());
        let prefixes = tracking.prefixes.clone();
        self.tracking = Some(tracking);
        self.stop_tracking(worker);
        if let Some(session) = session
            && let Ok(tracked) = self.begin_tracking(worker, &session, mode, redirect, prefixes)
        {
            tracked.begin();
            tracked.forget_all_at_once(worker);
        }
    }

    fn lanes_are_settled(&self) -> bool {
        self.tracking.as_ref().is_none_or(|tracking| !tracking.lanes.iter().any(|lane| lane.is_opening()))
    }
}

/// CLIENT TRACKING, with nothing else of the session on its way.
pub(crate) async fn run(worker: &Rc<Worker>, session: &Rc<Session>, question: &Question) -> Vec<u8> {
    let mut out = Vec::new();
    let mut reply = Reply::new(&mut out, question.resp);
    match track(worker, session, &question.words[2..]).await {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(&error),
    }
    out
}

async fn track(worker: &Rc<Worker>, session: &Rc<Session>, words: &[Vec<u8>]) -> Result<(), Error> {
    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    let wishes = Wishes::parse(&words, |id| worker.shared.clients.find(id).is_some())?;
    if !wishes.on {
        session.change(|state| state.stop_tracking(worker));
        return Ok(());
    }
    let tracked = session.change(|state| {
        let now = state.tracking.as_ref().map(|tracking| (state.client.tracking(), &tracking.prefixes));
        wishes.check(now)?;
        let anew = now.is_some();
        state.track(worker, session, &wishes).map(|tracked| (tracked, anew))
    });
    let (tracked, anew) = tracked?;
    if anew {
        tracked.forget_all(worker);
    }
    if wishes.mode.contains(Mode::BCAST) {
        settle(worker, session, &tracked).await;
    }
    tracked.begin();
    Ok(())
}

/// Waits until every member has been told, or is known to be down: what changes from then on is heard of.
async fn settle(worker: &Worker, session: &Session, tracked: &Tracked) {
    let deadline = Instant::now() + worker.timeout();
    loop {
        let settled = tracked.settled.notified();
        if session.change(|state| state.lanes_are_settled()) || timeout_at(deadline, settled).await.is_err() {
            return;
        }
    }
}

/// CLIENT CACHING YES | NO
pub(crate) fn caching(state: &mut State, word: &[u8]) -> Result<(), Error> {
    let mode = state.tracking.is_some().then(|| state.client.tracking());
    check_caching(mode, word)?;
    if let Some(tracking) = &mut state.tracking {
        tracking.caching = Caching::Next;
    }
    Ok(())
}

/// CLIENT TRACKINGINFO
pub(crate) fn info(state: &mut State, worker: &Worker) {
    let tracking = state.tracking.take();
    let info = tracking.as_ref().map(|tracking| Info {
        mode: state.client.tracking(),
        caching: tracking.caching != Caching::Unsaid,
        redirect: state.client.redirection(),
        prefixes: &tracking.prefixes,
    });
    state.reply(worker, |reply| write_info(reply, info.as_ref()));
    state.tracking = tracking;
}
