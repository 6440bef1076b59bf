//! An open-addressed table of entries: one 8-byte word each, nothing beside it.
//!
//! A word holds the entry's 16-bit tag and its address. The tag alone gives the home position, scaled to
//! the capacity, so that growing never looks at an entry, any capacity will do, and a walk by ascending tag visits
//! each entry once however the table grows meanwhile (which is what SCAN promises).
//! Linear probing; removal shifts later entries back, so that there are no tombstones.

use super::entry::Entry;

/// What a table holds: a pointer to a key, and its tag within the pointer.
pub trait Tagged {
    /// The top 16 bits of the key's hash.
    fn tag(&self) -> u16;
    /// The key.
    fn key(&self) -> &[u8];
}

/// A table of at most a few thousand entries (a [`Dict`](super::dict::Dict) splits larger ones).
pub struct Table<E = Entry> {
    words: Box<[Option<E>]>,
    len: u32,
}

impl<E> Default for Table<E> {
    fn default() -> Self {
        Self { words: Box::default(), len: 0 }
    }
}

const SMALLEST: usize = 4;

impl<E: Tagged> Table<E> {
    /// Entries in the table.
    #[inline]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The entry with this tag for which `is` says yes.
    #[inline]
    pub fn find(&self, tag: u16, is: impl Fn(&E) -> bool) -> Option<&E> {
        self.position(tag, is).and_then(|at| self.words[at].as_ref())
    }

    /// The same, to be changed. Its key's tag must stay the same.
    #[inline]
    pub fn find_mut(&mut self, tag: u16, is: impl Fn(&E) -> bool) -> Option<&mut E> {
        let at = self.position(tag, is)?;
        self.words[at].as_mut()
    }

    /// Where this entry stands, until the table changes.
    #[inline]
    pub fn position(&self, tag: u16, is: impl Fn(&E) -> bool) -> Option<usize> {
        let words = &*self.words;
        if words.is_empty() {
            return None;
        }
        let mut at = home(tag, words.len());
        loop {
            match &words[at] {
                None => return None,
                Some(entry) if entry.tag() == tag && is(entry) => return Some(at),
                Some(_) => at = next(at, words.len()),
            }
        }
    }

    /// The entry at a position from [`position`](Self::position).
    #[inline]
    pub fn at(&self, at: usize) -> Option<&E> {
        self.words.get(at)?.as_ref()
    }

    /// The same, to be changed.
    #[inline]
    pub fn at_mut(&mut self, at: usize) -> Option<&mut E> {
        self.words.get_mut(at)?.as_mut()
    }

    /// Adds an entry whose key is not there, and gives it back to be changed.
    pub fn insert(&mut self, entry: E) -> &mut E {
        if self.is_full() {
            self.grow();
        }
        self.len += 1;
        let at = free(&self.words, entry.tag());
        self.words[at].insert(entry)
    }

    /// Whether the next entry makes it grow.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.len() + 1 > most(self.words.len())
    }

    /// Makes room for more entries.
    pub fn grow(&mut self) {
        self.set_capacity(grown(self.words.len()));
    }

    /// Takes an entry out.
    pub fn remove(&mut self, tag: u16, is: impl Fn(&E) -> bool) -> Option<E> {
        let at = self.position(tag, is)?;
        Some(self.remove_at(at))
    }

    /// Takes the entry at a position out; there is one.
    pub fn remove_at(&mut self, at: usize) -> E {
        let Some(entry) = self.words[at].take() else { unreachable!("only taken positions are removed") };
        self.close_gap(at);
        self.len -= 1;
        let len = self.len();
        if self.words.len() > SMALLEST && len < self.words.len() / 3 {
            self.set_capacity(if len == 0 { 0 } else { fitting(len) });
        }
        entry
    }

    /// Moves entries back over the gap, so that each can still be reached from its home.
    fn close_gap(&mut self, mut gap: usize) {
        let capacity = self.words.len();
        let mut at = next(gap, capacity);
        while let Some(entry) = &self.words[at] {
            let from_home = distance(home(entry.tag(), capacity), at, capacity);
            if from_home >= distance(gap, at, capacity) {
                self.words.swap(gap, at);
                gap = at;
            }
            at = next(at, capacity);
        }
    }

    fn set_capacity(&mut self, capacity: usize) {
        let mut words: Box<[Option<E>]> = std::iter::repeat_with(|| None).take(capacity).collect();
        for entry in self.words.iter_mut().filter_map(Option::take) {
            let at = free(&words, entry.tag());
            words[at] = Some(entry);
        }
        self.words = words;
    }

    /// All entries.
    pub fn iter(&self) -> impl Iterator<Item = &E> {
        self.words.iter().flatten()
    }

    /// Takes all entries out.
    pub fn drain(&mut self) -> impl Iterator<Item = E> + use<E> {
        self.len = 0;
        std::mem::take(&mut self.words).into_iter().flatten()
    }

    /// The entries whose tags are `from` to `to`, both included.
    pub fn range(&self, from: u16, to: u16) -> impl Iterator<Item = &E> {
        let capacity = self.words.len();
        let (first, last) = if capacity == 0 { (0, 0) } else { (home(from, capacity), home(to, capacity)) };
        let sure = if capacity == 0 { 0 } else { last - first + 1 };
        // Entries of the range stand between its homes, or behind them up to the next gap.
        (0..capacity)
            .map(move |i| &self.words[if first + i < capacity { first + i } else { first + i - capacity }])
            .enumerate()
            .take_while(move |(i, word)| *i < sure || word.is_some())
            .filter_map(|(_, word)| word.as_ref())
            .filter(move |entry| (from..=to).contains(&entry.tag()))
    }

    /// Up to `most` entries from a random place on, for sampling.
    pub fn sample(&self, random: u64, most: usize) -> impl Iterator<Item = &E> {
        let capacity = self.words.len();
        let start = ((u128::from(random) * capacity as u128) >> 64) as usize;
        self.words[start..].iter().chain(&self.words[..start]).flatten().take(most)
    }

    /// Positions in it, with an entry or without.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.words.len()
    }

    /// Bytes of the table's own allocation.
    pub fn size(&self) -> usize {
        self.words.len() * size_of::<Option<E>>()
    }

    /// Asks the processor to bring the line near where this tag is looked for first.
    #[inline]
    pub fn prefetch(&self, tag: u16) {
        if !self.words.is_empty() {
            super::entry::prefetch(&raw const self.words[home(tag, self.words.len())]);
        }
    }
}

/// Where a tag is looked for first: tags scaled to the capacity, in their order.
#[inline]
fn home(tag: u16, capacity: usize) -> usize {
    (usize::from(tag) * capacity) >> 16
}

#[inline]
fn next(at: usize, capacity: usize) -> usize {
    if at + 1 == capacity { 0 } else { at + 1 }
}

/// Steps from `from` forward to `to`, around the end.
#[inline]
fn distance(from: usize, to: usize, capacity: usize) -> usize {
    if to >= from { to - from } else { to + capacity - from }
}

fn free<E>(words: &[Option<E>], tag: u16) -> usize {
    let mut at = home(tag, words.len());
    while words[at].is_some() {
        at = next(at, words.len());
    }
    at
}

/// The most entries of a table of this capacity: four fifths, and always a gap.
pub(crate) fn most(capacity: usize) -> usize {
    (capacity * 4 / 5).min(capacity.saturating_sub(1))
}

/// The next capacity whose bytes fill a size class of the allocator (four classes to a doubling).
pub(crate) fn grown(capacity: usize) -> usize {
    if capacity < SMALLEST {
        return SMALLEST;
    }
    if capacity < 16 {
        return capacity + 4;
    }
    let step = (capacity.next_power_of_two() / 8).max(4);
    let step = if capacity.is_power_of_two() { capacity / 4 } else { step };
    (capacity + step) / step * step
}

/// The smallest capacity that `grown` leads to for `len` entries and some more.
pub(crate) fn fitting(len: usize) -> usize {
    let mut capacity = SMALLEST;
    while most(capacity) < len + len / 4 {
        capacity = grown(capacity);
    }
    capacity
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn entry(tag: u16, id: u16) -> Entry {
        Entry::string(tag, 0, &id.to_le_bytes(), b"")
    }

    fn is(id: u16) -> impl Fn(&Entry) -> bool {
        move |e| e.key() == id.to_le_bytes()
    }

    #[test]
    fn capacities_are_size_classes() {
        let mut capacity = 0;
        let mut seen = Vec::new();
        for _ in 0..14 {
            capacity = grown(capacity);
            seen.push(capacity);
        }
        assert_eq!(seen, [4, 8, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96]);
    }

    #[derive(Debug, Clone)]
    enum Op {
        Insert(u16, u16),
        Remove(u16),
    }

    fn ops() -> impl Strategy<Value = Vec<Op>> {
        // Few tags, at the edges too, so that runs are long and wrap around.
        let tag = prop_oneof![Just(0u16), Just(u16::MAX), Just(u16::MAX - 1), 65_000u16.., any::<u16>()];
        let op = prop_oneof![2 => (tag, 0u16..200).prop_map(|(t, i)| Op::Insert(t, i)), 1 => (0u16..200).prop_map(Op::Remove)];
        proptest::collection::vec(op, 0..if cfg!(miri) { 40 } else { 400 })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 256 }, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn behaves_like_a_map(ops in ops(), from: u16, to: u16) {
            let (mut table, mut model) = (Table::default(), BTreeMap::new());
            for op in ops {
                match op {
                    Op::Insert(tag, id) => {
                        if model.contains_key(&id) { continue; }
                        model.insert(id, tag);
                        table.insert(entry(tag, id));
                    }
                    Op::Remove(id) => {
                        let tag = model.remove(&id);
                        prop_assert_eq!(tag.is_some(), table.remove(tag.unwrap_or(0), is(id)).is_some());
                    }
                }
                prop_assert_eq!(table.len(), model.len());
            }
            for (&id, &tag) in &model {
                prop_assert!(table.find(tag, is(id)).is_some());
            }
            prop_assert_eq!(table.iter().count(), model.len());
            prop_assert_eq!(table.sample(from.into(), 1000).count(), model.len());
            let (from, to) = (from.min(to), from.max(to));
            let mut found: Vec<_> = table.range(from, to).map(|e| e.key().to_vec()).collect();
            found.sort();
            let mut want: Vec<_> = model.iter().filter(|(_, t)| (from..=to).contains(*t)).map(|(i, _)| i.to_le_bytes().to_vec()).collect();
            want.sort();
            prop_assert_eq!(found, want);
        }
    }
}
