//! The names of the files of the log's directory.

use super::{History, manifest};
use std::path::Path;

/// Locked by the server that has the directory.
pub(super) const LOCK: &str = "LOCK";
pub(super) const MANIFEST: &str = "manifest.json";

/// A base that is being written.
pub(super) const DRAFT: &str = "base.tmp";

/// A file of zeros for the next segment.
pub(super) const PREPARED: &str = "prepared.tmp";

/// Behind the names of files that do not count yet.
const TEMPORARY: &str = ".tmp";

/// Of an offset in a name, so that names sort like offsets.
const DIGITS: usize = 20;

/// Digits of a history in a name: its last ones, as the first are an epoch that others have too.
const MARK: usize = 8;

/// The segment that begins at an offset.
pub(super) fn segment(start: u64) -> String {
    format!("log-{start:020}.rtl")
}

/// The segment that begins at an offset, set aside because nothing in it can be read.
pub(super) fn damaged(start: u64) -> String {
    format!("{}.damaged", segment(start))
}

/// What a start cut off the log's end at an offset, the `n`-th that did.
pub(super) fn cut(start: u64, n: usize) -> String {
    let name = format!("{}.cut", segment(start));
    if n == 0 { name } else { format!("{name}.{n}") }
}

/// The base that is exact at an offset.
pub(super) fn base(offset: u64) -> String {
    format!("base-{offset:020}.rtb")
}

/// The base at an offset of another history than the directory's: it may have the same offset as the base in use.
pub(super) fn base_of(history: &History, offset: u64) -> String {
    format!("base-{offset:020}-{}.rtb", &history.as_str()[manifest::DIGITS - MARK..])
}

/// What a file is called before it counts.
pub(super) fn temporary(name: &str) -> String {
    format!("{name}{TEMPORARY}")
}

/// Where the segment of this name begins, if it is one's.
pub(super) fn segment_start(name: &str) -> Option<u64> {
    offset(name, "log-", ".rtl")
}

pub(super) fn is_base(name: &str) -> bool {
    base_offset(name).is_some()
}

/// The offset of the base of this name, if it is one's.
pub(super) fn base_offset(name: &str) -> Option<u64> {
    let (offset, mark) = name.strip_prefix("base-")?.strip_suffix(".rtb")?.split_at_checked(DIGITS)?;
    let marked = mark.strip_prefix('-').is_some_and(|mark| mark.len() == MARK && mark.bytes().all(is_hex));
    if mark.is_empty() || marked { parse(offset) } else { None }
}

/// Whether the file was on its way to count, and never did.
pub(super) fn is_temporary(name: &str) -> bool {
    let stem = name.strip_suffix(TEMPORARY);
    [DRAFT, PREPARED].contains(&name)
        || stem.is_some_and(|stem| stem == MANIFEST || segment_start(stem).is_some())
}

/// Whether a file of this name would be taken for one of the log's.
pub fn is_taken(name: &str) -> bool {
    let own =
        [LOCK, MANIFEST].contains(&name) || ["log-", "base-"].iter().any(|start| name.starts_with(start));
    own || name.ends_with(TEMPORARY)
}

/// Whether a directory has a log.
pub fn has_log(dir: &Path) -> bool {
    dir.join(MANIFEST).exists()
}

fn offset(name: &str, before: &str, behind: &str) -> Option<u64> {
    parse(name.strip_prefix(before)?.strip_suffix(behind)?)
}

pub(super) fn is_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

fn parse(digits: &str) -> Option<u64> {
    let whole = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::history;

    /// Else a base that is not in force yet would take the place of the one that is.
    #[test]
    fn bases_of_two_logs_of_one_epoch_differ() {
        let [one, other] = [history::fresh(1), history::fresh(1)].map(|name| History::new(&name).unwrap());
        assert_ne!(base_of(&one, 0), base_of(&other, 0));
    }

    #[test]
    fn offsets_are_in_the_names() {
        for at in [0, 1, 268_435_456, u64::MAX] {
            assert_eq!(segment_start(&segment(at)), Some(at));
            assert_eq!(base_offset(&base(at)), Some(at));
            let history = History::new(&"0123456789".repeat(4)).unwrap();
            assert_eq!(base_offset(&base_of(&history, at)), Some(at));
            assert!(is_temporary(&temporary(&segment(at))));
        }
        for other in [
            "",
            "log-1.rtl",
            "log-+0000000000000000001.rtl",
            "log-99999999999999999999.rtl",
            "LOCK",
            "x.tmp",
            "base-00000000000000000000-.rtb",
        ] {
            assert!(segment_start(other).is_none() && !is_base(other) && !is_temporary(other), "{other}");
        }
    }
}
