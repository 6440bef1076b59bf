//! The pool: its topology, and each member as all workers see it.

use std::collections::BTreeMap;

use ringtail_admin::{Buckets, Family, Metrics, families};

use crate::breaker::State;
use crate::shared::Shared;
use crate::whole::servers::{Standing, standings};

/// Upper bounds of the buckets of members' durations, in seconds. Fewer than for commands: there may be a hundred members.
const BOUNDS: &[f64] =
    &[0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0];

/// Nanoseconds of the ticks that members' durations are counted in.
const TICK: f64 = 1000.0;

families! {
    /// All of this part.
    pub static FAMILIES;
    MEMBERS = Gauge "ringtail_proxy_members" []: "Members of the pool.";
    MEMBERS_UP = Gauge "ringtail_proxy_members_up" []: "Members of which the primary can be reached.";
    EPOCH = Gauge "ringtail_proxy_topology_epoch" []: "How many topologies there have been since the start, this one included.";
    RELOADS = Counter "ringtail_proxy_topology_reloads" ["outcome"]: "Contents of servers.json that were taken or refused since the start.";
    FILES = Counter "ringtail_proxy_file_reloads" ["outcome"]: "Certificates, passwords and ACL files that were read again: taken or refused.";
    UP = Gauge "ringtail_proxy_member_up" ["member", "role"]: "1 if there is a connection to the member's primary, or to a replica that is read from; nothing where none was wanted yet.";
    LANES = Gauge "ringtail_proxy_member_lanes" ["member", "role"]: "Shared connections to it, up or not.";
    LANES_UP = Gauge "ringtail_proxy_member_lanes_up" ["member", "role"]: "Those that are up.";
    IN_FLIGHT = Gauge "ringtail_proxy_member_in_flight_requests" ["member", "role"]: "How deep its lanes are: requests that it has not answered yet.";
    WAITS = Counter "ringtail_proxy_member_lane_waits" ["member", "role"]: "How often sessions began to wait for room in one of its lanes.";
    WAITED = Counter "ringtail_proxy_member_lane_wait_seconds" ["member", "role"]: "How long its lanes were so full that sessions waited.";
    DURATIONS = Histogram "ringtail_proxy_member_duration_seconds" ["member", "role"]: "How long requests took that it answered, from the turn in which they came, the time in the lane included.";
    FAULTS = Counter "ringtail_proxy_member_errors" ["member", "role"]: "Error replies that clients got because of it.";
    BREAKS = Counter "ringtail_proxy_member_breaks" ["member", "role"]: "Connections to it that broke or could not be made.";
    TIMEOUTS = Counter "ringtail_proxy_member_timeouts" ["member", "role"]: "Requests that it did not answer in time.";
    REFUSED = Counter "ringtail_proxy_member_breaker_refusals" ["member", "role"]: "Requests that its breaker refused.";
    OPENED = Counter "ringtail_proxy_member_breaker_opened" ["member", "role"]: "How often its breaker opened.";
    BREAKER = Gauge "ringtail_proxy_member_breaker_state" ["member", "role"]: "Where its breaker stands, the worst of all threads': 0 closed, 1 open, 2 a probe is on its way.";
}

pub(super) fn write(shared: &Shared, out: &mut Metrics) {
    let standings = standings(shared);
    out.one(&MEMBERS, shared.topologies.current().members().len());
    out.one(&MEMBERS_UP, standings.values().filter(|member| !member.replica && member.lanes_up > 0).count());
    topology(shared, out);
    let mut each = |family: &'static Family, value: fn(&Standing) -> u64| {
        for (name, member) in &standings {
            out.with(family, &[name, role(member)], value(member));
        }
    };
    each(&LANES, |member| member.lanes as u64);
    each(&LANES_UP, |member| member.lanes_up as u64);
    each(&IN_FLIGHT, |member| member.in_flight);
    each(&WAITS, |member| member.waits);
    each(&FAULTS, |member| member.faults);
    each(&BREAKS, |member| member.breaks);
    each(&TIMEOUTS, |member| member.timeouts);
    each(&REFUSED, |member| member.refused);
    each(&OPENED, |member| member.opened);
    each(&BREAKER, |member| breaker(member.breaker));
    times(&standings, out);
}

fn topology(shared: &Shared, out: &mut Metrics) {
    let (status, files) = (shared.watch_status(), &shared.reloads);
    out.one(&EPOCH, shared.topologies.current().epoch());
    out.with(&RELOADS, &["taken"], status.reloads);
    out.with(&RELOADS, &["refused"], status.refused);
    out.with(&FILES, &["taken"], files.taken());
    out.with(&FILES, &["refused"], files.refused());
}

fn times(standings: &BTreeMap<String, Standing>, out: &mut Metrics) {
    // A server that nobody has asked yet has no lanes, and is not down: a replica, or any where members know the users.
    for (name, member) in standings.iter().filter(|(_, member)| member.lanes > 0) {
        out.with(&UP, &[name, role(member)], member.lanes_up > 0);
    }
    for (name, member) in standings {
        out.with(&WAITED, &[name, role(member)], member.waited as f64 / 1e6);
    }
    for (name, member) in standings {
        out.histogram(&DURATIONS, &[name, role(member)], &Buckets::of(&member.durations, TICK, BOUNDS));
    }
}

fn role(member: &Standing) -> &'static str {
    if member.replica { "replica" } else { "primary" }
}

fn breaker(state: State) -> u64 {
    match state {
        State::Closed => 0,
        State::Open => 1,
        State::Probation => 2,
    }
}
