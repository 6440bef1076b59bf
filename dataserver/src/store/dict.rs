//! A dictionary of entries that never does much at once: a table that grows large is split into parts, one part at
//! a time, by further bits of the hash (linear hashing). Slots and large hashes are dictionaries.

use super::entry::Entry;
use super::table::{Table, Tagged};

/// The parts hold this many entries on average when the next one is split.
const PART: usize = 2048;
/// A dictionary of parts that has no more entries than this becomes one table again.
const FEW: usize = PART / 2;

/// A hash of a key, and what is derived from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash(pub u64);

impl Hash {
    /// The bits that an entry carries in its pointer, and that order a walk.
    #[inline]
    pub fn tag(self) -> u16 {
        (self.0 >> 48) as u16
    }

    #[inline]
    fn part(self, level: u32, split: usize) -> usize {
        let low = self.0 as usize & ((1 << level) - 1);
        if low < split { self.0 as usize & ((2 << level) - 1) } else { low }
    }
}

/// Where an entry stands in a dictionary.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    part: u32,
    at: u32,
}

/// A dictionary of entries.
pub enum Dict<E = Entry> {
    /// All entries in one table.
    One(Table<E>),
    /// Entries spread over parts.
    Split(Box<Parts<E>>),
}

/// The parts of a large dictionary: 2^level + split tables.
pub struct Parts<E> {
    tables: Vec<Table<E>>,
    level: u32,
    /// The parts before this one are split at this level already.
    split: usize,
    len: usize,
    /// No table has a larger capacity.
    widest: usize,
    /// Entries that were removed since `widest` was the largest capacity exactly.
    removed: usize,
}

impl<E> Default for Dict<E> {
    fn default() -> Self {
        Self::One(Table::default())
    }
}

impl<E: Tagged> Dict<E> {
    /// Entries in it.
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            Self::One(table) => table.len(),
            Self::Split(parts) => parts.len,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    fn table(&self, hash: Hash) -> &Table<E> {
        match self {
            Self::One(table) => table,
            Self::Split(parts) => &parts.tables[hash.part(parts.level, parts.split)],
        }
    }

    #[inline]
    fn table_mut(&mut self, hash: Hash) -> &mut Table<E> {
        match self {
            Self::One(table) => table,
            Self::Split(parts) => &mut parts.tables[hash.part(parts.level, parts.split)],
        }
    }

    /// The entry at a place.
    #[inline]
    pub fn at(&self, place: Place) -> Option<&E> {
        self.tables().get(place.part as usize)?.at(place.at as usize)
    }

    /// The entry at a place, to be changed.
    #[inline]
    pub fn at_mut(&mut self, place: Place) -> Option<&mut E> {
        let tables = match self {
            Self::One(table) => std::slice::from_mut(table),
            Self::Split(parts) => &mut parts.tables[..],
        };
        tables.get_mut(place.part as usize)?.at_mut(place.at as usize)
    }

    /// The entry of this tag and part that `is` accepts: for those who know its hash but not its key.
    pub fn find_by(&self, hash: Hash, is: impl Fn(&E) -> bool) -> Option<&E> {
        self.table(hash).find(hash.tag(), is)
    }

    /// Adds an entry whose key is not there. `rehash` gives the hash of any entry's key.
    pub fn insert(&mut self, hash: Hash, entry: E, rehash: impl Fn(&[u8]) -> Hash) -> &mut E {
        if self.len() >= PART * 2 {
            self.grow(rehash);
        }
        match self {
            Self::One(table) => table.insert(entry),
            Self::Split(parts) => parts.insert(hash, entry),
        }
    }

    /// Splits one part in two.
    #[cold]
    fn grow(&mut self, rehash: impl Fn(&[u8]) -> Hash) {
        if let Self::One(table) = self {
            let len = table.len();
            let (widest, tables) = (table.capacity(), vec![std::mem::take(table)]);
            *self = Self::Split(Box::new(Parts { tables, level: 0, split: 0, len, widest, removed: 0 }));
        }
        if let Self::Split(parts) = self
            && parts.len > parts.tables.len() * PART
        {
            parts.split_one(rehash);
        }
    }

    /// Takes out the entry of this tag and part that `is` accepts.
    pub fn remove_by(&mut self, hash: Hash, is: impl Fn(&E) -> bool) -> Option<E> {
        let entry = self.table_mut(hash).remove(hash.tag(), is)?;
        self.note_removed();
        Some(entry)
    }

    #[inline]
    fn note_removed(&mut self) {
        if let Self::Split(parts) = self {
            parts.note_removed();
            if parts.len <= FEW {
                *self = Self::One(parts.joined());
            }
        }
    }

    /// Where an entry stands, each as likely as another: random positions are tried until one has an entry, of which
    /// at least a few in a hundred have.
    fn random_place(&self, random: &mut fastrand::Rng) -> Option<Place> {
        let (tables, widest) = match self {
            Self::One(table) => (std::slice::from_ref(table), table.capacity()),
            Self::Split(parts) => (&parts.tables[..], parts.widest),
        };
        if self.is_empty() {
            return None;
        }
        loop {
            let (part, at) = (random.usize(..tables.len()), random.usize(..widest));
            if tables[part].at(at).is_some() {
                return Some(Place { part: part as u32, at: at as u32 });
            }
        }
    }

    /// An entry, each as likely as another.
    pub fn random(&self, random: &mut fastrand::Rng) -> Option<&E> {
        self.random_place(random).and_then(|place| self.at(place))
    }

    /// Takes an entry out, each as likely as another.
    pub fn take_random(&mut self, random: &mut fastrand::Rng) -> Option<E> {
        let place = self.random_place(random)?;
        let entry = match self {
            Self::One(table) => table.remove_at(place.at as usize),
            Self::Split(parts) => parts.tables[place.part as usize].remove_at(place.at as usize),
        };
        self.note_removed();
        Some(entry)
    }

    #[inline]
    fn tables(&self) -> &[Table<E>] {
        match self {
            Self::One(table) => std::slice::from_ref(table),
            Self::Split(parts) => &parts.tables,
        }
    }

    /// All entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &E> {
        self.tables().iter().flat_map(Table::iter)
    }

    /// Takes all entries out.
    pub fn drain(self) -> impl Iterator<Item = E> {
        let tables = match self {
            Self::One(table) => vec![table],
            Self::Split(parts) => parts.tables,
        };
        tables.into_iter().flat_map(|mut table| table.drain().collect::<Vec<_>>())
    }

    /// Visits at least `count` entries by ascending tag from `from` on, if there are that many, and all those of each
    /// tag that it visits. Returns the tag to go on from, or `None` at the end.
    ///
    /// An entry that is there throughout a walk from tag 0 to the end is visited, however the dictionary grows or
    /// shrinks in between, since its tag never changes.
    pub fn walk<'d>(&'d self, from: u16, count: usize, mut visit: impl FnMut(&'d E)) -> Option<u16> {
        // As many tags at once as should hold `count` entries.
        let step = (65_536 * count.max(1)).div_ceil(self.len().max(1)).min(65_536);
        let (mut at, mut seen) = (usize::from(from), 0);
        while at < 65_536 {
            let to = (at + step - 1).min(65_535);
            for table in self.tables() {
                table.range(at as u16, to as u16).for_each(|entry| {
                    visit(entry);
                    seen += 1;
                });
            }
            at = to + 1;
            if seen >= count {
                break;
            }
        }
        u16::try_from(at).ok()
    }

    /// Up to `most` entries from a random place.
    pub fn sample(&self, random: u64, most: usize) -> impl Iterator<Item = &E> {
        let tables = self.tables();
        let table = &tables[((random >> 32) as usize * tables.len()) >> 32];
        table.sample(random.rotate_left(32), most)
    }

    /// Bytes of the tables, without their entries.
    pub fn table_bytes(&self) -> usize {
        let own = match self {
            Self::One(_) => 0,
            Self::Split(parts) => size_of::<Parts<E>>() + parts.tables.capacity() * size_of::<Table<E>>(),
        };
        own + self.tables().iter().map(Table::size).sum::<usize>()
    }

    /// Asks the processor to bring the words near where this hash is looked for first.
    #[inline]
    pub fn prefetch(&self, hash: Hash) {
        self.table(hash).prefetch(hash.tag());
    }
}

impl Dict {
    /// The entry of this key.
    #[inline]
    pub fn find(&self, hash: Hash, db: u8, key: &[u8]) -> Option<&Entry> {
        self.table(hash).find(hash.tag(), |e| e.is(db, key))
    }

    /// The same, to be changed.
    #[inline]
    pub fn find_mut(&mut self, hash: Hash, db: u8, key: &[u8]) -> Option<&mut Entry> {
        self.table_mut(hash).find_mut(hash.tag(), |e| e.is(db, key))
    }

    /// Where the entry of this key stands, until the dictionary changes.
    #[inline]
    pub fn place(&self, hash: Hash, db: u8, key: &[u8]) -> Option<Place> {
        let part = match self {
            Self::One(_) => 0,
            Self::Split(parts) => hash.part(parts.level, parts.split),
        };
        let at = self.tables()[part].position(hash.tag(), |e| e.is(db, key))?;
        Some(Place { part: part as u32, at: at as u32 })
    }

    /// Takes the entry of this key out.
    pub fn remove(&mut self, hash: Hash, db: u8, key: &[u8]) -> Option<Entry> {
        self.remove_by(hash, |e| e.is(db, key))
    }
}

impl<E: Tagged> Parts<E> {
    fn insert(&mut self, hash: Hash, entry: E) -> &mut E {
        self.len += 1;
        let table = &mut self.tables[hash.part(self.level, self.split)];
        if table.is_full() {
            table.grow();
            self.widest = self.widest.max(table.capacity());
        }
        table.insert(entry)
    }

    fn split_one(&mut self, rehash: impl Fn(&[u8]) -> Hash) {
        let (old, new) = (std::mem::take(&mut self.tables[self.split]).drain(), self.tables.len());
        let from = self.split;
        self.tables.push(Table::default());
        self.split += 1;
        if self.split == 1 << self.level {
            self.level += 1;
            self.split = 0;
        }
        for entry in old {
            let part = rehash(entry.key()).part(self.level, self.split);
            self.tables[part].insert(entry);
        }
        let widest = self.tables[from].capacity().max(self.tables[new].capacity());
        self.widest = self.widest.max(widest);
    }

    #[inline]
    fn note_removed(&mut self) {
        self.len -= 1;
        self.removed += 1;
        // As seldom as this, looking at all tables costs each removal next to nothing.
        if self.removed > self.tables.len() {
            self.removed = 0;
            self.widest = self.tables.iter().map(Table::capacity).max().unwrap_or(0);
        }
    }

    /// All entries in one table; tags alone say where they go.
    #[cold]
    fn joined(&mut self) -> Table<E> {
        let mut all = Table::default();
        for table in &mut self.tables {
            for entry in table.drain() {
                all.insert(entry);
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(key: &[u8]) -> Hash {
        Hash(rapidhash::v3::rapidhash_v3(key))
    }

    fn filled(n: u32) -> Dict {
        let mut dict = Dict::default();
        for i in 0..n {
            let key = i.to_string();
            let h = hash(key.as_bytes());
            dict.insert(h, Entry::string(h.tag(), 0, key.as_bytes(), b"v"), hash);
        }
        dict
    }

    #[test]
    fn splits_and_finds_all() {
        let n = if cfg!(miri) { 5_000 } else { 100_000 };
        let mut dict = filled(n);
        assert!(matches!(&dict, Dict::Split(parts) if parts.tables.iter().all(|t| t.len() < 4 * PART)));
        assert_eq!((dict.len(), dict.iter().count()), (n as usize, n as usize));
        for i in 0..n {
            let key = i.to_string();
            assert!(dict.find(hash(key.as_bytes()), 0, key.as_bytes()).is_some(), "{key}");
        }
        for i in 0..n {
            let key = i.to_string();
            assert!(dict.remove(hash(key.as_bytes()), 0, key.as_bytes()).is_some());
        }
        assert!(dict.is_empty() && matches!(dict, Dict::One(_)));
    }

    #[test]
    fn a_walk_sees_what_stays() {
        // What is inserted makes the rest of the walk longer: with more at each step it grows out of all bounds.
        let mut dict = filled(3000);
        let (mut at, mut seen, mut extra) = (Some(0), std::collections::HashSet::new(), 3000..);
        while let Some(from) = at {
            at = dict.walk(from, 10, |e| {
                seen.insert(e.key().to_vec());
            });
            for i in extra.by_ref().take(if cfg!(miri) { 2 } else { 20 }) {
                let key = i.to_string();
                let h = hash(key.as_bytes());
                dict.insert(h, Entry::string(h.tag(), 0, key.as_bytes(), b"v"), hash);
            }
        }
        for i in 0..3000 {
            assert!(seen.contains(i.to_string().as_bytes()), "{i}");
        }
    }
}
