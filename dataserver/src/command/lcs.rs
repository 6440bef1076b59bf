//! LCS: the longest common subsequence of two strings.

use super::arguments::{int, is};
use super::{Call, Done, Mode};
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::limits::MAX_BULK;
use ringtail_protocol::reply::Reply;

const NOT_STRINGS: Error = Error::fixed("ERR The specified keys must contain string values");
const BOTH: Error = Error::fixed("ERR If you want both the length and indexes, please just use IDX.");
const TOO_LARGE: Error =
    Error::fixed("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");

#[derive(Default)]
struct Options {
    indexes: bool,
    length: bool,
    shortest: usize,
    lengths: bool,
}

/// LCS key1 key2 [LEN] [IDX] [MINMATCHLEN n] [WITHMATCHLEN]
pub(super) fn lcs(c: &mut Call<'_, '_>) -> Done {
    let (a, b) = (string(c, 0)?, string(c, 1)?);
    let options = options(c)?;
    let cells = (a.len() + 1).saturating_mul(b.len() + 1);
    if cells.saturating_mul(size_of::<u32>()) > MAX_BULK {
        return Err(TOO_LARGE);
    }
    // What is slow needs no lock: it works on copies. Inside of another command the locks are that one's.
    if c.mode == Mode::Direct {
        c.view.unlock();
    }
    let table = Table::new(&a, &b);
    if options.indexes {
        write_indexes(&table, &options, &mut c.reply);
    } else if options.length {
        c.reply.count(table.length());
    } else {
        c.reply.bulk(&table.subsequence());
    }
    Ok(())
}

fn string(c: &mut Call<'_, '_>, i: usize) -> Result<Vec<u8>, Error> {
    c.view.read_bytes(&c.keys[i]).map(|value| value.unwrap_or_default().to_vec()).map_err(|_| NOT_STRINGS)
}

fn options(c: &Call<'_, '_>) -> Result<Options, Error> {
    let (mut options, mut i) = (Options::default(), 3);
    while let Some(option) = c.args.get(i) {
        match c.args.get(i + 1) {
            _ if is(option, "IDX") => options.indexes = true,
            _ if is(option, "LEN") => options.length = true,
            _ if is(option, "WITHMATCHLEN") => options.lengths = true,
            Some(number) if is(option, "MINMATCHLEN") => {
                options.shortest = usize::try_from(int(number)?).unwrap_or(0);
                i += 1;
            }
            _ => return Err(errors::SYNTAX),
        }
        i += 1;
    }
    if options.indexes && options.length { Err(BOTH) } else { Ok(options) }
}

/// For each pair of prefixes the length of their longest common subsequence.
struct Table<'s> {
    a: &'s [u8],
    b: &'s [u8],
    lengths: Vec<u32>,
}

/// A stretch that both strings have: where it starts in each, and its length.
#[derive(Clone, Copy)]
struct Match {
    a: usize,
    b: usize,
    length: usize,
}

impl<'s> Table<'s> {
    fn new(a: &'s [u8], b: &'s [u8]) -> Self {
        let width = b.len() + 1;
        let mut lengths = vec![0; (a.len() + 1) * width];
        for (i, &byte) in a.iter().enumerate() {
            let (before, row) = lengths[i * width..].split_at_mut(width);
            for j in 0..b.len() {
                row[j + 1] = if byte == b[j] { before[j] + 1 } else { before[j + 1].max(row[j]) };
            }
        }
        Self { a, b, lengths }
    }

    fn at(&self, i: usize, j: usize) -> u32 {
        self.lengths[i * (self.b.len() + 1) + j]
    }

    fn length(&self) -> usize {
        self.at(self.a.len(), self.b.len()) as usize
    }

    /// The bytes of the subsequence as pairs of indexes, from the last one back.
    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        let (mut i, mut j) = (self.a.len(), self.b.len());
        std::iter::from_fn(move || {
            while i > 0 && j > 0 {
                if self.a[i - 1] == self.b[j - 1] {
                    (i, j) = (i - 1, j - 1);
                    return Some((i, j));
                }
                if self.at(i - 1, j) > self.at(i, j - 1) { i -= 1 } else { j -= 1 }
            }
            None
        })
    }

    fn subsequence(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.pairs().map(|(i, _)| self.a[i]).collect();
        bytes.reverse();
        bytes
    }

    /// The stretches, the last one first.
    fn matches(&self) -> Vec<Match> {
        let mut matches: Vec<Match> = Vec::new();
        for (a, b) in self.pairs() {
            match matches.last_mut() {
                Some(last) if last.a == a + 1 && last.b == b + 1 => {
                    *last = Match { a, b, length: last.length + 1 };
                }
                _ => matches.push(Match { a, b, length: 1 }),
            }
        }
        matches
    }
}

fn write_indexes(table: &Table<'_>, options: &Options, reply: &mut Reply<'_>) {
    let mut matches = table.matches();
    matches.retain(|found| found.length >= options.shortest);
    reply.map(2);
    reply.bulk(b"matches");
    reply.array(matches.len());
    for found in matches {
        reply.array(2 + usize::from(options.lengths));
        for start in [found.a, found.b] {
            reply.array(2);
            reply.count(start);
            reply.count(start + found.length - 1);
        }
        if options.lengths {
            reply.count(found.length);
        }
    }
    reply.bulk(b"len");
    reply.count(table.length());
}
