//! Up to 64 members with their scores, in order: what a leaf of a large sorted set holds, and, as separators, an inner node.

use crate::store::memory::class_size;

/// Most members of a run.
pub(super) const MOST: usize = 64;

/// A member and its score: the order of sorted sets.
pub type Key<'k> = (f64, &'k [u8]);

/// Members with their scores, ascending.
// What a search of equal scores reads first stands first.
#[repr(C)]
#[derive(Clone)]
pub(super) struct Run {
    len: u32,
    bytes: Vec<u8>,
    /// Where each member ends in `bytes`.
    ends: [u32; MOST],
    scores: [f64; MOST],
}

impl Default for Run {
    fn default() -> Self {
        Self { len: 0, bytes: Vec::new(), ends: [0; MOST], scores: [0.0; MOST] }
    }
}

/// Puts `value` at index `at` of the first `len` elements; those behind it move up by one.
#[inline]
pub(super) fn open_gap<T: Copy>(array: &mut [T; MOST], len: usize, at: usize, value: T) {
    array.copy_within(at..len, at + 1);
    array[at] = value;
}

impl Run {
    /// Members in it.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    /// Bytes of the members' allocation.
    pub(super) fn size(&self) -> usize {
        class_size(self.bytes.capacity())
    }

    /// Whether a member of `len` bytes may be added to a run that, of two or more, holds at most `most` bytes.
    #[inline]
    pub(super) fn has_room(&self, len: usize, most: usize) -> bool {
        self.len == 0 || (self.len() < MOST && self.bytes.len() + len <= most)
    }

    /// Whether all of another run may be added, with room to spare.
    pub(super) fn may_take(&self, other: &Self, most: usize) -> bool {
        self.len() + other.len() <= MOST * 3 / 4 && self.bytes.len() + other.bytes.len() <= most / 4 * 3
    }

    #[inline]
    fn start(&self, at: usize) -> usize {
        if at == 0 { 0 } else { self.ends[at - 1] as usize }
    }

    /// The member at an index.
    #[inline]
    pub(super) fn member(&self, at: usize) -> &[u8] {
        &self.bytes[self.start(at)..self.ends[at] as usize]
    }

    /// The score at an index.
    #[inline]
    pub(super) fn score(&self, at: usize) -> f64 {
        self.scores[at]
    }

    /// Both.
    #[inline]
    pub(super) fn key(&self, at: usize) -> Key<'_> {
        (self.scores[at], self.member(at))
    }

    #[inline]
    fn scores(&self) -> &[f64] {
        &self.scores[..self.len()]
    }

    /// Where this key stands, or where it would.
    #[inline]
    pub(super) fn search(&self, (score, member): Key<'_>) -> Result<usize, usize> {
        let scores = self.scores();
        let mut low = scores.partition_point(|&s| s < score);
        if scores.get(low).is_none_or(|&s| s != score) {
            return Err(low);
        }
        let mut high = low + scores[low..].partition_point(|&s| s <= score);
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.member(middle).cmp(member) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Ok(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }

    /// How many have a score below this one, or up to it.
    #[inline]
    pub(super) fn below_score(&self, score: f64, included: bool) -> usize {
        self.scores().partition_point(|&s| s < score || (included && s == score))
    }

    /// How many members are below this one, or up to it, where all scores are the same.
    pub(super) fn below_member(&self, member: &[u8], included: bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            let own = self.member(middle);
            if own < member || (included && own == member) { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// Adds a key at its index, see [`search`](Self::search).
    pub(super) fn insert(&mut self, at: usize, (score, member): Key<'_>) {
        let (len, start, end) = (self.len(), self.start(at), self.bytes.len());
        if self.bytes.capacity() - end < member.len() {
            let want = class_size(end + member.len() + end / 8);
            self.bytes.reserve_exact(want - end);
        }
        self.bytes.resize(end + member.len(), 0);
        self.bytes.copy_within(start..end, start + member.len());
        self.bytes[start..start + member.len()].copy_from_slice(member);
        open_gap(&mut self.scores, len, at, score);
        open_gap(&mut self.ends, len, at, start as u32);
        self.ends[at..=len].iter_mut().for_each(|end| *end += member.len() as u32);
        self.len += 1;
    }

    /// Takes the key at an index away.
    pub(super) fn remove(&mut self, at: usize) {
        let (len, start, end) = (self.len(), self.start(at), self.ends[at] as usize);
        self.bytes.copy_within(end.., start);
        self.bytes.truncate(self.bytes.len() - (end - start));
        self.scores.copy_within(at + 1..len, at);
        self.ends.copy_within(at + 1..len, at);
        self.len -= 1;
        self.ends[at..len - 1].iter_mut().for_each(|e| *e -= (end - start) as u32);
        if self.bytes.len() < self.bytes.capacity() / 4 {
            self.bytes.shrink_to(class_size(self.bytes.len()));
        }
    }

    /// Puts a key that is below all others in the place of the first one.
    pub(super) fn lower_first(&mut self) {
        self.remove(0);
        self.insert(0, (f64::NEG_INFINITY, b""));
    }

    /// Changes a score, which must keep its place in the order.
    pub(super) fn set_score(&mut self, at: usize, score: f64) {
        self.scores[at] = score;
    }

    /// Whether the member at an index, not the first or last, could have this score and keep its place.
    pub(super) fn would_stay(&self, at: usize, score: f64) -> bool {
        let key = (score, self.member(at));
        0 < at && at + 1 < self.len() && self.key(at - 1) < key && key < self.key(at + 1)
    }

    /// Takes the keys from `at` on away, as a run of their own.
    pub(super) fn split_off(&mut self, at: usize) -> Self {
        let (start, count) = (self.start(at), self.len() - at);
        let mut right = Self { len: count as u32, ..Self::default() };
        right.bytes.reserve_exact(class_size(self.bytes.len() - start));
        right.bytes.extend_from_slice(&self.bytes[start..]);
        right.scores[..count].copy_from_slice(&self.scores[at..at + count]);
        right.ends[..count].copy_from_slice(&self.ends[at..at + count]);
        right.ends[..count].iter_mut().for_each(|end| *end -= start as u32);
        self.bytes.truncate(start);
        self.bytes.shrink_to(class_size(start + start / 8));
        self.len = at as u32;
        right
    }

    /// Adds all keys of another run, which come after its own.
    pub(super) fn append(&mut self, other: &Self) {
        let (len, more, end) = (self.len(), other.len(), self.bytes.len());
        self.bytes.reserve_exact(class_size(end + other.bytes.len()) - end);
        self.bytes.extend_from_slice(&other.bytes);
        self.scores[len..len + more].copy_from_slice(other.scores());
        self.ends[len..len + more].copy_from_slice(&other.ends[..more]);
        self.ends[len..len + more].iter_mut().for_each(|e| *e += end as u32);
        self.len += other.len;
    }

    /// All keys.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = Key<'_>> {
        (0..self.len()).map(|at| self.key(at))
    }
}
