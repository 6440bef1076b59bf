//! A member whose primary becomes another one: what follows it, and what is done again for it.

#[cfg(test)]
mod tests;

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Member;
use crate::fault::Fault;
use crate::limits;
use crate::pubsub::Feed;
use crate::worker::Worker;

impl Member {
    /// Has what depends on its primary follow it, until the member leaves.
    pub(super) async fn follow(self: Rc<Self>, worker: Rc<Worker>) {
        let mut before = self.leader.now();
        while !self.retired.get() {
            tokio::select! {
                () = self.leader.changed() => {}
                // Who only listens is not told: what subscribes is answered by replicas, too.
                () = sleep(limits::LEADER_LOOK), if self.present_feed().is_some() => self.look_who_leads().await,
            }
            let now = self.leader.now();
            if now != before && !self.retired.get() {
                before = now;
                self.set_replicas(&worker);
                worker.tell_sights();
                self.present_feed().iter().for_each(|feed| feed.look());
            }
        }
    }

    /// The same with the servers of a new entry of the file, its `addr` first.
    pub(crate) fn with_servers(self: Rc<Self>, all: Vec<Arc<str>>) -> Rc<Self> {
        let is_up = self.sight.lanes_up.load(Relaxed) > 0;
        self.leader.set_all(all, is_up);
        if !is_up {
            self.each_lane(|lane| lane.hurry());
        }
        self
    }

    fn present_feed(&self) -> Option<Rc<Feed>> {
        self.feed.borrow().clone()
    }

    /// A server that leads no more says so when it is asked.
    async fn look_who_leads(&self) {
        if !self.leader.may_change() {
            return;
        }
        // Then it is asked of another one, on a new connection, which shows that it leads.
        drop(self.ask(0, &[b"RINGTAIL", b"PRIMARY"]).await);
    }
}

/// Work that was refused sooner than this share of the time that it may take was refused as it came; else it was let in, and had waited.
const AT_ONCE: u32 = 10;

/// Does `work` again when it is refused because the member is led by another server now, and while that is not found: nothing
/// was run then. From the first refusal on it may take this time, after which the last fault stands; who has waited at a primary since, as BLPOP
/// does for hours, has it anew with each that follows.
pub(crate) async fn until_led<T>(
    limit: Duration,
    mut work: impl AsyncFnMut() -> Result<T, Fault>,
) -> Result<T, Fault> {
    let mut until = None;
    loop {
        let begun = Instant::now();
        let fault = match work().await {
            Ok(done) => return Ok(done),
            Err(fault) => fault,
        };
        if matches!(fault, Fault::Turned) && begun.elapsed() > limit / AT_ONCE {
            until = None;
        }
        match (&fault, until) {
            // It is known who leads.
            (Fault::Turned, None) => until = Some(Instant::now() + limit),
            (Fault::Turned | Fault::Down(_), Some(end)) if Instant::now() < end => {
                sleep(limits::TURN_LOOK).await;
            }
            _ => return Err(fault),
        }
    }
}
