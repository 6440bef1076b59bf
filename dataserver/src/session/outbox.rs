//! What other threads send to a client: whole frames, in order, bounded, shared by all who get the same.

use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Mutex, MutexGuard};
use ringtail_protocol::reply::{Reply, Resp};
use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// Bytes that stand whole between two replies. All clients that get the same share them.
pub type Frame = Arc<[u8]>;

/// Memory of a frame besides its bytes: its counts, and its place in the queue.
const OVERHEAD: usize = 32;

/// How much may wait for a client that does not take it: `client-output-buffer-limit pubsub`.
///
/// Replies are not counted: while they wait, the client's next request does not run.
pub struct OutputLimits {
    hard: AtomicU64,
    soft: AtomicU64,
    soft_seconds: AtomicU64,
    disconnections: AtomicU64,
}

impl Default for OutputLimits {
    fn default() -> Self {
        Self {
            hard: AtomicU64::new(32 << 20),
            soft: AtomicU64::new(8 << 20),
            soft_seconds: AtomicU64::new(60),
            disconnections: AtomicU64::new(0),
        }
    }
}

impl OutputLimits {
    /// (hard bytes, soft bytes, seconds beyond soft); 0 bytes = none.
    pub fn get(&self) -> (u64, u64, u64) {
        let [hard, soft, seconds] =
            [&self.hard, &self.soft, &self.soft_seconds].map(|n| n.load(Ordering::Relaxed));
        (hard, soft, seconds)
    }

    /// Changes what [`get`](Self::get) answers.
    pub fn set(&self, (hard, soft, seconds): (u64, u64, u64)) {
        for (limit, value) in [(&self.hard, hard), (&self.soft, soft), (&self.soft_seconds, seconds)] {
            limit.store(value, Ordering::Relaxed);
        }
    }

    /// Clients that were closed for being beyond a limit.
    pub fn disconnections(&self) -> u64 {
        self.disconnections.load(Ordering::Relaxed)
    }

    /// Counts from 0 again (CONFIG RESETSTAT).
    pub fn reset_disconnections(&self) {
        self.disconnections.store(0, Ordering::Relaxed);
    }

    pub(super) fn count_disconnection(&self) {
        self.disconnections.fetch_add(1, Ordering::Relaxed);
    }
}

/// A message to many clients, encoded at most once for each version of the protocol.
pub struct Message<W> {
    write: W,
    v2: Option<Frame>,
    v3: Option<Frame>,
}

impl<W: Fn(&mut Reply<'_>)> Message<W> {
    /// What `write` writes.
    pub fn new(write: W) -> Self {
        Self { write, v2: None, v3: None }
    }

    pub(super) fn frame(&mut self, resp: Resp) -> &Frame {
        let frame = if resp == Resp::V3 { &mut self.v3 } else { &mut self.v2 };
        frame.get_or_insert_with(|| {
            let mut bytes = Vec::new();
            (self.write)(&mut Reply::new(&mut bytes, resp));
            bytes.into()
        })
    }
}

/// How a frame was taken.
#[derive(Debug, PartialEq, Eq)]
pub enum Pushed {
    /// Nothing waited before: the client's task is to be woken.
    First,
    /// Others wait before it; or the client is gone.
    Behind,
    /// The client is beyond a limit: it is to be closed.
    TooMuch,
}

#[derive(Default)]
struct Queue {
    frames: VecDeque<Frame>,
    /// Of all frames, with their overhead.
    bytes: usize,
    /// Since when more than the soft limit waits.
    soft_since: Option<Instant>,
    closed: bool,
}

/// A client's queue of frames. Who pushes never waits on who takes.
#[derive(Default)]
pub struct Outbox {
    /// `queue` is not empty; changed under its lock.
    pending: AtomicBool,
    queue: Mutex<Queue>,
}

impl Outbox {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether something waits.
    #[inline]
    pub fn is_pending(&self) -> bool {
        self.pending.load(Ordering::Acquire)
    }

    /// Bytes that wait, with what it takes to keep them.
    pub fn bytes(&self) -> usize {
        if self.is_pending() { self.queue().bytes } else { 0 }
    }

    pub(super) fn push(&self, frame: &Frame, limits: &OutputLimits) -> Pushed {
        let mut queue = self.queue();
        if queue.closed {
            return Pushed::Behind;
        }
        queue.frames.push_back(Arc::clone(frame));
        queue.bytes += frame.len() + OVERHEAD;
        if queue.is_over(limits) {
            return Pushed::TooMuch;
        }
        if queue.frames.len() > 1 {
            return Pushed::Behind;
        }
        self.pending.store(true, Ordering::Release);
        Pushed::First
    }

    pub(super) fn is_too_late(&self, limits: &OutputLimits) -> bool {
        self.is_pending() && self.queue().is_over(limits)
    }

    /// Appends frames, oldest first, while `out` is shorter than `most`; the last one is appended whole.
    #[cold]
    pub fn drain(&self, out: &mut Vec<u8>, most: usize) {
        if out.len() < most
            && let Some(only) = self.take_only()
        {
            out.extend_from_slice(&only);
            return;
        }
        let frames = self.take(most.saturating_sub(out.len()));
        // Copied without the lock: who pushes must not wait for it.
        frames.iter().for_each(|frame| out.extend_from_slice(frame));
    }

    /// The usual case: one frame waits. The queue keeps its memory.
    fn take_only(&self) -> Option<Frame> {
        let mut queue = self.queue();
        if queue.frames.len() != 1 {
            return None;
        }
        self.pending.store(false, Ordering::Release);
        (queue.bytes, queue.soft_since) = (0, None);
        queue.frames.pop_front()
    }

    fn take(&self, room: usize) -> VecDeque<Frame> {
        let mut queue = self.queue();
        if queue.bytes > room {
            return self.take_some(&mut queue, room);
        }
        self.pending.store(false, Ordering::Release);
        (queue.bytes, queue.soft_since) = (0, None);
        std::mem::take(&mut queue.frames)
    }

    fn take_some(&self, queue: &mut Queue, room: usize) -> VecDeque<Frame> {
        let (mut count, mut taken) = (0, 0);
        while taken < room && count < queue.frames.len() {
            taken += queue.frames[count].len() + OVERHEAD;
            count += 1;
        }
        queue.bytes -= taken;
        self.pending.store(count < queue.frames.len(), Ordering::Release);
        queue.frames.drain(..count).collect()
    }

    /// Drops what waits, and takes no more. Whether it did take until now.
    pub fn close(&self) -> bool {
        let mut queue = self.queue();
        let was_open = !queue.closed;
        let dropped = std::mem::take(&mut queue.frames);
        (queue.closed, queue.bytes) = (true, 0);
        self.pending.store(false, Ordering::Release);
        drop(queue);
        drop(dropped);
        was_open
    }
}

impl Queue {
    #[inline]
    fn is_over(&mut self, limits: &OutputLimits) -> bool {
        let (hard, soft, seconds) = limits.get();
        let bytes = self.bytes as u64;
        if hard > 0 && bytes >= hard {
            return true;
        }
        if soft == 0 || bytes < soft {
            self.soft_since = None;
            return false;
        }
        self.soft_since.get_or_insert_with(Instant::now).elapsed() > Duration::from_secs(seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(length: usize) -> Frame {
        vec![b'x'; length].into()
    }

    fn limits(hard: u64, soft: u64, seconds: u64) -> OutputLimits {
        let limits = OutputLimits::default();
        limits.set((hard, soft, seconds));
        limits
    }

    #[test]
    fn only_the_first_frame_asks_for_a_wake() {
        let (outbox, limits) = (Outbox::default(), OutputLimits::default());
        assert_eq!(
            [outbox.push(&frame(1), &limits), outbox.push(&frame(2), &limits)],
            [Pushed::First, Pushed::Behind]
        );
        let mut out = Vec::new();
        outbox.drain(&mut out, usize::MAX);
        assert_eq!((out.len(), outbox.is_pending(), outbox.bytes()), (3, false, 0));
        assert_eq!(outbox.push(&frame(1), &limits), Pushed::First);
    }

    #[test]
    fn a_drain_stops_between_frames() {
        let (outbox, limits) = (Outbox::default(), OutputLimits::default());
        for _ in 0..3 {
            outbox.push(&frame(100), &limits);
        }
        let mut out = vec![0; 10];
        outbox.drain(&mut out, 200);
        assert_eq!((out.len(), outbox.is_pending()), (210, true));
        outbox.drain(&mut out, 200);
        assert_eq!((out.len(), outbox.is_pending()), (210, true), "full");
        outbox.drain(&mut out, 1000);
        assert_eq!((out.len(), outbox.is_pending()), (310, false));
    }

    #[test]
    fn limits_are_hard_and_soft() {
        let outbox = Outbox::default();
        assert_eq!(outbox.push(&frame(1000), &limits(1000, 0, 0)), Pushed::TooMuch);
        let (outbox, soft) = (Outbox::default(), limits(0, 100, 60));
        assert_eq!(outbox.push(&frame(1000), &soft), Pushed::First);
        assert!(!outbox.is_too_late(&soft));
        soft.set((0, 100, 0));
        assert!(outbox.is_too_late(&soft));
        outbox.drain(&mut Vec::new(), usize::MAX);
        assert!(!outbox.is_too_late(&soft));
        outbox.close();
        assert_eq!((outbox.push(&frame(1), &soft), outbox.bytes()), (Pushed::Behind, 0));
    }

    #[test]
    fn a_message_is_encoded_once_for_each_version() {
        let mut message = Message::new(|reply| reply.push(0));
        let first = Arc::clone(message.frame(Resp::V2));
        assert!(Arc::ptr_eq(&first, message.frame(Resp::V2)));
        assert_eq!((&*first, &**message.frame(Resp::V3)), (&b"*0\r\n"[..], &b">0\r\n"[..]));
    }
}
