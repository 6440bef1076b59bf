//! A stream's entries, in blocks, and what is known of those that are gone.

use super::Id;
use super::block::{Block, Entry, Limit, Pairs};
use std::collections::BTreeMap;

/// Blocks looked at when the size of all is estimated.
const SAMPLE: usize = 16;
/// What a tree takes for one block beside it, about.
const NODE_SHARE: usize = 64;

/// The entries of a stream.
#[derive(Clone, Default)]
pub struct Log {
    /// By the id of the first entry that each had. None of them is empty.
    blocks: BTreeMap<Id, Block>,
    len: usize,
    /// The last id that was given.
    pub last: Id,
    /// Entries that were ever added.
    pub added: u64,
    /// The largest id that was deleted by name.
    pub max_deleted: Id,
}

/// What trimming leaves.
#[derive(Clone, Copy, Debug)]
pub enum Keep {
    /// At most so many entries.
    Newest(u64),
    /// Entries from this id on.
    From(Id),
}

impl Log {
    /// Entries in it.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none; the stream stays.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Blocks that they are in.
    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Bytes that it holds outside itself, by a sample of its blocks.
    pub fn size_estimate(&self) -> usize {
        let sampled: usize = self.blocks.values().take(SAMPLE).map(Block::size).sum();
        let blocks = (sampled * self.blocks.len()).checked_div(self.blocks.len().min(SAMPLE)).unwrap_or(0);
        blocks + self.blocks.len() * NODE_SHARE
    }

    /// The id that an entry added now gets: the clock's, or the one after the last where the clock is behind it. None when
    /// all are used up.
    #[inline]
    pub fn next_id(&self, now: u64) -> Option<Id> {
        if now > self.last.ms { Some(Id::new(now, 0)) } else { self.last.next() }
    }

    /// Adds an entry, whose id must be larger than [`last`](Self::last).
    pub fn push<'a>(&mut self, id: Id, pairs: impl Pairs<'a>, limit: Limit) {
        let bytes = pairs.clone().map(<[u8]>::len).sum();
        match self.blocks.last_entry() {
            Some(mut last) if last.get().has_room(bytes, limit) => {
                let first = *last.key();
                last.get_mut().push(first, id, pairs);
            }
            full => {
                if let Some(mut full) = full {
                    full.get_mut().fit();
                }
                let mut block = Block::new(pairs.clone());
                block.push(id, id, pairs);
                self.blocks.insert(id, block);
            }
        }
        self.len += 1;
        self.added = self.added.wrapping_add(1);
        self.last = id;
    }

    /// The entries from one id to another, ascending.
    pub fn range(&self, from: Id, to: Id) -> impl Iterator<Item = Entry<'_>> {
        let blocks = self.blocks_of(from, to).flat_map(|(first, block)| block.walk(*first));
        blocks.skip_while(move |entry| entry.id < from).take_while(move |entry| entry.id <= to)
    }

    /// The entries from one id to another, descending.
    pub fn range_back(&self, from: Id, to: Id) -> impl Iterator<Item = Entry<'_>> {
        let blocks = self.blocks_of(from, to).rev().flat_map(|(first, block)| block.walk(*first).rev());
        blocks.skip_while(move |entry| entry.id > to).take_while(move |entry| entry.id >= from)
    }

    /// The blocks that may have entries of a range.
    fn blocks_of(&self, from: Id, to: Id) -> impl DoubleEndedIterator<Item = (&Id, &Block)> {
        // A range that ends before it begins is empty, which a tree does not take.
        let start = self.block_of(from).map_or(from, |(first, _)| first).min(to);
        self.blocks.range(start..=to)
    }

    /// The block that has the entry of this id, if there is one.
    fn block_of(&self, id: Id) -> Option<(Id, &Block)> {
        self.blocks.range(..=id).next_back().map(|(first, block)| (*first, block))
    }

    /// One entry.
    pub fn get(&self, id: Id) -> Option<Entry<'_>> {
        let (first, block) = self.block_of(id)?;
        block.walk(first).find(|entry| entry.id >= id).filter(|entry| entry.id == id)
    }

    /// The id of the first entry; the least of all without entries.
    pub fn first_id(&self) -> Id {
        let first = self.blocks.first_key_value();
        first.and_then(|(first, block)| block.walk(*first).next()).map_or(Id::MIN, |entry| entry.id)
    }

    /// The id of the last entry that is there.
    pub fn last_entry_id(&self) -> Option<Id> {
        let (first, block) = self.blocks.last_key_value()?;
        block.walk(*first).next_back().map(|entry| entry.id)
    }

    /// Whether there is an entry after this id.
    #[inline]
    pub fn has_after(&self, id: Id) -> bool {
        self.last > id && self.last_entry_id().is_some_and(|last| last > id)
    }

    /// Takes an entry out. Whether it was there.
    pub fn remove(&mut self, id: Id) -> bool {
        let Some((first, block)) = self.blocks.range_mut(..=id).next_back() else { return false };
        let first = *first;
        if !block.remove(first, id) {
            return false;
        }
        if block.count() == 0 {
            self.blocks.remove(&first);
        }
        self.len -= 1;
        self.max_deleted = self.max_deleted.max(id);
        true
    }

    /// Takes the oldest entries out: in whole blocks only, if `whole`, and not more than `most`, which 0 lifts. How many.
    pub fn trim(&mut self, keep: Keep, whole: bool, most: usize) -> usize {
        let before = self.len;
        while let Some(mut first) = self.blocks.first_entry() {
            let entries = first.get().count();
            let surplus = match keep {
                Keep::Newest(n) => self.len.saturating_sub(usize::try_from(n).unwrap_or(usize::MAX)),
                Keep::From(id) if *first.key() >= id => 0,
                Keep::From(_) => entries,
            };
            if surplus == 0 || (most > 0 && before - self.len + entries > most) {
                break;
            }
            if surplus >= entries && is_before(first.key(), first.get(), keep) {
                self.len -= entries;
                first.remove();
            } else {
                if !whole {
                    let (name, mut left) = (*first.key(), surplus);
                    self.len -= first.get_mut().remove_while(name, |id| is_surplus(id, keep, &mut left));
                }
                break;
            }
        }
        before - self.len
    }
}

/// Whether all entries of a block are before what is kept.
fn is_before(first: &Id, block: &Block, keep: Keep) -> bool {
    match keep {
        Keep::Newest(_) => true,
        Keep::From(id) => block.walk(*first).next_back().is_none_or(|last| last.id < id),
    }
}

/// Whether an entry of a block that is partly kept goes, as long as there are `left` too many.
fn is_surplus(id: Id, keep: Keep, left: &mut usize) -> bool {
    match keep {
        Keep::Newest(_) if *left == 0 => false,
        Keep::Newest(_) => {
            *left -= 1;
            true
        }
        Keep::From(from) => id < from,
    }
}
