//! The log of what was refused, for ACL LOG.

use super::check::Reason;
use crate::reply::Reply;
use std::collections::VecDeque;

/// Refusals that are alike and no further apart than this, in milliseconds, are one entry.
const GROUPED: u64 = 60_000;
/// How many of the newest entries are compared with a new one.
const COMPARED: usize = 10;
/// The longest name of a key, channel or user that is kept, in bytes, so that 512 MB keys don't fill the memory.
const LONGEST: usize = 1024;
/// Entries that are kept unless told otherwise (`acllog-max-len`).
const ENTRIES: usize = 128;

/// Where a refused command came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// From the client.
    Toplevel,
    /// From a transaction.
    Multi,
    /// From a script.
    Lua,
}

impl Context {
    fn name(self) -> &'static str {
        match self {
            Self::Toplevel => "toplevel",
            Self::Multi => "multi",
            Self::Lua => "lua",
        }
    }
}

impl Reason {
    fn name(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Key => "key",
            Self::Auth => "auth",
            Self::Channel => "channel",
        }
    }
}

#[derive(Debug)]
struct Entry {
    count: u64,
    reason: Reason,
    context: Context,
    object: Box<[u8]>,
    user: Box<[u8]>,
    client: String,
    id: u64,
    /// Milliseconds since 1970.
    created: u64,
    updated: u64,
}

impl Entry {
    fn is_like(&self, other: &Self) -> bool {
        (self.reason, self.context) == (other.reason, other.context)
            && self.updated.abs_diff(other.updated) <= GROUPED
            && self.object == other.object
            && self.user == other.user
    }

    fn write(&self, now: u64, reply: &mut Reply<'_>) {
        let text = |name: &str, value: &[u8], reply: &mut Reply<'_>| {
            reply.bulk(name.as_bytes());
            reply.bulk(value);
        };
        let number = |name: &str, value: u64, reply: &mut Reply<'_>| {
            reply.bulk(name.as_bytes());
            reply.int(value as i64);
        };
        reply.map(10);
        number("count", self.count, reply);
        text("reason", self.reason.name().as_bytes(), reply);
        text("context", self.context.name().as_bytes(), reply);
        text("object", &self.object, reply);
        text("username", &self.user, reply);
        reply.bulk(b"age-seconds");
        reply.double(now.saturating_sub(self.updated) as f64 / 1000.0);
        text("client-info", self.client.as_bytes(), reply);
        number("entry-id", self.id, reply);
        number("timestamp-created", self.created, reply);
        number("timestamp-last-updated", self.updated, reply);
    }
}

/// What was refused, the newest first.
#[derive(Debug)]
pub struct Log {
    entries: VecDeque<Entry>,
    next: u64,
    most: usize,
    /// How often something was refused, by reason, since the start or [`reset_counts`](Self::reset_counts).
    counts: [u64; 4],
}

impl Default for Log {
    fn default() -> Self {
        Self { entries: VecDeque::new(), next: 0, most: ENTRIES, counts: [0; 4] }
    }
}

impl Log {
    /// Notes a refusal: of `object` (a command's, key's or channel's name), to `user`, asked by the client that `client` describes, at
    /// `now` in milliseconds since 1970.
    pub fn add(
        &mut self,
        reason: Reason,
        context: Context,
        object: &[u8],
        user: &[u8],
        client: String,
        now: u64,
    ) {
        self.counts[reason as usize] += 1;
        let cut = |name: &[u8]| name[..name.len().min(LONGEST)].into();
        let (object, user, id) = (cut(object), cut(user), self.next);
        let entry = Entry { count: 1, reason, context, object, user, client, id, created: now, updated: now };
        match self
            .entries
            .iter()
            .take(COMPARED)
            .position(|old| old.is_like(&entry))
            .and_then(|at| self.entries.remove(at))
        {
            Some(old) => {
                let Entry { client, updated, .. } = entry;
                self.entries.push_front(Entry { client, updated, count: old.count + 1, ..old });
            }
            None if self.most > 0 => {
                self.next += 1;
                self.entries.push_front(entry);
            }
            None => {}
        }
        self.entries.truncate(self.most);
    }

    /// Forgets all entries.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// How many entries are kept.
    pub fn most(&self) -> usize {
        self.most
    }

    /// Changes how many entries are kept.
    pub fn set_most(&mut self, most: usize) {
        self.most = most;
        self.entries.truncate(most);
    }

    /// How often something was refused for this reason.
    pub fn count(&self, reason: Reason) -> u64 {
        self.counts[reason as usize]
    }

    /// Begins to count anew.
    pub fn reset_counts(&mut self) {
        self.counts = [0; 4];
    }

    /// Answers the newest `count` entries, seen at `now`.
    pub fn write(&self, count: usize, now: u64, reply: &mut Reply<'_>) {
        let count = count.min(self.entries.len());
        reply.array(count);
        self.entries.iter().take(count).for_each(|entry| entry.write(now, reply));
    }
}
