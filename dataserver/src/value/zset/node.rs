//! The nodes of a large sorted set's tree, and where they are kept.

use super::run::{Key, MOST, Run, open_gap};

/// A leaf of two or more members has no more bytes than this, so that inserting one never moves much.
const LEAF_BYTES: usize = 8192;
/// The same of an inner node, so that offsets into it are numbers of 32 bits.
const INNER_BYTES: usize = 1 << 31;

/// Members in order, and a byte of each one's hash beside it, so that one is found without comparing all.
#[derive(Clone)]
pub(super) struct Leaf {
    pub(super) run: Run,
    prints: [u8; MOST],
}

impl Default for Leaf {
    fn default() -> Self {
        Self { run: Run::default(), prints: [0; MOST] }
    }
}

impl Leaf {
    /// Whether a member of `len` bytes may be added.
    #[inline]
    pub(super) fn has_room(&self, len: usize) -> bool {
        self.run.has_room(len, LEAF_BYTES)
    }

    /// Whether a member is so long that it should not be among many.
    pub(super) fn is_long(len: usize) -> bool {
        len > LEAF_BYTES / 4
    }

    /// Whether all of another leaf may be added, with room to spare.
    pub(super) fn may_take(&self, other: &Self) -> bool {
        self.run.may_take(&other.run, LEAF_BYTES)
    }

    /// Where a member stands.
    #[inline]
    pub(super) fn find(&self, print: u8, member: &[u8]) -> Option<usize> {
        self.printed(print).find(|&at| self.run.member(at) == member)
    }

    /// The indices of the members whose print this is.
    #[inline]
    pub(super) fn printed(&self, print: u8) -> impl Iterator<Item = usize> {
        memchr::memchr_iter(print, &self.prints[..self.run.len()])
    }

    pub(super) fn insert(&mut self, at: usize, key: Key<'_>, print: u8) {
        open_gap(&mut self.prints, self.run.len(), at, print);
        self.run.insert(at, key);
    }

    pub(super) fn remove(&mut self, at: usize) {
        self.prints.copy_within(at + 1..self.run.len(), at);
        self.run.remove(at);
    }

    pub(super) fn split_off(&mut self, at: usize) -> Self {
        let mut right = Self::default();
        right.prints[..self.run.len() - at].copy_from_slice(&self.prints[at..self.run.len()]);
        right.run = self.run.split_off(at);
        right
    }

    pub(super) fn append(&mut self, other: &Self) {
        let (len, more) = (self.run.len(), other.run.len());
        self.prints[len..len + more].copy_from_slice(&other.prints[..more]);
        self.run.append(&other.run);
    }
}

/// Children in order. The key beside each is a lower bound of its members and above all before them; the first one's is
/// below everything.
#[derive(Clone)]
pub(super) struct Inner {
    pub(super) run: Run,
    /// Members under each child.
    pub(super) counts: [u32; MOST],
    pub(super) children: [u32; MOST],
}

impl Default for Inner {
    fn default() -> Self {
        Self { run: Run::default(), counts: [0; MOST], children: [0; MOST] }
    }
}

impl Inner {
    /// Whether a child with a key of `len` bytes may be added.
    pub(super) fn has_room(&self, len: usize) -> bool {
        self.run.has_room(len, INNER_BYTES)
    }

    /// Whether all children of another node may be added, with room to spare.
    pub(super) fn may_take(&self, other: &Self) -> bool {
        self.run.may_take(&other.run, INNER_BYTES)
    }

    /// The child that this key is under.
    #[inline]
    pub(super) fn child(&self, key: Key<'_>) -> usize {
        match self.run.search(key) {
            Ok(at) => at,
            Err(at) => at.saturating_sub(1),
        }
    }

    /// Members under the children before this one.
    #[inline]
    pub(super) fn before(&self, child: usize) -> usize {
        self.counts[..child].iter().map(|&count| count as usize).sum()
    }

    pub(super) fn total(&self) -> usize {
        self.before(self.run.len())
    }

    pub(super) fn insert(&mut self, at: usize, key: Key<'_>, child: u32, count: u32) {
        open_gap(&mut self.children, self.run.len(), at, child);
        open_gap(&mut self.counts, self.run.len(), at, count);
        self.run.insert(at, key);
    }

    pub(super) fn remove(&mut self, at: usize) {
        self.children.copy_within(at + 1..self.run.len(), at);
        self.counts.copy_within(at + 1..self.run.len(), at);
        self.run.remove(at);
        if at == 0 && self.run.len() > 0 {
            self.run.lower_first();
        }
    }

    /// Takes the key beside the first child, to be its parent's.
    pub(super) fn take_first_key(&mut self) -> (f64, Vec<u8>) {
        let key = (self.run.score(0), self.run.member(0).to_vec());
        self.run.lower_first();
        key
    }

    pub(super) fn split_off(&mut self, at: usize) -> Self {
        let (mut right, len) = (Self::default(), self.run.len());
        right.children[..len - at].copy_from_slice(&self.children[at..len]);
        right.counts[..len - at].copy_from_slice(&self.counts[at..len]);
        right.run = self.run.split_off(at);
        right
    }

    /// Adds all children of the node behind this one; `key` is what their parent had beside it.
    pub(super) fn append(&mut self, other: &mut Self, key: Key<'_>) {
        other.run.remove(0);
        other.run.insert(0, key);
        let (len, more) = (self.run.len(), other.run.len());
        self.children[len..len + more].copy_from_slice(&other.children[..more]);
        self.counts[len..len + more].copy_from_slice(&other.counts[..more]);
        self.run.append(&other.run);
    }
}

/// Nodes by number. Each has an allocation of its own, so that growing moves pointers alone.
#[derive(Clone)]
pub(super) struct Nodes<T> {
    places: Vec<Option<Box<T>>>,
    free: Vec<u32>,
}

impl<T> Default for Nodes<T> {
    fn default() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }
}

impl<T> Nodes<T> {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().flatten().map(|node| &**node)
    }

    /// All of them, with their numbers.
    pub(super) fn numbered(&self) -> impl Iterator<Item = (u32, &T)> {
        let nodes = self.places.iter().enumerate();
        nodes.filter_map(|(id, node)| node.as_ref().map(|node| (id as u32, &**node)))
    }

    /// Adds one as it is, for nothing but to be freed.
    pub(super) fn keep(&mut self, node: Box<T>) {
        self.places.push(Some(node));
    }

    pub(super) fn add(&mut self, node: T) -> u32 {
        let node = Some(Box::new(node));
        if let Some(id) = self.free.pop() {
            self.places[id as usize] = node;
            return id;
        }
        self.places.push(node);
        // Nodes hold members: memory ends long before their numbers do.
        (self.places.len() - 1) as u32
    }

    /// Takes a node out.
    pub(super) fn take(&mut self, id: u32) -> Box<T> {
        let Some(node) = self.places[id as usize].take() else { unreachable!("a node is freed once") };
        self.free.push(id);
        node
    }
}

impl<T> std::ops::Index<u32> for Nodes<T> {
    type Output = T;

    #[inline]
    fn index(&self, id: u32) -> &T {
        let Some(node) = &self.places[id as usize] else { unreachable!("a freed node has no parent") };
        node
    }
}

impl<T> std::ops::IndexMut<u32> for Nodes<T> {
    #[inline]
    fn index_mut(&mut self, id: u32) -> &mut T {
        let Some(node) = &mut self.places[id as usize] else { unreachable!("a freed node has no parent") };
        node
    }
}
