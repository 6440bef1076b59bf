//! What changes from one topology to another: for the log line at a reload, and for whoever asks beforehand.

use std::fmt;

use crate::servers::Member;
use crate::slot::SLOTS;
use crate::topology::Topology;

#[cfg(test)]
mod tests;

/// The difference of two topologies. Members are the same when their names are.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Members of the new topology alone.
    pub added: Vec<Member>,
    /// Members of the old topology alone.
    pub removed: Vec<Member>,
    /// Members of both that differ, as they were and as they are.
    pub changed: Vec<(Member, Member)>,
    /// Slots whose owner differs, in ascending order.
    pub moves: Vec<Move>,
}

/// One slot's change of owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// The slot.
    pub slot: u16,
    /// Its owner so far, an index into the old topology's members.
    pub from: u16,
    /// Its owner from now on, an index into the new topology's members.
    pub to: u16,
}

impl Plan {
    /// What changes from `old` to `new`.
    #[must_use]
    pub fn between(old: &Topology, new: &Topology) -> Self {
        Self {
            added: missing(new, old),
            removed: missing(old, new),
            changed: changed(old, new),
            moves: moves(old, new),
        }
    }

    /// Whether the two topologies route and are connected to alike.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The members of `some` that `others` has not.
fn missing(some: &Topology, others: &Topology) -> Vec<Member> {
    some.members().iter().filter(|member| others.member_named(&member.name).is_none()).cloned().collect()
}

fn changed(old: &Topology, new: &Topology) -> Vec<(Member, Member)> {
    let both = new.members().iter().filter_map(|now| {
        let was = &old.members()[old.member_named(&now.name)?];
        Some((was, now))
    });
    both.filter(|(was, now)| was != now).map(|(was, now)| (was.clone(), now.clone())).collect()
}

fn moves(old: &Topology, new: &Topology) -> Vec<Move> {
    let heirs: Vec<_> = old.members().iter().map(|member| new.member_named(&member.name)).collect();
    let owners = old.table().owners().zip(new.table().owners());
    (0u16..)
        .zip(owners)
        .filter(|(_, (from, to))| heirs[usize::from(*from)] != Some(usize::from(*to)))
        .map(|(slot, (from, to))| Move { slot, from, to })
        .collect()
}

/// One line, such as `added c (10.0.0.3:3000), removed b, 5461 of 16384 slots move`.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for member in &self.added {
            write!(f, "added {} ({}), ", member.name, member.addr)?;
        }
        for member in &self.removed {
            write!(f, "removed {}, ", member.name)?;
        }
        for (was, now) in &self.changed {
            write_change(f, was, now)?;
        }
        write!(f, "{} of {SLOTS} slots move", self.moves.len())
    }
}

fn write_change(f: &mut fmt::Formatter<'_>, was: &Member, now: &Member) -> fmt::Result {
    if was.addr != now.addr {
        write!(f, "re-addressed {} from {} to {}, ", now.name, was.addr, now.addr)?;
    }
    if was.weight != now.weight {
        write!(f, "weight of {} from {} to {}, ", now.name, was.weight, now.weight)?;
    }
    if was.replicas != now.replicas {
        write!(f, "replicas of {} changed, ", now.name)?;
    }
    Ok(())
}
