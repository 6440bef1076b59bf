//! Events on their way to subscribers of keyspace notifications.
//!
//! They are noted under the lock of their key's group and published without it. So that two threads can't publish one
//! key's events in the wrong order, each lane of groups is emptied by one thread at a time. A command that has events in
//! several lanes empties them together, in the order in which they were noted.

use crate::event::Event;
use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};
use crate::sync::{Mutex, MutexGuard};
use std::sync::PoisonError;

const LANES: usize = u64::BITS as usize;

/// An event, with the database and the key that it happened to.
pub type Noted = (u8, Event, Box<[u8]>);

#[derive(Default)]
struct Lane {
    /// With their turns among the events of all lanes, ascending.
    noted: Mutex<Vec<(u64, Noted)>>,
    publishing: Mutex<()>,
}

/// All lanes.
pub struct Events {
    lanes: Box<[Lane]>,
    turn: AtomicU64,
}

impl Default for Events {
    fn default() -> Self {
        Self { lanes: std::iter::repeat_with(Lane::default).take(LANES).collect(), turn: AtomicU64::new(0) }
    }
}

impl Events {
    /// Notes an event of a key whose group is locked. The bit of its lane, for [`publish`](Self::publish).
    pub fn note(&self, group: usize, event: Noted) -> u64 {
        let lane = group % LANES;
        let mut noted = self.lanes[lane].noted.lock().unwrap_or_else(PoisonError::into_inner);
        noted.push((self.turn.fetch_add(1, Relaxed), event));
        1 << lane
    }

    /// Publishes what was noted in these lanes, each in its order. When it returns, all events that were noted before are published,
    /// by this thread or another.
    pub fn publish(&self, lanes: u64, publish: impl FnMut(Noted)) {
        let chosen = || (0..LANES).filter(|lane| lanes & 1 << lane != 0).map(|lane| &self.lanes[lane]);
        // In ascending order, so that nobody waits for who waits for him.
        let publishing: Vec<MutexGuard<'_, ()>> =
            chosen().map(|lane| lane.publishing.lock().unwrap_or_else(PoisonError::into_inner)).collect();
        let take =
            |lane: &Lane| std::mem::take(&mut *lane.noted.lock().unwrap_or_else(PoisonError::into_inner));
        let mut noted: Vec<(u64, Noted)> = chosen().flat_map(take).collect();
        if publishing.len() > 1 {
            noted.sort_unstable_by_key(|(turn, _)| *turn);
        }
        noted.into_iter().map(|(_, noted)| noted).for_each(publish);
    }
}
