//! After the member has got other servers: whether all that those of before have acknowledged is here.

use super::super::peer::{self, List};
use super::Work;
use super::book::Part;

impl Work {
    /// If the member has other servers now, writes may have been acknowledged by some of those before that are not here yet.
    pub(super) fn note_list(&mut self, before: &Part) {
        let (old, new) = (self.book.servers(before), self.book.servers(&self.part));
        if old == new {
            return;
        }
        self.target = None;
        let own = self.book.told.own.to_string();
        if !old.is_empty() {
            self.before.get_or_insert(old.into_iter().filter(|it| *it != own).collect());
        }
        let is_back = self
            .before
            .as_ref()
            .is_some_and(|before| before.len() + 1 == new.len() && before.iter().all(|it| new.contains(it)));
        if is_back {
            self.before = None;
        }
        *self.server.replication.list() = if self.before.is_some() { List::Earlier } else { List::Unknown };
    }

    /// All that was acknowledged by the servers of before is here.
    pub(super) fn settle(&mut self) {
        (self.before, self.target) = (None, None);
        *self.server.replication.list() = self.list();
    }

    pub(super) fn list(&self) -> List {
        List::of(self.book.servers(&self.part))
    }

    pub(super) fn is_settled(&self) -> bool {
        *self.server.replication.list() == self.list()
    }

    /// Hears how far the one is that it follows, if that leads by the file as it is now, and settles once that is here.
    pub(super) async fn come_to_terms(&mut self, followed: &str) {
        let (history, offset) = self.server.log.position();
        let is_there = |(log, end): &(String, u64)| *log == history && *end <= offset;
        if self.target.as_ref().is_some_and(is_there) && !self.server.replication.is_partial() {
            return self.settle();
        }
        if !self.may_ask() {
            return;
        }
        if let Ok(peer) = peer::ask(&self.server, followed).await
            && peer.leads
            && peer.list == self.list()
        {
            self.target = Some((peer.history, peer.offset));
        }
    }
}
