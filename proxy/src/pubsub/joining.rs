//! Subscriptions that wait to be confirmed, of all workers.
//!
//! Clients that send SUBSCRIBE on one connection, and PUBLISH on another before they have read the confirmation, are right about one
//! server: it reads the first before the second. Here a subscription may have to open a link to its member first, so what is published
//! through this proxy meanwhile waits for that.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ringtail_protocol::glob;
use tokio::sync::Notify;

use super::Kind;

/// How many wait for a topic, and the number of the first who did.
type Waiting = (usize, u64);

/// By kind and name.
type Topics = BTreeMap<(Kind, Box<[u8]>), Waiting>;

/// What waits to be confirmed.
#[derive(Debug, Default)]
pub(crate) struct Joining {
    /// So that who publishes touches the lock only when somebody waits.
    count: AtomicUsize,
    next: AtomicU64,
    topics: Mutex<Topics>,
    over: Notify,
}

impl Joining {
    /// A subscription begins to wait.
    pub(super) fn begin(&self, kind: Kind, name: &[u8]) {
        let number = self.next.fetch_add(1, Relaxed);
        self.topics().entry((kind, name.into())).or_insert((0, number)).0 += 1;
        self.count.fetch_add(1, Relaxed);
    }

    /// It waits no more.
    pub(super) fn end(&self, kind: Kind, name: &[u8]) {
        self.count.fetch_sub(1, Relaxed);
        let topic = (kind, Box::from(name));
        let mut topics = self.topics();
        if let Some((waiting, _)) = topics.get_mut(&topic) {
            *waiting -= 1;
            if *waiting == 0 {
                topics.remove(&topic);
            }
        }
        drop(topics);
        self.over.notify_waiters();
    }

    /// Whether somebody waits who would get a message on the channel.
    #[inline]
    pub(super) fn concerns(&self, kind: Kind, channel: &[u8]) -> bool {
        self.count.load(Relaxed) > 0 && self.waits(kind, channel, u64::MAX)
    }

    /// Whether somebody waits who began to before this number.
    #[cold]
    fn waits(&self, kind: Kind, channel: &[u8], before: u64) -> bool {
        let topics = self.topics();
        let is_before = |(_, number): &Waiting| *number < before;
        let patterns = (Kind::Pattern, Box::default())..(Kind::Shard, Box::default());
        topics.get(&(kind, channel.into())).is_some_and(is_before)
            || (kind == Kind::Channel
                && topics
                    .range(patterns)
                    .any(|((_, pattern), waiting)| is_before(waiting) && glob::matches(pattern, channel)))
    }

    /// Waits for those who wait already, and not for who comes later.
    pub(super) async fn settled(&self, kind: Kind, channel: &[u8]) {
        let before = self.next.load(Relaxed);
        loop {
            let over = self.over.notified();
            if !self.waits(kind, channel, before) {
                return;
            }
            over.await;
        }
    }

    fn topics(&self) -> MutexGuard<'_, Topics> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_would_get_the_message_is_waited_for() {
        let joining = Joining::default();
        assert!(!joining.concerns(Kind::Channel, b"news"));
        joining.begin(Kind::Channel, b"news");
        joining.begin(Kind::Channel, b"news");
        joining.begin(Kind::Pattern, b"a*");
        assert!(joining.concerns(Kind::Channel, b"news") && joining.concerns(Kind::Channel, b"all"));
        assert!(!joining.concerns(Kind::Shard, b"news") && !joining.concerns(Kind::Shard, b"all"));
        joining.end(Kind::Channel, b"news");
        assert!(joining.concerns(Kind::Channel, b"news"), "one more waits");
        joining.end(Kind::Channel, b"news");
        assert!(!joining.concerns(Kind::Channel, b"news"));
        let before = joining.next.load(Relaxed);
        joining.begin(Kind::Shard, b"late");
        assert!(!joining.waits(Kind::Shard, b"late", before), "it came later");
    }
}
