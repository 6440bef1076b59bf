//! Taking many keys out of a tree at once: leaves go whole, and the inner nodes above those that stay are made anew, which
//! is next to nothing beside a way through the tree for each key.

use super::super::node::{Inner, Leaf, Nodes};
use super::super::run::MOST;
use super::{Tree, separator};
use std::ops::Range;

/// Children that a new inner node gets at most, which leaves it room.
const CHILDREN: usize = MOST * 3 / 4;

/// A node that needs a parent: the key beside it, its number, and its members.
struct Child {
    key: (f64, Vec<u8>),
    id: u32,
    count: u32,
}

impl Tree {
    /// Takes the keys of these ranks out. Each member is told to `gone` with the leaf that it was in; leaves that went whole are
    /// given back.
    pub(in super::super) fn cut(
        &mut self,
        ranks: Range<usize>,
        mut gone: impl FnMut(&[u8], u32),
    ) -> Nodes<Leaf> {
        let (mut cut, mut kept, mut rank) = (Nodes::default(), Vec::new(), 0);
        for id in self.in_order() {
            let leaf = &mut self.leaves[id];
            let len = leaf.run.len();
            let within = |bound: usize| bound.clamp(rank, rank + len) - rank;
            let range = within(ranks.start)..within(ranks.end);
            rank += len;
            range.clone().for_each(|at| gone(leaf.run.member(at), id));
            if range.len() == len {
                cut.keep(self.leaves.take(id));
            } else {
                range.rev().for_each(|at| leaf.remove(at));
                kept.push(id);
            }
        }
        self.len -= ranks.len();
        self.build(kept);
        cut
    }

    /// A tree that is only there to be freed.
    pub(in super::super) fn garbage(leaves: Nodes<Leaf>) -> Self {
        Self { leaves, ..Self::default() }
    }

    /// All leaves, with their numbers.
    pub(in super::super) fn leaves(&self) -> impl Iterator<Item = (u32, &Leaf)> {
        self.leaves.numbered()
    }

    /// The numbers of the leaves in the order of their keys.
    fn in_order(&self) -> Vec<u32> {
        let mut level = vec![self.root];
        for _ in 0..self.height {
            let inners = level.iter().map(|&id| &self.inners[id]);
            level = inners.flat_map(|inner| inner.children[..inner.run.len()].iter().copied()).collect();
        }
        level
    }

    /// Makes all inner nodes anew, above these leaves.
    fn build(&mut self, leaves: Vec<u32>) {
        (self.inners, self.height) = (Nodes::default(), 0);
        let mut level: Vec<Child> = Vec::with_capacity(leaves.len());
        for (at, &id) in leaves.iter().enumerate() {
            let run = &self.leaves[id].run;
            let left = at.checked_sub(1).map(|at| &self.leaves[leaves[at]].run);
            let key = left.map_or_else(lowest, |left| separator(left.key(left.len() - 1), run.key(0)));
            level.push(Child { key, id, count: run.len() as u32 });
        }
        while level.len() > 1 {
            level = self.level_above(level);
            self.height += 1;
        }
        self.root = match level.first() {
            Some(root) => root.id,
            None => self.leaves.add(Leaf::default()),
        };
    }

    /// Parents of nodes, filled alike.
    fn level_above(&mut self, level: Vec<Child>) -> Vec<Child> {
        let each = level.len().div_ceil(level.len().div_ceil(CHILDREN));
        let mut parents: Vec<(Inner, Child)> = Vec::with_capacity(level.len().div_ceil(each));
        for child in level {
            match parents.last_mut() {
                Some((inner, parent)) if inner.run.len() < each && inner.has_room(child.key.1.len()) => {
                    let at = inner.run.len();
                    inner.insert(at, (child.key.0, &child.key.1), child.id, child.count);
                    parent.count += child.count;
                }
                _ => {
                    let mut inner = Inner::default();
                    inner.insert(0, (f64::NEG_INFINITY, b""), child.id, child.count);
                    parents.push((inner, child));
                }
            }
        }
        parents.into_iter().map(|(inner, parent)| Child { id: self.inners.add(inner), ..parent }).collect()
    }
}

/// The key beside a first child, which is below everything.
fn lowest() -> (f64, Vec<u8>) {
    (f64::NEG_INFINITY, Vec::new())
}
