//! The bounds of ranges: of scores, of names, of ranks.

use super::super::arguments::int;
use crate::value::zset::SortedSet;
use ringtail_protocol::errors::Error;
use ringtail_protocol::number::parse_f64;
use std::ops::Range;

const NOT_A_SCORE: Error = Error::fixed("ERR min or max is not a float");
const NOT_A_NAME: Error = Error::fixed("ERR min or max not valid string range item");

/// A range of a sorted set.
pub(super) enum Bounds<'a> {
    /// Of ranks; negative ones count from the end.
    Ranks(i64, i64),
    /// Of scores, each with whether it is part of the range.
    Scores((f64, bool), (f64, bool)),
    /// Of members.
    Names(Name<'a>, Name<'a>),
}

/// The end of a range of members.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Name<'a> {
    /// `-`
    Lowest,
    /// `[name`, or `(name` when it is not part of the range.
    At(&'a [u8], bool),
    /// `+`
    Highest,
}

/// What a range is of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum By {
    /// Ranks.
    Rank,
    /// Scores.
    Score,
    /// Members.
    Name,
}

impl<'a> Bounds<'a> {
    /// Reads the two ends of a range.
    pub(super) fn read(by: By, min: &'a [u8], max: &'a [u8]) -> Result<Self, Error> {
        Ok(match by {
            By::Rank => Self::Ranks(int(min)?, int(max)?),
            By::Score => Self::Scores(score(min)?, score(max)?),
            By::Name => Self::Names(name(min)?, name(max)?),
        })
    }

    /// The ranks that the range has in a sorted set.
    pub(super) fn ranks(&self, set: &SortedSet) -> Range<usize> {
        let (start, end) = match *self {
            Self::Ranks(start, stop) => return ranks(start, stop, set.len()),
            Self::Scores((min, min_in), (max, max_in)) => {
                (set.below_score(min, !min_in), set.below_score(max, max_in))
            }
            Self::Names(min, max) => (below(set, min, false), below(set, max, true)),
        };
        start..end.max(start)
    }
}

/// How many members are below one end of a range.
fn below(set: &SortedSet, name: Name<'_>, is_end: bool) -> usize {
    match name {
        Name::Lowest => 0,
        Name::Highest => set.len(),
        Name::At(member, included) => set.below_member(member, included == is_end),
    }
}

fn ranks(start: i64, stop: i64, len: usize) -> Range<usize> {
    let from_start = |index: i64| if index < 0 { index.saturating_add(len as i64) } else { index };
    let start = usize::try_from(from_start(start)).unwrap_or(0);
    let end = usize::try_from(from_start(stop)).map_or(0, |stop| stop.saturating_add(1).min(len));
    if start < end { start..end } else { 0..0 }
}

/// A score, not part of the range when `(` is before it. As C's `strtod` reads it: spaces before it and nothing at all are
/// no errors.
fn score(text: &[u8]) -> Result<(f64, bool), Error> {
    let (included, number) = match text {
        [b'(', rest @ ..] => (false, rest),
        _ => (true, text),
    };
    let number = number.trim_ascii_start();
    let score = if number.is_empty() && text.len() < 2 { Some(0.0) } else { parse_f64(number) };
    Ok((score.ok_or(NOT_A_SCORE)?, included))
}

fn name(text: &[u8]) -> Result<Name<'_>, Error> {
    match text {
        b"-" => Ok(Name::Lowest),
        b"+" => Ok(Name::Highest),
        [b'(', rest @ ..] => Ok(Name::At(rest, false)),
        [b'[', rest @ ..] => Ok(Name::At(rest, true)),
        _ => Err(NOT_A_NAME),
    }
}
