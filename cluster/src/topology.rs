//! One immutable value: the members, the slot table derived from the ring, an epoch.

use std::collections::HashMap;

use crate::address::Address;
use crate::servers::{Member, Servers};
use crate::slot::slot_of;
use crate::table::SlotTable;

#[cfg(test)]
mod tests;

/// Who owns which slot. Replaced whole, never changed.
///
/// Members stand in the order of their names, byte by byte, so that an index into them means the same in
/// every process that read the same members, in whatever order its file had them.
#[derive(Debug)]
pub struct Topology {
    epoch: u64,
    members: Box<[Member]>,
    table: SlotTable,
    by_address: HashMap<Address, u16>,
}

impl Topology {
    /// The topology of checked members. Takes about 5 ms for 50 members.
    #[must_use]
    pub fn new(servers: Servers, epoch: u64) -> Self {
        let mut members = servers.into_members();
        members.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let weights: Vec<_> = members.iter().map(|member| (member.name.as_str(), member.weight)).collect();
        let table = SlotTable::new(&weights);
        Self { epoch, table, by_address: by_address(&members), members: members.into() }
    }

    /// Counts the topologies of this process from 1; what was read again without a change keeps its epoch.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// All members, in the order of their names; those of weight 0 too.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The slot table; its owners are indexes into [`Topology::members`].
    #[must_use]
    pub fn table(&self) -> &SlotTable {
        &self.table
    }

    /// The index of the member that owns `slot`.
    #[inline]
    #[must_use]
    pub fn owner_index(&self, slot: u16) -> usize {
        usize::from(self.table.owner(slot))
    }

    /// The member that owns `slot`.
    #[inline]
    #[must_use]
    pub fn owner(&self, slot: u16) -> &Member {
        &self.members[self.owner_index(slot)]
    }

    /// The index of the member that owns the slot of `key`.
    #[inline]
    #[must_use]
    pub fn owner_of(&self, key: &[u8]) -> usize {
        self.owner_index(slot_of(key))
    }

    /// The index of the member of this name.
    #[must_use]
    pub fn member_named(&self, name: &str) -> Option<usize> {
        self.members.binary_search_by(|member| member.name.as_str().cmp(name)).ok()
    }

    /// The index of the member that the server at `address` belongs to, as its primary or a replica.
    #[must_use]
    pub fn member_at(&self, address: &Address) -> Option<usize> {
        self.by_address.get(address).map(|index| usize::from(*index))
    }

    /// How many slots each member owns.
    #[must_use]
    pub fn slot_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.members.len()];
        self.table.owners().for_each(|owner| counts[usize::from(owner)] += 1);
        counts
    }
}

fn by_address(members: &[Member]) -> HashMap<Address, u16> {
    let servers = |member: &Member| std::iter::once(member.addr.clone()).chain(member.replicas.clone());
    let indexed = (0u16..).zip(members);
    indexed.flat_map(|(index, member)| servers(member).map(move |address| (address, index))).collect()
}
