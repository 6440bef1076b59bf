//! Unions, intersections and differences.

use super::super::arguments::{at_least, double, int, is};
use super::super::{Call, Done};
use super::{add_member, limit, start_members};
use crate::event;
use crate::store::Key as StoreKey;
use crate::store::entry::{Entry, Value};
use crate::store::hasher::Hasher;
use crate::store::view::View;
use crate::value::Object;
use crate::value::members::Members;
use crate::value::zset::{Key, SortedSet};
use ringtail_protocol::errors::{self, Error};
use std::ops::Range;

/// What is made of several sorted sets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Operation {
    /// What any of them has.
    Union,
    /// What all of them have.
    Intersection,
    /// What the first has and the others have not.
    Difference,
}

/// What the scores that a member has become.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    fn of(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Sum => number(a + b),
            Self::Min => {
                if b < a {
                    b
                } else {
                    a
                }
            }
            Self::Max => {
                if b > a {
                    b
                } else {
                    a
                }
            }
        }
    }
}

/// Infinity of one sign and of the other, or infinity times nothing, make zero.
fn number(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// A sorted set, or a set, whose members have the score 1.
#[derive(Clone, Copy)]
enum Set<'v> {
    None,
    Scored(&'v SortedSet),
    Plain(&'v Members),
}

/// One of several sets, with its weight.
#[derive(Clone, Copy)]
struct Source<'v> {
    set: Set<'v>,
    weight: f64,
}

impl<'v> Source<'v> {
    fn len(&self) -> usize {
        match self.set {
            Set::None => 0,
            Set::Scored(set) => set.len(),
            Set::Plain(set) => set.len(),
        }
    }

    fn score(&self, member: &[u8], hasher: Hasher) -> Option<f64> {
        match self.set {
            Set::None => None,
            Set::Scored(set) => set.score(member, hasher),
            Set::Plain(set) => set.contains(member, hasher).then_some(1.0),
        }
    }

    /// Visits the members with their scores until `visit` says no.
    fn each(&self, mut visit: impl FnMut(Key<'_>) -> bool) {
        match self.set {
            Set::None => {}
            Set::Scored(set) => set.each_while(0..set.len(), visit),
            Set::Plain(set) => {
                let mut digits = itoa::Buffer::new();
                set.iter().all(|item| visit((1.0, item.bytes(&mut digits))));
            }
        }
    }
}

/// Members with scores, that are copied: no allocation for each.
#[derive(Default)]
struct Collected {
    bytes: Vec<u8>,
    keys: Vec<(f64, Range<usize>)>,
}

impl Collected {
    fn push(&mut self, (score, member): Key<'_>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(member);
        self.keys.push((score, start..self.bytes.len()));
    }

    /// Makes one of all keys of the same member.
    fn merge(&mut self, aggregate: Aggregate) {
        let (bytes, keys) = (&self.bytes, &mut self.keys);
        // Stable: the scores of a member are added up in the order in which they came.
        keys.sort_by(|a, b| bytes[a.1.clone()].cmp(&bytes[b.1.clone()]));
        keys.dedup_by(|later, first| {
            let same = bytes[later.1.clone()] == bytes[first.1.clone()];
            if same {
                first.0 = aggregate.of(first.0, later.0);
            }
            same
        });
    }

    fn sort(&mut self) {
        let bytes = &self.bytes;
        self.keys.sort_by(|a, b| {
            let by_score = a.0.partial_cmp(&b.0).unwrap_or(std::cmp::Ordering::Equal);
            by_score.then_with(|| bytes[a.1.clone()].cmp(&bytes[b.1.clone()]))
        });
    }

    fn iter(&self) -> impl ExactSizeIterator<Item = Key<'_>> {
        self.keys.iter().map(|(score, range)| (*score, &self.bytes[range.clone()]))
    }
}

/// What the arguments behind the keys say.
struct Options {
    weights: Vec<f64>,
    aggregate: Aggregate,
    with_scores: bool,
}

/// The number of keys, which the argument `at` says.
fn key_count(c: &Call<'_, '_>, at: usize) -> Result<usize, Error> {
    let count = int(&c.args[at])?;
    match usize::try_from(count) {
        Ok(count) if count > 0 => {
            if count > c.args.len() - (at + 1) {
                Err(errors::SYNTAX)
            } else {
                Ok(count)
            }
        }
        _ => Err(Error::new(format!(
            "ERR at least 1 input key is needed for '{}' command",
            c.command.full_name
        ))),
    }
}

/// Looks all keys up.
///
/// # Errors
/// One of them holds neither a sorted set nor a set.
fn check_types(view: &mut View<'_>, keys: &[StoreKey<'_>]) -> Done {
    for key in keys {
        match view.read(key).map(Entry::value) {
            None | Some(Value::Object(Object::SortedSet(_) | Object::Set(_))) => {}
            Some(_) => return Err(errors::WRONG_TYPE),
        }
    }
    Ok(())
}

fn sources<'v>(view: &'v View<'_>, keys: &[StoreKey<'_>], weights: &[f64]) -> Vec<Source<'v>> {
    let set = |key| match (view.beside::<SortedSet>(key), view.beside::<Members>(key)) {
        (Some(set), _) => Set::Scored(set),
        (None, Some(set)) => Set::Plain(set),
        (None, None) => Set::None,
    };
    let weight = |i| weights.get(i).copied().unwrap_or(1.0);
    keys.iter().enumerate().map(|(i, key)| Source { set: set(key), weight: weight(i) }).collect()
}

impl Options {
    /// Reads the options from argument `at` on.
    fn read(
        c: &Call<'_, '_>,
        keys: usize,
        at: usize,
        operation: Operation,
        store: bool,
    ) -> Result<Self, Error> {
        let mut options = Self { weights: Vec::new(), aggregate: Aggregate::Sum, with_scores: false };
        let (weighs, mut i) = (operation != Operation::Difference, at);
        while let Some(option) = c.args.get(i) {
            let left = c.args.len() - i;
            match () {
                () if weighs && left > keys && is(option, "WEIGHTS") => {
                    options.weights = (i + 1..=i + keys)
                        .map(|i| double(&c.args[i], Error::fixed("ERR weight value is not a float")))
                        .collect::<Result<_, _>>()?;
                    i += keys;
                }
                () if weighs && left > 1 && is(option, "AGGREGATE") => {
                    i += 1;
                    options.aggregate = aggregate(&c.args[i])?;
                }
                () if !store && is(option, "WITHSCORES") => options.with_scores = true,
                () => return Err(errors::SYNTAX),
            }
            i += 1;
        }
        Ok(options)
    }
}

fn aggregate(word: &[u8]) -> Result<Aggregate, Error> {
    match () {
        () if is(word, "SUM") => Ok(Aggregate::Sum),
        () if is(word, "MIN") => Ok(Aggregate::Min),
        () if is(word, "MAX") => Ok(Aggregate::Max),
        () => Err(errors::SYNTAX),
    }
}

/// What an operation makes of some sets.
fn result(
    mut sets: Vec<Source<'_>>,
    operation: Operation,
    aggregate: Aggregate,
    hasher: Hasher,
) -> Collected {
    let mut made = Collected::default();
    if operation != Operation::Difference {
        sets.sort_by_key(Source::len);
    }
    match operation {
        Operation::Union => {
            for set in &sets {
                set.each(|(score, member)| {
                    made.push((number(set.weight * score), member));
                    true
                });
            }
            made.merge(aggregate);
        }
        Operation::Intersection => intersect(&sets, aggregate, hasher, |key| {
            made.push(key);
            true
        }),
        Operation::Difference => subtract(&sets, hasher, &mut made),
    }
    made.sort();
    made
}

/// Visits what all sets have, the smallest of which is first, until `visit` says no.
fn intersect(
    sets: &[Source<'_>],
    aggregate: Aggregate,
    hasher: Hasher,
    mut visit: impl FnMut(Key<'_>) -> bool,
) {
    let Some((smallest, others)) = sets.split_first() else { return };
    smallest.each(|(score, member)| {
        let first = number(smallest.weight * score);
        let all = others.iter().try_fold(first, |sum, set| {
            set.score(member, hasher).map(|score| aggregate.of(sum, set.weight * score))
        });
        all.is_none_or(|score| visit((score, member)))
    });
}

fn subtract(sets: &[Source<'_>], hasher: Hasher, made: &mut Collected) {
    let Some((first, others)) = sets.split_first() else { return };
    first.each(|(score, member)| {
        if others.iter().all(|set| set.score(member, hasher).is_none()) {
            made.push((score, member));
        }
        true
    });
}

/// ZUNION, ZINTER and ZDIFF numkeys key [key ...] [WEIGHTS weight ...] [AGGREGATE SUM|MIN|MAX] [WITHSCORES]
pub(in super::super) fn combine(c: &mut Call<'_, '_>, operation: Operation) -> Done {
    let count = key_count(c, 1)?;
    check_types(c.view, c.keys)?;
    let options = Options::read(c, count, count + 2, operation, false)?;
    let sets = sources(c.view, c.keys, &options.weights);
    let made = result(sets, operation, options.aggregate, c.view.hasher());
    start_members(&mut c.reply, made.keys.len(), options.with_scores);
    made.iter().for_each(|key| add_member(&mut c.reply, key, options.with_scores));
    Ok(())
}

/// ZUNIONSTORE, ZINTERSTORE and ZDIFFSTORE destination numkeys key [key ...] …
pub(in super::super) fn combine_and_store(c: &mut Call<'_, '_>, operation: Operation) -> Done {
    let count = key_count(c, 2)?;
    check_types(c.view, &c.keys[1..])?;
    let options = Options::read(c, count, count + 3, operation, true)?;
    let (limit, hasher) = (limit(c), c.view.hasher());
    let sets = sources(c.view, &c.keys[1..], &options.weights);
    let made = result(sets, operation, options.aggregate, hasher);
    let event = match operation {
        Operation::Union => event::ZUNIONSTORE,
        Operation::Intersection => event::ZINTERSTORE,
        Operation::Difference => event::ZDIFFSTORE,
    };
    c.store_sorted_set(&c.keys[0], SortedSet::of(made.iter(), hasher, limit), event);
    Ok(())
}

/// ZINTERCARD numkeys key [key ...] [LIMIT limit]
pub(in super::super) fn count_common(c: &mut Call<'_, '_>) -> Done {
    let count = key_count(c, 1)?;
    check_types(c.view, c.keys)?;
    let (mut most, mut i) = (0, count + 2);
    while let Some(option) = c.args.get(i) {
        match c.args.get(i + 1) {
            Some(number) if is(option, "LIMIT") => {
                most = at_least(0, number, Error::fixed("ERR LIMIT can't be negative"))?;
            }
            _ => return Err(errors::SYNTAX),
        }
        i += 2;
    }
    let mut sets = sources(c.view, c.keys, &[]);
    sets.sort_by_key(Source::len);
    let mut found = 0;
    intersect(&sets, Aggregate::Sum, c.view.hasher(), |_| {
        found += 1;
        found != most
    });
    c.reply.count(found);
    Ok(())
}
