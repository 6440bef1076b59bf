//! Where a request's keys are: key specs as Redis has them, and the iterator that applies them.

use super::Command;
use super::flags::{Flags, KeyFlags};
use crate::request::Args;

/// Where the search for keys begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BeginSearch {
    /// At this argument (0 is the command's name).
    Index(u16),
    /// After this word, looked for from argument `from` on (negative: from the end backwards).
    Keyword {
        /// The word, upper case, compared without regard to case.
        word: &'static str,
        /// The first argument that may be the word.
        from: i16,
    },
    /// Nowhere that could be told: the keys are made of what other keys hold.
    Unknown,
    /// Behind SORT's last STORE, which only reading its options finds; Redis tells it as unknown.
    SortStore,
}

/// How the keys go on from where the search began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindKeys {
    /// Every `step`th argument up to `last`.
    Range {
        /// The last key: relative to the first, or from the end when negative (-1 is the last argument).
        last: i16,
        /// Distance between keys.
        step: u16,
        /// With `last` -1 and `limit` n > 1: stop after 1/n of the arguments.
        limit: u16,
    },
    /// An argument says how many keys there are.
    KeyNum {
        /// Where the number stands, relative to where the search began.
        count: u16,
        /// Where the first key stands, relative to the same place.
        first: u16,
        /// Distance between keys.
        step: u16,
    },
    /// Not to be told, see [`BeginSearch::Unknown`].
    Unknown,
}

/// One rule for finding keys in a request.
#[derive(Clone, Copy, Debug)]
pub struct KeySpec {
    /// Where to begin.
    pub begin: BeginSearch,
    /// How to go on.
    pub find: FindKeys,
    /// What happens to these keys.
    pub flags: KeyFlags,
    /// A remark for `COMMAND INFO`.
    pub notes: Option<&'static str>,
}

impl KeySpec {
    const fn new(begin: u16, find: FindKeys, flags: KeyFlags) -> Self {
        Self { begin: BeginSearch::Index(begin), find, flags, notes: None }
    }

    /// The key at argument `at`.
    pub(super) const fn one(at: u16, flags: KeyFlags) -> Self {
        Self::new(at, FindKeys::Range { last: 0, step: 1, limit: 0 }, flags)
    }

    /// The keys at argument `at` and the `more` after it.
    pub(super) const fn run(at: u16, more: i16, flags: KeyFlags) -> Self {
        Self::new(at, FindKeys::Range { last: more, step: 1, limit: 0 }, flags)
    }

    /// Every `step`th argument from `at` to the end.
    pub(super) const fn rest(at: u16, step: u16, flags: KeyFlags) -> Self {
        Self::new(at, FindKeys::Range { last: -1, step, limit: 0 }, flags)
    }

    /// As many keys as argument `at` says, right after it.
    pub(super) const fn counted(at: u16, flags: KeyFlags) -> Self {
        Self::new(at, FindKeys::KeyNum { count: 0, first: 1, step: 1 }, flags)
    }

    /// The keys of XREAD and XREADGROUP: the first half of what follows STREAMS.
    pub(super) const fn streams(from: i16, flags: KeyFlags) -> Self {
        let begin = BeginSearch::Keyword { word: STREAMS, from };
        Self { begin, find: FindKeys::Range { last: -1, step: 1, limit: 2 }, flags, notes: None }
    }

    /// Keys that can't be found in a request.
    pub(super) const fn unknown(flags: KeyFlags) -> Self {
        Self { begin: BeginSearch::Unknown, find: FindKeys::Unknown, flags, notes: None }
    }

    /// The key behind SORT's STORE.
    pub(super) const fn sort_store(flags: KeyFlags) -> Self {
        Self { begin: BeginSearch::SortStore, find: FindKeys::Unknown, flags, notes: None }
    }

    /// Whether it can find keys.
    pub(super) const fn finds(&self) -> bool {
        !matches!(self.begin, BeginSearch::Unknown)
    }

    /// The key behind a word, which is looked for from argument `from` on.
    pub(super) const fn behind(word: &'static str, from: i16, flags: KeyFlags) -> Self {
        let begin = BeginSearch::Keyword { word, from };
        Self { begin, find: FindKeys::Range { last: 0, step: 1, limit: 0 }, flags, notes: None }
    }

    pub(super) const fn note(mut self, text: &'static str) -> Self {
        self.notes = Some(text);
        self
    }
}

/// The position of keys in the form that Redis had before key specs: (first, last, step), all 0 when
/// there are none. `last` is negative when it counts from the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct KeyRange {
    /// The first key's argument, 0 when the command has none at a fixed place.
    pub first: i16,
    /// The last key's argument.
    pub last: i16,
    /// Distance between keys.
    pub step: i16,
}

impl KeyRange {
    /// The one range that covers all specs at fixed places, as Redis derives it, and whether there are
    /// keys it does not cover.
    pub(super) const fn of(specs: &[KeySpec]) -> (Self, bool) {
        let (mut range, mut movable, mut i) = (Self { first: 0, last: 0, step: 0 }, false, 0);
        while i < specs.len() {
            match (specs[i].begin, specs[i].find) {
                (BeginSearch::Index(at), FindKeys::Range { last, step, .. }) => {
                    range = range.joined(at as i16, last, step as i16, i == 0);
                }
                _ => movable = true,
            }
            i += 1;
        }
        (range, movable)
    }

    const fn joined(self, at: i16, last: i16, step: i16, only: bool) -> Self {
        let end = if last >= 0 { at + last } else { last };
        if only || self.first == 0 {
            return Self { first: at, last: end, step };
        }
        Self { first: self.first, last: end, step: 1 }
    }
}

/// How many key specs a command with movable keys may have.
pub(super) const MOVABLE_SPECS: usize = 3;

/// How many of the specs can find keys.
pub(super) const fn finding(specs: &[KeySpec]) -> usize {
    let (mut count, mut i) = (0, 0);
    while i < specs.len() {
        if specs[i].finds() {
            count += 1;
        }
        i += 1;
    }
    count
}

/// A request's arguments, the command's name first.
pub trait Arguments {
    /// How many there are, with the command's name.
    fn count(&self) -> usize;
    /// The argument at `index`, none past the end.
    fn argument(&self, index: usize) -> Option<&[u8]>;
}

impl<T: AsRef<[u8]>> Arguments for [T] {
    fn count(&self) -> usize {
        self.len()
    }

    fn argument(&self, index: usize) -> Option<&[u8]> {
        self.get(index).map(AsRef::as_ref)
    }
}

impl Arguments for Args<'_> {
    #[inline]
    fn count(&self) -> usize {
        self.len()
    }

    #[inline]
    fn argument(&self, index: usize) -> Option<&[u8]> {
        self.get(index)
    }
}

/// The indices of the arguments of `request` that are keys, in order of the key specs. Nothing is
/// allocated. A request that is malformed for its command (too short, a key count that is not a number
/// or larger than what follows) yields no keys from the spec that cannot be applied; the command
/// itself then says what is wrong.
pub fn keys<A: Arguments + ?Sized>(command: &Command, request: &A) -> Keys {
    let count = request.count();
    if !command.flags.contains(Flags::MOVABLEKEYS) {
        return Keys { now: command.range.indices(count), later: [Indices::NONE; MOVABLE_SPECS - 1] };
    }
    let mut found = [Indices::NONE; MOVABLE_SPECS];
    for (slot, spec) in found.iter_mut().zip(command.key_specs.iter().filter(|spec| spec.finds())) {
        *slot = spec.indices(request);
    }
    let [now, later, last] = found;
    Keys { now, later: [later, last] }
}

/// Iterator over the indices of keys, see [`keys`].
#[derive(Clone, Copy, Debug)]
pub struct Keys {
    now: Indices,
    later: [Indices; MOVABLE_SPECS - 1],
}

impl Keys {
    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.clone().next().is_none()
    }
}

impl Iterator for Keys {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        self.now.next().or_else(|| self.later.iter_mut().find_map(Indices::next))
    }
}

/// `next`, `next + step`, … below `end`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Indices {
    next: usize,
    end: usize,
    step: usize,
}

impl Indices {
    const NONE: Self = Self { next: 0, end: 0, step: 1 };
}

impl Iterator for Indices {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.next >= self.end {
            return None;
        }
        let index = self.next;
        self.next += self.step;
        Some(index)
    }
}

impl KeyRange {
    #[inline]
    fn indices(self, count: usize) -> Indices {
        if self.first == 0 {
            return Indices::NONE;
        }
        let end = if self.last >= 0 {
            (self.last as usize + 1).min(count)
        } else {
            (count + 1).saturating_sub(usize::from(self.last.unsigned_abs()))
        };
        Indices { next: self.first as usize, end, step: self.step as usize }
    }
}

impl KeySpec {
    /// The indices of the arguments that this spec finds.
    pub(crate) fn indices<A: Arguments + ?Sized>(&self, request: &A) -> Indices {
        let count = request.count();
        let Some(begin) = self.begin.find(request, count) else { return Indices::NONE };
        match self.find {
            FindKeys::Range { last, step, limit } => {
                Indices { next: begin, end: range_end(begin, last, limit, count), step: usize::from(step) }
            }
            FindKeys::Unknown => Indices { next: begin, end: (begin + 1).min(count), step: 1 },
            FindKeys::KeyNum { count: at, first, step } => {
                let number = request.argument(begin + usize::from(at)).and_then(small_number);
                let next = begin + usize::from(first);
                counted(next, number.unwrap_or(0), usize::from(step), count)
            }
        }
    }
}

impl BeginSearch {
    fn find<A: Arguments + ?Sized>(self, request: &A, count: usize) -> Option<usize> {
        match self {
            Self::Index(at) => Some(usize::from(at)),
            Self::Keyword { word: STREAMS, .. } => behind_streams(request, count),
            Self::Keyword { word, from } => {
                let is_word = |&i: &usize| {
                    request.argument(i).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
                };
                let distance = usize::from(from.unsigned_abs());
                let at = if from >= 0 {
                    (distance..count).find(is_word)
                } else {
                    (1..=count.saturating_sub(distance)).rev().find(is_word)
                };
                at.map(|i| i + 1)
            }
            Self::Unknown => None,
            Self::SortStore => sort_store(request),
        }
    }
}

/// The word that XREAD's keys stand behind.
const STREAMS: &str = "STREAMS";

/// The argument behind STREAMS. A group or a consumer may be called so too, so what belongs to other options is stepped
/// over, as the commands themselves do.
fn behind_streams<A: Arguments + ?Sized>(request: &A, count: usize) -> Option<usize> {
    let mut at = 1;
    while at < count {
        let option = request.argument(at)?;
        let is = |word: &str| option.eq_ignore_ascii_case(word.as_bytes());
        at += match () {
            () if is(STREAMS) => return Some(at + 1),
            () if is("NOACK") => 1,
            () if is("COUNT") || is("BLOCK") => 2,
            () if is("GROUP") => 3,
            () => return None,
        };
    }
    None
}

/// Where SORT's destination stands: behind the last STORE, read from left to right as SORT reads its options.
fn sort_store<A: Arguments + ?Sized>(request: &A) -> Option<usize> {
    let (mut at, mut found) = (2, None);
    while let Some(word) = request.argument(at) {
        let is = |option: &str| word.eq_ignore_ascii_case(option.as_bytes());
        if is("STORE") {
            found = Some(at + 1);
        }
        at += match () {
            () if is("LIMIT") => 3,
            () if is("STORE") || is("BY") || is("GET") => 2,
            () => 1,
        };
    }
    found
}

/// One past the last index of a range that begins at `begin`.
fn range_end(begin: usize, last: i16, limit: u16, count: usize) -> usize {
    if last >= 0 {
        return (begin + last as usize + 1).min(count);
    }
    if limit > 1 {
        return begin + count.saturating_sub(begin) / usize::from(limit);
    }
    (count + 1).saturating_sub(usize::from(last.unsigned_abs()))
}

/// `number` keys from `next` on, or none if the request is too short for them.
fn counted(next: usize, number: usize, step: usize, count: usize) -> Indices {
    let end = number.checked_mul(step).and_then(|length| length.checked_add(next));
    match end {
        Some(end) if end <= count => Indices { next, end, step },
        _ => Indices::NONE,
    }
}

/// A count of keys: only digits, at most nine of them, which no request can exceed.
fn small_number(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() || digits.len() > 9 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0')))
}
