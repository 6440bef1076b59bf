//! Which keys' answers were large: a sketch of fixed size, which forgets the older of two that fall together.

use std::cell::Cell;

use ringtail_protocol::command::keys;

use crate::limits;
use crate::route::Request;

/// What a worker knows.
pub(crate) struct Sizes {
    /// A large answer was seen, ever. Until then nothing is looked up.
    learning: Cell<bool>,
    /// Traces, each at its own place.
    large: Box<[Cell<u32>]>,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { learning: Cell::new(false), large: (0..limits::LARGE_KEYS).map(|_| Cell::new(0)).collect() }
    }
}

impl Sizes {
    /// Whether anything has been learned.
    #[inline]
    pub(crate) fn is_learning(&self) -> bool {
        self.learning.get()
    }

    /// What a request is known by: its command and its first key. Never 0.
    pub(crate) fn trace(request: &Request<'_>) -> u32 {
        const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
        let key = keys(request.command, &request.args).next().map_or(&[][..], |key| &request.args[key]);
        let mut hash = request.command.id as u64;
        for chunk in key.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(MIX).rotate_left(29);
        }
        (hash.wrapping_mul(MIX) >> 32) as u32 | 1
    }

    /// The trace of a request whose answer is on its way; 0 while nothing is looked up.
    #[inline]
    pub(crate) fn trace_of(&self, request: &Request<'_>) -> u32 {
        if self.is_learning() { Self::trace(request) } else { 0 }
    }

    /// Whether the last answer to such a request was large.
    pub(crate) fn is_large(&self, trace: u32) -> bool {
        self.place(trace).get() == trace
    }

    /// The answer was large.
    pub(crate) fn learn(&self, trace: u32) {
        self.learning.set(true);
        if trace != 0 {
            self.place(trace).set(trace);
        }
    }

    /// The answer was not large any more.
    pub(crate) fn forget(&self, trace: u32) {
        if self.is_large(trace) {
            self.place(trace).set(0);
        }
    }

    fn place(&self, trace: u32) -> &Cell<u32> {
        &self.large[(trace >> 1) as usize % self.large.len()]
    }
}
