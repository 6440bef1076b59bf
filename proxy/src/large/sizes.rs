//! Which keys' answers were large: a sketch of fixed size, which forgets the older of two that fall together.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use ringtail_protocol::command::{CommandId, keys};

use crate::limits;
use crate::route::Request;

/// What all workers know.
#[derive(Debug)]
pub(crate) struct Sizes {
    /// A large value was seen, ever. Until then nothing is looked up.
    learning: AtomicBool,
    /// Traces, each at its own place.
    large: Box<[AtomicU32]>,
}

impl Default for Sizes {
    fn default() -> Self {
        let large = (0..limits::LARGE_KEYS).map(|_| AtomicU32::new(0)).collect();
        Self { learning: AtomicBool::new(false), large }
    }
}

impl Sizes {
    /// Whether anything has been learned.
    #[inline]
    pub(crate) fn is_learning(&self) -> bool {
        self.learning.load(Relaxed)
    }

    /// What a request is known by: its command and its first key. Never 0.
    pub(crate) fn trace(request: &Request<'_>) -> u32 {
        let key = keys(request.command, &request.args).next().map_or(&[][..], |key| &request.args[key]);
        Self::trace_for(request.command.id, key)
    }

    /// The same of a command and its first key.
    pub(crate) fn trace_for(command: CommandId, key: &[u8]) -> u32 {
        const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut hash = command as u64;
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
        self.place(trace).load(Relaxed) == trace
    }

    /// The answer was large.
    pub(crate) fn learn(&self, trace: u32) {
        // Not written again and again: other threads read it with each request.
        if !self.is_learning() {
            self.learning.store(true, Relaxed);
        }
        if trace != 0 {
            self.place(trace).store(trace, Relaxed);
        }
    }

    /// The answer was not large any more.
    pub(crate) fn forget(&self, trace: u32) {
        if self.is_large(trace) {
            self.place(trace).store(0, Relaxed);
        }
    }

    fn place(&self, trace: u32) -> &AtomicU32 {
        &self.large[(trace >> 1) as usize % self.large.len()]
    }
}
