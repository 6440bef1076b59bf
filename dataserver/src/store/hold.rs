//! Slots that are held for a moment: by a transaction over several servers, or by a script that runs long.
//!
//! A hold stands beside the keys of a group, behind the same lock, and outlives the lock. Commands of others on a held
//! slot wait parked, without blocking their thread, until the hold is released or its lease is over.

use super::SLOTS_PER_GROUP;
use crate::session::Client;
use std::sync::Arc;
use std::time::Instant;

/// Who holds slots: a number that no other holder has.
pub type Owner = u64;

/// What stands in the way of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// It may try again at this time, or when it is woken.
    Until(Instant),
    /// A script runs for too long: it is refused.
    Busy {
        /// It is a function, which is ended by another command than scripts.
        is_function: bool,
    },
}

/// From when on who meets a hold is refused instead of waiting.
#[derive(Clone, Copy, Debug)]
pub struct Busy {
    /// When that is.
    pub from: Instant,
    /// A function runs, and no script.
    pub is_function: bool,
}

/// Slots of one group that are held.
pub struct Hold {
    owner: Owner,
    /// A bit for each slot of the group.
    slots: u16,
    /// When it ends by itself.
    until: Instant,
    /// `None`: others wait until its end.
    busy: Option<Busy>,
    /// Who is to be woken at its end.
    parked: Vec<Arc<Client>>,
}

/// The holds of one group.
#[derive(Default)]
pub struct Holds(Vec<Hold>);

/// The bit of a slot in its group.
pub fn bit(slot: u16) -> u16 {
    1 << (usize::from(slot) % SLOTS_PER_GROUP)
}

impl Holds {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Holds these slots until then; the owner's older hold of this group is replaced.
    pub fn add(&mut self, owner: Owner, slots: u16, until: Instant, busy: Option<Busy>) {
        let parked = self.remove(owner);
        self.0.push(Hold { owner, slots, until, busy, parked });
    }

    /// Ends the owner's hold; who is to be woken.
    pub fn remove(&mut self, owner: Owner) -> Vec<Arc<Client>> {
        let ended = self.0.extract_if(.., |hold| hold.owner == owner);
        ended.flat_map(|hold| hold.parked).collect()
    }

    /// Whether the owner holds all of these slots.
    pub fn has(&self, owner: Owner, slots: u16) -> bool {
        self.0.iter().any(|hold| hold.owner == owner && hold.slots & slots == slots)
    }

    /// What keeps others than `owner` from these slots; holds whose lease is over end here.
    pub fn obstacle(&mut self, owner: Owner, slots: u16, now: Instant) -> Option<Obstacle> {
        for hold in self.0.extract_if(.., |hold| hold.until <= now) {
            hold.parked.iter().for_each(|client| client.unpark());
        }
        let hold = self.0.iter().find(|hold| hold.owner != owner && hold.slots & slots != 0)?;
        match hold.busy {
            Some(Busy { from, is_function }) if from <= now => Some(Obstacle::Busy { is_function }),
            Some(Busy { from, .. }) => Some(Obstacle::Until(from.min(hold.until))),
            None => Some(Obstacle::Until(hold.until)),
        }
    }

    /// Has the client woken when the hold that is in its way ends.
    pub fn park(&mut self, owner: Owner, slots: u16, client: &Arc<Client>) {
        for hold in self.0.iter_mut().filter(|hold| hold.owner != owner && hold.slots & slots != 0) {
            if !hold.parked.iter().any(|other| Arc::ptr_eq(other, client)) {
                hold.parked.push(Arc::clone(client));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_hold_keeps_others_out_until_its_end() {
        let (mut holds, now) = (Holds::default(), Instant::now());
        let until = now + Duration::from_secs(1);
        holds.add(1, bit(3) | bit(4), until, None);
        assert!(holds.has(1, bit(3)) && !holds.has(1, bit(5)) && !holds.has(2, bit(3)));
        assert_eq!(holds.obstacle(2, bit(3), now), Some(Obstacle::Until(until)));
        assert_eq!(holds.obstacle(1, bit(3), now), None);
        assert_eq!(holds.obstacle(2, bit(5), now), None);
        assert_eq!(holds.obstacle(2, bit(3), until), None);
        assert!(holds.is_empty());
    }

    #[test]
    fn a_script_that_runs_too_long_makes_others_busy() {
        let (mut holds, now) = (Holds::default(), Instant::now());
        let (busy, until) = (now + Duration::from_secs(5), now + Duration::from_secs(1000));
        for is_function in [false, true] {
            holds.add(7, u16::MAX, until, Some(Busy { from: busy, is_function }));
            assert_eq!(holds.obstacle(1, 1, now), Some(Obstacle::Until(busy)));
            assert_eq!(holds.obstacle(1, 1, busy), Some(Obstacle::Busy { is_function }));
        }
        assert!(holds.remove(7).is_empty() && holds.is_empty());
    }
}
