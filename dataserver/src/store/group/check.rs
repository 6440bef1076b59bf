//! For tests: whether a group's counts and its list of expiries say what its tables hold.

use super::{Slots, item};
use crate::store::hasher::Hasher;
use std::collections::BTreeSet;

impl Slots {
    /// Counts everything again and compares.
    pub(crate) fn check(&self, hasher: Hasher) {
        let (mut keys, mut expiring, mut expiries) = ([0; 16], [0; 16], BTreeSet::new());
        for (slot, dict) in self.dicts.iter().enumerate() {
            assert_eq!(dict.len(), dict.iter().count());
            for entry in dict.iter() {
                let (hash, db) = (hasher.hash(entry.key()), usize::from(entry.db()));
                assert_eq!(entry.tag(), hash.tag());
                assert!(dict.find(hash, entry.db(), entry.key()).is_some(), "an entry that can't be found");
                keys[db] += 1;
                if let Some(at) = entry.expiry() {
                    expiring[db] += 1;
                    assert!(expiries.insert(item(at, slot as u16, hash, db)), "two entries, one item");
                }
            }
        }
        assert_eq!((self.keys, self.expiring), (keys, expiring));
        assert_eq!(self.expiries, expiries);
    }
}
