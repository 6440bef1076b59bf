//! What is done when the locks are given up: keyspace notifications are published, and clients in BCAST mode are told.

use crate::event::{Channels, Class};
use crate::hub::Kind;
use crate::server::Server;
use crate::store::after::After;
use crate::store::events::Noted;
use std::sync::atomic::Ordering::Relaxed;

impl Server {
    /// Tells of what a command, a sweep or an eviction did, without any lock and before anybody has a reply.
    pub fn tell(&self, after: &After) {
        if after.lanes != 0 {
            let channels = self.notifications().1;
            self.store.events.publish(after.lanes, |noted| self.publish(channels, noted));
        }
        if !after.changed.is_empty() {
            self.listeners.broadcast(&after.changed, after.by);
        }
        if after.tracks_too_much {
            self.store.limit_tracked();
        }
    }

    fn publish(&self, channels: Channels, (db, event, key): Noted) {
        let (name, db) = (event.name.as_bytes(), itoa::Buffer::new().format(db).to_owned());
        let channel = |prefix: &[u8], last: &[u8]| [prefix, db.as_bytes(), b"__:", last].concat();
        if channels.contains(Channels::KEYSPACE) {
            self.hub.publish(Kind::Channel, &channel(b"__keyspace@", &key), name);
        }
        if channels.contains(Channels::KEYEVENT) {
            self.hub.publish(Kind::Channel, &channel(b"__keyevent@", name), &key);
        }
    }

    /// Which events are published, and in which channels.
    pub fn notifications(&self) -> (Class, Channels) {
        let bits = self.settings.notifications.load(Relaxed);
        (Class::from_bits_truncate(bits), Channels::from_bits_truncate(bits))
    }

    /// Changes which events are published.
    pub fn notify(&self, classes: Class, channels: Channels) {
        self.settings.notifications.store(classes.bits() | channels.bits(), Relaxed);
        self.store.set_published(if channels.is_empty() { Class::empty() } else { classes });
    }
}
