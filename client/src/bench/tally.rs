//! What was measured.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ringtail::measure::Histogram;
use ringtail_protocol::frame::Scanner;

/// How many kinds of errors are told apart.
const MOST_KINDS: usize = 32;
/// How much of an error's text is kept.
const SHOWN: usize = 160;

/// The kind of requests whose connection was lost.
pub(super) const LOST: &str = "lost";
/// The kind of requests that were due and never sent.
pub(super) const UNSENT: &str = "not sent";
/// The kind of requests that had no reply when the round ended.
pub(super) const SILENT: &str = "no reply";

/// Errors of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Errors {
    pub(super) count: u64,
    /// The text of one of them.
    pub(super) text: String,
}

/// Counts of one round, without its warm-up.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// Of each reply, in nanoseconds.
    pub(super) latency: Histogram,
    /// Errors by their first words.
    pub(super) errors: BTreeMap<String, Errors>,
    pub(super) hits: u64,
    pub(super) misses: u64,
    pub(super) sent_bytes: u64,
    pub(super) received_bytes: u64,
    /// When the last reply came.
    pub(super) last: Option<Instant>,
}

impl Tally {
    /// Counts a reply; `wide` if its elements are hits or misses.
    #[inline]
    pub(super) fn reply(&mut self, reply: &[u8], wide: bool, took: Duration) {
        self.latency.record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), 1);
        self.received_bytes += reply.len() as u64;
        match reply {
            [b'-' | b'!', ..] => self.error_reply(reply),
            [b'*', ..] if wide => self.elements(reply),
            _ => self.hit_or_miss(reply),
        }
    }

    /// A null is a miss, and a string is a hit.
    #[inline]
    fn hit_or_miss(&mut self, reply: &[u8]) {
        match reply {
            [b'_', ..] | [b'$' | b'*', b'-', ..] => self.misses += 1,
            [b'$', ..] => self.hits += 1,
            _ => {}
        }
    }

    fn elements(&mut self, reply: &[u8]) {
        let mut at = reply.iter().position(|&byte| byte == b'\n').map_or(reply.len(), |end| end + 1);
        while let Ok(Some(len)) = Scanner::default().scan(&reply[at..]) {
            self.hit_or_miss(&reply[at..at + len]);
            at += len;
        }
    }

    #[cold]
    fn error_reply(&mut self, reply: &[u8]) {
        let text = match reply.split(|&byte| byte == b'\n').nth(usize::from(reply[0] == b'!')) {
            Some(line) => String::from_utf8_lossy(line.strip_prefix(b"-").unwrap_or(line)).trim().to_owned(),
            None => String::new(),
        };
        let kind = text.split(' ').next().unwrap_or_default().to_owned();
        self.errors_of(kind, 1, text);
    }

    /// Counts so many requests that were not answered.
    pub(super) fn unanswered(&mut self, kind: &str, count: u64, text: &str) {
        if count > 0 {
            self.errors_of(kind.to_owned(), count, text.to_owned());
        }
    }

    fn errors_of(&mut self, kind: String, count: u64, text: String) {
        let full = self.errors.len() >= MOST_KINDS && !self.errors.contains_key(&kind);
        let kind = if full { "others".to_owned() } else { kind.chars().take(SHOWN).collect() };
        let text = || text.chars().take(SHOWN).collect();
        self.errors.entry(kind).or_insert_with(|| Errors { count: 0, text: text() }).count += count;
    }

    /// Adds what another thread, or another round, has counted.
    pub(super) fn add(&mut self, other: &Self) {
        self.latency.add(&other.latency);
        self.hits += other.hits;
        self.misses += other.misses;
        self.sent_bytes += other.sent_bytes;
        self.received_bytes += other.received_bytes;
        self.last = self.last.max(other.last);
        for (kind, errors) in &other.errors {
            self.errors_of(kind.clone(), errors.count, errors.text.clone());
        }
    }

    /// All errors.
    pub(super) fn error_count(&self) -> u64 {
        self.errors.values().map(|errors| errors.count).sum()
    }

    /// Replies, errors among them.
    pub(super) fn replies(&self) -> u64 {
        self.latency.count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(replies: &[&[u8]], wide: bool) -> Tally {
        let mut tally = Tally::default();
        replies.iter().for_each(|reply| tally.reply(reply, wide, Duration::from_micros(5)));
        tally
    }

    #[test]
    fn nulls_are_misses_and_strings_are_hits() {
        let seen =
            tally(&[b"$-1\r\n", b"_\r\n", b"$0\r\n\r\n", b"+OK\r\n", b":1\r\n", b"*1\r\n$1\r\na\r\n"], false);
        assert_eq!((seen.hits, seen.misses, seen.replies(), seen.error_count()), (1, 2, 6, 0));
        let seen = tally(&[b"*4\r\n$1\r\na\r\n$-1\r\n$1\r\nb\r\n_\r\n", b"*0\r\n"], true);
        assert_eq!((seen.hits, seen.misses), (2, 2));
    }

    #[test]
    fn errors_are_counted_by_their_first_word() {
        let mut seen =
            tally(&[b"-WRONGTYPE no\r\n", b"-ERR a\r\n", b"-ERR b\r\n", b"!5\r\nBAD x\r\n"], false);
        seen.unanswered(LOST, 3, "reset");
        seen.unanswered(SILENT, 0, "");
        let kinds: Vec<_> = seen.errors.iter().map(|(kind, errors)| (kind.as_str(), errors.count)).collect();
        assert_eq!(kinds, [("BAD", 1), ("ERR", 2), ("WRONGTYPE", 1), ("lost", 3)]);
        assert_eq!(seen.errors["ERR"].text, "ERR a");
    }

    #[test]
    fn a_server_can_t_make_us_keep_all_it_says() {
        let mut seen = Tally::default();
        for n in 0..1000 {
            let reply = format!("-E{n}{} text\r\n", "x".repeat(n));
            seen.reply(reply.as_bytes(), false, Duration::ZERO);
        }
        assert!(seen.errors.len() <= MOST_KINDS + 1);
        assert!(seen.errors.iter().all(|(kind, errors)| kind.len() <= SHOWN && errors.text.len() <= SHOWN));
        assert_eq!(seen.error_count(), 1000);
        let mut sum = Tally::default();
        sum.add(&seen);
        sum.add(&seen);
        assert_eq!((sum.error_count(), sum.replies()), (2000, 2000));
    }
}
