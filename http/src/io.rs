//! The client's connection as hyper wants to see it, and what of its time is bounded.

use std::cell::{Cell, RefCell, RefMut};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};
use ringtail_net::Stream;
use tokio::time::{Instant, sleep};

use crate::account::Account;
use crate::limits;

thread_local! {
    /// What all connections of a thread read into, and write small answers from, so that idle ones own nothing for it.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(limits::READ));
}

/// What a connection is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing of a request has come, or the last answer is on its way out.
    Idle,
    /// Some of a request's head has come.
    Head,
    /// A request is being done.
    Busy,
}

/// Since when a connection is at what.
#[derive(Debug)]
pub(crate) struct Activity {
    phase: Cell<Phase>,
    since: Cell<Instant>,
}

impl Activity {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self { phase: Cell::new(Phase::Idle), since: Cell::new(Instant::now()) })
    }

    fn enter(&self, phase: Phase) {
        self.phase.set(phase);
        self.since.set(Instant::now());
    }

    /// A request's head has come.
    pub(crate) fn begin(&self) {
        self.phase.set(Phase::Busy);
    }

    /// Its answer goes out.
    pub(crate) fn end(&self) {
        self.enter(Phase::Idle);
    }

    fn note_read(&self) {
        if self.phase.get() == Phase::Idle {
            self.enter(Phase::Head);
        }
    }

    fn note_written(&self) {
        if self.phase.get() == Phase::Idle {
            self.since.set(Instant::now());
        }
    }

    /// Whether a request has begun to come.
    pub(crate) fn is_in_head(&self) -> bool {
        self.phase.get() == Phase::Head
    }

    fn most(&self) -> Option<Duration> {
        match self.phase.get() {
            Phase::Idle => Some(limits::IDLE_TIME),
            Phase::Head => Some(limits::HEAD_TIME),
            // Who does it has bounds of its own.
            Phase::Busy => None,
        }
    }

    /// Waits until the client has taken too long.
    pub(crate) async fn overdue(&self) {
        while self.most().is_none_or(|most| self.since.get().elapsed() < most) {
            sleep(limits::LOOK).await;
        }
    }
}

/// The connection. Its stream is kept by who serves it, too, to end it well.
pub(crate) struct Io {
    pub(crate) stream: Rc<RefCell<Stream>>,
    pub(crate) activity: Rc<Activity>,
    pub(crate) account: Arc<Account>,
    /// Counts bytes that were read, and written.
    pub(crate) count: Rc<dyn Fn(usize, usize)>,
}

/// Tries until it goes, or the stream has to be waited for.
fn poll<T>(
    stream: &RefCell<Stream>,
    cx: &mut Context<'_>,
    ready: impl Fn(&Stream, &mut Context<'_>) -> Poll<io::Result<()>>,
    mut attempt: impl FnMut(&mut RefMut<'_, Stream>) -> io::Result<T>,
) -> Poll<io::Result<T>> {
    let mut stream = stream.borrow_mut();
    loop {
        ready!(ready(&stream, cx))?;
        match attempt(&mut stream) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            done => return Poll::Ready(done),
        }
    }
}

impl Read for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.clear();
            let room = buf.remaining().min(limits::READ);
            let attempt = |stream: &mut RefMut<'_, Stream>| stream.try_read(scratch, room);
            ready!(poll(&self.stream, cx, Stream::poll_read_ready, attempt))?;
            buf.put_slice(scratch);
            (self.count)(scratch.len(), 0);
            self.activity.note_read();
            Poll::Ready(Ok(()))
        })
    }
}

impl Write for Io {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let attempt = |stream: &mut RefMut<'_, Stream>| stream.try_write(bytes);
        let written = ready!(poll(&self.stream, cx, Stream::poll_write_ready, attempt))?;
        self.activity.note_written();
        (self.count)(0, written);
        Poll::Ready(Ok(written))
    }

    /// Else hyper would copy each answer into a buffer of its own, and keep that for as long as the connection is there.
    fn is_write_vectored(&self) -> bool {
        true
    }

    /// A head and a small body are one write; a large one goes out from where it is.
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let first = parts.iter().find(|part| !part.is_empty()).map_or(&[][..], |part| part);
        let all: usize = parts.iter().map(|part| part.len()).sum();
        if first.len() == all || all > limits::READ {
            return self.poll_write(cx, first);
        }
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.clear();
            parts.iter().for_each(|part| scratch.extend_from_slice(part));
            self.poll_write(cx, scratch)
        })
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.stream.borrow_mut().poll_flush(cx))?;
        if self.activity.phase.get() == Phase::Idle {
            // The client has taken all of the last answer.
            self.account.clear();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Who serves the connection ends it.
        self.poll_flush(cx)
    }
}
