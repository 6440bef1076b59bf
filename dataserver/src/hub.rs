//! Who is subscribed to what, and the way of a message to them.
//!
//! Channels are spread over many locks by their hash, so that publishers on many threads rarely meet. A message is put into all its
//! receivers' outboxes under its channel's lock: all of them see the messages of a channel in the same order. That takes no longer than
//! a few words for each, since nothing waits for a receiver.

use crate::session::{Client, Message};
use crate::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use crate::sync::{Mutex, MutexGuard, RwLock};
use ringtail_protocol::glob;
use ringtail_protocol::reply::Reply;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, PoisonError};

/// Locks over which the channels of a kind are spread.
const SHARDS: usize = 256;

/// What a client can subscribe to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// SUBSCRIBE
    Channel,
    /// PSUBSCRIBE
    Pattern,
    /// SSUBSCRIBE
    Shard,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Channel, Self::Pattern, Self::Shard];
}

/// The subscribers of a channel, by number, so that one of many is taken off quickly.
type Subscribers = BTreeMap<u64, Arc<Client>>;
type Channels = HashMap<Arc<[u8]>, Subscribers>;

/// The channels of one kind.
struct Shards {
    shards: Box<[Mutex<Channels>]>,
    hasher: RandomState,
}

impl Default for Shards {
    fn default() -> Self {
        let shards = std::iter::repeat_with(Mutex::default).take(SHARDS).collect();
        Self { shards, hasher: RandomState::new() }
    }
}

impl Shards {
    fn of(&self, channel: &[u8]) -> MutexGuard<'_, Channels> {
        let shard = self.hasher.hash_one(channel) as usize % SHARDS;
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Visits all channels, one lock at a time.
    fn each(&self, mut visit: impl FnMut(&Arc<[u8]>, &Subscribers)) {
        for shard in &self.shards {
            let channels = shard.lock().unwrap_or_else(PoisonError::into_inner);
            channels.iter().for_each(|(name, subscribers)| visit(name, subscribers));
        }
    }
}

/// All subscriptions of all clients.
#[derive(Default)]
pub struct Hub {
    channels: Shards,
    shard_channels: Shards,
    patterns: RwLock<BTreeMap<Arc<[u8]>, Subscribers>>,
    /// How many patterns there are, so that publishers touch their lock only when there are some.
    pattern_count: AtomicUsize,
}

impl Hub {
    fn shards(&self, kind: Kind) -> &Shards {
        if kind == Kind::Shard { &self.shard_channels } else { &self.channels }
    }

    /// Adds a client to the subscribers of a channel or pattern.
    pub fn add(&self, kind: Kind, name: &Arc<[u8]>, client: &Arc<Client>) {
        let add = |subscribers: &mut Subscribers| drop(subscribers.insert(client.id, Arc::clone(client)));
        if kind == Kind::Pattern {
            let mut patterns = self.patterns.write().unwrap_or_else(PoisonError::into_inner);
            add(patterns.entry(Arc::clone(name)).or_default());
            self.pattern_count.store(patterns.len(), Relaxed);
        } else {
            add(self.shards(kind).of(name).entry(Arc::clone(name)).or_default());
        }
    }

    /// Takes a client off: no message that is published later reaches it.
    pub fn remove(&self, kind: Kind, name: &[u8], client: &Client) {
        let is_last = |subscribers: Option<&mut Subscribers>| {
            subscribers.is_some_and(|subscribers| {
                subscribers.remove(&client.id);
                subscribers.is_empty()
            })
        };
        if kind == Kind::Pattern {
            let mut patterns = self.patterns.write().unwrap_or_else(PoisonError::into_inner);
            if is_last(patterns.get_mut(name)) {
                patterns.remove(name);
            }
            self.pattern_count.store(patterns.len(), Relaxed);
        } else {
            let mut channels = self.shards(kind).of(name);
            if is_last(channels.get_mut(name)) {
                channels.remove(name);
            }
        }
    }

    /// Sends a message to the subscribers of a channel and, unless it is a shard channel, of the patterns that match it.
    /// How many times it was sent.
    pub fn publish(&self, kind: Kind, channel: &[u8], message: &[u8]) -> usize {
        let channels = self.shards(kind).of(channel);
        let mut receivers = channels.get(channel).map_or(0, |subscribers| {
            let word: &[u8] = if kind == Kind::Shard { b"smessage" } else { b"message" };
            send(subscribers, &[word, channel, message])
        });
        if kind == Kind::Channel && self.pattern_count.load(Relaxed) > 0 {
            receivers += self.publish_to_patterns(channel, message);
        }
        receivers
    }

    fn publish_to_patterns(&self, channel: &[u8], message: &[u8]) -> usize {
        let patterns = self.patterns.read().unwrap_or_else(PoisonError::into_inner);
        let matching = patterns.iter().filter(|(pattern, _)| glob::matches(pattern, channel));
        matching
            .map(|(pattern, subscribers)| send(subscribers, &[b"pmessage", pattern, channel, message]))
            .sum()
    }

    /// The channels that have subscribers and match the pattern, in no order.
    pub fn names(&self, kind: Kind, pattern: Option<&[u8]>) -> Vec<Arc<[u8]>> {
        let mut found = Vec::new();
        self.shards(kind).each(|name, _| {
            if pattern.is_none_or(|pattern| glob::matches(pattern, name)) {
                found.push(Arc::clone(name));
            }
        });
        found
    }

    /// Shows every subscription of every client, one lock at a time.
    pub fn each_subscription(&self, mut visit: impl FnMut(Kind, &[u8], &Client)) {
        let mut show = |kind, name: &[u8], subscribers: &Subscribers| {
            subscribers.values().for_each(|client| visit(kind, name, client));
        };
        self.channels.each(|name, subscribers| show(Kind::Channel, name, subscribers));
        self.shard_channels.each(|name, subscribers| show(Kind::Shard, name, subscribers));
        let patterns = self.patterns.read().unwrap_or_else(PoisonError::into_inner);
        patterns.iter().for_each(|(name, subscribers)| show(Kind::Pattern, name, subscribers));
    }

    /// How many subscribers a channel has.
    pub fn count(&self, kind: Kind, channel: &[u8]) -> usize {
        self.shards(kind).of(channel).get(channel).map_or(0, Subscribers::len)
    }

    /// How many different patterns are subscribed to.
    pub fn pattern_count(&self) -> usize {
        self.pattern_count.load(Relaxed)
    }

    /// How many channels of a kind have subscribers.
    pub fn channel_count(&self, kind: Kind) -> usize {
        let mut count = 0;
        self.shards(kind).each(|_, _| count += 1);
        count
    }
}

fn send(subscribers: &Subscribers, parts: &[&[u8]]) -> usize {
    let mut message = Message::new(|reply: &mut Reply<'_>| {
        reply.push(parts.len());
        // Not `bulk`, which bounds replies: what is too much for its receivers is theirs to refuse.
        parts.iter().for_each(|part| reply.bulk_parts(part, b""));
    });
    subscribers.values().for_each(|client| client.send(&mut message));
    subscribers.len()
}
