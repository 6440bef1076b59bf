//! Which database of clients is which database of entries, so that SWAPDB moves two numbers of each group and touches no
//! entry. What a group hands out or takes in has the clients' numbers; what stands in its tables has the entries' own.

use crate::store::DATABASES;

const BITS: u32 = DATABASES.trailing_zeros();
const MASK: u64 = DATABASES as u64 - 1;
const _: () = assert!(DATABASES.is_power_of_two() && DATABASES as u32 * BITS <= u64::BITS);

/// A number of four bits for each database, the first lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Databases(u64);

impl Default for Databases {
    /// Each is itself.
    fn default() -> Self {
        Self((0..u64::from(DATABASES)).fold(0, |all, db| all | db << (db as u32 * BITS)))
    }
}

impl Databases {
    /// The number that entries have of a database of clients.
    #[inline]
    pub(super) fn inner(self, db: u8) -> u8 {
        (self.0 >> (u32::from(db) * BITS) & MASK) as u8
    }

    /// The other way round.
    pub(super) fn outer(self, inner: u8) -> u8 {
        (0..DATABASES).find(|&db| self.inner(db) == inner).unwrap_or(inner)
    }

    /// Exchanges two databases of clients.
    pub(super) fn swap(&mut self, a: u8, b: u8) {
        let both = u64::from(self.inner(a) ^ self.inner(b));
        self.0 ^= both << (u32::from(a) * BITS) | both << (u32::from(b) * BITS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swaps_follow_each_other() {
        let (mut databases, mut model) =
            (Databases::default(), std::array::from_fn::<u8, 16, _>(|db| db as u8));
        for (a, b) in [(0, 1), (1, 15), (15, 15), (0, 15), (7, 3), (3, 0)] {
            databases.swap(a, b);
            if a != b {
                model.swap(a.into(), b.into());
            }
            for db in 0..DATABASES {
                assert_eq!(databases.inner(db), model[usize::from(db)]);
                assert_eq!(databases.outer(databases.inner(db)), db);
            }
        }
    }
}
