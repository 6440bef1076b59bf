//! What is known of each member: INFO servers, and RINGTAIL MEMBERS.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::PoisonError;
use std::sync::atomic::Ordering::Relaxed;

use ringtail_protocol::stats::Sum;

use super::one_line;
use crate::breaker::State;
use crate::member::Sight;
use crate::see::percentiles;
use crate::shared::Shared;

/// What all workers see of one member.
#[derive(Default)]
pub(crate) struct Standing {
    pub(crate) addr: String,
    pub(crate) lanes: usize,
    pub(crate) lanes_up: usize,
    pub(crate) in_flight: u64,
    pub(crate) faults: u64,
    pub(crate) breaks: u64,
    pub(crate) timeouts: u64,
    pub(crate) refused: u64,
    pub(crate) opened: u64,
    pub(crate) waits: u64,
    /// In microseconds.
    pub(crate) waited: u64,
    pub(crate) breaker: State,
    pub(crate) replica: bool,
    unusable: bool,
    latency: u64,
    /// How long its requests took, from the time that they came to the proxy.
    pub(crate) durations: Sum,
    pub(crate) last_error: String,
}

/// All members, by name.
pub(crate) fn standings(shared: &Shared) -> BTreeMap<String, Standing> {
    let mut members: BTreeMap<String, Standing> = BTreeMap::new();
    for sight in shared.sights() {
        members.entry(sight.name.clone()).or_default().add(&sight);
    }
    leave_out_leaders(&mut members);
    members
}

/// While a member turns, workers that have not heard of it have its new primary for a replica still: each server is told of once.
fn leave_out_leaders(members: &mut BTreeMap<String, Standing>) {
    let lead: Vec<String> = members.values().filter(|it| !it.replica).map(|it| it.addr.clone()).collect();
    members.retain(|_, it| !it.replica || !lead.contains(&it.addr));
}

impl Standing {
    fn add(&mut self, sight: &Sight) {
        self.addr = sight.leader.now().to_string();
        self.lanes += sight.lanes.load(Relaxed);
        self.lanes_up += sight.lanes_up.load(Relaxed);
        self.in_flight = self.in_flight.wrapping_add(sight.in_flight.load(Relaxed));
        self.faults += sight.faults.load(Relaxed);
        self.breaks += sight.breaks.load(Relaxed);
        self.timeouts += sight.timeouts.load(Relaxed);
        self.refused += sight.refused.load(Relaxed);
        self.opened += sight.opened.load(Relaxed);
        self.waits += sight.waits.load(Relaxed);
        self.waited += sight.waited.load(Relaxed);
        self.breaker = self.breaker.max(sight.breaker());
        self.replica = sight.leader.is_replica();
        self.unusable |= sight.unusable.load(Relaxed);
        self.latency = self.latency.max(sight.latency.load(Relaxed));
        self.durations.add(&sight.durations);
        let error = sight.last_error.lock().unwrap_or_else(PoisonError::into_inner);
        if !error.is_empty() {
            self.last_error = one_line(&error);
        }
    }

    /// Whether it can be reached.
    pub(crate) fn state(&self) -> &'static str {
        match (self.lanes, self.lanes_up) {
            // A replica that nobody reads from.
            (0, _) => "idle",
            (_, 0) => "down",
            _ => "up",
        }
    }

    /// What it is to its member.
    fn role(&self) -> &'static str {
        match (self.replica, self.unusable) {
            (false, _) => "primary",
            (true, false) => "replica",
            (true, true) => "unusable-replica",
        }
    }

    /// Where its breaker stands.
    pub(crate) fn breaker(&self) -> &'static str {
        self.breaker.name()
    }
}

pub(super) fn servers(shared: &Shared, text: &mut String) {
    let slots = shared.topologies.current();
    let counts = slots.slot_counts();
    for (index, (name, member)) in standings(shared).into_iter().enumerate() {
        let owned = slots.member_named(&name).map_or(0, |at| counts[at]);
        let _ = write!(
            text,
            "server{index}:name={name},addr={},role={},latency_us={},state={},breaker={},slots={owned},lanes={},lanes_up={},in_flight={},faults={},breaks={},timeouts={},refused={},breaker_opened={},requests={},{},last_error={}\r\n",
            member.addr,
            member.role(),
            member.latency,
            member.state(),
            member.breaker.name(),
            member.lanes,
            member.lanes_up,
            member.in_flight,
            member.faults,
            member.breaks,
            member.timeouts,
            member.refused,
            member.opened,
            member.durations.total(),
            percentiles(&member.durations),
            member.last_error
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leads_is_no_replica() {
        let standing =
            |addr: &str, replica| Standing { addr: addr.to_owned(), replica, ..Standing::default() };
        let mut members = BTreeMap::from([
            ("a".to_owned(), standing("h:2", false)),
            ("a/replica0".to_owned(), standing("h:2", true)),
            ("a/replica1".to_owned(), standing("h:1", true)),
            ("b".to_owned(), standing("h:3", false)),
        ]);
        leave_out_leaders(&mut members);
        assert_eq!(members.keys().collect::<Vec<_>>(), ["a", "a/replica1", "b"]);
    }
}
