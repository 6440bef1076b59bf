//! A log's name: forty hexadecimal digits. The first eight are its epoch, which grows with each server that takes over, so that of two
//! logs of a member everybody can tell the later one; the others tell it from all other logs.

use std::fmt::Write;

/// The epoch of a log that nobody took over.
pub const FIRST: u32 = 1;

const EPOCH_DIGITS: usize = 8;
const DIGITS: usize = 40;

/// A name that no log has yet.
pub fn fresh(epoch: u32) -> String {
    let mut name = format!("{epoch:0EPOCH_DIGITS$x}");
    while name.len() < DIGITS {
        let _ = write!(name, "{:016x}", fastrand::u64(..));
    }
    name
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
}
