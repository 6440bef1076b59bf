//! Elements, and putting them in order.

use ringtail_protocol::number::parse_f64;
use std::cmp::Ordering;
use std::ops::Range;

/// Copies of elements: while they are sorted, keys are looked up, which may remove one whose time is over.
#[derive(Default)]
pub(super) struct Elements {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Elements {
    pub(super) fn push(&mut self, element: &[u8]) {
        self.bytes.extend_from_slice(element);
        self.ends.push(self.bytes.len());
    }

    pub(super) fn get(&self, at: usize) -> &[u8] {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[at]]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len()).map(|at| self.get(at))
    }
}

/// What elements are sorted by.
pub(super) enum Weights {
    /// Their own bytes.
    Own,
    /// A number each, and then their own bytes.
    Numbers(Vec<f64>),
    /// A text each; those without one come first.
    Texts(Vec<Option<Vec<u8>>>),
}

impl Weights {
    fn compare(&self, elements: &Elements, a: usize, b: usize) -> Ordering {
        match self {
            Self::Own => elements.get(a).cmp(elements.get(b)),
            Self::Numbers(numbers) => {
                let numbers = numbers[a].partial_cmp(&numbers[b]).unwrap_or(Ordering::Equal);
                numbers.then_with(|| elements.get(a).cmp(elements.get(b)))
            }
            Self::Texts(texts) => texts[a].cmp(&texts[b]),
        }
    }
}

/// The places of the elements that are at `wanted` once all are sorted.
pub(super) fn sorted(
    elements: &Elements,
    weights: &Weights,
    descending: bool,
    wanted: Range<usize>,
) -> Vec<usize> {
    let mut order: Vec<usize> = (0..elements.ends.len()).collect();
    let compare = |&a: &usize, &b: &usize| {
        let ordering = weights.compare(elements, a, b);
        // Equal ones keep their order, whichever algorithm sorts them.
        if descending { ordering.reverse() } else { ordering }.then(a.cmp(&b))
    };
    if wanted.is_empty() {
        return Vec::new();
    }
    if wanted.end < order.len() {
        order.select_nth_unstable_by(wanted.end, compare);
        order.truncate(wanted.end);
    }
    order.sort_unstable_by(compare);
    order.drain(..wanted.start);
    order
}

/// A number as C's `strtod` reads it when nothing may follow it; no text at all is 0.
pub(super) fn number(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?.trim_ascii_start();
    if text.is_empty() {
        return Some(0.0);
    }
    let number = parse_f64(text.as_bytes())?;
    // Beyond what a double holds.
    let digits = text.split(['e', 'E', 'p', 'P']).next().unwrap_or_default();
    let overflows = number.is_infinite() && digits.contains(|c: char| c.is_ascii_digit());
    let underflows = number == 0.0 && digits.contains(|c: char| ('1'..='9').contains(&c));
    (!overflows && !underflows).then_some(number)
}
