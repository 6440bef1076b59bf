//! Hashes: fields with values, one packed run of pairs while small, a dictionary when large.
//!
//! In the dictionary a field is an entry like a key of the store is, with its value beside it.

use super::pairs::Pairs;
use crate::store::dict::Dict;
use crate::store::entry::Entry;
use crate::store::hasher::Hasher;
use crate::store::memory::class_size;

/// How large a packed hash may be.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// Most fields.
    pub entries: usize,
    /// Longest field, longest value, in bytes.
    pub value: usize,
}

/// The fields of a hash.
pub enum Fields {
    /// Redis's `listpack`.
    Packed(Pairs),
    /// Redis's `hashtable`.
    Table(Box<Dict>),
}

impl Default for Fields {
    fn default() -> Self {
        Self::Packed(Pairs::default())
    }
}

/// Fields looked at when the size of all is estimated.
const SAMPLE: usize = 64;
/// Fields of which a random one is chosen, as in Redis: neighbours of a gap are else found more often.
const FAIR: usize = 15;

fn value(entry: &Entry) -> &[u8] {
    entry.bytes().unwrap_or_default()
}

impl Fields {
    /// Fields in it.
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            Self::Packed(pairs) => pairs.count(),
            Self::Table(dict) => dict.len(),
        }
    }

    /// Whether there are none; the key of such a hash is deleted.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Redis's name of the form.
    pub fn encoding(&self) -> &'static str {
        match self {
            Self::Packed(_) => "listpack",
            Self::Table(_) => "hashtable",
        }
    }

    /// Allocations in it, about.
    pub fn parts(&self) -> usize {
        match self {
            Self::Packed(_) => 1,
            Self::Table(dict) => dict.len(),
        }
    }

    /// Bytes that it holds outside itself: of a table's entries, as many as a sample has on average.
    pub fn size_estimate(&self) -> usize {
        match self {
            Self::Packed(pairs) => pairs.size(),
            Self::Table(dict) => class_size(size_of::<Dict>()) + dict.table_bytes() + sampled_size(dict),
        }
    }

    /// A field's value.
    #[inline]
    pub fn get(&self, field: &[u8], hasher: Hasher) -> Option<&[u8]> {
        match self {
            Self::Packed(pairs) => pairs.get(field),
            Self::Table(dict) => dict.find(hasher.hash(field), 0, field).map(value),
        }
    }

    /// Sets a field's value. Whether the field is new.
    pub fn set(&mut self, field: &[u8], value: &[u8], hasher: Hasher, limit: Limit) -> bool {
        if let Self::Packed(pairs) = self
            && field.len().max(value.len()) > limit.value
        {
            *self = Self::Table(Box::new(spread(pairs, hasher)));
        }
        match self {
            Self::Packed(pairs) => {
                let new = pairs.set(field, value);
                if new && pairs.count() > limit.entries {
                    *self = Self::Table(Box::new(spread(pairs, hasher)));
                }
                new
            }
            Self::Table(dict) => set_in_table(dict, field, value, hasher),
        }
    }

    /// Takes a field away. Whether it was there.
    pub fn remove(&mut self, field: &[u8], hasher: Hasher) -> bool {
        match self {
            Self::Packed(pairs) => pairs.remove(field),
            Self::Table(dict) => dict.remove(hasher.hash(field), 0, field).is_some(),
        }
    }

    /// Visits all fields with their values.
    pub fn for_each<'f>(&'f self, mut visit: impl FnMut(&'f [u8], &'f [u8])) {
        match self {
            Self::Packed(pairs) => pairs.iter().for_each(|(field, value)| visit(field, value)),
            Self::Table(dict) => dict.iter().for_each(|entry| visit(entry.key(), value(entry))),
        }
    }

    /// Visits about `count` fields from a cursor on, and returns where to go on, 0 at the end; a packed hash is visited
    /// whole. A field that is there throughout a walk from 0 to the end is visited, whatever changes in between.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(&[u8], &[u8])) -> u64 {
        let dict = match self {
            Self::Packed(_) => {
                self.for_each(visit);
                return 0;
            }
            Self::Table(dict) => dict,
        };
        // A cursor that was never given.
        let Ok(from) = u16::try_from(cursor) else { return 0 };
        dict.walk(from, count, |entry| visit(entry.key(), value(entry))).map_or(0, u64::from)
    }

    /// A field and its value, each as likely as another.
    pub fn random(&self, random: &mut fastrand::Rng) -> Option<(&[u8], &[u8])> {
        match self {
            Self::Packed(pairs) => pairs.iter().nth(random.usize(..pairs.count().max(1))),
            Self::Table(dict) => {
                let near: Vec<&Entry> = dict.sample(random.u64(..), FAIR).collect();
                random.choice(near).map(|entry| (entry.key(), value(entry)))
            }
        }
    }

    /// All fields with their values, to choose from by index.
    pub fn all(&self) -> Vec<(&[u8], &[u8])> {
        let mut all = Vec::with_capacity(self.len());
        self.for_each(|field, value| all.push((field, value)));
        all
    }
}

fn sampled_size(dict: &Dict) -> usize {
    let (mut bytes, mut seen) = (0, 0);
    for entry in dict.sample(0, SAMPLE) {
        let long = entry.bytes().map_or(0, |b| if entry.size() < b.len() { class_size(b.len()) } else { 0 });
        bytes += class_size(entry.size()) + long;
        seen += 1;
    }
    (bytes * dict.len()).checked_div(seen).unwrap_or(0)
}

fn set_in_table(dict: &mut Dict, field: &[u8], value: &[u8], hasher: Hasher) -> bool {
    let hash = hasher.hash(field);
    match dict.find_mut(hash, 0, field) {
        Some(entry) => {
            entry.set_bytes(value);
            false
        }
        None => {
            dict.insert(hash, Entry::string(hash.tag(), 0, field, value), |field| hasher.hash(field));
            true
        }
    }
}

#[cold]
fn spread(pairs: &Pairs, hasher: Hasher) -> Dict {
    let mut dict = Dict::default();
    for (field, value) in pairs.iter() {
        let hash = hasher.hash(field);
        dict.insert(hash, Entry::string(hash.tag(), 0, field, value), |field| hasher.hash(field));
    }
    dict
}

impl Clone for Fields {
    fn clone(&self) -> Self {
        let dict = match self {
            Self::Packed(pairs) => return Self::Packed(pairs.clone()),
            Self::Table(dict) => dict,
        };
        let (mut copy, hasher) = (Dict::default(), Hasher::default());
        for entry in dict.iter() {
            let field = entry.key();
            copy.insert(hasher.hash(field), entry.copied(entry.tag(), 0, field), |field| hasher.hash(field));
        }
        Self::Table(Box::new(copy))
    }
}

#[cfg(test)]
mod tests;
