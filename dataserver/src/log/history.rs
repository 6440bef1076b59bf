//! A log's name: forty hexadecimal digits. The first eight are its epoch, which grows with each server that takes over, so that of two
//! logs of a member everybody can tell the later one. The next sixteen are its line: a log that goes on from another one has its. Epochs of two
//! lines say nothing of each other. The rest tells a log from all others.

use std::fmt::Write;
use std::ops::Range;

/// The epoch of a log that nobody took over.
pub const FIRST: u32 = 1;

const EPOCH_DIGITS: usize = 8;
const DIGITS: usize = 40;

/// Where a name says its line.
const LINE: Range<usize> = EPOCH_DIGITS..24;

/// A name that no log has yet, of a line that begins with it.
pub fn fresh(epoch: u32) -> String {
    let mut name = format!("{epoch:0EPOCH_DIGITS$x}");
    while name.len() < DIGITS {
        let _ = write!(name, "{:016x}", fastrand::u64(..));
    }
    name
}

/// A name that no log has yet, of one that goes on from the log of this name.
pub fn next(history: &str, epoch: u32) -> String {
    let mut name = fresh(epoch);
    if let Some(line) = line_of(history) {
        name.replace_range(LINE, line);
    }
    name
}

fn line_of(history: &str) -> Option<&str> {
    history.get(LINE).filter(|line| line.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

/// Whether both logs come from one, so that their epochs can be compared.
pub fn is_kin(one: &str, other: &str) -> bool {
    line_of(one).is_some_and(|line| line_of(other) == Some(line))
}

/// Whether a log is later than another one of its line: what that one has, and this one does not, was given up when somebody took over.
pub fn is_later(history: &str, other: &str) -> bool {
    is_kin(history, other) && epoch_of(history) > epoch_of(other)
}

/// The epoch that a name says; 0 if it is none.
pub fn epoch_of(history: &str) -> u32 {
    history.get(..EPOCH_DIGITS).and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::files::History;

    #[test]
    fn a_name_says_its_epoch_and_is_no_other() {
        for epoch in [0, FIRST, 77, u32::MAX] {
            let (one, other) = (fresh(epoch), fresh(epoch));
            assert!(History::new(&one).is_some() && one != other, "{one} {other}");
            assert_eq!((epoch_of(&one), epoch_of(&other)), (epoch, epoch));
        }
        assert_eq!((epoch_of(""), epoch_of("?"), epoch_of("zzzzzzzzzz")), (0, 0, 0));
    }

    #[test]
    fn what_goes_on_from_a_log_is_its_kin() {
        let (own, other) = (fresh(3), fresh(3));
        let later = next(&own, 4);
        assert!(History::new(&later).is_some() && next(&own, 4) != later && epoch_of(&later) == 4);
        assert!(is_kin(&own, &later) && is_kin(&later, &next(&later, 9)) && !is_kin(&own, &other));
        assert!(is_later(&later, &own) && !is_later(&own, &later) && !is_later(&next(&own, 3), &own));
        assert!(!is_later(&next(&other, 9), &own), "of another line");
        for none in ["?", "-", "", &"z".repeat(40), "0000000\u{e9}0000000000000000000000"] {
            assert!(!is_kin(none, none) && next(none, 1).len() == own.len(), "{none}");
        }
    }
}
