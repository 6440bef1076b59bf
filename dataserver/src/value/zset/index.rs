//! From a member's hash to the leaf that it is in: words of a tag (32 bits of the hash) and a leaf's number, and nothing
//! else. Two words of the same tag and leaf stand for either member.
//!
//! The words are spread over parts, one more at a time (linear hashing by the tag's low bits), so that no insert moves
//! more than a few thousand of them. Inside a part they stand in the order of their tags, as in a
//! [`Table`](crate::store::table::Table).

use crate::store::table::{fitting, grown, most};

/// The parts hold this many words on average when the next one is split.
const PART: usize = 2048;
/// The tag's bits that may choose a part; the rest keep telling words apart.
const MOST_LEVEL: u32 = 20;

#[derive(Clone, Default)]
struct Part {
    /// 0 where there is none.
    words: Box<[u64]>,
    len: usize,
}

/// The index of a large sorted set.
#[derive(Clone)]
pub(super) struct Index {
    parts: Vec<Part>,
    level: u32,
    /// The parts before this one are split at this level already.
    split: usize,
    len: usize,
}

impl Default for Index {
    fn default() -> Self {
        Self { parts: vec![Part::default()], level: 0, split: 0, len: 0 }
    }
}

fn word(tag: u32, leaf: u32) -> u64 {
    u64::from(tag) << 32 | (u64::from(leaf) + 1)
}

fn tag(word: u64) -> u32 {
    (word >> 32) as u32
}

fn leaf(word: u64) -> u32 {
    word as u32 - 1
}

/// Where a tag is looked for first.
#[inline]
fn home(tag: u32, capacity: usize) -> usize {
    ((u64::from(tag) * capacity as u64) >> 32) as usize
}

#[inline]
fn next(at: usize, capacity: usize) -> usize {
    if at + 1 == capacity { 0 } else { at + 1 }
}

/// Steps from `from` forward to `to`, around the end.
fn distance(from: usize, to: usize, capacity: usize) -> usize {
    if to >= from { to - from } else { to + capacity - from }
}

impl Part {
    fn capacity(&self) -> usize {
        self.words.len()
    }

    /// The positions from a tag's home to the next gap.
    #[inline]
    fn probe(&self, tag: u32) -> impl Iterator<Item = usize> {
        let capacity = self.capacity();
        let first = home(tag, capacity);
        let place = move |i| if first + i < capacity { first + i } else { first + i - capacity };
        (0..capacity).map(place).take_while(|&at| self.words[at] != 0)
    }

    fn position(&self, word: u64) -> Option<usize> {
        self.probe(tag(word)).find(|&at| self.words[at] == word)
    }

    fn add(&mut self, word: u64) {
        if self.len + 1 > most(self.capacity()) {
            self.set_capacity(grown(self.capacity()));
        }
        self.put(word);
        self.len += 1;
    }

    fn put(&mut self, word: u64) {
        let mut at = home(tag(word), self.capacity());
        while self.words[at] != 0 {
            at = next(at, self.capacity());
        }
        self.words[at] = word;
    }

    fn set_capacity(&mut self, capacity: usize) {
        let old = std::mem::replace(&mut self.words, vec![0; capacity].into());
        old.iter().filter(|&&word| word != 0).for_each(|&word| self.put(word));
    }

    fn remove(&mut self, word: u64) {
        let Some(mut gap) = self.position(word) else { return };
        let capacity = self.capacity();
        let mut at = next(gap, capacity);
        // Words behind the gap go back over it if they can still be reached from their homes.
        while self.words[at] != 0 {
            let from_home = distance(home(tag(self.words[at]), capacity), at, capacity);
            if from_home >= distance(gap, at, capacity) {
                self.words[gap] = self.words[at];
                gap = at;
            }
            at = next(at, capacity);
        }
        self.words[gap] = 0;
        self.len -= 1;
        if self.len < capacity / 3 {
            self.set_capacity(fitting(self.len));
        }
    }

    /// The words whose tags are `from` to `to`, both included.
    fn range(&self, from: u32, to: u32) -> impl Iterator<Item = u64> {
        let capacity = self.capacity();
        let (first, last) = (home(from, capacity), home(to, capacity));
        // They stand between their homes, or behind them up to the next gap.
        (0..capacity)
            .map(move |i| {
                (i, self.words[if first + i < capacity { first + i } else { first + i - capacity }])
            })
            .take_while(move |&(i, word)| i <= last - first || word != 0)
            .map(|(_, word)| word)
            .filter(move |&word| word != 0 && (from..=to).contains(&tag(word)))
    }
}

impl Index {
    #[inline]
    fn part(&self, tag: u32) -> usize {
        let low = tag as usize & ((1 << self.level) - 1);
        if low < self.split { tag as usize & ((2 << self.level) - 1) } else { low }
    }

    /// Parts in it.
    pub(super) fn parts(&self) -> usize {
        self.parts.len()
    }

    /// Bytes that it holds.
    pub(super) fn size(&self) -> usize {
        self.parts.iter().map(|part| size_of::<Part>() + 8 * part.capacity()).sum()
    }

    /// The leaves that a member of this tag may be in.
    #[inline]
    pub(super) fn leaves(&self, wanted: u32) -> impl Iterator<Item = u32> {
        let part = &self.parts[self.part(wanted)];
        part.probe(wanted).map(|at| part.words[at]).filter(move |&word| tag(word) == wanted).map(leaf)
    }

    /// Adds a member's word.
    pub(super) fn add(&mut self, tag: u32, leaf: u32) {
        self.len += 1;
        if self.len > PART * 2 && self.len > self.parts.len() * PART && self.level < MOST_LEVEL {
            self.split_one();
        }
        let part = self.part(tag);
        self.parts[part].add(word(tag, leaf));
    }

    /// Takes a member's word away.
    pub(super) fn remove(&mut self, tag: u32, leaf: u32) {
        let part = self.part(tag);
        self.parts[part].remove(word(tag, leaf));
        self.len -= 1;
    }

    /// Notes that a member is in another leaf now.
    pub(super) fn relocate(&mut self, tag: u32, from: u32, to: u32) {
        let part = self.part(tag);
        let part = &mut self.parts[part];
        if let Some(at) = part.position(word(tag, from)) {
            part.words[at] = word(tag, to);
        }
    }

    #[cold]
    fn split_one(&mut self) {
        let old = std::mem::take(&mut self.parts[self.split]);
        self.parts.push(Part::default());
        self.split += 1;
        if self.split == 1 << self.level {
            self.level += 1;
            self.split = 0;
        }
        for &word in old.words.iter().filter(|&&word| word != 0) {
            let part = self.part(tag(word));
            self.parts[part].add(word);
        }
    }

    /// Visits about `count` words, each as its tag and leaf, from a cursor on, and returns where to go on, 0 at the end. A word
    /// that is there throughout a walk from 0 to the end is visited, whatever comes and goes in between.
    ///
    /// A cursor is a part's tag bits reversed, so that both halves of a part that is split stand in its place, and below
    /// them the tag to go on from.
    pub(super) fn walk(&self, cursor: u64, count: usize, mut visit: impl FnMut(u32, u32)) -> u64 {
        const END: u64 = 1 << 32;
        let (mut place, mut at, mut seen) = (cursor >> 32, cursor % END, 0);
        loop {
            let number = self.part((place as u32).reverse_bits());
            let part = &self.parts[number];
            // As many tags at once as should stand for `count` words.
            let step = (u128::from(END) * count.max(1) as u128).div_ceil(part.len.max(1) as u128);
            let step = step.min(u128::from(END)) as u64;
            while at < END && seen < count.max(1) && part.len > 0 {
                let to = (at + step - 1).min(END - 1);
                for word in part.range(at as u32, to as u32) {
                    visit(tag(word), leaf(word));
                    seen += 1;
                }
                at = to + 1;
            }
            if at < END && part.len > 0 {
                return place << 32 | at;
            }
            let bits = self.level + u32::from(number < self.split || number >= 1 << self.level);
            let width = END >> bits;
            place = (place / width + 1) * width;
            at = 0;
            if place >= END {
                return 0;
            }
            if seen >= count.max(1) {
                return place << 32;
            }
        }
    }
}
