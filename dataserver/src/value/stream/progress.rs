//! How far a group has read, as far as that can be known: Redis counts entries that were ever added, and deletions by
//! name leave gaps in the count.

use super::{Group, Id, Log};

impl Log {
    /// Whether an entry after `from` may have been deleted by name.
    fn has_gaps_after(&self, from: Id) -> bool {
        !self.is_empty() && self.max_deleted != Id::MIN && from <= self.max_deleted
    }

    /// How many of all entries that were ever added come up to this id, if that can be told.
    pub fn count_up_to(&self, id: Id) -> Option<i64> {
        let added = self.added as i64;
        if self.added == 0 || (self.is_empty() && id <= self.last) {
            return Some(added);
        }
        if (id != Id::MIN && id < self.max_deleted) || id > self.last {
            return None;
        }
        if id == self.last {
            return Some(added);
        }
        let (first, gone) = (self.first_id(), added.wrapping_sub(self.len() as i64));
        if self.max_deleted != Id::MIN && self.max_deleted >= first {
            return None;
        }
        match id.cmp(&first) {
            std::cmp::Ordering::Less => Some(gone),
            std::cmp::Ordering::Equal => Some(gone.wrapping_add(1)),
            std::cmp::Ordering::Greater => None,
        }
    }

    /// How many entries a group has yet to read, if that can be told.
    pub fn lag(&self, group: &Group) -> Option<i64> {
        if self.added == 0 || self.is_empty() {
            return Some(0);
        }
        let first = self.first_id();
        if group.last < first && self.max_deleted < first {
            return Some(self.len() as i64);
        }
        let read =
            group.read.filter(|_| !self.has_gaps_after(group.last)).or_else(|| self.count_up_to(group.last));
        read.map(|read| (self.added as i64).wrapping_sub(read))
    }

    /// What the count of a group that has read up to `last` is when it reads the entry `id`, too.
    pub fn count_after(&self, last: Id, read: Option<i64>, id: Id) -> Option<i64> {
        match read {
            Some(read) if last >= self.first_id() && !self.has_gaps_after(last) => Some(read.wrapping_add(1)),
            _ if self.added > 0 => self.count_up_to(id),
            _ => read,
        }
    }
}
