//! The slow log: commands that took long, the newest first.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Arguments that an entry keeps; the last place says how many more there were.
const ARGUMENTS: usize = 32;
/// Bytes that it keeps of an argument.
const ARGUMENT: usize = 128;
/// `slowlog-max-len` unless told otherwise.
const DEFAULT_LENGTH: usize = 128;
/// `slowlog-log-slower-than` unless told otherwise, in microseconds.
const DEFAULT_SLOWER_THAN: i64 = 10_000;

/// One slow command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number; never used again.
    pub id: u64,
    /// When it ran, in seconds since 1970.
    pub at: u64,
    /// How long it took, in microseconds.
    pub micros: u64,
    /// Its arguments, cut.
    pub args: Vec<Vec<u8>>,
    /// The client's address.
    pub peer: String,
    /// The client's name.
    pub name: String,
}

#[derive(Debug, Default)]
struct Log {
    next: u64,
    entries: VecDeque<Entry>,
}

/// The slow log.
#[derive(Debug)]
pub struct Slowlog {
    log: Mutex<Log>,
    length: AtomicUsize,
    slower_than: AtomicI64,
}

impl Default for Slowlog {
    fn default() -> Self {
        Self {
            log: Mutex::default(),
            length: AtomicUsize::new(DEFAULT_LENGTH),
            slower_than: AtomicI64::new(DEFAULT_SLOWER_THAN),
        }
    }
}

impl Slowlog {
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From so many microseconds on a command is slow; `None`: none is.
    pub fn threshold(&self) -> Option<u64> {
        u64::try_from(self.slower_than()).ok()
    }

    /// `slowlog-log-slower-than`, in microseconds; negative: nothing is logged.
    pub fn slower_than(&self) -> i64 {
        self.slower_than.load(Relaxed)
    }

    /// Changes it.
    pub fn set_slower_than(&self, micros: i64) {
        self.slower_than.store(micros, Relaxed);
    }

    /// `slowlog-max-len`
    pub fn max_len(&self) -> usize {
        self.length.load(Relaxed)
    }

    /// Changes it; entries beyond it go.
    pub fn set_max_len(&self, length: usize) {
        self.length.store(length, Relaxed);
        self.log().entries.truncate(length);
    }

    /// Logs a command that ended at `now`, in milliseconds since 1970. What else is known of it stands behind its arguments, where
    /// every tool shows it.
    pub fn add<'a>(
        &self,
        now: u64,
        micros: u64,
        args: impl ExactSizeIterator<Item = &'a [u8]>,
        (peer, name): (String, String),
        note: Option<String>,
    ) {
        let mut args = cut(args);
        args.extend(note.map(String::into_bytes));
        let mut log = self.log();
        let id = log.next;
        log.next += 1;
        log.entries.push_front(Entry { id, at: now / 1000, micros, args, peer, name });
        log.entries.truncate(self.max_len());
    }

    /// The newest entries.
    pub fn newest(&self, count: usize) -> Vec<Entry> {
        self.log().entries.iter().take(count).cloned().collect()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.log().entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets all entries.
    pub fn reset(&self) {
        self.log().entries.clear();
    }
}

/// What an entry keeps of the arguments, so that a huge request makes no huge entry.
fn cut<'a>(args: impl ExactSizeIterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let count = args.len();
    let kept = if count > ARGUMENTS { ARGUMENTS - 1 } else { count };
    let mut cut: Vec<Vec<u8>> = args.take(kept).map(cut_one).collect();
    if kept < count {
        cut.push(format!("... ({} more arguments)", count - kept).into_bytes());
    }
    cut
}

fn cut_one(arg: &[u8]) -> Vec<u8> {
    let mut kept = arg[..arg.len().min(ARGUMENT)].to_vec();
    if kept.len() < arg.len() {
        kept.extend_from_slice(format!("... ({} more bytes)", arg.len() - ARGUMENT).as_bytes());
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(log: &Slowlog, args: &[&[u8]]) {
        log.add(5000, 7, args.iter().copied(), ("peer".into(), "name".into()), None);
    }

    #[test]
    fn the_newest_come_first_and_the_oldest_go() {
        let log = Slowlog::default();
        log.set_max_len(2);
        for name in [b"a", b"b", b"c"] {
            add(&log, &[name]);
        }
        let told: Vec<_> = log.newest(10).into_iter().map(|entry| (entry.id, entry.args)).collect();
        assert_eq!(told, [(2, vec![b"c".to_vec()]), (1, vec![b"b".to_vec()])]);
        log.set_max_len(1);
        assert_eq!((log.len(), log.newest(1)[0].id), (1, 2));
        log.reset();
        add(&log, &[b"d"]);
        assert_eq!(log.newest(1)[0].id, 3);
    }

    #[test]
    fn long_requests_are_cut() {
        let log = Slowlog::default();
        add(&log, &[b"x".as_slice(); 33]);
        add(&log, &[b"x".as_slice(); 32]);
        add(&log, &[&[b'A'; 129]]);
        let entries = log.newest(3);
        assert_eq!(entries[0].args[0], [&[b'A'; 128][..], b"... (1 more bytes)"].concat());
        assert_eq!((entries[1].args.len(), &entries[1].args[31][..]), (32, &b"x"[..]));
        assert_eq!((entries[2].args.len(), &entries[2].args[31][..]), (32, &b"... (2 more arguments)"[..]));
    }

    #[test]
    fn a_note_stands_behind_the_arguments() {
        let log = Slowlog::default();
        log.add(0, 7, [&b"GET"[..], b"k"].into_iter(), Default::default(), Some("member=a".into()));
        assert_eq!(log.newest(1)[0].args, [&b"GET"[..], b"k", b"member=a"]);
    }
}
