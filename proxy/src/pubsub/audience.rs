//! Who gets a message beyond what its member counts.
//!
//! A member counts each worker's link as one subscriber of a channel, however many sessions stand behind it. What all workers of
//! this process have beyond one is kept here, so that PUBLISH and PUBSUB NUMSUB can tell the truth.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{PoisonError, RwLock};

use ringtail_protocol::glob;

use super::Kind;

/// Sessions less links, by name; only what is not 0.
type Beyond = BTreeMap<Box<[u8]>, i64>;

/// The subscribers at one member, of all workers.
#[derive(Debug, Default)]
pub(crate) struct Audience {
    beyond: [RwLock<Beyond>; 3],
    /// How many entries each has, so that who publishes touches a lock only when there are some.
    sizes: [AtomicUsize; 3],
}

impl Audience {
    /// Adds `more` to what the channel or pattern has beyond one for each link.
    pub(crate) fn add(&self, kind: Kind, name: &[u8], more: i64) {
        let mut beyond = self.beyond[kind as usize].write().unwrap_or_else(PoisonError::into_inner);
        let now = beyond.get(name).copied().unwrap_or(0) + more;
        match now {
            0 => drop(beyond.remove(name)),
            _ => drop(beyond.insert(name.into(), now)),
        }
        self.sizes[kind as usize].store(beyond.len(), Relaxed);
    }

    /// What is to be added to the member's count of those who got a message on the channel.
    pub(crate) fn of_message(&self, kind: Kind, channel: &[u8]) -> i64 {
        let patterns = if kind == Kind::Channel { self.of_patterns(channel) } else { 0 };
        self.of(kind, channel) + patterns
    }

    /// What is to be added to the member's count of the channel's subscribers.
    pub(crate) fn of(&self, kind: Kind, name: &[u8]) -> i64 {
        self.read(kind, |beyond| beyond.get(name).copied().unwrap_or(0))
    }

    fn of_patterns(&self, channel: &[u8]) -> i64 {
        self.read(Kind::Pattern, |beyond| {
            let matching = beyond.iter().filter(|(pattern, _)| glob::matches(pattern, channel));
            matching.map(|(_, more)| *more).sum()
        })
    }

    fn read(&self, kind: Kind, of: impl FnOnce(&Beyond) -> i64) -> i64 {
        match self.sizes[kind as usize].load(Relaxed) {
            0 => 0,
            _ => of(&self.beyond[kind as usize].read().unwrap_or_else(PoisonError::into_inner)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matches_is_added_up() {
        let audience = Audience::default();
        audience.add(Kind::Channel, b"news", 3);
        audience.add(Kind::Pattern, b"n*", 2);
        audience.add(Kind::Pattern, b"x*", 5);
        audience.add(Kind::Shard, b"news", 7);
        assert_eq!(audience.of_message(Kind::Channel, b"news"), 5);
        assert_eq!(audience.of_message(Kind::Channel, b"none"), 2);
        assert_eq!(audience.of_message(Kind::Shard, b"news"), 7);
        audience.add(Kind::Channel, b"news", -3);
        assert_eq!((audience.of(Kind::Channel, b"news"), audience.sizes[0].load(Relaxed)), (0, 0));
    }
}
