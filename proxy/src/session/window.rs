//! How many requests of one session may be on their way at once: fewer when its answers are long, so that a
//! client that asks for gigabytes and reads nothing makes us hold a few megabytes.

use crate::limits;

/// Answers after which what was long is forgotten.
const EPOCH: u32 = 64;

/// The lengths of a session's recent answers.
pub(super) struct Window {
    longest: usize,
    longest_now: usize,
    seen: u32,
}

impl Default for Window {
    fn default() -> Self {
        Self { longest: limits::FIRST_GUESS, longest_now: 0, seen: 0 }
    }
}

impl Window {
    /// An answer of `len` bytes came.
    #[inline]
    pub(super) fn note(&mut self, len: usize) {
        self.longest_now = self.longest_now.max(len);
        self.seen += 1;
        if self.seen == EPOCH || self.longest_now > self.longest {
            (self.longest, self.longest_now, self.seen) = (self.longest_now, 0, 0);
        }
    }

    /// Most requests on their way.
    #[inline]
    pub(super) fn most(&self) -> usize {
        (limits::SESSION_EXPECTED / self.longest.max(1)).clamp(1, limits::SESSION_IN_FLIGHT)
    }
}
