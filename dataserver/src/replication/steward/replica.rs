//! What the steward of a server does that follows, or is to.

use super::super::peer::{self, Peer, ask_all};
use super::super::promise;
use super::super::takeover::{self, Electorate};
use super::book::Part;
use super::{ASK, PATIENCE, Work};
use crate::log::history::is_later;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

impl Work {
    /// Follows the one that it has voted for, once that leads; whether it does so from now on.
    pub(super) async fn keep_promise(&mut self, followed: Option<&str>) -> bool {
        let Some(promise) = promise::of(&self.server) else { return false };
        if self.promise_asked.is_some_and(|asked| asked.elapsed() < ASK) {
            return false;
        }
        self.promise_asked = Some(Instant::now());
        let to = promise.to.clone();
        let is_new = promise::look_after(&self.server, promise).await && followed != Some(&to);
        if is_new {
            self.follow(&to);
        }
        is_new
    }

    /// It neither leads nor follows: it has been started, or was replaced.
    pub(super) async fn begin(&mut self) {
        if !self.may_ask() {
            return;
        }
        let answers = ask_all(&self.server, self.part.others()).await;
        let own = Peer::of(&self.server);
        if let Some(address) = self.leader(&answers) {
            self.follow(address);
            return;
        }
        let replaced = self.server.replication.replaced.load(Relaxed);
        let is_later = |(_, peer): &(String, Peer)| is_later(&peer.history, &own.history);
        match &self.part {
            Part::Primary(_) if !replaced || self.is_due => self.try_to_lead(1).await,
            // Who replaced it is gone, and what that had acknowledged is there.
            Part::Primary(_) if answers.iter().any(is_later) => self.end_the_interregnum("").await,
            Part::Replica(primary, _) => self.follow(&primary.clone()),
            _ => {
                self.say("this server was replaced, and no other of its member says that it leads".to_owned())
            }
        }
    }

    /// The primary hands over by itself; one that can't be reached is done without.
    pub(super) async fn wait_to_lead(&mut self, followed: &str, in_touch: bool) {
        if in_touch {
            self.in_touch = Instant::now();
        }
        let is_own = self.part.others().iter().any(|it| it == followed);
        if !is_own && self.book.has(followed) {
            // It goes on with its own keys, and this server with a copy of them.
            self.before = None;
        }
        if self.is_due && self.may_ask() {
            if self.follow_the_leader(followed).await {
                return;
            }
            let hands_over =
                is_own || self.before.as_ref().is_some_and(|it| it.iter().any(|it| it == followed));
            if in_touch && !hands_over && self.failed.is_none_or(|at| at.elapsed() > PATIENCE) {
                // It is not of this member, and will not.
                return self.try_to_lead(1).await;
            }
        }
        if self.in_touch.elapsed() < PATIENCE {
            return;
        }
        self.in_touch = Instant::now();
        match self.is_due {
            true => self.try_to_lead(1).await,
            // What is followed outside of the member was an operator's word.
            false if is_own => self.end_the_interregnum(followed).await,
            false => {}
        }
    }

    /// The file was obeyed long ago, and whom is followed since has no primary. As nobody says now who is to lead, all have to be there, so that
    /// none leads behind a link that is cut.
    pub(super) async fn end_the_interregnum(&mut self, followed: &str) {
        let others = self.part.others();
        let answers = ask_all(&self.server, others.clone()).await;
        match self.leader(&answers) {
            Some(address) if address == followed => {
                let text = format!("{address} leads, and this server has no link to it");
                return self.say(text);
            }
            Some(address) => return self.follow(address),
            None => {}
        }
        let silent: Vec<_> =
            others.iter().filter(|it| !answers.iter().any(|(address, _)| address == *it)).cloned().collect();
        match silent.is_empty() {
            true => self.try_to_lead(others.len() + 1).await,
            false => self.say(format!(
                "no server of this member leads; it may be {}, which does not answer: waiting for it, or for an edit of servers.json",
                silent.join(" or ")
            )),
        }
    }

    /// It is the one that leads that hands over, and only to who follows it, not to who follows a replica of it. Whether another one is followed
    /// now.
    pub(super) async fn follow_the_leader(&mut self, followed: &str) -> bool {
        let answers = ask_all(&self.server, self.part.others()).await;
        let leader = self.leader(&answers).filter(|address| *address != followed);
        if let Some(address) = leader {
            self.follow(address);
        }
        leader.is_some()
    }

    /// With the votes of so many servers at least, this one's too.
    pub(super) async fn try_to_lead(&mut self, least: usize) {
        let electorate = Electorate {
            others: self.part.others(),
            before: self.before.clone(),
            list: self.list(),
            ack: self.book.told.ack,
            least,
        };
        match takeover::take_over(&self.server, &electorate, self.number).await {
            Ok(()) => self.is_due = false,
            Err(why) => {
                self.failed = Some(Instant::now());
                self.say(format!("this server is to be the primary, and can't be yet: {why}"));
            }
        }
    }

    /// Follows the file's primary, once that leads; and whoever leads, if whom it follows is gone.
    pub(super) async fn move_to(&mut self, primary: &str, followed: &str, in_touch: bool) {
        if in_touch {
            self.in_touch = Instant::now();
        }
        if primary == followed {
            self.is_due = false;
        }
        // What is followed outside of the member was an operator's word.
        let is_lost =
            self.in_touch.elapsed() > PATIENCE && self.part.others().iter().any(|it| it == followed);
        if !(self.is_due || is_lost) || !self.may_ask() {
            return;
        }
        if is_lost && self.follow_the_leader(followed).await {
            return;
        }
        let own = Peer::of(&self.server);
        if !self.is_due {
            return;
        }
        let may_follow = |peer: &Peer| {
            let is_free = promise::against(&self.server, primary, &peer.history).is_none();
            peer.leads && is_free && !peer.is_behind(&own)
        };
        if peer::ask(&self.server, primary).await.is_ok_and(|peer| may_follow(&peer)) {
            self.follow(primary);
        } else if self.taken.elapsed() > PATIENCE {
            self.say(format!(
                "{primary} is to be the primary, and does not lead yet: {followed} is followed until then"
            ));
        }
    }
}
