//! What others send to a client, from any thread: whole frames, in order, bounded, shared by all who get the same.

use std::collections::VecDeque;
use std::str::FromStr;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Mutex, MutexGuard};
use crate::units::ByteSize;

/// Bytes that stand whole between two replies. All clients that get the same share them.
pub type Frame = Arc<[u8]>;

/// Memory of a frame besides its bytes: its counts, and its place in the queue.
const OVERHEAD: usize = 32;

/// How much may wait for a client that does not take it: `client-output-buffer-limit pubsub`.
///
/// Replies are not counted: while they wait, the client's next request does not run.
#[derive(Debug)]
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

    /// Redis's form of `client-output-buffer-limit`. Replies never pile up, so that the other classes need no limits; they are
    /// shown as Redis shows its own.
    pub fn text(&self) -> String {
        let (hard, soft, seconds) = self.get();
        format!("normal 0 0 0 slave 268435456 67108864 60 pubsub {hard} {soft} {seconds}")
    }

    /// Changes what is given in that form: one class or several, of which `pubsub` has a meaning here.
    ///
    /// # Errors
    /// The text has not that form; nothing is changed.
    pub fn change(&self, text: &str) -> Result<(), &'static str> {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        if !words.len().is_multiple_of(4) {
            return Err("Wrong number of arguments in buffer limit configuration.");
        }
        let mut limits = None;
        for class in words.chunks(4) {
            let given = class_limits(class)
                .ok_or("Error in hard, soft or soft_seconds setting in buffer limit configuration.")?;
            match class[0].to_ascii_lowercase().as_str() {
                "pubsub" => limits = Some(given),
                "normal" | "slave" | "replica" => {}
                _ => return Err("Invalid client class specified in buffer limit configuration."),
            }
        }
        limits.into_iter().for_each(|limits| self.set(limits));
        Ok(())
    }

    /// Clients that were closed for being beyond a limit.
    pub fn disconnections(&self) -> u64 {
        self.disconnections.load(Ordering::Relaxed)
    }

    /// Counts from 0 again (CONFIG RESETSTAT).
    pub fn reset_disconnections(&self) {
        self.disconnections.store(0, Ordering::Relaxed);
    }

    /// A client was closed for being beyond a limit.
    pub fn count_disconnection(&self) {
        self.disconnections.fetch_add(1, Ordering::Relaxed);
    }
}

fn class_limits(words: &[&str]) -> Option<(u64, u64, u64)> {
    let size = |text| ByteSize::from_str(text).ok().map(|size| size.0);
    let seconds = words[3].parse().ok().filter(|&seconds| seconds <= i32::MAX as u64)?;
    Some((size(words[1])?, size(words[2])?, seconds))
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

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Frame>,
    /// Of all frames, with their overhead.
    bytes: usize,
    /// Since when more than the soft limit waits.
    soft_since: Option<Instant>,
    closed: bool,
}

/// A client's queue of frames. Who pushes never waits on who takes.
#[derive(Debug, Default)]
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

    /// Queues a frame, unless the outbox is closed.
    pub fn push(&self, frame: &Frame, limits: &OutputLimits) -> Pushed {
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

    /// Whether it has been beyond a limit for too long.
    pub fn is_too_late(&self, limits: &OutputLimits) -> bool {
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
    fn classes_are_read_as_redis_reads_them() {
        let changed = |text: &str| {
            let own = limits(7, 8, 9);
            own.change(text).map(|()| own.get())
        };
        assert_eq!(changed("pubsub 1mb 512kb 5"), Ok((1 << 20, 512 << 10, 5)));
        assert_eq!(changed("normal 1 2 3 PUBSUB 4 5 6"), Ok((4, 5, 6)));
        assert_eq!(changed("replica 1 2 3"), Ok((7, 8, 9)));
        assert_eq!(limits(1, 2, 3).text(), "normal 0 0 0 slave 268435456 67108864 60 pubsub 1 2 3");
        for bad in ["pubsub 1 2", "pubsub x 1 1", "pubsub 1 1 -1", "master 1 1 1"] {
            assert!(changed(bad).is_err(), "{bad}");
        }
    }
}
