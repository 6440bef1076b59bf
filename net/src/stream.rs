//! One connection's byte stream, plain or TLS, made for a loop that works in batches: wait until it is
//! readable, read once, run every complete request, write once.
//!
//! Two rules make the loop right:
//! - After `Ok(n)` from [`Stream::try_write`] with nothing left to write, look at
//!   [`Stream::has_pending`]: TLS may hold ciphertext that the socket did not take. Wait with
//!   [`Stream::writable`] and call [`Stream::try_flush`].
//! - Readiness is kept for one waiter in each direction: one task owns a stream.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BufMut;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::limits;
use crate::listener::{Accepted, Live};
use crate::pipe::{self, Ends, Pipe};
use crate::round_trip::round_trip;
use crate::session::Session;
use crate::socket::{Memory, Socket, Transport};
use crate::tls::TlsServer;

/// First byte of a TLS handshake record; no request starts with it.
const TLS_HANDSHAKE: u8 = 0x16;

/// A fatal `unexpected_message` alert in the clear: tells a TLS client at once that this is no TLS port.
const TLS_ALERT: [u8; 7] = [0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x0a];

/// A connected socket and, on a TLS connection, its session.
#[derive(Debug)]
pub struct Stream {
    socket: Socket,
    /// Boxed: a plain stream pays eight bytes for it.
    session: Option<Box<Session>>,
    /// Counts this connection as live for as long as the stream exists.
    live: Option<Live>,
    /// No byte has been read yet, and the peer is one who may have taken a plaintext port for TLS.
    fresh: bool,
}

impl Stream {
    /// Takes over an accepted connection; with `tls`, performs the handshake first.
    ///
    /// # Errors
    /// The peer's handshake failed, or took longer than [`limits::HANDSHAKE_TIMEOUT`]. The text says why and
    /// does not name the peer.
    pub async fn accept(accepted: Accepted, tls: Option<&TlsServer>) -> io::Result<Self> {
        let Accepted { socket, live, .. } = accepted;
        let socket = TcpStream::from_std(socket)?;
        prepare(&socket)?;
        let (socket, session) = match tls {
            None => (socket, None),
            Some(tls) => {
                // Boxed, so that every connection's task is not as large as a handshake for as long as it lives.
                let (socket, session) = Box::pin(tls.handshake(socket)).await?;
                (socket, Some(Box::new(session)))
            }
        };
        let fresh = session.is_none();
        let mut stream = Self { socket: Socket::Tcp(socket), session, live: None, fresh };
        stream.live = Some(live);
        Ok(stream)
    }

    /// Wraps a connected socket: sets TCP_NODELAY (batches are whole already) and keepalive.
    pub(crate) fn plain(socket: TcpStream) -> io::Result<Self> {
        prepare(&socket)?;
        Ok(Self { socket: Socket::Tcp(socket), session: None, live: None, fresh: false })
    }

    /// One end of a connection that is simulated.
    #[cfg(feature = "simulation")]
    pub(crate) fn simulated(pipe: crate::simulation::Pipe) -> Self {
        Self::in_memory(Box::new(pipe))
    }

    /// A pipe in memory, for a client that is served in another way: the end where its requests are written and answers read, and
    /// the stream to be served.
    pub fn pipe(ends: Ends) -> (Pipe, Self) {
        let (asking, served) = pipe::pair(ends);
        (asking, Self::in_memory(Box::new(served)))
    }

    fn in_memory(pipe: Box<dyn Memory>) -> Self {
        Self { socket: Socket::Memory(pipe), session: None, live: None, fresh: false }
    }

    /// Whether its other end is in this program.
    pub fn is_in_memory(&self) -> bool {
        matches!(self.socket, Socket::Memory(_))
    }

    pub(crate) fn secure(socket: TcpStream, session: Session) -> io::Result<Self> {
        Ok(Self { session: Some(Box::new(session)), ..Self::plain(socket)? })
    }

    /// Whether the bytes are encrypted on the wire.
    pub fn is_tls(&self) -> bool {
        self.session.is_some()
    }

    #[cfg(test)]
    pub(crate) fn is_resumed(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.is_resumed())
    }

    /// The other end's address.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.peer_addr()
    }

    /// This end's address.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// The descriptor's number, for `CLIENT LIST`.
    pub fn raw_fd(&self) -> RawFd {
        self.socket.raw_fd()
    }

    /// How long the network takes to the peer and back, as the system has measured it; `None` if it has not.
    pub fn round_trip(&self) -> Option<Duration> {
        self.socket.tcp().ok().and_then(round_trip)
    }

    /// Whether the peer has closed its side, as the system knows it at this moment: what the runtime has noticed may be older.
    pub fn peer_has_left(&self) -> bool {
        self.socket.peer_has_left()
    }

    /// Whether there is something to read, or the end of it, as the system knows it at this moment.
    pub fn has_unread(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.is_readable()) || self.socket.has_unread()
    }

    /// Waits until [`Self::try_read`] may have something. Cancel-safe.
    pub async fn readable(&self) -> io::Result<()> {
        poll_fn(|cx| self.poll_read_ready(cx)).await
    }

    /// Waits until [`Self::try_write`] or [`Self::try_flush`] may get somewhere. Cancel-safe.
    pub async fn writable(&self) -> io::Result<()> {
        poll_fn(|cx| self.poll_write_ready(cx)).await
    }

    /// The poll form of [`Self::readable`]. Ready while decrypted bytes wait, whatever the socket says.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.session.as_ref().is_some_and(|session| session.is_readable()) {
            return Poll::Ready(Ok(()));
        }
        self.socket.poll_read_ready(cx)
    }

    /// The poll form of [`Self::writable`].
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_write_ready(cx)
    }

    /// Appends what has arrived to `buf`: into its spare capacity, at most `max` bytes (not zero), without
    /// clearing or copying on a plain stream. A buffer without room is given some first. At most one system call.
    ///
    /// # Errors
    /// `WouldBlock` when nothing is there, so [`Self::readable`] waits next. `Ok(0)` is the end of the stream.
    pub fn try_read(&mut self, buf: &mut Vec<u8>, max: usize) -> io::Result<usize> {
        if buf.capacity() == buf.len() {
            buf.reserve(max.min(limits::LEAST_READ));
        }
        let room = max.min(buf.capacity() - buf.len());
        match &mut self.session {
            None => self.read_plain(buf, room),
            Some(session) => session.try_read(self.socket.tcp()?, buf, room),
        }
    }

    fn read_plain(&mut self, buf: &mut Vec<u8>, room: usize) -> io::Result<usize> {
        let read = self.socket.try_read_buf(&mut buf.limit(room))?;
        if read < room {
            self.socket.forget_readiness(Interest::READABLE, read);
        }
        if self.fresh && read > 0 {
            self.refuse_tls(buf[buf.len() - read])?;
        }
        Ok(read)
    }

    /// A TLS client on a plaintext port would wait for ever: answer in its own language.
    fn refuse_tls(&mut self, first: u8) -> io::Result<()> {
        self.fresh = false;
        if first != TLS_HANDSHAKE {
            return Ok(());
        }
        // The connection ends here whether or not this small write succeeds.
        let _ = self.socket.try_write(&TLS_ALERT);
        Err(io::Error::new(io::ErrorKind::InvalidData, "the client speaks TLS, this port does not"))
    }

    /// Writes as much of `bytes` as goes at once and says how many were accepted; on a TLS stream accepted
    /// bytes may still be [pending](Self::has_pending). At most one system call for each 64 KiB.
    ///
    /// # Errors
    /// `WouldBlock` when nothing was accepted, so [`Self::writable`] waits next.
    pub fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.session {
            None => write_plain(&self.socket, bytes),
            Some(session) => session.try_write(self.socket.tcp()?, bytes),
        }
    }

    /// Whether accepted bytes have not reached the socket yet (TLS only).
    pub fn has_pending(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.has_pending())
    }

    /// Moves pending ciphertext to the socket; `Ok` when none is left.
    ///
    /// # Errors
    /// `WouldBlock` when the socket takes no more for now.
    pub fn try_flush(&mut self) -> io::Result<()> {
        match &mut self.session {
            None => Ok(()),
            Some(session) => session.try_flush(self.socket.tcp()?),
        }
    }

    /// Writes all of `bytes`, waiting as needed, and flushes.
    pub async fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        poll_fn(|cx| {
            while !bytes.is_empty() {
                match self.try_write(bytes) {
                    Ok(written) => bytes = &bytes[written..],
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        ready!(self.poll_write_ready(cx))?;
                    }
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
            self.poll_flush(cx)
        })
        .await
    }

    /// The poll form of [`Self::try_flush`]: ready when nothing is pending.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            match self.try_flush() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready!(self.poll_write_ready(cx))?,
                done => return Poll::Ready(done),
            }
        }
    }

    /// Ends the stream so that the peer gets all that was written: flushes, sends close_notify and FIN, then
    /// reads and drops what the peer still sends until it closes too. Without that last step the
    /// kernel would answer unread bytes with a reset, which destroys the last reply on its way.
    ///
    /// Bounded by [`limits::SHUTDOWN_TIMEOUT`] and [`limits::SHUTDOWN_DISCARD`]; to end at once, drop the stream.
    pub async fn shutdown(&mut self) {
        // A peer that is gone or does not read gets no more than this.
        let _ = timeout(limits::SHUTDOWN_TIMEOUT, self.end()).await;
    }

    async fn end(&mut self) -> io::Result<()> {
        if let Some(session) = &mut self.session {
            session.queue_close();
        }
        poll_fn(|cx| self.poll_flush(cx)).await?;
        self.socket.end_sending()?;
        self.discard_rest().await
    }

    async fn discard_rest(&mut self) -> io::Result<()> {
        let mut dropped = 0;
        // On the heap: in place it would make every connection's task larger for as long as that lives.
        let mut scratch = vec![0; limits::LEAST_READ];
        while dropped < limits::SHUTDOWN_DISCARD {
            poll_fn(|cx| self.socket.poll_read_ready(cx)).await?;
            match self.socket.try_read(&mut scratch) {
                Ok(0) => break,
                Ok(read) => dropped += read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// TCP_NODELAY, because batches are whole already, and keepalive.
fn prepare(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let (idle, every, times) = limits::KEEPALIVE;
    let keepalive = TcpKeepalive::new().with_time(idle).with_interval(every).with_retries(times);
    SockRef::from(socket).set_tcp_keepalive(&keepalive)
}

/// One write of plain bytes.
fn write_plain(socket: &Socket, bytes: &[u8]) -> io::Result<usize> {
    let written = socket.try_write(bytes)?;
    if written < bytes.len() {
        socket.forget_readiness(Interest::WRITABLE, written);
    }
    Ok(written)
}

#[cfg(test)]
mod tests;
