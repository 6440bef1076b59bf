//! One direction of a simulated connection.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use tokio::time::Instant;

use super::lock;

#[derive(Debug)]
pub(super) struct Way(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    /// Pieces on their way, in order, with their time of arrival; an empty one is the end.
    transit: VecDeque<(Instant, Vec<u8>)>,
    arrived: VecDeque<u8>,
    /// The bytes in both.
    held: usize,
    capacity: usize,
    /// The sender sends no more.
    ended: bool,
    /// The end has arrived.
    over: bool,
    /// Broken, or nobody reads any more.
    broken: bool,
    reader: Waker,
    writer: Waker,
}

impl Way {
    pub(super) fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Inner {
            transit: VecDeque::new(),
            arrived: VecDeque::new(),
            held: 0,
            capacity,
            ended: false,
            over: false,
            broken: false,
            reader: Waker::noop().clone(),
            writer: Waker::noop().clone(),
        })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        lock(&self.0)
    }

    /// Takes as much of what has arrived as `share` makes of it; nothing at the end.
    pub(super) fn read(&self, share: impl FnOnce(usize) -> usize) -> io::Result<Vec<u8>> {
        let inner = &mut *self.inner();
        if inner.broken {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        match inner.arrived.len() {
            0 if inner.over => Ok(Vec::new()),
            0 => Err(io::ErrorKind::WouldBlock.into()),
            there => {
                let taken: Vec<u8> = inner.arrived.drain(..share(there)).collect();
                inner.held -= taken.len();
                inner.writer.wake_by_ref();
                Ok(taken)
            }
        }
    }

    /// Sends as much of `bytes` as `share` makes of the room.
    pub(super) fn write(
        &self,
        bytes: &[u8],
        arrival: Instant,
        share: impl FnOnce(usize) -> usize,
    ) -> io::Result<usize> {
        let inner = &mut *self.inner();
        if inner.broken || inner.ended {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        match inner.capacity - inner.held {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            _ if bytes.is_empty() => Ok(0),
            room => {
                let written = share(room);
                inner.send(bytes[..written].to_vec(), arrival);
                Ok(written)
            }
        }
    }

    /// The sender's last word.
    pub(super) fn end(&self, arrival: Instant) {
        let inner = &mut *self.inner();
        if !inner.ended {
            inner.ended = true;
            inner.send(Vec::new(), arrival);
        }
    }

    /// Nobody reads it any more: whoever writes is told.
    pub(super) fn abandon(&self) {
        let inner = &mut *self.inner();
        inner.broken = true;
        inner.writer.wake_by_ref();
    }

    pub(super) fn reset(&self) {
        let inner = &mut *self.inner();
        inner.broken = true;
        inner.transit.clear();
        inner.reader.wake_by_ref();
        inner.writer.wake_by_ref();
    }

    /// Lets arrive what is due: when the next piece is.
    pub(super) fn deliver(&self, now: Instant) -> Option<Instant> {
        let inner = &mut *self.inner();
        let before = inner.transit.len();
        while let Some((_, piece)) = inner.transit.pop_front_if(|(due, _)| *due <= now) {
            inner.over |= piece.is_empty();
            inner.arrived.extend(piece);
        }
        if inner.transit.len() < before {
            inner.reader.wake_by_ref();
        }
        inner.transit.front().map(|(due, _)| *due)
    }

    /// Whether the reader has come to the end, or it is the next thing that it will see.
    pub(super) fn is_over(&self) -> bool {
        let inner = self.inner();
        inner.over || inner.broken
    }

    /// Whether a read brings something, be it the end.
    pub(super) fn is_readable(&self) -> bool {
        self.inner().is_readable()
    }

    pub(super) fn poll_read(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let inner = &mut *self.inner();
        if inner.is_readable() {
            return Poll::Ready(Ok(()));
        }
        inner.reader = cx.waker().clone();
        Poll::Pending
    }

    pub(super) fn poll_write(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let inner = &mut *self.inner();
        if inner.held < inner.capacity || inner.ended || inner.broken {
            return Poll::Ready(Ok(()));
        }
        inner.writer = cx.waker().clone();
        Poll::Pending
    }
}

impl Inner {
    fn is_readable(&self) -> bool {
        !self.arrived.is_empty() || self.over || self.broken
    }

    /// Nothing overtakes what was sent before it.
    fn send(&mut self, piece: Vec<u8>, arrival: Instant) {
        let after = self.transit.back().map_or(arrival, |(last, _)| arrival.max(*last));
        self.held += piece.len();
        self.transit.push_back((after, piece));
    }
}
