//! How many requests of one session may be on their way at once: few until its answers turn out to be short, and few again
//! when they are long, so that a client that asks for gigabytes and reads nothing makes us hold a few megabytes.

use crate::limits;

#[cfg(test)]
mod tests;

/// Answers after which what was long is forgotten.
const EPOCH: u32 = 64;

/// What a session's recent answers were like.
pub(super) struct Window {
    /// One more may be on its way after each answer, as in TCP's slow start.
    earned: usize,
    longest: usize,
    longest_now: usize,
    seen: u32,
}

impl Default for Window {
    fn default() -> Self {
        Self { earned: limits::SESSION_FIRST, longest: 0, longest_now: 0, seen: 0 }
    }
}

impl Window {
    /// An answer of `len` bytes came.
    #[inline]
    pub(super) fn note(&mut self, len: usize) {
        self.earned = (self.earned + 1).min(limits::SESSION_IN_FLIGHT);
        self.longest_now = self.longest_now.max(len);
        self.longest = self.longest.max(len);
        self.seen += 1;
        if self.seen == EPOCH {
            (self.longest, self.longest_now, self.seen) = (self.longest_now, 0, 0);
        }
    }

    /// Most requests on their way.
    #[inline]
    pub(super) fn most(&self) -> usize {
        if self.longest * self.earned <= limits::SESSION_EXPECTED {
            return self.earned;
        }
        (limits::SESSION_EXPECTED / self.longest).clamp(1, self.earned)
    }
}
