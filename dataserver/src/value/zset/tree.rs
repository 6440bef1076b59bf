//! A counted B+tree over (score, member): where a key is, the key of a rank and the rank of a key in O(log n).
//!
//! Members stand in the leaves, one after the other, and nowhere else; inner nodes have only as much of one as tells two
//! neighbours apart, and nothing of it where the scores do that.

mod cut;

use super::node::{Inner, Leaf, Nodes};
use super::run::{Key, MOST, Run};
use std::ops::Range;

/// Levels of inner nodes that there can ever be: neighbours have more than 24 children each on average.
const DEPTH: usize = 16;
/// A node with fewer than this is joined with a neighbour that has room.
const FEW: usize = MOST / 4;

/// The tree.
#[derive(Clone)]
pub(super) struct Tree {
    leaves: Nodes<Leaf>,
    inners: Nodes<Inner>,
    root: u32,
    /// Levels of inner nodes; the root is a leaf when there are none.
    height: usize,
    len: usize,
}

/// The way from the root to a leaf: each inner node and the child that was taken.
struct Path {
    steps: [(u32, u8); DEPTH],
    leaf: u32,
}

impl Default for Tree {
    fn default() -> Self {
        let mut leaves = Nodes::default();
        let root = leaves.add(Leaf::default());
        Self { leaves, inners: Nodes::default(), root, height: 0, len: 0 }
    }
}

/// A key above `left` and not above `right`, as short as can be.
fn separator(left: Key<'_>, right: Key<'_>) -> (f64, Vec<u8>) {
    if left.0 < right.0 {
        return (right.0, Vec::new());
    }
    let common = left.1.iter().zip(right.1).take_while(|(a, b)| a == b).count();
    (right.0, right.1[..right.1.len().min(common + 1)].to_vec())
}

impl Tree {
    /// Members in it.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// A leaf by its number.
    #[inline]
    pub(super) fn leaf(&self, id: u32) -> &Leaf {
        &self.leaves[id]
    }

    /// Allocations in it, about.
    pub(super) fn parts(&self) -> usize {
        2 * (self.leaves.len() + self.inners.len())
    }

    /// Bytes that it holds, by a sample of `most` leaves.
    pub(super) fn size_estimate(&self, most: usize) -> usize {
        let leaves = self.leaves.len();
        let sampled: usize = self.leaves.iter().take(most).map(|leaf| leaf.run.size()).sum();
        leaves * (size_of::<Leaf>() + size_of::<usize>())
            + sampled * leaves / most.min(leaves).max(1)
            + self.inners.len() * size_of::<Inner>()
    }

    fn descend(&self, key: Key<'_>) -> Path {
        let mut path = Path { steps: [(0, 0); DEPTH], leaf: self.root };
        for step in &mut path.steps[..self.height] {
            let inner = &self.inners[path.leaf];
            let at = inner.child(key);
            *step = (path.leaf, at as u8);
            path.leaf = inner.children[at];
        }
        path
    }

    /// Adds a key that is not there. Returns its leaf. Members that go from one leaf to another for it are told to `moved`.
    pub(super) fn insert(&mut self, key: Key<'_>, print: u8, mut moved: impl FnMut(&[u8], u32, u32)) -> u32 {
        let mut path = self.descend(key);
        while !self.leaves[path.leaf].has_room(key.1.len()) {
            self.split_leaf(&path, key, &mut moved);
            path = self.descend(key);
        }
        let leaf = &mut self.leaves[path.leaf];
        let (Ok(at) | Err(at)) = leaf.run.search(key);
        leaf.insert(at, key, print);
        self.len += 1;
        for &(inner, at) in &path.steps[..self.height] {
            self.inners[inner].counts[usize::from(at)] += 1;
        }
        path.leaf
    }

    /// Where a leaf without room for `key`, which belongs at `at`, is split. At the ends of the tree it stays almost full, for
    /// members that come in order.
    fn split_at(&self, path: &Path, key: Key<'_>, at: usize) -> usize {
        let (len, steps) = (self.leaves[path.leaf].run.len(), &path.steps[..self.height]);
        if len == 1 || Leaf::is_long(key.1.len()) {
            return at;
        }
        let is_last = |&(inner, at): &(u32, u8)| usize::from(at) + 1 == self.inners[inner].run.len();
        match at {
            _ if at == len && steps.iter().all(is_last) => len,
            0 if steps.iter().all(|&(_, at)| at == 0) => len.div_ceil(8),
            _ => len / 2,
        }
    }

    fn split_leaf(&mut self, path: &Path, key: Key<'_>, moved: &mut impl FnMut(&[u8], u32, u32)) {
        let (Ok(at) | Err(at)) = self.leaves[path.leaf].run.search(key);
        let cut = self.split_at(path, key, at);
        let leaf = &mut self.leaves[path.leaf];
        let left = if cut > 0 { leaf.run.key(cut - 1) } else { key };
        let right = if cut < leaf.run.len() { leaf.run.key(cut) } else { key };
        let separator = separator(left, right);
        let right = leaf.split_off(cut);
        let count = right.run.len() as u32;
        let id = self.leaves.add(right);
        self.leaves[id].run.iter().for_each(|(_, member)| moved(member, path.leaf, id));
        self.add_child(path, id, count, separator);
    }

    /// Puts a new node with `count` members, which were the one's before it, behind the end of a path.
    fn add_child(&mut self, path: &Path, child: u32, count: u32, separator: (f64, Vec<u8>)) {
        let (mut child, mut count, mut separator) = (child, count, separator);
        for &(id, at) in path.steps[..self.height].iter().rev() {
            let (inner, at) = (&mut self.inners[id], usize::from(at));
            inner.counts[at] -= count;
            let key = (separator.0, &separator.1[..]);
            let len = inner.run.len();
            if inner.has_room(key.1.len()) {
                return inner.insert(at + 1, key, child, count);
            }
            let cut = if at + 1 == len { len } else { (len / 2).max(1) };
            let mut right = inner.split_off(cut);
            if at < cut && cut < len {
                inner.insert(at + 1, key, child, count);
            } else {
                right.insert(at + 1 - cut, key, child, count);
            }
            separator = right.take_first_key();
            count = right.total() as u32;
            child = self.inners.add(right);
        }
        let mut root = Inner::default();
        root.insert(0, (f64::NEG_INFINITY, b""), self.root, self.len as u32 - count);
        root.insert(1, (separator.0, &separator.1), child, count);
        self.root = self.inners.add(root);
        self.height += 1;
    }

    /// Takes a key away, if it is there. Returns the leaf that it was in; see [`insert`](Self::insert) for `moved`.
    pub(super) fn remove(&mut self, key: Key<'_>, moved: impl FnMut(&[u8], u32, u32)) -> Option<u32> {
        let path = self.descend(key);
        let leaf = &mut self.leaves[path.leaf];
        let at = leaf.run.search(key).ok()?;
        leaf.remove(at);
        let few = leaf.run.len() < FEW;
        self.len -= 1;
        for &(inner, at) in &path.steps[..self.height] {
            self.inners[inner].counts[usize::from(at)] -= 1;
        }
        if few {
            self.join_leaf(&path, moved);
            self.join_inners(&path);
        }
        Some(path.leaf)
    }

    /// A node's neighbour and itself among their parent's children, in order, if it has one.
    fn pair(parent: &Inner, at: usize) -> Option<(usize, usize)> {
        match parent.run.len() {
            1 => None,
            len if at + 1 < len => Some((at, at + 1)),
            _ => Some((at - 1, at)),
        }
    }

    /// Joins a leaf of few members with a neighbour that has room, or takes it out when it is empty.
    fn join_leaf(&mut self, path: &Path, mut moved: impl FnMut(&[u8], u32, u32)) {
        let Some(&(parent, at)) = path.steps[..self.height].last() else { return };
        let (parent, at) = (&mut self.inners[parent], usize::from(at));
        if self.leaves[path.leaf].run.len() == 0 {
            parent.remove(at);
            self.leaves.take(path.leaf);
            return;
        }
        let Some((left, right)) = Self::pair(parent, at) else { return };
        let (left_id, right_id) = (parent.children[left], parent.children[right]);
        if !self.leaves[left_id].may_take(&self.leaves[right_id]) {
            return;
        }
        let taken = self.leaves.take(right_id);
        taken.run.iter().for_each(|(_, member)| moved(member, right_id, left_id));
        self.leaves[left_id].append(&taken);
        parent.counts[left] += parent.counts[right];
        parent.remove(right);
    }

    /// The same for the inner nodes above it, and takes a root with one child away.
    fn join_inners(&mut self, path: &Path) {
        for level in (1..self.height).rev() {
            let (id, len) = (path.steps[level].0, self.inners[path.steps[level].0].run.len());
            if len >= FEW {
                break;
            }
            let (parent, at) = (path.steps[level - 1].0, usize::from(path.steps[level - 1].1));
            if len == 0 {
                self.inners[parent].remove(at);
                self.inners.take(id);
            } else if let Some((left, right)) = Self::pair(&self.inners[parent], at) {
                self.join_pair(parent, left, right);
            }
        }
        while self.height > 0 && self.inners[self.root].run.len() == 1 {
            self.root = self.inners.take(self.root).children[0];
            self.height -= 1;
        }
    }

    fn join_pair(&mut self, parent: u32, left: usize, right: usize) {
        let children = &self.inners[parent].children;
        let (left_id, right_id) = (children[left], children[right]);
        if !self.inners[left_id].may_take(&self.inners[right_id]) {
            return;
        }
        let mut taken = self.inners.take(right_id);
        let (score, member) = self.inners[parent].run.key(right);
        let member = member.to_vec();
        self.inners[left_id].append(&mut taken, (score, &member));
        let parent = &mut self.inners[parent];
        parent.counts[left] += parent.counts[right];
        parent.remove(right);
    }

    /// Changes the score of a leaf's member if that leaves it where it is.
    pub(super) fn rescore(&mut self, leaf: u32, at: usize, score: f64) -> bool {
        let run = &mut self.leaves[leaf].run;
        let stays = run.would_stay(at, score);
        if stays {
            run.set_score(at, score);
        }
        stays
    }

    /// The number of keys before this one.
    pub(super) fn rank(&self, key: Key<'_>) -> usize {
        let mut rank = 0;
        let mut id = self.root;
        for _ in 0..self.height {
            let inner = &self.inners[id];
            let at = inner.child(key);
            rank += inner.before(at);
            id = inner.children[at];
        }
        let (Ok(at) | Err(at)) = self.leaves[id].run.search(key);
        rank + at
    }

    /// The number of keys that are below a bound, where `below` says how many of a run are.
    pub(super) fn below(&self, below: impl Fn(&Run) -> usize) -> usize {
        let mut rank = 0;
        let mut id = self.root;
        for _ in 0..self.height {
            let inner = &self.inners[id];
            let at = below(&inner.run).saturating_sub(1);
            rank += inner.before(at);
            id = inner.children[at];
        }
        rank + below(&self.leaves[id].run)
    }

    /// The leaf of the key of this rank, which is below the length, and where it stands there.
    pub(super) fn locate(&self, rank: usize) -> (&Leaf, usize) {
        let (mut rank, mut id) = (rank, self.root);
        for _ in 0..self.height {
            let inner = &self.inners[id];
            let mut at = 0;
            while rank >= inner.counts[at] as usize {
                rank -= inner.counts[at] as usize;
                at += 1;
            }
            id = inner.children[at];
        }
        (&self.leaves[id], rank)
    }

    /// Visits the keys of these ranks, which are below the length, in their order or backwards.
    pub(super) fn each<'t>(&'t self, ranks: Range<usize>, back: bool, mut visit: impl FnMut(Key<'t>)) {
        let Range { mut start, mut end } = ranks;
        while start < end {
            if back {
                let (leaf, last) = self.locate(end - 1);
                let count = (last + 1).min(end - start);
                (last + 1 - count..=last).rev().for_each(|at| visit(leaf.run.key(at)));
                end -= count;
            } else {
                let (leaf, first) = self.locate(start);
                let count = (leaf.run.len() - first).min(end - start);
                (first..first + count).for_each(|at| visit(leaf.run.key(at)));
                start += count;
            }
        }
    }
}

#[cfg(test)]
impl Tree {
    /// Checks every promise that the nodes make.
    pub(super) fn check(&self) {
        let counted = self.check_node(self.root, self.height);
        assert_eq!(counted, self.len);
        let all: usize = self.leaves.iter().map(|leaf| leaf.run.len()).sum();
        assert_eq!(all, self.len, "no leaf is lost");
    }

    fn check_node(&self, id: u32, level: usize) -> usize {
        if level == 0 {
            let run = &self.leaves[id].run;
            assert!((1..run.len()).all(|at| run.key(at - 1) < run.key(at)));
            assert!(run.len() > 0 || self.height == 0);
            return run.len();
        }
        let inner = &self.inners[id];
        for at in 0..inner.run.len() {
            let count = self.check_node(inner.children[at], level - 1);
            assert_eq!(count, inner.counts[at] as usize);
            if at > 0 {
                let start = self.rank(inner.run.key(at));
                let (first, i) = self.locate(start);
                assert!(inner.run.key(at) <= first.run.key(i));
            }
        }
        inner.total()
    }
}
