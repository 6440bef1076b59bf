//! Sorted sets: members with scores, in the order of scores and then of members; one packed run while small, a tree
//! with an index when large.

mod index;
pub mod large;
mod node;
mod run;
pub mod small;
mod tree;

use super::fields::Limit;
use crate::store::hasher::Hasher;
use crate::store::memory::class_size;
use large::Large;
use small::Small;
use std::ops::Range;

pub use run::Key;

/// Keys that are visited at once by those who may want to stop.
const AT_ONCE: usize = 256;

/// Up to this part of the members is quicker to move than to leave where it is,
const FEW_STAY: usize = 16;
/// and up to this one is quicker to take out one by one than by making the tree's inner nodes anew.
const FEW_GO: usize = 64;

/// A sorted set.
#[derive(Clone)]
pub enum SortedSet {
    /// Redis's `listpack`.
    Small(Small),
    /// Redis's `skiplist`.
    Large(Box<Large>),
}

impl Default for SortedSet {
    fn default() -> Self {
        Self::Small(Small::default())
    }
}

/// A score before and after an update.
pub type Change = (Option<f64>, Option<f64>);

impl SortedSet {
    /// A sorted set of these keys, which need no order but are all different.
    pub fn of<'k>(keys: impl Iterator<Item = Key<'k>>, hasher: Hasher, limit: Limit) -> Self {
        let mut set = Self::default();
        for (score, member) in keys {
            set.update(member, hasher, limit, |_| Some(score));
        }
        set
    }

    /// Members in it.
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            Self::Small(small) => small.len(),
            Self::Large(large) => large.tree.len(),
        }
    }

    /// Whether there are none; the key of such a sorted set is deleted.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Redis's name of the form.
    pub fn encoding(&self) -> &'static str {
        match self {
            Self::Small(_) => "listpack",
            Self::Large(_) => "skiplist",
        }
    }

    /// Allocations in it, about.
    pub fn parts(&self) -> usize {
        match self {
            Self::Small(_) => 1,
            Self::Large(large) => large.parts(),
        }
    }

    /// Bytes that it holds outside itself, those of a large one's members by a sample.
    pub fn size_estimate(&self) -> usize {
        match self {
            Self::Small(small) => small.size(),
            Self::Large(large) => class_size(size_of::<Large>()) + large.size_estimate(),
        }
    }

    /// A member's score.
    #[inline]
    pub fn score(&self, member: &[u8], hasher: Hasher) -> Option<f64> {
        match self {
            Self::Small(small) => small.score(member),
            Self::Large(large) => large.find(hasher.hash(member), member).map(|found| found.score),
        }
    }

    /// Gives a member the score that `decide` makes of its old one, `None` while it is not there, or leaves it when
    /// that says `None`. A score is never NaN.
    #[inline]
    pub fn update(
        &mut self,
        member: &[u8],
        hasher: Hasher,
        limit: Limit,
        decide: impl FnOnce(Option<f64>) -> Option<f64>,
    ) -> Change {
        match self {
            Self::Small(small) => {
                let old = small.score(member);
                let new = decide(old);
                if let Some(score) = new.filter(|_| new != old) {
                    self.set_in_small(old, (score, member), hasher, limit);
                }
                (old, new)
            }
            Self::Large(large) => {
                let hash = hasher.hash(member);
                let found = large.find(hash, member);
                let old = found.map(|found| found.score);
                let new = decide(old);
                match (found, new) {
                    (Some(found), Some(score)) if old != new => {
                        large.rescore(hash, member, found, score, hasher);
                    }
                    (None, Some(score)) => large.insert(hash, (score, member), hasher),
                    _ => {}
                }
                (old, new)
            }
        }
    }

    fn set_in_small(&mut self, old: Option<f64>, key: Key<'_>, hasher: Hasher, limit: Limit) {
        let Self::Small(small) = self else { return };
        if old.is_some() {
            small.remove(key.1);
        } else if key.1.len() > limit.value || small.len() >= limit.entries {
            let mut large = Box::new(spread(small, hasher));
            large.insert(hasher.hash(key.1), key, hasher);
            *self = Self::Large(large);
            return;
        }
        small.insert(key);
    }

    /// Takes a member away. Whether it was there.
    pub fn remove(&mut self, member: &[u8], hasher: Hasher) -> bool {
        match self {
            Self::Small(small) => small.remove(member),
            Self::Large(large) => {
                let hash = hasher.hash(member);
                let found = large.find(hash, member);
                if let Some(found) = found {
                    large.remove(hash, member, found, hasher);
                }
                found.is_some()
            }
        }
    }

    /// Takes away the members of these ranks. What they were in is given back where it is large, to be freed off the path.
    #[must_use = "what is given back is large"]
    pub fn remove_ranks(&mut self, ranks: Range<usize>, hasher: Hasher) -> Option<Self> {
        match self {
            Self::Small(small) => small.remove_ranks(ranks),
            // A tree of its own for the few that stay takes no more room than they need.
            Self::Large(large) if large.tree.len() - ranks.len() <= large.tree.len() / FEW_STAY => {
                let kept = Box::new(large.without(ranks, hasher));
                return Some(std::mem::replace(self, Self::Large(kept)));
            }
            Self::Large(large) if ranks.len() > large.tree.len() / FEW_GO => {
                return Some(Self::Large(Box::new(large.cut(ranks, hasher))));
            }
            Self::Large(large) => {
                for rank in ranks.rev() {
                    let (leaf, at) = large.tree.locate(rank);
                    let member = leaf.run.member(at).to_vec();
                    let hash = hasher.hash(&member);
                    if let Some(found) = large.find(hash, &member) {
                        large.remove(hash, &member, found, hasher);
                    }
                }
            }
        }
        None
    }

    /// A member's rank, the lowest score's being 0, and its score.
    pub fn rank(&self, member: &[u8], hasher: Hasher) -> Option<(usize, f64)> {
        match self {
            Self::Small(small) => {
                small.iter().enumerate().find(|(_, key)| key.1 == member).map(|(rank, key)| (rank, key.0))
            }
            Self::Large(large) => {
                let found = large.find(hasher.hash(member), member)?;
                Some((large.tree.rank((found.score, member)), found.score))
            }
        }
    }

    /// How many scores are below this one, or up to it.
    pub fn below_score(&self, score: f64, included: bool) -> usize {
        match self {
            Self::Small(small) => {
                small.iter().take_while(|key| key.0 < score || (included && key.0 == score)).count()
            }
            Self::Large(large) => large.tree.below(|run| run.below_score(score, included)),
        }
    }

    /// How many members are below this one, or up to it, where all scores are the same.
    pub fn below_member(&self, member: &[u8], included: bool) -> usize {
        match self {
            Self::Small(small) => {
                small.iter().take_while(|key| key.1 < member || (included && key.1 == member)).count()
            }
            Self::Large(large) => large.tree.below(|run| run.below_member(member, included)),
        }
    }

    /// The key of this rank.
    pub fn at(&self, rank: usize) -> Option<Key<'_>> {
        match self {
            Self::Small(small) => small.iter().nth(rank),
            Self::Large(large) if rank < large.tree.len() => {
                let (leaf, at) = large.tree.locate(rank);
                Some(leaf.run.key(at))
            }
            Self::Large(_) => None,
        }
    }

    /// Visits the keys of these ranks, which are below the length, in their order or backwards.
    #[inline]
    pub fn each<'s>(&'s self, ranks: Range<usize>, back: bool, mut visit: impl FnMut(Key<'s>)) {
        match self {
            Self::Small(small) => {
                let keys = small.iter().skip(ranks.start).take(ranks.len());
                if back {
                    keys.collect::<Vec<_>>().into_iter().rev().for_each(visit);
                } else {
                    keys.for_each(&mut visit);
                }
            }
            Self::Large(large) => large.tree.each(ranks, back, visit),
        }
    }

    /// Visits the keys of these ranks, which are below the length, in their order until `visit` says no.
    pub fn each_while<'s>(&'s self, ranks: Range<usize>, mut visit: impl FnMut(Key<'s>) -> bool) {
        let mut goes_on = true;
        for start in ranks.clone().step_by(AT_ONCE) {
            self.each(start..ranks.end.min(start + AT_ONCE), false, |key| goes_on = goes_on && visit(key));
            if !goes_on {
                return;
            }
        }
    }

    /// Visits about `count` members from a cursor on, and returns where to go on, 0 at the end; a small one is visited
    /// whole. A member that is there throughout a walk from 0 to the end is visited, whatever changes in between.
    pub fn scan<'s>(&'s self, cursor: u64, count: usize, hasher: Hasher, visit: impl FnMut(Key<'s>)) -> u64 {
        match self {
            Self::Small(small) => {
                small.iter().for_each(visit);
                0
            }
            Self::Large(large) => large.walk(cursor, count, hasher, visit),
        }
    }
}

#[cold]
fn spread(small: &Small, hasher: Hasher) -> Large {
    let mut large = Large::default();
    for key in small.iter() {
        large.insert(hasher.hash(key.1), key, hasher);
    }
    large
}

#[cfg(test)]
mod tests;
