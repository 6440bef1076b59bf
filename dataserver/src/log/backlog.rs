//! The end of the log in memory, for replicas that follow it: bounded, whoever reads and however slowly.

use std::collections::VecDeque;
use std::ops::Range;

/// Bytes of one piece.
const PIECE: usize = 256 << 10;

/// What was asked for is not there any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooOld;

/// The last bytes of the log.
#[derive(Debug)]
pub struct Backlog {
    /// All but the last are full.
    pieces: VecDeque<Vec<u8>>,
    /// The offset of the first byte, and that behind the last.
    start: u64,
    end: u64,
    most: usize,
    /// What was appended at once and is more than that, until all who follow have it: it is kept beside the rest. Else one such write would
    /// leave nobody anything to follow, and it is in memory anyway.
    large: Option<Range<u64>>,
    /// How far the slowest of those is who follow, if anybody does.
    slowest: Option<u64>,
    /// Kept at all.
    on: bool,
}

impl Backlog {
    /// Of at most about so many bytes, that begins at an offset. Nothing is kept until it is turned on.
    pub fn new(most: usize, offset: u64) -> Self {
        Self {
            pieces: VecDeque::new(),
            start: offset,
            end: offset,
            most,
            large: None,
            slowest: None,
            on: false,
        }
    }

    /// Keeps what comes from now on.
    pub fn turn_on(&mut self) {
        self.on = true;
    }

    /// Changes how much is kept.
    pub fn set_most(&mut self, most: usize) {
        self.most = most;
        self.trim();
    }

    /// Bytes of memory that it takes.
    pub fn held(&self) -> usize {
        self.pieces.len() * PIECE
    }

    /// How much is kept.
    pub fn most(&self) -> usize {
        self.most
    }

    /// Begins again, empty, at another offset.
    pub fn restart(&mut self, offset: u64) {
        self.pieces.clear();
        self.large = None;
        (self.start, self.end) = (offset, offset);
    }

    /// The first offset that is there, and the one behind the last byte.
    pub fn range(&self) -> (u64, u64) {
        (self.start, self.end)
    }

    /// So far is the slowest of those who follow, if anybody does.
    pub fn set_slowest(&mut self, offset: Option<u64>) {
        self.slowest = offset;
        if let Some(large) = &self.large
            && offset.is_none_or(|offset| offset >= large.end)
        {
            self.large = None;
            self.trim();
        }
    }

    /// Appends.
    pub fn push(&mut self, mut bytes: &[u8]) {
        let begin = self.end;
        self.end += bytes.len() as u64;
        if !self.on {
            self.start = self.end;
            return;
        }
        if bytes.len() > self.most && self.slowest.is_some() {
            self.large = Some(begin..self.end);
        }
        while !bytes.is_empty() {
            let room = self.pieces.back().map_or(0, |last| PIECE - last.len());
            if room == 0 {
                let piece = self.spare().unwrap_or_else(|| Vec::with_capacity(PIECE));
                self.pieces.push_back(piece);
                continue;
            }
            let (now, later) = bytes.split_at(bytes.len().min(room));
            if let Some(last) = self.pieces.back_mut() {
                last.extend_from_slice(now);
            }
            bytes = later;
        }
        self.trim();
    }

    /// The oldest piece, emptied, when there is no room for one more.
    fn spare(&mut self) -> Option<Vec<u8>> {
        if (self.pieces.len() + 1) * PIECE <= self.room() {
            return None;
        }
        let mut piece = self.drop_first()?;
        piece.clear();
        Some(piece)
    }

    fn trim(&mut self) {
        while self.pieces.len() > 1 && self.pieces.len() * PIECE > self.room() {
            self.drop_first();
        }
    }

    /// Bytes that the pieces may have now. The large part may begin and end anywhere in a piece.
    fn room(&self) -> usize {
        let large = self.large.as_ref().map_or(0, |large| (large.end - large.start) as usize + 2 * PIECE);
        self.most + large
    }

    fn drop_first(&mut self) -> Option<Vec<u8>> {
        let piece = self.pieces.pop_front()?;
        self.start += piece.len() as u64;
        // Without its beginning it is of no more use than all else.
        self.large.take_if(|large| large.start < self.start);
        Some(piece)
    }

    /// Appends what stands from an offset on to `out`, at most about so many bytes.
    ///
    /// # Errors
    /// It was too long ago.
    pub fn read(&self, offset: u64, most: usize, out: &mut Vec<u8>) -> Result<(), TooOld> {
        if offset < self.start || offset > self.end {
            return Err(TooOld);
        }
        let mut skip = (offset - self.start) as usize;
        let mut left = most;
        // All but the last are full.
        let first = skip / PIECE;
        skip %= PIECE;
        for piece in self.pieces.iter().skip(first) {
            let part = &piece[skip..];
            let part = &part[..part.len().min(left)];
            out.extend_from_slice(part);
            left -= part.len();
            skip = 0;
            if left == 0 {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_bytes_are_there_and_no_more_than_may_be() {
        let mut backlog = Backlog::new(4 * PIECE, 100);
        backlog.push(b"not kept");
        backlog.turn_on();
        let (mut all, start) = (Vec::new(), 108);
        for round in 0..200_u32 {
            let bytes: Vec<u8> = (0..round * 97).map(|n| (n + round) as u8).collect();
            backlog.push(&bytes);
            all.extend_from_slice(&bytes);
        }
        let (first, end) = backlog.range();
        assert_eq!(end, start + all.len() as u64);
        assert!(end - first <= 4 * PIECE as u64 && end - first > 3 * PIECE as u64, "{first} to {end}");
        for (offset, most) in [
            (first, usize::MAX),
            (first + 1, 10),
            (end - 5, 100),
            (end, 1),
            (first + PIECE as u64, PIECE + 1),
        ] {
            let mut out = Vec::new();
            backlog.read(offset, most, &mut out).unwrap();
            let from = (offset - start) as usize;
            assert_eq!(out, all[from..from + most.min(all.len() - from)]);
        }
        assert_eq!(backlog.read(first - 1, 1, &mut Vec::new()), Err(TooOld));
        assert_eq!(backlog.read(end + 1, 1, &mut Vec::new()), Err(TooOld));
        backlog.restart(7);
        assert_eq!((backlog.range(), backlog.read(7, 1, &mut Vec::new())), ((7, 7), Ok(())));
    }

    #[test]
    fn a_write_that_is_larger_is_kept_until_those_who_follow_have_it() {
        let bytes = |length: usize| vec![7; length];
        let (most, large) = (4 * PIECE, 20 * PIECE + 5);
        let mut backlog = Backlog::new(most, 0);
        backlog.turn_on();
        // Nobody follows.
        backlog.push(&bytes(large));
        assert!(backlog.range().1 - backlog.range().0 <= most as u64);
        let begin = backlog.range().1;
        backlog.set_slowest(Some(begin));
        backlog.push(&bytes(large));
        backlog.push(&bytes(3 * PIECE));
        let mut out = Vec::new();
        backlog.read(begin, usize::MAX, &mut out).unwrap();
        assert_eq!(out.len(), large + 3 * PIECE);
        // Who has a part of it goes on.
        backlog.set_slowest(Some(begin + PIECE as u64));
        assert_eq!(backlog.read(begin + PIECE as u64, 1, &mut out), Ok(()));
        backlog.set_slowest(Some(begin + large as u64));
        assert!(backlog.range().1 - backlog.range().0 <= most as u64);
        // One is kept, and only while no more than usual has come behind it.
        let begin = backlog.range().1;
        backlog.set_slowest(Some(begin));
        backlog.push(&bytes(large));
        backlog.push(&bytes(large));
        assert!(backlog.range().1 - backlog.range().0 <= (most + large + 2 * PIECE) as u64);
        (0..8).for_each(|_| backlog.push(&bytes(PIECE)));
        assert!(backlog.range().1 - backlog.range().0 <= most as u64);
        // Nobody follows any more.
        backlog.push(&bytes(large));
        backlog.set_slowest(None);
        assert!(backlog.range().1 - backlog.range().0 <= most as u64);
    }
}
