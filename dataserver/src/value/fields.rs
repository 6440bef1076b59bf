//! Hashes: fields with values, one packed run of pairs while small, a dictionary when large.
//!
//! A hash of which fields expire has a form of its own, see [`Timed`].
//!
//! In the dictionary a field is an entry like a key of the store is, with its value beside it.

mod timed;

use super::pairs::Pairs;
use crate::store::dict::Dict;
use crate::store::entry::Entry;
use crate::store::hasher::Hasher;
use crate::store::memory::class_size;

pub use timed::{Field, Timed};

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
    /// Either of them, with fields that expire.
    Timed(Box<Timed>),
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
            Self::Timed(timed) => timed.len(),
        }
    }

    /// Whether there are none; the key of such a hash is deleted.
    #[inline]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Packed(pairs) => pairs.is_empty(),
            Self::Table(dict) => dict.len() == 0,
            Self::Timed(timed) => timed.len() == 0,
        }
    }

    /// Redis's name of the form.
    pub fn encoding(&self) -> &'static str {
        match self {
            Self::Packed(_) => "listpack",
            Self::Table(_) => "hashtable",
            Self::Timed(timed) => timed.encoding(),
        }
    }

    /// Allocations in it, about.
    pub fn parts(&self) -> usize {
        match self {
            Self::Packed(_) => 1,
            Self::Table(dict) => dict.len(),
            Self::Timed(timed) => timed.dict().map_or(1, Dict::len),
        }
    }

    /// Bytes that it holds outside itself: of a table's entries, as many as a sample has on average.
    pub fn size_estimate(&self) -> usize {
        match self {
            Self::Packed(pairs) => pairs.size(),
            Self::Table(dict) => class_size(size_of::<Dict>()) + dict.table_bytes() + sampled_size(dict),
            Self::Timed(timed) => class_size(size_of::<Timed>()) + timed.size_estimate(),
        }
    }

    /// A field's value.
    #[inline]
    pub fn get(&self, field: &[u8], hasher: Hasher) -> Option<&[u8]> {
        match self {
            Self::Packed(pairs) => pairs.get(field),
            Self::Table(dict) => dict.find(hasher.hash(field), 0, field).map(value),
            Self::Timed(timed) => timed.get(field, hasher).map(|(value, _)| value),
        }
    }

    /// When a field expires: `None` if there is no such field, `Some(None)` if it stays.
    pub fn time(&self, field: &[u8], hasher: Hasher) -> Option<Option<u64>> {
        match self {
            Self::Timed(timed) => timed.get(field, hasher).map(|(_, at)| at),
            _ => self.get(field, hasher).map(|_| None),
        }
    }

    /// Sets when a field that is there expires, in milliseconds since 1970.
    pub fn set_time(&mut self, field: &[u8], at: Option<u64>, hasher: Hasher) {
        match self {
            Self::Timed(timed) => timed.set_time(field, at, hasher),
            _ if at.is_some() => self.timed().set_time(field, at, hasher),
            _ => {}
        }
    }

    /// Whether fields that expire at this time are hidden already.
    pub fn is_over(&self, at: u64) -> bool {
        if let Self::Timed(timed) = self { timed.is_over(at) } else { false }
    }

    /// The hash in the form in which fields can expire.
    pub fn timed(&mut self) -> &mut Timed {
        let timed = match self {
            Self::Packed(pairs) => Some(Timed::of_pairs(pairs)),
            Self::Table(dict) => Some(Timed::of_dict(std::mem::take(dict))),
            Self::Timed(_) => None,
        };
        if let Some(timed) = timed {
            *self = Self::Timed(Box::new(timed));
        }
        match self {
            Self::Timed(timed) => timed,
            _ => unreachable!("it was just made one"),
        }
    }

    /// Sets a field's value; when it expires stays. Whether the field is new.
    pub fn set_keeping(&mut self, field: &[u8], value: &[u8], hasher: Hasher, limit: Limit) -> bool {
        if let Self::Timed(timed) = self {
            let at = timed.get(field, hasher).and_then(|(_, at)| at);
            return timed.set(field, value, at, hasher, limit);
        }
        self.set(field, value, hasher, limit)
    }

    /// Sets a field's value; it stays then. Whether the field is new.
    pub fn set(&mut self, field: &[u8], value: &[u8], hasher: Hasher, limit: Limit) -> bool {
        if let Self::Packed(pairs) = self
            && field.len().max(value.len()) > limit.value
        {
            *self = Self::Table(Box::new(spread(pairs, hasher)));
        }
        match self {
            Self::Packed(pairs) => {
                let new = pairs.set(field, value);
                if new && pairs.is_over(limit.entries) {
                    *self = Self::Table(Box::new(spread(pairs, hasher)));
                }
                new
            }
            Self::Table(dict) => set_in_table(dict, field, value, hasher),
            Self::Timed(timed) => timed.set(field, value, None, hasher, limit),
        }
    }

    /// Takes a field away. Whether it was there.
    pub fn remove(&mut self, field: &[u8], hasher: Hasher) -> bool {
        match self {
            Self::Packed(pairs) => pairs.remove(field),
            Self::Table(dict) => dict.remove(hasher.hash(field), 0, field).is_some(),
            Self::Timed(timed) => timed.remove(field, hasher),
        }
    }

    /// Visits all fields with their values.
    pub fn for_each<'f>(&'f self, mut visit: impl FnMut(&'f [u8], &'f [u8])) {
        match self {
            Self::Packed(pairs) => pairs.iter().for_each(|(field, value)| visit(field, value)),
            Self::Table(dict) => dict.iter().for_each(|entry| visit(entry.key(), value(entry))),
            Self::Timed(timed) => timed.for_each(|(field, value, _)| visit(field, value)),
        }
    }

    /// Whether all fields are in one run.
    pub fn is_packed(&self) -> bool {
        match self {
            Self::Packed(_) => true,
            Self::Table(_) => false,
            Self::Timed(timed) => timed.is_packed(),
        }
    }

    /// The dictionary of a large hash.
    fn dict(&self) -> Option<&Dict> {
        match self {
            Self::Packed(_) => None,
            Self::Table(dict) => Some(dict),
            Self::Timed(timed) => timed.dict(),
        }
    }

    /// Whether an entry of the dictionary is hidden, see [`Timed`].
    #[inline]
    fn hides(&self, entry: &Entry) -> bool {
        if let Self::Timed(timed) = self { timed.hides(entry) } else { false }
    }

    /// Visits about `count` fields from a cursor on, and returns where to go on, 0 at the end; a packed hash is visited
    /// whole. A field that is there throughout a walk from 0 to the end is visited, whatever changes in between.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(&[u8], &[u8])) -> u64 {
        let Some(dict) = self.dict() else {
            self.for_each(visit);
            return 0;
        };
        // A cursor that was never given.
        let Ok(from) = u16::try_from(cursor) else { return 0 };
        let visit_seen = |entry: &Entry| {
            if !self.hides(entry) {
                visit(entry.key(), value(entry));
            }
        };
        dict.walk(from, count, visit_seen).map_or(0, u64::from)
    }

    /// A field and its value, each as likely as another.
    pub fn random(&self, random: &mut fastrand::Rng) -> Option<(&[u8], &[u8])> {
        if let Self::Timed(timed) = self
            && timed.hides_any()
        {
            return timed.random_seen(random);
        }
        if let Some(dict) = self.dict() {
            let near: Vec<&Entry> = dict.sample(random.u64(..), FAIR).collect();
            return random.choice(near).map(|entry| (entry.key(), value(entry)));
        }
        let index = random.usize(..self.len().max(1));
        match self {
            Self::Packed(pairs) => pairs.iter().nth(index),
            Self::Table(_) => None,
            Self::Timed(timed) => timed.nth(index).map(|(field, value, _)| (field, value)),
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
        match self {
            Self::Packed(pairs) => Self::Packed(pairs.clone()),
            Self::Table(dict) => Self::Table(Box::new(copied(dict))),
            Self::Timed(timed) => Self::Timed(timed.clone()),
        }
    }
}

fn copied(dict: &Dict) -> Dict {
    let (mut copy, hasher) = (Dict::default(), Hasher::default());
    for entry in dict.iter() {
        let field = entry.key();
        copy.insert(hasher.hash(field), entry.copied(entry.tag(), 0, field), |field| hasher.hash(field));
    }
    copy
}

#[cfg(test)]
mod tests;
