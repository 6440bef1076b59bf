//! What the steward of a server does that leads.

use super::super::peer::{Peer, ask_all};
use super::super::{depose, leads, switch};
use super::book::Part;
use super::{HOLD, NEAR, Work, leader_of};
use crate::log::history::{epoch_of, is_kin};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

impl Work {
    pub(super) async fn lead(&mut self, part: Part) {
        let to = match &part {
            Part::Primary(_) => None,
            Part::Replica(primary, _) => Some(primary),
            Part::Nothing => self.heir.as_ref(),
        };
        if self.is_due
            && let Some(to) = to.cloned()
            && self.hand_over(&to)
        {
            return;
        }
        if self.may_ask() {
            self.meet_others(&part).await;
        }
        // Another one may have been heard to lead a later log.
        if part != Part::Nothing && leads(&self.server) {
            self.is_due &= part != Part::Primary(part.others());
            self.settle();
        }
    }

    /// To the replica that the file calls the primary, once it has nearly all. Whether that was tried.
    pub(super) fn hand_over(&mut self, primary: &str) -> bool {
        let replicas = self.server.replication.replicas.list();
        let there = replicas.iter().find(|it| it.address == primary && it.online.load(Relaxed));
        let Some(replica) = there else {
            self.say(format!("{primary} is to be the primary, and does not follow this server yet"));
            return false;
        };
        let end = self.server.log.position().1;
        let has_failed = self.failed.is_some_and(|at| at.elapsed() < HOLD);
        // Nothing is begun that would keep the server from ending.
        if replica.acked.load(Relaxed) + NEAR < end || has_failed || self.server.shutdown.is_triggered() {
            return false;
        }
        match switch::hand_over_here(&self.server, primary, HOLD) {
            Ok(done) => {
                self.is_due = !done;
                self.failed = (!done).then(Instant::now);
            }
            Err(error) => self.say(format!("{primary} is to be the primary: {}", error.text())),
        }
        true
    }

    /// Tells the others which log is led here, and hears whether one of them has a later one: then this server leads no more.
    pub(super) async fn meet_others(&mut self, part: &Part) {
        let following: Vec<String> =
            self.server.replication.replicas.list().iter().map(|it| it.address.clone()).collect();
        let others = part.others().into_iter().chain(self.heir.clone());
        let others = others.filter(|address| !following.contains(address)).collect();
        let answers = ask_all(&self.server, others).await;
        let own = Peer::of(&self.server);
        if !own.leads {
            self.asked = None;
            return;
        }
        // The file decides between those of one epoch, or of two lines. But nobody gives up what it has for one that has nothing.
        let is_primary = |address: &str| part.primary() == Some(address);
        let kin = answers.iter().filter(|(_, peer)| is_kin(&peer.history, &own.history));
        let promised = kin.map(|(_, peer)| peer.promised).max().unwrap_or(0);
        if *part == Part::Primary(part.others()) && promised > epoch_of(&own.history) {
            return self.stand_again(promised, epoch_of(&own.history));
        }
        let leader = leader_of(&answers, &own, None, part.primary());
        if let Some(address) = leader.filter(|it| own.is_new || is_primary(it)) {
            let is_new = answers.iter().any(|(at, peer)| at == address && peer.is_new);
            if !is_new || is_primary(address) {
                self.follow(address);
            }
        } else if *part == Part::Primary(part.others())
            && own.is_new
            && answers.iter().any(|(_, peer)| peer.has_log())
        {
            tracing::warn!(
                "other servers of this member have keys, and this one has none: it gets them before it leads"
            );
            depose(&self.server);
            self.is_due = true;
        }
    }

    /// Another server has voted for one that was to take over, and does not any more, or can't be asked: it follows this one only if all vote
    /// once more.
    pub(super) fn stand_again(&mut self, promised: u32, own: u32) {
        if self.server.replication.hear_of_epoch(promised, own) {
            tracing::warn!(
                promised,
                own,
                "a server of this member has voted for another one: this one asks for its vote"
            );
            depose(&self.server);
            (self.is_due, self.asked) = (true, None);
        }
    }
}
