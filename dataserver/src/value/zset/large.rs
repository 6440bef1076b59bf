//! A large sorted set: a tree in the order of scores, and an index that finds a member's leaf.

use super::index::Index;
use super::run::Key;
use super::tree::Tree;
use crate::store::dict::Hash;
use crate::store::hasher::Hasher;
use std::ops::Range;

/// Leaves looked at when the size of all is estimated.
const SAMPLE: usize = 16;

/// A large sorted set.
#[derive(Clone, Default)]
pub struct Large {
    pub(super) tree: Tree,
    index: Index,
}

/// A member that was found: its leaf, its place there, its score.
#[derive(Clone, Copy)]
pub(super) struct Found {
    leaf: u32,
    at: usize,
    pub(super) score: f64,
}

/// The bits of a member's hash that the index has.
fn tag(hash: Hash) -> u32 {
    (hash.0 >> 32) as u32
}

/// The bits of them that leaves have.
fn print(tag: u32) -> u8 {
    tag as u8
}

impl Large {
    /// Where a member is.
    #[inline]
    pub(super) fn find(&self, hash: Hash, member: &[u8]) -> Option<Found> {
        let tag = tag(hash);
        self.index.leaves(tag).find_map(|id| {
            let leaf = self.tree.leaf(id);
            leaf.find(print(tag), member).map(|at| Found { leaf: id, at, score: leaf.run.score(at) })
        })
    }

    /// Adds a member that is not there.
    pub(super) fn insert(&mut self, hash: Hash, key: Key<'_>, hasher: Hasher) {
        let Self { tree, index } = self;
        let moved = |member: &[u8], from, to| index.relocate(tag(hasher.hash(member)), from, to);
        let leaf = tree.insert(key, print(tag(hash)), moved);
        index.add(tag(hash), leaf);
    }

    /// Takes a member away that was found.
    pub(super) fn remove(&mut self, hash: Hash, member: &[u8], found: Found, hasher: Hasher) {
        let Self { tree, index } = self;
        // Before members move between leaves: then its word says the leaf that it is in.
        index.remove(tag(hash), found.leaf);
        let moved = |member: &[u8], from, to| index.relocate(tag(hasher.hash(member)), from, to);
        tree.remove((found.score, member), moved);
    }

    /// Another one of the members outside these ranks.
    pub(super) fn without(&self, ranks: Range<usize>, hasher: Hasher) -> Self {
        let mut kept = Self::default();
        for range in [0..ranks.start, ranks.end..self.tree.len()] {
            self.tree.each(range, false, |key| kept.insert(hasher.hash(key.1), key, hasher));
        }
        kept
    }

    /// Takes the members of these ranks away. What they were in is given back, to be freed.
    pub(super) fn cut(&mut self, ranks: Range<usize>, hasher: Hasher) -> Self {
        let Self { tree, index } = self;
        let mut old = Index::default();
        let most_go = ranks.len() > tree.len() / 2;
        if most_go {
            std::mem::swap(index, &mut old);
        }
        let leaves = tree.cut(ranks, |member, leaf| {
            if !most_go {
                index.remove(tag(hasher.hash(member)), leaf);
            }
        });
        if most_go {
            for (id, leaf) in tree.leaves() {
                leaf.run.iter().for_each(|(_, member)| index.add(tag(hasher.hash(member)), id));
            }
        }
        Self { tree: Tree::garbage(leaves), index: old }
    }

    /// Gives a member that was found another score.
    pub(super) fn rescore(&mut self, hash: Hash, member: &[u8], found: Found, score: f64, hasher: Hasher) {
        if !self.tree.rescore(found.leaf, found.at, score) {
            self.remove(hash, member, found, hasher);
            self.insert(hash, (score, member), hasher);
        }
    }

    /// Visits about `count` members from a cursor on, and returns where to go on, see [`Index::walk`].
    pub(super) fn walk<'s>(
        &'s self,
        cursor: u64,
        count: usize,
        hasher: Hasher,
        mut visit: impl FnMut(Key<'s>),
    ) -> u64 {
        self.index.walk(cursor, count, |wanted, leaf| {
            let leaf = self.tree.leaf(leaf);
            let keys = leaf.printed(print(wanted)).map(|at| leaf.run.key(at));
            keys.filter(|(_, member)| tag(hasher.hash(member)) == wanted).for_each(&mut visit);
        })
    }

    /// Allocations in it, about.
    pub(super) fn parts(&self) -> usize {
        self.tree.parts() + self.index.parts()
    }

    /// Bytes that it holds, those of members by a sample.
    pub(super) fn size_estimate(&self) -> usize {
        self.tree.size_estimate(SAMPLE) + self.index.size()
    }
}
