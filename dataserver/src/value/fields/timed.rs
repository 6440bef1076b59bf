//! Fields of which some expire. Only hashes that had such a field pay for it: every other is one of the two plain forms.
//!
//! In the packed form each value has the time before it, eight bytes that are 0 for a field that stays; in a table an
//! entry has room for the time, as a key has.
//!
//! Many fields of a table may expire at once. Then some go, and the rest are *hidden*: nobody sees them any more, they don't
//! count, and each look at the hash takes a few more of them away.

use super::{Limit, Pairs, sampled_size};
use crate::store::dict::{Dict, Hash};
use crate::store::entry::Entry;
use crate::store::hasher::Hasher;
use std::collections::BTreeSet;

/// What an item of the table's list of times takes, about: 16 bytes in nodes that are two thirds full.
const ITEM: usize = 26;

/// Fields of which some expire.
pub struct Timed {
    /// When the first of them expires, in milliseconds since 1970; a packed hash's may be one that is gone since.
    next: Option<u64>,
    /// When the store looks at this hash, which is never after the first of them expires.
    pub scheduled: Option<u64>,
    /// Fields of a packed hash that expire up to this time are hidden for now; 0 = none.
    over: u64,
    form: Form,
}

enum Form {
    Packed(Pairs),
    Table(Box<Table>),
}

/// A dictionary and a list of its entries that expire: when, and their hash.
#[derive(Default)]
struct Table {
    dict: Dict,
    times: BTreeSet<(u64, u64)>,
    /// Fields that expire up to this time are hidden.
    over: u64,
    /// How many these are.
    hidden: usize,
    /// For now they are shown all the same.
    open: bool,
}

/// A field as it is visited: its name, its value, and when it expires.
pub type Field<'f> = (&'f [u8], &'f [u8], Option<u64>);

fn joined(value: &[u8], at: Option<u64>) -> Vec<u8> {
    [&at.unwrap_or(0).to_le_bytes(), value].concat()
}

fn parted(joined: &[u8]) -> (&[u8], Option<u64>) {
    match joined.split_first_chunk() {
        Some((&time, value)) => (value, Some(u64::from_le_bytes(time)).filter(|&at| at > 0)),
        None => (joined, None),
    }
}

fn of_entry(entry: &Entry) -> Field<'_> {
    (entry.key(), super::value(entry), entry.expiry())
}

impl Timed {
    /// The fields of a packed hash.
    pub fn of_pairs(pairs: &Pairs) -> Self {
        let mut timed = Pairs::default();
        for (field, value) in pairs.iter() {
            timed.set(field, &joined(value, None));
        }
        Self { next: None, scheduled: None, over: 0, form: Form::Packed(timed) }
    }

    /// The fields of a table.
    pub fn of_dict(dict: Dict) -> Self {
        let table = Table { dict, ..Table::default() };
        Self { next: None, scheduled: None, over: 0, form: Form::Table(Box::new(table)) }
    }

    /// When the next field expires, if one does. It may be one that is gone since.
    #[inline]
    pub fn next(&self) -> Option<u64> {
        self.next
    }

    /// Fields in it.
    #[expect(clippy::len_without_is_empty, reason = "an empty one is deleted at once")]
    pub fn len(&self) -> usize {
        match &self.form {
            Form::Packed(pairs) if self.over == 0 => pairs.count(),
            Form::Packed(pairs) => pairs.iter().filter(|(_, joined)| self.sees(parted(joined).1)).count(),
            Form::Table(table) if table.open => table.dict.len(),
            Form::Table(table) => table.dict.len() - table.hidden,
        }
    }

    /// Whether a field of a packed hash that expires then is seen.
    #[inline]
    fn sees(&self, at: Option<u64>) -> bool {
        at.is_none_or(|at| at > self.over)
    }

    /// Hides the fields whose time is over at `now`, until [`show`](Self::show).
    pub fn hide(&mut self, now: u64) {
        match &mut self.form {
            Form::Packed(_) => self.over = now,
            Form::Table(table) => table.hide(now),
        }
    }

    /// Shows all fields. How many are over is not counted again, should they be hidden once more.
    pub fn show(&mut self) {
        self.over = 0;
        if let Form::Table(table) = &mut self.form {
            table.open = true;
        }
    }

    /// Redis's name of the form.
    pub fn encoding(&self) -> &'static str {
        if self.is_packed() { "listpackex" } else { "hashtable" }
    }

    /// Whether all fields are in one run.
    pub fn is_packed(&self) -> bool {
        matches!(self.form, Form::Packed(_))
    }

    /// Whether nobody sees an entry of the large form any more.
    #[inline]
    pub fn hides(&self, entry: &Entry) -> bool {
        if let Form::Table(table) = &self.form { table.hides(entry) } else { false }
    }

    /// Whether fields that expire at this time are hidden already.
    pub fn is_over(&self, at: u64) -> bool {
        if let Form::Table(table) = &self.form { !table.open && at <= table.over } else { false }
    }

    /// Whether nobody sees some of the entries any more.
    pub fn hides_any(&self) -> bool {
        if let Form::Table(table) = &self.form { table.hidden > 0 && !table.open } else { false }
    }

    /// The dictionary of the large form, with the entries that are hidden.
    pub fn dict(&self) -> Option<&Dict> {
        if let Form::Table(table) = &self.form { Some(&table.dict) } else { None }
    }

    /// Bytes that it holds outside itself.
    pub fn size_estimate(&self) -> usize {
        match &self.form {
            Form::Packed(pairs) => pairs.size(),
            Form::Table(table) => {
                let entries = table.dict.table_bytes() + sampled_size(&table.dict);
                size_of::<Table>() + entries + ITEM * table.times.len()
            }
        }
    }

    /// A field's value, and when it expires.
    pub fn get(&self, field: &[u8], hasher: Hasher) -> Option<(&[u8], Option<u64>)> {
        match &self.form {
            Form::Packed(pairs) => pairs.get(field).map(parted).filter(|&(_, at)| self.sees(at)),
            Form::Table(table) => {
                let entry = table.dict.find(hasher.hash(field), 0, field)?;
                (!table.hides(entry)).then(|| (super::value(entry), entry.expiry()))
            }
        }
    }

    /// Sets a field's value and when it expires. Whether the field is new.
    pub fn set(&mut self, field: &[u8], value: &[u8], at: Option<u64>, hasher: Hasher, limit: Limit) -> bool {
        self.note(at);
        if let Form::Packed(pairs) = &mut self.form
            && field.len().max(value.len()) <= limit.value
        {
            let new = pairs.set(field, &joined(value, at));
            if new && pairs.is_over(limit.entries) {
                self.spread(hasher);
            }
            return new;
        }
        self.spread(hasher);
        match &mut self.form {
            Form::Packed(_) => false,
            Form::Table(table) => table.set(field, value, at, hasher),
        }
    }

    /// Sets when a field that is there expires.
    pub fn set_time(&mut self, field: &[u8], at: Option<u64>, hasher: Hasher) {
        self.note(at);
        match &mut self.form {
            Form::Packed(pairs) => {
                if let Some(time) = pairs.get_mut(field).and_then(<[u8]>::first_chunk_mut) {
                    *time = at.unwrap_or(0).to_le_bytes();
                }
            }
            Form::Table(table) => table.set_time(field, at, hasher),
        }
    }

    fn note(&mut self, at: Option<u64>) {
        self.next = self.next.into_iter().chain(at).min();
    }

    /// Takes a field away. Whether it was there.
    pub fn remove(&mut self, field: &[u8], hasher: Hasher) -> bool {
        match &mut self.form {
            Form::Packed(pairs) => pairs.remove(field),
            Form::Table(table) => table.remove(field, hasher),
        }
    }

    /// Takes fields away whose time is over at `now`, and returns how many. Of a table up to `most` entries really go; the others
    /// are hidden, and it is due until they are gone. It then knows exactly which is the next.
    pub fn expire(&mut self, now: u64, most: usize) -> usize {
        let before = self.len();
        self.next = match &mut self.form {
            Form::Packed(pairs) => {
                expire_packed(pairs, now);
                pairs.iter().filter_map(|(_, value)| parted(value).1).min()
            }
            Form::Table(table) => {
                table.expire(now, most);
                table.times.first().map(|&(at, _)| at)
            }
        };
        before - self.len()
    }

    /// Visits all fields.
    pub fn for_each<'f>(&'f self, mut visit: impl FnMut(Field<'f>)) {
        match &self.form {
            Form::Packed(pairs) => pairs.iter().for_each(|(field, joined)| {
                let (value, at) = parted(joined);
                if self.sees(at) {
                    visit((field, value, at));
                }
            }),
            Form::Table(table) => {
                table.dict.iter().filter(|entry| !table.hides(entry)).map(of_entry).for_each(visit);
            }
        }
    }

    /// A field that is not hidden: of the next few by tag, since a sample of all might have none.
    pub(super) fn random_seen(&self, random: &mut fastrand::Rng) -> Option<(&[u8], &[u8])> {
        let (dict, mut seen) = (self.dict().filter(|_| self.len() > 0)?, Vec::new());
        let mut from = random.u16(..);
        while seen.is_empty() {
            let next = dict.walk(from, super::FAIR, |entry| {
                if !self.hides(entry) {
                    seen.push(entry);
                }
            });
            from = next.unwrap_or(0);
        }
        random.choice(seen).map(|entry| (entry.key(), super::value(entry)))
    }

    /// The field at an index of the packed form.
    pub fn nth(&self, index: usize) -> Option<Field<'_>> {
        let Form::Packed(pairs) = &self.form else { return None };
        let fields = pairs.iter().map(|(field, joined)| {
            let (value, at) = parted(joined);
            (field, value, at)
        });
        fields.filter(|field| self.sees(field.2)).nth(index)
    }

    /// Makes a table of a packed hash.
    fn spread(&mut self, hasher: Hasher) {
        if !self.is_packed() {
            return;
        }
        let mut table = Table::default();
        self.for_each(|(field, value, at)| {
            table.set(field, value, at, hasher);
        });
        self.form = Form::Table(Box::new(table));
    }
}

fn expire_packed(pairs: &mut Pairs, now: u64) {
    let is_over = |(_, joined): &(&[u8], &[u8])| parted(joined).1.is_some_and(|at| at <= now);
    let over: Vec<Vec<u8>> = pairs.iter().filter(is_over).map(|(field, _)| field.to_vec()).collect();
    for field in over {
        pairs.remove(&field);
    }
}

impl Table {
    #[inline]
    fn hides(&self, entry: &Entry) -> bool {
        self.hidden > 0 && !self.open && entry.expiry().is_some_and(|at| at <= self.over)
    }

    fn set(&mut self, field: &[u8], value: &[u8], at: Option<u64>, hasher: Hasher) -> bool {
        let hash = hasher.hash(field);
        if self.hidden > 0 && self.dict.find(hash, 0, field).is_some_and(|entry| self.hides(entry)) {
            self.remove(field, hasher);
        }
        let new = super::set_in_table(&mut self.dict, field, value, hasher);
        self.set_time(field, at, hasher);
        new
    }

    fn set_time(&mut self, field: &[u8], at: Option<u64>, hasher: Hasher) {
        let hash = hasher.hash(field);
        let Some(entry) = self.dict.find_mut(hash, 0, field) else { return };
        let old = entry.expiry();
        if old == at {
            return;
        }
        entry.set_expiry(at);
        if let Some(old) = old {
            self.forget((old, hash.0));
        }
        if let Some(at) = at {
            self.times.insert((at, hash.0));
            // The clock was put back.
            self.hidden += usize::from(at <= self.over);
        }
    }

    fn forget(&mut self, time: (u64, u64)) {
        self.times.remove(&time);
        self.hidden -= usize::from(time.0 <= self.over);
        self.hide_no_more();
    }

    /// With nothing hidden, a field may have any time again, as by a clock that was put back.
    fn hide_no_more(&mut self) {
        if self.hidden == 0 {
            self.over = 0;
        }
    }

    fn remove(&mut self, field: &[u8], hasher: Hasher) -> bool {
        let hash = hasher.hash(field);
        let Some(entry) = self.dict.remove(hash, 0, field) else { return false };
        let was_seen = !self.hides(&entry);
        if let Some(at) = entry.expiry() {
            self.forget((at, hash.0));
        }
        was_seen
    }

    fn expire(&mut self, now: u64, most: usize) {
        if self.open {
            // Hidden for those who looked, who may have had another clock.
            (self.over, self.hidden) = (0, 0);
        }
        self.hide(now);
        // With nothing left to see, all of it is about to be freed at once.
        for _ in 0..most.min(self.hidden) {
            if self.hidden == self.dict.len() {
                return;
            }
            if let Some((at, hash)) = self.times.pop_first() {
                self.dict.remove_by(Hash(hash), |entry| entry.expiry() == Some(at));
                self.hidden -= 1;
            }
        }
        self.hide_no_more();
    }

    /// Hides what is over at `now`. To count it costs a fiftieth of taking it away, and is done once for each field.
    fn hide(&mut self, now: u64) {
        self.open = false;
        if now <= self.over {
            return;
        }
        let all_over = self.times.last().is_some_and(|&(at, _)| at <= now);
        self.hidden = match all_over {
            true => self.times.len(),
            false => self.hidden + self.times.range((self.over + 1, 0)..=(now, u64::MAX)).count(),
        };
        self.over = now;
    }
}

impl Clone for Timed {
    fn clone(&self) -> Self {
        let form = match &self.form {
            Form::Packed(pairs) => Form::Packed(pairs.clone()),
            Form::Table(table) => {
                let (dict, times) = (super::copied(&table.dict), table.times.clone());
                Form::Table(Box::new(Table { dict, times, ..**table }))
            }
        };
        Self { next: self.next, scheduled: None, over: 0, form }
    }
}
