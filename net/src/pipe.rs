//! A connection in memory, both ends in one process: what one part of a program asks of another by the protocol that clients speak.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::BufMut;

use crate::limits;
use crate::socket::Memory;

/// Whom the served end of a pipe is served for.
#[derive(Debug, Clone, Copy)]
pub struct Ends {
    /// The client's address.
    pub peer: SocketAddr,
    /// The address that it connected to.
    pub local: SocketAddr,
    /// The descriptor of its connection.
    pub fd: RawFd,
}

/// One end of a pipe; dropping it closes both directions.
#[derive(Debug)]
pub struct Pipe {
    reads: Arc<Way>,
    writes: Arc<Way>,
}

/// The end that is served like a client's connection.
#[derive(Debug)]
pub(crate) struct Served {
    pipe: Pipe,
    ends: Ends,
}

/// A pipe: the end to ask at, and the one to be made a stream of.
pub(crate) fn pair(ends: Ends) -> (Pipe, Served) {
    let (there, back) = (Arc::<Way>::default(), Arc::<Way>::default());
    let asking = Pipe { reads: Arc::clone(&back), writes: Arc::clone(&there) };
    (asking, Served { pipe: Pipe { reads: there, writes: back }, ends })
}

/// One direction. Both ends live on one thread, mostly, so the lock is free.
#[derive(Debug, Default)]
struct Way(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    bytes: VecDeque<u8>,
    /// No more will come.
    ended: bool,
    /// Nobody reads any more.
    abandoned: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Way {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes it, and wakes whom that concerns without the lock.
    fn change<T>(&self, change: impl FnOnce(&mut Inner) -> (T, Option<Waker>)) -> T {
        let (result, waker) = change(&mut self.lock());
        if let Some(waker) = waker {
            waker.wake();
        }
        result
    }

    fn end(&self) {
        self.change(|inner| {
            inner.ended = true;
            ((), inner.reader.take())
        });
    }

    fn abandon(&self) {
        self.change(|inner| {
            inner.abandoned = true;
            inner.bytes = VecDeque::new();
            ((), inner.writer.take())
        });
    }
}

impl Inner {
    fn is_readable(&self) -> bool {
        self.ended || !self.bytes.is_empty()
    }

    fn read(&mut self, buf: &mut dyn BufMut) -> io::Result<usize> {
        if !self.is_readable() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let read = self.bytes.len().min(buf.remaining_mut());
        let (first, second) = self.bytes.as_slices();
        buf.put_slice(&first[..read.min(first.len())]);
        buf.put_slice(&second[..read.saturating_sub(first.len())]);
        self.bytes.drain(..read);
        if self.bytes.is_empty() && self.bytes.capacity() > limits::PIPE_KEPT {
            self.bytes = VecDeque::new();
        }
        Ok(read)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.abandoned || self.ended {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let written = bytes.len().min(limits::PIPE - self.bytes.len());
        if written == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.bytes.extend(&bytes[..written]);
        Ok(written)
    }
}

fn keep(place: &mut Option<Waker>, cx: &Context<'_>) {
    if !place.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
        *place = Some(cx.waker().clone());
    }
}

impl Pipe {
    /// Moves what has come to `buf`, as far as it has room. `Ok(0)` is the end.
    ///
    /// # Errors
    /// `WouldBlock` when nothing is there.
    pub fn try_read(&self, buf: &mut dyn BufMut) -> io::Result<usize> {
        self.reads.change(|inner| {
            let read = inner.read(buf);
            (read, inner.writer.take())
        })
    }

    /// Takes as much of `bytes` as there is room for.
    ///
    /// # Errors
    /// `WouldBlock` when there is none, `BrokenPipe` when the other end is closed.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.writes.change(|inner| {
            let written = inner.write(bytes);
            let waker = if written.is_ok() { inner.reader.take() } else { None };
            (written, waker)
        })
    }

    /// Ready when [`Self::try_read`] has something, or the end.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.reads.lock();
        if inner.is_readable() {
            return Poll::Ready(Ok(()));
        }
        keep(&mut inner.reader, cx);
        Poll::Pending
    }

    /// Ready when [`Self::try_write`] takes something, or never will.
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.writes.lock();
        if inner.abandoned || inner.bytes.len() < limits::PIPE {
            return Poll::Ready(Ok(()));
        }
        keep(&mut inner.writer, cx);
        Poll::Pending
    }

    /// Whether the other end is closed.
    pub fn is_over(&self) -> bool {
        self.writes.lock().abandoned
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.writes.end();
        self.reads.abandon();
    }
}

impl Memory for Served {
    fn try_read(&self, buf: &mut dyn BufMut) -> io::Result<usize> {
        self.pipe.try_read(buf)
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.pipe.try_write(bytes)
    }

    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pipe.poll_read_ready(cx)
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.pipe.poll_write_ready(cx)
    }

    fn peer_has_left(&self) -> bool {
        self.pipe.reads.lock().ended
    }

    fn has_unread(&self) -> bool {
        self.pipe.reads.lock().is_readable()
    }

    fn end_sending(&self) {
        self.pipe.writes.end();
    }

    fn ends(&self) -> (SocketAddr, SocketAddr, RawFd) {
        (self.ends.peer, self.ends.local, self.ends.fd)
    }
}
