//! Reads from replicas: which server of a member a session's read goes to.
//!
//! A replica is a [`Member`] of its own to its worker, with lanes and a breaker, that owns no slot. It is read from only while it
//! says that it is a replica and has its primary's stream, and while the lane to it is up; else the primary is. When a connection
//! to it breaks, it has to say so again: it may have been restarted, and have nothing yet.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use ringtail_protocol::command::Flags;
use ringtail_protocol::reply::Resp;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::lane::Lane;
use crate::leader::Leader;
use crate::limits;
use crate::member::Member;
use crate::route::Request;
use crate::session::State;
use crate::worker::Worker;

#[cfg(test)]
mod tests;

/// Where reads go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReadFrom {
    /// To the primary, like writes.
    #[default]
    Primary,
    /// To a replica, the same one for a session while it is there; to the primary if none is.
    PreferReplica,
    /// To whichever of primary and replicas answers soonest.
    Nearest,
}

impl ReadFrom {
    /// What READONLY makes of it.
    pub(crate) fn with_replicas(self) -> Self {
        if self == Self::Primary { Self::PreferReplica } else { self }
    }
}

impl State {
    /// The lane that takes this request on `slot`: of a replica, if it is a read and the session allows that.
    #[inline]
    pub(crate) fn lane_for(
        &mut self,
        worker: &Rc<Worker>,
        request: &Request<'_>,
        slot: u16,
    ) -> Option<Rc<Lane>> {
        let primary = self.read_from == ReadFrom::Primary || self.tracking.is_some();
        if primary || !request.command.flags.contains(Flags::READONLY) {
            return self.lane_of(worker, slot);
        }
        Some(worker.owner(slot)?.read_lane(worker, self))
    }
}

impl Worker {
    /// Looks after the replicas of all members for as long as the worker lives, once anybody wants to read from them.
    pub(crate) async fn watch_replicas(self: Rc<Self>) {
        loop {
            while self.shared.settings.read_from == ReadFrom::Primary && !self.reads_replicas.get() {
                self.replicas_wanted.notified().await;
            }
            self.look_at_replicas().await;
            tokio::select! {
                () = sleep(limits::REPLICA_LOOK) => {}
                () = self.replicas_wanted.notified() => {}
            }
        }
    }

    /// All at once: one that hangs holds up no other.
    async fn look_at_replicas(self: &Rc<Self>) {
        let mut looks = JoinSet::new();
        for member in self.members() {
            let replicas = member.replicas.borrow().clone();
            if !replicas.is_empty() {
                looks.spawn_local(Rc::clone(&member).look_at_primary());
                replicas.into_iter().for_each(|replica| _ = looks.spawn_local(replica.look_at_replica()));
            }
        }
        while looks.join_next().await.is_some() {}
        self.members().iter().for_each(|member| member.choose_nearest());
    }

    /// A session wants to read from replicas.
    pub(crate) fn want_replicas(&self) {
        if !self.reads_replicas.replace(true) {
            self.replicas_wanted.notify_one();
        }
    }
}

impl Member {
    /// Makes its replicas those of its servers that do not lead. One that was a replica keeps its lanes.
    pub(crate) fn set_replicas(&self, worker: &Rc<Worker>) {
        let mut old = self.replicas.take();
        let replica = |(index, addr): (usize, Arc<str>)| {
            // The file's `addr` is number 0, when another leads.
            let name = format!("{}/replica{index}", self.name);
            match old.iter().position(|old| old.name == name && old.leader.now() == addr) {
                Some(at) => old.swap_remove(at),
                None => Self::start(worker, &name, &Leader::replica(&name, &addr)),
            }
        };
        let new: Vec<Rc<Self>> = self.leader.others().into_iter().map(replica).collect();
        old.iter().for_each(|gone| gone.retire());
        let any = !new.is_empty();
        *self.replicas.borrow_mut() = new;
        self.nearest.set(0);
        if any {
            worker.replicas_wanted.notify_one();
        }
    }

    /// The lane for a session's reads.
    fn read_lane(self: &Rc<Self>, worker: &Rc<Worker>, state: &State) -> Rc<Lane> {
        let replicas = self.replicas.borrow();
        let count = replicas.len();
        let first = match state.read_from {
            // 0 is the primary.
            ReadFrom::Nearest => self.nearest.get(),
            _ => 1 + (state.client.id as usize).checked_rem(count).unwrap_or(0),
        };
        if first == 0 {
            return self.lane(worker, state.resp, state.lane);
        }
        let up = |at: usize| replicas[(first - 1 + at) % count].lane_to_read(worker, state.resp, state.lane);
        (0..count).find_map(up).unwrap_or_else(|| self.lane(worker, state.resp, state.lane))
    }

    /// Its lane, if it may be read from. One that is not there yet is opened for the next time.
    fn lane_to_read(self: &Rc<Self>, worker: &Rc<Worker>, resp: Resp, index: usize) -> Option<Rc<Lane>> {
        if !self.usable.get() {
            return None;
        }
        let lane = self.lane(worker, resp, index);
        lane.is_up().then_some(lane)
    }

    /// Measures how soon it answers.
    async fn look_at_primary(self: Rc<Self>) {
        let begun = Instant::now();
        if self.ask(0, &[b"PING"]).await.is_ok() {
            self.measured(begun.elapsed());
        }
    }

    /// Asks whether it is a replica with its primary's stream, and measures how soon it answers.
    async fn look_at_replica(self: Rc<Self>) {
        let (begun, breaks) = (Instant::now(), self.sight.breaks.load(Relaxed));
        let answer = self.ask(0, &[b"ROLE"]).await;
        self.measured(begun.elapsed());
        let problem = match &answer {
            Ok(_) if self.sight.breaks.load(Relaxed) != breaks => Some("a connection to it broke"),
            Ok(answer) => not_in_step(answer),
            Err(_) => Some("it does not answer"),
        };
        self.sight.unusable.store(problem.is_some(), Relaxed);
        if self.usable.replace(problem.is_none()) != problem.is_none() {
            match problem {
                None => tracing::info!(member = self.label(), "replica is read from"),
                Some(why) => tracing::warn!(member = self.label(), "replica is not read from: {why}"),
            }
        }
    }

    /// The newest measure counts for a quarter.
    fn measured(&self, time: Duration) {
        let before = self.latency.get().unwrap_or(time);
        let now = (before * 3 + time) / 4;
        self.latency.set(Some(now));
        self.sight.latency.store(now.as_micros() as u64, Relaxed);
    }

    /// Another server is nearest only if it is nearer by a fifth, so that reads don't go to and fro.
    fn choose_nearest(&self) {
        let replicas = self.replicas.borrow();
        let latency = |at: usize| match at {
            0 => self.latency.get(),
            _ => replicas.get(at - 1).filter(|replica| replica.usable.get()).and_then(|it| it.latency.get()),
        };
        let best = (0..=replicas.len()).filter_map(|at| Some((latency(at)?, at))).min();
        let Some((best, at)) = best else { return };
        if latency(self.nearest.get()).is_none_or(|now| best * 5 < now * 4) {
            self.nearest.set(at);
        }
    }
}

/// What is wrong with a replica that answers this to ROLE.
fn not_in_step(answer: &[u8]) -> Option<&'static str> {
    let is = |word: &[u8]| answer.windows(word.len()).any(|part| part == word);
    match () {
        () if !answer.starts_with(b"*5\r\n$5\r\nslave\r\n") => Some("it says that it is no replica"),
        () if !is(b"\r\n$9\r\nconnected\r\n") => Some("it has lost its primary"),
        () => None,
    }
}
