//! Events on their way to subscribers of keyspace notifications.
//!
//! They are noted under the lock of their key's group and published without it. So that two threads can't publish one
//! key's events in the wrong order, each lane of groups is emptied by one thread at a time.

use crate::event::Event;
use std::sync::{Mutex, PoisonError};

const LANES: usize = u64::BITS as usize;

/// An event, with the database and the key that it happened to.
pub type Noted = (u8, Event, Box<[u8]>);

#[derive(Default)]
struct Lane {
    noted: Mutex<Vec<Noted>>,
    publishing: Mutex<()>,
}

/// All lanes.
pub struct Events {
    lanes: Box<[Lane]>,
}

impl Default for Events {
    fn default() -> Self {
        Self { lanes: std::iter::repeat_with(Lane::default).take(LANES).collect() }
    }
}

impl Events {
    /// Notes an event of a key whose group is locked. The bit of its lane, for [`publish`](Self::publish).
    pub fn note(&self, group: usize, event: Noted) -> u64 {
        let lane = group % LANES;
        self.lanes[lane].noted.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        1 << lane
    }

    /// Publishes what was noted in these lanes, each in its order. When it returns, all events that were noted before are published,
    /// by this thread or another.
    pub fn publish(&self, lanes: u64, mut publish: impl FnMut(Noted)) {
        for (at, lane) in self.lanes.iter().enumerate() {
            if lanes & 1 << at != 0 {
                let _publishing = lane.publishing.lock().unwrap_or_else(PoisonError::into_inner);
                let noted = std::mem::take(&mut *lane.noted.lock().unwrap_or_else(PoisonError::into_inner));
                noted.into_iter().for_each(&mut publish);
            }
        }
    }
}
