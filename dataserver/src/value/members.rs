//! Sets: members in one packed allocation while small, in a dictionary when large.

mod ints;
mod small;
mod strings;

use crate::store::dict::Dict;
use crate::store::hasher::Hasher;
use crate::store::member::Member;
use crate::store::memory::class_size;
use crate::store::table::Tagged;
use ringtail_protocol::number::parse_i64;
use small::{Form, Small};

/// How large the small forms may be.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// Most members of a set of integers.
    pub ints: usize,
    /// Most members of a packed set.
    pub entries: usize,
    /// Longest member of a packed set, in bytes.
    pub value: usize,
}

/// A member, as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Item<'m> {
    /// An integer, which stands for its digits.
    Int(i64),
    /// Bytes.
    Bytes(&'m [u8]),
}

impl Item<'_> {
    /// Its bytes; those of an integer are written into `digits`.
    #[inline]
    pub fn bytes<'b>(&'b self, digits: &'b mut itoa::Buffer) -> &'b [u8] {
        match self {
            Self::Int(n) => digits.format(*n).as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

/// The members of a set.
pub enum Members {
    /// Redis's `intset` or `listpack`.
    Small(Small),
    /// Redis's `hashtable`.
    Table(Box<Dict<Member>>),
}

impl Default for Members {
    fn default() -> Self {
        Self::Small(Small::default())
    }
}

/// Members looked at when the size of all is estimated.
const SAMPLE: usize = 64;

impl Members {
    /// Members in it.
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            Self::Small(small) => small.len(),
            Self::Table(dict) => dict.len(),
        }
    }

    /// Whether there are none; the key of such a set is deleted.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Redis's name of the form.
    pub fn encoding(&self) -> &'static str {
        match self {
            Self::Small(small) if small.form() == Form::Strings => "listpack",
            Self::Small(_) => "intset",
            Self::Table(_) => "hashtable",
        }
    }

    /// Allocations in it, about.
    pub fn parts(&self) -> usize {
        match self {
            Self::Small(_) => 1,
            Self::Table(dict) => dict.len(),
        }
    }

    /// Bytes that it holds outside itself: of a table's members, as many as a sample has on average.
    pub fn size_estimate(&self) -> usize {
        match self {
            Self::Small(small) => small.size(),
            Self::Table(dict) => {
                class_size(size_of::<Dict<Member>>()) + dict.table_bytes() + sampled_size(dict)
            }
        }
    }

    /// Whether it has this member.
    #[inline]
    pub fn contains(&self, member: &[u8], hasher: Hasher) -> bool {
        match self {
            Self::Small(small) => small.contains(member),
            Self::Table(dict) => dict.find_by(hasher.hash(member), |m| m.key() == member).is_some(),
        }
    }

    /// Whether it has another set's member.
    #[inline]
    pub fn has(&self, item: Item<'_>, hasher: Hasher) -> bool {
        match (self, item) {
            (Self::Small(small), Item::Int(n)) if small.form() == Form::Ints => small.contains_int(n),
            _ => self.contains(item.bytes(&mut itoa::Buffer::new()), hasher),
        }
    }

    /// Adds a member. Whether it is new.
    #[inline]
    pub fn add(&mut self, member: &[u8], hasher: Hasher, limit: Limit) -> bool {
        let small = match self {
            Self::Table(dict) => return add_to_table(dict, member, hasher),
            Self::Small(small) => small,
        };
        if let Some(new) = small.add(member, limit) {
            return new;
        }
        let mut dict = spread(small, hasher);
        let new = add_to_table(&mut dict, member, hasher);
        *self = Self::Table(Box::new(dict));
        new
    }

    /// Before `more` members are added, the first of them `first`: takes the form that they are likely to need, as
    /// Redis does, so that it need not change on the way.
    pub fn expect(&mut self, first: &[u8], more: usize, hasher: Hasher, limit: Limit) {
        let Self::Small(small) = self else { return };
        let most = match small.form() {
            Form::Ints => limit.ints,
            Form::Strings => limit.entries,
            Form::Empty if parse_i64(first).is_some() && more <= limit.ints => return,
            Form::Empty => {
                small.start_strings();
                limit.entries
            }
        };
        if more > most {
            *self = Self::Table(Box::new(spread(small, hasher)));
        }
    }

    /// Takes a member away. Whether it was there.
    pub fn remove(&mut self, member: &[u8], hasher: Hasher) -> bool {
        match self {
            Self::Small(small) => small.remove(member),
            Self::Table(dict) => dict.remove_by(hasher.hash(member), |m| m.key() == member).is_some(),
        }
    }

    /// All members: integers ascending, packed ones as they came, those of a table in no order.
    pub fn iter(&self) -> Box<dyn Iterator<Item = Item<'_>> + '_> {
        match self {
            Self::Small(small) => small.iter(),
            Self::Table(dict) => Box::new(dict.iter().map(|m| Item::Bytes(m.key()))),
        }
    }

    /// Visits all members, in the order of [`iter`](Self::iter).
    pub fn for_each<'m>(&'m self, mut visit: impl FnMut(Item<'m>)) {
        match self {
            Self::Small(small) => small.for_each(visit),
            Self::Table(dict) => dict.iter().for_each(|m| visit(Item::Bytes(m.key()))),
        }
    }

    /// Visits about `count` members from a cursor on, and returns where to go on, 0 at the end; a small set is visited
    /// whole. A member that is there throughout a walk from 0 to the end is visited, whatever changes in between.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(Item<'_>)) -> u64 {
        let dict = match self {
            Self::Small(small) => {
                small.for_each(visit);
                return 0;
            }
            Self::Table(dict) => dict,
        };
        // A cursor that was never given.
        let Ok(from) = u16::try_from(cursor) else { return 0 };
        dict.walk(from, count, |m| visit(Item::Bytes(m.key()))).map_or(0, u64::from)
    }

    /// A member, each as likely as another.
    pub fn random(&self, random: &mut fastrand::Rng) -> Option<Item<'_>> {
        match self {
            Self::Small(small) => small.nth(random.usize(..small.len().max(1))),
            Self::Table(dict) => dict.random(random).map(|m| Item::Bytes(m.key())),
        }
    }

    /// Takes `count` members out, any so many as likely as others, and shows each to `visit`. Where few of many stay, they
    /// move into a table of their own; what they were in is given back, to be freed off the path.
    #[must_use = "what is given back is large"]
    pub fn take_random(
        &mut self,
        count: usize,
        hasher: Hasher,
        random: &mut fastrand::Rng,
        mut visit: impl FnMut(Item<'_>),
    ) -> Option<Self> {
        match self {
            Self::Small(small) => {
                let mut chosen = Chosen::of(count, small.len());
                small.retain(|item| {
                    let taken = chosen.next(random);
                    if taken {
                        visit(item);
                    }
                    !taken
                });
            }
            Self::Table(dict) if count > dict.len() / 2 => {
                let (mut chosen, mut kept) = (Chosen::of(count, dict.len()), Dict::default());
                for member in dict.iter().map(Member::key) {
                    if chosen.next(random) {
                        visit(Item::Bytes(member));
                    } else {
                        add_new(&mut kept, member, hasher);
                    }
                }
                return Some(std::mem::replace(self, Self::Table(Box::new(kept))));
            }
            Self::Table(dict) => {
                for _ in 0..count {
                    if let Some(member) = dict.take_random(random) {
                        visit(Item::Bytes(member.key()));
                    }
                }
            }
        }
        None
    }
}

/// Chooses `wanted` of `left` things that pass by, any so many as likely as others.
pub struct Chosen {
    wanted: usize,
    left: usize,
}

impl Chosen {
    /// To choose `wanted` of `all`.
    pub fn of(wanted: usize, all: usize) -> Self {
        Self { wanted, left: all }
    }

    /// Whether the next one is chosen.
    pub fn next(&mut self, random: &mut fastrand::Rng) -> bool {
        let chosen = random.usize(..self.left.max(1)) < self.wanted;
        self.left = self.left.saturating_sub(1);
        self.wanted -= usize::from(chosen);
        chosen
    }
}

fn sampled_size(dict: &Dict<Member>) -> usize {
    let sizes = dict.sample(0, SAMPLE).map(|m| class_size(m.size()));
    let (count, bytes) = sizes.fold((0, 0), |(count, bytes), size| (count + 1, bytes + size));
    (bytes * dict.len()).checked_div(count).unwrap_or(0)
}

#[inline]
fn add_to_table(dict: &mut Dict<Member>, member: &[u8], hasher: Hasher) -> bool {
    let hash = hasher.hash(member);
    let new = dict.find_by(hash, |m| m.key() == member).is_none();
    if new {
        dict.insert(hash, Member::new(hash.tag(), member), |key| hasher.hash(key));
    }
    new
}

/// Adds a member that is not there.
fn add_new(dict: &mut Dict<Member>, member: &[u8], hasher: Hasher) {
    let hash = hasher.hash(member);
    dict.insert(hash, Member::new(hash.tag(), member), |key| hasher.hash(key));
}

#[cold]
fn spread(small: &Small, hasher: Hasher) -> Dict<Member> {
    let (mut dict, mut digits) = (Dict::default(), itoa::Buffer::new());
    for item in small.iter() {
        add_new(&mut dict, item.bytes(&mut digits), hasher);
    }
    dict
}

impl Clone for Members {
    fn clone(&self) -> Self {
        let dict = match self {
            Self::Small(small) => return Self::Small(small.clone()),
            Self::Table(dict) => dict,
        };
        let (mut copy, hasher) = (Dict::default(), Hasher::default());
        for member in dict.iter() {
            let bytes = member.key();
            copy.insert(hasher.hash(bytes), Member::new(member.tag(), bytes), |key| hasher.hash(key));
        }
        Self::Table(Box::new(copy))
    }
}

#[cfg(test)]
mod tests;
